# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""(b) A task that finds nothing to do, beside one of Ansible's own that asks the same rack, and beside one that asks nobody."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.bench.figures import Aim, Section, in_turn, row
from tests.fleet_apart import FleetApart

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Callable

    from tests.bench.figures import Work

# So many alike in one play, for a play's own start is no task's.
TASKS = 20
MOST_OF_URI = 1.25


def measure(place: Path, rounds: int, told: Callable[[str], None]) -> Section:
    with FleetApart(place / "racks", [{"name": "production"}]) as fleet:
        host, key = fleet.host("production"), fleet.convox["racks"]["production"]["key"]
        reach = {"host": host, "ca_path": fleet.ca_path}
        rolled = {"convox.credentials.rack_keyroll": {**reach, "confirm_period": 0, "confirm_interval": 0}}
        uri = {"url": f"https://{host}/system", "url_username": "convox", "url_password": key, "force_basic_auth": True, "ca_path": fleet.ca_path}
        # It is logged in and active, and its key is new from here on.
        fleet.tasks([{"convox.credentials.convox_login": {**reach, "api_key": key}}, rolled])
        uri["url_password"] = fleet.control("GET", "truth", requests=1)["racks"]["production"]["stack_key"]
        tasks: dict[str, dict[str, Any]] = {
            "ping": {"ansible.builtin.ping": {}},
            "uri": {"ansible.builtin.uri": uri},
            "convox_login": {"convox.credentials.convox_login": reach},
            "rack_keyroll": {"convox.credentials.rack_keyroll": {**reach, "max_age": "90d"}},
        }
        for name in ("convox_login", "rack_keyroll"):
            tasks[name] = {**tasks[name], "register": "done", "failed_when": "done is failed or done is changed"}

        def work(task: dict[str, Any]) -> Work:
            return lambda: fleet.tasks([task] * TASKS).seconds

        taken = in_turn({"empty": work({"ansible.builtin.meta": "noop"}), **{name: work(task) for name, task in tasks.items()}}, rounds, told)
    # Of one round each, so that a disturbed one is not taken from another that was not.
    empty = taken.pop("empty")
    for samples in taken.values():
        samples.values = [(value - nothing) / TASKS for value, nothing in zip(samples.values, empty.values)]
    beside = taken["uri"].median
    rows = [
        row("`ansible.builtin.ping`", taken["ping"], beside),
        row("`ansible.builtin.uri`, `GET /system`", taken["uri"], beside),
        row("`convox_login`, logged in already", taken["convox_login"], beside),
        row("`rack_keyroll` within `max_age`, with AWS credentials at hand", taken["rack_keyroll"], beside),
    ]
    aims = [Aim(f"`{name}` by `uri`", taken[name].median / beside, MOST_OF_URI) for name in ("convox_login", "rack_keyroll")]
    return Section(["One task", "Median", "Least to most", "Times `uri`"], rows, aims, [f"Each is a play of {TASKS} tasks without an empty play, by {TASKS}."])
