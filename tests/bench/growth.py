# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""(e) How the audit and the inventory grow with the fleet, in CPU and memory."""
from __future__ import annotations

from typing import TYPE_CHECKING

from tests.audit_fleet.scale import LargeFleet
from tests.bench.figures import Aim, Section, seconds
from tests.bench.inventory import Written

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Callable

    from tests.fleet_apart import Run

SIZES = (10, 100, 1000, 10000)
# The work for each rack of the largest fleet, by that of the second: what grows with the square is a hundred times as much.
MOST_A_RACK = 1.5


def measure(place: Path, rounds: int, told: Callable[[str], None]) -> Section:
    audits: dict[int, Run] = {}
    graphs: dict[int, Run] = {}
    for size in SIZES:
        # The least of some rounds: whoever disturbs one adds to it. The largest takes a minute each.
        with LargeFleet(place / f"{size} racks", size) as fleet:
            audits[size] = _least([fleet.audit(aws=[]) for _round in range(min(rounds, 3))])
            assert len(fleet.report()["racks"]) == size
            written = Written(fleet)
            graphs[size] = _least([written.graph(written.plugin) for _round in range(rounds)])
        told(f"{size} racks: audit {seconds(audits[size].cpu)}, inventory {seconds(graphs[size].cpu)} of CPU")
    rows = [
        [str(size), seconds(audits[size].seconds), seconds(audits[size].cpu), _each(audits, size), f"{audits[size].peak_mb:.0f} MB"]
        + [seconds(graphs[size].seconds), seconds(graphs[size].cpu), _each(graphs, size), f"{graphs[size].peak_mb:.0f} MB"]
        for size in SIZES
    ]
    head = ["Racks", "Audit", "its module's CPU", "for one rack more", "Memory", "Inventory", "its CPU", "for one rack more", "Memory"]
    aims = [
        Aim(f"CPU for each rack from {SIZES[2]} to {SIZES[3]}, by that from {SIZES[1]} to {SIZES[2]}: {what}", _slope(runs, 3) / _slope(runs, 2), MOST_A_RACK)
        for what, runs in (("audit", audits), ("inventory", graphs))
    ]
    return Section(head, rows, aims)


def _least(runs: list[Run]) -> Run:
    return min(runs, key=lambda run: run.cpu)


def _slope(runs: dict[int, Run], number: int) -> float:
    """Seconds of CPU that each rack adds, from one size to the next."""
    less, more = SIZES[number - 1], SIZES[number]
    return (runs[more].cpu - runs[less].cpu) / (more - less)


def _each(runs: dict[int, Run], size: int) -> str:
    number = SIZES.index(size)
    return f"{_slope(runs, number) * 1000:.2f} ms" if number else ""
