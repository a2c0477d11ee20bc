# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""What AWS tells an audit of the racks in one account and region, by a few calls whatever their number (convox-protocol 4).

And of a single rack, where nothing else tells whether its key is latent, when its API's containers were started.
"""

from __future__ import annotations

import collections
import functools
import re
import typing as t

from ansible_collections.convox.credentials.plugins.module_utils.audit_evidence import (
    ANSWERED,
    PARTLY,
    SILENT,
    Account,
    Instances,
    Key,
    Source,
    StoredKey,
    words,
)
from ansible_collections.convox.credentials.plugins.module_utils.aws import Aws, Stack, tags_of
from ansible_collections.convox.credentials.plugins.module_utils.errors import ConvoxError, allowed
from ansible_collections.convox.credentials.plugins.module_utils.fleet import found_of
from ansible_collections.convox.credentials.plugins.module_utils.racks_found import Found
from ansible_collections.convox.credentials.plugins.module_utils.times import format_date

SIGNING_KEY = "convox-jwt-key"
_SECRET = "RackApiSecret"
# As many as one GetParameters takes.
_AT_ONCE = 10


class SeenRack(t.NamedTuple):
    """A rack's stack. ``key``: what SSM holds, in memory only; ``in_outputs``: whether the stack shows it to everybody."""

    found: Found
    key: str | None
    stored: StoredKey | None
    instances: Instances | None
    in_outputs: bool


class Region(t.NamedTuple):
    racks: list[SeenRack]
    account: Account | None
    source: Source


def look(aws: Aws, label: str, profile: str = "") -> Region:
    """One account and region; what is denied is named by the source."""
    denied: list[str] = []
    try:
        stacks = list(aws.rack_stacks())
    except ConvoxError as exc:
        return Region([], None, Source("aws", label, SILENT, str(exc)))
    parameters = _dates(aws, denied)
    keys = _keys(aws, [name for name in parameters if name.endswith(_SECRET)], denied)
    instances, pairs, families = _instances(aws, denied), _pairs(aws, denied), _families(aws, denied)
    machines = _Machines(instances, pairs) if instances is not None and pairs is not None else None
    racks = [_rack(stack, profile, parameters, keys, machines) for stack in stacks]
    account = None
    if racks:
        readable = tuple(sorted(stack.name for stack in stacks if stack.name + _SECRET in parameters))
        defined = tuple(sorted(stack.name for stack in stacks if f"{stack.name}-api-monitor" in families))
        account = Account(racks[0].found.account, racks[0].found.region, parameters.get(SIGNING_KEY), readable, defined)
    return Region(racks, account, partly(Source("aws", label, ANSWERED, f"{len(racks)} racks"), denied))


def partly(source: Source, denied: t.Sequence[str]) -> Source:
    """The same, with what it did not tell either."""
    if not denied:
        return source
    more = words(list(dict.fromkeys(denied)))
    said = source.said + (f", {more}" if source.state == PARTLY else f"; not told: {more}")
    return Source(source.kind, source.subject, PARTLY, said)


def oldest_task(aws: Aws, stack: str, denied: list[str]) -> str | None:
    """When the oldest container of a rack's API was started. Those that are told to stop take their key with them."""
    tasks = _told(aws.rack(stack).tasks, denied) or []
    started = [task.created for task in tasks if task.created and not task.draining]
    return format_date(min(started)) if started else None


def _told(question: t.Callable[[], t.Any], denied: list[str]) -> t.Any:
    """The answer, or None; credentials that end meanwhile end no audit, either."""
    try:
        return allowed(question, denied.append)
    except ConvoxError as exc:
        denied.append(str(exc))
        return None


def _rack(
    stack: Stack,
    profile: str,
    parameters: t.Mapping[str, str],
    keys: t.Mapping[str, str],
    machines: _Machines | None,
) -> SeenRack:
    name = stack.name + _SECRET
    key = keys.get(name)
    stored = StoredKey(Key.of(key) if key else None, parameters[name]) if name in parameters else None
    of_rack = machines.of(stack) if machines else None
    return SeenRack(found_of(stack, profile), key, stored, of_rack, stack.parameters.get("Development") == "Yes")


