# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""Which rack a roll is about, and by which ways it can be reached, changed and proven; nothing is changed here."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import typing as t

from ansible_collections.convox.credentials.plugins.module_utils import rack_kinds, records, tls, ways
from ansible_collections.convox.credentials.plugins.module_utils.credentials import Working, find_working_key
from ansible_collections.convox.credentials.plugins.module_utils.errors import BadInput, BadReply, ConvoxError, Refused, RequestFailed, allowed
from ansible_collections.convox.credentials.plugins.module_utils.rack import System
from ansible_collections.convox.credentials.plugins.module_utils.rack_identity import identity_of, refuse_pretender
from ansible_collections.convox.credentials.plugins.module_utils.stores import StoreSet
from ansible_collections.convox.credentials.plugins.module_utils.target import Reach, Target, describe
from ansible_collections.convox.credentials.plugins.module_utils.task import Task
from ansible_collections.convox.credentials.plugins.module_utils.transport import passing

if t.TYPE_CHECKING:
    # Loaded where AWS is asked (task.py).
    from ansible_collections.convox.credentials.plugins.module_utils.aws import Aws, RackResources, Stack


class NoKey(BadInput):
    """No key is known, so that nobody was asked."""


@dataclasses.dataclass(frozen=True)
class Subject:
    """``identity``: the rack-domain. ``name``: what the rack must call itself. ``host``: reaches it directly, empty for none.

    ``key``: what the API was asked with and accepted, None where every key is lost. ``find_aws``: see ``aws``.
    """

    identity: str
    name: str
    host: str
    version: str
    system: System | None
    key: str | None
    refused: tuple[str, ...]
    find_aws: t.Callable[[], RackResources | None]

    @functools.cached_property
    def aws(self) -> RackResources | None:
        """Where AWS can be asked, which is found out when it is: boto3 takes longer to load than a rack to answer."""
        return self.find_aws()

    @property
    def classic_name(self) -> str | None:
        """The rack's name where it is of the classic generation, which takes parameters by a route with that in it."""
        return self.name if rack_kinds.generation(self.version) == rack_kinds.CLASSIC else None

    @property
    def label(self) -> str:
        return f"rack {self.name} ({self.identity})"


def of_aws(task: Task, subject: Subject, question: t.Callable[[], t.Any]) -> t.Any:
    """The answer of AWS, or None with a warning where it denies it."""
    return allowed(question, lambda what: task.warn_once(f"{subject.label}: AWS could not be asked ({what}); this is done without it"))


def find_way(task: Task, reach: Reach, stores: StoreSet) -> tuple[Reach, Subject]:
    """As ``find_subject``, with the way that leads there: a Console's copy of the key is dead from a roll on (6.3)."""
    try:
        return reach, find_subject(task, reach, stores)
    except (BadReply, NoKey) as exc:
        why = _dead_end(exc)
        identity = _remembered(task, reach.target, stores) if why else None
        if identity is None:
            raise
        task.warn_once(f"{describe(reach.target)}: {why}; the rack is asked itself, at {identity}")
        direct = Reach(task, Target(identity, None, None))
        return direct, find_subject(task, direct, stores)


def _dead_end(exc: BadReply | NoKey) -> str | None:
    """Why a way through a Console leads nowhere, though the rack may be well; None where something else is wrong."""
    if isinstance(exc, NoKey):
        return "no key of that Console's is known"
    if isinstance(exc, Refused):
        return "no key is accepted, as by a Console whose copy of the rack's key is dead"
    # As while a run that renewed its record is cut short.
    return "that Console does not know the rack" if exc.status == 404 else None


def _remembered(task: Task, target: Target, stores: StoreSet) -> str | None:
    """The identity of a rack that was rolled through this Console: a store finds it by that name, or by what the stack says."""
    name = target.console
    if name is None:
        return None
    found = stores.load(records.RACK_API_KEY, name)
    if found.console != name:
        aws, stack = _aws(task), None
        # Without a region there is nobody to ask.
        with contextlib.suppress(ConvoxError):
            stack = aws.stack(target.short_name or "") if aws else None
        found = stores.load(records.RACK_API_KEY, (stack.outputs.get("RackDomain") if stack else None) or name)
    return found.identity if found.console == name else None


def find_subject(task: Task, reach: Reach, stores: StoreSet) -> Subject:
    """Raises ConvoxError where the rack can't be told for certain."""
    options, target = task.options, reach.target
    recorded = stores.load(records.RACK_API_KEY, target.host)

    @functools.cache
    def aws() -> Aws | None:
        return _aws(task)

    def worth_it() -> bool:
        # Not with a Console, whose copy of the key does not come back to life: the rack itself is asked then.
        return not target.via and (recorded.pending is not None or (options.get("method") == "auto" and aws() is not None))

    def patient() -> bool:
        return worth_it() and (recorded.pending is not None or bool(options["wait"]))

    try:
        working = find_working_key(task, reach, stores, patient)
    except RequestFailed as exc:
        if passing(exc) and worth_it() and not patient():
            exc.result["needs_wait"] = True
        raise
    if working.system is None:
        by_stack = aws()
        if by_stack is None or target.via or options.get("method") not in ("auto", "cloudformation"):
            raise _no_key(task, reach, working, by_stack is not None)
        if options.get("method") == "auto" and working.refused and not patient():
            raise Refused(
                f"{describe(target)}: every known key is refused ({working.why}), and CloudFormation sets another only when that lasts: nothing was changed; "
                "run with wait: true",
                401,
                needs_wait=True,
            )
        return _by_stack(task, reach, working, by_stack, recorded)
    return _by_api(task, reach, stores, working, working.system, aws, recorded)


