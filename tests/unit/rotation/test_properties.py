# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Long paths at random, with more racks, stores and faults than can be explored; and what holds of the parts alone."""

from __future__ import annotations

import dataclasses
import functools
import random
import typing as t

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ansible_collections.convox.credentials.plugins.module_utils import records, rotation, ways
from ansible_collections.convox.credentials.plugins.module_utils.records import Pending, Record
from ansible_collections.convox.credentials.plugins.module_utils.ways import ECS, SIGNING_KEY, STACK
from tests.unit.rotation import setups
from tests.unit.rotation import shelf as shelves
from tests.unit.rotation.exploration import TraceError
from tests.unit.rotation.model import Model
from tests.unit.rotation.shelf import WHEN, Shelf
from tests.unit.rotation.state import Move, Setup, State, ViolationError
from tests.unit.rotation.witness import Witnessed

CHANCE = st.randoms(use_true_random=False)
MANY = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
MOST_FAIR_STEPS = 1000


# -- the whole, at random -----------------------------------------------------------------------------------------
@st.composite
def large_setups(draw: st.DrawFn) -> Setup:
    setup = draw(st.sampled_from(setups.ALL))
    containers = draw(st.integers(1, 3))
    first = setup.plans[0]
    plans = setups.plans(*first.means, rounds=containers + draw(st.integers(1, 3)), fallback=first.fallback)
    return dataclasses.replace(
        setup,
        plans=plans,
        containers=containers,
        stores=draw(st.integers(1, 3)),
        rotations=4,
        crashes=6,
        faults=8,
        meddling=draw(st.integers(0, 3)),
        slow=draw(st.booleans()),
    )


@functools.cache
def model_of(setup: Setup) -> Model:
    """With what it remembers of the state machine's answers."""
    return Model(setup)


class Walk:
    """One path through a model, and the trace of it."""

    def __init__(self, model: Model, chance: random.Random) -> None:
        self.model = model
        self._chance = chance
        self._trace: list[str] = []
        self.state = model.check(model.initial())

    def wander(self, length: int) -> None:
        """Any moves, now and then one that costs something."""
        for dummy in range(length):
            moves = self._possible(self.model.successors)
            free = [move for move in moves if not (move.crashes or move.faults or move.meddling)]
            if moves:
                self._take(self._chance.choice(free if free and self._chance.random() < 0.85 else moves))

    def arrive(self) -> None:
        """Where nothing goes wrong any more, whatever follows ends with a commit."""
        self._trace.append("-- and nothing goes wrong any more --")
        self.state = self.state._replace(crashes=0, faults=0, meddling=0, in_flight=None)
        for dummy in range(MOST_FAIR_STEPS):
            if self.state.done >= self.model.setup.rotations or self.model.hopeless(self.state):
                return
            move = self._chance.choice(self._possible(self.model.fair))
            self._take(move)
            if move.committed:
                return
        raise TraceError("it does not come to an end", self._trace)

    def _possible(self, ways: t.Callable[[State], t.Iterator[Move]]) -> list[Move]:
        try:
            return list(ways(self.state))
        except ViolationError as exc:
            raise TraceError(str(exc), [*self._trace, f"next: {self.model.step(self.state)}"]) from None

    def _take(self, move: Move) -> None:
        self._trace.append(move.label)
        try:
            self.state = self.model.check(move.state)
        except ViolationError as exc:
            raise TraceError(str(exc), self._trace) from None


@MANY
@given(setup=large_setups(), chance=CHANCE, length=st.integers(0, 250))
def test_no_key_is_lost_on_long_paths_and_a_run_gets_there(setup: Setup, chance: random.Random, length: int) -> None:
    walk = Walk(model_of(setup), chance)
    walk.wander(length)
    walk.arrive()


@settings(MANY, max_examples=500)
@given(chance=CHANCE)
def test_whatever_is_shown_to_a_run_it_keeps_to_the_rules(chance: random.Random) -> None:
    Witnessed(rotation, chance).go()


def test_a_stuck_stack_ends_the_run() -> None:
    pending = Pending("K1", WHEN, ("one",))
    plan = rotation.Plan((ECS,))
    run = rotation.Run.start(pending, ways.API)
    run = rotation.absorb(run, plan, rotation.Look(), rotation.Looked(rotation.STUCK), 1.0)
    assert rotation.next_step(pending, run, plan) == rotation.Stop(rotation.STOPPED_STUCK)


@pytest.mark.parametrize("means", [ECS, SIGNING_KEY])
def test_a_busy_look_after_good_rounds_is_followed_by_another(means: str) -> None:
    """AWS may not answer just then, or the rack's status may be too young: the stack is asked again, not waited for till the end."""
    pending = Pending("K1", WHEN, ("one",), applying=WHEN)
    plan = rotation.Plan((means,), rounds=1, period=0.0)
    run = rotation.Run.start(pending, ways.API)
    good = rotation.Rounded(rotation.ACCEPTED, rotation.REFUSED)
    for step, event in (
        (rotation.Look(), rotation.Looked(rotation.REST)),
        (rotation.Send(ways.API), rotation.Sent(rotation.THERE)),
        (rotation.Round(), good),
        (rotation.Look(), rotation.Looked(rotation.BUSY)),
        (rotation.Wait(rotation.FOR_STACK, 3.0), rotation.Waited()),
        (rotation.Look(), rotation.Looked(rotation.REST)),
        (rotation.Round(), good),
        (rotation.Look(), rotation.Looked(rotation.REST)),
    ):
        assert rotation.next_step(pending, run, plan) == step
        run = rotation.absorb(run, plan, step, event, run.now + 1.0)
    assert rotation.next_step(pending, run, plan) == rotation.Note(rotation.CONFIRMED)


