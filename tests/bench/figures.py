# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is measured: samples of each way taken in turn, what was aimed at, and both as Markdown."""
from __future__ import annotations

import statistics
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Callable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    Work = Callable[[], float]


@dataclass
class Samples:
    """Of one way, in the order they were taken. ``times``: what each is to be multiplied by, where only a part was measured."""

    values: list[float] = field(default_factory=list)
    times: float = 1.0

    @property
    def median(self) -> float:
        return statistics.median(self.values) * self.times

    @property
    def spread(self) -> tuple[float, float]:
        """The least and the most."""
        return min(self.values) * self.times, max(self.values) * self.times


@dataclass
class Aim:
    """``most`` or, with ``at_least``, the least that was aimed at."""

    what: str
    seen: float
    bound: float
    at_least: bool = False

    @property
    def met(self) -> bool:
        return self.seen >= self.bound if self.at_least else self.seen <= self.bound

    def markdown(self) -> str:
        word = "at least" if self.at_least else "at most"
        return f"| {self.what} | {word} {number(self.bound)} | {number(self.seen)} | {'met' if self.met else '**missed**'} |"


@dataclass
class Section:
    """What docs/performance.md shows between the marks of one scenario."""

    head: list[str]
    rows: list[list[str]] = field(default_factory=list)
    aims: list[Aim] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def markdown(self) -> str:
        parts = [table(self.head, self.rows)]
        if self.aims:
            parts.append("\n".join(["| Aim | Bound | Measured | |", "|---|---|---|---|", *(aim.markdown() for aim in self.aims)]))
        parts += self.notes
        return "\n\n".join(parts)


def in_turn(works: Mapping[str, Work], rounds: int, told: Callable[[str], None] = lambda text: None) -> dict[str, Samples]:
    """Each way once in each round, so that what disturbs the machine disturbs them alike. A work returns its seconds."""
    taken = {name: Samples() for name in works}
    for each in range(rounds):
        for name, work in works.items():
            value = work()
            taken[name].values.append(value)
            told(f"round {each + 1} of {rounds}: {name}: {seconds(value)}")
    return taken


def clocked(work: Callable[[], object]) -> Work:
    """The seconds that it takes."""

    def clock() -> float:
        began = time.monotonic()
        work()
        return time.monotonic() - began

    return clock


def table(head: list[str], rows: Iterable[list[str]]) -> str:
    lines = ["| " + " | ".join(cells) + " |" for cells in (head, *rows)]
    return "\n".join([lines[0], "|" + "---|" * len(head), *lines[1:]])


def row(name: str, samples: Samples, beside: float | None = None, remark: str = "") -> list[str]:
    """A way, its median and spread, and how often it takes what another does."""
    least, most = samples.spread
    ratio = f"{samples.median / beside:.2f}" if beside else ""
    return [f"{name} ({remark})" if remark else name, seconds(samples.median), f"{seconds(least)} to {seconds(most)}", ratio]


def seconds(value: float) -> str:
    if value < 1:
        return f"{value * 1000:.0f} ms"
    return f"{value:.1f} s" if value < 100 else f"{value:.0f} s"


def number(value: float) -> str:
    return f"{value:.0f}" if value >= 10 or value == int(value) else f"{value:.2f}"
