# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""Racks as a Console and AWS tell of them: which two are one, what each is called, and what plays may know of it. Pure."""

from __future__ import annotations

import collections
import dataclasses
import fnmatch
import hashlib
import re
import typing as t

from ansible_collections.convox.credentials.plugins.module_utils import rack_kinds
from ansible_collections.convox.credentials.plugins.module_utils.console_sync import BESIDE
from ansible_collections.convox.credentials.plugins.module_utils.errors import BadInput
from ansible_collections.convox.credentials.plugins.module_utils.tls import ACCEPT_NEW

FLEET = "convox_racks"
AWS = "aws"
BY_FULL_NAME, BY_NAME, BY_DOMAIN = "full", "name", "domain"
# A stack's status in a rack's own words (convox-protocol 3.1).
_STATUS = {
    "CREATE_IN_PROGRESS": "creating",
    "CREATE_COMPLETE": "running",
    "UPDATE_COMPLETE": "running",
    "UPDATE_ROLLBACK_COMPLETE": "running",
    "DELETE_FAILED": "running",
    "UPDATE_IN_PROGRESS": "updating",
    "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS": "updating",
    "UPDATE_ROLLBACK_IN_PROGRESS": "rollback",
    "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS": "rollback",
    "UPDATE_ROLLBACK_FAILED": "failed",
    "ROLLBACK_COMPLETE": "failed",
}
# Hosts and groups that Ansible or the playbooks give a meaning of their own.
_TAKEN = frozenset(["all", "ungrouped", "localhost", FLEET])
_UNSAFE_IN_HOSTS = re.compile("[^A-Za-z0-9_.-]")
_DIGITS = 6


@dataclasses.dataclass(frozen=True)
class Found:
    """One rack, without any secret. What nobody told is empty.

    ``console``: the host of the Console that lists it, as ``organization``/``name``. ``stack``, ``account``, ``profile``:
    what AWS calls it, and how AWS was asked. ``domain``: the rack's own host, which is its identity.
    """

    name: str
    organization: str = ""
    console: str = ""
    provider: str = ""
    status: str = ""
    version: str = ""
    region: str = ""
    domain: str = ""
    account: str = ""
    profile: str = ""
    stack: str = ""

    @property
    def full_name(self) -> str:
        """``organization/name`` at its Console; else as AWS files it."""
        return f"{self.organization}/{self.name}" if self.console else f"{self.account}/{self.region}/{self.name}"

    @property
    def generation(self) -> str:
        """As rack_kinds.py tells them apart; what is a stack of an unknown release is of v2."""
        return rack_kinds.generation(self.version) or (rack_kinds.V2 if self.stack else "")

    def told(self) -> dict[str, str]:
        """What filters and groups may ask for, by name."""
        return {
            **{field.name: getattr(self, field.name) for field in dataclasses.fields(self) if field.name not in ("profile", "stack")},
            "generation": self.generation,
        }


FIELDS = tuple(Found("").told())
GROUPED_BY = ("organization", "provider", "region", "status", "generation")


def status_of_stack(status: str) -> str:
    return _STATUS.get(status, "unknown")


# -- which two are one --------------------------------------------------------------------------------------------
def namesakes(listed: t.Sequence[Found], stacks: t.Sequence[Found]) -> list[Found]:
    """A Console's racks that could be one of the stacks: these have to be asked for their domain.

    By its name, or by that of the record which is to take its place, while a run that renews it is cut short.
    """
    names = {name for stack in stacks for name in (stack.name, stack.name + BESIDE)}
    return [rack for rack in listed if rack.name in names and not rack.domain and rack.provider in ("", AWS) and rack.generation != rack_kinds.V3]


def presumed(listed: t.Sequence[Found], stacks: t.Sequence[Found]) -> list[Found]:
    """The list, in which racks are their namesakes among the stacks where one has the name and one alone, on both sides."""
    could, names = namesakes(listed, stacks), collections.Counter(rack.name for rack in listed)
    by_name = {stack.name: stack for stack in stacks}
    alone = collections.Counter(name for name, dummy in {(stack.name, stack.domain) for stack in stacks})
    sure = {rack.full_name for rack in could if names[rack.name] == alone[rack.name] == 1}
    return [dataclasses.replace(rack, domain=by_name[rack.name].domain) if rack.full_name in sure else rack for rack in listed]


def join(listed: t.Sequence[Found], stacks: t.Sequence[Found], held: t.Collection[str] = ()) -> tuple[list[Found], list[str]]:
    """Each rack once, and a line for each that is kept out. Equal names prove nothing, equal domains do.

    ``held``: the names of stacks that can be a Console's racks without anybody's knowing: only what is proven is kept of them.
    """
    told: list[str] = []
    left: dict[t.Any, Found] = {}
    for stack in stacks:
        # Two profiles may lead to one account.
        left.setdefault((stack.account, stack.region, stack.stack), stack)
    domains = collections.Counter(stack.domain for stack in left.values())
    by_domain = {stack.domain: key for key, stack in left.items() if stack.domain and domains[stack.domain] == 1}
    racks: dict[str, Found] = {}
    for rack in listed:
        key = rack.domain or rack.full_name
        if key not in racks:
            own = left.pop(by_domain.get(rack.domain), None)
            racks[key] = rack if own is None else dataclasses.replace(own, name=rack.name, organization=rack.organization, console=rack.console)
        elif racks[key].full_name != rack.full_name:
            told.append(
                f"{rack.full_name} at {rack.console} is the rack {racks[key].full_name} once more ({rack.domain}): it is kept out of the "
                "inventory; take one of them off the Console, or filter it out"
            )
    told += [
        f"the stack {stack.full_name} is kept out of the inventory: it can be a rack that the Console holds and does not describe, "
        "whose key is not to be rolled behind its back; mend that one, or leave the Console out with console: false"
        for stack in left.values()
        if stack.name in held
    ]
    return [*racks.values(), *(stack for stack in left.values() if stack.name not in held)], told


