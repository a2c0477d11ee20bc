# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An instance keyroll's decisions: every one that can be asked for, and every way that a roll can take with them."""
from __future__ import annotations

import dataclasses
import itertools
import typing as t

import pytest

from ansible_collections.convox.credentials.plugins.module_utils import instance_rotation as machine
from ansible_collections.convox.credentials.plugins.module_utils.instance_rotation import ADOPT, COMMIT, NOTE, POST, STOP, WAIT, Run, Seen, Step
from ansible_collections.convox.credentials.plugins.module_utils.records import Pending
from ansible_collections.convox.credentials.plugins.module_utils.rotation import BUSY, REST, STUCK
from tests.measured import MEASURED

OLD_PAIRS = ("alpha-keypair-1000",)
NEW_PAIRS = tuple(f"alpha-keypair-{number}" for number in range(2000, 2009))
WHEN = "2026-11-23T12:00:00Z"


def pending(noted: bool, old: str | None = OLD_PAIRS[0]) -> Pending:
    return Pending(None, WHEN, ("id",), applying=WHEN if noted else None, old_key_name=old, pairs=OLD_PAIRS)


# -- every decision -----------------------------------------------------------------------------------------------
def every_question() -> t.Iterator[tuple[Pending, Run, Seen]]:
    truths = (False, True)
    for noted, old in itertools.product(truths, (None, OLD_PAIRS[0])):
        for run in itertools.starmap(Run, itertools.product(truths, repeat=5)):
            keys = ("", OLD_PAIRS[0], NEW_PAIRS[0])
            pairs = (None, (), OLD_PAIRS, OLD_PAIRS + NEW_PAIRS[:1], OLD_PAIRS + NEW_PAIRS[:2])
            for stack, key, there, back, (on_new, total) in itertools.product((REST, BUSY, STUCK), keys, pairs, truths, ((0, 0), (0, 3), (2, 3), (3, 3))):
                for youngest in (there[-1:], there[-2:]) if there else ((),):
                    yield pending(noted, old), run, Seen(stack, key, there, youngest, back, on_new, total)


def test_every_decision() -> None:
    """What must never be done, whatever was seen."""
    for staged, run, seen in every_question():
        step = machine.next_step(staged, run, seen)
        about = (staged, run, seen, step)
        made = machine.new_pairs(staged, seen)
        last = tuple(pair for pair in seen.youngest if pair in made)
        changed = seen.key_name != (staged.old_key_name or "")
        if step.do in (NOTE, POST, ADOPT, COMMIT):
            assert seen.stack == REST, about
        if step.do == POST:
            assert staged.applying is not None, about
            assert not run.asked, about
            assert not run.adopted, about
            assert len(last) != 1, about
            assert not changed or last, about
        if step.do == ADOPT:
            assert not run.adopted, about
            assert (step.what,) == last, about
            assert not changed or step.what != seen.key_name, about
        if step.do == COMMIT:
            assert changed, about
            assert last in ((), (seen.key_name,)), about
            assert seen.on_new >= seen.total > 0, about
        if step.do == WAIT:
            assert run.wait, about
            assert not run.late, about
        if seen.stack == STUCK:
            assert step == Step(STOP, machine.STOPPED_STUCK), about
        assert step.failed == (step.do == STOP and step.what != machine.STOPPED_NO_WAIT), about


@pytest.mark.parametrize(("wait", "late", "what"), [(True, False, WAIT), (True, True, machine.STOPPED_LATE), (False, False, machine.STOPPED_NO_WAIT)])
def test_waiting_ends(wait: bool, late: bool, what: str) -> None:
    for seen in (Seen(BUSY, OLD_PAIRS[0]), Seen(REST, NEW_PAIRS[0], on_new=1, total=3)):
        step = machine.next_step(pending(True), Run(wait=wait, late=late), seen)
        assert what in (step.do, step.what)


def test_the_first_keyroll_of_a_rack() -> None:
    """It had no pair before."""
    staged = pending(True, None)
    assert machine.next_step(staged, Run(), Seen(REST, "", OLD_PAIRS)).do == POST
    assert machine.next_step(staged, Run(), Seen(REST, NEW_PAIRS[0], on_new=3, total=3)).do == COMMIT


def test_that_all_of_no_instances_are_new_proves_nothing() -> None:
    assert machine.next_step(pending(True), Run(), Seen(REST, NEW_PAIRS[0])).do == WAIT


def test_a_rollback_is_told_by_who_caused_it_only() -> None:
    seen = Seen(REST, OLD_PAIRS[0], OLD_PAIRS, rolled_back=True)
    assert machine.next_step(pending(True), Run(asked=True), seen) == Step(STOP, machine.STOPPED_ROLLED_BACK)
    assert machine.next_step(pending(True), Run(), seen) == Step(POST), "another's, or an earlier run's that left no pair"


@pytest.mark.parametrize(
    ("run", "why"),
    [
        (Run(asked=True), machine.STOPPED_DOUBTFUL),
        (Run(asked=True, rejected=True), machine.STOPPED_REJECTED),
        (Run(adopted=True), machine.STOPPED_DOUBTFUL),
    ],
)
def test_what_left_no_trace_is_told_as_what_it_was(run: Run, why: str) -> None:
    assert machine.next_step(pending(True), run, Seen(REST, OLD_PAIRS[0], OLD_PAIRS)) == Step(STOP, why)


