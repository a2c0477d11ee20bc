# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fleet of any size in a stand-in of its own process, audited by ansible-playbook, and what that takes.

Its racks are in order, and all of them are known everywhere: to the Console, to AWS, and to the CLI's file of whoever audits.
"""
from __future__ import annotations

import collections
import datetime
import json
import shlex
import subprocess
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from tests.audit_fleet.bare import Questions
from tests.fleet_apart import FleetApart, Run
from tests.places import ROOT
from tests.reports import read_report
from tests.standin.journal import fingerprint
from tests.standin.spec import new_key

if TYPE_CHECKING:
    from pathlib import Path

REGIONS = ("us-east-1", "eu-west-1", "us-west-2", "ap-northeast-1")
# Of how the audit goes about it, for the bare fetch to do the same: so many requests at a time.
AT_ONCE = 64
# Ten thousand racks take a minute, and more on a busy machine.
PATIENCE_S = 600.0
EMPTY = {"ansible.builtin.meta": "noop"}
# Run in place of Python by Ansible: it runs Python, and notes what that took.
MEASURE = """
import json, resource, subprocess, sys
status = subprocess.run([sys.executable, *sys.argv[2:]]).returncode
used = resource.getrusage(resource.RUSAGE_CHILDREN)
with open(sys.argv[1], "w") as file:
    json.dump({"cpu": used.ru_utime + used.ru_stime, "peak_mb": used.ru_maxrss / 1024}, file)
sys.exit(status)
"""


class LargeFleet(FleetApart):
    """So many racks, spread over regions."""

    def __init__(self, root: Path, size: int) -> None:
        self.report_file = root / "audit.json"
        self._used = root / "used.json"
        # One instance each: the emulator takes longer to tell of instances than of all the rest.
        regions = [REGIONS[number % len(REGIONS)] for number in range(size)]
        super().__init__(root, [{"name": f"rack{number:04}", "console": True, "region": region, "instances": 1} for number, region in enumerate(regions)])

    # -- what is done ---------------------------------------------------------------------------------------------
    def audit(self, **options: Any) -> Run:
        """One task, with what people say to have a Console, its racks and AWS audited."""
        given = {
            "host": self.convox["console"]["host"],
            "aws": [{"regions": list(REGIONS)}],
            "endpoint_url": self.convox["aws_url"],
            "dest": str(self.report_file),
            "timeout": 30,
            **options,
        }
        seconds = self._play({"convox.credentials.credential_audit": given})
        return Run(seconds, **json.loads(self._used.read_text(encoding="utf-8")))

    def play_nothing(self) -> float:
        return self._play(EMPTY)

    def fetch(self, questions: Questions) -> dict[str, Any]:
        """Their ``seconds`` and ``statuses``, by a process of its own whose start is not counted."""
        path = self.root / "questions.json"
        path.write_text(json.dumps(asdict(questions)), encoding="utf-8")
        done = subprocess.run([sys.executable, "-m", "tests.audit_fleet.bare", str(path)], cwd=ROOT, stdout=subprocess.PIPE, check=True, timeout=PATIENCE_S)
        result: dict[str, Any] = json.loads(done.stdout)
        return result

    def _play(self, task: dict[str, Any]) -> float:
        """How long a playbook of one task takes."""
        return self.tasks([task], python=str(self._interpreter()), patience=PATIENCE_S).seconds

    def _interpreter(self) -> Path:
        measure, path = self.root / "measure.py", self.root / "python"
        measure.write_text(MEASURE, encoding="utf-8")
        path.write_text(f'#!/bin/sh\nexec {shlex.join([sys.executable, str(measure), str(self._used)])} "$@"\n', encoding="utf-8")
        path.chmod(0o755)
        return path

    # -- what came of it ------------------------------------------------------------------------------------------
    def report(self) -> dict[str, Any]:
        return read_report(self.report_file)

    def asked_since(self, began: datetime.datetime) -> list[dict[str, Any]]:
        """What Console and racks were asked, by whomever."""
        entries = self.control("GET", "truth")["requests"]
        return [each for each in entries if each["server"] != "aws" and datetime.datetime.fromisoformat(each["at"]) >= began]


class Asked:
    """What an audit asked of racks, out of the stand-in's journal: of each rack itself, and of the Console about it."""

    def __init__(self, fleet: LargeFleet, entries: list[dict[str, Any]]) -> None:
        self._fleet = fleet
        self.of_console = [each for each in entries if each["server"] == "console"]
        self.of_racks: dict[str, list[dict[str, Any]]] = {name: [] for name in fleet.names}
        for each in entries:
            if each["server"] != "console":
                self.of_racks[each["server"].partition(" ")[2]].append(each)
        self.through = collections.Counter(each["rack"].partition("/")[2] for each in self.of_console if each["rack"])
        for name, times in self.through.items():
            # The Console asked the rack in its turn, with its own copy of the key.
            passed_on = [each for each in self.of_racks[name] if each["key_fingerprint"] == fingerprint(fleet.convox["racks"][name]["key"])][:times]
            assert len(passed_on) == times
            self.of_racks[name] = [each for each in self.of_racks[name] if each not in passed_on]

    def counts(self) -> collections.Counter[str]:
        """How many requests there were for each rack, those by way of the Console included."""
        return self.through + collections.Counter({name: len(asked) for name, asked in self.of_racks.items()})

    def questions(self) -> Questions:
        """The same, to be asked again: of a Console over connections that are kept, of a rack over one."""
        convox = self._fleet.convox
        visits: list[tuple[str, bool, list[tuple[str, str, str | None]]]] = [
            (convox["console"]["host"], True, [(each["target"], convox["console"]["api_key"], each["rack"])]) for each in self.of_console
        ]
        for name, asked in self.of_racks.items():
            rack = convox["racks"][name]
            visits.append((rack["host"], False, [(each["target"], self._key(rack["key"], each), None) for each in asked]))
        return Questions(self._fleet.ca_path, AT_ONCE, visits)

    @staticmethod
    def _key(key: str, entry: dict[str, Any]) -> str:
        """The rack's own, or one made up as the audit's was."""
        return key if entry["key_fingerprint"] == fingerprint(key) else new_key()