@pytest.mark.parametrize(("ours", "why"), [(False, rotation.STOPPED_PAST_STACK), (True, rotation.STOPPED_OVERWRITTEN)])
def test_another_key_in_the_parameter_of_a_stack_that_has_ours(ours: bool, why: str) -> None:
    """Seen before the key was sent it was set past the stack, and no run can help; seen after, the stack may have been set to it."""
    pending = Pending("K1", WHEN, ("one",), applying=WHEN)
    plan = rotation.Plan((ECS,), rounds=1, period=0.0)
    run = rotation.Run.start(pending, ways.API)
    for step, event in (
        (rotation.Look(), rotation.Looked(rotation.REST, ours=ours)),
        (rotation.Send(ways.API), rotation.Sent(rotation.THERE)),
        (rotation.Round(), rotation.Rounded(rotation.ACCEPTED, rotation.REFUSED)),
        (rotation.Look(), rotation.Looked(rotation.REST, ours=False)),
    )[: 4 if ours else 2]:
        assert rotation.next_step(pending, run, plan) == step
        run = rotation.absorb(run, plan, step, event, run.now + 1.0)
    assert rotation.next_step(pending, run, plan) == rotation.Stop(why)


# -- releases -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("version", "wish", "ecs", "working_key", "means"),
    [
        ("20230427130714", "auto", True, True, (STACK,)),
        ("20230427130714", "none", False, False, (STACK,)),
        ("20230427130715", "auto", True, True, (ECS,)),
        ("20230427130715", "auto", False, True, ()),
        ("20230427130715", "none", True, True, ()),
        ("20230704162932", "auto", True, True, (ECS,)),
        ("20230704162932", "signing_key", True, True, ()),
        ("20230704162933", "auto", True, True, (ECS, SIGNING_KEY)),
        ("20230704162933", "auto", False, True, (SIGNING_KEY,)),
        ("20230704162933", "auto", True, False, (ECS,)),
        ("20230704162933", "auto", False, False, ()),
        ("20230704162933", "ecs", True, True, (ECS,)),
        ("20230704162933", "ecs", False, True, ()),
        ("20230704162933", "signing_key", True, True, (SIGNING_KEY,)),
        ("20230704162933", "none", True, True, ()),
    ],
)
def test_means_of_activation_by_release(version: str, wish: str, ecs: bool, working_key: bool, means: tuple[str, ...]) -> None:
    assert rotation.means_of_activation(version, wish, ecs, working_key) == means


# -- records ------------------------------------------------------------------------------------------------------
IDS = st.lists(st.text(min_size=1, max_size=8), max_size=4, unique=True).map(tuple)
WHENS = st.none() | st.datetimes().map(lambda date: date.strftime("%Y-%m-%dT%H:%M:%SZ").zfill(20))
KEYS = st.lists(st.text("abcdefgh", min_size=24, max_size=24), min_size=6, max_size=6, unique=True)


@st.composite
def staged_records(draw: st.DrawFn) -> Record:
    """A record as a run stages it: its keys are all different."""
    new, old, *others = draw(KEYS)
    cut = draw(st.integers(0, len(others)))
    pending = Pending(
        new,
        WHEN,
        draw(IDS.filter(bool)),
        applying=draw(WHENS),
        activating=draw(WHENS),
        activated_by=draw(st.sampled_from([None, ECS, SIGNING_KEY])),
        confirmed=draw(WHENS),
        found=tuple(others[:cut]),
    )
    return Record(
        records.RACK_API_KEY,
        shelves.IDENTITY,
        name=draw(st.none() | st.text(max_size=8)) or None,
        current=old if draw(st.booleans()) else None,
        rolled_at=draw(WHENS),
        rotation_ids=draw(IDS),
        pending=pending,
        superseded=tuple(others[cut:]),
    )


@given(record=staged_records(), committed=st.booleans())
def test_a_record_comes_back_from_json_as_it_went(record: Record, committed: bool) -> None:
    if committed:
        record = record.promoted(WHEN).committed()
    assert records.from_json(record.kind, record.identity, records.to_json(record), "here") == record


@given(record=staged_records())
def test_promoting_twice_is_promoting_once(record: Record) -> None:
    once = record.promoted(WHEN)
    assert once.promoted(WHEN) == once
    assert once.old == record.old


@given(record=staged_records())
def test_a_promotion_holds_the_new_key_the_old_one_and_what_was_found(record: Record) -> None:
    assert record.pending is not None
    kept = {record.pending.key, record.old, *record.pending.found} - {None}
    assert kept <= set(record.promoted(WHEN).committed().secrets())
    assert record.promoted(WHEN).committed().current == record.pending.key


@given(record=staged_records(), others=st.integers(0, 3), data=st.data())
def test_a_commit_that_is_cut_short_anywhere_is_finished_by_the_next(record: Record, others: int, data: st.DataObject) -> None:
    assert record.pending is not None
    before: Shelf = (record,) * (others + 1)
    *cuts, whole = shelves.promoted(before, record)
    cut = data.draw(st.sampled_from(cuts))
    found = shelves.loaded(cut)
    assert found.pending is not None
    assert found.pending.key == record.pending.key
    assert {record.pending.key, *record.promoted(WHEN).superseded} <= shelves.held(cut)
    finished = shelves.promoted(cut, found)[-1]
    assert found.old == record.old
    assert shelves.held(whole) <= shelves.held(finished)
    if record.old is None:
        # What only a store that was not promoted yet still held is held on.
        assert [(each.current, each.pending) for each in finished if each] == [(each.current, each.pending) for each in whole if each]
    else:
        assert finished == whole
