# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The matrix: which pairs it takes, what it pins, and that it tells the truth of each, whatever becomes of another."""
from __future__ import annotations

import contextlib
import importlib.metadata
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.places import ROOT
from tests.tools.cores import PYTHONS
from tests.tools.matrix_pairs import Core, Pair, Skipped, choose, named_by, pinned, version_key
from tests.tools.matrix_pins import pins_in

OLD = Core("2.16", "2.16.19", ">=3.10", ("3.10", "3.11", "3.12"))
NEW = Core("2.20", "2.20.1", ">=3.12", ("3.12", "3.13", "3.14"))
FOUND = {version: f"/usr/bin/python{version}" for version in ("3.9", "3.10", "3.11", "3.12", "3.13")}
MINORS = sorted((path.stem.removeprefix("matrix-") for path in (ROOT / "requirements").glob("matrix-2.*.txt")), key=version_key)
# What each core has in a version of its own.
OF_A_CORE = {"ansible", "ansible-core", "ansible-compat", "pytest-ansible", "resolvelib"}


def names(pairs: list[Pair]) -> list[str]:
    return [pair.name for pair in pairs]


# -- which pairs --------------------------------------------------------------------------------------------------
def test_the_oldest_and_the_newest_python_of_each_core() -> None:
    pairs, skipped = choose([OLD, NEW], FOUND)
    assert names(pairs) == ["2.16-3.11", "2.16-3.12", "2.20-3.12", "2.20-3.13"]
    assert [pair.interpreter for pair in pairs] == [FOUND[pair.python] for pair in pairs]
    assert skipped == [
        Skipped("2.16", ("3.9",), "ansible-core 2.16.19 requires Python >=3.10"),
        Skipped("2.16", ("3.10",), "the tests need Python 3.11"),
        Skipped("2.16", ("3.13",), "ansible-core 2.16.19 names Python 3.10, 3.11, 3.12"),
        Skipped("2.20", ("3.9", "3.10", "3.11"), "ansible-core 2.20.1 requires Python >=3.12"),
        Skipped("2.20", ("3.14",), "no such Python here"),
    ]


def test_one_python_between() -> None:
    here = {**FOUND, "3.14": "/usr/bin/python3.14"}
    pairs, skipped = choose([NEW], here)
    assert names(pairs) == ["2.20-3.12", "2.20-3.14"]
    assert skipped[-1] == Skipped("2.20", ("3.13",), "neither the oldest nor the newest (--all-pythons)")
    assert names(choose([NEW], here, all_pythons=True)[0]) == ["2.20-3.12", "2.20-3.13", "2.20-3.14"]


@pytest.mark.parametrize(
    ("minors", "pythons", "taken", "reasons"),
    [
        (["2.16"], ["3.12"], ["2.16-3.12"], []),
        ([], ["3.12"], ["2.16-3.12", "2.20-3.12"], []),
        (["2.20"], ["3.11"], [], ["ansible-core 2.20.1 requires Python >=3.12"]),
        (["2.20"], ["3.14"], [], ["no such Python here"]),
        (["2.20"], ["3.13", "3.12"], ["2.20-3.12", "2.20-3.13"], []),
        (["2.20"], ["3.15"], [], ["ansible-core 2.20.1 names Python 3.12, 3.13, 3.14"]),
    ],
)
def test_what_is_asked_for(minors: list[str], pythons: list[str], taken: list[str], reasons: list[str]) -> None:
    pairs, skipped = choose([OLD, NEW], FOUND, minors, pythons)
    assert names(pairs) == taken
    assert [each.why for each in skipped] == reasons


def test_no_python_at_all() -> None:
    assert choose([OLD], {})[0] == []


def test_what_the_metadata_of_a_core_name() -> None:
    """Of the one that is installed here: its classifiers have "3" and "3 :: Only" too."""
    metadata = importlib.metadata.metadata("ansible-core")
    core = Core("", metadata["Version"], metadata["Requires-Python"], named_by(metadata.get_all("Classifier") or []))
    assert core.against("{}.{}".format(*sys.version_info)) is None
    assert core.against("3.8") == f"ansible-core {core.version} requires Python {core.requires_python}"
    assert all(len(version_key(each)) == 2 for each in core.named)


# -- what is pinned -----------------------------------------------------------------------------------------------
def test_every_core_from_the_first_to_the_last_is_pinned() -> None:
    first, last = (version_key(minor)[1] for minor in (MINORS[0], MINORS[-1]))
    assert [f"2.{number}" for number in range(first, last + 1)] == MINORS
    assert {"oldest": pinned(MINORS[0]), "newest": pinned(MINORS[-1])} == {core: pins_in(f"core-{core}")["ansible-core"] for core in PYTHONS}


