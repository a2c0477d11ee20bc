# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""Files that hold keys: written whole or not at all, and locked against other runs of this collection."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import re
import stat
import tempfile
import threading
import time
import typing as t

from ansible_collections.convox.credentials.plugins.module_utils.errors import Damaged, Held, StoreFailed

DIRECTORY_MODE = 0o700
FILE_MODE = 0o600
# How long a writer waits for another that is in the middle of its few milliseconds.
LOCK_PATIENCE_S = 30.0
MOST_NAMES = 20
FIRST_PART = 256 << 10
# Far more than the files of a large fleet take; what stores remember of ten thousand racks is longer (some 25 MB).
LARGEST = 4 << 20
LARGEST_STORE = 256 << 20
_UNFINISHED = ".unfinished"


def make_directory(path: str) -> None:
    """Make it and what leads to it, 0700 and durably; one that is there keeps its mode."""
    missing = []
    above = os.path.abspath(path)
    while not os.path.isdir(above) and above != os.path.dirname(above):
        missing.append(above)
        above = os.path.dirname(above)
    with translated("make the directory", path):
        for each in reversed(missing):
            try:
                os.mkdir(each, DIRECTORY_MODE)
            except FileExistsError:
                # Another run was quicker; or it is a file.
                if not os.path.isdir(each):
                    raise
            sync_directory(os.path.dirname(each))


@contextlib.contextmanager
def reading(path: str) -> t.Iterator[t.BinaryIO | None]:
    """What stands there, to be read; None where nothing does. Not waiting: nobody may ever write to a pipe."""
    with translated("read", path), contextlib.ExitStack() as opened:
        file = None
        with contextlib.suppress(FileNotFoundError):
            file = opened.enter_context(open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)))
        yield file


def read(path: str, largest: int = LARGEST) -> str | None:
    """The file's text without a byte-order mark; None where there is none."""
    with reading(path) as file:
        if file is None:
            return None
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode) or status.st_size > largest:
            raise Damaged(f"{path}: no regular file of at most {largest >> 20} MiB; nothing was changed; look what it is")
        try:
            return file.read().decode("utf-8-sig")
        except UnicodeDecodeError:
            raise Damaged(f"{path}: not UTF-8 text; nothing was changed; restore it from a copy") from None


def write(path: str, text: str) -> None:
    """Put the text in the file's place at once, durably; an existing file keeps its mode and owner.

    A link is followed, so that a file kept elsewhere stays there.
    """
    path = os.path.realpath(path)
    directory = os.path.dirname(path)
    make_directory(directory)
    with translated("write", path):
        handle, temporary = tempfile.mkstemp(prefix=f".{os.path.basename(path)}.", suffix=_UNFINISHED, dir=directory)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(text.encode("utf-8"))
                _dress_like(path, file.fileno())
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise
        sync_directory(directory)


def remove(path: str) -> None:
    with translated("remove", path):
        try:
            os.unlink(path)
        except FileNotFoundError:
            return
        sync_directory(os.path.dirname(os.path.abspath(path)))


def writable(path: str) -> bool:
    """Whether the file could be written, asked without writing: for check mode."""
    directory = os.path.dirname(os.path.realpath(path))
    while not os.path.isdir(directory) and directory != os.path.dirname(directory):
        directory = os.path.dirname(directory)
    return os.access(directory, os.W_OK | os.X_OK)


def prove_writable(path: str) -> None:
    """Write a file beside this one and read it back, so that a full or read-only disk is met before a key is made."""
    probe = f"{os.path.realpath(path)}.probe-{os.getpid()}-{threading.get_ident()}"
    text = "convox.credentials proves that it can write here\n"
    write(probe, text)
    back = read(probe)
    remove(probe)
    if back != text:
        raise StoreFailed(f"{path}: what was written there came back changed; nothing was rolled; mend the disk")


def read_json(path: str, largest: int = LARGEST) -> dict[str, t.Any]:
    """A JSON object; {} where there is no file. Trailing commas are read over, as people leave them.

    An empty or broken file is damage, not emptiness: the CLI itself leaves such a file when it is killed while
    writing, and then drops every host that was in it (convox-protocol 2).
    """
    text = read(path, largest)
    if text is None:
        return {}
    data = _parse_leniently(text)
    if not isinstance(data, dict):
        raise Damaged(f"{path}: no whole JSON object, but empty or cut off, as the CLI leaves it when it is killed; nothing was changed; {_recoverable(text)}")
    return data


def write_json(path: str, data: t.Mapping[str, t.Any]) -> None:
    """As the CLI writes: two spaces, no newline at the end."""
    text = json.dumps(data, indent=2, ensure_ascii=False)
    # Half a surrogate pair, which JSON can hold and UTF-8 can't, stays the escape that it was.
    write(path, text.encode("utf-8", "backslashreplace").decode("utf-8"))


