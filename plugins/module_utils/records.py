# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""What a store remembers of one credential: data only, and its JSON shape.

Each record belongs to a ``kind`` and an ``identity``: a rack's is its ``rack-domain``, since one rack has several
host names; a Console key's is ``email@host``.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.convox.credentials.plugins.module_utils.errors import Damaged
from ansible_collections.convox.credentials.plugins.module_utils.keys import digest
from ansible_collections.convox.credentials.plugins.module_utils.times import parse_date

RACK_API_KEY = "rack_api_key"
CONSOLE_API_KEY = "console_api_key"
INSTANCE_KEY = "instance_key"
KINDS = (RACK_API_KEY, CONSOLE_API_KEY, INSTANCE_KEY)


@dataclasses.dataclass(frozen=True)
class Pending:
    """A rotation under way. It ends only by being committed.

    ``key`` is the new key (None: not made yet, or the rack keeps it); of v3's instance key, the private one of ``key_name``.
    Dates are ISO 8601 in UTC, by the server's clock.
    ``found`` are other keys met on the way that a container could take up: held until the next success.
    ``old_key_name`` and ``pairs``, those of the account: what an instance keyroll compares with. ``instances``: the rack's
    own when it was staged, of which AWS may replace some; ``builds``: those that were under way then, with the old key.
    """

    key: str | None
    staged_at: str
    rotation_ids: tuple[str, ...]
    applying: str | None = None
    activating: str | None = None
    activated_by: str | None = None
    confirmed: str | None = None
    found: tuple[str, ...] = ()
    old_key_name: str | None = None
    key_name: str | None = None
    pairs: tuple[str, ...] = ()
    instances: tuple[str, ...] = ()
    builds: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Record:
    """``current``: the key in force as far as this store knows; ``digest``: of the key that was rolled at ``rolled_at``
    (an instance key's private half is ours on v3 only: ``key_name`` tells its pair).

    ``superseded``: former keys, held until the next success. ``rotation_ids``: of committed rotations. ``console``: what
    the rack goes by at a Console, as ``org/name@host``, where it was rolled through that.
    """

    kind: str
    identity: str
    name: str | None = None
    host: str | None = None
    console: str | None = None
    current: str | None = None
    digest: str | None = None
    key_name: str | None = None
    rolled_at: str | None = None
    rotation_ids: tuple[str, ...] = ()
    pending: Pending | None = None
    superseded: tuple[str, ...] = ()

    @property
    def old(self) -> str | None:
        """The key that the pending one replaces; after a promotion that was cut short it is already superseded."""
        if self.pending is None or self.pending.key is None or self.current != self.pending.key:
            return self.current
        # Where no former key was known, only what was found on the way is superseded.
        return next((key for key in self.superseded[:1] if key not in self.pending.found), None)

    def secrets(self) -> list[str]:
        pending = (self.pending.key,) + self.pending.found if self.pending else ()
        return [key for key in (self.current,) + pending + self.superseded if key]

    def note(self, **changes: t.Any) -> Record:
        """The record with something noted on its pending rotation."""
        if self.pending is None:
            raise ValueError("no rotation is pending")
        return dataclasses.replace(self, pending=dataclasses.replace(self.pending, **changes))

    def knowing(self, key: str | None) -> Record:
        """With a key that was just accepted as the one in force; what was taken for it is held as superseded."""
        if key is None or key == self.current:
            return self
        former = (self.current,) if self.current else ()
        return dataclasses.replace(self, current=key, superseded=tuple(each for each in dict.fromkeys(former + self.superseded) if each != key))

    def joined(self, rotation_id: str) -> Record:
        """The record with one more rotation_id on its pending rotation."""
        if self.pending is None or rotation_id in self.pending.rotation_ids:
            return self
        return self.note(rotation_ids=self.pending.rotation_ids + (rotation_id,))

    def promoted(self, rolled_at: str) -> Record:
        """The pending key is the current one; the mark is still there, and taken off last."""
        pending = self.pending
        if pending is None:
            raise ValueError("no rotation is pending")
        new_ids = tuple(i for i in pending.rotation_ids if i not in self.rotation_ids)
        former = tuple(key for key in (self.old,) if key)
        return dataclasses.replace(
            self,
            current=pending.key,
            digest=digest(pending.key) if pending.key else None,
            key_name=pending.key_name,
            rolled_at=rolled_at,
            rotation_ids=(self.rotation_ids + new_ids)[-KEPT_IDS:],
            superseded=former + tuple(key for key in pending.found if key not in former + (pending.key,)),
        )

    def committed(self) -> Record:
        return dataclasses.replace(self, pending=None)


