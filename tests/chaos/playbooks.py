# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs by the collection's own playbooks, as people start them, under what happens to them from outside."""

from __future__ import annotations

import json
import subprocess
import threading
import time
import typing as t
from pathlib import Path

from tests.chaos.deeds import Deeds
from tests.chaos.faults import Fault
from tests.chaos.run import Job
from tests.integration.ansible import begin, kill_with_descendants
from tests.integration.machine import AT_ONCE

if t.TYPE_CHECKING:
    from tests.standin import Standin

PLAYBOOKS = {"rack_keyroll": "rotate_rack_keys", "instance_keyroll": "rotate_instance_keys"}


class Playbooks:
    """Begins one ansible-playbook a run; see run.Runs. Its files, which hold no secret, are in ``place``."""

    def __init__(self, convox: Standin, place: Path) -> None:
        self._convox = convox
        self._place = place
        self._runs: dict[int, _Run] = {}

    def start(self, job: Job) -> int:
        number = len(self._runs) + 1
        self._runs[number] = _Run(job, self._place / str(number), self._convox)
        return number

    def kill(self, number: int) -> None:
        self._runs[number].kill()

    def wait(self, number: int, seconds: float) -> int | None:
        return self._runs[number].wait(seconds)


class _Run:
    def __init__(self, job: Job, place: Path, convox: Standin) -> None:
        place.mkdir(parents=True)
        self._job = job
        self._convox = convox
        self._results, self._output = place / "results", job.report.with_suffix(".out")
        self._fired: list[str] = []
        self._deeds = Deeds(job.control_url, job.subject, job.asked, self._fired.append)
        self._before = convox.journal.total
        for fault in job.faults:
            if fault.place is not None and fault.place.step is not None:
                # The stand-in counts the requests of one name.
                self._deeds(Fault(fault.kind, fault.deed, {**fault.values, "skip": fault.place.number}), fault.place.step)
        arguments = [f"convox.credentials.{PLAYBOOKS[job.module]}", "-i", str(self._inventory(place)), *self._extra()]
        self._process = begin(arguments, place, job.environment, self._results, self._output)
        self._watchers = [threading.Thread(target=self._watch, args=(fault,)) for fault in job.faults if fault.place and fault.place.step is None]
        for each in self._watchers:
            each.start()

    def _inventory(self, place: Path) -> Path:
        options = {**self._job.defaults, **AT_ONCE.get(self._job.module, {}), **self._job.options}
        hosts = {"rack": {f"convox_{name}": value for name, value in options.items() if name != "rotation_id"}}
        path = place / "inventory.json"
        path.write_text(json.dumps({"convox_racks": {"hosts": hosts}}), encoding="utf-8")
        return path

    def _extra(self) -> list[str]:
        rotation_id = self._job.options.get("rotation_id")
        return ["-e", f"convox_rotation_id={rotation_id}"] if rotation_id else []

    def _watch(self, fault: Fault) -> None:
        """Let it happen once the stand-in got so many requests more."""
        number = fault.place.number if fault.place else 0
        while self._process.poll() is None:
            if self._convox.journal.total - self._before >= number:
                if fault.deed == "kill":
                    self._fired.append(fault.kind)
                    self.kill()
                else:
                    self._deeds(fault, "")
                return
            time.sleep(0.002)

    def kill(self) -> None:
        kill_with_descendants(self._process)

    def wait(self, seconds: float) -> int | None:
        try:
            status = self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None
        for each in self._watchers:
            each.join()
        self._tell(status)
        return status

    def _tell(self, status: int) -> None:
        """As a run that is forked does: what was fired, and unless it was killed how it ended."""
        lines: list[dict[str, t.Any]] = [{"fired": kind} for kind in self._fired]
        if status >= 0:
            output = self._output.read_text(encoding="utf-8", errors="replace")
            text = self._results.read_text(encoding="utf-8") if self._results.exists() else ""
            results = [json.loads(line)["result"] for line in text.splitlines()]
            result: dict[str, t.Any] = next((each for each in results[::-1] if "phase" in each or "module_args" in each.get("invocation", {})), {})
            msg = result.get("msg") or (None if status == 0 else f"ansible-playbook ended with {status}: {' '.join(output.split())[-600:]}")
            lines.append({"data": result, "msg": msg, "error": output if "Traceback" in output else None, "warnings": result.get("warnings")})
        self._job.report.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
