# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An audit of a thousand racks takes little more than its requests, little memory, and three requests a rack; and it grows as the fleet does."""
from __future__ import annotations

import datetime
import statistics
from typing import TYPE_CHECKING, Any, Callable

import pytest

from tests.audit_fleet.scale import Asked, LargeFleet
from tests.measured import MEASURED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fleet_apart import Run

    Record = Callable[[str, object], None]
    Fleets = Callable[[int], LargeFleet]

RACKS, ROUNDS = 1000, 3
MOST_TIMES, MOST_MB, MOST_REQUESTS = 2.5, 200, 3
pytestmark = [pytest.mark.alone, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def fleets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleets]:
    """Each size once: a thousand racks take some seconds to start, and nothing while nobody asks them."""
    made: dict[int, LargeFleet] = {}
    root = tmp_path_factory.mktemp("fleets")

    def get(size: int) -> LargeFleet:
        if size not in made:
            made[size] = LargeFleet(root / f"racks-{size}", size)
        return made[size]

    yield get
    for fleet in made.values():
        fleet.stop()


def median(runs: list[Run], name: str) -> float:
    return statistics.median(getattr(run, name) for run in runs)


def answered(fleet: LargeFleet) -> set[str]:
    """Of which racks the audit knows how the key stands, and what its sources said."""
    report = fleet.report()
    assert {each["state"] for each in report["sources"]} == {"answered"}
    return {each["name"] for each in report["racks"] if each["answered"] and each["key"] == "in_force" and each["console_copy"] == "ok"}


def test_a_thousand_racks(fleets: Fleets, record_property: Record) -> None:
    """In one task that asks Console, racks and AWS, and writes the report for people too.

    What is compared is without AWS: in the stand-in it takes its time from the same process that the racks are in.
    """
    fleet = fleets(RACKS)
    began = datetime.datetime.now(datetime.timezone.utc)
    whole = fleet.audit()
    assert answered(fleet) == set(fleet.names)
    asked = Asked(fleet, fleet.asked_since(began))
    assert set(asked.counts().values()) == {MOST_REQUESTS}
    assert len(asked.of_console) == RACKS + 1, "its list, and each rack once"

    empty, bare, audits, questions = [], [], [], asked.questions()
    for _round in range(ROUNDS):
        empty.append(fleet.play_nothing())
        fetched = fleet.fetch(questions)
        # Each rack takes its key twice and refuses the one that was made up.
        assert fetched["statuses"] == {"200": 2 * RACKS + 1, "401": RACKS}
        bare.append(fetched["seconds"])
        audits.append(fleet.audit(aws=[]))
        assert answered(fleet) == set(fleet.names)
    nothing, fetch, audit = statistics.median(empty), statistics.median(bare), median(audits, "seconds")
    times = (audit - nothing) / fetch
    record_property(
        MEASURED,
        f"{RACKS} racks audited: {audit:.1f} s, of which an empty playbook takes {nothing:.1f} s; the same {sum(fetched['statuses'].values())} requests by "
        f"themselves {fetch:.1f} s ({times:.2f} times that); with AWS {whole.seconds:.1f} s and {whole.peak_mb:.0f} MB",
    )
    assert times <= MOST_TIMES
    assert max(each.peak_mb for each in (whole, *audits)) < MOST_MB


def test_it_grows_as_the_fleet_does(fleets: Fleets, record_property: Record) -> None:
    """From 100 to 1,000 racks it is no more work for each than from 10 to 100; what grows with the square is ten times as much.

    The least of some rounds, for whoever disturbs one adds to it; a half more is for those who disturb all of them.
    """
    few, some, many = (min(fleets(size).audit(aws=[]).cpu for _round in range(rounds)) for size, rounds in ((10, 5), (100, 5), (RACKS, ROUNDS)))
    record_property(MEASURED, f"audits of 10, 100 and {RACKS} racks: {few:.2f}, {some:.2f} and {many:.2f} s of CPU")
    assert many - some <= 1.5 * 10 * (some - few)


@pytest.mark.parametrize("size", [10, RACKS])
def test_a_dead_rack_costs_its_own_time_out(fleets: Fleets, size: int) -> None:
    """It takes connections and says nothing: asked by itself and by way of the Console at once, it keeps nobody else from being asked."""
    fleet, timeout, dead = fleets(size), 5, f"racks/rack{size // 2:04}"
    options: dict[str, Any] = {"aws": [], "timeout": timeout}
    without = min(fleet.audit(**options).seconds for _round in range(2))
    fleet.control("POST", f"{dead}/faults", action="delay", seconds=60, times=None)
    try:
        assert fleet.audit(**options).seconds <= without + timeout + 1
    finally:
        fleet.control("DELETE", f"{dead}/faults")
    assert answered(fleet) == set(fleet.names) - {dead.partition("/")[2]}
