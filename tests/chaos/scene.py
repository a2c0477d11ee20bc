# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One case, played: a rack, a person's machine, the run under faults, and the run without any after it."""

from __future__ import annotations

import dataclasses
import itertools
import json
import shutil
import tempfile
import time
import typing as t
from pathlib import Path

from tests.chaos import faults as f
from tests.chaos import verdict
from tests.chaos.cases import Case
from tests.chaos.faults import DELAY_S, TIMEOUT_S, Fault
from tests.chaos.playbooks import Playbooks
from tests.chaos.run import Job, Report, Runs
from tests.chaos.subjects import KINDS
from tests.chaos.verdict import Findings
from tests.chaos.zygote import Zygote
from tests.integration.machine import Machine
from tests.standin import AT_ONCE, RackSpec, Standin
from tests.standin.spec import new_key

if t.TYPE_CHECKING:
    from tests.chaos.subjects import Subject
    from tests.standin.rack import Rack

# A run that takes longer hangs: its own time-out is over long before, but for a very busy machine.
PATIENCE_S = 90.0
BYSTANDER = "other.example.com"
FOREIGN = {"somebody else's": {"kept": [1, 2, 3]}}
ROTATION = "chaos"
# What a keyroll says where AWS, which tells whole seconds, knows of two pairs as old as each other.
UNSURE = "can't be told: run again, which makes another"
BY_AGE = {"max_age": "90d"}


@dataclasses.dataclass(frozen=True)
class Played:
    """What came of a case. ``fired``: the kinds of faults that really happened. ``places``: the boundaries that were passed."""

    name: str
    kinds: tuple[str, ...]
    fired: tuple[str, ...]
    findings: Findings
    places: tuple[tuple[str, str, int], ...]
    seconds: float


class _NoPlaybook:
    """In place of the ansible-playbook that a machine of the integration tests shares."""

    def __init__(self, root: Path) -> None:
        self.place = root / "nowhere"
        self.inputs = self.place

    def mark(self) -> tuple[int, int]:
        return (0, 0)


class Stage:
    """Where cases are played, one after the other: one stand-in, and one forker."""

    def __init__(self, zygote: Zygote) -> None:
        self._zygote = zygote
        self._root = Path(tempfile.mkdtemp(prefix="chaos-"))
        self.convox = Standin(directory=self._root / "standin")
        self._numbers = itertools.count(1)

    def close(self) -> None:
        self.convox.stop()
        shutil.rmtree(self._root, ignore_errors=True)

    def play(self, case: Case, mutant: str | None = None) -> Played:
        number = next(self._numbers)
        began = time.monotonic()
        root = self._root / f"case{number}"
        root.mkdir()
        rack = self.convox.add_rack(RackSpec(**{"name": f"rack{number}", **AT_ONCE, **case.setup.rack}))
        subject = KINDS[case.setup.subject](self.convox, rack)
        try:
            scene = Scene(case, self.convox, rack, subject, root, self._zygote, mutant)
            findings = scene.play()
        finally:
            subject.forget()
            self.convox.aws_faults.clear()
            self.convox.console.faults.clear()
            self.convox.console.forget_sessions()
            self.convox.remove_rack(rack.name)
            self.convox.vault.clear()
            shutil.rmtree(root, ignore_errors=True)
        return Played(case.name, tuple(case.kinds), tuple(scene.fired), findings, tuple(scene.places), time.monotonic() - began)


