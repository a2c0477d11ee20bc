# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ledger: a line for each rotation, each bound to the one before, and whole whatever dies."""
from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import resource
import stat
import typing as t
from pathlib import Path

import pytest

from ansible_collections.convox.credentials.plugins.module_utils import ledger
from ansible_collections.convox.credentials.plugins.module_utils.errors import StoreFailed
from ansible_collections.convox.credentials.plugins.module_utils.records import RACK_API_KEY, Pending, Record
from ansible_collections.convox.credentials.plugins.module_utils.stores import JOB_VARIABLES
from tests.obstacles import OBSTACLES
from tests.unit.plugins.module_utils.conftest import Tasks
from tests.unit.plugins.module_utils.support import NEW, OLD, end_of, failing, in_child

PENDING = Pending(NEW, "2026-11-23T12:00:00Z", ("first", "second"))
COMMITTED = Record(RACK_API_KEY, "rack.example.com", name="alpha", current=NEW, rolled_at="2026-11-23T12:10:00Z", superseded=(OLD,))


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "deep" / "ledger.jsonl")


def lines(path: str) -> list[bytes]:
    return Path(path).read_bytes().split(b"\n")[:-1]


def broken(path: str) -> list[int]:
    """The numbers of the entries that do not go with what is above them, as an auditor would find them by docs/ledger.md."""
    them, begin, found = lines(path), 0, []
    for number, line in enumerate(them):
        try:
            before = json.loads(line)["before"]
        except ValueError:
            continue
        if before != hashlib.sha256(b"\n".join(them[begin:number])).hexdigest():
            found.append(number)
        begin = number
    return found


def test_a_line_each_bound_to_the_one_before(path: str) -> None:
    for number in range(4):
        ledger.append(path, {"number": number}, {})
    assert [json.loads(line)["number"] for line in lines(path)] == [0, 1, 2, 3]
    assert broken(path) == []
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600


def test_it_is_durable_with_its_name(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line when it is written, and a new ledger's name after that, or a power cut takes the file with it."""
    synced, fsync = [], os.fsync

    def note(handle: int) -> None:
        synced.append(os.readlink(f"/proc/self/fd/{handle}"))
        fsync(handle)

    os.mkdir(os.path.dirname(path))
    monkeypatch.setattr(os, "fsync", note)
    ledger.append(path, {"number": 0}, {})
    assert synced == [path, os.path.dirname(path)]
    ledger.append(path, {"number": 1}, {})
    assert synced[2:] == [path]


@pytest.mark.parametrize(
    ("meddle", "shows"),
    [(lambda them: them[:1] + them[2:], [1]), (lambda them: [them[0], them[1].replace(b"1", b"7"), *them[2:]], [1, 2]), (lambda them: them[1:], [0])],
)
def test_what_was_taken_out_or_changed_shows(path: str, meddle: t.Callable[[list[bytes]], list[bytes]], shows: list[int]) -> None:
    for number in range(4):
        ledger.append(path, {"number": number}, {})
    Path(path).write_bytes(b"".join(line + b"\n" for line in meddle(lines(path))))
    assert broken(path) == shows


def test_a_line_that_a_crash_cut_short_ends_there(path: str) -> None:
    """It stays as it is, and the next line goes with it."""
    ledger.append(path, {"number": 0}, {})
    whole = Path(path).read_bytes()
    for length in range(1, len(whole)):
        Path(path).write_bytes(whole[:length])
        ledger.append(path, {"number": 1}, {})
        ledger.append(path, {"number": 2}, {})
        assert lines(path)[0] == whole[:length].rstrip(b"\n")
        assert (broken(path), len(lines(path))) == ([], 3)


def test_a_full_disk_is_told(path: str) -> None:
    """A line that could be written in part only is no line."""
    ledger.append(path, {"number": 0}, {})

    def append_on_a_full_disk() -> None:
        size = os.path.getsize(path)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 20, size + 20))
        with failing(StoreFailed, "append to", path):
            ledger.append(path, {"number": 1}, {})

    assert end_of(in_child(append_on_a_full_disk)) == 0
    ledger.append(path, {"number": 2}, {})
    assert json.loads(lines(path)[-1])["number"] == 2
    assert broken(path) == []


def test_writers_at_once(path: str) -> None:
    def append(number: int) -> None:
        for turn in range(10):
            ledger.append(path, {"number": number, "turn": turn}, {})

    children = [in_child(lambda number=number: append(number)) for number in range(4)]  # type: ignore[misc]
    assert [end_of(pid) for pid in children] == [0] * 4
    assert (len(lines(path)), broken(path)) == (40, [])