# -- what each is called ------------------------------------------------------------------------------------------
def host_names(racks: t.Sequence[Found], by: str) -> list[str]:
    """A name for each, in their order, no two alike. With the full name none depends on what other racks there are."""
    full = [_as_host(rack.full_name.replace("/", ".")) for rack in racks]
    wanted = {
        BY_FULL_NAME: full,
        BY_NAME: [rack.name if rack.name not in _TAKEN else long for rack, long in zip(racks, full)],
        BY_DOMAIN: [_as_host(rack.domain) if rack.domain else long for rack, long in zip(racks, full)],
    }[by]
    names = [name if count == 1 else long for name, count, long in zip(wanted, _counts(wanted), full)]
    return [name if count == 1 else _marked(name, repr(rack)) for name, count, rack in zip(names, _counts(names), racks)]


def _counts(names: t.Sequence[str]) -> list[int]:
    counts = collections.Counter(names)
    return [counts[name] for name in names]


def _as_host(text: str) -> str:
    """Without what means something in patterns of hosts and in paths; what was changed is marked, so that it stays apart."""
    clean = _UNSAFE_IN_HOSTS.sub("_", text)
    return clean if clean == text else _marked(clean, text)


def _marked(name: str, text: str) -> str:
    return f"{name}-{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:_DIGITS]}"


# -- what plays may know ------------------------------------------------------------------------------------------
def variables(rack: Found, through_console: bool, given: t.Mapping[str, t.Any]) -> dict[str, str]:
    """A host's variables: options of the roles, so that they reach the rack, and facts, whose names are no option's.

    ``given``: what the inventory's own options say of the ways; each goes to the racks that it is about.
    """
    options = {name: given.get(name) for name in ("config_dir", "ca_path")}
    if rack.console and (through_console or not rack.domain):
        options.update(host=rack.console, rack=f"{rack.organization}/{rack.name}")
        # What accept_new took is in a file, where the roles look.
        options.update(tls_fingerprint=given.get("tls_fingerprint") if given.get("tls_fingerprint") != ACCEPT_NEW else None)
    else:
        options.update(host=rack.domain)
    if rack.stack:
        endpoint_url = given.get("endpoint_url") or ""
        options.update(region=rack.region, profile=rack.profile, stack_name=rack.stack, endpoint_url=endpoint_url if "@" not in endpoint_url else None)
    facts = {name: text for name, text in rack.told().items() if name != "region"}
    return {f"convox_{name}": text for name, text in {**facts, **options}.items() if text}


def groups(rack: Found) -> list[str]:
    """The groups that a rack is in by itself, before names are made fit for groups."""
    told = rack.told()
    return [f"{name}_{told[name]}" for name in GROUPED_BY if told[name]]


# -- which are wanted ---------------------------------------------------------------------------------------------
def check_filters(filters: t.Mapping[str, t.Any]) -> None:
    """Raises BadInput for what would never match, as a name with a slip in it."""
    for name, entries in filters.items():
        if name not in ("include", "exclude"):
            raise BadInput(f"filters: there is no {name!r}; write include, exclude, or both")
        if not isinstance(entries, (list, tuple)):
            raise BadInput(f"filters.{name}: it is no list; write one, as in {name}: [{{organization: acme, name: web-*}}]")
        for entry in entries:
            if not isinstance(entry, dict) or not entry:
                raise BadInput(f"filters.{name}: each entry is a field and its pattern, or several; write one as in {{region: us-*}}")
            for field, patterns in entry.items():
                _check_filter(f"filters.{name}", field, patterns)


def _check_filter(where: str, field: t.Any, patterns: t.Any) -> None:
    if field not in FIELDS:
        raise BadInput(f"{where}: a rack has no {field!r}; it has {', '.join(FIELDS)}")
    each = patterns if isinstance(patterns, (list, tuple)) else [patterns]
    # A number is another one than was written where YAML takes it for octal, as an account's that begins with 0.
    if not each or not all(isinstance(pattern, str) for pattern in each):
        raise BadInput(f"{where}: {field} is to be a pattern or a list of some, each a text in quotes, as in 'us-*'")


def wanted(rack: Found, filters: t.Mapping[str, t.Any]) -> bool:
    """Whether it matches one of ``include``, if there are any, and none of ``exclude``."""
    include, exclude = filters.get("include"), filters.get("exclude") or []
    return (not include or any(_matches(rack, entry) for entry in include)) and not any(_matches(rack, entry) for entry in exclude)


def _matches(rack: Found, entry: t.Mapping[str, t.Any]) -> bool:
    told = rack.told()
    return all(
        any(fnmatch.fnmatchcase(told[field], pattern) for pattern in (patterns if isinstance(patterns, (list, tuple)) else [patterns]))
        for field, patterns in entry.items()
    )
