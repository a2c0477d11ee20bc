# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whole runs of Ansible of which every trace is kept: what it prints, what it writes, and what its processes show."""
from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.integration.ansible import CALLBACKS, PATIENCE_S, PROGRAM, descendants
from tests.integration.leaks import all_secrets, find_leaks
from tests.leaks import found_in

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.integration.machine import Machine

# Words of the caller's own environment, which each process below has too.
HANDED = ("AWS_SECRET_ACCESS_KEY", "CONVOX_ACCOUNT_PASSWORD", "HTTPS_PROXY", "HTTP_PROXY")


class Processes:
    """What everybody on the machine can see of all processes, and their owner of their environments, while a block runs."""

    def __init__(self) -> None:
        self.commands: set[bytes] = set()
        self.environments: set[bytes] = set()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Processes:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(0.004):
            for pid in os.listdir("/proc"):
                if pid.isdecimal():
                    self._look(Path("/proc", pid))

    def _look(self, process: Path) -> None:
        try:
            self.commands.add((process / "cmdline").read_bytes())
            variables = (process / "environ").read_bytes().split(b"\0")
        except OSError:
            return
        self.environments |= {each for each in variables if not each.startswith(tuple(f"{name}=".encode() for name in HANDED))}

    def leaks(self, secrets: Iterable[str]) -> list[str]:
        """What was seen that gives a secret away."""
        known = set(secrets)
        return sorted(repr(each) for each in self.commands | self.environments if found_in(each, known))


class Hunt:
    """Runs plays on a machine. What they write goes below ``traces``, where the machine's own search comes by."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.traces = machine.root / "traces"
        self.traces.mkdir()
        self.hosts: dict[str, dict[str, Any]] = {"convox": {}}
        self.processes = Processes()
        self._number = 0
        self._asked = len(machine.convox.journal.entries())

    def task(self, module: str, **options: Any) -> dict[str, Any]:
        """One that takes its options from variables, as the roles do, and whose failure does not end the play."""
        given = self.hosts["convox"].setdefault("given", [])
        given.append(options)
        templated = {name: "{{ given[%d].%s }}" % (len(given) - 1, name) for name in options}
        return {"name": module, f"convox.credentials.{module}": templated, "register": "result", "ignore_errors": True}

    def play(self, tasks: list[dict[str, Any]], **more: Any) -> str:
        """A playbook of one play. Returns its file."""
        self._number += 1
        play = {
            "hosts": "all",
            "connection": "local",
            "gather_facts": False,
            "vars": {"ansible_python_interpreter": sys.executable, "ansible_pipelining": True},
            "module_defaults": {"group/convox.credentials.convox": self.machine.defaults},
            "tasks": tasks,
            **more,
        }
        path = self.machine.inputs / f"hunt{self._number}.yml"
        path.write_text(json.dumps([play]), encoding="utf-8")
        return str(path)

    def inventory(self) -> str:
        path = self.machine.inputs / "hosts.json"
        path.write_text(json.dumps({"all": {"hosts": self.hosts}}), encoding="utf-8")
        return str(path)

    def environment(self, **variables: str) -> dict[str, str]:
        return {**self.machine.variables(), "ANSIBLE_NOCOLOR": "1", **variables}

    def writers(self) -> dict[str, str]:
        """The environment in which Ansible writes a log, and every callback that writes files does so below ``traces``."""
        return {
            "ANSIBLE_LOG_PATH": str(self.traces / "log"),
            "ANSIBLE_CALLBACK_PLUGINS": str(CALLBACKS),
            "ANSIBLE_CALLBACKS_ENABLED": "junit,tree,results",
            "JUNIT_OUTPUT_DIR": str(self.traces / "junit"),
            "ANSIBLE_CALLBACK_TREE_DIR": str(self.traces / "tree"),
            "RESULTS_PATH": str(self.traces / "results"),
        }

    def start(self, *arguments: str, program: Path = PROGRAM, **variables: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [str(program), *arguments],
            cwd=self.machine.inputs,
            env=self.environment(**variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *arguments: str, status: int, program: Path = PROGRAM, **variables: str) -> str:
        """Run to the end, and see that nothing was printed, nor shown by a process or by a request's line. Returns the output."""
        with Processes() as self.processes:
            process = self.start(*arguments, program=program, **variables)
            try:
                output, dummy = process.communicate(timeout=PATIENCE_S)
            finally:
                self.kill(process)
        assert process.returncode == status, output
        assert "Traceback" not in output, output
        found = find_leaks(self.machine, output)
        assert found == [], output
        secrets = all_secrets(self.machine)
        assert self.processes.leaks(secrets) == []
        # As it would be in the access log of every server and balancer on the way.
        assert found_in(json.dumps(self.machine.convox.journal.entries()[self._asked :]), secrets) == []
        return output

    @staticmethod
    def kill(process: subprocess.Popen[str]) -> int:
        """End it and all that it started at once, as a power cut would. Returns how many those were."""
        found = descendants(process.pid) if process.poll() is None else []
        for pid in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return len(found)

    def trace(self, name: str) -> str:
        """All files below ``traces`` of that name or in that folder, which must say something."""
        top = self.traces / name
        files = [path for path in [top, *top.rglob("*")] if path.is_file()]
        text = "".join(path.read_text(encoding="utf-8") for path in files)
        assert text.strip(), f"nothing was written to {name}"
        return text
