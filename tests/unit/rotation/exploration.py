# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every state that can be reached, breadth first; then, from each of them, whether a run gets there in the end."""

from __future__ import annotations

import dataclasses
import typing as t

from tests.unit.rotation.model import Model
from tests.unit.rotation.state import Move, State, ViolationError


@dataclasses.dataclass(frozen=True)
class Found:
    """How large what was explored is. ``fair_states``: those met where nothing goes wrong any more."""

    states: int
    transitions: int
    commits: int
    fair_states: int


class TraceError(AssertionError):
    """What went wrong, and a shortest way to it, a line for each move."""

    def __init__(self, what: str, trace: t.Sequence[str]) -> None:
        super().__init__("\n".join([what, *(f"{n:3} {line}" for n, line in enumerate(trace, 1))]))
        self.what = what


class Exploration:
    """All states of a model, and how each was first reached."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self._came: dict[State, tuple[State | None, str]] = {}
        self._sure: set[State] = set()

    def run(self) -> Found:
        """Raises TraceError for whatever must not be."""
        start = self.model.check(self.model.initial())
        self._came[start] = (None, "")
        layer, transitions, commits = [start], 0, 0
        while layer:
            following: list[State] = []
            for state in layer:
                for move in self._moves(state):
                    transitions += 1
                    commits += move.committed
                    if move.state not in self._came:
                        self._came[move.state] = (state, move.label)
                        following.append(move.state)
            layer = following
        for state in self._came:
            self._must_commit(state)
        return Found(len(self._came), transitions, commits, len(self._sure))

    def _moves(self, state: State) -> t.Iterator[Move]:
        """What can follow on a state, each checked."""
        moves = self.model.successors(state)
        while True:
            try:
                move = next(moves, None)
            except ViolationError as exc:
                raise TraceError(str(exc), [*self._trace(state), f"next: {self.model.step(state)}"]) from None
            if move is None:
                return
            try:
                yield move._replace(state=self.model.check(move.state))
            except ViolationError as exc:
                raise TraceError(str(exc), [*self._trace(state), move.label]) from None

    def _trace(self, state: State) -> list[str]:
        lines: list[str] = []
        came, label = self._came[state]
        while came is not None:
            lines.append(label)
            came, label = self._came[came]
        return lines[::-1]

    # -- getting there --------------------------------------------------------------------------------------------
    def _must_commit(self, reached: State) -> None:
        """Where nothing goes wrong any more, whatever follows ends with a commit: depth first, a circle is an error."""
        if reached.run is None and reached.done >= self.model.setup.rotations:
            return
        start = _without_budgets(reached)
        if self._settled(start):
            return
        path: dict[State, str] = {start: "-- and nothing goes wrong any more --"}
        stack = [(start, self._fair(start, reached, path))]
        while stack:
            state, moves = stack[-1]
            move = next(moves, None)
            if move is None:
                self._sure.add(state)
                path.pop(state)
                stack.pop()
            elif move.state in path:
                raise TraceError("it goes on for ever", [*self._trace(reached), *path.values(), move.label])
            elif not move.committed and not self._settled(move.state):
                path[move.state] = move.label
                stack.append((move.state, self._fair(move.state, reached, path)))

    def _fair(self, state: State, reached: State, path: dict[State, str]) -> t.Iterator[Move]:
        try:
            moves = list(self.model.fair(state))
            if moves:
                return iter(moves)
            what = "it does not go on"
        except ViolationError as exc:
            what = str(exc)
        raise TraceError(what, [*self._trace(reached), *path.values()])

    def _settled(self, state: State) -> bool:
        return state in self._sure or self.model.hopeless(state)


def _without_budgets(state: State) -> State:
    return state._replace(crashes=0, faults=0, meddling=0)
