# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stores in memory, written by the collection's own StoreSet, which can be cut short after any of its writes."""

from __future__ import annotations

import functools
import typing as t

from ansible_collections.convox.credentials.plugins.module_utils.records import RACK_API_KEY, Record
from ansible_collections.convox.credentials.plugins.module_utils.store import Promotion
from ansible_collections.convox.credentials.plugins.module_utils.stores import StoreSet

IDENTITY = "rack.example"
WHEN = "2026-01-01T00:00:00Z"

# What each store holds, the first store's record first.
Shelf = tuple[t.Optional[Record], ...]


class _CutShortError(Exception):
    """The run died between two writes."""


class _MemoryStore:
    persistent = True

    def __init__(self, label: str, record: Record | None, before_write: t.Callable[[], None]) -> None:
        self.label = label
        self.record = record
        self._before_write = before_write

    def load(self, kind: str, name: str) -> Record | None:
        return self.record

    def save(self, record: Record) -> None:
        self._before_write()
        self.record = record

    def promote(self, record: Record, promotion: Promotion) -> None:
        self.save(record)

    def key(self, kind: str, host: str) -> str | None:
        return self.record.current if self.record else None

    def prove(self, dry: bool) -> None:
        """Nothing can be wrong with it."""


class _Nobody:
    """Stands in for the CLI's files, which hold nothing here, and for the list of secrets to mask."""

    def replace_key(self, old: str, new: str, but: t.Container[str]) -> None:
        pass

    def add(self, value: str | None) -> None:
        pass


class _MemoryStores(StoreSet):
    """A StoreSet over memory; ``writes``: how many of them are done before it is cut short, None for all."""

    def __init__(self, shelf: Shelf, writes: int | None = None) -> None:
        self._left = writes
        self._cli = t.cast("t.Any", _Nobody())
        self._secrets = t.cast("t.Any", _Nobody())
        self._memory = [_MemoryStore(f"store {n}", record, self._count) for n, record in enumerate(shelf)]
        self._stores = list(self._memory)
        self._also_read = []

    def _count(self) -> None:
        if self._left == 0:
            raise _CutShortError
        if self._left is not None:
            self._left -= 1

    @property
    def shelf(self) -> Shelf:
        return tuple(store.record for store in self._memory)


@functools.cache
def loaded(shelf: Shelf) -> Record:
    return _MemoryStores(shelf).load(RACK_API_KEY, IDENTITY)


@functools.cache
def saved(shelf: Shelf, record: Record) -> tuple[Shelf, ...]:
    """What the stores hold after none, one, two... and all of the writes that saving the record takes."""
    return _cuts(shelf, lambda stores: stores.save(record))


@functools.cache
def promoted(shelf: Shelf, record: Record) -> tuple[Shelf, ...]:
    """The same of a commit, as RackRoll does it."""
    assert record.pending is not None
    assert record.pending.key is not None
    promotion = Promotion(own=None, old=record.old, new=record.pending.key)
    return _cuts(shelf, lambda stores: stores.promote(record.promoted(WHEN), promotion))


def held(shelf: Shelf) -> set[str]:
    """Every key that a durable store has, as current, pending, superseded or found."""
    return {key for record in shelf if record is not None for key in record.secrets()}


def pending_keys(shelf: Shelf) -> set[str | None]:
    return {record.pending.key for record in shelf if record is not None and record.pending is not None}


def _cuts(shelf: Shelf, write: t.Callable[[_MemoryStores], None]) -> tuple[Shelf, ...]:
    found: list[Shelf] = []
    while True:
        stores = _MemoryStores(shelf, writes=len(found))
        try:
            write(stores)
        except _CutShortError:
            found.append(stores.shelf)
        else:
            return (*found, stores.shelf)
