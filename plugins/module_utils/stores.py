# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""Where keys are kept: one interface, and a small class for each kind of store.

A store keeps records (records.py). It writes each one durably or raises; what it does at the end of a rotation with
the key that came into force is its ``promote``. To add a kind: one class here, and its name in ``KINDS``.
"""

from __future__ import annotations

import dataclasses
import os
import typing as t

from ansible_collections.convox.credentials.plugins.module_utils import files, records
from ansible_collections.convox.credentials.plugins.module_utils.cli_config import CliConfig
from ansible_collections.convox.credentials.plugins.module_utils.errors import BadInput, Damaged, StoreFailed
from ansible_collections.convox.credentials.plugins.module_utils.keys import Secrets
from ansible_collections.convox.credentials.plugins.module_utils.records import Record

# Set by AWX and ansible-runner for each job, whose files are gone after it (documented in docs/stores.md).
JOB_VARIABLES = ("AWX_HOST", "TOWER_HOST", "AWX_PRIVATE_DATA_DIR", "AWX_ISOLATED_DATA_DIR", "RUNNER_OMIT_EVENTS")


@dataclasses.dataclass(frozen=True)
class Promotion:
    """Whose entries in ``auth`` take the new key. ``own``: the host's own entry, None for none.

    ``own_was_refused``: what it held was refused by the server before anything was rolled.
    """

    own: str | None
    old: str | None
    new: str
    own_was_refused: bool = False


class Store(t.Protocol):
    """One place for records. ``label`` names it in messages and in the field ``stored_in``."""

    label: str
    persistent: bool

    def load(self, kind: str, name: str) -> Record | None:
        """The record of an identity, or of a host that was recorded with it. Raises StoreFailed or Damaged."""

    def save(self, record: Record) -> None:
        """Make the record durable before returning."""

    def promote(self, record: Record, promotion: Promotion) -> None:
        """The pending key is in force: make it the one that people find. May be repeated."""

    def key(self, kind: str, host: str) -> str | None:
        """The current key of a host, for those who want to use it."""

    def prove(self, dry: bool) -> None:
        """Write and read back, or with ``dry`` only ask for the permission; StoreFailed if a key could be lost here."""


class FileStore:
    """One JSON file: ``{kind: {identity: record}}``. Names in it that are not ours stay as they are."""

    def __init__(self, path: str, persistent: bool = False) -> None:
        self.path = os.path.abspath(os.path.expanduser(path))
        self.persistent = persistent
        self.label = f"file:{self.path}"

    def load(self, kind: str, name: str) -> Record | None:
        section = self._section(files.read_json(self.path), kind)
        by_host = (k for k, v in section.items() if isinstance(v, dict) and v.get("host") == name)
        identity = name if name in section else next(by_host, None)
        return None if identity is None else records.from_json(kind, identity, section[identity], self.path)

    def save(self, record: Record) -> None:
        with files.updating(self.path) as data:
            section = data[record.kind] = self._section(data, record.kind)
            section[record.identity] = records.to_json(record, section.get(record.identity))

    def promote(self, record: Record, promotion: Promotion) -> None:
        self.save(record)

    def key(self, kind: str, host: str) -> str | None:
        record = self.load(kind, host)
        return record.current if record else None

    def prove(self, dry: bool) -> None:
        files.read_json(self.path)
        if not dry:
            files.prove_writable(self.path)
        elif not files.writable(self.path):
            raise StoreFailed(f"{self.path}: not writable; nothing was rolled; choose another path in stores")

    def _section(self, data: dict[str, t.Any], kind: str) -> dict[str, t.Any]:
        section = data.get(kind, {})
        if not isinstance(section, dict):
            raise Damaged(f"{self.path}: what it has as {kind} is not as this collection wrote it; nothing was changed; mend the file")
        return section


class CliStore:
    """The CLI's ``auth`` for the key in force; beside it ``rotations.json`` for what is pending and what was."""

    label = "cli"

    def __init__(self, cli: CliConfig, persistent: bool = False) -> None:
        self._cli = cli
        self.persistent = persistent
        self._notebooks = [FileStore(layout.file("rotations.json")) for layout in cli.layouts]

    def load(self, kind: str, name: str) -> Record | None:
        return _join([record for record in (book.load(kind, name) for book in self._notebooks) if record is not None])

    def save(self, record: Record) -> None:
        if record.pending is None and self._cli.holds_key(record.current):
            # ``auth`` has it now; one copy is enough.
            record = dataclasses.replace(record, current=None)
        for book in [book for book in self._notebooks if book.load(record.kind, record.identity)] or self._notebooks[:1]:
            book.save(record)

    def promote(self, record: Record, promotion: Promotion) -> None:
        if promotion.own is not None:
            there = self._cli.key(promotion.own)
            if there in (None, promotion.old) or promotion.own_was_refused:
                self._cli.set_key(promotion.own, promotion.new)
        self.save(record)

    def key(self, kind: str, host: str) -> str | None:
        record = self.load(kind, host)
        return record.current if record and record.current else self._cli.key(host)

    def prove(self, dry: bool) -> None:
        for layout, book in zip(self._cli.layouts, self._notebooks):
            layout.auth()
            if layout is self._cli.home or os.path.exists(layout.file("auth")):
                book.prove(dry)


