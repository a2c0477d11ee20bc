# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""What everybody has told an audit, put together by rack: which host, stack and entry of the Console is which. Pure."""

from __future__ import annotations

import collections
import dataclasses
import typing as t

from ansible_collections.convox.credentials.plugins.module_utils import rack_kinds, racks_found, records
from ansible_collections.convox.credentials.plugins.module_utils.audit_evidence import (
    ACCEPTED,
    BY_STORE,
    CHANGED,
    COPY_NONE,
    COPY_UNKNOWN,
    REFUSED,
    SILENT,
    Asked,
    Console,
    Key,
    Login,
    Made,
    Rack,
    Rolled,
    Source,
    Stray,
    Unfinished,
)
from ansible_collections.convox.credentials.plugins.module_utils.gather import aws, files, racks, secrets
from ansible_collections.convox.credentials.plugins.module_utils.racks_found import Found
from ansible_collections.convox.credentials.plugins.module_utils.records import Record


class Copy(t.NamedTuple):
    """What came of asking a rack through its Console."""

    found: Found
    state: str
    why: str = ""


@dataclasses.dataclass
class Heard:
    """All of it, with keys, in memory only.

    ``stacks``: by domain, else full name. ``answers``: by host. ``copies``: by full name at the Console. ``keys``: by host.
    ``records``, ``by_ledger``: by kind and identity. ``console``, ``tried``: as in Listing. ``named``: hosts of racks that the
    task names. ``filters``: which racks are wanted.
    """

    filters: t.Mapping[str, t.Any]
    named: t.Sequence[str] = ()
    stacks: dict[str, aws.SeenRack] = dataclasses.field(default_factory=dict)
    answers: dict[str, racks.Answer] = dataclasses.field(default_factory=dict)
    copies: dict[str, Copy] = dataclasses.field(default_factory=dict)
    keys: dict[str, list[files.Held]] = dataclasses.field(default_factory=lambda: collections.defaultdict(list))
    records: dict[tuple[str, str], list[tuple[str, Record]]] = dataclasses.field(default_factory=lambda: collections.defaultdict(list))
    by_ledger: dict[tuple[str, str], dict[str, Rolled]] = dataclasses.field(default_factory=dict)
    tagged: list[secrets.Seen] = dataclasses.field(default_factory=list)
    console: str = ""
    tried: list[tuple[str, str, bool]] = dataclasses.field(default_factory=list)
    sources: list[Source] = dataclasses.field(default_factory=list)


class Joined(t.NamedTuple):
    """``strays``: logins for hosts that are neither racks nor Consoles, as far as anybody knows."""

    racks: list[Rack]
    consoles: list[Console]
    strays: list[Stray]


def join(heard: Heard) -> Joined:
    return _Joining(heard).run()