# A campaign that is started again finds its id; those of years ago only make the file longer.
KEPT_IDS = 50


def join(found: t.Sequence[Record]) -> Record | None:
    """What several places know, as one: a pending rotation from whichever has one, else the word of the one that saw the last roll."""
    if not found:
        return None
    pending = [record for record in found if record.pending is not None]
    # Of those that saw the same, the first.
    chosen = max(pending, key=_progress) if pending else max(found, key=lambda record: record.rolled_at or "")
    ids = dict.fromkeys(i for record in found for i in record.rotation_ids)
    held = dict.fromkeys(key for record in found for key in record.secrets())
    known = set(chosen.secrets())
    rest = tuple(key for key in held if key not in known)
    joined = dataclasses.replace(chosen, rotation_ids=tuple(ids))
    if joined.pending is not None and joined.old is None:
        # Not as superseded: after a promotion that was cut short, the first of those is the key that was replaced.
        return joined.note(found=joined.pending.found + rest)
    return dataclasses.replace(joined, superseded=joined.superseded + rest)


def _progress(record: Record) -> tuple[bool, bool, bool, str]:
    """Which of two pending rotations goes on: the one that got farther, then the younger; both keys stay held."""
    pending = record.pending
    if pending is None:
        return (False, False, False, "")
    return (pending.activating is not None, pending.applying is not None, pending.key is not None, pending.staged_at)


def to_json(record: Record, there: t.Any = None) -> dict[str, t.Any]:
    """The record as a JSON object, without what is empty; names that are not ours are taken over from what is there."""
    data = _filled(dataclasses.asdict(record))
    data.pop("kind")
    data.pop("identity")
    if record.pending is not None:
        data["pending"] = {**_filled(dataclasses.asdict(record.pending)), **_foreign(Pending, there.get("pending") if isinstance(there, dict) else None)}
    return {**data, **_foreign(Record, there)}


def from_json(kind: str, identity: str, data: t.Mapping[str, t.Any], where: str) -> Record:
    """The record of a JSON object; Damaged where it is none. Unknown names are left to their writer."""
    try:
        pending = data.get("pending")
        return Record(
            kind=kind,
            identity=identity,
            pending=None if pending is None else Pending(**_known(Pending, {"key": None, "rotation_ids": [], **pending})),
            **_known(Record, {k: v for k, v in data.items() if k not in ("kind", "identity", "pending")}),
        )
    except (TypeError, AttributeError, ValueError):
        raise Damaged(
            f"{where}: the entry of {identity} is not as this collection wrote it; nothing was changed; mend the file or take the "
            "entry out once its keys are safe"
        ) from None


_DATES = ("staged_at", "applying", "activating", "confirmed", "rolled_at")


def _filled(data: dict[str, t.Any]) -> dict[str, t.Any]:
    return {k: list(v) if isinstance(v, tuple) else v for k, v in data.items() if v not in (None, (), [])}


def _known(shape: type, data: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """The fields of a shape; TypeError or ValueError where one holds what it can't."""
    return {field.name: _value(field, data[field.name]) for field in dataclasses.fields(shape) if field.name in data}


def _value(field: dataclasses.Field[t.Any], value: t.Any) -> t.Any:
    if str(field.type).startswith("tuple"):
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise TypeError(field.name)
        return tuple(value)
    if not isinstance(value, str) and (value is not None or field.type == "str"):
        raise TypeError(field.name)
    if value is not None and field.name in _DATES:
        parse_date(value)
    return value


def _foreign(shape: type, there: t.Any) -> dict[str, t.Any]:
    names = {field.name for field in dataclasses.fields(shape)}
    return {k: v for k, v in there.items() if k not in names} if isinstance(there, dict) else {}