FAULTS = 4


# -- every way ----------------------------------------------------------------------------------------------------
class World(t.NamedTuple):
    """A rack that rolls, one run after the other, and how much may still go wrong.

    ``key``, ``aim``, ``settings``: numbers of pairs, 0 the old one: what the stack names, what its update sets, whose
    private key the rack holds. ``pairs``: how many new ones there are; ``tied``: the last two are of one second.
    """

    faults: int
    noted: bool = False
    run: Run = Run()
    posts: int = 0
    key: int = 0
    aim: int | None = None
    busy: bool = False
    rolled_back: bool = False
    moved: bool = True
    pairs: int = 0
    settings: int = 0
    tied: bool = False
    done: bool = False

    @staticmethod
    def name(number: int) -> str:
        return OLD_PAIRS[0] if number == 0 else NEW_PAIRS[number - 1]

    def seen(self, ec2: bool) -> Seen:
        pairs = OLD_PAIRS + NEW_PAIRS[: self.pairs] if ec2 else None
        youngest = pairs[-2 if self.tied else -1 :] if pairs else ()
        return Seen(BUSY if self.busy else REST, self.name(self.key), pairs, youngest, self.rolled_back, 3 if self.moved else 1, 3)


def after(world: World, ec2: bool) -> list[World]:
    """All that can follow on the run's next step."""
    step = machine.next_step(pending(world.noted), world.run, world.seen(ec2))
    worse = world._replace(faults=world.faults - 1)
    if step.do == NOTE:
        return [world._replace(noted=True)]
    if step.do == POST:
        assert (world.busy, world.run.asked) == (False, False)
        return posted(world, worse, ec2)
    if step.do == ADOPT:
        taken = world._replace(run=dataclasses.replace(world.run, adopted=True))
        number = NEW_PAIRS.index(step.what or "") + 1
        assert (number, world.tied) == (world.settings, False), "the private key that the rack holds is that pair's"
        going = taken._replace(busy=True, aim=number, rolled_back=False)
        return [going] + ([going._replace(faults=worse.faults), taken._replace(faults=worse.faults)] if world.faults else [])
    if step.do == WAIT:
        return waited(world, worse)
    if step.do == COMMIT:
        assert world.key != 0
        assert world.moved
        assert world.key == world.settings
        return [world._replace(done=True)]
    return [world._replace(run=Run(), posts=0)]


def posted(world: World, worse: World, ec2: bool) -> list[World]:
    """The rack makes a pair, overwrites its settings, and updates the stack, in this order (convox-protocol, 3.3).

    A post that is repeated on the way finds the stack busy: without EC2 nobody can know of its pair.
    """
    asked = Run(asked=True, adopted=world.run.adopted)
    made = world._replace(run=asked, posts=world.posts + 1, pairs=world.pairs + 1, settings=world.pairs + 1, tied=False)
    nothing = worse._replace(run=asked, posts=world.posts + 1)
    good = made._replace(busy=True, aim=made.pairs, rolled_back=False)
    if not world.faults:
        return [good]
    somebody_elses = made._replace(faults=worse.faults, busy=True, aim=None, rolled_back=False)
    repeated = [good._replace(faults=worse.faults, pairs=made.pairs + 1, settings=made.pairs + 1, tied=tied) for tied in (False, True)] if ec2 else []
    return [good, good._replace(faults=worse.faults), somebody_elses, *repeated, nothing, nothing._replace(run=Run(True, False, True))]


def waited(world: World, worse: World) -> list[World]:
    if not world.busy:
        return [world._replace(moved=True)]
    ended = world._replace(busy=False, aim=None)
    good = ended if world.aim is None else ended._replace(key=world.aim, moved=False)
    return [good] + ([ended._replace(faults=worse.faults, rolled_back=True)] if world.faults else [])


def crashed(world: World, aws: bool) -> World:
    """A new run begins; only AWS still knows of a rollback then."""
    return world._replace(faults=world.faults - 1, run=Run(), posts=0, rolled_back=world.rolled_back and aws)


@pytest.mark.parametrize(("ec2", "aws"), [(True, True), (False, True), (False, False)])
def test_every_way(ec2: bool, aws: bool, record_property: t.Callable[[str, object], None]) -> None:
    """Faults anywhere: no run posts twice, and in the end the rack has the pair whose private key it holds."""
    start = World(faults=FAULTS)
    found, waiting = {start}, [start]
    while waiting:
        world = waiting.pop()
        assert world.posts <= 1
        following = [] if world.done else after(world, ec2) + ([crashed(world, aws)] if world.faults else [])
        for each in following:
            if each not in found:
                found.add(each)
                waiting.append(each)
    assert any(world.done for world in found)
    for world in found:
        assert ends(world._replace(faults=0), ec2), world
    record_property(MEASURED, f"instance keyroll, EC2 {'asked' if ec2 else 'denied'}, AWS {'asked' if aws else 'denied'}: {len(found)} states")


def ends(world: World, ec2: bool) -> bool:
    """Whether, where nothing goes wrong any more, it is committed soon."""
    for _turn in range(30):
        if world.done:
            return True
        (world,) = after(world, ec2)
    return False
