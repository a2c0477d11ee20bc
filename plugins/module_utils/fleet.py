# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""Which racks there are: a Console and AWS, asked at once. What they say is looked at closely before it is taken over."""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
import hashlib
import json
import re
import typing as t

from ansible_collections.convox.credentials.plugins.module_utils import credentials, racks_found, target
from ansible_collections.convox.credentials.plugins.module_utils.aws import Aws, Stack
from ansible_collections.convox.credentials.plugins.module_utils.console import Console, ConsoleRack
from ansible_collections.convox.credentials.plugins.module_utils.errors import BadInput, ConvoxError, Refused, RequestFailed
from ansible_collections.convox.credentials.plugins.module_utils.keys import digest, fingerprint
from ansible_collections.convox.credentials.plugins.module_utils.rack import Rack
from ansible_collections.convox.credentials.plugins.module_utils.racks_found import Found
from ansible_collections.convox.credentials.plugins.module_utils.stores import StoreSet
from ansible_collections.convox.credentials.plugins.module_utils.target import Reach
from ansible_collections.convox.credentials.plugins.module_utils.task import Task, conceal_urls

EVERY_REGION = "all"
# How many questions are out at a time: to AWS one for each profile and region, to a Console one for each rack.
MOST_AT_ONCE = 16
LONGEST_NAME = 128
LONGEST_SHOWN = 100
_LIMITS = {"timeout": (1, 3600), "retries": (0, 100)}
_NAME = re.compile("[A-Za-z0-9][A-Za-z0-9_-]*")
_WORD = re.compile("[A-Za-z0-9][A-Za-z0-9_.:+ -]*")
_ARN = re.compile("arn:[a-z-]+:cloudformation:([a-z0-9-]+):([0-9]{12}):stack/.+")
# What an answer depends on, beside the Console: another account is not to be answered for out of the cache. None is a secret.
_SOURCES = ("host", "config_dir", "console", "ask_racks", "aws", "join_by", "endpoint_url")
_VARIABLES = (
    "AWS_ACCESS_KEY_ID", "AWS_ROLE_ARN", "AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL",
)  # fmt: skip

# Said where a Console that was to be asked is silent beside AWS.
_ALONE = "; AWS can't tell which racks that Console holds, so that there are none: run again when it answers, or leave it out with console: false"

# A rack and how messages name it; or why it is none.
Answer = tuple[str, t.Union[Found, str]]
T = t.TypeVar("T")


@dataclasses.dataclass
class Fleet:
    """``reports``: a line for each rack that is kept out. ``whole``: whether every source answered."""

    racks: list[Found]
    reports: list[str]
    whole: bool = True


def find(task: Task) -> Fleet:
    """Raises ConvoxError where no source answered, or not the Console. AWS's silence is told of by a warning, where others answered."""
    _check_options(task)
    with concurrent.futures.ThreadPoolExecutor(MOST_AT_ONCE) as pool:
        return _Search(task, pool).run()


def _check_options(task: Task) -> None:
    for name, (least, most) in _LIMITS.items():
        if not least <= task.options[name] <= most:
            raise BadInput(f"{name}: {task.options[name]}; it must be {least} to {most}")
    if not _asks_console(task) and not task.options["aws"]:
        raise BadInput("console: false, and aws names nothing: there is nobody to be asked; leave console out, or write aws: [{regions: [us-east-1]}]")
    conceal_urls(task.secrets, task.options, task.environ)


def _asks_console(task: Task) -> bool:
    """As the option says; else where a Console is named, or nothing else is there to be asked."""
    said = task.options.get("console")
    return bool(task.options.get("host") or task.environ.get("CONVOX_HOST") or not task.options["aws"]) if said is None else bool(said)


def check(found: Found) -> None:
    """Raises BadInput. What passes is no template, no pattern of hosts, and nothing that a header or a path can't carry."""
    if not _NAME.fullmatch(found.name) or len(found.name) > LONGEST_NAME:
        raise BadInput("its name is none that Convox gives: letters, digits, - and _")
    if found.console:
        target.check_full_name("its name", f"{found.organization}/{found.name}")
        if "{" in found.organization or len(found.organization) > LONGEST_NAME:
            raise BadInput("the name of its organization has a brace in it, or is too long; give it another one in the Console")
        target.parse_host(found.console)
    for field in ("provider", "status", "version", "region", "account", "stack"):
        word = getattr(found, field)
        if word and (not _WORD.fullmatch(word) or len(word) > LONGEST_NAME):
            raise BadInput(f"what it says of its {field} is no word")
    if "{" in found.profile:
        raise BadInput("the profile that leads to it has a brace in its name; give it another one")
    if found.stack and not (found.account and found.region):
        raise BadInput("its ARN names no account and region")
    if found.stack and not found.domain:
        raise BadInput(f"it has no output RackDomain; its status is {found.status or 'unknown'}: look at it in CloudFormation")
    if found.domain:
        target.parse_host(found.domain, "rack-domain")


