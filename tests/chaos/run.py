# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run of a module in a process of its own, which may be killed at any moment."""

from __future__ import annotations

import dataclasses
import json
import os
import time
import traceback
import typing as t
from pathlib import Path

from tests.chaos import broken
from tests.chaos.deeds import Deeds
from tests.chaos.disk import Disk
from tests.chaos.faults import Fault
from tests.chaos.steps import Steps, watch_requests


@dataclasses.dataclass(frozen=True)
class Job:
    """``subject``: its place at the control address, ``asked``: those of the servers that requests go to (subjects.py).

    ``mutant``: in what way the collection is broken, None for not.
    """

    module: str
    options: t.Mapping[str, t.Any]
    defaults: t.Mapping[str, t.Any]
    environment: t.Mapping[str, str]
    speed: float
    control_url: str
    subject: str
    asked: t.Mapping[str, str]
    report: Path
    faults: tuple[Fault, ...] = ()
    mutant: str | None = None


@dataclasses.dataclass(frozen=True)
class Report:
    """What a run said. ``data`` is None where it was killed; ``error``: a traceback, which no run may end with."""

    fired: list[str]
    data: dict[str, t.Any] | None
    msg: str | None
    error: str | None
    places: list[list[t.Any]]
    text: str

    @property
    def committed(self) -> bool:
        return self.data is not None and self.msg is None and self.error is None and self.data.get("phase", "committed") == "committed"

    @classmethod
    def read(cls, path: Path) -> Report:
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        lines = [json.loads(line) for line in text.splitlines() if line.endswith("}") and line.startswith('{"')]
        end: dict[str, t.Any] = next((line for line in lines if "data" in line), {})
        output = path.with_suffix(".out")
        said = [json.dumps({name: end.get(name) for name in ("data", "msg", "warnings")}), output.read_text(encoding="utf-8") if output.exists() else ""]
        fired = [line["fired"] for line in lines if "fired" in line]
        return cls(fired, end.get("data"), end.get("msg"), end.get("error"), end.get("places", []), "\n".join(said))


class Runs(t.Protocol):
    """Whoever begins runs: a forker of processes, or ansible-playbook."""

    def start(self, job: Job) -> int:
        """Begin a run; its number."""

    def kill(self, number: int) -> None:
        """As a power cut would."""

    def wait(self, number: int, seconds: float) -> int | None:
        """The run's exit status, or None when it did not end in time."""


class _Seat:
    """What of a machine tests.integration.direct looks at."""

    def __init__(self, job: Job) -> None:
        self.defaults = dict(job.defaults)
        self._environment = dict(job.environment)

    def variables(self) -> dict[str, str]:
        return self._environment


class _Pauses:
    """The libraries' module time: their pauses before they try again are short."""

    def __getattr__(self, name: str) -> t.Any:
        return getattr(time, name)

    @staticmethod
    def sleep(seconds: float) -> None:
        time.sleep(seconds / 50)


def do(job: Job) -> None:
    """Run to the end, if nothing is in the way, and write down what came of it."""
    handle = os.open(job.report, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    output = os.open(job.report.with_suffix(".out"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(output, 1)
    os.dup2(output, 2)

    def tell(**values: t.Any) -> None:
        os.write(handle, (json.dumps(values) + "\n").encode())

    deeds = Deeds(job.control_url, job.subject, job.asked, lambda kind: tell(fired=kind))
    steps = Steps(job.faults, deeds)
    end: dict[str, t.Any] = {"data": {}, "msg": None, "error": None}
    try:
        if job.mutant:
            broken.install(job.mutant)
        _hasten()
        deeds.disk = Disk(steps)
        deeds.disk.install()
        watch_requests(steps, deeds)
        # Not at the top: a broken collection is imported anew.
        import pytest

        from tests.integration.direct import Direct

        # What it patches goes with the process.
        done = Direct(_Seat(job), pytest.MonkeyPatch())(job.module, speed=job.speed, **job.options)  # type: ignore[arg-type]
        end.update(data=done.data, msg=done.msg, warnings=done.warnings)
    except Exception:  # noqa: BLE001 - whatever it is, it is what the harness looks for
        end.update(error=traceback.format_exc())
    tell(**end, places=[[place.when, place.step, place.number] for place in steps.passed])


def _hasten() -> None:
    import botocore.endpoint
    import urllib3.util.retry

    botocore.endpoint.time = urllib3.util.retry.time = _Pauses()  # type: ignore[assignment,attr-defined]
