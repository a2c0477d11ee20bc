# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""What a place that keeps keys must be able to do: the one interface of all stores (stores.py has their kinds)."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.convox.credentials.plugins.module_utils.errors import StoreFailed
from ansible_collections.convox.credentials.plugins.module_utils.keys import fingerprint
from ansible_collections.convox.credentials.plugins.module_utils.records import Record


@dataclasses.dataclass(frozen=True)
class Promotion:
    """Whose entries in ``auth`` take the new key. ``own``: the host's own entry, None for none.

    ``own_was_refused``: what it held was refused by the server before anything was rolled. ``others``: hosts of other racks
    with the same key, whose entries are theirs.
    """

    own: str | None
    old: str | None
    new: str
    own_was_refused: bool = False
    others: frozenset[str] = frozenset()


class Met:
    """The keys, pending or in force, that one store object has met in each record, or has written into it.

    Another one that is there later is another run's: the locks of two machines, or of two directories, do not keep it out.
    """

    def __init__(self) -> None:
        self._keys: dict[tuple[str, str], set[str]] = {}

    def add(self, kind: str, identity: str, *keys: str | None) -> None:
        self._keys.setdefault((kind, identity), set()).update(key for key in keys if key)

    def refuse_others(self, label: str, record: Record, pending: str | None, current: str | None) -> None:
        """Raises StoreFailed where what is there, ``pending`` or ``current``, would be overwritten by one who does not know it."""
        own = (record.current, record.pending.key if record.pending else None)
        met = self._keys.get((record.kind, record.identity), set())
        # It may be known by another way only, as from a rack's settings: then it is not this rotation's to replace.
        replaced = pending in met and (record.pending is None or pending in record.secrets())
        if pending is not None and pending not in own and not replaced:
            raise staged_meanwhile(label, record, pending)
        if current is not None and current not in own and current not in met:
            raise overtaken(record)


def staged_meanwhile(label: str, record: Record, key: str) -> StoreFailed:
    return StoreFailed(
        f"{label}: another run has staged the key {fingerprint(key)} for {record.identity}; nothing was changed; run again, which finishes that one"
    )


def overtaken(record: Record) -> StoreFailed:
    return StoreFailed(f"{record.identity}: another run has rolled it meanwhile; nothing was changed; run again, which finds what that one did")


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

    def prove(self, record: Record, dry: bool) -> None:
        """Write and read back, or with ``dry`` only ask for the permission; StoreFailed if a key could be lost here.

        ``record``: as it is now, with the key in force where that is known.
        """
