# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Locks: one writer at a time, one run at a time, and no lock outlives its process."""
from __future__ import annotations

import errno
import fcntl
import json
import os
import re
import signal
import time
import typing as t
from pathlib import Path

import pytest

from ansible_collections.convox.credentials.plugins.module_utils import files
from ansible_collections.convox.credentials.plugins.module_utils.errors import Held, StoreFailed
from tests.obstacles import OBSTACLES
from tests.unit.plugins.module_utils.support import end_of, failing, in_child, wait_until, without_powers

WRITERS, ENTRIES = 8, 12


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "locks" / "rack.example.com")


@pytest.fixture
def holder(path: str) -> t.Iterator[int]:
    """Another process that holds the lock."""

    def hold() -> None:
        with files.locked(path, "rack alpha"):
            time.sleep(60)

    pid = in_child(hold)
    wait_until(lambda: os.path.exists(path) and os.path.getsize(path) > 0)
    yield pid
    os.kill(pid, signal.SIGKILL)
    end_of(pid)


def take(path: str, patience: float = 0.0) -> None:
    with files.locked(path, "rack alpha", patience):
        pass


def test_the_holder_is_named(path: str, holder: int) -> None:
    """With its pid and since when, and nothing is waited for."""
    began = time.monotonic()
    with failing(Held, "rack alpha", f"pid {holder}", "nothing was changed") as caught:
        take(path)
    assert re.search(r"since 20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ", str(caught.value))
    assert time.monotonic() - began < 10


def test_patience_ends(path: str, holder: int) -> None:
    began = time.monotonic()
    with failing(Held, f"pid {holder}"):
        take(path, patience=0.2)
    assert 0.2 <= time.monotonic() - began < 10


def test_death_releases_it(path: str) -> None:
    def die() -> None:
        with files.locked(path, "rack alpha"):
            os.kill(os.getpid(), signal.SIGKILL)

    assert end_of(in_child(die)) == -signal.SIGKILL
    take(path)


def test_an_error_releases_it(path: str) -> None:
    with pytest.raises(KeyError), files.locked(path, "rack alpha"):
        raise KeyError
    take(path)


def test_it_is_one_a_process_too(path: str) -> None:
    """Ansible can run two tasks in one process: they are two runs."""
    with files.locked(path, "rack alpha"), failing(Held, f"pid {os.getpid()}"):
        take(path)


def test_who_waits_gets_it(path: str) -> None:
    def hold_a_little() -> None:
        with files.locked(path, "rack alpha"):
            time.sleep(0.3)

    pid = in_child(hold_a_little)
    wait_until(lambda: os.path.exists(path) and os.path.getsize(path) > 0)
    take(path, patience=10)
    assert end_of(pid) == 0


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": "x", "since": 1}', '{"pid": 1}', "\xff"])
def test_a_holder_that_has_not_said_who_it_is(path: str, text: str) -> None:
    with files.locked(path, "rack alpha"):
        Path(path).write_text(text, encoding="latin-1")
        with failing(Held, "just started"):
            take(path)


