# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""What a place that keeps keys must be able to do: the one interface of all stores (stores.py has their kinds)."""

from __future__ import annotations

import dataclasses
import typing as t

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
