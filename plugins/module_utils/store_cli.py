# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""The Convox CLI's own directory as a store: what it reads and writes itself, and a notebook beside it."""

from __future__ import annotations

import dataclasses
import os
import typing as t

from ansible_collections.convox.credentials.plugins.module_utils import files
from ansible_collections.convox.credentials.plugins.module_utils.cli_config import CliConfig
from ansible_collections.convox.credentials.plugins.module_utils.errors import StoreFailed
from ansible_collections.convox.credentials.plugins.module_utils.keys import digest
from ansible_collections.convox.credentials.plugins.module_utils.records import INSTANCE_KEY, Record, join
from ansible_collections.convox.credentials.plugins.module_utils.store import Promotion
from ansible_collections.convox.credentials.plugins.module_utils.store_file import FileStore


class CliStore:
    """The CLI's ``auth`` for the key in force; beside it ``rotations.json`` for what is pending and what was."""

    label = "cli"

    def __init__(self, cli: CliConfig, persistent: bool = False) -> None:
        self._cli = cli
        self.persistent = persistent
        self._notebooks = [FileStore(layout.file("rotations.json")) for layout in cli.layouts]

    def load(self, kind: str, name: str) -> Record | None:
        return self._joined(book.load(kind, name) for book in self._notebooks)

    def save(self, record: Record) -> None:
        if record.pending is None and {self._login(name, record) for name in (record.identity, record.host) if name} == {record.current}:
            # ``auth`` has it now, and by the names that it is asked for; one copy is enough.
            record = dataclasses.replace(record, current=None)
        for book in [book for book in self._notebooks if book.find(record.kind, record.identity)] or self._notebooks[:1]:
            book.save(record)

    def promote(self, record: Record, promotion: Promotion) -> None:
        """Enters the host where it has no entry yet; those that there are, stores.py exchanges."""
        if promotion.own is not None and self._cli.key(promotion.own) is None:
            self._cli.set_key(promotion.own, promotion.new)
        self.save(record)

    def key(self, kind: str, host: str) -> str | None:
        record = self._joined(book.find(kind, host) for book in self._notebooks)
        if record and record.current:
            return record.current
        return None if kind == INSTANCE_KEY else self._login(host, record)

    @staticmethod
    def _joined(found: t.Iterable[Record | None]) -> Record | None:
        return join([record for record in found if record is not None])

    def _login(self, name: str, record: Record | None) -> str | None:
        """The key in ``auth``: by the name that is asked for, else by the one that the host was reached by."""
        return self._cli.key(name) or (self._cli.key(record.host) if record and record.host else None)

    def prove(self, record: Record, dry: bool) -> None:
        for layout, book in zip(self._cli.layouts, self._notebooks):
            layout.auth()
            there = os.path.exists(layout.file("auth"))
            if layout is self._cli.home or there:
                book.prove(record, dry)
            if there and record.kind != INSTANCE_KEY:
                _prove_replaceable(layout.file("auth"), dry)


def keep_last_copy(cli: CliConfig, host: str) -> list[str]:
    """Before a host's login goes: a rolled key that stands nowhere else is put back into the notebook, as superseded. Returns those."""
    kept = []
    for key in dict.fromkeys(key for key in (layout.key(host) for layout in cli.layouts) if key):
        elsewhere = cli.hosts_with(key) - {host} or any(key == other for other, dummy in cli.rack_keys(host))
        for book in [] if elsewhere else [FileStore(layout.file("rotations.json")) for layout in cli.layouts]:
            for record in book.every():
                if record.digest == digest(key) and key not in record.secrets():
                    book.save(dataclasses.replace(record, superseded=(key, *record.superseded)))
                    kept.append(key)
    return kept


def _prove_replaceable(path: str, dry: bool) -> None:
    """Puts what stands there in its place once more: one that can be written beside may not be moved there, as onto a mount or an immutable file."""
    if dry:
        if not files.writable(path):
            raise StoreFailed(f"{path}: not writable; nothing was rolled; let the user that runs this write there")
        return
    with files.locked(os.path.realpath(path) + ".lock", path, files.LOCK_PATIENCE_S), files.reading(path) as file:
        if file is None:
            return
        # With its byte-order mark, if it has one.
        text = file.read().decode("utf-8")
        try:
            files.write(path, text)
        except StoreFailed as exc:
            raise StoreFailed(
                f"{exc}; nothing was rolled, for the new key could not be put there; mount its directory in place of the file alone, or let it be replaced"
            ) from exc