def test_the_job_that_did_it(path: str) -> None:
    ledger.append(path, {"number": 0}, {"JOB_ID": "77", "AWX_HOST": "https://awx.example.com", "HOME": "/root"})
    entry = json.loads(lines(path)[0])
    assert (entry["job"], entry["awx"], "HOME" in entry) == ("77", "https://awx.example.com", False)


# -- what is recorded ---------------------------------------------------------------------------------------------
def test_a_rotation_without_its_keys(tasks: Tasks) -> None:
    task = tasks()
    ledger.record(task, COMMITTED, PENDING, "0ld0ld0ld0ld", "new0new0new0")
    text = Path(task.cli.home.file("ledger.jsonl")).read_text(encoding="utf-8")
    entry = json.loads(text)
    assert {name: entry[name] for name in ("what", "identity", "rack", "old", "new", "at", "rotation_ids")} == {
        "what": RACK_API_KEY,
        "identity": "rack.example.com",
        "rack": "alpha",
        "old": "0ld0ld0ld0ld",
        "new": "new0new0new0",
        "at": "2026-11-23T12:10:00Z",
        "rotation_ids": ["first", "second"],
    }
    assert entry["seconds"] == 600.0
    assert NEW not in text
    assert OLD not in text


def test_a_ledger_elsewhere(tasks: Tasks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the task was given no directory with it."""
    monkeypatch.chdir(tmp_path)
    ledger.record(tasks(ledger_path="mine.jsonl"), COMMITTED, PENDING, None, "new0new0new0")
    assert json.loads((tmp_path / "mine.jsonl").read_text(encoding="utf-8"))["old"] is None
    assert tasks.warnings == []


IN_ITS_WAY: dict[str, t.Callable[[Path], object]] = {
    **OBSTACLES,
    "a file above it": lambda path: path.write_text("", encoding="utf-8"),
    "a directory for its lock": lambda path: path.with_name("ledger.lock").mkdir(),
}


@pytest.mark.parametrize("place", IN_ITS_WAY)
def test_a_ledger_that_can_not_be_written_is_a_warning(tasks: Tasks, tmp_path: Path, place: str) -> None:
    """The rotation is committed: saying that it failed would be untrue."""
    path = tmp_path / "ledger"
    IN_ITS_WAY[place](path)
    given = path / "ledger" if path.is_file() else path
    ledger.record(tasks(ledger_path=str(given)), COMMITTED, PENDING, None, "new0new0new0")
    (warning,) = tasks.warnings
    assert "rack.example.com: rolled, but the ledger has no line for it" in warning
    assert str(path) in warning


KEPT = {"stores": [{"type": "cli", "persistent": True}]}
ELSEWHERE = {"stores": [{"type": "aws_secretsmanager"}]}


@pytest.mark.parametrize("variable", JOB_VARIABLES)
def test_a_ledger_that_the_job_s_end_deletes_is_a_warning(tasks: Tasks, tmp_path: Path, variable: str) -> None:
    """The same for every rack, so that it is shown once. It is none where the CLI's files are said to outlive the job."""
    for environ, more in (
        ({}, ELSEWHERE),
        ({variable: ""}, ELSEWHERE),
        ({variable: "x"}, KEPT),
        ({variable: "x"}, {**ELSEWHERE, "ledger_path": str(tmp_path / "ledger")}),
    ):
        ledger.record(tasks(environ, **more), COMMITTED, PENDING, None, "new0new0new0")
    assert tasks.warnings == []
    for identity in ("rack.example.com", "other.example.com"):
        ledger.record(tasks({variable: "x"}, **ELSEWHERE), dataclasses.replace(COMMITTED, identity=identity), PENDING, None, "new0new0new0")
    (warning,) = set(tasks.warnings)
    assert [word for word in (str(tmp_path / "convox" / "ledger.jsonl"), variable, "ledger_path", "outlives") if word not in warning] == []


@pytest.mark.parametrize("content", [b"\0" * 10_000_000, b"[" * 100_000, b"\xff\xfe\n\n", b"not JSON"])
def test_a_ledger_with_something_else_in_it(path: str, content: bytes) -> None:
    """It stays there, and the next line is bound to all of it."""
    Path(path).parent.mkdir()
    Path(path).write_bytes(content)
    ledger.append(path, {"what": "rack_api_key"}, {})
    after = Path(path).read_bytes()
    assert after.startswith(content)
    above = content[:-1] if content.endswith(b"\n") else content
    assert json.loads(after.splitlines()[-1])["before"] == hashlib.sha256(above).hexdigest()
