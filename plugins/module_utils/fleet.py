# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""Which racks there are: a Console and AWS, asked at once. What they say is looked at closely before it is taken over."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import hashlib
import json
import re
import typing as t

from ansible_collections.convox.credentials.plugins.module_utils import racks_found, target
from ansible_collections.convox.credentials.plugins.module_utils.aws import Aws, Stack
from ansible_collections.convox.credentials.plugins.module_utils.console_listing import Answer, Listing, quoted
from ansible_collections.convox.credentials.plugins.module_utils.errors import BadInput, ConvoxError, RequestFailed
from ansible_collections.convox.credentials.plugins.module_utils.keys import digest
from ansible_collections.convox.credentials.plugins.module_utils.racks_found import Found
from ansible_collections.convox.credentials.plugins.module_utils.task import Task, conceal_urls

EVERY_REGION = "all"
# How many questions are out at a time: to AWS one for each profile and region, to a Console one for each rack.
MOST_AT_ONCE = 16
LONGEST_NAME = 128
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
    if not asks_console(task) and not task.options["aws"]:
        raise BadInput("console: false, and aws names nothing: there is nobody to be asked; leave console out, or write aws: [{regions: [us-east-1]}]")
    conceal_urls(task.secrets, task.options, task.environ)


def asks_console(task: Task) -> bool:
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
        console = Listing(task) if asks_console(task) else None
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

    def _listed(self, console: Listing, answers: t.Sequence[Answer], stacks: t.Sequence[Found]) -> tuple[list[Found], set[str]]:
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

    def _described(self, console: Listing, asked: t.Sequence[Found]) -> dict[str, Found]:
        """By their full names, those that are asked as they describe themselves; who can't is reported."""
        shares = [asked[number::MOST_AT_ONCE] for number in range(min(MOST_AT_ONCE, len(asked)))]
        answers = [answer for share in self._pool.map(console.describe, shares) for answer in share]
        return {rack.full_name: rack for rack in self._sift(answers)}


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
        return f"{self.label}: the stack {quoted(stack.name)}", found_of(stack, self.profile)


def found_of(stack: Stack, profile: str = "") -> Found:
    """A rack as its stack tells of it."""
    arn = _ARN.fullmatch(stack.id)
    domain = stack.outputs.get("RackDomain") or stack.outputs.get("Dashboard") or ""
    return Found(
        name=stack.name,
        provider=racks_found.AWS,
        status=racks_found.status_of_stack(stack.status),
        version=stack.parameters.get("Version", ""),
        region=arn[1] if arn else "",
        domain=domain.rpartition("://")[2],
        account=arn[2] if arn else "",
        profile=profile,
        stack=stack.name,
    )


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
    if not asks_console(task):
        return []
    found = target.find_target(task)
    return [found.host, digest(found.key or task.cli.key(found.host) or "")]


def _asked(task: Task) -> str:
    question = [_console_asked(task), {name: task.options.get(name) for name in _SOURCES}, {name: task.environ.get(name) for name in _VARIABLES}]
    return hashlib.sha256(json.dumps(question, sort_keys=True, default=str).encode()).hexdigest()
