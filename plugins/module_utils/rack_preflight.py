# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""What must be so before a Rack API key is rolled; nothing is changed here (architecture 4, Preflight)."""

from __future__ import annotations

import contextlib
import dataclasses
import typing as t

from ansible_collections.convox.credentials.plugins.module_utils import cli_config, rotation, tls
from ansible_collections.convox.credentials.plugins.module_utils.aws import allowed
from ansible_collections.convox.credentials.plugins.module_utils.console import Console, ConsoleRack
from ansible_collections.convox.credentials.plugins.module_utils.errors import BadInput, BadReply, ConvoxError, RequestFailed
from ansible_collections.convox.credentials.plugins.module_utils.keys import LONGEST, make_key
from ansible_collections.convox.credentials.plugins.module_utils.rack import ACCEPTED, REFUSED, Rack
from ansible_collections.convox.credentials.plugins.module_utils.rack_subject import Subject
from ansible_collections.convox.credentials.plugins.module_utils.records import RACK_API_KEY, Record
from ansible_collections.convox.credentials.plugins.module_utils.target import Reach
from ansible_collections.convox.credentials.plugins.module_utils.task import Task
from ansible_collections.convox.credentials.plugins.module_utils.transport import Credential

# Where the API can't be counted (architecture 4, Confirm).
ASSUMED_CONTAINERS = 2
ROUNDS_PER_CONTAINER = 3


@dataclasses.dataclass(frozen=True)
class Holder:
    """A Console that is known to hold the rack, and the rack's name in it; None where it can't be asked, which ``why`` tells."""

    host: str
    name: str | None
    why: str = ""


def refuse_third_generation(subject: Subject) -> None:
    if subject.system is not None and subject.system.generation == 3:
        raise BadInput(
            f"{subject.label} is a v3 rack ({subject.version}): its API key is random_string.password in its Terraform state and can't be rolled here; "
            "use `terraform apply -replace=` of it; nothing was changed"
        )


def prove_direct_way(reach: Reach, subject: Subject) -> None:
    """The new key must be provable, and a key must mean something: a random one has to be refused."""
    trust = reach.trust(subject.host)
    if trust.fingerprint and tls.look_at(subject.host, reach.transport(subject.host).timeout).api_own:
        raise BadInput(
            f"{subject.label}: the pinned certificate is the API's own (O=convox, CN=api), which changes when the API restarts in the roll: "
            "nothing was changed; reach the rack by its rack-domain behind the load balancer"
        )
    answer = reach.direct(subject.host, make_key(LONGEST)).probe(None)
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
    service = allowed(subject.aws.service, _skipped(task, subject)) if subject.aws and _restarts_by_hand(subject) else None
    means = rotation.means_of_activation(subject.version, options["activate"], ecs=service is not None, working_key=subject.key is not None or resumed)
    if not means and options["activate"] != rotation.NONE:
        also = "" if subject.version < rotation.SIGNING_KEY_SINCE else ", or a working api_key for the signing key"
        raise BadInput(
            f"{subject.label}: no way to bring a new key into force (release {subject.version}, activate: {options['activate']}): nothing "
            f"was changed; give AWS credentials that may call ecs:DescribeServices and ecs:UpdateService{also}"
        )
    containers = service.desired if service is not None and service.desired else ASSUMED_CONTAINERS
    return rotation.Plan(
        means=means,
        rounds=max(options["confirmations"], ROUNDS_PER_CONTAINER * containers),
        period=float(options["confirm_period"]),
        interval=float(options["confirm_interval"]),
        deadline=started + options["wait_timeout"],
        wait=options["wait"],
        fallback=options["method"] == "auto" and subject.aws is not None,
    )


