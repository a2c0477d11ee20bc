# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The chain: whole after every append, and whatever is changed, taken out or put in shows, and where."""
from __future__ import annotations

import hashlib
import io
import itertools
import json
import time
import tracemalloc
import typing as t
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ansible_collections.convox.credentials.plugins.module_utils import ledger, ledger_chain
from ansible_collections.convox.credentials.plugins.module_utils.ledger_chain import EMPTY, LONGEST_LINE, Verdict
from tests.unit.plugins.module_utils.support import end_of, in_child

ENTRY: dict[str, t.Any] = {
    "what": "rack_api_key",
    "identity": "rack.example.com",
    "rack": "alpha",
    "old": "0ld0ld0ld0ld",
    "new": "new0new0new0",
    "at": "2026-11-23T12:10:00Z",
    "rotation_ids": ["2026-q4"],
    "seconds": 212.4,
}
LINES = 5
CHANGED, CUT = "not bound to what stands above it", "no entry at the ledger's end"


def verdict_on(text: bytes, noted: str | None = None, most: int = 100) -> Verdict:
    """As the module comes to it."""
    verdict = Verdict(noted, most)
    for line in ledger_chain.walk(io.BytesIO(text), len(text)):
        verdict.take(line)
    verdict.end()
    return verdict


def places(verdict: Verdict) -> list[int | None]:
    return [place.line for place in verdict.damage]


def written(path: Path, count: int = LINES, before: bytes = b"") -> bytes:
    """A ledger that so many lines were appended to."""
    path.write_bytes(before)
    for number in range(count):
        ledger.append(str(path), {**ENTRY, "new": f"new0new0new{number}"}, {"JOB_ID": str(number)})
    return path.read_bytes()


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return written(tmp_path_factory.mktemp("ledger") / "ledger.jsonl")


@pytest.fixture(scope="module")
def ends(text: bytes) -> list[int]:
    """How long the ledger was after each line."""
    return [0, *itertools.accumulate(len(line) for line in text.splitlines(keepends=True))]


# -- as it was written --------------------------------------------------------------------------------------------
def test_whole_after_every_line(text: bytes, ends: list[int]) -> None:
    """And what was noted of each of them occurs in all that follow."""
    heads = [verdict_on(text[:end]).head for end in ends]
    assert heads[0] == EMPTY
    assert heads[1:] == [hashlib.sha256(line).hexdigest() for line in text.splitlines()]
    for number, end in enumerate(ends):
        for head in heads[: number + 1]:
            verdict = verdict_on(text[:end], head)
            assert (verdict.whole, verdict.damage, verdict.torn, verdict.lines) == (True, [], [], number)
        for head in heads[number + 1 :]:
            assert places(verdict_on(text[:end], head)) == [None]


def test_the_first_and_the_last_date(tmp_path: Path) -> None:
    path = str(tmp_path / "ledger.jsonl")
    for day in ("01", "02", "03"):
        ledger.append(path, {**ENTRY, "at": f"2026-11-{day}T00:00:00Z"}, {})
    verdict = verdict_on(Path(path).read_bytes())
    assert (verdict.first_at, verdict.last_at) == ("2026-11-01T00:00:00Z", "2026-11-03T00:00:00Z")
    assert (verdict_on(b"").first_at, verdict_on(b"").last_at) == (None, None)


# -- as it was not ------------------------------------------------------------------------------------------------
@given(data=st.data())
def test_any_byte_that_is_another_shows(text: bytes, ends: list[int], data: st.DataObject) -> None:
    """In the last line, that no other is bound to, only where the head was noted."""
    at = data.draw(st.integers(0, len(text) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda byte: byte != text[at]))
    changed = text[:at] + bytes([byte]) + text[at + 1 :]
    assert not verdict_on(changed, verdict_on(text).head).whole
    if at < ends[-2]:
        assert not verdict_on(changed).whole


@given(number=st.integers(0, LINES - 1))
def test_a_line_that_was_taken_out_shows(text: bytes, number: int) -> None:
    them = text.splitlines(keepends=True)
    without = b"".join(them[:number] + them[number + 1 :])
    assert places(verdict_on(without)) == ([number + 1] if number < LINES - 1 else [])
    assert not verdict_on(without, verdict_on(text).head).whole


