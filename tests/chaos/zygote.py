# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A process without threads that has imported everything, and forks one for each run.

The stand-in's own process has many threads, and a fork of those can hang on a lock that nobody holds any more.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import gc
import importlib
import multiprocessing
import os
import pkgutil
import select
import signal
import time
import typing as t

from tests.chaos.run import Job, do

_PDEATHSIG = 1


class Zygote:
    """The forker, seen from the process that asks for runs."""

    def __init__(self) -> None:
        self._ours, theirs = multiprocessing.Pipe()
        self._number = 0
        self._ended: dict[int, int] = {}
        self.pid = os.fork()
        if self.pid == 0:
            self._ours.close()
            _die_with_parent()
            _serve(theirs)
            os._exit(0)
        theirs.close()

    def start(self, job: Job) -> int:
        """Begin a run; its number."""
        self._number += 1
        self._ours.send((self._number, job))
        return self._number

    def kill(self, number: int) -> None:
        self._ours.send((number, None))

    def wait(self, number: int, seconds: float) -> int | None:
        """The run's exit status, or None when it did not end in time."""
        end = time.monotonic() + seconds
        while number not in self._ended:
            if not self._ours.poll(max(0.0, end - time.monotonic())):
                return None
            ended, status = self._ours.recv()
            self._ended[ended] = status
        return self._ended.pop(number)

    def close(self) -> None:
        self._ours.close()
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, 0)


def _serve(asked: t.Any) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _warm_up()
    # No run lives long enough to need it, and it would touch, and so copy, every page of what was imported.
    gc.disable()
    gc.freeze()
    numbers: dict[int, int] = {}  # by pidfd
    pids: dict[int, int] = {}  # by number
    try:
        while True:
            ready, dummy, dummy = select.select([asked, *numbers], [], [])
            for each in ready:
                if each is asked:
                    number, job = asked.recv()
                    if job is None:
                        if number in pids:
                            os.kill(pids[number], signal.SIGKILL)
                        continue
                    pid = os.fork()
                    if pid == 0:
                        _run(job)
                    pids[number] = pid
                    numbers[os.pidfd_open(pid)] = number
                else:
                    number = numbers.pop(each)
                    os.close(each)
                    dummy_pid, status = os.waitpid(pids.pop(number), 0)
                    asked.send((number, status))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        pass
    finally:
        for pid in pids.values():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def _run(job: Job) -> t.NoReturn:
    try:
        _die_with_parent()
        do(job)
    finally:
        os._exit(0)


def _die_with_parent() -> None:
    """Whatever becomes of whoever asked for it, no process of the harness stays."""
    ctypes.CDLL(None, use_errno=True).prctl(_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _warm_up() -> None:
    """All that each run would read and import for itself: boto3's descriptions of AWS take longer than a roll."""
    import boto3
    import botocore.session
    import pytest  # noqa: F401 - for the forks

    from ansible_collections.convox.credentials.plugins import modules
    from tests.integration import direct  # noqa: F401 - for the forks

    botocore.session.create_loader = functools.lru_cache(maxsize=None)(botocore.session.create_loader)
    for info in pkgutil.iter_modules(modules.__path__):
        importlib.import_module(f"{modules.__name__}.{info.name}")
    for service in ("cloudformation", "ecs", "ssm", "ec2"):
        boto3.session.Session(aws_access_key_id="x", aws_secret_access_key="x", region_name="us-east-1").client(service)
