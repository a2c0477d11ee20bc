# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is asked after a case: of the containers and the files, not of the rack's status. Every count is to be 0."""

from __future__ import annotations

import dataclasses
import json
import typing as t

from tests.chaos.faults import POWER_CUT
from tests.chaos.subjects import ALIAS
from tests.integration.leaks import find_leaks, leaks_in_files

if t.TYPE_CHECKING:
    from pathlib import Path

    from tests.chaos.run import Report
    from tests.chaos.scene import Scene

AFTER_THE_LAST_RUN = "after the last run"
COUNTS = {
    "lost": "keys that a container accepts, or would after a restart, and no store holds",
    "lockouts": "what people find as the key is not the one in force, or a run said committed too early",
    "orphaned": "still pending after a run without faults that succeeded",
    "unfinished": "the run without faults did not succeed, or a run did not end",
    "corrupt": "files that are damaged, or have less in them than before",
    "double": "more than one new key for one rotation",
    "leaks": "secrets outside of the stores",
    "crashes": "runs that ended with a traceback",
}


@dataclasses.dataclass
class Findings:
    """What is wrong: (which count, in words without secrets)."""

    found: list[tuple[str, str]] = dataclasses.field(default_factory=list)

    def add(self, count: str, words: str) -> None:
        self.found.append((count, words))

    def __bool__(self) -> bool:
        return bool(self.found)


def after_any_run(scene: Scene, findings: Findings, when: str) -> None:
    """What holds at every instant: files are whole, and no key is lost.

    A Console's new key is lost with the reply that it comes in, by its nature: what counts is that a run gets a new one.
    """
    for words in scene.subject.never():
        findings.add("lockouts", f"{words} {when}")
    if _damaged(scene, findings, when) or (scene.subject.shown_once and when != AFTER_THE_LAST_RUN):
        return
    lost = scene.subject.alive() - scene.machine.held_keys() - scene.others - scene.subject.elsewhere
    if lost:
        findings.add("lost", f"{len(lost)} {when}")


def after_runs_at_once(scene: Scene, reports: list[Report], findings: Findings) -> None:
    """A run that says committed is right, then and there; all that say so mean the same key."""
    committed = [report for report in reports if report.committed]
    # Somebody else's change, and a container that starts by itself, may come just after the last look.
    if committed and not scene.others and scene.subject.accepted() - {scene.subject.key}:
        findings.add("lockouts", "committed while a container accepts another key")
    if len({(report.data or {}).get("fingerprint") for report in committed}) > 1:
        findings.add("double", "runs at once report different keys")


def after_the_last_run(scene: Scene, last: Report, rotations: int, findings: Findings) -> None:
    after_any_run(scene, findings, AFTER_THE_LAST_RUN)
    if last.msg is not None or last.data is None:
        findings.add("unfinished", f"the run without faults: {last.msg}")
    elif not any(count == "corrupt" for count, dummy in findings.found):
        if pending(scene):
            findings.add("orphaned", "pending after a run without faults that succeeded")
        _in_place(scene, last, findings)
    made = [key for key in scene.subject.made() if key not in scene.others]
    if len(made) > rotations:
        findings.add("double", f"{len(made)} new keys for {rotations} rotations")
    if not any(count == "corrupt" for count, dummy in findings.found):
        leaks = leaks_in_files(scene.machine)
        if leaks:
            findings.add("leaks", f"in {', '.join(sorted({leak.rpartition(': ')[0].rpartition('/')[2] for leak in leaks}))}")


def of_words(scene: Scene, report: Report, findings: Findings) -> None:
    """What a run said holds no secret, and is no traceback."""
    if report.error:
        lines = [line.strip() for line in report.error.strip().splitlines() if line.strip(" ^~")]
        findings.add("crashes", " / ".join(lines[-5:]))
    if _leaks(scene, report.text):
        findings.add("leaks", "in what a run said")


def pending(scene: Scene) -> bool:
    """Whether any store holds a rotation that is not finished, under whatever identity."""
    return any("pending" in record for record in scene.machine.records(scene.subject.kind))


def _in_place(scene: Scene, last: Report, findings: Findings) -> None:
    """The key that people find is in force everywhere, and stays so.

    What somebody else logged in with meanwhile is theirs: that is left, and named (architecture 4, Commit).
    """
    subject, auth = scene.subject, scene.machine.auth()
    due = subject.logins_due()
    theirs = auth.get(subject.own) in scene.others
    if due != {auth.get(subject.own)} and not (theirs and "did not touch" in last.text):
        findings.add("lockouts", "the key in auth is not the one in force everywhere")
    if ALIAS in subject.logins and due != {auth.get(ALIAS)} and not scene.others:
        findings.add("lockouts", "the key of the alias in auth is not the one in force everywhere")
    for words in subject.out_of_place(scene.machine.records(subject.kind, subject.identity), len(set(scene.case.setup.stores) - {"cli"})):
        findings.add("lockouts", words)


def _leaks(scene: Scene, text: str) -> list[str]:
    try:
        return find_leaks(scene.machine, text)
    except ValueError:
        return []  # a damaged file, which is counted as that


def _damaged(scene: Scene, findings: Findings, when: str) -> bool:
    """Whether a file can't be read, or has lost what was not ours."""
    from tests.chaos.scene import BYSTANDER, FOREIGN

    machine = scene.machine
    wrong = []
    for path in {machine.config / "auth", *machine.record_files(), machine.config / "rotations.json", *machine.stores}:
        try:
            data = _read(path)
        except (OSError, ValueError):
            wrong.append(f"{path.name} can't be read")
            continue
        if path.name == "auth":
            if data.get(BYSTANDER) != "o" * 30 or scene.subject.host not in data:
                wrong.append("auth has lost an entry")
        elif any(data.get(name) != value for name, value in FOREIGN.items()):
            wrong.append(f"{path.name} has lost an entry")
    if not _ledger_is_whole(machine.config / "ledger.jsonl", scene.fired.count(POWER_CUT.kind)):
        wrong.append("ledger.jsonl is damaged")
    for each in wrong:
        findings.add("corrupt", f"{each} {when}")
    return bool(wrong)


def _read(path: Path) -> dict[str, t.Any]:
    return json.loads(path.read_text(encoding="utf-8"))


def _ledger_is_whole(path: Path, cuts: int) -> bool:
    """Of the line that is being written, a power cut may leave a part: later lines are bound to it, too."""
    from ansible_collections.convox.credentials.plugins.module_utils import ledger
    from ansible_collections.convox.credentials.plugins.module_utils.ledger_chain import Verdict

    verdict = Verdict()
    with ledger.reading(str(path)) as lines:
        loose = [line.number for line in lines if not verdict.take(line)]
    return verdict.whole and len(loose) <= cuts