@given(order=st.permutations(range(LINES)))
def test_lines_in_another_order_show(text: bytes, order: list[int]) -> None:
    them = text.splitlines(keepends=True)
    shows = places(verdict_on(b"".join(them[number] for number in order)))
    assert shows == [place for place, (above, number) in enumerate(zip([-1, *order], order), 1) if number != above + 1]


@given(number=st.integers(0, LINES - 1), place=st.integers(0, LINES))
def test_a_line_that_is_there_twice_shows(text: bytes, number: int, place: int) -> None:
    them = text.splitlines(keepends=True)
    assert not verdict_on(b"".join(them[:place] + [them[number]] + them[place:])).whole


@given(data=st.data(), put_in=st.binary(min_size=1, max_size=20))
def test_what_was_put_in_shows(text: bytes, ends: list[int], data: st.DataObject, put_in: bytes) -> None:
    at = data.draw(st.integers(1, ends[-2] - 1))
    assert not verdict_on(text[:at] + put_in + text[at:]).whole


@pytest.mark.parametrize(
    ("meddle", "line", "what"),
    [
        (lambda them: them[1:], 1, "begins later"),
        (lambda them: them[:1] + them[2:], 2, CHANGED),
        (lambda them: [them[0], them[1].replace(b"alpha", b"omega"), *them[2:]], 3, CHANGED),
        (lambda them: [them[0], b"# a note of mine\n", *them[1:]], 2, "no entry, and the next one is not bound to it"),
        (lambda them: [*them[:-1], them[-1][:-20]], LINES, CUT),
        (lambda them: [*them, b"\0" * 300], LINES + 1, CUT),
    ],
)
def test_where_and_what_it_is(text: bytes, meddle: t.Callable[[list[bytes]], list[bytes]], line: int, what: str) -> None:
    verdict = verdict_on(b"".join(meddle(text.splitlines(keepends=True))))
    assert verdict.damage[0].line == line
    assert what in verdict.damage[0].what
    assert "\n" not in verdict.damage[0].what


def test_so_many_places_and_no_more() -> None:
    verdict = verdict_on(b'{"before": "x"}\n' * 5000, most=3)
    assert (verdict.whole, verdict.lines, len(verdict.damage)) == (False, 5000, 3)


STRANGE: list[tuple[str, t.Any]] = [
    ("what", 5),
    ("identity", None),
    ("rack", []),
    ("old", 7),
    ("new", None),
    ("new", "\ud800"),
    ("at", "yesterday"),
    ("at", 5),
    ("rotation_ids", "2026-q4"),
    ("rotation_ids", [5]),
    ("seconds", "long"),
    ("seconds", -1),
    ("seconds", float("nan")),
    ("job", 77),
]


@pytest.mark.parametrize(("field", "value"), STRANGE)
def test_an_entry_that_no_roll_wrote(tmp_path: Path, field: str, value: t.Any) -> None:
    path = str(tmp_path / "ledger.jsonl")
    ledger.append(path, ENTRY, {})
    ledger.append(path, {**ENTRY, field: value}, {})
    (damage,) = verdict_on(Path(path).read_bytes()).damage
    assert (damage.line, damage.what) == (2, f"an entry that no roll wrote: {field}")


# -- lines that a crash cut short ---------------------------------------------------------------------------------
def test_a_torn_line_is_no_damage_once_a_line_is_bound_to_it(tmp_path: Path, text: bytes, ends: list[int]) -> None:
    """At the end of the ledger nobody can tell a crash from somebody's knife."""
    for length in range(ends[2] + 1, ends[3] - 1):
        assert places(verdict_on(text[:length])) == [3]
        after = verdict_on(written(tmp_path / "ledger.jsonl", 2, before=text[:length]), noted=verdict_on(text[:length]).head)
        assert (after.whole, after.torn, after.lines) == (True, [3], 5)


def test_a_line_whose_end_alone_is_missing_is_whole(tmp_path: Path, text: bytes) -> None:
    assert verdict_on(text[:-1], verdict_on(text).head).whole
    after = verdict_on(written(tmp_path / "ledger.jsonl", 1, before=text[:-1]))
    assert (after.whole, after.torn, after.lines) == (True, [], LINES + 1)