@pytest.mark.parametrize("minor", MINORS)
def test_a_core_has_no_more_of_its_own_than_it_must(minor: str) -> None:
    """All else is the same for all of them, and as in `make test`."""
    own = pins_in(f"matrix-{minor}")
    assert own["ansible-core"].startswith(f"{minor}.")
    assert {"ansible", "ansible-core", "pytest-ansible"} <= own.keys()
    common = {**pins_in("demo"), **pins_in("test")}
    assert {name: version for name, version in own.items() if name not in OF_A_CORE and common.get(name) != version} == {}
    shared = pins_in("matrix")
    assert {name: version for name, version in shared.items() if name in common and common[name] != version} == {}
    assert not shared.keys() & own.keys()


# -- what it says of the pairs ------------------------------------------------------------------------------------
# The program as it is, but that its environment is the one that is there.
PROGRAM = """
import sys
from pathlib import Path
from tests.tools import matrix
from tests.tools.matrix_pairs import Core, Pair, Skipped

class Here(matrix.Runner):
    def log(self, pair):
        return Path(sys.argv[1], pair.name + ".log")
    def environment(self, pair):
        return sys.prefix.removeprefix(str(matrix.ROOT) + "/")
    def install(self, pair, log):
        self._arguments = ["-n", "0", "-p", "no:cacheprovider", str(Path(sys.argv[1], f"test_{pair.core.minor}.py"))]
        return pair.core.minor != "missing"

pairs = [Pair(Core(minor, minor, "", ()), "3.0", "python") for minor in sys.argv[2:]]
sys.exit(matrix.run_all(Here([], []), pairs, [Skipped("none", ("3.1", "3.2"), "for a reason")]))
"""
# The last one brings a core of its own, and is left out.
GOOD = """
import pytest
def test_good(): pass
def test_left(): pytest.skip('no')
@pytest.mark.parametrize("core", ["oldest", "newest"])
def test_by_other_cores(core): assert False
"""
BAD = f"{GOOD}def test_bad(): assert False\n@pytest.fixture\ndef broken(): raise OSError\ndef test_error(broken): pass\n"
# A process that no signal to the group reaches.
HANGING = """
import os, subprocess, sys, time
def test_hanging():
    code = "import os, sys, time; open(sys.argv[1], 'w').write(str(os.getpid())); time.sleep(250)"
    subprocess.Popen([sys.executable, "-c", code, os.path.join(os.path.dirname(__file__), "pid")], start_new_session=True)
    time.sleep(250)
"""


def begin(place: Path, *minors: str, **tests: str) -> subprocess.Popen[str]:
    for name, text in tests.items():
        (place / f"test_{name}.py").write_text(text, encoding="utf-8")
    command = [sys.executable, "-c", PROGRAM, str(place), *minors]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True)


def rows(output: str) -> list[list[str]]:
    """The cells of the table, but for the time."""
    table = output[output.index("\nansible-core") + 1 :].partition("\n\n")[0]
    return [cells[:3] + cells[4:] for cells in (re.split(" {2,}", line) for line in table.splitlines())]


def test_a_pair_that_fails_stops_no_other(tmp_path: Path) -> None:
    """Nor does one that can't be installed, one that has no tests and one that pytest can't even read."""
    process = begin(tmp_path, "missing", "bad", "empty", "wrong", "good", bad=BAD, empty="", wrong="(", good=GOOD)
    output, _none = process.communicate(timeout=120)
    assert process.returncode == 1, output
    assert rows(output) == [
        ["ansible-core", "Python", "result", "passed", "failed", "skipped"],
        ["missing", "3.0", "NO ENVIRONMENT", "-", "-", "-"],
        ["bad", "3.0", "FAILED", "1", "2", "1"],
        ["empty", "3.0", "NO TESTS", "0", "0", "0"],
        ["wrong", "3.0", "BROKE OFF (2)", "0", "1", "0"],
        ["good", "3.0", "passed", "1", "0", "1"],
    ]
    assert "none with 3.1, 3.2: for a reason" in output


def test_all_pass(tmp_path: Path) -> None:
    process = begin(tmp_path, "good", good=GOOD)
    output, _none = process.communicate(timeout=120)
    assert process.returncode == 0, output


def test_nothing_that_runs_is_no_pass(tmp_path: Path) -> None:
    process = begin(tmp_path)
    output, _none = process.communicate(timeout=120)
    assert process.returncode == 1, output


def test_an_interrupt_leaves_no_process(tmp_path: Path) -> None:
    process = begin(tmp_path, "good", "hanging", "bad", good=GOOD, hanging=HANGING, bad=BAD)
    pid = tmp_path / "pid"
    end = time.monotonic() + 60
    while not (pid.exists() and pid.read_text()) and process.poll() is None and time.monotonic() < end:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    output, _none = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGINT, output
    assert "good-3.0: passed" in output
    assert "hanging with 3.0: interrupted" in output
    assert "bad with 3.0: interrupted" in output
    with contextlib.suppress(ProcessLookupError):
        os.kill(int(pid.read_text()), signal.SIGKILL)
        pytest.fail("a process was left")
    assert not [each for each in Path("/proc").glob("[0-9]*/cmdline") if str(tmp_path).encode() in read(each)]


def read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
