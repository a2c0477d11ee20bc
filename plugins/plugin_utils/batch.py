# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""The waits of many racks at once: a thread for each, of which only some ask at a time, and a word on where they stand.

Waiting costs nothing but a thread. What asks takes a turn, so that a thousand racks open no thousand connections.
"""

from __future__ import annotations

import dataclasses
import os
import threading
import time
import traceback
import typing as t

from ansible_collections.convox.credentials.plugins.module_utils.errors import ConvoxError, Held
from ansible_collections.convox.credentials.plugins.module_utils.task import Standing, Task
from ansible_collections.convox.credentials.plugins.module_utils.times import Clock
from ansible_collections.convox.credentials.plugins.module_utils.transport import passing

MOST_AT_ONCE = 32
# How often it is tried again where another run works on a rack, or the rack does not answer.
POLL_S = 2.0
BEGINNING = Standing("", "an answer", "")

# As works say it: the rack is left to its own task.
NOTHING_BEGUN: dict[str, t.Any] = {"phase": None}
# Since when it waits, by the task's clock.
Work = t.Callable[[Task, float], dict[str, t.Any]]


class Abandoned(BaseException):
    """Whoever waited for this batch is gone."""


class TurnClock(Clock):
    """Lets others have their turn while it sleeps."""

    def __init__(self, turns: threading.Semaphore, abandoned: threading.Event) -> None:
        super().__init__()
        self._turns = turns
        self._abandoned = abandoned

    def sleep(self, seconds: float) -> None:
        self._turns.release()
        try:
            if self._abandoned.wait(max(0.0, seconds)):
                raise Abandoned
        finally:
            self._turns.acquire()


class Patience(t.NamedTuple):
    """For how many seconds a rack is waited for that another run works on, and for one that does not answer."""

    held_s: float
    away_s: float


@dataclasses.dataclass
class Wait:
    """One rack's. It ended with ``result``; ``error`` is what is to be said where that is a failure."""

    name: str
    standing: Standing = BEGINNING
    ended: bool = False
    result: dict[str, t.Any] = dataclasses.field(default_factory=dict)
    error: str | None = None
    warnings: list[str] = dataclasses.field(default_factory=list)

    def show(self, standing: Standing) -> None:
        self.standing = standing


MakeTask = t.Callable[[Clock, Wait], Task]


class Batch:
    """``make_task`` gets the clock that a rack's task must sleep by, the wait that it is for, and makes the task."""

    def __init__(self, most_at_once: int = MOST_AT_ONCE) -> None:
        self._turns = threading.Semaphore(most_at_once)
        self._abandoned = threading.Event()
        self._news = threading.Event()
        self._threads: list[threading.Thread] = []
        self.waits: list[Wait] = []

    def add(self, name: str, work: Work, make_task: MakeTask, patience: Patience) -> None:
        wait = Wait(name)
        self.waits.append(wait)
        self._threads.append(threading.Thread(target=self._run, args=(wait, work, make_task, patience), name=name, daemon=True))

    def run(self, say: t.Callable[[float, list[Wait]], None], every_s: float, wanted: t.Callable[[], bool]) -> None:
        """Until all have ended, or nobody wants them any more. ``say``: seconds so far, and where each stands."""
        began = said = time.monotonic()
        try:
            self._start()
            while not all(wait.ended for wait in self.waits):
                self._news.wait(1.0)
                self._news.clear()
                if not wanted():
                    break
                if time.monotonic() - said >= every_s:
                    said = time.monotonic()
                    say(said - began, self.waits)
        finally:
            self._abandoned.set()

    def _start(self) -> None:
        for wait, thread in zip(self.waits, self._threads):
            try:
                thread.start()
            except RuntimeError:
                # This machine has no room for more: the rack's own task waits.
                wait.result, wait.ended = NOTHING_BEGUN, True

    def _run(self, wait: Wait, work: Work, make_task: MakeTask, patience: Patience) -> None:
        clock = TurnClock(self._turns, self._abandoned)
        since = clock.now()
        with self._turns:
            try:
                task = make_task(clock, wait)
                try:
                    wait.result = task.secrets.scrub(_once_there(work, task, since, patience))
                except ConvoxError as exc:
                    wait.error, wait.result = task.secrets.redact(str(exc)), task.secrets.scrub(exc.result)
            except ModuleNotFoundError:
                # This process lacks a library, which the one that runs modules may have.
                wait.result = NOTHING_BEGUN
            except Abandoned:
                wait.error = "the wait ended with its playbook; run again to go on"
            except Exception as exc:  # noqa: BLE001 - one rack's trouble must not end the others; its text is not vouched for
                wait.error = f"internal error ({type(exc).__name__} {_place(exc)}), please report it; run again to go on"
            finally:
                wait.ended = True
                self._news.set()


def _once_there(work: Work, task: Task, since: float, patience: Patience) -> dict[str, t.Any]:
    """Another run works on the rack, perhaps the end of one that was killed; or the rack is away, as while it restarts."""
    while True:
        try:
            return work(task, since)
        except ConvoxError as exc:
            held = isinstance(exc, Held)
            # A failure that has a phase is the end of the work itself, which has its own patience.
            again = held or (passing(exc) and "phase" not in exc.result)
            if not again or task.clock.now() - since >= (patience.held_s if held else patience.away_s):
                raise
            task.show(Standing("", "another run that works on it" if held else "an answer", ""))
            task.clock.sleep(POLL_S)


def _place(exc: BaseException) -> str:
    """Where it was raised. Its text may hold anything."""
    frame = traceback.extract_tb(exc.__traceback__)[-1]
    return f"at {os.path.basename(frame.filename)}:{frame.lineno}"