KINDS: dict[str, t.Callable[[dict[str, t.Any], CliConfig], Store]] = {
    "cli": lambda option, cli: CliStore(cli, bool(option.get("persistent"))),
    "file": lambda option, cli: FileStore(_path(option), bool(option.get("persistent"))),
}


def _path(option: t.Mapping[str, t.Any]) -> str:
    if not option.get("path"):
        raise BadInput("stores: an entry of type file has no path; name the file, as in {type: file, path: ~/keys.json}")
    return str(option["path"])


class StoreSet:
    """The stores of one run, as one: the first is written first, and each of them before anything goes on."""

    def __init__(self, options: t.Sequence[dict[str, t.Any]], cli: CliConfig, secrets: Secrets) -> None:
        if not options:
            raise BadInput("stores: empty; a new key must be kept somewhere; leave the option out for the CLI's files")
        self._cli = cli
        self._secrets = secrets
        self._stores = [KINDS[option["type"]](option, cli) for option in options]
        # An unfinished rotation in the CLI's directory counts, whatever stores are named.
        self._also_read = [] if any(isinstance(store, CliStore) for store in self._stores) else [CliStore(cli)]

    @property
    def labels(self) -> list[str]:
        return [store.label for store in self._stores]

    @property
    def named(self) -> str:
        """The stores as messages name them."""
        return ", ".join(self.labels)

    def load(self, kind: str, name: str) -> Record:
        """What the stores know, joined: a pending rotation from whichever has one, the first store's word otherwise."""
        record = _join([r for r in (s.load(kind, name) for s in self._stores + self._also_read) if r is not None])
        if record is None:
            return Record(kind, name)
        for key in record.secrets():
            self._secrets.add(key)
        return record

    def save(self, record: Record) -> None:
        for store in self._stores:
            store.save(record)

    def promote(self, record: Record, promotion: Promotion) -> None:
        for store in self._stores:
            store.promote(record, promotion)
        if promotion.old is not None:
            # Also where the CLI's files are no store: whoever logged in with the old key goes on with the new one.
            self._cli.replace_key(promotion.old, promotion.new)
        for store in self._stores + [s for s in self._also_read if s.load(record.kind, record.identity)]:
            store.save(record.committed())

    def keys(self, kind: str, host: str) -> list[tuple[str, str]]:
        """(key, where it was found), in the stores' order."""
        found = [(store.key(kind, host), store.label) for store in self._stores]
        for key, dummy in found:
            self._secrets.add(key)
        return [(key, label) for key, label in found if key]

    def refuse_short_lived(self, environ: t.Mapping[str, str]) -> None:
        """A key must not be kept where the job's end deletes it."""
        job = next((name for name in JOB_VARIABLES if environ.get(name)), None)
        short = ", ".join(store.label for store in self._stores if not store.persistent)
        if job and short:
            raise BadInput(
                f"stores: {short} would be lost with this job ({job} is set): nothing was rolled; name a store outside of it, "
                "or say persistent: true if its path outlives the job"
            )

    def prove(self, dry: bool) -> None:
        for store in self._stores:
            store.prove(dry)


def _join(found: t.Sequence[Record]) -> Record | None:
    """What several places know, as one: a pending rotation from whichever has one, the first one's word otherwise."""
    if not found:
        return None
    pending = [record for record in found if record.pending is not None]
    chosen = max(pending, key=_progress) if pending else found[0]
    ids = dict.fromkeys(i for record in found for i in record.rotation_ids)
    held = dict.fromkeys(key for record in found for key in record.secrets())
    known = set(chosen.secrets())
    rest = tuple(key for key in held if key not in known)
    joined = dataclasses.replace(chosen, rotation_ids=tuple(ids))
    if joined.pending is not None and joined.old is None:
        # Not as superseded: after a promotion that was cut short, the first of those is the key that was replaced.
        return joined.note(found=joined.pending.found + rest)
    return dataclasses.replace(joined, superseded=joined.superseded + rest)


def _progress(record: Record) -> tuple[bool, bool, str]:
    """Which of two pending rotations goes on: the one that got farther, then the younger; both keys stay held."""
    pending = record.pending
    if pending is None:
        return (False, False, "")
    return (pending.activating is not None, pending.applying is not None, pending.staged_at)
