# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writing: whole or not at all, durably, and dressed as the file was before."""
from __future__ import annotations

import itertools
import os
import resource
import signal
import stat
import time
import typing as t
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ansible_collections.convox.credentials.plugins.module_utils import files
from ansible_collections.convox.credentials.plugins.module_utils.errors import StoreFailed
from tests.unit.plugins.module_utils.support import end_of, failing, in_child, listing, wait_until, without_powers

KILLS = 60
TEXTS = ("old " * 20_000, "new " * 30_000)


def test_killed_at_any_moment_it_is_whole(tmp_path: Path) -> None:
    """Old or new, each time; the writers were really busy when they died."""
    path = tmp_path / "auth"
    seen = set()
    path.write_text(TEXTS[0], encoding="utf-8")

    def write_for_ever() -> None:
        for text in itertools.cycle(TEXTS):
            files.write(str(path), text)

    for turn in range(KILLS):
        inode = path.stat().st_ino
        pid = in_child(write_for_ever)
        wait_until(lambda inode=inode: path.stat().st_ino != inode)  # type: ignore[misc]
        time.sleep(0.004 * turn / KILLS)
        os.kill(pid, signal.SIGKILL)
        assert end_of(pid) == -signal.SIGKILL
        seen.add(path.read_text(encoding="utf-8"))
    assert seen == set(TEXTS)
    # What a killed writer leaves beside it is as private as the file, and swept up by the next update.
    left = [each for each in tmp_path.iterdir() if each != path]
    assert {stat.S_IMODE(each.stat().st_mode) for each in left} <= {0o600, stat.S_IMODE(path.stat().st_mode)}


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The calls that make a write durable, in order, each with what it was about."""
    made: list[str] = []

    def record(name: str, about: t.Callable[..., str]) -> None:
        real = getattr(os, name)

        def recorded(*args: t.Any, **kwargs: t.Any) -> t.Any:
            made.append(f"{name} {about(*args)}")
            return real(*args, **kwargs)

        monkeypatch.setattr(os, name, recorded)

    def kind(handle: int) -> str:
        return "directory" if stat.S_ISDIR(os.fstat(handle).st_mode) else "file of %d" % os.fstat(handle).st_size

    record("fsync", kind)
    record("replace", lambda _source, target: os.path.basename(target))
    record("unlink", os.path.basename)
    record("mkdir", lambda path, _mode: os.path.basename(path))
    record("fchmod", lambda _handle, mode: oct(mode))
    return made


def test_the_order_that_survives_a_power_cut(tmp_path: Path, calls: list[str]) -> None:
    """All of it on the disk before the name is, and the name before anybody is told."""
    files.write(str(tmp_path / "auth"), "12345")
    assert calls == ["fchmod 0o600", "fsync file of 5", "replace auth", "fsync directory"]
    calls.clear()
    files.remove(str(tmp_path / "auth"))
    assert calls == ["unlink auth", "fsync directory"]
    calls.clear()
    files.remove(str(tmp_path / "auth"))
    assert calls == ["unlink auth"]


def test_directories_are_as_durable_as_what_is_in_them(tmp_path: Path, calls: list[str]) -> None:
    files.make_directory(str(tmp_path / "one" / "two"))
    assert calls == ["mkdir one", "fsync directory", "mkdir two", "fsync directory"]
    calls.clear()
    files.make_directory(str(tmp_path / "one" / "two"))
    assert calls == []


def test_a_file_in_the_directory_s_place(tmp_path: Path) -> None:
    (tmp_path / "one").write_text("a file", encoding="utf-8")
    with failing(StoreFailed, "can't make the directory", str(tmp_path / "one")):
        files.make_directory(str(tmp_path / "one" / "two"))


def test_what_a_killed_writer_left_is_swept_up(tmp_path: Path) -> None:
    """It holds keys; another file's is not ours to judge."""
    path = tmp_path / "auth"
    left = [tmp_path / f"{name}.x1y2z3a_.unfinished" for name in (".auth", ".auth2", ".auth.json", ".auth.probe-7-8")] + [tmp_path / ".auth.bak"]
    for each in left:
        each.write_text("half a key", encoding="utf-8")
    with files.updating(str(path)) as data:
        data["host"] = "key"
    assert [each.exists() for each in left] == [False, True, True, True, True]


@pytest.mark.parametrize("other", ["auth", "auth.json"])
def test_writers_side_by_side(tmp_path: Path, other: str) -> None:
    """Many racks' runs write to one file, or to neighbours whose names begin alike: none takes away what another is writing."""
    path, neighbour = str(tmp_path / "auth"), str(tmp_path / other)

    def prove(_number: int) -> None:
        files.prove_writable(neighbour)

    def update(number: int) -> None:
        with files.updating(path) as data:
            data[str(number)] = "key"

    with ThreadPoolExecutor(8) as pool:
        done = [pool.submit(work, number) for number in range(60) for work in (prove, update)]
    assert [each.exception() for each in done if each.exception()] == []
    assert sorted(files.read_json(path), key=int) == [str(number) for number in range(60)]


