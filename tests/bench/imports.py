# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""(f) What each module loads: it is a new process each time, so that an import is paid for by each task."""
from __future__ import annotations

import json
import shlex
import sys
from typing import TYPE_CHECKING, Any

from tests.bench.figures import Aim, Section
from tests.fleet_apart import FleetApart

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Callable

OURS = "ansible_collections.convox.credentials."
# Run by Python at its start, wherever that is on its path: it notes at the end what was loaded.
NOTE = """
import atexit, json, sys
def note(path={path!r}):
    with open(path, "w") as file:
        json.dump(sorted(sys.modules), file)
atexit.register(note)
"""


def measure(place: Path, rounds: int, told: Callable[[str], None]) -> Section:
    with FleetApart(place / "racks", [{"name": "production", "console": True}, {"name": "staging"}]) as fleet:
        console, rack = fleet.convox["console"], fleet.host("production")
        account = {"email": console["email"], "account_password": console["password"]}
        quick = {"confirm_period": 0, "confirm_interval": 0}
        # What each is mostly run for, and whether AWS has a part in it.
        runs: list[tuple[str, dict[str, Any], bool]] = [
            ("convox_login", {"host": rack}, False),
            ("console_api_key", {"host": console["host"], "state": "valid", **account}, False),
            ("rack_keyroll", {"host": fleet.host("staging"), **quick}, True),
            ("rack_keyroll", {"host": fleet.host("staging"), "max_age": "90d"}, False),
            ("rack_keyroll", {"host": rack, "console_sync": "none", "method": "api", "activate": "signing_key", **quick}, False),
            ("instance_keyroll", {"host": rack, "max_age": "90d"}, True),
            ("rack_info", {"host": rack}, False),
            ("rack_access", {"host": rack, "return_key": True}, False),
            ("app_promote", {"host": rack}, False),
            ("ledger_info", {}, False),
            ("credential_audit", {"host": console["host"]}, False),
            ("credential_audit", {"host": console["host"], "aws": [{"regions": ["us-east-1"]}]}, True),
        ]
        loaded = [(name, options, aws, _loaded(fleet, name, options)) for name, options, aws in runs]
    told(f"{len(loaded)} runs")
    rows = []
    for name, options, aws, seen in loaded:
        ours = sum(each.startswith(OURS) for each in seen)
        libraries = ["yes" if library in seen else "no" for library in ("requests", "boto3")]
        rows.append([f"`{name}`{_told_by(options)}", "yes" if aws else "no", str(len(seen)), str(ours), *libraries])
    without = [seen for _name, _options, aws, seen in loaded if not aws]
    aims = [Aim("runs without need of AWS that load boto3 or botocore", sum("boto3" in seen or "botocore" in seen for seen in without), 0)]
    notes = ["Counted at the end of a run, with AWS credentials in the environment. Of the Python modules most are the standard library's and Ansible's."]
    return Section(["Run", "Needs AWS", "Python modules", "of this collection", "requests", "boto3"], rows, aims, notes)


def _loaded(fleet: FleetApart, module: str, options: dict[str, Any]) -> list[str]:
    path, startup, python = fleet.root / "loaded.json", fleet.root / "startup", fleet.root / "python"
    path.unlink(missing_ok=True)
    startup.mkdir(exist_ok=True)
    (startup / "sitecustomize.py").write_text(NOTE.format(path=str(path)), encoding="utf-8")
    python.write_text(f'#!/bin/sh\nPYTHONPATH={shlex.quote(str(startup))} exec {shlex.quote(sys.executable)} "$@"\n', encoding="utf-8")
    python.chmod(0o755)
    given = options if module == "ledger_info" else {**options, "ca_path": fleet.ca_path}
    fleet.tasks([{f"convox.credentials.{module}": given}], python=str(python))
    names: list[str] = json.loads(path.read_text(encoding="utf-8"))
    return names


def _told_by(options: dict[str, Any]) -> str:
    """The options that tell this run from another of the same module."""
    told = [f"{name}: {options[name]}" for name in ("max_age", "activate") if name in options] + (["aws"] if "aws" in options else [])
    return f" with `{', '.join(told)}`" if told else ""
