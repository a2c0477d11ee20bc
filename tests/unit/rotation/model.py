# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rotations in a world that can do anything at any time: what can follow on a state, and what must hold in each.

The steps are rotation.py's own, the records and the order of writes those of records.py and stores.py.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.convox.credentials.plugins.module_utils import ways
from ansible_collections.convox.credentials.plugins.module_utils.records import RACK_API_KEY, Pending, Record
from tests.unit.rotation import shelf as shelves
from tests.unit.rotation.shelf import IDENTITY, WHEN
from tests.unit.rotation.state import PARAMETER, Move, State, require
from tests.unit.rotation.steps import Steps
from tests.unit.rotation.world import FOREIGN_KEY, ROLLING_BACK, Rack

FIRST_KEY = "K0"


class Model(Steps):
    """The states of one setup."""

    def initial(self) -> State:
        setup = self.setup
        rack = Rack.new(FIRST_KEY, setup.containers, setup.self_restarting, dated_by_change=PARAMETER in setup.sees)
        record = Record(RACK_API_KEY, IDENTITY, current=FIRST_KEY) if setup.old_known else None
        return State(rack, (record,) * setup.stores, 0, setup.crashes, setup.faults, setup.meddling)

    # -- what can follow ------------------------------------------------------------------------------------------
    def successors(self, state: State) -> t.Iterator[Move]:
        """Every way to go on that the budgets allow."""
        for move in self._all(state):
            left = state.crashes - move.crashes, state.faults - move.faults, state.meddling - move.meddling
            if min(left) >= 0:
                yield move._replace(state=move.state._replace(crashes=left[0], faults=left[1], meddling=left[2]))

    def fair(self, state: State) -> t.Iterator[Move]:
        """Every way to go on where nothing goes wrong any more, and the rack has time whenever the run waits."""
        if state.run is None:
            begun = [move for move in self._start(state) if not move.crashes and move.state.plan == 0]
            # A run stages nothing before the stack is at rest.
            yield from begun or (move for move in self._of_the_rack(state) if not move.faults)
            return
        step = self.step(state)
        if isinstance(step, self.engine.Wait):
            yield self._fair_wait(state, step)
            return
        moves = [move for move in self.perform(state, step) if not (move.faults or move.crashes)]
        # Whoever is let through by a container at all gets through in the end.
        yield from moves[:1] if isinstance(step, (self.engine.Send, self.engine.Restart)) else moves

    def hopeless(self, state: State) -> bool:
        """Whether the API accepts somebody else's key alone, where nothing but the API can be asked."""
        if self.setup.method != ways.API or self.setup.plans[0].fallback:
            return False
        record = shelves.loaded(state.shelf)
        known = {record.old, record.pending.key if record.pending else None}
        return not known & {container.key for container in state.rack.containers}

    def _all(self, state: State) -> t.Iterator[Move]:
        if state.done >= self.setup.rotations:
            return
        step = None if state.run is None else self.step(state)
        if not isinstance(step, (self.engine.Note, self.engine.Wait)):
            # Those two neither ask nor change the rack: what it does before them, it can do as well after them.
            yield from self._of_the_rack(state)
            yield from self._of_others(state)
        if step is None:
            yield from self._start(state)
            return
        yield Move("the run dies", state.without_run(), crashes=1)
        yield from self.perform(state, step)

    def _of_the_rack(self, state: State) -> t.Iterator[Move]:
        unseen = state.sent and state.rack.stack == ROLLING_BACK and not (self.setup.by_aws or state.saw_rollback)
        for label, rack, faults in state.rack.moves(self.setup.slow):
            # A rollback takes longer than the pause between two looks of a run that waits for the stack.
            if not (unseen and not rack.busy):
                yield Move(label, state._replace(rack=rack), faults)

    def _of_others(self, state: State) -> t.Iterator[Move]:
        if state.rack.busy:
            return
        if state.meddling:
            rack = state.rack.set_value(FOREIGN_KEY)
            yield Move("somebody else sets the key F", state._replace(rack=rack, meddled=True), meddling=1)
        if state.in_flight not in (None, state.rack.value):
            after = state._replace(rack=state.rack.set_value(str(state.in_flight)), in_flight=None, meddled=True)
            yield Move(f"the request with {state.in_flight} is carried out", after)

    def _fair_wait(self, state: State, step: t.Any) -> Move:
        """The rack has gone one move further; where it had none left, and again, the time is over."""
        moved = next((move.state for move in self._of_the_rack(state) if not move.faults), None)
        if moved is not None:
            return next(self.perform(moved._replace(idle=0), step))
        if state.idle < 2 or step.for_what == self.engine.FOR_ROUNDS:
            return next(self.perform(state._replace(idle=min(state.idle + 1, 2)), step))
        *dummy, late = self.perform(state._replace(idle=0), step)
        return late

    # -- a run begins ---------------------------------------------------------------------------------------------
    def _start(self, state: State) -> t.Iterator[Move]:
        record = shelves.loaded(state.shelf)
        if record.pending is not None:
            yield from self._begin(state, record, "resumes")
        elif state.done < self.setup.rotations and not state.rack.busy:
            key = f"K{state.done + 1}"
            record = self._stage(state.rack, record, key)
            if record.current is None and not self.setup.by_aws:
                # Neither a working key nor AWS: the run says so and changes nothing.
                return
            dead, shelf = self._kept(state, shelves.saved(state.shelf, record), f"a run stages {key}")
            yield from dead
            yield from self._begin(state._replace(shelf=shelf), record, f"stages {key}")

    def _begin(self, state: State, record: Record, what: str) -> t.Iterator[Move]:
        assert record.pending is not None
        run = self.engine.Run.start(record.pending, self.setup.method)
        for index, plan in enumerate(self.setup.plans):
            how = f"activates by {', '.join(plan.means) or 'nothing'}{'' if plan.wait else ', does not wait'}"
            after = state._replace(run=run, record=record, plan=index, proven=record.pending.confirmed is not None)
            yield Move(f"a run {what}; it {how}", after)

    def _stage(self, rack: Rack, record: Record, key: str) -> Record:
        """A key that is refused was found all the same, and a container could still take it up."""
        stored = rack.value if PARAMETER in self.setup.sees else None
        accepted = {container.key for container in rack.containers}
        old = next((k for k in (record.current, stored) if k in accepted), None)
        found = dict.fromkeys(k for k in (stored, record.current) if k and k not in (old, key))
        return dataclasses.replace(record, current=old, pending=Pending(key, WHEN, (f"of {key}",), found=tuple(found)))

    # -- what must hold -------------------------------------------------------------------------------------------
    def check(self, state: State) -> State:
        """Architecture 4: every key that was made, given or found, and can be accepted, is held. Returns the state."""
        held = shelves.held(state.shelf)
        ours = {f"K{n}" for n in range(0 if self.setup.old_known else 1, self.setup.rotations + 1)}
        if state.foreign_known:
            ours.add(FOREIGN_KEY)
        lost = (state.rack.exposed() - held) & ours
        require(not lost, f"no store holds {', '.join(sorted(lost))}")
        require(len(shelves.pending_keys(state.shelf)) <= 1, "two keys are pending")
        # Somebody else's key that came and went, and comes again, is found when it is seen again.
        known = FOREIGN_KEY in held or (state.foreign_known and FOREIGN_KEY in state.rack.exposed())
        return state._replace(foreign_known=known)
