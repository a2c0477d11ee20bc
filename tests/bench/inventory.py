# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""(d) An inventory of many racks, beside the bare request and the same command on a file of the same hosts."""
from __future__ import annotations

import json
from typing import TYPE_CHECKING

import requests

from tests.bench.figures import Aim, Section, clocked, in_turn, row
from tests.fleet_apart import FleetApart
from tests.integration.ansible import PROGRAM

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Callable

    from tests.fleet_apart import Run

RACKS = 1000
MOST_OVER_S = 1.0
GRAPH = str(PROGRAM.with_name("ansible-inventory"))


class Written:
    """The plugin's file for a fleet's Console, and one of the same hosts without it."""

    def __init__(self, fleet: FleetApart) -> None:
        self._fleet = fleet
        console = fleet.convox["console"]
        self.plugin = fleet.root / "fleet.convox.yml"
        self.plugin.write_text(json.dumps({"plugin": "convox.credentials.racks", "host": console["host"], "ca_path": fleet.ca_path}), encoding="utf-8")
        fleet.run([GRAPH, "-i", str(self.plugin), "--list"], patience=600)
        said = (fleet.root / "output").read_text(encoding="utf-8")
        listed = json.loads(said[said.index("{\n") :])
        self.hosts = sorted(listed["_meta"]["hostvars"])
        assert len(self.hosts) == len(fleet.names)
        groups = {name: {"hosts": dict.fromkeys(group["hosts"])} for name, group in listed.items() if "hosts" in group}
        self.file = fleet.root / "written.yml"
        # Without variables, which make a file slower and the plugin's work no less.
        self.file.write_text(json.dumps(groups), encoding="utf-8")

    def graph(self, source: Path) -> Run:
        return self._fleet.run([GRAPH, "-i", str(source), "--graph"], patience=600)

    def ask(self) -> None:
        """The one request."""
        console = self._fleet.convox["console"]
        reply = requests.get(f"https://{console['host']}/racks", auth=("convox", console["api_key"]), verify=self._fleet.ca_path, timeout=60)
        assert len(reply.json()) == len(self.hosts)


def measure(place: Path, rounds: int, told: Callable[[str], None]) -> Section:
    with FleetApart(place / "racks", [{"name": f"rack{number:04}", "console": True, "instances": 1} for number in range(RACKS)]) as fleet:
        written = Written(fleet)
        works = {
            "bare": clocked(written.ask),
            "file": lambda: written.graph(written.file).seconds,
            "plugin": lambda: written.graph(written.plugin).seconds,
        }
        taken = in_turn(works, rounds, told)
    bare, file, plugin = (taken[name].median for name in ("bare", "file", "plugin"))
    rows = [
        row("the bare request", taken["bare"], plugin),
        row("`ansible-inventory --graph` of a YAML file of the same hosts", taken["file"], plugin),
        row("`ansible-inventory --graph` of the plugin's file", taken["plugin"], plugin),
    ]
    aims = [Aim("seconds over the bare request and the file", plugin - bare - file, MOST_OVER_S)]
    return Section([f"{RACKS} racks", "Median", "Least to most", "Times the plugin"], rows, aims)