# -- who is asked, and what comes of it ---------------------------------------------------------------------------
class _Search:
    def __init__(self, task: Task, pool: concurrent.futures.Executor) -> None:
        self._task = task
        self._pool = pool
        self._reports: list[str] = []
        self._failures: list[str] = []

    def run(self) -> Fleet:
        task = self._task
        console = _Listing(task) if _asks_console(task) else None
        listing = self._pool.submit(console.racks) if console else None
        asked = [(account.label, self._pool.submit(account.racks)) for account in self._accounts()]
        answers = self._outcome("", listing) if listing else []
        said = [self._outcome(label, stacks) for label, stacks in asked]
        if answers is None or (console is None and self._failures and all(each is None for each in said)):
            raise RequestFailed("; ".join(dict.fromkeys(self._failures)) + (_ALONE if console and task.options["aws"] else ""))
        for failure in self._failures:
            task.warn_once(f"{failure}; without this answer, racks are missing from the inventory")
        stacks = self._sift([answer for each in said for answer in each or []])
        listed, held = self._listed(console, answers, stacks) if console else ([], set())
        racks, told = racks_found.join(listed, stacks, held)
        return Fleet(racks, [task.secrets.redact(line) for line in self._reports + told], not self._failures)

    def _listed(self, console: _Listing, answers: t.Sequence[Answer], stacks: t.Sequence[Found]) -> tuple[list[Found], set[str]]:
        """A Console's racks, and the names of stacks that can be one which it holds and does not describe."""
        listed = self._sift(answers)
        fit = {rack.full_name for rack in listed}
        unfit = [answer for dummy, answer in answers if isinstance(answer, str) or answer.full_name not in fit]
        held = {stack.name for stack in stacks if any(isinstance(answer, str) or answer.name == stack.name for answer in unfit)}
        if self._task.options["join_by"] == racks_found.BY_NAME and not self._task.options["ask_racks"]:
            listed = racks_found.presumed(listed, stacks)
        asked = listed if self._task.options["ask_racks"] else racks_found.namesakes(listed, stacks)
        described = self._described(console, asked)
        known = [described.get(rack.full_name, rack) for rack in listed]
        # Behind a copy that is dead already nobody is locked out any more.
        held |= {rack.name for rack in racks_found.namesakes(known, stacks) if rack.full_name not in console.dead_copies}
        silent = {rack.full_name for rack in asked}.difference(described)
        return [rack for rack in known if rack.full_name not in silent], held

    def _accounts(self) -> list[_Account]:
        """One for each profile and region."""
        named = [_Account(self._task, entry.get("profile") or "", None) for entry in self._task.options["aws"]]
        regions = [entry.get("regions") or [None] for entry in self._task.options["aws"]]
        every = [self._pool.submit(account.every_region) if EVERY_REGION in each else None for account, each in zip(named, regions)]
        return [
            _Account(self._task, account.profile, region)
            for account, each, enabled in zip(named, regions, every)
            for region in dict.fromkeys(each if enabled is None else self._outcome(account.label, enabled) or [])
        ]

    def _outcome(self, label: str, future: concurrent.futures.Future[T]) -> T | None:
        """What one source said, or None, which is noted."""
        try:
            return future.result()
        except ConvoxError as exc:
            self._failures.append(f"{label}: {exc}" if label else str(exc))
            return None

    def _sift(self, answers: t.Sequence[Answer]) -> list[Found]:
        """The racks among the answers, each once; what is none is reported."""
        racks: dict[t.Hashable, Found] = {}
        for label, answer in answers:
            try:
                if isinstance(answer, str):
                    raise BadInput(answer)
                check(answer)
            except BadInput as exc:
                self._reports.append(f"{label} is kept out of the inventory: {exc}")
            else:
                racks.setdefault((answer.full_name, answer.profile), answer)
        return list(racks.values())

    def _described(self, console: _Listing, asked: t.Sequence[Found]) -> dict[str, Found]:
        """By their full names, those that are asked as they describe themselves; who can't is reported."""
        shares = [asked[number::MOST_AT_ONCE] for number in range(min(MOST_AT_ONCE, len(asked)))]
        answers = [answer for share in self._pool.map(console.describe, shares) for answer in share]
        return {rack.full_name: rack for rack in self._sift(answers)}


