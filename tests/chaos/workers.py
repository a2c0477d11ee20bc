# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Processes that play cases: each with a stand-in and a forker of its own."""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import signal
import sys
import traceback
import typing as t

from tests.chaos.cases import Case
from tests.chaos.environment import prepare

if t.TYPE_CHECKING:
    from tests.chaos.scene import Played

# The emulator keeps something of each rack that there was.
CASES_OF_A_STANDIN = 150


class Workers:
    """So many at a time. Every process ends with the one that made it, whatever ends that."""

    def __init__(self, number: int = 1) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipes: list[t.Any] = []
        self._processes = []
        for dummy in range(number):
            ours, theirs = context.Pipe()
            process = context.Process(target=_work, args=(theirs,), daemon=True)
            process.start()
            theirs.close()
            self._pipes.append(ours)
            self._processes.append(process)

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *dummy: object) -> None:
        for pipe in self._pipes:
            pipe.close()
        for process in self._processes:
            process.join(30)
            if process.is_alive():
                process.terminate()

    def play(self, cases: t.Iterable[Case], mutant: str | None = None) -> t.Iterator[Played]:
        """What came of each case, in the order in which they ended."""
        left = iter(cases)
        busy = [pipe for pipe in self._pipes if _give(pipe, left, mutant)]
        while busy:
            for pipe in multiprocessing.connection.wait(busy):
                played = t.cast("t.Any", pipe).recv()
                if isinstance(played, str):
                    raise RuntimeError(f"the harness itself failed:\n{played}")
                yield played
                if not _give(pipe, left, mutant):
                    busy.remove(pipe)


def _give(pipe: t.Any, left: t.Iterator[Case], mutant: str | None) -> bool:
    case = next(left, None)
    if case is not None:
        pipe.send((case, mutant))
    return case is not None


def _work(pipe: t.Any) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    prepare()
    # The forker before any thread.
    from tests.chaos.zygote import Zygote

    zygote = Zygote()
    from tests.chaos.scene import Stage

    stage, count = Stage(zygote), 0
    try:
        while True:
            case, mutant = pipe.recv()
            if count == CASES_OF_A_STANDIN:
                stage.close()
                stage, count = Stage(zygote), 0
            count += 1
            try:
                pipe.send(stage.play(case, mutant))
            except Exception:  # noqa: BLE001 - told to whoever asked, who ends
                pipe.send(f"{case}\n{traceback.format_exc()}")
    except (EOFError, BrokenPipeError):
        pass
    finally:
        stage.close()
        zygote.close()
        sys.stdout.flush()
