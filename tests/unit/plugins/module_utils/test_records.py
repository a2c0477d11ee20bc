# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a store remembers of a credential: its shape as JSON, and how it changes along a rotation."""
from __future__ import annotations

import dataclasses
import itertools
import json
import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.convox.credentials.plugins.module_utils import records
from ansible_collections.convox.credentials.plugins.module_utils.errors import Damaged
from ansible_collections.convox.credentials.plugins.module_utils.keys import digest
from ansible_collections.convox.credentials.plugins.module_utils.records import RACK_API_KEY, Pending, Record, join
from tests.unit.plugins.module_utils.support import NEW, OLD, OTHER, failing

WHEN, LATER = "2026-11-23T12:00:00Z", "2026-11-23T13:00:00Z"
STAGED = Record(
    RACK_API_KEY,
    "rack.example.com",
    current=OLD,
    digest=digest(OLD),
    rolled_at=WHEN,
    rotation_ids=("first",),
    superseded=("older",),
    pending=Pending(NEW, LATER, ("second", "third"), found=(OTHER,)),
)

_dates = st.none() | st.just(WHEN)
_names = st.lists(st.text(min_size=1, max_size=5), max_size=3).map(tuple)
_optional = st.none() | st.text(min_size=1, max_size=5)
_pendings = st.builds(
    Pending, _optional, st.just(WHEN), _names, _dates, _dates, _optional, _dates, found=_names, old_key_name=_optional, key_name=_optional, pairs=_names
)
_records = st.builds(
    Record,
    st.just(RACK_API_KEY),
    st.just("rack.example.com"),
    *[_optional] * 5,
    rolled_at=_dates,
    rotation_ids=_names,
    pending=st.none() | _pendings,
    superseded=_names,
)


def read(data: t.Any) -> Record:
    return records.from_json(RACK_API_KEY, "rack.example.com", data, "keys.json")


@given(record=_records)
def test_as_json_and_back(record: Record) -> None:
    assert read(json.loads(json.dumps(records.to_json(record)))) == record


_JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from([WHEN, OLD, "\ud800", "9999-12-31T23:59:60Z"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
_PENDING_JUNK = st.dictionaries(st.sampled_from([field.name for field in dataclasses.fields(Pending)]), _JUNK, max_size=4)
_RECORD_JUNK = st.dictionaries(st.sampled_from([field.name for field in dataclasses.fields(Record)]), _JUNK | _PENDING_JUNK, max_size=5)


@given(data=_RECORD_JUNK)
def test_whatever_stands_in_an_entry(data: dict[str, t.Any]) -> None:
    """It is a record, which is written back as one; or it is damage, told without what is in it."""
    said = ""
    try:
        record = read(data)
        assert read(json.loads(json.dumps(records.to_json(record)))) == record
    except Damaged as exc:
        said = str(exc)
    assert "\n" not in said
    assert OLD not in said


def test_names_of_other_writers_are_kept() -> None:
    there = {"note": "by hand", "current": OTHER, "pending": {"region": "us-east-1", "key": OTHER}}
    data = records.to_json(STAGED, there)
    assert (data["note"], data["current"], data["pending"]["region"], data["pending"]["key"]) == ("by hand", OLD, "us-east-1", NEW)
    assert read(data) == STAGED
    assert "pending" not in records.to_json(STAGED.committed(), there)
    assert records.to_json(STAGED, "damaged") == records.to_json(STAGED)


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        "text",
        7,
        {"current": 7},
        {"current": [OLD]},
        {"superseded": OLD},
        {"superseded": [OLD, None]},
        {"rotation_ids": {"a": 1}},
        {"rolled_at": "yesterday"},
        {"pending": NEW},
        {"pending": []},
        {"pending": {"key": NEW}},
        {"pending": {"key": NEW, "rotation_ids": []}},
        {"pending": {"key": NEW, "staged_at": None, "rotation_ids": []}},
        {"pending": {"key": 1, "staged_at": WHEN, "rotation_ids": []}},
        {"pending": {"key": NEW, "staged_at": WHEN, "rotation_ids": [], "applying": "soon"}},
        {"pending": {"key": NEW, "staged_at": WHEN, "rotation_ids": [], "found": OTHER}},
    ],
)
def test_an_entry_of_another_shape_is_damaged(data: t.Any) -> None:
    with failing(Damaged, "keys.json", "rack.example.com", "nothing was changed", hiding=[OLD, NEW, OTHER]):
        read(data)


