# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a Console's record is renewed: every state that its two records can be in, and every way out of each."""
from __future__ import annotations

import dataclasses
import itertools
import typing as t

import pytest

from ansible_collections.convox.credentials.plugins.module_utils import console_sync as machine
from ansible_collections.convox.credentials.plugins.module_utils.console import Account
from ansible_collections.convox.credentials.plugins.module_utils.console_sync import (
    ANOTHER,
    ASK_AGAIN,
    COPY_BACK,
    COPY_SETTINGS,
    DONE,
    EMPTY,
    IMPORT_BESIDE,
    IMPORT_NAMED,
    OK,
    REMOVE,
    RENAME,
    STALE,
    STOP,
    UNKNOWN,
    Entry,
    RackRecord,
    Settings,
    Step,
)
from tests.measured import MEASURED

PLAIN, OWN = Settings("", 0, "never", 0), Settings("runtime-1", 3, "weekly", 4)
EMPTIED = dataclasses.replace(OWN, runtime="")


def entry(name: str, copy: str, uninstallable: bool = False, settings: Settings = PLAIN) -> Entry:
    return Entry(RackRecord(f"id of {name}", name, uninstallable, settings), copy)


def every_entry(name: str) -> list[Entry | None]:
    found = itertools.product((OK, STALE, ANOTHER, UNKNOWN), (False, True), (PLAIN, OWN, EMPTIED))
    return [None, *(entry(name, *each) for each in found)]


def test_every_decision() -> None:
    """What must never be done, whatever was seen."""
    for named, beside in itertools.product(every_entry("alpha"), every_entry("alpha-new-key")):
        step = machine.next_step(named, beside)
        about = (named, beside, step)
        both = [each for each in (named, beside) if each is not None]
        if any(each.copy == UNKNOWN for each in both):
            assert step == Step(ASK_AGAIN), about
        if step.do in (REMOVE, EMPTY):
            assert step.entry is not None, about
            assert not step.entry.record.uninstallable, about
            assert step.do == EMPTY or step.entry.record.settings.runtime == "", about
            assert len(both) == 2, "the Console would be without the rack: %s" % (about,)
            other = beside if step.entry is named else named
            assert other is not None, about
            # A record that works goes only where the other one works, too.
            assert other.copy == OK or step.entry.copy == STALE, about
            assert step.entry.copy != ANOTHER, about
        if step.do == REMOVE and step.entry is named:
            assert beside is not None, about
            assert beside.copy == OK, about
            assert dataclasses.replace(beside.record.settings, runtime="") == dataclasses.replace(named.record.settings, runtime=""), about
        if step.do in (EMPTY, REMOVE) and step.entry is beside and named is not None and beside is not None:
            assert named.record.settings.runtime or not beside.record.settings.runtime, about
        if step.do == COPY_BACK:
            assert step.entry is named, about
            assert named is not None, about
            assert named.record.settings.runtime == "", about
        if step.do == RENAME:
            assert named is None, about
            assert beside is not None, about
            assert beside.copy == OK, about
        if step.do == DONE:
            assert named is not None, about
            assert (named.copy, beside) == (OK, None), about


@pytest.mark.parametrize("changed", [{"uninstallable": True}, {"uninstallable": 0}, {"uninstallable": None}, {"settings": OWN}])
def test_who_removes_looks_for_itself(changed: dict[str, t.Any]) -> None:
    """Whatever decided so: the call is not even made."""
    account = Account.__new__(Account)
    with pytest.raises(ValueError, match="never removed"):
        account.remove_rack(t.cast(t.Any, None), dataclasses.replace(entry("alpha", STALE).record, **changed))


# -- every way ----------------------------------------------------------------------------------------------------
class World(t.NamedTuple):
    """``faults``: how much may still go wrong: a step that is lost, a save of somebody's that brings an old value back, a key
    that is rolled once more, a Console that takes hold of the rack's state."""

    faults: int
    named: Entry | None
    beside: Entry | None = None

    def step(self) -> Step:
        return machine.next_step(self.named, self.beside)


