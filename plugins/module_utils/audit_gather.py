# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""Everybody who can tell of a fleet's credentials is asked, at the same time; what they say is put together by rack."""

from __future__ import annotations

import collections
import concurrent.futures
import contextlib
import dataclasses
import queue
import typing as t

from ansible_collections.convox.credentials.plugins.module_utils import fleet, ledger, racks_found, records
from ansible_collections.convox.credentials.plugins.module_utils.audit_evidence import (
    ACCEPTED,
    ANSWERED,
    BY_STORE,
    COPY_NONE,
    COPY_OK,
    COPY_STALE,
    COPY_UNKNOWN,
    PARTLY,
    REFUSED,
    SILENT,
    Asked,
    Console,
    Evidence,
    Key,
    Login,
    Made,
    Rack,
    Rolled,
    Source,
    Unfinished,
    words,
)
from ansible_collections.convox.credentials.plugins.module_utils.aws import Aws
from ansible_collections.convox.credentials.plugins.module_utils.cli_config import DEFAULT_CONSOLE
from ansible_collections.convox.credentials.plugins.module_utils.console_listing import Listing, described
from ansible_collections.convox.credentials.plugins.module_utils.errors import BadInput, BadReply, ConvoxError
from ansible_collections.convox.credentials.plugins.module_utils.gather import aws, files, racks, secrets, tables
from ansible_collections.convox.credentials.plugins.module_utils.gather import ledger as lines
from ansible_collections.convox.credentials.plugins.module_utils.rack import Rack as RackClient
from ansible_collections.convox.credentials.plugins.module_utils.racks_found import Found
from ansible_collections.convox.credentials.plugins.module_utils.records import Record
from ansible_collections.convox.credentials.plugins.module_utils.target import Reach, Target, find_target
from ansible_collections.convox.credentials.plugins.module_utils.task import Task
from ansible_collections.convox.credentials.plugins.module_utils.transport import OWN_STATUS, TOKEN_USER

# A rack that does not answer holds one of them for as long as a request may take.
AT_ONCE = 64
# Requests to one rack, its Console's included.
MOST = 3
# A rack's answer where a Console would list its racks.
_NO_CONSOLE = 404


class Copy(t.NamedTuple):
    """What came of asking a rack through its Console."""

    found: Found
    state: str
    why: str = ""


def gather(task: Task) -> Evidence:
    """Nothing is changed anywhere. Only options that can't be meant raise BadInput; who is silent is a source that says so."""
    pool = concurrent.futures.ThreadPoolExecutor(AT_ONCE)
    try:
        return _Gathering(task, pool).run()
    finally:
        # Where it came to nothing, no thousand answers are waited for.
        pool.shutdown(cancel_futures=True)