class _Joining:
    def __init__(self, heard: Heard) -> None:
        self._heard = heard
        # Stacks and racks of the Console that may be the same.
        self._unsure: set[str] = set()
        # Racks without a stack that may be one of the Console's.
        self._maybe_listed: set[str] = set()

    def run(self) -> Joined:
        found: dict[str, Found] = {name: rack.found for name, rack in self._heard.stacks.items()}
        copies = self._copies()
        for name, copy in copies.items():
            own, rack = found.get(name), copy.found
            found[name] = dataclasses.replace(own, name=rack.name, organization=rack.organization, console=rack.console) if own else rack
        hosts: dict[str, list[str]] = {name: [name] for name in found}
        strays: list[Stray] = []
        for host, answer in sorted(self._heard.answers.items()):
            if answer.console:
                continue
            if host in found:
                # An alias of it may have come first; its own answer says more.
                hosts[host] = list(dict.fromkeys([host, *hosts[host]]))
                continue
            system, domain = answer.system, _domain(host, answer)
            if system is None and not answer.asked and not self._meant(host, answer):
                strays += [Stray(login, answer.why) for login in self._logins([host])]
                continue
            if domain not in found:
                told = {name: getattr(system, name) for name in ("name", "provider", "status", "version", "region")} if system else {"name": host}
                found[domain] = Found(domain=domain, **told)
            hosts.setdefault(domain, []).append(host)
        wanted = [(name, rack) for name, rack in sorted(found.items()) if racks_found.wanted(rack, self._heard.filters)]
        return Joined([self._rack(name, rack, hosts[name], copies.get(name)) for name, rack in wanted], self._consoles(), strays)

    def _meant(self, host: str, answer: racks.Answer) -> bool:
        """Whether more than a login says that it is a rack. Nobody may take the place of a pinned one and pass for a stranger."""
        changed = answer.certificate is not None and answer.certificate.state == CHANGED
        return changed or host in self._heard.named or (records.RACK_API_KEY, host) in self._heard.records

    def _copies(self) -> dict[str, Copy]:
        """Those of the Console's racks, by the names that stacks have: their domains, or else the one stack that is called so."""
        found = {copy.found.domain: copy for copy in self._heard.copies.values() if copy.found.domain}
        stacks, silent, hosts = collections.defaultdict(list), collections.defaultdict(list), collections.defaultdict(list)
        for name, stack in self._heard.stacks.items():
            if name not in found:
                stacks[stack.found.name].append(name)
        for host, answer in self._heard.answers.items():
            domain = _domain(host, answer)
            if answer.system and domain not in found and domain not in self._heard.stacks:
                hosts[answer.system.name].append(domain)
        for copy in self._heard.copies.values():
            if not copy.found.domain:
                silent[copy.found.name].append(copy)
        for called, same in silent.items():
            # Which of several is which, nobody can tell.
            joined = stacks[called] if (len(stacks[called]), len(same)) == (1, 1) else []
            names = joined or [f"{copy.found.full_name}@{copy.found.console}" for copy in same]
            found.update(zip(names, same))
            if stacks[called] and not joined:
                self._unsure.update(stacks[called], names)
            self._maybe_listed.update([] if joined else hosts[called])
        return found

    def _logins(self, hosts: t.Sequence[str]) -> list[Login]:
        return [Login(held.host, Key.of(held.key), held.where) for host in hosts for held in self._heard.keys.get(host, ())]

    def _rack(self, name: str, found: Found, hosts: t.Sequence[str], copy: Copy | None) -> Rack:
        stack, answers = self._heard.stacks.get(name), [self._heard.answers[host] for host in hosts if host in self._heard.answers]
        system = next((answer.system for answer in answers if answer.system), None)
        if system:
            found = dataclasses.replace(found, status=system.status, version=system.version or found.version)
        listed_any = any(source.kind == "console" and source.state != SILENT for source in self._heard.sources)
        whose = [identity for identity in dict.fromkeys([found.domain, *hosts]) if identity]
        unsure = name in self._unsure or name in self._maybe_listed
        return Rack(
            found=found,
            listed=bool(found.console) if listed_any and (found.console or not unsure) else None,
            backed=True if stack else None if name in self._unsure else self._backed(found),
            answered=any(answer.answered for answer in answers) if answers else _through(copy),
            why=next((answer.why for answer in answers if answer.why), copy.why if copy else ""),
            asked=tuple(asked for answer in answers for asked in answer.asked),
            logins=tuple(self._logins(whose)),
            stored=stack.stored if stack else None,
            rolled=tuple(self._rolled(records.RACK_API_KEY, whose)),
            unfinished=tuple(each for kind in (records.RACK_API_KEY, records.INSTANCE_KEY) for each in self._unfinished(kind, whose)),
            certificate=next((answer.certificate for answer in answers if answer.certificate), None),
            key_in_outputs=bool(stack and stack.in_outputs) or bool(system and system.parameters.get("Development") == "Yes"),
            console_copy=copy.state if copy else COPY_NONE,
            instances=stack.instances if stack else None,
        )

    def _backed(self, found: Found) -> bool | None:
        """Where no stack is known that is this rack."""
        whole = [source.state != SILENT for source in self._heard.sources if source.kind == "aws"]
        elsewhere = found.provider not in ("", "aws") or found.generation == rack_kinds.V3
        return None if elsewhere or not whole or not all(whole) else False

    def _of(self, kind: str, whose: t.Sequence[str]) -> list[tuple[str, Record]]:
        return [each for identity in whose for each in self._heard.records.get((kind, identity), [])]

    def _rolled(self, kind: str, whose: t.Sequence[str]) -> t.Iterator[Rolled]:
        for dummy, record in self._of(kind, whose):
            digest = record.digest or (Key.of(record.current).digest if record.current else None)
            if record.rolled_at and digest:
                yield Rolled(record.rolled_at, BY_STORE, "", digest)
        for identity in whose:
            yield from self._heard.by_ledger.get((kind, identity), {}).values()
            yield from (seen.rolled[(kind, identity)] for seen in self._heard.tagged if (kind, identity) in seen.rolled)

    def _unfinished(self, kind: str, whose: t.Sequence[str]) -> t.Iterator[Unfinished]:
        for where, record in self._of(kind, whose):
            if record.pending:
                pending = record.pending
                steps = (pending.confirmed, "confirmed"), (pending.activating, "activating"), (pending.applying, "applying")
                yield Unfinished(kind, pending.staged_at, next((step for noted, step in steps if noted), "staged"), where)
        for identity in whose:
            yield from (seen.unfinished[(kind, identity)] for seen in self._heard.tagged if (kind, identity) in seen.unfinished)

    def _consoles(self) -> list[Console]:
        """The one whose racks are audited, and others that somebody is logged into."""
        found, host, tried = [], self._heard.console, self._heard.tried
        if host:
            asked = tuple(Asked(Key.of(key), ACCEPTED if taken else REFUSED) for key, dummy, taken in tried)
            given = [Login(host, Key.of(key), source) for key, source, dummy in tried if source == "api_key"]
            found.append(self._console(host, asked, given))
        return found + [self._console(other, answer.asked) for other, answer in sorted(self._heard.answers.items()) if answer.console]

    def _console(self, host: str, asked: tuple[Asked, ...], given: t.Sequence[Login] = ()) -> Console:
        kind = records.CONSOLE_API_KEY
        noted = [*self._heard.records, *self._heard.by_ledger, *(each for seen in self._heard.tagged for each in (*seen.rolled, *seen.unfinished))]
        whose = list(dict.fromkeys(identity for of, identity in noted if of == kind and identity.endswith(f"@{host}")))
        in_force = next((each.key for each in asked if each.said == ACCEPTED), None)
        made = [rolled for rolled in self._rolled(kind, whose) if in_force and rolled.is_of(in_force)]
        last = max(made, key=lambda rolled: rolled.at, default=None)
        known = Made(last.at, last.by) if last else None
        return Console(host, asked, (*self._logins([host]), *given), known, tuple(self._unfinished(kind, whose)))


def _domain(host: str, answer: racks.Answer) -> str:
    """The one that it tells, else the host itself."""
    return (answer.system.rack_domain if answer.system else "") or host


def _through(copy: Copy | None) -> bool | None:
    """Whether a rack that was asked by its Console alone has answered, be it that the Console's key is dead."""
    return None if copy is None or (copy.state == COPY_UNKNOWN and not copy.why) else copy.state != COPY_UNKNOWN
