# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""A JSON file as a store, in the shape of ``rotations.json`` (docs/stores.md)."""

from __future__ import annotations

import os
import typing as t

from ansible_collections.convox.credentials.plugins.module_utils import files, records
from ansible_collections.convox.credentials.plugins.module_utils.errors import Damaged, StoreFailed
from ansible_collections.convox.credentials.plugins.module_utils.records import Record
from ansible_collections.convox.credentials.plugins.module_utils.store import Met, Promotion


class FileStore:
    """One JSON file: ``{kind: {identity: record}}``. Names in it that are not ours stay as they are."""

    def __init__(self, path: str, persistent: bool = False) -> None:
        self.path = os.path.abspath(os.path.expanduser(path))
        self.persistent = persistent
        self.label = f"file:{self.path}"
        self._met = Met()

    def load(self, kind: str, name: str) -> Record | None:
        record = self.find(kind, name)
        if record is not None:
            self._met.add(kind, record.identity, record.current, record.pending.key if record.pending else None)
        return record

    def find(self, kind: str, name: str) -> Record | None:
        """The same for who decides nothing by it: what is saved afterwards is compared with what ``load`` returned."""
        section = self._section(files.read_json(self.path, files.LARGEST_STORE), kind)
        by_host = (k for k, v in section.items() if isinstance(v, dict) and name in (v.get("host"), v.get("console")))
        identity = name if name in section else next(by_host, None)
        return None if identity is None else records.from_json(kind, identity, section[identity], self.path)

    def every(self) -> list[Record]:
        """All that it has. Kinds of records that are not known here are left out."""
        data = files.read_json(self.path, files.LARGEST_STORE)
        return [
            records.from_json(kind, identity, each, self.path) for kind in records.KINDS for identity, each in self._section(data, kind).items()
        ]

    def save(self, record: Record) -> None:
        with files.updating(self.path, files.LARGEST_STORE) as data:
            section = data[record.kind] = self._section(data, record.kind)
            there = section.get(record.identity)
            self._met.refuse_others(self.label, record, *_keys_of(there))
            section[record.identity] = records.to_json(record, there)
        self._met.add(record.kind, record.identity, record.current, record.pending.key if record.pending else None)

    def promote(self, record: Record, promotion: Promotion) -> None:
        self.save(record)

    def key(self, kind: str, host: str) -> str | None:
        record = self.find(kind, host)
        return record.current if record else None

    def prove(self, record: Record, dry: bool) -> None:
        files.read_json(self.path, files.LARGEST_STORE)
        if not dry:
            files.prove_writable(self.path)
        elif not files.writable(self.path):
            raise StoreFailed(f"{self.path}: not writable; nothing was rolled; choose another path in stores")

    def _section(self, data: dict[str, t.Any], kind: str) -> dict[str, t.Any]:
        section = data.get(kind, {})
        if not isinstance(section, dict):
            raise Damaged(f"{self.path}: what it has as {kind} is not as this collection wrote it; nothing was changed; mend the file")
        return section


def _keys_of(there: t.Any) -> tuple[str | None, str | None]:
    """The pending key and the current one of an entry, whatever else is in it."""
    entry = there if isinstance(there, dict) else {}
    pending = entry.get("pending")
    found = (pending.get("key") if isinstance(pending, dict) else None, entry.get("current"))
    pending_key, current = (key if isinstance(key, str) and key else None for key in found)
    return pending_key, current
