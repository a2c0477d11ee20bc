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
import threading
import time
import typing as t

from ansible_collections.convox.credentials.plugins.module_utils.errors import ConvoxError, Held
from ansible_collections.convox.credentials.plugins.module_utils.task import Standing, Task
from ansible_collections.convox.credentials.plugins.module_utils.times import Clock

MOST_AT_ONCE = 32
# How often it is asked whether another run has let go of a rack.
HELD_POLL_S = 2.0
BEGINNING = Standing("", "an answer", "")

# As works say it: the rack is left to its own task.
NOTHING_BEGUN: dict[str, t.Any] = {"phase": None}
Work = t.Callable[[Task], dict[str, t.Any]]


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

    def add(self, name: str, work: Work, make_task: MakeTask, patience_s: float) -> None:
        """``patience_s``: how long a rack is waited for that another run works on."""
        wait = Wait(name)
        self.waits.append(wait)
        self._threads.append(threading.Thread(target=self._run, args=(wait, work, make_task, patience_s), name=name, daemon=True))

    def run(self, say: t.Callable[[float, list[Wait]], None], every_s: float, wanted: t.Callable[[], bool]) -> None:
        """Until all have ended, or nobody wants them any more. ``say``: seconds so far, and where each stands."""
        began = said = time.monotonic()
        for thread in self._threads:
            thread.start()
        try:
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

    def _run(self, wait: Wait, work: Work, make_task: MakeTask, patience_s: float) -> None:
        with self._turns:
            try:
                task = make_task(TurnClock(self._turns, self._abandoned), wait)
                try:
                    wait.result = task.secrets.scrub(_once_free(work, task, patience_s))
                except ConvoxError as exc:
                    wait.error, wait.result = task.secrets.redact(str(exc)), task.secrets.scrub(exc.result)
            except ModuleNotFoundError:
                # This process lacks a library, which the one that runs modules may have.
                wait.result = NOTHING_BEGUN
            except Abandoned:
                wait.error = "left before its end"
            except Exception as exc:  # noqa: BLE001 - one rack's trouble must not end the others; its text is not vouched for
                wait.error = f"internal error ({type(exc).__name__}), please report it; run again to go on"
            finally:
                wait.ended = True
                self._news.set()


def _once_free(work: Work, task: Task, patience_s: float) -> dict[str, t.Any]:
    """Another run works on the rack: it may be the end of one that was killed, and lets go soon."""
    end = task.clock.now() + patience_s
    while True:
        try:
            return work(task)
        except Held:
            if task.clock.now() >= end:
                raise
            task.show(Standing("", "another run that works on it", ""))
            task.clock.sleep(HELD_POLL_S)
