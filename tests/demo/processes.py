# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The programs that the demonstration starts, and their end: none of them stays, whatever ends the demonstration.

Ansible's workers are sessions of their own, so that ending a process group does not reach them. But whatever loses its
parent becomes a child of this process, which ends all of its children.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

from tests.proc import descendants

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_PR_SET_CHILD_SUBREAPER = 36
_GRACE = 5.0


class Interrupted(BaseException):
    """Somebody wants the demonstration to end."""

    def __init__(self, signum: int) -> None:
        super().__init__(signum)
        self.signum = signum


def adopt_orphans() -> None:
    """Become the parent of descendants that lose theirs, where the kernel can do that."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def interrupt_on_signals() -> None:
    """Turn signals that end a program into an exception, once."""
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def interrupted(signum: int, _frame: object) -> None:
        for each in signals:
            signal.signal(each, signal.SIG_IGN)
        raise Interrupted(signum)

    for each in signals:
        signal.signal(each, interrupted)


def start(command: list[str], environment: dict[str, str], **more: Any) -> subprocess.Popen[str]:
    """Start a program out of the reach of the terminal's signals, which are for this process."""
    return subprocess.Popen(command, env=environment, text=True, encoding="utf-8", errors="replace", start_new_session=True, **more)


def run(command: list[str], environment: dict[str, str], directory: Path, show: Callable[[str], None]) -> int:
    """Run a program, show its lines as they come, and return its status."""
    process = start(command, environment, cwd=directory, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    # Not as a context manager, which would wait for the program when this one is interrupted.
    for line in process.stdout or ():
        show(line.rstrip("\n"))
    return process.wait()


def end_all() -> None:
    """End every descendant: politely first, then for certain."""
    deadline = time.monotonic() + _GRACE
    for number in descendants(os.getpid())[1:]:
        _kill(number, signal.SIGTERM)
    while _reap() and time.monotonic() < deadline:
        time.sleep(0.05)
    while _reap():
        for number in descendants(os.getpid())[1:]:
            _kill(number, signal.SIGKILL)
        time.sleep(0.02)


def _reap() -> bool:
    """Take in children that have ended; whether others are left."""
    while True:
        try:
            number, _status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return False
        if number == 0:
            return True


def _kill(number: int, signum: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(number, signum)