class Scene:
    """One case's own things."""

    def __init__(self, case: Case, convox: Standin, rack: Rack, subject: Subject, root: Path, zygote: Zygote, mutant: str | None) -> None:
        self.case = case
        self.convox = convox
        self.subject = subject
        self.machine = Machine(convox, root / "machine", _NoPlaybook(root))  # type: ignore[arg-type]
        self.machine.aws = case.setup.aws
        self.machine.environment["AWS_DEFAULT_REGION"] = rack.region
        self.others: set[str] = set()
        self.fired: list[str] = []
        self.places: list[tuple[str, str, int]] = []
        self.reports: list[Report] = []
        self._reports = root / "reports"
        self._reports.mkdir()
        self._zygote = zygote
        self._under_fault: Runs = Playbooks(convox, root / "playbooks") if case.playbook else zygote
        self._mutant = mutant
        self._options = self._prepare()

    def _prepare(self) -> dict[str, t.Any]:
        """Somebody is logged in to this host, by two names, and to another; files hold what is not ours."""
        machine, subject, case = self.machine, self.subject, self.case
        machine.write(machine.config / "auth", json.dumps({BYSTANDER: "o" * 30, **subject.logins}, indent=2))
        machine.write(machine.config / "rotations.json", json.dumps(FOREIGN))
        stores: list[dict[str, t.Any]] = []
        for kind in case.setup.stores:
            stores.append({"type": kind})
            if kind == "file":
                path = machine.home / "keys" / "keys.json"
                machine.write(path, json.dumps(FOREIGN))
                machine.stores.add(path)
                stores[-1]["path"] = str(path)
        return {**subject.options, "stores": stores, **case.setup.options}

    # -- the case --------------------------------------------------------------------------------------------------
    def play(self) -> Findings:
        findings = Findings()
        ids = [ROTATION]
        if self.case.setup.rolled_before:
            ids.append("before")
            self._run_one({"rotation_id": "before"}, findings)
        self._under_faults(findings)
        self._clear()
        verdict.after_any_run(self, findings, "before the last run")
        last = self._last_run(ids, findings)
        verdict.after_the_last_run(self, last, len(ids), findings)
        return findings

    def _under_faults(self, findings: Findings) -> None:
        """So many runs at once, and what goes wrong meanwhile; looked at again at once when they have ended."""
        case = self.case
        faults = [self._with_key(fault) for fault in case.faults]
        placed = tuple(fault for fault in faults if fault.place is not None and fault.deed != f.TAKEN.deed)
        for fault in faults:
            if fault.place is None and fault.deed == "rack_fault":
                self.subject.fault(**fault.values)
                self.fired.append(fault.kind)
            elif fault.place is not None and fault.deed == f.TAKEN.deed:
                self.subject.take_hold(fault.place.number)
        options: dict[str, t.Any] = {"timeout": TIMEOUT_S}
        if case.setup.waits:
            options["wait_timeout"] = int(case.patience * case.speed)
        own = [BY_AGE if case.apart else {"rotation_id": ROTATION}] * case.runs
        # With several at once it is the first that meets them.
        jobs = [self._job({**options, **each}, () if number else placed) for number, each in enumerate(own)]
        runs = self._under_fault
        numbers = [runs.start(job) for job in jobs]
        for fault in faults:
            if fault.deed == "kill_later":
                time.sleep(fault.values["seconds"])
                runs.kill(numbers[0])
                self.fired.append(fault.kind)
        reports = [self._end(runs, job, number, findings) for job, number in zip(jobs, numbers)]
        self.places = [(place[0], place[1], place[2]) for place in reports[0].places]
        self.fired += [f.TAKEN.kind] * self.subject.taken
        verdict.after_runs_at_once(self, reports, findings)
        verdict.after_any_run(self, findings, "after the faults")

    def _with_key(self, fault: Fault) -> Fault:
        if fault.deed != "somebody":
            return fault
        key = new_key()
        self.others.add(key)
        return dataclasses.replace(fault, values={**fault.values, "key": key})

    def _clear(self) -> None:
        """Let everything go well again, and end well what went on."""
        if any(fault.values.get("seconds") == DELAY_S for fault in self.case.faults):
            # What was delayed is still to come.
            time.sleep(DELAY_S)
        self.convox.aws_faults.clear()
        time.sleep(0.3 if any(fault.values.get("action") == "refuse_all" for fault in self.case.faults) else 0)
        self.subject.mend()

    def _last_run(self, ids: list[str], findings: Findings) -> Report:
        """Without faults. Where only somebody else has a key that the rack takes, they log in with it, and it is rolled."""
        options: dict[str, t.Any] = {"rotation_id": ROTATION}
        if self.case.apart or (self.case.setup.rolled_before and verdict.pending(self)):
            options = BY_AGE
        report = self._run_one(options, findings)
        if report.msg and report.msg.endswith(UNSURE):
            time.sleep(1)
            report = self._run_one(options, findings)
        if self.subject.key in self.others:
            self.subject.restart()
        theirs = self.subject.accepted() & self.others
        if theirs:
            ids.append("theirs")
            self.machine.log_in(self.subject.own, theirs.pop())
            report = self._run_one({"rotation_id": "theirs"}, findings)
        self.subject.mend()
        return report

    # -- runs ------------------------------------------------------------------------------------------------------
    def _run_one(self, options: dict[str, t.Any], findings: Findings) -> Report:
        job = self._job(options, ())
        return self._end(self._zygote, job, self._zygote.start(job), findings)

    def _job(self, options: dict[str, t.Any], faults: tuple[Fault, ...]) -> Job:
        return Job(
            module=self.subject.module,
            options={**self._options, **options},
            defaults=self.machine.defaults,
            environment=self.machine.variables(),
            speed=self.case.setup.speed,
            control_url=self.convox.control_url,
            subject=self.subject.address,
            asked=self.subject.asked,
            report=self._reports / f"{len(list(self._reports.iterdir()))}-{time.monotonic_ns()}.json",
            faults=faults,
            mutant=self._mutant,
        )

    def _end(self, runs: Runs, job: Job, number: int, findings: Findings) -> Report:
        status = runs.wait(number, PATIENCE_S)
        if status is None:
            findings.add("unfinished", f"a run did not end within {PATIENCE_S:g} s")
            runs.kill(number)
            runs.wait(number, PATIENCE_S)
        report = Report.read(job.report)
        self.fired += report.fired
        self.reports.append(report)
        verdict.of_words(self, report, findings)
        return report
