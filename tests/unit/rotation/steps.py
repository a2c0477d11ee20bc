# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run's steps do to the rack and the stores, and what can come of each; as rack_engine.py and rack_roll.py do them."""

from __future__ import annotations

import dataclasses
import functools
import typing as t

from ansible_collections.convox.credentials.plugins.module_utils import rotation, ways
from tests.unit.rotation import shelf as shelves
from tests.unit.rotation.shelf import WHEN, Shelf
from tests.unit.rotation.state import PARAMETER, SERVICE, Move, Setup, State, require
from tests.unit.rotation.world import FOREIGN_KEY, ROLLING_BACK

# The clock of a run whose time is over.
LATE = 1.0e6


class Steps:
    """``engine`` is rotation.py, or a broken copy of it. Every way in which a step can end is a move."""

    def __init__(self, setup: Setup, engine: t.Any = rotation) -> None:
        self.setup = setup
        self.engine = engine
        self._next = functools.lru_cache(maxsize=None)(engine.next_step)
        self._after = functools.lru_cache(maxsize=None)(self._canonical)

    def step(self, state: State) -> t.Any:
        """The one next step of the run."""
        return self._next(state.pending, state.run, self.setup.plans[state.plan])

    def perform(self, state: State, step: t.Any) -> t.Iterator[Move]:
        return getattr(self, f"_{type(step).__name__.lower()}")(state, step)

    def absorbed(self, state: State, step: t.Any, event: t.Any, seconds: float = 0.0) -> State:
        run = self._after(state.run, self.setup.plans[state.plan], step, event, seconds)
        return state._replace(run=run, rack=state.rack if run.streak else state.rack.untold())

    def _canonical(self, run: rotation.Run, plan: rotation.Plan, step: t.Any, event: t.Any, seconds: float) -> rotation.Run:
        """The run after a step. Only differences of times count, so its clock is set back to naught."""
        run = self.engine.absorb(run, plan, step, event, run.now + seconds)
        now = LATE if run.now >= LATE else 0.0
        since = run.refused_since
        if since is not None:
            since = now + max(since - run.now, -ways.REFUSALS_S)
        return dataclasses.replace(run, now=now, refused_since=since, streak=min(run.streak, plan.rounds), streak_since=now)

    def _kept(self, state: State, cuts: tuple[Shelf, ...], what: str) -> tuple[list[Move], Shelf]:
        """The run's deaths between two writes, and what the stores hold after the last."""
        dead = [
            Move(f"{what} in {count} of its {len(cuts) - 1} writes, and dies", state.without_run()._replace(shelf=shelf), crashes=1)
            for count, shelf in enumerate(cuts[1:-1], 1)
        ]
        return dead, cuts[-1]

    # -- look -----------------------------------------------------------------------------------------------------
    def _look(self, state: State, step: t.Any) -> t.Iterator[Move]:
        rack, by_aws = state.rack, self.setup.by_aws
        saw_rollback = not by_aws and (state.saw_rollback or rack.stack == ROLLING_BACK)
        rolled_back = rack.rolled_back if by_aws else saw_rollback
        age = None if state.pending.activating is None else self.engine.RESTART_WINDOW_S if rack.settled else 0.0
        busy = self.engine.Looked(self.engine.BUSY, rolled_back=rolled_back, restart_age=age)
        at_rest = dataclasses.replace(busy, stack=self.engine.REST)
        if not by_aws:
            yield from self._look_by_api(state, step, busy, at_rest)
        elif rack.busy:
            yield Move("it looks: the stack is busy", self.absorbed(state, step, busy))
        else:
            yield from self._look_by_aws(state, step, at_rest)

    def _look_by_api(self, state: State, step: t.Any, busy: t.Any, at_rest: t.Any) -> t.Iterator[Move]:
        rack, answered = state.rack, state.answered_by()[0]
        unanswered = dataclasses.replace(busy, rolled_back=state.saw_rollback)
        yield Move("it looks: nobody answers", self.absorbed(state, step, unanswered), faults=1 if answered else 0)
        after = state._replace(saw_rollback=busy.rolled_back)
        if rack.busy and FOREIGN_KEY in (rack.value, rack.before):
            # After its own writes a run waits until the answers are younger than those (stack_watch.py).
            yield Move("it looks: a stale answer says at rest", self.absorbed(after, step, at_rest), faults=1)
        if answered:
            what, seen = ("the stack is busy", busy) if rack.busy else ("the stack is at rest", at_rest)
            yield Move(f"it looks: {what}", self.absorbed(after, step, seen))

    def _look_by_aws(self, state: State, step: t.Any, at_rest: t.Any) -> t.Iterator[Move]:
        rack, sees = state.rack, self.setup.sees
        seen = dataclasses.replace(
            at_rest,
            restarting=rack.restarting if SERVICE in sees else None,
            fresh=all(container.fresh for container in rack.containers) if SERVICE in sees else None,
            ours=rack.value == state.key if PARAMETER in sees else None,
        )
        if seen.ours and seen.fresh:
            state = state._replace(meddled=False)
        label = f"it looks: restarting {seen.restarting}, fresh {seen.fresh}, ours {seen.ours}, rolled back {seen.rolled_back}"
        if seen.ours is not None and rack.value not in state.staged.secrets():
            record = state.staged.note(found=(*state.pending.found, rack.value))
            dead, shelf = self._kept(state, shelves.saved(state.shelf, record), f"{label}; it keeps {rack.value}")
            yield from dead
            state = state._replace(shelf=shelf, record=record)
        yield Move(label, self.absorbed(state, step, seen))

    # -- note, send, restart --------------------------------------------------------------------------------------
    def _note(self, state: State, step: t.Any) -> t.Iterator[Move]:
        rack = state.rack
        if step.what == self.engine.ACTIVATING:
            self._check_restart_is_due(state)
            rack = rack._replace(settled=False)
        elif step.what == self.engine.APPLYING and PARAMETER not in self.setup.sees:
            rack = rack.dated_now()
        changes = {step.what: WHEN, **({"activated_by": step.means} if step.means else {})}
        record = state.staged.note(**changes)
        label = f"it notes {step.what}{f' by {step.means}' if step.means else ''}"
        dead, shelf = self._kept(state, shelves.saved(state.shelf, record), label)
        yield from dead
        noted = state._replace(shelf=shelf, record=record, rack=rack)
        yield Move(label, self.absorbed(noted, step, self.engine.Noted(step.what)))

    def _check_restart_is_due(self, state: State) -> None:
        rack = state.rack
        known = SERVICE in self.setup.sees
        under_way = rack.restarting if known else state.pending.activating is not None and not rack.settled
        require(not under_way, "a restart is begun while one is under way")
        if not (self.setup.faults or self.setup.meddling):
            done = all(container.key == state.key and container.fresh for container in rack.containers)
            require(not done, "a restart is begun though every container has the new key since its last one")

    def _send(self, state: State, step: t.Any) -> t.Iterator[Move]:
        require(not state.sent, "a key is sent again after a received 200")
        require(state.pending.applying is not None, "a key is sent without a note")
        rack, engine = state.rack, self.engine
        by_api = step.method == ways.API
        passes, refused = state.answered_by() if by_api else (True, False)
        state = state._replace(saw_rollback=False)
        if passes and (rack.busy or rack.value == state.key):
            outcome = engine.TURNED_AWAY if rack.busy else engine.THERE
            yield self._sent(state._replace(proven=state.proven or not rack.busy), step, outcome)
        elif passes:
            taken = state._replace(rack=rack.set_value(state.key))
            yield self._sent(taken._replace(sent=True, proven=True), step, engine.RECEIVED)
            yield self._sent(taken, step, engine.DOUBTFUL, "the reply is lost", faults=1)
        if passes:
            yield self._sent(state, step, engine.DOUBTFUL, "the request is lost", faults=1)
        if passes and self.setup.slow:
            yield self._sent(state._replace(in_flight=state.key), step, engine.DOUBTFUL, "the request is on its way", faults=1)
        if refused:
            yield self._sent(state, step, engine.REFUSED)
        if not by_api:
            yield self._sent(state, step, engine.DENIED, faults=1)

    def _sent(self, state: State, step: t.Any, outcome: str, why: str = "", faults: int = 0) -> Move:
        label = f"it sends {state.key} by {step.method}: {outcome}{f', {why}' if why else ''}"
        return Move(label, self.absorbed(state, step, self.engine.Sent(outcome)), faults=faults)

    def _restart(self, state: State, step: t.Any) -> t.Iterator[Move]:
        rack, engine = state.rack, self.engine
        require(step.means in (engine.ECS, engine.SIGNING_KEY), f"a restart is asked by {step.means}")
        require(state.pending.activating is not None, "a restart is asked without a note")
        require(state.proven, "a restart is asked before the key is placed")
        require(state.meddled or not rack.busy, "a restart is asked while the stack is busy")
        if PARAMETER in self.setup.sees:
            require(state.meddled or rack.value == state.key, "a restart is asked while the stack holds another key")
        passes, refused = state.answered_by() if step.means == engine.SIGNING_KEY else (True, False)
        asked, denied = engine.Restarted(engine.ASKED), engine.Restarted(engine.DENIED)
        label = f"it asks for a restart by {step.means}"
        if passes:
            yield Move(label, self.absorbed(state._replace(rack=rack.restart_all()), step, asked))
            yield Move(f"{label}: the request is lost", self.absorbed(state, step, asked), faults=1)
            for outcome in (engine.TURNED_AWAY, engine.REJECTED):
                yield Move(f"{label}: {outcome}", self.absorbed(state, step, engine.Restarted(outcome)), faults=1)
        yield Move(f"{label}: denied", self.absorbed(state, step, denied), faults=0 if refused or not passes else 1)

    # -- round, wait ----------------------------------------------------------------------------------------------
    def _round(self, state: State, step: t.Any) -> t.Iterator[Move]:
        """Each question reaches any container, but over a whole row of rounds no container is left out."""
        rack, engine = state.rack, self.engine
        assert state.run is not None
        later = self.setup.plans[state.plan].rounds - state.run.streak - 1
        yield self._rounded(state, step, engine.NO_ANSWER, engine.NO_ANSWER, faults=0 if rack.restarting else 1)
        seen: set[State] = set()
        for new_by in range(len(rack.containers)):
            for old_by in range(len(rack.containers)):
                told = rack.told(new_by, old_by)
                if 0 <= later < told.left_out():
                    continue
                new = engine.ACCEPTED if rack.containers[new_by].key == state.key else engine.REFUSED
                old = engine.ACCEPTED if rack.containers[old_by].key == state.staged.old else engine.REFUSED
                move = self._rounded(state._replace(rack=told), step, new, engine.UNKNOWN if state.staged.old is None else old)
                if move.state not in seen:
                    seen.add(move.state)
                    yield move

    def _rounded(self, state: State, step: t.Any, new: str, old: str, faults: int = 0) -> Move:
        after = self.absorbed(state, step, self.engine.Rounded(new, old))
        return Move(f"a round: the new key is {new}, the old one {old}", after, faults=faults)

    def _wait(self, state: State, step: t.Any) -> t.Iterator[Move]:
        label = f"it waits for {step.for_what}"
        seconds = ways.REFUSALS_S if step.for_what == self.engine.FOR_KEY else step.seconds
        yield Move(label, self.absorbed(state, step, self.engine.Waited(), seconds))
        yield Move(f"{label} until it is late", self.absorbed(state, step, self.engine.Waited(), LATE), faults=1)

    # -- the end --------------------------------------------------------------------------------------------------
    def _commit(self, state: State, step: t.Any) -> t.Iterator[Move]:
        label = f"it commits {state.key}"
        # A key that somebody else set again after the last look is found when it is seen again.
        state = state._replace(foreign_known=state.foreign_known and not state.meddled)
        dead, shelf = self._kept(state, shelves.promoted(state.shelf, state.staged), label)
        yield from dead
        self._check_commit(state, shelf)
        after = state.without_run()._replace(shelf=shelf, done=state.done + 1, in_flight=None)
        after = after._replace(meddled=state.meddled and not state.rack.in_force(state.key))
        yield Move(label, after, committed=True)

    def _check_commit(self, state: State, shelf: Shelf) -> None:
        require(not shelves.pending_keys(shelf), "a commit leaves a pending mark")
        for record in shelf:
            require(record is not None and record.current == state.key, "a commit leaves a store with another current key")
        if not state.meddled:
            accepted = {container.key for container in state.rack.containers}
            require(accepted == {state.key}, f"committed, and a container accepts {', '.join(sorted(accepted - {state.key}))}")
            require(not state.rack.busy, "committed while the stack is busy")
            require(state.rack.value == state.key, f"committed, and the stack holds {state.rack.value}")

    def _stop(self, state: State, step: t.Any) -> t.Iterator[Move]:
        require(bool(shelves.pending_keys(state.shelf)), f"the run stops ({step.why}), and the pending mark is gone")
        yield Move(f"it stops: {step.why}", state.without_run())