@given(data=st.data())
def test_what_stands_above_a_torn_line_is_bound_too(tmp_path_factory: pytest.TempPathFactory, text: bytes, ends: list[int], data: st.DataObject) -> None:
    """For the torn line itself can't say what it was bound to."""
    torn = written(tmp_path_factory.mktemp("ledger") / "ledger.jsonl", 1, before=text[: ends[3] - data.draw(st.integers(2, 80))])
    at = data.draw(st.integers(0, torn.rindex(b"\n", 0, -1) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda byte: byte != torn[at]))
    assert verdict_on(torn).whole
    assert not verdict_on(torn[:at] + bytes([byte]) + torn[at + 1 :]).whole


LINE = st.sampled_from([b"", b"{", b"not JSON", b"\0\0", b"{}", b'{"before": "x"}', b'{"before": 5}', b"[" * 70_000, b"x" * 300_000, b'{"before": "\xff"}'])


@given(lines=st.lists(LINE | st.binary(max_size=10), max_size=12), end=st.sampled_from([b"", b"\n"]))
@example(lines=[b'{"before": "x"}', b"x" * LONGEST_LINE, b'{"before": "' + b"x" * LONGEST_LINE + b'"}'], end=b"")
def test_who_writes_and_who_reads_agree(lines: list[bytes], end: bytes) -> None:
    """Whatever stands there, what a next line will be bound to is what is told as the head."""
    text = b"\n".join(lines) + end
    above = ledger_chain.tail(io.BytesIO(text))
    assert ledger_chain.digest(above[:-1] if above.endswith(b"\n") else above) == verdict_on(text).head


# -- of any length ------------------------------------------------------------------------------------------------
class Endless(io.RawIOBase):
    """A file of one line, of so many bytes, which nobody could hold at once."""

    def __init__(self, size: int) -> None:
        self._left = size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: t.Any) -> int:
        count = min(len(buffer), self._left)
        buffer[:count] = b"x" * count
        self._left -= count
        return count


def test_a_line_without_an_end_is_not_held() -> None:
    size = 200 << 20
    tracemalloc.start()
    (line,) = ledger_chain.walk(t.cast(t.BinaryIO, io.BufferedReader(Endless(size))), size)
    assert tracemalloc.get_traced_memory()[1] < 8 << 20
    tracemalloc.stop()
    assert (line.entry, line.number) == (None, 1)


def test_a_line_is_added_without_reading_all(tmp_path: Path) -> None:
    """As a fleet rolls for years: what one line costs does not grow with them."""
    path = tmp_path / "ledger.jsonl"
    written(path, 1)
    line = path.read_bytes()
    path.write_bytes(line * 400_000)
    began = time.process_time()
    for dummy in range(20):
        ledger.append(str(path), ENTRY, {})
    assert time.process_time() - began < 2.0
    assert path.stat().st_size > 100 << 20


# -- while others write -------------------------------------------------------------------------------------------
def test_it_is_whole_at_any_time(tmp_path: Path) -> None:
    """Two processes append, and whoever reads meanwhile sees lines only, never a part of one."""
    path = str(tmp_path / "ledger.jsonl")
    # So long that writing it takes a while.
    long = [f"{number:04}" * 200 for number in range(1000)]
    ledger.append(path, ENTRY, {})

    enough = tmp_path / "enough"

    def append() -> None:
        while not enough.exists():
            ledger.append(path, {**ENTRY, "rotation_ids": long}, {})
            time.sleep(0.005)

    children = [in_child(append), in_child(append)]
    seen: list[Verdict] = []
    while len({verdict.lines for verdict in seen}) < 5:
        verdict = Verdict(seen[-1].head if seen else None)
        with ledger.reading(path) as lines:
            for line in lines:
                verdict.take(line)
        verdict.end()
        assert (verdict.whole, verdict.torn) == (True, []), verdict.damage
        seen.append(verdict)
        assert len(seen) < 100_000
    enough.touch()
    assert [end_of(pid) for pid in children] == [0, 0]


def test_what_is_written_later_is_not_read(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "ledger.jsonl"
    path.write_bytes(text)
    with ledger.reading(str(path)) as lines:
        ledger.append(str(path), ENTRY, {})
        assert [line.number for line in lines] == list(range(1, LINES + 1))


def test_the_entries_of_a_rotation_are_of_its_shape() -> None:
    assert ledger_chain.strange(ENTRY) == []
    assert ledger_chain.strange({**json.loads(json.dumps(ENTRY)), "more": 1}) == []