def test_directory_and_file_are_private(tmp_path: Path) -> None:
    former = os.umask(0)
    try:
        path = tmp_path / "one" / "two" / "auth"
        files.write_json(str(path), {})
    finally:
        os.umask(former)
    assert [stat.S_IMODE(each.stat().st_mode) for each in (path, path.parent, path.parent.parent)] == [0o600, 0o700, 0o700]


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o644, 0o400])
def test_an_existing_file_keeps_its_mode(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "auth"
    path.write_text("before", encoding="utf-8")
    path.chmod(mode)
    files.write(str(path), "after")
    assert (stat.S_IMODE(path.stat().st_mode), path.read_text(encoding="utf-8")) == (mode, "after")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_an_existing_file_keeps_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "auth"
    path.write_text("before", encoding="utf-8")
    os.chown(path, 1234, 4321)
    files.write(str(path), "after")
    assert (path.stat().st_uid, path.stat().st_gid) == (1234, 4321)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_who_can_not_give_a_file_back_writes_it_all_the_same(tmp_path: Path) -> None:
    """It is the writer's then; its mode stays, and nobody is locked out of their keys."""
    path = tmp_path / "auth"
    path.write_text("before", encoding="utf-8")
    path.chmod(0o640)
    os.chown(path, 1234, 4321)
    assert without_powers(lambda: files.write(str(path), "after")) == ""
    assert (path.read_text(encoding="utf-8"), path.stat().st_uid, stat.S_IMODE(path.stat().st_mode)) == ("after", os.geteuid(), 0o640)


@pytest.mark.parametrize("target", ["there", "dangling"])
def test_a_link_is_followed(tmp_path: Path, target: str) -> None:
    """A file that is kept elsewhere stays there."""
    kept = tmp_path / "elsewhere" / "auth"
    kept.parent.mkdir()
    if target == "there":
        kept.write_text("{}", encoding="utf-8")
    link = tmp_path / "convox" / "auth"
    link.parent.mkdir()
    link.symlink_to(kept)
    with files.updating(str(link)) as data:
        data["a"] = "b"
    assert link.is_symlink()
    assert files.read_json(str(kept)) == {"a": "b"}
    assert not [name for name in listing(link.parent) if name not in ("auth", "auth.lock")]


def test_a_write_that_fails_leaves_nothing(tmp_path: Path) -> None:
    """As on a full disk: the old text stands, and no half file is left."""
    path = tmp_path / "auth"
    path.write_text("before", encoding="utf-8")

    def write_on_a_full_disk() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
        with failing(StoreFailed, "can't write", str(path), "File too large"):
            files.write(str(path), "x" * 1000)

    assert end_of(in_child(write_on_a_full_disk)) == 0
    assert (path.read_text(encoding="utf-8"), listing(tmp_path)) == ("before", {"auth"})


def test_a_directory_that_may_not_be_written(tmp_path: Path) -> None:
    """Said in one line before anything is made; check mode finds out without writing."""
    path = tmp_path / "auth"
    path.write_text("before", encoding="utf-8")
    tmp_path.chmod(0o555)
    for work in (lambda: files.write(str(path), "after"), lambda: files.prove_writable(str(path))):
        said = without_powers(work)
        assert said.startswith("StoreFailed: can't write")
        assert said.endswith(": Permission denied")
    assert without_powers(lambda: files.make_directory(str(tmp_path / "new"))).startswith("StoreFailed: can't make the directory")

    def not_writable() -> None:
        assert not files.writable(str(path))
        assert not files.writable(str(tmp_path / "deep" / "er" / "auth"))

    assert without_powers(not_writable) == ""
    assert (path.read_text(encoding="utf-8"), listing(tmp_path)) == ("before", {"auth"})


def test_a_file_where_a_directory_should_be(tmp_path: Path) -> None:
    (tmp_path / "convox").write_text("", encoding="utf-8")
    with failing(StoreFailed, "can't make the directory", str(tmp_path / "convox")):
        files.write(str(tmp_path / "convox" / "auth"), "text")
    with failing(StoreFailed, "can't read", "Not a directory"):
        files.read(str(tmp_path / "convox" / "auth"))


def test_proving_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "auth"
    path.write_text("before", encoding="utf-8")
    files.prove_writable(str(path))
    assert files.writable(str(path))
    assert (path.read_text(encoding="utf-8"), listing(tmp_path)) == ("before", {"auth"})


def test_proving_notices_a_disk_that_loses_what_it_was_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "read", lambda _path: "something else")
    with failing(StoreFailed, str(tmp_path / "auth"), "nothing was rolled"):
        files.prove_writable(str(tmp_path / "auth"))
    assert listing(tmp_path) == set()


def test_asking_whether_it_is_writable_makes_nothing(tmp_path: Path) -> None:
    assert files.writable(str(tmp_path / "not" / "there" / "auth"))
    assert listing(tmp_path) == set()