@contextlib.contextmanager
def updating(path: str, largest: int = LARGEST) -> t.Iterator[dict[str, t.Any]]:
    """Read a JSON object, let the caller change it, write it if it did: one writer at a time, by whatever link."""
    with locked(os.path.realpath(path) + ".lock", path, LOCK_PATIENCE_S):
        sweep(os.path.realpath(path))
        data = read_json(path, largest)
        before = json.dumps(data)
        yield data
        if json.dumps(data) != before:
            write_json(path, data)


def sweep(path: str) -> None:
    """Remove what writers left that were killed: it holds keys. Whoever has the lock is the only writer."""
    directory, name = os.path.split(path)
    # Of this very file: a neighbour's, whose name begins alike, or a probe may be in use.
    left = re.compile(rf"\.{re.escape(name)}\.\w{{8}}{re.escape(_UNFINISHED)}")
    with contextlib.suppress(OSError):
        for each in os.listdir(directory):
            if left.fullmatch(each):
                os.unlink(os.path.join(directory, each))


@contextlib.contextmanager
def locked(path: str, label: str, patience: float = 0.0) -> t.Iterator[None]:
    """Hold a lock (fcntl) while the block runs; the kernel lets it go with the process, however that ends.

    Held: somebody else has it, after ``patience`` seconds. The file stays: removing it would make two locks of one.
    """
    make_directory(os.path.dirname(path))
    with translated("open the lock", path):
        # Not through a link, which whoever may write to the directory can lay to any file of ours: it is written to.
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, FILE_MODE)
    try:
        _acquire(handle, path, label, patience)
        with translated("write the lock", path):
            os.ftruncate(handle, 0)
            os.pwrite(handle, json.dumps({"pid": os.getpid(), "since": time.strftime("%FT%TZ", time.gmtime())}).encode(), 0)
        yield
    finally:
        os.close(handle)


@contextlib.contextmanager
def at_rest(path: str, label: str, patience: float) -> t.Iterator[None]:
    """Keep out whoever would hold the lock (``locked``) while the block runs, and change nothing for that.

    Where there is no lock, or it is not ours to open, nobody is kept out.
    """
    with contextlib.ExitStack() as opened:
        with translated("open the lock", path), contextlib.suppress(FileNotFoundError, PermissionError):
            handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            opened.callback(os.close, handle)
            _acquire(handle, path, label, patience, fcntl.LOCK_SH)
        yield


def _acquire(handle: int, path: str, label: str, patience: float, how: int = fcntl.LOCK_EX) -> None:
    end = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(handle, how | fcntl.LOCK_NB)
            return
        except OSError as exc:
            if exc.errno not in (errno.EAGAIN, errno.EACCES):
                raise StoreFailed(f"{path}: can't be locked here ({exc.strerror}); use a directory on a local disk") from exc
        if time.monotonic() >= end:
            raise Held(f"{label}: another run works on it ({_holder(handle)}): nothing was changed; wait for that to end", needs_wait=True)
        time.sleep(0.02)


def _holder(handle: int) -> str:
    try:
        data = json.loads(os.pread(handle, 200, 0).decode("ascii"))
        return f"pid {int(data['pid'])}, since {data['since']}"
    except (ValueError, KeyError, TypeError):
        return "just started"


@contextlib.contextmanager
def translated(deed: str, path: str) -> t.Iterator[None]:
    """Say in one line what the system would not do."""
    try:
        yield
    except OSError as exc:
        raise StoreFailed(f"can't {deed} {path}: {exc.strerror or exc}") from exc


def _dress_like(path: str, handle: int) -> None:
    try:
        there = os.stat(path)
    except FileNotFoundError:
        os.fchmod(handle, FILE_MODE)
        return
    os.fchmod(handle, there.st_mode & 0o7777)
    if (there.st_uid, there.st_gid) != (os.geteuid(), os.getegid()):
        # Not ours to give away: then the file is ours from now on, which nobody is locked out by.
        with contextlib.suppress(PermissionError):
            os.fchown(handle, there.st_uid, there.st_gid)


def sync_directory(path: str) -> None:
    """Make the names in it durable: a file that is on the disk without one is lost."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    except OSError as exc:
        # Some network file systems can't; the rename itself has happened.
        if exc.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(handle)


_STRING_OR_TRAILING_COMMA = re.compile(r'("(?:[^"\\]|\\.)*"?)|,(?=\s*[}\]])')


def _parse_leniently(text: str) -> t.Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    try:
        return json.loads(_STRING_OR_TRAILING_COMMA.sub(lambda found: found.group(1) or "", text))
    except (ValueError, RecursionError):
        return None


# Of bounded parts, for else a file of quotation marks takes hours.
_ENTRY = re.compile(r'"((?:[^"\\]|\\.){1,300})"\s{0,20}:\s{0,20}"(?:[^"\\]|\\.){0,300}"')


def _recoverable(text: str) -> str:
    names = _ENTRY.findall(text[:FIRST_PART])
    if not names:
        return "restore it from a copy, or remove it and log in again"
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return f"entries that can still be read in it: {', '.join(names[:MOST_NAMES])}{more}; complete or remove it"