def test_an_entry_may_not_say_whose_it_is() -> None:
    assert read({"kind": "other", "identity": "other"}) == Record(RACK_API_KEY, "rack.example.com")


def test_promoted_and_committed() -> None:
    promoted = STAGED.promoted(LATER)
    assert promoted == dataclasses.replace(
        STAGED,
        current=NEW,
        digest=digest(NEW),
        rolled_at=LATER,
        rotation_ids=("first", "second", "third"),
        superseded=(OLD, OTHER),
    )
    assert promoted.old == STAGED.old == OLD
    assert promoted.promoted(LATER) == promoted, "cut short, it is done again"
    assert promoted.committed() == dataclasses.replace(promoted, pending=None)


def test_an_unknown_former_key_stays_unknown() -> None:
    """Also when a promotion was cut short: what was found on the way is not what was in force."""
    staged = dataclasses.replace(STAGED, current=None, superseded=())
    assert (staged.old, staged.promoted(LATER).old) == (None, None)
    assert staged.promoted(LATER).superseded == (OTHER,)
    assert staged.promoted(LATER).promoted(LATER) == staged.promoted(LATER)


def test_every_key_is_among_its_secrets() -> None:
    assert STAGED.secrets() == [OLD, NEW, OTHER, "older"]
    assert STAGED.promoted(LATER).committed().secrets() == [NEW, OLD, OTHER]


def test_rotation_ids_are_kept_in_bounds() -> None:
    many = dataclasses.replace(STAGED, rotation_ids=tuple(f"r{number}" for number in range(records.KEPT_IDS)))
    kept = many.promoted(LATER).rotation_ids
    assert (len(kept), kept[0], kept[-2:]) == (records.KEPT_IDS, "r2", ("second", "third"))


def test_joining_a_rotation_once() -> None:
    joined = STAGED.joined("fourth")
    assert joined.pending is not None
    assert joined.pending.rotation_ids == ("second", "third", "fourth")
    assert joined.joined("fourth") is joined
    assert STAGED.committed().joined("fourth") == STAGED.committed()


@pytest.mark.parametrize("deed", [lambda record: record.note(applying=WHEN), lambda record: record.promoted(WHEN)])
def test_nothing_pending_can_not_go_on(deed: t.Callable[[Record], Record]) -> None:
    with pytest.raises(ValueError, match="no rotation is pending"):
        deed(STAGED.committed())


def test_of_several_places_the_last_roll_counts() -> None:
    """A laptop's file knows nothing of what AWX has rolled since; no key is dropped."""
    stale, fresh, unknown = (Record(RACK_API_KEY, "rack", current=key, rolled_at=at) for key, at in ((OLD, WHEN), (NEW, LATER), (OTHER, None)))
    for places in itertools.permutations((stale, fresh, unknown)):
        joined = join(places)
        assert joined is not None
        assert (joined.current, set(joined.superseded)) == (NEW, {OLD, OTHER})
    assert join([dataclasses.replace(stale, rolled_at=LATER), fresh]) == dataclasses.replace(stale, rolled_at=LATER, superseded=(NEW,)), "of equals the first"


@pytest.mark.parametrize(("known", "superseded"), [(None, ()), (OLD, ()), (NEW, (OLD,))])
def test_what_was_just_accepted_is_in_force(known: str | None, superseded: tuple[str, ...]) -> None:
    record = Record(RACK_API_KEY, "rack", current=OLD, superseded=(NEW,) if known == NEW else ()).knowing(known)
    assert (record.current, record.superseded) == (known or OLD, superseded)
