# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""What must be so before a Rack API key is rolled; nothing is changed here (architecture 4, Preflight)."""

from __future__ import annotations

from ansible_collections.convox.credentials.plugins.module_utils import rotation, tls, ways
from ansible_collections.convox.credentials.plugins.module_utils.aws import Service
from ansible_collections.convox.credentials.plugins.module_utils.console_holder import Holder
from ansible_collections.convox.credentials.plugins.module_utils.errors import BadInput, RequestFailed, Untrusted
from ansible_collections.convox.credentials.plugins.module_utils.keys import LONGEST, make_key
from ansible_collections.convox.credentials.plugins.module_utils.rack import ACCEPTED, NO_ANSWER, REFUSED, Rack
from ansible_collections.convox.credentials.plugins.module_utils.rack_subject import Subject, of_aws
from ansible_collections.convox.credentials.plugins.module_utils.target import Reach
from ansible_collections.convox.credentials.plugins.module_utils.task import Task

# Where the API can't be counted (architecture 4, Confirm).
ASSUMED_CONTAINERS = 2
ROUNDS_PER_CONTAINER = 3


def prove_direct_way(reach: Reach, subject: Subject) -> None:
    """The new key must be provable, and a key must mean something: a random one has to be refused."""
    if not subject.host:
        raise BadInput(
            f"{subject.label} does not tell a host of its own, so that the new key could not be proven: nothing was changed; give host, the rack's own, "
            "and no rack"
        )
    trust = reach.trust(subject.host)
    seen = tls.look_at(subject.host, reach.transport(subject.host).timeout) if trust.fingerprint else None
    if seen is not None and seen.api_own:
        raise BadInput(
            f"{subject.label}: a certificate is pinned ({trust.fingerprint}), and {subject.host} shows the API's own (O=convox, CN=api: {seen.fingerprint}), "
            "which changes when the API restarts in the roll: nothing was changed; reach the rack by its rack-domain behind the load balancer"
        )
    try:
        answer = reach.direct(subject.host, make_key(LONGEST)).verdict(None)
    except Untrusted as exc:
        raise BadInput(f"{subject.label}: the new key could not be proven, so nothing was changed: {exc}") from None
    except RequestFailed:
        answer = NO_ANSWER
    if answer == ACCEPTED:
        raise BadInput(
            f"{subject.label} accepts any key: its own is empty, so that a roll could not be proven: nothing was changed; "
            "set Password in its CloudFormation stack first"
        )
    if answer != REFUSED:
        raise BadInput(
            f"{subject.label} does not answer at {subject.host}, so that the new key could not be proven: nothing was changed; "
            "make that host reachable from here"
        )


def plan(task: Task, subject: Subject, started: float, resumed: bool) -> rotation.Plan:
    """How this run brings a key into force and confirms it. Raises where there is no way to activate."""
    options = task.options
    service = of_aws(task, subject, subject.aws.service) if subject.aws is not None else None
    means = rotation.means_of_activation(subject.version, options["activate"], ecs=service is not None, working_key=subject.key is not None or resumed)
    if not means and options["activate"] != ways.NONE:
        also = "" if subject.version < ways.SIGNING_KEY_SINCE else ", or a working api_key for the signing key"
        raise BadInput(
            f"{subject.label}: no way to bring a new key into force (release {subject.version}, activate: {options['activate']}): nothing "
            f"was changed; give AWS credentials that may call ecs:DescribeServices and ecs:UpdateService{also}"
        )
    return rotation.Plan(
        means=means,
        rounds=max(options["confirmations"], rounds_of(service)),
        period=float(options["confirm_period"]),
        interval=float(options["confirm_interval"]),
        deadline=started + options["wait_timeout"],
        wait=options["wait"],
        fallback=options["method"] == "auto" and subject.aws is not None,
    )


def rounds_of(service: Service | None) -> int:
    """How many rounds meet each container of the API (architecture 4, Confirm). ``service``: None where AWS can't be asked."""
    return ROUNDS_PER_CONTAINER * (service.desired if service is not None and service.desired else ASSUMED_CONTAINERS)


def tell_replacements(task: Task, subject: Subject) -> None:
    """What AWS would replace beside the key, or nothing with ``allow_replacements: false``; check mode can't ask."""
    allowed_to = task.options["allow_replacements"]
    if task.check_mode:
        if not allowed_to:
            task.warn_once(f"{subject.label}: check mode can't know whether AWS would replace anything beside the key; the run itself asks, and refuses")
        return
    if not allowed_to:
        refuse_replacements(task, subject)
        return
    replaced = of_aws(task, subject, subject.aws.would_replace) if subject.aws is not None else None
    if replaced:
        task.warn_once(f"{subject.label}: AWS has something newer, and replaces beside the key: {', '.join(replaced)}")


def refuse_replacements(task: Task, subject: Subject) -> None:
    """Raises BadInput where ``allow_replacements: false`` forbids to send the key just now, be it for the second time."""
    replaced = of_aws(task, subject, subject.aws.would_replace) if subject.aws is not None else None
    if replaced is None:
        raise BadInput(
            f"allow_replacements: false, and what AWS would replace on {subject.label} can't be known: nothing was changed; give AWS credentials that may "
            "call cloudformation:CreateChangeSet, DescribeChangeSet and DeleteChangeSet"
        )
    if replaced:
        raise BadInput(
            f"allow_replacements: false, and with the key AWS would replace on {subject.label}: {', '.join(replaced)}: nothing was changed; "
            "update the rack when that suits you, or leave the option out"
        )


def refuse_to_lock_out(task: Task, subject: Subject, holder: Holder | None) -> None:
    """Everybody who works through a Console is locked out by a roll behind its back (convox-protocol 6.3)."""
    if holder is None or task.options["console_sync"] != "auto":
        return
    if holder.name is None:
        raise BadInput(
            f"{subject.label}: the Console {holder.host} can't be asked whether it holds it, and a roll would lock out who works through there: nothing was "
            f"changed ({holder.why}); run again when it answers, or log in there anew; log in to another host, if {holder.host} is no Console; or say "
            "console_sync: none to roll it all the same"
        )
    raise BadInput(
        f"{subject.label} is held by the Console {holder.host} as {holder.name}, which keeps its own copy of the key: nothing was changed; "
        "say console_sync: reimport, with email and account_password, to have that record renewed with the key, or "
        "console_sync: none to roll it all the same, and give the Console the new key in the rack's settings after"
    )


def also_affected(task: Task, subject: Subject, rack: Rack | None) -> dict[str, list[str]]:
    """Who carries the old key: apps with RackUrl until promoted again, builds until they end (convox-protocol 3.2).

    Only for people to know: where the one can't be asked, the other is told all the same, and the roll goes on.
    """
    affected: dict[str, list[str]] = {"apps": [], "builds": []}
    if rack is None:
        return affected
    try:
        affected["apps"] = rack.apps_with_rack_url()
    except RequestFailed as exc:
        task.warn_once(f"{subject.label}: apps that carry its key are not known ({exc}): promote those with RackUrl=Yes again after the roll")
    try:
        affected["builds"] = rack.builds_in_flight()
    except RequestFailed as exc:
        task.warn_once(f"{subject.label}: builds under way are not known, which can't report their end after the roll ({exc})")
    return affected
