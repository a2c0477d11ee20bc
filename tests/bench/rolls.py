# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""(c) A fleet's keys rolled in one run, beside one rack after the other, and beside what no run could do without."""
from __future__ import annotations

import os
from typing import TYPE_CHECKING

from tests.bench.figures import Aim, Samples, Section, row, seconds
from tests.fleet_apart import FORKS, FleetApart

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Callable

    from tests.fleet_apart import Run

RACKS, UPDATE_S = 50, 20.0
# Of the way that waits for each rack; the rest is multiplied.
ONE_BY_ONE = 3
MOST_OF_SUM, MOST_OF_LIMIT, MOST_OF_PINGS = 1.1, 1.5, 6.0
# No round of confirmation waits: those take their period, whoever asks for it.
EVERYWHERE = {"convox_confirm_period": 0, "convox_confirm_interval": 0}


def measure(place: Path, rounds: int, told: Callable[[str], None]) -> Section:
    names = [f"rack{number:02}" for number in range(RACKS)]
    pings, instant, whole, limit, single = Samples(), Samples(), Samples(), Samples(), Samples(times=RACKS / ONE_BY_ONE)
    with FleetApart(place / "at once", [{"name": name} for name in names]) as at_once:
        with FleetApart(place / "slow", [{"name": name, "update_seconds": UPDATE_S} for name in names]) as slow:
            for each in range(rounds):
                nothing = at_once.tasks([{"ansible.builtin.ping": {}}] * 2, "convox_racks", inventory=at_once.inventory())
                before = at_once.own_cpu()
                instant.values.append(_rolled(at_once).seconds)
                answers = at_once.own_cpu() - before
                whole.values.append(_rolled(slow).seconds)
                single.values.append(_one_by_one(slow))
                pings.values.append(nothing.seconds)
                limit.values.append(UPDATE_S + (nothing.cpu + answers) / (os.cpu_count() or 1))
                told(f"round {each + 1} of {rounds}: {', '.join(seconds(samples.values[-1]) for samples in (pings, instant, whole, limit, single))}")
    rows = [
        row("the limit", limit, limit.median),
        row("`rotate_rack_keys`", whole, limit.median, f"`--forks {FORKS} -e convox_serial=100%`"),
        row("the same with updates that take no time", instant, limit.median),
        row("`rack_keyroll` with `wait: true`, rack by rack", single, limit.median, f"{ONE_BY_ONE} racks measured, times {RACKS / ONE_BY_ONE:.1f}"),
    ]
    aims = [
        Aim("the fleet, by one update and the fleet with instant updates", whole.median / (UPDATE_S + instant.median), MOST_OF_SUM),
        Aim("the fleet with instant updates, by two pings for each rack", instant.median / pings.median, MOST_OF_PINGS),
        Aim("the fleet, by the limit", whole.median / limit.median, MOST_OF_LIMIT),
    ]
    return Section([f"{RACKS} racks", "Median", "Least to most", "Times the limit"], rows, aims)


def _rolled(fleet: FleetApart) -> Run:
    """All of them in one batch; each has one key more afterwards, in force."""
    before = _keys(fleet)
    inventory = fleet.inventory(convox_ca_path=fleet.ca_path, **EVERYWHERE)
    # Batches are a play's, which no host's variable reaches.
    taken = fleet.play("convox.credentials.rotate_rack_keys", "-i", inventory, "--forks", str(FORKS), "-e", "convox_serial=100%")
    after = _keys(fleet)
    assert all(after[name] != before[name] for name in fleet.names)
    return taken


def _one_by_one(fleet: FleetApart) -> float:
    task = {"convox.credentials.rack_keyroll": {"host": "{{ convox_host }}", "ca_path": fleet.ca_path, "confirm_period": 0, "confirm_interval": 0}}
    return fleet.tasks([task], ",".join(fleet.names[:ONE_BY_ONE]), inventory=fleet.inventory(), serial=1).seconds


def _keys(fleet: FleetApart) -> dict[str, str]:
    """Those in force: all of a rack's containers take it."""
    racks = fleet.control("GET", "truth", requests=1)["racks"]
    assert all({each["key"] for each in rack["accepts"]} == {rack["stack_key"]} for rack in racks.values())
    return {name: rack["stack_key"] for name, rack in racks.items()}
