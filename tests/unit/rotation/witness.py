# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run that is shown anything at all, at real times, and a witness who keeps a tally of his own.

The world of model.py is consistent, and its time is none: a period and a deadline mean nothing there. Here a look, a
reply and a round say whatever chance says, and each step is judged by what was shown before.
"""

from __future__ import annotations

import dataclasses
import random
import typing as t

from ansible_collections.convox.credentials.plugins.module_utils import rotation, ways
from ansible_collections.convox.credentials.plugins.module_utils.records import Pending
from tests.unit.rotation.shelf import WHEN
from tests.unit.rotation.state import require

PHASES = ("staged", "applied", "active", "confirmed")
MOST_STEPS = 80
# How likely what is usual is, for one run and one kind of thing that it is shown.
LUCK = (0.2, 0.6, 0.9, 0.99)


@dataclasses.dataclass
class Tally:
    """What was shown to the run. ``row``: the times of the good rounds since the last bad one or restart.

    ``past_stack``: the stack says that it has the key, and the look before showed another in its parameter.
    """

    doubtful: int
    trust: bool
    look: t.Any = None
    look_is_last: bool = False
    received: bool = False
    placed: bool = False
    past_stack: bool = False
    row: list[float] = dataclasses.field(default_factory=list)
    denied: set[str] = dataclasses.field(default_factory=set)
    restarts: int = 0
    no: str | None = None
    bad: bool = False
    last_step: t.Any = None


class Witnessed:
    """``engine`` is rotation.py, or a broken copy of it."""

    def __init__(self, engine: t.Any, chance: random.Random) -> None:
        self.engine = engine
        self.chance = chance
        self.luck = {what: chance.choice(LUCK) for what in ("look", "age", "send", "restart", "round")}
        self.plan = rotation.Plan(
            means=chance.choice([("ecs", "signing_key"), ("ecs",), ("signing_key",), ("stack",), ()]),
            rounds=chance.choice([2, 3, 6]),
            period=chance.choice([0.0, 10.0, 35.0]),
            deadline=chance.choice([60.0, 1800.0]),
            wait=chance.random() < 0.8,
            fallback=chance.random() < 0.3,
        )
        notes = chance.choice([0, 0, 0, 1, 2, 3])
        names = ("applying", "activating", "confirmed")[:notes]
        self.pending = dataclasses.replace(Pending("K1", WHEN, ("one",)), **_dated(names))
        self.tally = Tally(doubtful=1 if self.pending.applying else 0, trust=self.pending.confirmed is not None)
        self.tally.placed = self.tally.trust
        self.now = 0.0

    def go(self) -> t.Any:
        """Until the run ends; its last step, None where it takes long."""
        run = self.engine.Run.start(self.pending, "api", self.now)
        for dummy in range(MOST_STEPS):
            step = self.engine.next_step(self.pending, run, self.plan)
            self._judge(step)
            if isinstance(step, (self.engine.Commit, self.engine.Stop)):
                return step
            before = self._phase(run)
            self.tally.bad = False
            event = getattr(self, f"_{type(step).__name__.lower()}")(step)
            self.now += self.chance.choice([0.0, 0.2, 1.0, 20.0])
            self._note_time(event)
            run = self.engine.absorb(run, self.plan, step, event, self.now)
            require(self._phase(run) >= before or self.tally.bad, "the phase went back, and nothing bad was seen")
            self.tally.last_step = step
        return None

    def _phase(self, run: t.Any) -> int:
        return PHASES.index(self.engine.phase(self.pending, run))

    # -- what is shown --------------------------------------------------------------------------------------------
    def _mostly(self, about: str, usual: t.Any, *others: t.Any) -> t.Any:
        return usual if self.chance.random() < self.luck[about] else self.chance.choice(others)

    def _look(self, step: t.Any) -> t.Any:
        engine = self.engine
        look = engine.Looked(
            self._mostly("look", engine.REST, engine.REST, engine.BUSY) if self.chance.random() < 0.98 else engine.STUCK,
            rolled_back=self._mostly("look", False, True),
            restarting=self._mostly("age", False, None, True),
            restart_age=self.chance.choice([1.0, 299.0, 300.0, 1000.0]) if self.pending.activating else None,
            fresh=self._mostly("age", True, None, False),
            ours=self._mostly("look", True, None, False),
        )
        self.tally.look, self.tally.look_is_last = look, True
        if self.tally.trust and look.ours is False:
            self.tally.trust, self.tally.placed, self.tally.bad = False, False, True
        return look

    def _note(self, step: t.Any) -> t.Any:
        self.pending = dataclasses.replace(self.pending, **_dated([step.what]))
        return self.engine.Noted(step.what)

    def _send(self, step: t.Any) -> t.Any:
        engine, tally = self.engine, self.tally
        outcomes = engine.THERE, engine.DOUBTFUL, engine.TURNED_AWAY, engine.REFUSED, engine.DENIED, engine.REJECTED
        outcome = self._mostly("send", engine.RECEIVED, *outcomes)
        tally.received = tally.received or outcome == engine.RECEIVED
        tally.placed = tally.placed or outcome in (engine.RECEIVED, engine.THERE)
        tally.past_stack = outcome == engine.THERE and tally.look.ours is False
        tally.doubtful += outcome == engine.DOUBTFUL
        return engine.Sent(outcome)

    def _restart(self, step: t.Any) -> t.Any:
        engine = self.engine
        outcome = self._mostly("restart", engine.ASKED, engine.DENIED, engine.TURNED_AWAY, engine.REJECTED)
        if outcome == engine.DENIED:
            self.tally.denied.add(step.means)
        elif outcome != engine.ASKED:
            self.tally.no = outcome
        else:
            self.tally.row, self.tally.bad = [], True
            self.tally.restarts += 1
        return self.engine.Restarted(outcome)

    def _round(self, step: t.Any) -> t.Any:
        engine = self.engine
        new = self._mostly("round", engine.ACCEPTED, engine.REFUSED, engine.NO_ANSWER)
        old = self._mostly("round", engine.REFUSED, engine.ACCEPTED, engine.NO_ANSWER, engine.UNKNOWN)
        return engine.Rounded(new, old)

    def _wait(self, step: t.Any) -> t.Any:
        if self.tally.no == self.engine.TURNED_AWAY:
            self.tally.no = None
        self.now += step.seconds + self.chance.choice([0.0, 0.0, 60.0])
        return self.engine.Waited()

    def _note_time(self, event: t.Any) -> None:
        """A round counts from when its answer came."""
        if not isinstance(event, self.engine.Rounded):
            return
        tally = self.tally
        tally.look_is_last = False
        if event.new == self.engine.ACCEPTED and event.old in (self.engine.REFUSED, self.engine.UNKNOWN):
            tally.row.append(self.now)
        else:
            tally.row, tally.bad = [], True
            if tally.trust and (event.new == self.engine.REFUSED or event.old == self.engine.ACCEPTED):
                tally.trust, tally.placed = False, False

    # -- what must be so ------------------------------------------------------------------------------------------
    def _judge(self, step: t.Any) -> None:
        getattr(self, f"_judge_{type(step).__name__.lower()}", lambda step: None)(step)
        told = isinstance(step, self.engine.Stop) and step.why == rotation.STOPPED_PAST_STACK
        require(told == self.tally.past_stack, "a parameter that was set past the stack is not told, or one that was not is")

    def _judge_wait(self, step: t.Any) -> None:
        require(self.plan.wait, "a run that is not to wait does")
        require(self.now < self.plan.deadline, "a run waits when its time is over")

    def _judge_send(self, step: t.Any) -> None:
        require(self.pending.applying is not None, "a key is sent without a note")
        require(not self.tally.received, "a key is sent again after a received 200")
        require(self.tally.doubtful < 2, "a key is sent a third time after two doubtful ones")
        require(self.tally.look.stack == self.engine.REST, "a key is sent to a stack that is not at rest")
        restarting = step.method == ways.API and self.tally.look.restarting
        require(not (self.tally.doubtful and restarting), "after a doubtful send a key is sent to an API that restarts")
        require(step.method == ways.API or self.plan.fallback, "CloudFormation is asked, and must not be")

    def _judge_note(self, step: t.Any) -> None:
        if step.what == self.engine.CONFIRMED:
            self._judge_confirmation()
        elif step.what == self.engine.ACTIVATING:
            require(self.tally.placed, "a restart is begun before the key is placed")
            require(self.tally.look.stack == self.engine.REST, "a restart is begun while the stack is not at rest")
            require(self.tally.look.ours is not False, "a restart is begun with another key in the stack")
            require(not self.tally.look.restart_under_way(), "a restart is begun while one is under way")

    def _judge_restart(self, step: t.Any) -> None:
        noted = self.tally.last_step
        require(isinstance(noted, self.engine.Note) and noted.means == step.means, "a restart is asked without its own note")
        require(self.tally.no is None, "a restart is asked again at once, or after a definite no")
        possible = {self.engine.ECS, self.engine.SIGNING_KEY} & set(self.plan.means) - self.tally.denied
        require(step.means in possible, "a restart is asked by means that there are not")
        require(self.tally.restarts < self.engine.MOST_RESTARTS, "the API is restarted again and again")

    def _judge_commit(self, step: t.Any) -> None:
        require(self.pending.confirmed is not None, "committed, and not confirmed")
        self._judge_confirmation()

    def _judge_confirmation(self) -> None:
        tally, row = self.tally, self.tally.row
        require(tally.placed, "confirmed before the key is placed")
        require(tally.look_is_last, "confirmed without a look after the last round")
        look = tally.look
        require(look.stack == self.engine.REST, "confirmed while the stack is not at rest")
        require(look.ours is not False, "confirmed with another key in the stack")
        require(look.fresh is not False, "confirmed with a container that is older than the key")
        require(not (tally.received and look.rolled_back and not look.ours), "confirmed after a rollback")
        require(bool(row), "confirmed without a good round")
        if not tally.trust:
            require(len(row) >= self.plan.rounds, "confirmed with too few rounds")
            require(row[-1] - row[0] >= self.plan.period, "confirmed too early")


def _dated(names: t.Iterable[str]) -> dict[str, t.Any]:
    return dict.fromkeys(names, WHEN)
