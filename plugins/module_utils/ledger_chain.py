# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""The chain of a ledger's lines: each carries the SHA-256 of what stands above it, from the last entry on.

Where all is well that is the line before, without its end. A line that a crash cut short is no entry: it counts together
with the entry above it, so that nothing stands in a ledger that no later line is bound to.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import re
import typing as t

from ansible_collections.convox.credentials.plugins.module_utils.times import parse_date

# Far longer than a line of any rotation; of a longer one, no more than that is held at once.
LONGEST_LINE = 1 << 20
_TAIL = 64 << 10


def digest(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()


EMPTY = digest(b"")


class Line(t.NamedTuple):
    """A line of a ledger. ``entry``: what it holds; None for what is none. ``bound``: whether an entry carries the hash of
    what stands above it. ``head``: the hash that a next line would carry.
    """

    number: int
    entry: dict[str, t.Any] | None
    bound: bool
    head: str


def entry_of(line: bytes) -> dict[str, t.Any] | None:
    """What a line holds; None where it was cut short or is something else."""
    if len(line) >= LONGEST_LINE:
        return None
    try:
        entry = json.loads(line.decode("utf-8"))
    except (ValueError, RecursionError):
        return None
    return entry if isinstance(entry, dict) and isinstance(entry.get("before"), str) else None


def walk(file: t.BinaryIO, size: int) -> t.Iterator[Line]:
    """The lines of the first so many bytes, each looked at by itself, whatever their number."""
    above, number = hashlib.sha256(), 0
    text = file.readline(min(size, LONGEST_LINE))
    while text:
        size -= len(text)
        number += 1
        line = text.rstrip(b"\n")
        entry = entry_of(line) if text != line or not size else None
        bound = entry is not None and entry["before"] == above.hexdigest()
        if entry is not None:
            above = hashlib.sha256()
        elif number > 1:
            above.update(b"\n")
        above.update(line)
        while text == line and size:
            # The rest of a line that is too long for an entry.
            text = file.readline(min(size, LONGEST_LINE))
            line = text.rstrip(b"\n")
            size = size - len(text) if text else 0
            above.update(line)
        yield Line(number, entry, bound, above.hexdigest())
        text = file.readline(min(size, LONGEST_LINE))


def tail(file: t.BinaryIO) -> bytes:
    """What a next line is bound to, and the end of its last line: from the last entry on, or all where there is none."""
    size, wanted = file.seek(0, os.SEEK_END), _TAIL
    while True:
        start = file.seek(max(0, size - wanted))
        text = file.read(size - start)
        found = _last_entry(text, whole=start == 0)
        if found is not None:
            return text[found:]
        wanted *= 4


def _last_entry(text: bytes, whole: bool) -> int | None:
    """Where the last entry begins. 0 where there is none in the ``whole`` of a ledger, None where it is further up."""
    end = len(text) - text.endswith(b"\n")
    while end >= 0:
        begin = text.rfind(b"\n", 0, end) + 1
        if not begin and not whole:
            return None
        if entry_of(text[begin:end]) is not None:
            return begin
        end = begin - 1
    return 0


# -- what an entry holds ------------------------------------------------------------------------------------------
# Half a pair, as JSON can hold it and nothing can print it.
_SURROGATE = re.compile("[\ud800-\udfff]")


def _is_text(value: t.Any) -> bool:
    return isinstance(value, str) and not _SURROGATE.search(value)


def _is_text_or_none(value: t.Any) -> bool:
    return value is None or _is_text(value)


def _is_date(value: t.Any) -> bool:
    try:
        return bool(parse_date(value))
    except (TypeError, ValueError):
        return False


FIELDS: dict[str, t.Callable[[t.Any], bool]] = {
    "what": _is_text,
    "identity": _is_text,
    "rack": _is_text_or_none,
    "old": _is_text_or_none,
    "new": _is_text,
    "at": _is_date,
    "rotation_ids": lambda value: isinstance(value, list) and all(_is_text(each) for each in value),
    "seconds": lambda value: value is None or (isinstance(value, (int, float)) and 0 <= value < 1e9),
    "job": _is_text_or_none,
    "awx": _is_text_or_none,
}


def strange(entry: t.Mapping[str, t.Any]) -> list[str]:
    """The fields that hold what this collection never writes there."""
    return [name for name, holds in FIELDS.items() if not holds(entry.get(name))]


# -- whether it is whole ------------------------------------------------------------------------------------------
class Damage(t.NamedTuple):
    """A place where a ledger is not as it was written. ``line``: None for the ledger as a whole."""

    line: int | None
    what: str


@dataclasses.dataclass
class Verdict:
    """What is said of a ledger whose lines were taken in, one after the other.

    ``noted``: a head that was noted before, and so has to occur. ``most``: so many places are named, not more. ``torn``:
    lines that a crash cut short and that a later one is bound to: they are no damage.
    """

    noted: str | None = None
    most: int = 100
    lines: int = 0
    head: str = EMPTY
    first_at: str | None = None
    last_at: str | None = None
    whole: bool = True
    damage: list[Damage] = dataclasses.field(default_factory=list)
    torn: list[int] = dataclasses.field(default_factory=list)

    def __post_init__(self) -> None:
        self._known = self.noted in (None, EMPTY)
        # The first of the lines since the last entry.
        self._loose: int | None = None

    def take(self, line: Line) -> bool:
        """Whether it is an entry that can be shown."""
        self.lines, self.head = line.number, line.head
        self._known = self._known or line.head == self.noted
        if line.entry is None:
            self._loose = self._loose or line.number
            return False
        if self._loose and line.bound:
            self.torn += range(self._loose, min(line.number, self._loose + self.most - len(self.torn)))
        elif self._loose:
            self._say(self._loose, "no entry, and the next one is not bound to it: changed, or written by something else")
        self._loose = None
        if not line.bound:
            above = "the ledger begins later than it did" if line.number == 1 else "that was changed, taken out or put in, or this line was"
            self._say(line.number, f"not bound to what stands above it: {above}")
        wrong = strange(line.entry)
        if wrong:
            self._say(line.number, f"an entry that no roll wrote: {', '.join(wrong)}")
            return False
        self.first_at = self.first_at or line.entry["at"]
        self.last_at = line.entry["at"]
        return True

    def end(self) -> None:
        """There are no more lines."""
        if self._loose:
            self._say(self._loose, "no entry at the ledger's end: a run died while it wrote its line, or somebody cut that; the next roll writes below it")
        if not self._known:
            self._say(None, f"the head {self.noted} does not occur: lines were changed or taken out since it was noted, or it is another ledger's")

    def _say(self, line: int | None, what: str) -> None:
        self.whole = False
        if len(self.damage) < self.most:
            self.damage.append(Damage(line, what))
