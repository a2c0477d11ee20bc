# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A v3 keyroll's decisions: every one that can be asked for, and every way that runs can take which die anywhere."""
from __future__ import annotations

import dataclasses
import itertools
import typing as t

import pytest

from ansible_collections.convox.credentials.plugins.module_utils import instance_rotation_v3 as machine
from ansible_collections.convox.credentials.plugins.module_utils.instance_rotation import (
    COMMIT,
    NOTE,
    STOP,
    STOPPED_LATE,
    STOPPED_NO_WAIT,
    STOPPED_STUCK,
    WAIT,
    Step,
)
from ansible_collections.convox.credentials.plugins.module_utils.instance_rotation_v3 import MAKE, NOTE_SET, SET, Run, Seen
from ansible_collections.convox.credentials.plugins.module_utils.records import Pending
from ansible_collections.convox.credentials.plugins.module_utils.rotation import BUSY, REST, STUCK
from tests.measured import MEASURED

WHEN = "2026-11-23T12:00:00Z"
PAIR, OLD, OTHER = "alpha-keypair-1790000000", "people-s-own", "alpha-keypair-1790000001"
NODES = 3


def pending(noted: bool, held: bool, to_be_set: bool) -> Pending:
    return Pending(
        "private" if held else None,
        WHEN,
        ("id",),
        applying=WHEN if noted else None,
        activating=WHEN if to_be_set else None,
        old_key_name=OLD,
        key_name=PAIR if held else None,
    )


# -- every decision -----------------------------------------------------------------------------------------------
def every_question() -> t.Iterator[tuple[Pending, Run, Seen]]:
    truths = (False, True)
    stages = [pending(*each) for each in ((False, False, False), (True, False, False), (True, True, False), (True, True, True))]
    runs = [Run(made, *rest) for made in range(machine.MOST_PAIRS + 1) for rest in itertools.product(truths, repeat=5)]
    sights = itertools.product((REST, BUSY, STUCK), (None, "", OLD, PAIR, OTHER), truths, range(NODES + 1), (0, NODES))
    return itertools.product(stages, runs, [Seen(*each) for each in sights if each[3] <= each[4]])


def test_every_decision(record_property: t.Callable[[str, object], None]) -> None:
    """What must never be done, whatever was seen."""
    asked = 0
    for staged, run, seen in every_question():
        asked += 1
        step = machine.next_step(staged, run, seen)
        about = (staged, run, seen, step)
        if step.do in (NOTE, MAKE, NOTE_SET, SET, COMMIT):
            assert seen.stack == REST, about
        if step.do == MAKE:
            assert staged.applying is not None, about
            assert staged.key is None, "a private key that is held is used, and no other is asked for: %s" % (about,)
            assert run.made < machine.MOST_PAIRS, about
        if step.do in (NOTE_SET, SET, COMMIT):
            assert staged.key is not None, "nothing uses a pair whose private key nobody holds: %s" % (about,)
        if step.do == SET:
            assert staged.activating is not None, about
            assert not run.sent, about
            assert seen.key_name != staged.key_name, about
        if step.do == COMMIT:
            assert seen.key_name in (None, staged.key_name), about
            assert seen.key_name is not None or seen.by_pair, about
            assert 0 < seen.total <= seen.on_new, about
        if step.do == WAIT:
            assert run.wait, about
            assert not run.late, about
        if seen.stack == STUCK:
            assert step == Step(STOP, STOPPED_STUCK), about
        assert step.failed == (step.do == STOP and step.what != STOPPED_NO_WAIT), about
    record_property(MEASURED, f"instance keyroll of v3: {asked} decisions")


@pytest.mark.parametrize(("wait", "late", "what"), [(True, False, WAIT), (True, True, STOPPED_LATE), (False, False, STOPPED_NO_WAIT)])
def test_waiting_ends(wait: bool, late: bool, what: str) -> None:
    for seen in (Seen(BUSY, OLD), Seen(REST, PAIR, on_new=1, total=NODES)):
        step = machine.next_step(pending(True, True, True), Run(wait=wait, late=late), seen)
        assert what in (step.do, step.what)