class _Machines:
    """The instances and key pairs of a region; ``of`` takes the same time for each rack, however many there are."""

    def __init__(self, instances: t.Mapping[str, list[tuple[str, str]]], pairs: t.Mapping[str, str | None]) -> None:
        self._instances = instances
        self._pairs = pairs
        used = {name for each in instances.values() for dummy, name in each}
        # By what stands before each "-keypair-" in them, for a rack's own name may have that in it.
        self._unused: dict[str, list[str]] = collections.defaultdict(list)
        for name in sorted(set(pairs) - used):
            # As v2 racks name them; those of v3 end in a date, and no stack says whose they are (convox-protocol 3.3, 4).
            for mark in re.finditer("(?=-keypair-[0-9]{4}$)", name):
                self._unused[name[: mark.start()]].append(name)

    def of(self, stack: Stack) -> Instances:
        own, pair = self._instances.get(stack.name, []), stack.parameters.get("Key", "")
        left = tuple(name for name in self._unused.get(stack.name, ()) if name != pair)
        return Instances(pair, self._pairs.get(pair), len(own), tuple(sorted(instance for instance, name in own if name and name != pair)), left)


def _dates(aws: Aws, denied: list[str]) -> dict[str, str]:
    """When each parameter of a rack was set last."""
    filters = [{"Key": "Name", "Option": "Contains", "Values": [_SECRET]}], [{"Key": "Name", "Option": "Equals", "Values": [SIGNING_KEY]}]

    def question() -> list[dict[str, t.Any]]:
        return [each for wanted in filters for page in aws.pages("ssm", "describe_parameters", ParameterFilters=wanted) for each in page["Parameters"]]

    return {each["Name"]: format_date(each["LastModifiedDate"]) for each in _told(question, denied) or []}


def _keys(aws: Aws, names: t.Sequence[str], denied: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for start in range(0, len(names), _AT_ONCE):
        some = list(names[start : start + _AT_ONCE])
        reply = _told(functools.partial(aws.call, "ssm", "get_parameters", Names=some, WithDecryption=True), denied)
        if reply is None:
            break
        for each in reply["Parameters"]:
            aws.secrets.add_unless_short(each["Value"])
            found[each["Name"]] = each["Value"]
    return found


def _instances(aws: Aws, denied: list[str]) -> dict[str, list[tuple[str, str]]] | None:
    """By rack: each instance's id, and its pair's name."""

    def question() -> dict[str, list[tuple[str, str]]]:
        found = collections.defaultdict(list)
        for page in aws.pages("ec2", "describe_instances", Filters=[{"Name": "tag-key", "Values": ["Rack"]}]):
            for each in (instance for reservation in page["Reservations"] for instance in reservation["Instances"]):
                if each["State"]["Name"] != "terminated":
                    found[tags_of(each)["Rack"]].append((each["InstanceId"], each.get("KeyName", "")))
        return found

    return t.cast("dict[str, list[tuple[str, str]]] | None", _told(question, denied))


def _pairs(aws: Aws, denied: list[str]) -> dict[str, str | None] | None:
    """When each pair of a rack was made."""

    def question() -> list[dict[str, t.Any]]:
        return t.cast("list[dict[str, t.Any]]", aws.call("ec2", "describe_key_pairs")["KeyPairs"])

    found = _told(question, denied)
    if found is None:
        return None
    return {each["KeyName"]: format_date(each["CreateTime"]) if each.get("CreateTime") else None for each in found}


def _families(aws: Aws, denied: list[str]) -> set[str]:
    def question() -> list[str]:
        return [name for page in aws.pages("ecs", "list_task_definition_families", status="ACTIVE") for name in page["families"]]

    return set(_told(question, denied) or [])
