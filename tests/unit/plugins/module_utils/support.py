# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What these tests have in common: errors looked at closely, clocks, other processes, and default options."""
from __future__ import annotations

import contextlib
import ctypes
import datetime
import os
import struct
import time
import traceback
import typing as t
from pathlib import Path

import pytest

from ansible_collections.convox.credentials.plugins.module_utils import options
from ansible_collections.convox.credentials.plugins.module_utils.errors import ConvoxError
from ansible_collections.convox.credentials.plugins.module_utils.times import UTC, Clock
from tests.leaks import found_in

E = t.TypeVar("E", bound=BaseException)

# Keys as they are made, each recognisable.
OLD, NEW, OTHER = "OldOldOldOldOldOldOldOldOldOld", "NewNewNewNewNewNewNewNewNewNew", "XxxXxxXxxXxxXxxXxxXxxXxxXxxXxx"

# What people leave in HTTPS_PROXY; the password is in no message, whatever library reads it.
NO_PROXIES = [
    "http://user:proxy-password@",
    "http://user:proxy-password@:3128",
    "http://user:proxy-password",
    "http://user:proxy-password@127.0.0.1:port",
    "http://user:proxy-password@127.0.0.1:99999",
    "http://user:proxy-password@127.0.0.1:1:1",
    "http://user:proxy-password@[::1",
    "http://user:proxy-password@a..b:3128",
    "http://user:proxy-password@the proxy:3128",
    "http://user:proxy-password@\u2100:3128",
    "http://user:proxy-password/#?@127.0.0.1:1",
    "http://user:proxy-password\u4e2d@127.0.0.1:1",
    "http://user:proxy-password\udcff@127.0.0.1:1",
    "http://user:proxy-password\r\nX: y@127.0.0.1:1",
    "http:///user:proxy-password@127.0.0.1:1",
    "://user:proxy-password@127.0.0.1:1",
    "ftp://user:proxy-password@127.0.0.1:1",
    "socks5://user:proxy-password@127.0.0.1:1",
    "socks5h://user:proxy-password@",
    "user:proxy-password@:3128",
    "user:proxy-password@",
    "http://",
    " ",
]


def no_aws() -> t.Any:
    """For stores that need none."""
    raise AssertionError("AWS is not to be asked")


# -- errors -------------------------------------------------------------------------------------------------------
@contextlib.contextmanager
def failing(kind: type[E], *words: str, hiding: t.Iterable[str] = ()) -> t.Iterator[pytest.ExceptionInfo[E]]:
    """The block raises this very kind: one line that has all the words, and none of the secrets in any form."""
    with pytest.raises(kind) as caught:
        yield caught
    error = caught.value
    assert error.__class__ is kind
    text = str(error)
    assert text.strip() == text != ""
    assert "\n" not in text
    assert [word for word in words if word not in text] == [], text
    assert secrets_in(everything_said(error), hiding) == []


def everything_said(error: BaseException) -> str:
    """All that anybody could print of an error, and of the errors before it, shown or not."""
    said, chain = ["".join(traceback.format_exception(type(error), error, error.__traceback__))], [error]
    for each in chain:
        said += [str(each), repr(each), repr(each.args), repr(vars(each))]
        chain += [other for other in (each.__cause__, each.__context__) if other is not None and other not in chain]
    return "\n".join(said)


def secrets_in(text: str, secrets: t.Iterable[str]) -> list[str]:
    """The secrets that a text gives away, in any form."""
    return found_in(text, secrets)


# -- time ---------------------------------------------------------------------------------------------------------
class FastClock(Clock):
    """Waits a hundred times shorter than was asked for, and counts them in full."""

    pace = 100.0

    def now(self) -> float:
        return super().now() * self.pace

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds / self.pace)


class StillClock(Clock):
    """Time goes on only where somebody sleeps."""

    def __init__(self, date: str = "2026-11-23T12:00:00+00:00") -> None:
        super().__init__()
        self.slept: list[float] = []
        self._date = datetime.datetime.fromisoformat(date)

    def now(self) -> float:
        return sum(self.slept)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    def date(self) -> datetime.datetime:
        return self._date.astimezone(UTC) + datetime.timedelta(seconds=self.now())


# -- other processes ----------------------------------------------------------------------------------------------
def in_child(work: t.Callable[[], object]) -> int:
    """Do it in a process of its own, beside this one; its id."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            work()
            status = 0
        except BaseException:  # noqa: BLE001 - nothing may come back into the test's own process
            traceback.print_exc()
        finally:
            os._exit(status)
    return pid


def end_of(pid: int) -> int:
    """Wait for a child; its exit status, or minus the signal that ended it."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def without_powers(work: t.Callable[[], object]) -> str:
    """Do it without root's powers, which know no permissions; the error that it ended with, as ``Kind: text``."""
    reading, writing = os.pipe()

    def powerless() -> None:
        _drop_powers()
        try:
            work()
        except ConvoxError as error:
            os.write(writing, f"{type(error).__name__}: {error}".encode())

    pid = in_child(powerless)
    os.close(writing)
    with os.fdopen(reading, encoding="utf-8") as file:
        said = file.read()
    assert end_of(pid) == 0
    return said


def _drop_powers() -> None:
    """Give up every capability (capset, version 3, this process): permissions then hold for root as for anybody.

    Becoming another user would not do: the way to the test's directory can be closed to others.
    """
    header = struct.pack("<Ii", 0x20080522, 0)
    nothing = struct.pack("<6I", *[0] * 6)
    if ctypes.CDLL(None, use_errno=True).capset(header, nothing) != 0:
        raise OSError(ctypes.get_errno(), "capset")


def wait_until(ready: t.Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait for something that another process or thread brings about."""
    end = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.002)


# -- options and files --------------------------------------------------------------------------------------------
def defaults() -> dict[str, t.Any]:
    """The shared options as Ansible hands them over when a task gives none of them."""
    specs = {**options.reach(), **options.rotation(), **options.aws()}
    return {name: spec.get("default") for name, spec in specs.items()}


def listing(directory: Path) -> set[str]:
    """The names in a directory."""
    return {path.name for path in directory.iterdir()} if directory.exists() else set()
