# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real ansible-playbook whose next task is told when the last one has ended.

Starting it takes longer than most tasks, so that all tests of a worker share one: its playbook includes one file of
tasks after the other, each of which is written when a test wants that task.
"""
from __future__ import annotations

import contextlib
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

from tests.places import COLLECTIONS, short_way
from tests.proc import descendants

if TYPE_CHECKING:
    from collections.abc import Mapping

CALLBACKS = Path(__file__).with_name("callback")
PROGRAM = Path(sysconfig.get_path("scripts")) / "ansible-playbook"
# No task of a test takes so long; one that hangs is to be seen as such.
PATIENCE_S = 240.0
MOST_TASKS = 300


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


def environment_in(place: Path) -> dict[str, str]:
    """The environment that Ansible runs in: nothing of the caller's but the way to programs, and nothing outside of a place."""
    for name in ("home", "tmp"):
        (place / name).mkdir(parents=True, exist_ok=True)
    temporary = str(place / "tmp")
    return {
        "PATH": os.environ["PATH"],
        "LC_ALL": "C.UTF-8",
        "HOME": str(place / "home"),
        "TMPDIR": str(short_way(place / "tmp")),
        "ANSIBLE_HOME": str(place / "ansible"),
        "ANSIBLE_LOCAL_TEMP": temporary,
        "ANSIBLE_REMOTE_TEMP": temporary,
        "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
        # At -vvv what a module was given is shown, of which no secret may be to be seen; from 2.21 on it has to be asked for.
        "ANSIBLE_INJECT_INVOCATION": "true",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


class Playbook:
    """One run of ansible-playbook. Its files are in ``place``: they hold whatever the tasks were given."""

    def __init__(self, place: Path, environment: Mapping[str, str], verbosity: int = 0) -> None:
        place.mkdir(parents=True)
        self.environment = dict(environment)
        self.verbosity = verbosity
        self.output_file = place / "output"
        self._place = place
        self._results = place / "results"
        self._told = 0
        playbook = {
            "hosts": "all",
            "connection": "local",
            "gather_facts": False,
            "vars": {"ansible_python_interpreter": sys.executable, "ansible_pipelining": True},
            "tasks": [{"ansible.builtin.include_tasks": str(self._file(number))} for number in range(MOST_TASKS)],
        }
        (place / "playbook.yml").write_text(json.dumps([playbook]), encoding="utf-8")
        arguments = ["-i", "convox,", *(["-" + "v" * verbosity] if verbosity else []), "playbook.yml"]
        self._process = begin(arguments, place, environment, self._results, self.output_file)

    @property
    def usable(self) -> bool:
        """Whether it takes one more task."""
        return self._process.poll() is None and self._told < MOST_TASKS - 1

    def begin(self, task: Mapping[str, Any]) -> None:
        """Tell the next task, which begins at once."""
        self._tell({"ignore_errors": True, **task})

    def end(self) -> Result:
        """Wait for the task that was told last."""
        self._wait(lambda: len(self._lines()) >= self._told)
        line = json.loads(self._lines()[self._told - 1])
        return Result(line["failed"], line["result"])

    def close(self) -> None:
        """End the play."""
        if self._process.poll() is None:
            self._tell({"ansible.builtin.meta": "end_play"})
            try:
                self._process.wait(PATIENCE_S)
            finally:
                self.kill()

    def kill(self) -> None:
        """End it and its module as a power cut would."""
        kill_with_descendants(self._process)

    def output(self) -> str:
        return self.output_file.read_text(encoding="utf-8", errors="replace")

    def _file(self, number: int) -> Path:
        return self._place / f"task{number}.yml"

    def _tell(self, task: dict[str, Any]) -> None:
        path = self._file(self._told)
        self._told += 1
        new = path.with_suffix(".new")
        new.write_text(json.dumps([task]), encoding="utf-8")
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


class SharedPlaybook:
    """The one that tests share; another when that one has died or taken all the tasks that it can."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.inputs = place / "inputs"
        self._environment = environment_in(place)
        self._playbooks: list[Playbook] = []

    def get(self) -> Playbook:
        if not self._playbooks or not self._playbooks[-1].usable:
            self.close()
            self._playbooks.append(Playbook(self.inputs / str(len(self._playbooks)), self._environment))
        return self._playbooks[-1]

    def mark(self) -> tuple[int, int]:
        """Where its output ends now."""
        return (len(self._playbooks) - 1, len(self._playbooks[-1].output())) if self._playbooks else (0, 0)

    def output_since(self, mark: tuple[int, int]) -> str:
        number, length = mark
        return "".join(each.output() for each in self._playbooks[number:])[length:]

    def close(self) -> None:
        if self._playbooks:
            self._playbooks[-1].close()


def begin(arguments: list[str], place: Path, environment: Mapping[str, str], results: Path, output: Path) -> subprocess.Popen[bytes]:
    """Begin ansible-playbook in a place. What each task returned goes to ``results``, a line each, all that is printed to ``output``."""
    with output.open("wb") as file:
        return subprocess.Popen(
            [str(PROGRAM), *arguments],
            cwd=place,
            env={
                **environment,
                "ANSIBLE_CALLBACK_PLUGINS": str(CALLBACKS),
                "ANSIBLE_CALLBACKS_ENABLED": "results",
                "ANSIBLE_NOCOLOR": "1",
                "RESULTS_PATH": str(results),
            },
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def kill_with_descendants(process: subprocess.Popen[Any]) -> None:
    """Each worker of Ansible's is the head of a group of its own; all are stopped first, or one could begin another meanwhile."""
    stopped: list[int] = []
    while process.poll() is None:
        found = [pid for pid in descendants(process.pid) if pid not in stopped]
        if not found:
            break
        _signal(found, signal.SIGSTOP)
        stopped += found
    _signal(stopped, signal.SIGKILL)
    process.wait()


def _signal(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