class _Gathering:
    def __init__(self, task: Task, pool: concurrent.futures.Executor) -> None:
        self._task = task
        self._pool = pool
        self._sources: list[Source] = []
        self._listing: Listing | None = None
        self._filters: t.Mapping[str, t.Any] = task.options["filters"]
        self._keys: dict[str, list[files.Held]] = collections.defaultdict(list)
        self._pending: dict[str, list[str]] = collections.defaultdict(list)
        self._records: dict[tuple[str, str], list[tuple[str, Record]]] = collections.defaultdict(list)
        self._by_ledger: dict[tuple[str, str], dict[str, Rolled]] = {}
        self._tagged: list[secrets.Seen] = []
        self._untrusted: set[str] = set()
        self._unwanted: set[str] = set()
        self._stacks: dict[str, aws.SeenRack] = {}
        self._answers: dict[str, racks.Answer] = {}
        self._copies: dict[str, Copy] = {}
        # What racks are asked, by what to call who answers, and what of it is answered.
        self._waiting: dict[concurrent.futures.Future[t.Any], str] = {}
        self._done: queue.SimpleQueue[concurrent.futures.Future[t.Any]] = queue.SimpleQueue()
        # Connections to the Console that nobody uses at the moment.
        self._ways: list[RackClient] = []

    def run(self) -> Evidence:
        options = self._task.options
        ways = self._regions()
        regions = [self._pool.submit(aws.look, way, label, profile) for way, label, profile in ways]
        self._take_url()
        # Nothing that is read of it changes while this goes on.
        self._task.cli = self._task.cli.as_seen()
        listing = self._pool.submit(self._list) if self._asks_console() else None
        paths = [entry["path"] for entry in options["stores"] if entry["type"] == "file"]
        homes = files.find_homes(options["homes"]) if options["homes"] else files.Homes(self._task.cli.layouts, [])
        held = self._pool.submit(files.look, homes.layouts, paths, homes.failed)
        told = self._pool.submit(lines.look, ledger.path_of(self._task))
        tagged = [self._pool.submit(secrets.look, way, label) for way, label in self._vaults(ways)]
        tabled = self._pool.submit(tables.look, self._aws(options["tables"]), options["tables"]["prefix"]) if options["tables"] else None
        self._take_files(held.result())
        listed = listing.result() if listing else []
        self._ask_console(listed)
        seen_regions = [each.result() for each in regions]
        for region in seen_regions:
            self._stacks.update((rack.found.domain or rack.found.full_name, rack) for rack in region.racks)
        self._unwanted = {name for name, rack in self._stacks.items() if not self._may_be_wanted(rack.found)}
        self._by_ledger, self._tagged = told.result().rolled, [each.result() for each in tagged]
        if options["ask_racks"]:
            self._ask_racks(bool(listed))
        users = tabled.result() if tabled else None
        self._sources += [held.result().source, *(each.source for each in seen_regions), told.result().source]
        self._sources += [each.source for each in self._tagged] + ([users.source] if users else [])
        rack_list, strays = self._joined()
        return Evidence(
            at=self._task.clock.stamp(),
            racks=tuple(rack_list),
            consoles=self._consoles(),
            accounts=tuple(region.account for region in seen_regions if region.account),
            users=tuple(users.users) if users else (),
            deploy_keys=users.deploy_keys if users else 0,
            tables=users.prefix if users else "",
            files=tuple(held.result().files),
            ledgers=tuple(each for each in (told.result().ledger,) if each),
            strays=tuple(strays),
            sources=tuple(self._sources),
            filters=self._filters,
        )

    # -- who is there -------------------------------------------------------------------------------------------------
    def _aws(self, entry: t.Mapping[str, t.Any], region: str | None = None) -> Aws:
        task = self._task
        return Aws(
            task.secrets,
            task.clock,
            region or entry.get("region"),
            entry.get("profile"),
            task.options.get("endpoint_url"),
            float(task.options["timeout"]),
            task.clients,
            entry.get("role_arn"),
        )

    def _regions(self) -> list[tuple[Aws, str, str]]:
        """A way to each account and region, and what it is called."""
        found = []
        for entry in self._task.options["aws"]:
            names = entry.get("regions") or [None]
            whose = entry.get("role_arn") or entry.get("profile") or ""
            if fleet.EVERY_REGION in names:
                try:
                    names = self._aws(entry).regions()
                except ConvoxError as exc:
                    self._sources.append(Source("aws", whose or "all regions", SILENT, str(exc)))
                    continue
            for name in dict.fromkeys(names):
                label = " ".join(each for each in (whose, name) if each) or "its own region"
                found.append((self._aws(entry, name), label, entry.get("profile") or ""))
        return found

    def _vaults(self, ways: t.Sequence[tuple[Aws, str, str]]) -> list[tuple[Aws, str]]:
        """Where AWS may keep keys: a rack's own is in its region, unless the tasks that roll name another."""
        options = self._task.options
        if not any(entry["type"] == "aws_secretsmanager" for entry in options["stores"]):
            return []
        found = [(way, f"aws_secretsmanager {label}") for way, label, dummy in ways]
        if not ways or options.get("region") or options.get("profile"):
            found.append((self._task.aws(), f"aws_secretsmanager {options.get('region') or 'its own region'}"))
        return list({label: (way, label) for way, label in found}.values())

    def _take_url(self) -> None:
        """A rack and its key that the task was given."""
        if self._task.options.get("rack_url"):
            given = find_target(self._task)
            if given.user == TOKEN_USER:
                raise BadInput("rack_url: it has a token in it, of which an audit learns nothing; give the rack's key")
            self._keys[given.host].append(files.Held(given.host, t.cast(str, given.key), "rack_url"))
        self._task = dataclasses.replace(self._task, options={**self._task.options, "rack_url": None})

    def _asks_console(self) -> bool:
        """As the option says; else one that is named, or that the CLI is logged into."""
        task = self._task
        said = task.options.get("console")
        return bool(self._console_named or task.cli.key(task.cli.active_host_and_file()[1] or DEFAULT_CONSOLE)) if said is None else bool(said)

    @property
    def _console_named(self) -> bool:
        return bool(self._task.options.get("console") or self._task.options.get("host") or self._task.environ.get("CONVOX_HOST"))

    def _list(self) -> list[Found]:
        """The Console's racks."""
        self._listing = listing = Listing(self._task)
        subject = listing.host
        try:
            answers = listing.racks()
        except ConvoxError as exc:
            if isinstance(exc, BadReply) and exc.status == _NO_CONSOLE and not self._console_named:
                # It is a rack that the CLI was logged into last.
                self._listing = None
            else:
                self._sources.append(Source("console", subject, SILENT, str(exc)))
            return []
        strange = [f"{label}: {answer}" for label, answer in answers if isinstance(answer, str)]
        found = [answer for dummy, answer in answers if not isinstance(answer, str) and self._may_be_wanted(answer)]
        self._sources.append(Source("console", subject, PARTLY if strange else ANSWERED, strange[0] if strange else f"{len(found)} racks"))
        return found

    def _may_be_wanted(self, rack: Found) -> bool:
        """By what is known of it before it is asked."""
        told = rack.told()
        include = [{field: patterns for field, patterns in entry.items() if told[field]} for entry in self._filters.get("include", ())]
        return racks_found.wanted(rack, {"include": include})

    def _take_files(self, seen: files.Files) -> None:
        open_to_all = {file.path for file in seen.files if file.writable}
        for held in seen.logins:
            self._task.secrets.add(held.key)
            self._keys[held.host].append(held)
        for where, record in seen.records:
            for key in record.secrets():
                self._task.secrets.add(key)
            self._records[(record.kind, record.identity)].append((where, record))
            if record.kind == records.RACK_API_KEY:
                host = record.identity
                if record.current:
                    self._keys[host].append(files.Held(host, record.current, where))
                if record.pending and record.pending.key:
                    self._pending[host].append(record.pending.key)
        # Where everybody can write, anybody could have named the host that a key is sent to.
        self._untrusted = {host for host, each in self._keys.items() if all(held.where in open_to_all for held in each)}

    # -- asking racks -------------------------------------------------------------------------------------------------
    def _ask_console(self, listed: t.Sequence[Found]) -> None:
        """Of each rack that it lists; that takes no more than its list, so that AWS may go on answering meanwhile."""
        self._copies = {rack.full_name: Copy(rack, COPY_UNKNOWN) for rack in listed}
        if self._task.options["ask_racks"]:
            for rack in listed:
                self._submit("", self._ask_through, rack)

    def _submit(self, name: str, *question: t.Any) -> None:
        future = self._pool.submit(*question)
        self._waiting[future] = name
        future.add_done_callback(self._done.put)

    def _ask_racks(self, through: bool) -> None:
        """``through``: whether a Console is asked about them, too."""
        console = self._listing.host if self._listing else ""
        recorded = {identity for kind, identity in self._records if kind == records.RACK_API_KEY}
        named = {*self._stacks, *self._task.options["racks"]}
        left = sorted(self._untrusted - named - recorded)
        # Of these, nothing but the host is known yet.
        others = {*self._keys, *recorded}.difference(left, self._unwanted)
        hosts = (named - self._unwanted) | {host for host in others if racks_found.wanted(Found("", domain=host), self._filters)}
        not_asked = f"; not asked, for they stand only where everybody can write: {words(left)}" if left else ""
        self._sources.append(Source("racks", "", PARTLY if left else ANSWERED, f"{len(hosts - {console})} hosts{not_asked}"))
        reach = Reach(self._task, Target(console, None, None))
        begun = {console}

        def ask(host: str) -> None:
            if host and "/" not in host and host not in begun:
                begun.add(host)
                self._submit(host, self._ask, reach, host, MOST - through, hosts)

        for host in sorted(hosts):
            ask(host)
        while self._waiting:
            future = self._done.get()
            host, answer = self._waiting.pop(future), future.result()
            if isinstance(answer, Copy):
                self._copies[answer.found.full_name] = answer
                ask(answer.found.domain)
            else:
                self._answers[host] = answer
        self._leave_console()

    def _ask(self, reach: Reach, host: str, most: int, hosts: t.Container[str]) -> racks.Answer:
        stack = self._stacks.get(host)
        known = [stack.key] if stack and stack.key else []
        known += [held.key for held in self._keys.get(host, ())] + self._pending.get(host, [])
        return racks.ask(reach, host, list(dict.fromkeys(known)), most, hosts)

    def _ask_through(self, rack: Found) -> Copy:
        listing = t.cast(Listing, self._listing)
        with self._way(listing) as way:
            try:
                return Copy(described(rack, listing.ask(way, rack.full_name)), COPY_OK)
            except ConvoxError as exc:
                return Copy(rack, COPY_UNKNOWN, str(exc))

    @contextlib.contextmanager
    def _way(self, listing: Listing) -> t.Iterator[RackClient]:
        """To the Console, for one thread at a time."""
        try:
            way = self._ways.pop()
        except IndexError:
            way = listing.way(OWN_STATUS)
        try:
            yield way
        finally:
            self._ways.append(way)

    def _leave_console(self) -> None:
        if self._listing is not None and self._ways:
            self._listing.tell_dead_copies(self._ways[0])
            self._copies.update((name, self._copies[name]._replace(state=COPY_STALE)) for name in self._listing.dead_copies)
        while self._ways:
            self._ways.pop().close()

    # -- putting together ---------------------------------------------------------------------------------------------
    def _joined(self) -> tuple[list[Rack], list[Login]]:
        """The racks, and logins for hosts that are none."""
        found: dict[str, Found] = {name: rack.found for name, rack in self._stacks.items()}
        copies: dict[str, Copy] = {}
        for copy in self._copies.values():
            rack = copy.found
            name = rack.domain or self._namesake(rack, copies) or f"{rack.full_name}@{rack.console}"
            own = found.get(name)
            found[name] = dataclasses.replace(own, name=rack.name, organization=rack.organization, console=rack.console) if own else rack
            copies[name] = copy
        hosts: dict[str, list[str]] = {name: [name] for name in found}
        strays: list[Login] = []
        for host, answer in self._answers.items():
            if host in found or answer.console:
                continue
            system = answer.system
            domain = (system.rack_domain if system else "") or host
            if system is None and not answer.asked and host not in self._task.options["racks"] and (records.RACK_API_KEY, host) not in self._records:
                strays += self._logins([host])
                continue
            if domain not in found:
                told = {name: getattr(system, name) for name in ("name", "provider", "status", "version", "region")} if system else {"name": host}
                found[domain] = Found(domain=domain, **told)
            hosts.setdefault(domain, []).append(host)
        wanted = [(name, rack) for name, rack in sorted(found.items()) if racks_found.wanted(rack, self._filters)]
        return [self._rack(name, rack, hosts[name], copies.get(name)) for name, rack in wanted], strays

    def _namesake(self, rack: Found, taken: t.Container[str]) -> str | None:
        """The one stack of its name, for a rack that could not tell its domain."""
        same = [name for name, each in self._stacks.items() if each.found.name == rack.name and name not in taken]
        return same[0] if len(same) == 1 else None

    def _logins(self, hosts: t.Sequence[str]) -> list[Login]:
        return [Login(held.host, Key.of(held.key), held.where) for host in hosts for held in self._keys.get(host, ())]

    def _rack(self, name: str, found: Found, hosts: t.Sequence[str], copy: Copy | None) -> Rack:
        stack, answers = self._stacks.get(name), [self._answers[host] for host in hosts if host in self._answers]
        system = next((answer.system for answer in answers if answer.system), None)
        if system:
            found = dataclasses.replace(found, status=system.status, version=system.version or found.version)
        listed_any = any(source.kind == "console" and source.state != SILENT for source in self._sources)
        whose = [identity for identity in dict.fromkeys([found.domain, *hosts]) if identity]
        return Rack(
            found=found,
            listed=bool(found.console) if listed_any else None,
            backed=self._backed(found, stack),
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

    def _backed(self, found: Found, stack: aws.SeenRack | None) -> bool | None:
        if stack:
            return True
        whole = [source.state != SILENT for source in self._sources if source.kind == "aws"]
        elsewhere = found.provider not in ("", "aws") or found.generation == "v3"
        return None if elsewhere or not whole or not all(whole) else False

    def _of(self, kind: str, whose: t.Sequence[str]) -> list[tuple[str, Record]]:
        return [each for identity in whose for each in self._records.get((kind, identity), [])]

    def _rolled(self, kind: str, whose: t.Sequence[str]) -> t.Iterator[Rolled]:
        for dummy, record in self._of(kind, whose):
            digest = record.digest or (Key.of(record.current).digest if record.current else None)
            if record.rolled_at and digest:
                yield Rolled(record.rolled_at, BY_STORE, "", digest)
        for identity in whose:
            yield from self._by_ledger.get((kind, identity), {}).values()
            yield from (seen.rolled[(kind, identity)] for seen in self._tagged if (kind, identity) in seen.rolled)

    def _unfinished(self, kind: str, whose: t.Sequence[str]) -> t.Iterator[Unfinished]:
        for where, record in self._of(kind, whose):
            if record.pending:
                pending = record.pending
                steps = (pending.confirmed, "confirmed"), (pending.activating, "activating"), (pending.applying, "applying")
                yield Unfinished(kind, pending.staged_at, next((step for noted, step in steps if noted), "staged"), where)
        for identity in whose:
            yield from (seen.unfinished[(kind, identity)] for seen in self._tagged if (kind, identity) in seen.unfinished)

    def _consoles(self) -> tuple[Console, ...]:
        """The one whose racks are audited, and others that somebody is logged into."""
        found, listing = [], self._listing
        if listing is not None:
            asked = tuple(Asked(Key.of(key), ACCEPTED if taken else REFUSED) for key, dummy, taken in listing.tried)
            given = [Login(listing.host, Key.of(key), source) for key, source, dummy in listing.tried if source == "api_key"]
            found.append(self._console(listing.host, asked, given))
        return (*found, *(self._console(host, answer.asked) for host, answer in sorted(self._answers.items()) if answer.console))

    def _console(self, host: str, asked: tuple[Asked, ...], given: t.Sequence[Login] = ()) -> Console:
        kind = records.CONSOLE_API_KEY
        whose = list(dict.fromkeys(identity for of, identity in [*self._records, *self._by_ledger] if of == kind and identity.endswith(f"@{host}")))
        in_force = next((each.key for each in asked if each.said == ACCEPTED), None)
        made = [rolled for rolled in self._rolled(kind, whose) if in_force and rolled.is_of(in_force)]
        last = max(made, key=lambda rolled: rolled.at, default=None)
        known = Made(last.at, last.by) if last else None
        return Console(host, asked, (*self._logins([host]), *given), known, tuple(self._unfinished(kind, whose)))


def _through(copy: Copy | None) -> bool | None:
    """Whether a rack that was asked by its Console alone has answered, be it that the Console's key is dead."""
    return None if copy is None or (copy.state == COPY_UNKNOWN and not copy.why) else copy.state != COPY_UNKNOWN