def done(world: World) -> World:
    """After the step, as it should be."""
    step = world.step()
    if step.do == IMPORT_BESIDE:
        return world._replace(beside=entry("alpha-new-key", OK))
    if step.do == IMPORT_NAMED:
        return world._replace(named=entry("alpha", OK))
    if step.do == RENAME and world.beside is not None:
        return world._replace(named=Entry(dataclasses.replace(world.beside.record, name="alpha"), OK), beside=None)
    if step.do == COPY_SETTINGS and world.named is not None and world.beside is not None:
        settings = world.named.record.settings
        settings = settings if settings.runtime else dataclasses.replace(settings, runtime=world.beside.record.settings.runtime)
        return world._replace(beside=with_settings(world.beside, settings))
    if step.do == COPY_BACK and world.named is not None and world.beside is not None:
        return world._replace(named=with_settings(world.named, world.beside.record.settings))
    if step.do == EMPTY and step.entry is not None:
        emptied = with_settings(step.entry, dataclasses.replace(step.entry.record.settings, runtime=""))
        return world._replace(named=emptied) if step.entry is world.named else world._replace(beside=emptied)
    if step.do == REMOVE:
        return world._replace(named=None) if step.entry is world.named else world._replace(beside=None)
    return world


def with_settings(was: Entry, settings: Settings) -> Entry:
    return Entry(dataclasses.replace(was.record, settings=settings), was.copy)


def spoiled(world: World) -> t.Iterator[World]:
    """What somebody else may do meanwhile."""
    left = world._replace(faults=world.faults - 1)
    for name in ("named", "beside"):
        was: Entry | None = getattr(world, name)
        if was is not None:
            yield left._replace(**{name: Entry(was.record, STALE)})
            yield left._replace(**{name: Entry(dataclasses.replace(was.record, uninstallable=True), was.copy)})
            yield left._replace(**{name: with_settings(was, OWN)})


def can_end(start: World) -> tuple[int, set[str]]:
    """How many states there are from here, and the ends without which no state of them is. Every one leads to an end."""
    known, left = {start}, [start]
    ways: dict[World, list[World]] = {}
    while left:
        world = left.pop()
        assert (world.named, world.beside) != (None, None), "the Console is without the rack"
        settings = [each.record.settings for each in (world.named, world.beside) if each is not None]
        assert OWN in settings, "what the Console does by itself is forgotten"
        ways[world] = [done(world)] + (list(spoiled(world)) if world.faults else [])
        for each in ways[world]:
            if each not in known:
                known.add(each)
                left.append(each)
    ends = {world for world in known if world.step().do in (DONE, STOP)}
    assert {world.named.record.settings for world in ends if world.named is not None and world.step().do == DONE} == {OWN}
    reaching = set(ends)
    while more := {world for world in known - reaching if reaching.intersection(ways[world])}:
        reaching |= more
    assert known == reaching
    return len(known), {world.step().why or world.step().do for world in ends}


@pytest.mark.parametrize("faults", range(4))
def test_every_way(record_property: t.Callable[[str, object], None], faults: int) -> None:
    states, ends = can_end(World(faults, entry("alpha", STALE, settings=OWN)))
    assert ends == ({DONE} if faults == 0 else {DONE, machine.STOPPED_UNINSTALLABLE})
    record_property(MEASURED, f"a Console's record renewed, {faults} faults: {states} states")


def test_the_way_without_a_fault() -> None:
    world, steps = World(0, entry("alpha", STALE, settings=OWN)), []
    while (step := world.step()).do != DONE:
        steps.append(step.do)
        world = done(world)
    assert steps == [IMPORT_BESIDE, COPY_SETTINGS, EMPTY, REMOVE, RENAME]
    assert world.named is not None
    assert world.named.record.settings == OWN
