# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""Everybody who can tell of a fleet's credentials is asked, at the same time."""

from __future__ import annotations

import collections
import concurrent.futures
import contextlib
import dataclasses
import queue
import typing as t

from ansible_collections.convox.credentials.plugins.module_utils import fleet, ledger, racks_found, records
from ansible_collections.convox.credentials.plugins.module_utils.audit_evidence import (
    ANSWERED,
    COPY_OK,
    COPY_STALE,
    COPY_UNKNOWN,
    PARTLY,
    SILENT,
    Evidence,
    Rack,
    Source,
    words,
)
from ansible_collections.convox.credentials.plugins.module_utils.audit_join import Copy, Heard, join
from ansible_collections.convox.credentials.plugins.module_utils.aws import Aws
from ansible_collections.convox.credentials.plugins.module_utils.cli_config import DEFAULT_CONSOLE
from ansible_collections.convox.credentials.plugins.module_utils.console_listing import Listing, described
from ansible_collections.convox.credentials.plugins.module_utils.errors import BadInput, BadReply, ConvoxError, OpenToAll
from ansible_collections.convox.credentials.plugins.module_utils.gather import aws, files, racks, secrets, tables
from ansible_collections.convox.credentials.plugins.module_utils.gather import ledger as lines
from ansible_collections.convox.credentials.plugins.module_utils.rack import Rack as RackClient
from ansible_collections.convox.credentials.plugins.module_utils.racks_found import Found
from ansible_collections.convox.credentials.plugins.module_utils.target import Reach, Target, find_target
from ansible_collections.convox.credentials.plugins.module_utils.task import Task
from ansible_collections.convox.credentials.plugins.module_utils.transport import OWN_STATUS, TOKEN_USER
from ansible_collections.convox.credentials.plugins.module_utils.ways import LATENT_SINCE