def test_a_file_system_that_can_not_lock(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_handle: int, _how: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with failing(StoreFailed, path, "local disk"):
        take(path)


IN_ITS_PLACE = {**OBSTACLES, "a link into nothing": lambda path: path.symlink_to(path.parent / "not" / "there")}


@pytest.mark.parametrize("place", IN_ITS_PLACE)
def test_something_else_in_a_lock_s_place(tmp_path: Path, place: str) -> None:
    """Told at once, and the file that it is for is not written."""
    auth, lock = tmp_path / "auth", tmp_path / "auth.lock"
    IN_ITS_PLACE[place](lock)
    with failing(StoreFailed, str(lock)), files.updating(str(auth)):
        pytest.fail("it was locked")
    assert not auth.exists()


def test_a_link_in_a_lock_s_place_to_a_file_of_ours(tmp_path: Path) -> None:
    """As another member of the directory's group can lay one: what it leads to is not overwritten."""
    ours, lock = tmp_path / "auth", tmp_path / "shared" / "keys.json.lock"
    ours.write_text("{}", encoding="ascii")
    lock.parent.mkdir()
    lock.symlink_to(ours)
    with failing(StoreFailed, str(lock)), files.updating(str(lock.parent / "keys.json")):
        pytest.fail("it was locked")
    assert ours.read_text(encoding="ascii") == "{}"


# -- by whom it is only looked at ---------------------------------------------------------------------------------
def test_a_reader_waits_for_the_writer(path: str, holder: int) -> None:
    with failing(Held, "rack alpha", f"pid {holder}"), files.at_rest(path, "rack alpha", 0.1):
        pytest.fail("a writer is in the middle")


def test_a_writer_waits_for_the_readers(path: str) -> None:
    """They don't wait for each other, and the lock still tells who had it last."""
    take(path)
    before = Path(path).read_bytes()
    with files.at_rest(path, "rack alpha", 0.0), files.at_rest(path, "rack alpha", 0.0):
        with failing(Held, "rack alpha"):
            take(path)
        assert Path(path).read_bytes() == before
    take(path)


def test_a_reader_makes_no_lock(path: str) -> None:
    with files.at_rest(path, "rack alpha", 0.0):
        pass
    assert not os.path.exists(os.path.dirname(path))


def test_a_lock_that_a_reader_may_not_open(path: str) -> None:
    """Who may read a file of somebody else's need not be let to its lock."""
    take(path)
    os.chmod(path, 0)

    def read() -> None:
        with failing(PermissionError):
            os.open(path, os.O_RDONLY)
        with files.at_rest(path, "rack alpha", 0.0):
            pass

    assert without_powers(read) == ""


def test_the_lock_is_no_childs(path: str) -> None:
    """A program that was started meanwhile must not keep it, but for the moment until it is one."""
    with files.locked(path, "rack alpha"):
        pid = os.posix_spawn("/bin/sleep", ["sleep", "60"], {})
    try:
        with files.locked(path, "rack alpha", patience=10.0):
            pass
    finally:
        os.kill(pid, signal.SIGKILL)
        end_of(pid)


def test_writers_at_once_lose_nothing(tmp_path: Path) -> None:
    """The CLI loses an update when two of it write; here each adds its hosts, and all are there."""
    auth = tmp_path / "auth"
    auth.write_text('{"there": "before"}', encoding="utf-8")

    def add(number: int) -> None:
        for turn in range(ENTRIES):
            with files.updating(str(auth)) as data:
                data[f"host{number}.{turn}"] = f"key{number}.{turn}"

    children = [in_child(lambda number=number: add(number)) for number in range(WRITERS)]  # type: ignore[misc]
    assert [end_of(pid) for pid in children] == [0] * WRITERS
    expected = {f"host{number}.{turn}": f"key{number}.{turn}" for number in range(WRITERS) for turn in range(ENTRIES)}
    assert json.loads(auth.read_text(encoding="utf-8")) == {"there": "before", **expected}


def test_a_link_and_its_target_are_one_file(tmp_path: Path) -> None:
    """Two names of one file: a writer by the one keeps out a writer by the other."""
    auth, link = tmp_path / "auth", tmp_path / "link"
    auth.write_text("{}", encoding="utf-8")
    link.symlink_to(auth)

    def add(path: Path, name: str) -> None:
        for turn in range(30):
            with files.updating(str(path)) as data:
                data[f"{name}{turn}"] = "key"

    children = [in_child(lambda each=each: add(each, each.name)) for each in (auth, link)]  # type: ignore[misc]
    assert [end_of(pid) for pid in children] == [0, 0]
    assert len(files.read_json(str(auth))) == 60


def test_a_writer_that_is_in_the_middle_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """But not for ever."""
    monkeypatch.setattr(files, "LOCK_PATIENCE_S", 0.1)
    auth = str(tmp_path / "auth")
    with files.updating(auth) as data:
        data["a"] = "b"
        with failing(Held, auth), files.updating(auth):
            pytest.fail("two writers at once")
    assert files.read_json(auth) == {"a": "b"}