@pytest.mark.parametrize(
    ("run", "seen", "why"),
    [
        (Run(sent=True, by_hand=True), Seen(REST, OLD), machine.STOPPED_BY_HAND),
        (Run(sent=True), Seen(REST, OLD), machine.STOPPED_NOT_TAKEN),
        (Run(sent=True, rejected=True), Seen(REST, OLD), "rejected"),
        (Run(sent=True), Seen(REST, None), machine.STOPPED_UNSEEN),
    ],
)
def test_what_is_not_there_is_told_as_what_it_is(run: Run, seen: Seen, why: str) -> None:
    assert machine.next_step(pending(True, True, True), run, seen) == Step(STOP, why)


# -- every way ----------------------------------------------------------------------------------------------------
class World(t.NamedTuple):
    """``there``: pairs in EC2. ``held``: the number of the one whose private key the stores hold. ``named``: by the rack, 0 for
    the old one. ``moved``: its nodes have it. ``faults``: how much may still go wrong."""

    faults: int
    noted: bool = False
    to_be_set: bool = False
    held: int = 0
    there: int = 0
    named: int = 0
    moved: bool = True
    run: Run = Run()
    done: bool = False

    def step(self) -> Step:
        key_name = PAIR if self.named and self.named == self.held else OTHER if self.named else OLD
        seen = Seen(REST if self.moved else BUSY, key_name, True, NODES if self.named and self.moved else 0, NODES)
        return machine.next_step(pending(self.noted, bool(self.held), self.to_be_set), self.run, seen)


def after(world: World) -> list[World]:
    """All that can follow: the step as it should be, and as it ends when something goes wrong in it."""
    step, faults = world.step(), world.faults - 1
    died = world._replace(run=Run(), faults=faults)
    if step.do == COMMIT:
        ends = [world._replace(done=True), died]
    elif step.do == STOP:
        return [world._replace(run=Run())]
    elif step.do == WAIT:
        ends = [world._replace(moved=True)]
    elif step.do == NOTE:
        ends = [world._replace(noted=True), died]
    elif step.do == NOTE_SET:
        ends = [world._replace(to_be_set=True), died]
    elif step.do == MAKE:
        made = world._replace(there=world.there + 1, run=dataclasses.replace(world.run, made=world.run.made + 1))
        lost = made._replace(faults=faults)
        ends = [made._replace(held=made.there), lost, lost._replace(run=Run()), died]
    else:
        sent = dataclasses.replace(world.run, sent=True)
        done = world._replace(named=world.held, moved=False, run=sent)
        ends = [done, done._replace(faults=faults, run=Run()), world._replace(faults=faults, run=sent), died]
    return [each for each in ends if each.faults >= 0]


@pytest.mark.parametrize("faults", range(4))
def test_every_way_ends_with_a_key_that_is_held(record_property: t.Callable[[str, object], None], faults: int) -> None:
    """Whatever dies and whenever: what the rack names is held, and the end can be reached from everywhere."""
    known, left = {World(faults)}, [World(faults)]
    followers: dict[World, list[World]] = {}
    while left:
        world = left.pop()
        assert world.named in (0, world.held), world
        followers[world] = [] if world.done else after(world)
        for each in followers[world]:
            if each not in known:
                known.add(each)
                left.append(each)
    ending = {world for world in known if world.done}
    assert ending
    assert all(world.named == world.held != 0 and world.moved for world in ending)
    while True:
        more = {world for world in known - ending if ending.intersection(followers[world])}
        if not more:
            break
        ending |= more
    assert known - ending == set()
    # Each lost reply costs one pair that nobody can use, and nothing else does.
    assert max(world.there for world in known) == faults + 1
    record_property(MEASURED, f"instance keyroll of v3, {faults} faults: {len(known)} states")