# A rack that does not answer holds one of them for as long as a request may take.
AT_ONCE = 64
# Requests to one rack, its Console's included.
MOST = 3
# A rack's answer where a Console would list its racks.
_NO_CONSOLE = 404


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
        self._filters: t.Mapping[str, t.Any] = task.options["filters"]
        self._heard = Heard(filters=self._filters, named=task.options["racks"])
        self._listing: Listing | None = None
        # Who was given by a URL with its key in it, and how its certificate is trusted.
        self._by_url: tuple[Target, str | None] | None = None
        self._pending: dict[str, list[str]] = collections.defaultdict(list)
        self._untrusted: set[str] = set()
        self._unwanted: set[str] = set()
        # What racks are asked, by what to call who answers, and what of it is answered.
        self._waiting: dict[concurrent.futures.Future[t.Any], str] = {}
        self._done: queue.SimpleQueue[concurrent.futures.Future[t.Any]] = queue.SimpleQueue()
        # Connections to the Console that nobody uses at the moment.
        self._ways: list[RackClient] = []

    def run(self) -> Evidence:
        options, heard = self._task.options, self._heard
        ways = self._regions()
        asked_regions = [self._pool.submit(aws.look, way, label, profile) for way, label, profile in ways]
        self._take_url()
        for host, key in options["api_keys"]:
            self._task.secrets.add(key)
            heard.keys[host].append(files.Held(host, key, "api_keys"))
        # Nothing that is read of it changes while this goes on.
        self._task.cli = self._task.cli.as_seen()
        asked_console = self._pool.submit(self._list) if self._asks_console() else None
        paths = [entry["path"] for entry in options["stores"] if entry["type"] == "file"]
        homes = files.find_homes(options["homes"]) if options["homes"] else files.Homes(self._task.cli.layouts, [])
        asked_files = self._pool.submit(files.look, homes.layouts, paths, homes.failed)
        asked_ledger = self._pool.submit(lines.look, ledger.path_of(self._task), bool(options.get("ledger_path")))
        asked_vaults = [self._pool.submit(secrets.look, way, label) for way, label in self._vaults(ways)]
        asked_tables = self._pool.submit(tables.look, self._aws(options["tables"]), options["tables"]["prefix"]) if options["tables"] else None
        kept = asked_files.result()
        self._take_files(kept)
        listed = asked_console.result() if asked_console else []
        if self._listing is not None:
            heard.console, heard.tried = self._listing.host, self._listing.tried
        self._ask_console(listed)
        regions = [each.result() for each in asked_regions]
        for region in regions:
            heard.stacks.update((rack.found.domain or rack.found.full_name, rack) for rack in region.racks)
        self._unwanted = {name for name, rack in heard.stacks.items() if not self._may_be_wanted(rack.found)}
        noted, heard.tagged = asked_ledger.result(), [each.result() for each in asked_vaults]
        heard.by_ledger = noted.rolled
        if options["ask_racks"]:
            self._ask_racks(bool(listed))
        people = asked_tables.result() if asked_tables else None
        heard.sources += [kept.source, *(each.source for each in regions), *(each.source for each in heard.tagged)]
        heard.sources += [source for source in (noted.source, people.source if people else None) if source]
        joined = join(heard)
        seen = self._ask_ecs(joined.racks, [(way, region) for (way, dummy, dummy2), region in zip(ways, regions)])
        return Evidence(
            at=self._task.clock.stamp(),
            racks=tuple(seen),
            consoles=tuple(joined.consoles),
            accounts=tuple(region.account for region in regions if region.account),
            users=tuple(people.users) if people else (),
            deploy_keys=people.deploy_keys if people else 0,
            tables=people.prefix if people else "",
            files=tuple(kept.files),
            ledgers=tuple(each for each in (noted.ledger,) if each),
            strays=tuple(joined.strays),
            sources=tuple(heard.sources),
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
                    self._heard.sources.append(Source("aws", whose or "all regions", SILENT, str(exc)))
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
            self._heard.keys[given.host].append(files.Held(given.host, t.cast(str, given.key), "rack_url"))
            self._by_url = given, self._task.options.get("tls_fingerprint")
            # The option is about that rack then, and no certificate is also a Console's.
            self._task = dataclasses.replace(self._task, options={**self._task.options, "rack_url": None, "tls_fingerprint": None})

    def _asks_console(self) -> bool:
        """As the option says; else one that is named, or that the CLI is logged into."""
        said, cli = self._task.options.get("console"), self._task.cli
        if said is not None or self._console_named:
            return said is None or bool(said)
        try:
            return bool(cli.key(cli.active_host_and_file()[1] or DEFAULT_CONSOLE))
        except ConvoxError as exc:
            # Which one it is, or whether there is one, a damaged file does not tell.
            self._heard.sources.append(Source("console", "", SILENT, str(exc)))
            return False

    @property
    def _console_named(self) -> bool:
        return bool(self._task.options.get("console") or self._task.options.get("host") or self._task.environ.get("CONVOX_HOST"))

    def _list(self) -> list[Found]:
        """The Console's racks."""
        try:
            self._listing = listing = Listing(self._task)
        except OpenToAll as exc:
            self._heard.sources.append(Source("console", self._task.options.get("host") or "", SILENT, str(exc)))
            return []
        subject = listing.host
        try:
            answers = listing.racks()
        except ConvoxError as exc:
            if isinstance(exc, BadReply) and exc.status == _NO_CONSOLE and not self._console_named:
                # It is a rack that the CLI was logged into last.
                self._listing = None
            else:
                self._heard.sources.append(Source("console", subject, SILENT, str(exc)))
            return []
        strange = [f"{label}: {answer}" for label, answer in answers if isinstance(answer, str)]
        found = [answer for dummy, answer in answers if not isinstance(answer, str) and self._may_be_wanted(answer)]
        self._heard.sources.append(Source("console", subject, PARTLY if strange else ANSWERED, strange[0] if strange else f"{len(found)} racks"))
        return found

    def _may_be_wanted(self, rack: Found) -> bool:
        """By what is known of it before it is asked."""
        told = rack.told()
        include = [{field: patterns for field, patterns in entry.items() if told[field]} for entry in self._filters.get("include", ())]
        return racks_found.wanted(rack, {"include": include})

    def _take_files(self, seen: files.Files) -> None:
        open_to_all = {file.path for file in seen.files if file.writable}
        for where, record in seen.records:
            for key in record.secrets():
                self._task.secrets.add_unless_short(key)
            self._heard.records[(record.kind, record.identity)].append((where, record))
            if record.kind == records.RACK_API_KEY:
                host = record.identity
                if record.current:
                    self._heard.keys[host].append(files.Held(host, record.current, where))
                if record.pending and record.pending.key:
                    self._pending[host].append(record.pending.key)
        # After what a store knows, which is the likeliest: a rack is asked with few keys.
        for held in seen.logins:
            self._task.secrets.add_unless_short(held.key)
            self._heard.keys[held.host].append(held)
        # Where everybody can write, anybody could have named the host that a key is sent to.
        self._untrusted = {host for host, each in self._heard.keys.items() if all(held.where in open_to_all for held in each)}

    # -- asking racks -------------------------------------------------------------------------------------------------
    def _ask_console(self, listed: t.Sequence[Found]) -> None:
        """Of each rack that it lists; that takes no more than its list, so that AWS may go on answering meanwhile."""
        self._heard.copies = {rack.full_name: Copy(rack, COPY_UNKNOWN) for rack in listed}
        if self._task.options["ask_racks"]:
            for rack in listed:
                self._submit("", self._ask_through, rack)

    def _submit(self, name: str, *question: t.Any) -> None:
        future = self._pool.submit(*question)
        self._waiting[future] = name
        future.add_done_callback(self._done.put)

    def _ask_racks(self, through: bool) -> None:
        """``through``: whether a Console is asked about them, too."""
        console = self._heard.console
        recorded = {identity for kind, identity in self._heard.records if kind == records.RACK_API_KEY}
        named = {*self._heard.stacks, *self._task.options["racks"]}
        left = sorted(self._untrusted - named - recorded)
        # Of these, nothing but the host is known yet.
        others = {*self._heard.keys, *recorded}.difference(left, self._unwanted)
        hosts = (named - self._unwanted) | {host for host in others if racks_found.wanted(Found("", domain=host), self._filters)}
        not_asked = f"; not asked, for they stand only where everybody can write: {words(left)}" if left else ""
        self._heard.sources.append(Source("racks", "", PARTLY if left else ANSWERED, f"{len(hosts - {console})} hosts{not_asked}"))
        reach = Reach(self._task, Target(console, None, None))
        ways = self._way_by_url()
        begun = {console}

        def ask(host: str) -> None:
            if host and "/" not in host and host not in begun:
                begun.add(host)
                self._submit(host, self._ask, ways.get(host, reach), host, MOST - through, hosts)

        for host in sorted(hosts):
            ask(host)
        while self._waiting:
            future = self._done.get()
            host, answer = self._waiting.pop(future), future.result()
            if isinstance(answer, Copy):
                self._heard.copies[answer.found.full_name] = answer
                ask(answer.found.domain)
            else:
                self._heard.answers[host] = answer
        self._leave_console()

    def _ask_ecs(self, seen: t.Sequence[Rack], asked: t.Sequence[tuple[Aws, aws.Region]]) -> list[Rack]:
        """The racks, those in doubt with the start of their containers: it takes calls for each, so that no other is asked about."""
        ways = {_stack_of(rack.found): (way, region.source) for way, region in asked for rack in region.racks}
        denied: dict[Source, list[str]] = collections.defaultdict(list)

        def ask(rack: Rack) -> concurrent.futures.Future[str | None] | None:
            # Before that release the stack restarts the API itself.
            if not rack.in_doubt or rack.found.version < LATENT_SINCE:
                return None
            way, source = ways[_stack_of(rack.found)]
            return self._pool.submit(aws.oldest_task, way, rack.found.stack, denied[source])

        told = [answer.result() if answer else None for answer in [ask(rack) for rack in seen]]
        self._heard.sources = [aws.partly(source, denied.get(source, ())) for source in self._heard.sources]
        return [rack.running_since(date) if date else rack for rack, date in zip(seen, told)]

    def _way_by_url(self) -> dict[str, Reach]:
        """By its host, to the rack that the task was given."""
        if self._by_url is None:
            return {}
        given, pin = self._by_url
        return {given.host: Reach(dataclasses.replace(self._task, options={**self._task.options, "tls_fingerprint": pin}), given)}

    def _ask(self, reach: Reach, host: str, most: int, hosts: t.Container[str]) -> racks.Answer:
        stack = self._heard.stacks.get(host)
        known = [stack.key] if stack and stack.key else []
        known += [held.key for held in self._heard.keys.get(host, ())] + self._pending.get(host, [])
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
            self._heard.copies.update((name, self._heard.copies[name]._replace(state=COPY_STALE)) for name in self._listing.dead_copies)
        while self._ways:
            self._ways.pop().close()


def _stack_of(rack: Found) -> tuple[str, str, str]:
    """What tells its stack from all others, whatever the Console calls the rack."""
    return rack.account, rack.region, rack.stack
