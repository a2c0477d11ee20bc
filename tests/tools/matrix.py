# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the unit and integration tests with one ansible-core and Python after the other, and say how each pair did.

A pair that fails stops no other. What comes after "--" goes to pytest. Whatever ends the run, no process of it stays.
"""
from __future__ import annotations

import argparse
import os
import subprocess
import sys
import sysconfig
import time
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from tests.demo.processes import Interrupted, adopt_orphans, end_all, interrupt_on_signals, start
from tests.locks import locked
from tests.places import CACHE, ROOT
from tests.tools.matrix_pairs import Pair, Skipped, choose, cores, interpreters, requirements

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

HOME = CACHE / "matrix"
TOOLS = ROOT / "tests" / "tools"
SUITES = ("unit", "integration")
WORKERS = ("-n", "2", "--maxschedchunk", "1")


@dataclass
class Outcome:
    """How a pair did: ``result`` in a word or two, and the numbers of tests where pytest came to its end."""

    pair: Pair
    result: str
    seconds: float
    passed: int | None = None
    failed: int | None = None
    skipped: int | None = None


class Runner:
    """Runs pytest with a pair, in an environment that is kept."""

    def __init__(self, suites: Sequence[str], pytest_arguments: Sequence[str]) -> None:
        named = any(each.startswith("tests/") for each in pytest_arguments)
        self._arguments = [*([] if named else [f"tests/{suite}" for suite in suites]), *pytest_arguments]

    def log(self, pair: Pair) -> Path:
        return HOME / "log" / f"{pair.name}.log"

    def environment(self, pair: Pair) -> str:
        """Where it is, from the checkout."""
        return f".cache/matrix/{pair.name}"

    def install(self, pair: Pair, log: IO[bytes]) -> bool:
        """Make the environment, or find that it is what is asked for."""
        command = [str(TOOLS / "venv"), self.environment(pair), requirements(pair.core.minor)]
        if self._run(command, log, PYTHON=pair.interpreter) != 0:
            return False
        # The tool takes another Python where it can't take this one.
        return f"\nversion = {pair.python}." in (ROOT / self.environment(pair) / "pyvenv.cfg").read_text(encoding="utf-8")

    def test(self, pair: Pair) -> Outcome:
        """Run the tests, in the pair's environment alone."""
        began = time.monotonic()
        path = self.log(pair)
        report = path.with_suffix(".xml")
        path.parent.mkdir(parents=True, exist_ok=True)
        with locked(f"matrix-{pair.name}"), path.open("wb") as log:
            report.unlink(missing_ok=True)
            if not self.install(pair, log):
                return Outcome(pair, "NO ENVIRONMENT", time.monotonic() - began)
            began = time.monotonic()
            command = [
                *(str(TOOLS / "run"), "python", "-m", "pytest", "-p", "tests.tools.matrix_plugin", *WORKERS),
                *(f"--junitxml={report}", "-o", f"cache_dir={HOME / 'pytest' / pair.name}", *self._arguments),
            ]
            status = self._run(command, log, VENV=self.environment(pair))
            end_all()  # what it left behind
            return Outcome(pair, result_of(status), time.monotonic() - began, *(counts(report) or ()))

    def _run(self, command: list[str], log: IO[bytes], **more: str) -> int:
        # Programs that the pair's environment lacks are not to be found in this one's.
        mine = sysconfig.get_path("scripts")
        path = os.pathsep.join(each for each in os.get_exec_path() if each != mine)
        environment = {**os.environ, "PATH": path, **more}
        return start(command, environment, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT).wait()


def result_of(status: int) -> str:
    """Pytest's exit status in words."""
    return {0: "passed", 1: "FAILED", 5: "NO TESTS"}.get(status, f"BROKE OFF ({status})")


def counts(report: Path) -> tuple[int, int, int] | None:
    """Passed, failed and skipped tests of a JUnit report; None where there is none, for pytest broke off."""
    if not report.exists():
        return None
    # Our own pytest wrote it.
    cases = ET.parse(report).getroot().findall(".//testcase")  # noqa: S314
    failed = sum(case.find("failure") is not None or case.find("error") is not None for case in cases)
    skipped = sum(case.find("skipped") is not None for case in cases)
    return len(cases) - failed - skipped, failed, skipped


def run_all(runner: Runner, pairs: Sequence[Pair], skipped: Sequence[Skipped]) -> int:
    """Run one pair after the other, then say how each did; also when somebody interrupts it."""
    adopt_orphans()
    outcomes: list[Outcome] = []
    try:
        interrupt_on_signals()
        for pair in pairs:
            print(f"{pair.name}: ansible-core {pair.core.version}, {pair.interpreter}; {runner.log(pair).relative_to(ROOT)}", flush=True)
            outcomes.append(runner.test(pair))
            print(f"{pair.name}: {outcomes[-1].result}", flush=True)
        status = 0 if outcomes and all(each.result == "passed" for each in outcomes) else 1
    except Interrupted as interrupted:
        status = 128 + interrupted.signum
    finally:
        end_all()
    done = {each.pair for each in outcomes}
    left = [Skipped(pair.core.minor, (pair.python,), "interrupted") for pair in pairs if pair not in done]
    print("\n" + "\n".join([*table(outcomes), *not_run([*left, *skipped])]))
    return status


def table(outcomes: Sequence[Outcome]) -> list[str]:
    """A line for each pair that ran."""
    rows = [["ansible-core", "Python", "result", "time", "passed", "failed", "skipped"]]
    for each in outcomes:
        numbers = ["-" if number is None else str(number) for number in (each.passed, each.failed, each.skipped)]
        minutes, seconds = divmod(round(each.seconds), 60)
        rows.append([each.pair.core.version, each.pair.python, each.result, f"{minutes}:{seconds:02}", *numbers])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]


def not_run(skipped: Sequence[Skipped]) -> list[str]:
    """A line for each reason why pairs did not run."""
    return ["", "Not run:", *(f"  {each.core} with {', '.join(each.pythons)}: {each.why}" for each in skipped)] if skipped else []


def _arguments(given: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make matrix", description="The tests, with each ansible-core and the Pythons of this machine.")
    parser.add_argument("--core", action="append", default=[], metavar="2.N", help="this ansible-core only; may be given again")
    parser.add_argument("--python", action="append", default=[], metavar="3.N", help="this Python only; may be given again")
    parser.add_argument("--all-pythons", action="store_true", help="every Python that a core can be tried with, not its oldest and newest only")
    for suite in SUITES:
        parser.add_argument(f"--{suite}", action="append_const", dest="suites", const=suite, help=f"the {suite} tests only")
    parser.add_argument("--list", action="store_true", help="say which pairs would run, and run none")
    return parser.parse_args(given)


def main(given: Sequence[str]) -> int:
    end = list(given).index("--") if "--" in given else len(given)
    arguments = _arguments(given[:end])
    every = cores()
    unknown = set(arguments.core) - {core.minor for core in every}
    if unknown:
        print(f"There is no {requirements(min(unknown))}: the cores are {', '.join(core.minor for core in every)}", file=sys.stderr)
        return 2
    pairs, skipped = choose(every, interpreters(), arguments.core, arguments.python, arguments.all_pythons)
    if arguments.list:
        print("\n".join([*(f"{pair.core.version} with {pair.python}: {pair.interpreter}" for pair in pairs), *not_run(skipped)]))
        return 0
    return run_all(Runner(arguments.suites or SUITES, given[end + 1 :]), pairs, skipped)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
