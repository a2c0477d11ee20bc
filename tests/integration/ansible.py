# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real ansible-playbook whose next task is told when the last one has ended.

Starting it takes longer than most tasks, so that a test runs all of its tasks in one play: the playbook includes a file
of one task and of the inclusion of the next file, which is written when the test wants that task.
"""
from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import sysconfig
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable

if TYPE_CHECKING:
    from collections.abc import Mapping

CALLBACKS = Path(__file__).with_name("callback")
PROGRAM = Path(sysconfig.get_path("scripts")) / "ansible-playbook"
# No task of a test takes so long; one that hangs is to be seen as such.
PATIENCE_S = 120.0


@dataclass
class Result:
    """What one task returned."""

    failed: bool
    data: dict[str, Any]

    @property
    def changed(self) -> bool:
        return bool(self.data["changed"])

    @property
    def msg(self) -> str:
        return str(self.data["msg"])

    @property
    def warnings(self) -> str:
        """All of them, as one text."""
        return "\n".join(str(each) for each in self.data.get("warnings", []))

    def __getitem__(self, name: str) -> Any:
        return self.data[name]


class Playbook:
    """One run of ansible-playbook. Its files are in ``place``: they hold whatever the tasks were given."""

    def __init__(self, place: Path, environment: Mapping[str, str], defaults: Mapping[str, Mapping[str, Any]], verbosity: int) -> None:
        place.mkdir()
        self.environment = dict(environment)
        self.verbosity = verbosity
        self._place = place
        self._results = place / "results"
        self._output = place / "output"
        self._told = 0
        playbook = {
            "hosts": "all",
            "connection": "local",
            "gather_facts": False,
            "vars": {"ansible_python_interpreter": sys.executable, "ansible_pipelining": True},
            "module_defaults": dict(defaults),
            "tasks": [self._inclusion()],
        }
        (place / "playbook.yml").write_text(json.dumps([playbook]), encoding="utf-8")
        with self._output.open("wb") as output:
            self._process = subprocess.Popen(
                [str(PROGRAM), "-i", "convox,", *(["-" + "v" * verbosity] if verbosity else []), "playbook.yml"],
                cwd=place,
                env={
                    **environment,
                    "ANSIBLE_CALLBACK_PLUGINS": str(CALLBACKS),
                    "ANSIBLE_CALLBACKS_ENABLED": "results",
                    "ANSIBLE_NOCOLOR": "1",
                    "RESULTS_PATH": str(self._results),
                },
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def begin(self, task: Mapping[str, Any]) -> None:
        """Tell the next task, which begins at once."""
        path = self._next_file()
        self._told += 1
        self._write(path, [{"ignore_errors": True, **task}, self._inclusion()])

    def end(self) -> Result:
        """Wait for the task that was told last."""
        self._wait(lambda: len(self._lines()) >= self._told)
        line = json.loads(self._lines()[self._told - 1])
        return Result(line["failed"], line["result"])

    def close(self) -> str:
        """End the play, and hand out all that it printed."""
        if self._process.poll() is None:
            self._write(self._next_file(), [])
            try:
                self._process.wait(PATIENCE_S)
            finally:
                self.kill()
        return self.output()

    def kill(self) -> None:
        """End it and its module as a power cut would: each worker of Ansible's is the head of a group of its own."""
        for pid in (_descendants(self._process.pid) if self._process.poll() is None else []):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self._process.wait()

    def output(self) -> str:
        return self._output.read_text(encoding="utf-8", errors="replace")

    def _next_file(self) -> Path:
        return self._place / f"task{self._told}.yml"

    def _inclusion(self) -> dict[str, Any]:
        return {"ansible.builtin.include_tasks": {"file": str(self._next_file())}}

    @staticmethod
    def _write(path: Path, tasks: list[dict[str, Any]]) -> None:
        new = path.with_suffix(".new")
        new.write_text(json.dumps(tasks), encoding="utf-8")
        new.rename(path)

    def _lines(self) -> list[str]:
        text = self._results.read_text(encoding="utf-8") if self._results.exists() else ""
        return text.splitlines() if text.endswith("\n") else text.splitlines()[:-1]

    def _wait(self, ready: Callable[[], bool]) -> None:
        end = time.monotonic() + PATIENCE_S
        while not ready():
            if self._process.poll() is not None or time.monotonic() > end:
                self.kill()
                raise AssertionError(f"ansible-playbook did not come to an end of its task:\n{self.output()}")
            time.sleep(0.005)


def _descendants(pid: int) -> list[int]:
    """A process and all that it started, directly or not; itself first."""
    parents: dict[int, int] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            # The name, in parentheses, may hold anything; the state comes after it, then the parent.
            parents[int(path.parent.name)] = int(path.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[1])
        except (OSError, IndexError):
            continue
    found = [pid]
    for each in found:
        found += [child for child, parent in parents.items() if parent == each]
    return found