def _by_api(
    task: Task,
    reach: Reach,
    stores: StoreSet,
    working: Working,
    system: System,
    aws: t.Callable[[], Aws | None],
    recorded: records.Record,
) -> Subject:
    target = reach.target
    expected = task.options.get("stack_name") or target.short_name or recorded.name or system.name
    if system.name != expected:
        raise BadInput(f"{describe(target)} answers as rack {system.name}, where {expected} was expected: nothing was changed; check host, rack and stack_name")
    identity = identity_of(system, target)
    refuse_pretender(reach, stores, working, system.name, identity)
    # A v3 rack has no stack.
    has_stack = system.generation != rack_kinds.V3

    def find_aws() -> RackResources | None:
        account = aws() if has_stack else None
        return _verified(task, account.in_region(system.region), system, identity) if account is not None else None

    subject = Subject(
        identity=identity,
        name=system.name,
        host=(identity if system.rack_domain else "") if target.via else target.host,
        version=system.version,
        system=system,
        key=working.key,
        refused=working.refused,
        find_aws=find_aws,
    )
    if task.options.get("method") == ways.CLOUDFORMATION and has_stack and subject.aws is None:
        raise BadInput(
            f"method: cloudformation needs AWS credentials that can describe the stack of rack {system.name}: nothing was changed; "
            "set region and profile, or use method: api"
        )
    return subject


def _by_stack(task: Task, reach: Reach, working: Working, aws: Aws, recorded: records.Record) -> Subject:
    """Every key is lost or refused: the stack says which rack it is, by the host it names (architecture 4)."""
    host = reach.target.host
    name = task.options.get("stack_name") or recorded.name
    stack = aws.stack(name) if name else aws.find_stack(host)
    sure = task.options.get("stack_name") and task.options.get("region")
    if stack is None or not (sure or stack.belongs_to(host)):
        raise BadInput(
            f"{host}: no known key is accepted, and no stack in this account and region says that it is this rack's: nothing "
            "was changed; give stack_name and region"
        )
    identity = stack.outputs.get("RackDomain") or host
    if not stack.belongs_to(host) and tls.shown_alike(host, identity, float(task.options["timeout"])) is False:
        # As where they were copied from another rack's entry of an inventory.
        raise BadInput(
            f"{host}: no known key is accepted, and the stack {stack.name} is of the rack at {identity}, which shows another certificate: nothing was changed; "
            f"mend stack_name and region, or name {identity} itself as host"
        )
    return Subject(
        identity=identity,
        name=stack.name,
        host=host,
        version=stack.parameters.get("Version", ""),
        system=None,
        key=None,
        refused=working.refused,
        find_aws=lambda: aws.rack(stack.name),
    )


def _aws(task: Task) -> Aws | None:
    """AWS, where it is wanted and there are credentials for it."""
    options = task.options
    if options.get("method") == "api" and options.get("activate") == ways.SIGNING_KEY:
        return None
    aws = task.aws()
    told = any(options.get(name) for name in ("region", "profile", "endpoint_url", "prune"))
    wanted = told or options.get("method") == ways.CLOUDFORMATION or options.get("activate") == ways.ECS
    return aws if aws.usable(wanted) else None


def _verified(task: Task, aws: Aws, system: System, identity: str) -> RackResources | None:
    """The rack's resources, once its stack has said that it is this rack's: accounts have stacks of equal names."""
    name = task.options.get("stack_name") or system.name
    try:
        stack: Stack = aws.stack(name)
    except RequestFailed as exc:
        task.warn_once(f"rack {system.name}: AWS is not used for it: {exc}")
        return None
    if not stack.belongs_to(identity):
        task.warn_once(f"rack {system.name}: AWS is not used for it: the stack {name} in this account and region is another rack's; set region or profile")
        return None
    return aws.rack(name)


def _no_key(task: Task, reach: Reach, working: Working, with_aws: bool) -> ConvoxError:
    where = describe(reach.target)
    if not working.refused:
        return NoKey(f"{where}: no key is known for it: give api_key, or log in first (playbook login, module convox_login)")
    if reach.target.via:
        return Refused(
            f"{where}: every known key is refused ({working.why}): nothing was changed; set the Console's api_key, or where the Console's copy of the "
            "rack's key is dead, name the rack's own host, and no rack",
            401,
        )
    advice = "set the right api_key" if task.options.get("method") == "api" or with_aws else "set the right api_key, or AWS credentials to set a new one"
    return Refused(f"{where}: every known key is refused ({working.why}): nothing was changed; {advice}", 401)