def tell_replacements(task: Task, subject: Subject) -> None:
    """What AWS would replace beside the key, or nothing with ``allow_replacements: false``; check mode can't ask."""
    allowed_to, aws = task.options["allow_replacements"], subject.aws
    if task.check_mode:
        if not allowed_to:
            task.warn_once(f"{subject.label}: check mode can't know whether AWS would replace anything beside the key; the run itself asks, and refuses")
        return
    replaced = allowed(aws.would_replace, _skipped(task, subject)) if aws is not None else None
    if replaced is None and not allowed_to:
        raise BadInput(
            f"allow_replacements: false, and what AWS would replace on {subject.label} can't be known: nothing was changed; give AWS credentials that may "
            "call cloudformation:CreateChangeSet, DescribeChangeSet and DeleteChangeSet"
        )
    if replaced and not allowed_to:
        raise BadInput(
            f"allow_replacements: false, and with the key AWS would replace on {subject.label}: {', '.join(replaced)}: nothing was changed; "
            "update the rack when that suits you, or leave the option out"
        )
    if replaced:
        task.warn_once(f"{subject.label}: AWS has something newer, and replaces beside the key: {', '.join(replaced)}")


def find_holder(task: Task, reach: Reach, subject: Subject) -> Holder | None:
    """The Console that holds this rack: the one it is reached through, else one of the CLI's that lists it, or may do so."""
    if reach.target.via:
        return Holder(reach.target.host, reach.target.via)
    silent: Holder | None = None
    for host in dict.fromkeys((task.cli.active_host(), cli_config.DEFAULT_CONSOLE)):
        key = task.cli.key(host) if host else None
        if host is None or host == reach.target.host or key is None:
            continue
        task.secrets.add(key)
        try:
            racks = _racks_of(reach, host, key)
        except ConvoxError as exc:
            silent = silent or _silent(task, host, str(exc))
            continue
        for rack in racks:
            if rack.name == subject.name and _is_this_rack(reach, host, key, rack, subject):
                return Holder(host, rack.full_name)
    return silent


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
        "say console_sync: none to roll it all the same, and give the Console the new key in the rack's settings after"
    )


def console_access(task: Task, reach: Reach, subject: Subject, holder: Holder | None) -> str:
    """Whether a Console's copy of the key is good: ok, stale, unknown, or none where no Console is known to hold it."""
    if holder is None:
        return "none"
    key = task.cli.key(holder.host) or reach.target.key
    if key is None or holder.name is None:
        return "unknown"
    answer = Rack(reach.transport(holder.host), Credential(key), holder.name).probe(subject.name)
    return {ACCEPTED: "ok", REFUSED: "stale"}.get(answer, "unknown")


def also_affected(rack: Rack | None) -> dict[str, list[str]]:
    """Who carries the old key: apps with RackUrl until promoted again, builds until they end (convox-protocol 3.2)."""
    if rack is None:
        return {"apps": [], "builds": []}
    try:
        return {"apps": rack.apps_with_rack_url(), "builds": rack.builds_in_flight()}
    except RequestFailed:
        return {"apps": [], "builds": []}


def _restarts_by_hand(subject: Subject) -> bool:
    return subject.version >= rotation.LATENT_SINCE


def _skipped(task: Task, subject: Subject) -> t.Callable[[str], None]:
    return lambda what: task.warn_once(f"{subject.label}: AWS could not be asked, which is done without: {what}")


def _racks_of(reach: Reach, host: str, key: str) -> list[ConsoleRack]:
    try:
        return Console(reach.transport(host), Credential(key)).racks()
    except BadReply as exc:
        if exc.status == 404:
            # The CLI's active host is a rack: only a Console lists racks.
            return []
        raise


def _silent(task: Task, host: str, why: str) -> Holder | None:
    """A host that can't be asked counts as a Console, unless a store knows it as a rack: a Console's users would be locked out."""
    if _is_rack(task, host):
        return None
    if task.options["console_sync"] != "auto":
        task.warn_once(f"Console {host} could not be asked whether it holds the rack: {why}")
    return Holder(host, None, why)


def _is_rack(task: Task, host: str) -> bool:
    """Whether the host is one that was rolled, or is being rolled. A store that can't be read knows nothing."""
    with contextlib.suppress(ConvoxError):
        return task.stores_to_read().load(RACK_API_KEY, host) != Record(RACK_API_KEY, host)
    return False


def _is_this_rack(reach: Reach, host: str, key: str, rack: ConsoleRack, subject: Subject) -> bool:
    """True also where it can't be read: then locking everybody out is possible, and asking is cheap."""
    try:
        return Rack(reach.transport(host), Credential(key), rack.full_name).system().rack_domain == subject.identity
    except RequestFailed:
        return True