class _Listing:
    """A Console's racks. ``dead_copies``: full names of those that refused the Console's copy of their key when they were asked."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._target = target.find_target(task)
        self._key = ""
        self.dead_copies: set[str] = set()

    def racks(self) -> list[Answer]:
        """All that it lists for the first of the known keys that it accepts."""
        host, reach, refusal = self._target.host, Reach(self._task, self._target), None
        for key, source in self._keys():
            try:
                entries = Console(reach.transport(host), reach.credential(key)).each_rack()
            except Refused as exc:
                refusal = exc
                self._task.warn_once(f"{host}: the key {fingerprint(key)} from {source} is refused; trying the next one")
            else:
                self._key = key
                return [self._answer(host, number, entry) for number, entry in enumerate(entries, 1)]
        if refusal is None:
            raise BadInput(f"{host}: no key of this Console is known: give api_key, or log in with convox_login first")
        raise Refused(f"{host}: every known key is refused ({refusal}); set the right api_key, or log in with convox_login", 401)

    def _keys(self) -> list[tuple[str, str]]:
        # Keys of Consoles are kept apart from racks': it is one, whichever of its racks is meant.
        as_console = Reach(self._task, dataclasses.replace(self._target, via="*/*"))
        return credentials.candidates(self._task, as_console, StoreSet([{"type": "cli"}], self._task.cli, self._task.secrets, self._task.aws))

    @staticmethod
    def _answer(host: str, number: int, entry: ConsoleRack | None) -> Answer:
        if entry is None:
            return f"{host}: entry {number} of its racks", "it is no rack's, or a part of it is no text"
        return f"{host}: the rack {_quoted(entry.full_name)}", Found(entry.name, entry.organization, host, entry.provider, entry.status, entry.version)

    def describe(self, racks: t.Sequence[Found]) -> list[Answer]:
        """Some of its racks as they describe themselves through it, or why they don't; by a connection of their own."""
        reach = Reach(self._task, self._target)
        transport, credential = reach.transport(self._target.host), reach.credential(self._key)
        answers: list[Answer] = []
        for rack in racks:
            label = f"{self._target.host}: the rack {rack.full_name}"
            try:
                system = Rack(transport, credential, rack.full_name).system()
            except ConvoxError as exc:
                answers.append((label, str(exc)))
                if isinstance(exc, Refused) and "invalid authentication" in exc.text and _accepts(Rack(transport, credential)):
                    self.dead_copies.add(rack.full_name)
            else:
                said = {field: getattr(system, field) for field in ("provider", "status", "version", "region") if getattr(system, field)}
                answers.append((label, dataclasses.replace(rack, domain=system.rack_domain, **said)))
        transport.close()
        return answers


def _accepts(console: Rack) -> bool:
    """Whether the Console itself takes the key, so that a refusal was a rack's own: both say it in the same words."""
    with contextlib.suppress(ConvoxError):
        console.auth()
        return True
    return False


class _Account:
    """AWS by one profile, in one region. None: the one that boto3 finds."""

    def __init__(self, task: Task, profile: str, region: str | None) -> None:
        self.profile = profile
        self.label = "AWS%s%s" % (f" in {region}" if region else "", f" by profile {profile}" if profile else "")
        self._aws = Aws(
            task.secrets, task.clock, region, profile or None, task.options.get("endpoint_url"), timeout=float(task.options["timeout"]), clients=task.clients
        )

    def every_region(self) -> list[str]:
        return self._aws.regions()

    def racks(self) -> list[Answer]:
        return [self._answer(stack) for stack in self._aws.rack_stacks()]

    def _answer(self, stack: Stack) -> Answer:
        arn = _ARN.fullmatch(stack.id)
        domain = stack.outputs.get("RackDomain") or stack.outputs.get("Dashboard") or ""
        return f"{self.label}: the stack {_quoted(stack.name)}", Found(
            name=stack.name,
            provider=racks_found.AWS,
            status=racks_found.status_of_stack(stack.status),
            version=stack.parameters.get("Version", ""),
            region=arn[1] if arn else "",
            domain=domain.rpartition("://")[2],
            account=arn[2] if arn else "",
            profile=self.profile,
            stack=stack.name,
        )


def _quoted(text: str) -> str:
    return repr(text if len(text) <= LONGEST_SHOWN else text[:LONGEST_SHOWN] + "…")


# -- what is kept of an answer ------------------------------------------------------------------------------------
def remembered(fleet: Fleet, task: Task) -> dict[str, t.Any]:
    """For a cache: what was found, which is no secret, and what was asked."""
    return {"asked": _asked(task), "racks": [dataclasses.asdict(rack) for rack in fleet.racks], "reports": fleet.reports}


def recall(data: t.Any, task: Task) -> Fleet | None:
    """The answer to the same question, looked at as closely as a new one; None for anything else."""
    try:
        if data["asked"] != _asked(task):
            return None
        racks = [Found(**{str(name): str(text) for name, text in rack.items()}) for rack in data["racks"]]
        for rack in racks:
            check(rack)
        return Fleet(racks, [str(line) for line in data["reports"]])
    except (AttributeError, BadInput, KeyError, TypeError):
        return None


def _console_asked(task: Task) -> list[str]:
    """The Console that would be asked, and for whom, without asking: another person sees other racks there."""
    if not _asks_console(task):
        return []
    found = target.find_target(task)
    return [found.host, digest(found.key or task.cli.key(found.host) or "")]


def _asked(task: Task) -> str:
    question = [_console_asked(task), {name: task.options.get(name) for name in _SOURCES}, {name: task.environ.get(name) for name in _VARIABLES}]
    return hashlib.sha256(json.dumps(question, sort_keys=True, default=str).encode()).hexdigest()
