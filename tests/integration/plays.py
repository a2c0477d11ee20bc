# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The collection's playbooks on an inventory of racks, and what the racks say of it afterwards."""
from __future__ import annotations

import json
import re
import shlex
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
import requests

from tests.integration.ansible import PATIENCE_S, PROGRAM, kill_with_descendants
from tests.integration.leaks import find_leaks
from tests.tools.cores import PYTHONS, ansible_playbook

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.integration.machine import Machine
    from tests.standin import Standin
    from tests.standin.rack import Rack


class Fleet:
    """An inventory of racks, and the playbooks on it."""

    def __init__(self, machine: Machine, racks: list[Rack]) -> None:
        self.machine = machine
        self.racks = racks
        self.output = ""
        self.stdout, self.stderr = (machine.inputs / name for name in ("stdout", "stderr"))
        self.program = PROGRAM
        self.everywhere: dict[str, Any] = {"convox_ca_path": machine.convox.ca_path, "convox_confirm_period": 0, "convox_confirm_interval": 0}
        self.former = {rack.name: rack.key for rack in racks}
        self.hosts: dict[str, dict[str, Any]] = {rack.name: {"convox_host": rack.host} for rack in racks}
        for rack in racks:
            machine.log_in(rack.host, rack.key)

    def play(self, name: str, *arguments: str, status: int = 0, **variables: Any) -> str:
        """Run a playbook with extra vars. Returns its output with every line break and indentation as one blank."""
        return self.end(self.begin(name, *arguments, **variables), status)

    def go_on(self) -> str:
        """As the run before said, word for word."""
        said = " ".join(self.output.split())
        # In a list of messages it has a line of its own.
        command = re.findall(r"Go on with: (ansible-playbook .*? -e convox_rotation_id=[\w-]+)", said)[-1].replace("''", "'")
        _program, name, *arguments = shlex.split(command)
        return self.end(self._start(name, arguments))

    def begin(self, name: str, *arguments: str, **variables: Any) -> subprocess.Popen[bytes]:
        """Begin a playbook, as the head of a process group."""
        inventory = self.machine.inputs / "inventory.json"
        inventory.write_text(json.dumps({"all": {"vars": self.everywhere}, "convox_racks": {"hosts": self.hosts}}), encoding="utf-8")
        extra = ["-e", json.dumps(variables)] if variables else []
        return self._start(name if name.endswith(".yml") else f"convox.credentials.{name}", ["-i", str(inventory), *extra, *arguments])

    def _start(self, name: str, arguments: Sequence[str]) -> subprocess.Popen[bytes]:
        with self.stdout.open("wb") as stdout, self.stderr.open("wb") as stderr:
            return subprocess.Popen(
                [str(self.program), name, *arguments],
                cwd=self.machine.inputs,
                env={**self.machine.variables(), "ANSIBLE_CALLBACK_RESULT_FORMAT": "yaml", "ANSIBLE_NOCOLOR": "1"},
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                start_new_session=True,
            )

    def end(self, process: subprocess.Popen[bytes], status: int | None = 0) -> str:
        """Wait for it. ``status`` None: it was killed, however it says that."""
        try:
            process.wait(PATIENCE_S)
        finally:
            kill_with_descendants(process)
            self.output = "".join(path.read_text(encoding="utf-8", errors="replace") for path in (self.stdout, self.stderr))
        assert status in (None, process.returncode), self.output
        assert "Traceback" not in self.output, self.output
        assert "deprecat" not in self.output.lower(), self.output
        assert find_leaks(self.machine, self.output) == []
        return " ".join(self.output.split())

    def use_core(self, core: str) -> None:
        """Another ansible-core from now on; the test is skipped where no Python for it is here."""
        program = ansible_playbook(core)
        if program is None:
            pytest.skip(f"no Python {' or '.join(PYTHONS[core])} was found for the {core} ansible-core")
        self.program = program

    def changes(self) -> int:
        """How many requests there were that change something."""
        return sum(each["method"] in ("PUT", "POST") and each["server"] != "aws" for each in self.machine.convox.journal.entries())


def in_force(rack: Rack) -> str:
    """The one key that all of its containers accept."""
    rack.wait_at_rest()
    (key,) = rack.accepted_keys
    return key


def times_set(rack: Rack) -> int:
    return len(rack.stack.keys_seen) - 1


def token_of(rack: Rack, convox: Standin) -> str:
    """A token that the rack issues for its key."""
    asked = {"role": "write", "durationInHour": "1"}
    reply = requests.post(f"https://{rack.host}/system/jwt/token", asked, auth=("convox", rack.key), verify=convox.ca_path, timeout=10)
    return str(reply.json()["token"])
