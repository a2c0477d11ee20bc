# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many racks' waits in one process: what each ends with, what is shown meanwhile, and what a rack's own task must do."""
from __future__ import annotations

import functools
import threading
import time
from typing import Any

import pytest

from ansible_collections.convox.credentials.plugins.action.wait_for_rolls import _outcome
from ansible_collections.convox.credentials.plugins.module_utils.aws import Clients
from ansible_collections.convox.credentials.plugins.module_utils.errors import ConvoxError, Held
from ansible_collections.convox.credentials.plugins.module_utils.task import Standing, Task
from ansible_collections.convox.credentials.plugins.plugin_utils import progress
from ansible_collections.convox.credentials.plugins.plugin_utils.batch import Batch, Wait
from ansible_collections.convox.credentials.plugins.plugin_utils.begun import Begun

OPTIONS = {"host": "rack.example.com", "config_dir": "/nowhere", "stores": [{"type": "cli"}], "timeout": 5, "wait": False, "wait_timeout": 60}
CANARY = "canary0canary0canary0canary0"


def run(
    works: dict[str, Any], most_at_once: int = 4, patience_s: float = 0.0, every_s: float = 60.0, wanted: Any = lambda: True
) -> tuple[dict[str, Wait], list[str]]:
    """Each rack's wait when it has ended, and all that was said."""
    batch, said = Batch(most_at_once), []
    for name, work in works.items():
        begun = Begun(name, OPTIONS, key_was_given=False, sent=False)
        batch.add(name, work, functools.partial(begun.task, {}, Clients()), patience_s)
    batch.run(lambda seconds, waits: said.extend(progress.lines(seconds, waits)), every_s, wanted)
    return {wait.name: wait for wait in batch.waits}, said


# -- a batch ------------------------------------------------------------------------------------------------------
def test_each_ends_for_itself() -> None:
    def fails(task: Task) -> dict[str, Any]:
        task.secrets.add(CANARY)
        raise ConvoxError(f"refused {CANARY}", phase="applied", found=CANARY)

    def breaks(_task: Task) -> dict[str, Any]:
        raise ZeroDivisionError(CANARY)

    def lacks(_task: Task) -> dict[str, Any]:
        raise ModuleNotFoundError(name="boto3")

    waits, _said = run({"good": lambda _task: {"phase": "confirmed"}, "fails": fails, "breaks": breaks, "lacks": lacks})
    assert (waits["good"].result, waits["good"].error) == ({"phase": "confirmed"}, None)
    assert (waits["fails"].result, waits["fails"].error) == ({"phase": "applied", "found": "********"}, "refused ********")
    assert "internal error (ZeroDivisionError)" in (waits["breaks"].error or "")
    assert waits["lacks"].result == {"phase": None}
    assert CANARY not in str(waits)


def test_waits_overlap_and_questions_take_turns() -> None:
    asking, most, lock = [0], [0], threading.Lock()

    def work(task: Task) -> dict[str, Any]:
        for _turn in range(3):
            with lock:
                asking[0] += 1
                most[0] = max(most[0], asking[0])
            time.sleep(0.005)
            with lock:
                asking[0] -= 1
            task.clock.sleep(0.2)
        return {"phase": "confirmed"}

    began = time.monotonic()
    run({str(number): work for number in range(40)}, most_at_once=4)
    assert most[0] <= 4
    # One after the other they would take 40 times 0.6 s.
    assert time.monotonic() - began < 6


def test_a_rack_that_another_run_holds() -> None:
    tries = []

    def work(_task: Task) -> dict[str, Any]:
        tries.append(1)
        if len(tries) == 1:
            raise Held("held")
        return {"phase": "confirmed"}

    waits, _said = run({"one": work}, patience_s=30)
    assert (waits["one"].result["phase"], len(tries)) == ("confirmed", 2)
    tries.clear()
    waits, _said = run({"one": work}, patience_s=0)
    assert waits["one"].error == "held"


def test_nobody_waits_any_more() -> None:
    """As when ansible-playbook was killed alone: whoever sleeps is let go of at once."""
    def sleeps(task: Task) -> dict[str, Any]:
        task.clock.sleep(600)
        return {}

    began = time.monotonic()
    waits, _said = run({"one": sleeps}, wanted=lambda: time.monotonic() - began < 0.5)
    end = time.monotonic() + 5
    while not waits["one"].ended and time.monotonic() < end:
        time.sleep(0.01)
    assert waits["one"].error == "left before its end"


def test_where_they_stand_is_said() -> None:
    def work(task: Task) -> dict[str, Any]:
        task.show(Standing("applied", "the stack", "UPDATE_IN_PROGRESS"))
        task.clock.sleep(1.5)
        return {"phase": "confirmed"}

    _waits, said = run({"one": work, "two": work, "three": lambda _task: {"phase": "confirmed"}}, every_s=0.5)
    assert said[:2] == [
        "[0:01] 3 racks: 1 done, 2 to wait for",
        "[0:01]   2 applied, waiting for the stack (UPDATE_IN_PROGRESS): one, two",
    ]


# -- what is shown ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("seconds", "shown"), [(0, "0:00"), (59.9, "0:59"), (61, "1:01"), (3723, "1:02:03"), (36000, "10:00:00")])
def test_clock(seconds: float, shown: str) -> None:
    assert progress.clock(seconds) == shown


def test_long_words_and_many_names_are_cut() -> None:
    waits = [Wait(f"rack{number}", Standing("", "an answer", "x\n" * 500)) for number in range(100)]
    head, group = progress.lines(5, [*waits, Wait("bad", ended=True, error="no")])[:2]
    assert head == "[0:05] 101 racks: 1 done, 100 to wait for"
    assert group == "[0:05]   1 stopped: bad"
    (line,) = progress.lines(5, waits)[1:]
    assert "\n" not in line
    assert line.endswith("rack59 and 40 more")
    assert len(line) < 1000


# -- what was begun, and what becomes of it -----------------------------------------------------------------------
def test_what_was_begun() -> None:
    result = {"changed": True, "sent": True, "begun": {"options": OPTIONS, "key_was_given": True}}
    begun = Begun.of("one", result)
    assert begun == Begun("one", {**OPTIONS, "wait": True}, key_was_given=True, sent=True)
    assert begun.patience_s == 60
    assert Begun.of("one", {"begun": {"options": None, "key_was_given": True}}) == Begun("one", None, key_was_given=True, sent=False)


@pytest.mark.parametrize("result", [None, {}, {"msg": "failed"}, {"skipped": True}, {"phase": "committed"}, "text"])
def test_nothing_was_begun(result: Any) -> None:
    assert Begun.of("one", result) is None


@pytest.mark.parametrize(
    ("wait", "key_was_given", "reached"),
    [
        (Wait("one", result={"phase": "confirmed"}), False, "ready"),
        (Wait("one", result={"phase": None}), False, "left"),
        (Wait("one", result={"phase": "applied", "old_fingerprint": "abc"}, error="rolled back"), True, "stopped"),
        (Wait("one", result={"phase": "applied", "old_fingerprint": "abc"}, error="late"), False, "stopped"),
        (Wait("one", error="every known key is refused"), False, "stopped"),
        # Its own task has the key that the stores do not know.
        (Wait("one", error="every known key is refused"), True, "left"),
        (Wait("one", result={"phase": "applied", "old_fingerprint": None}, error="no restart"), True, "left"),
    ],
)
def test_what_becomes_of_it(wait: Wait, key_was_given: bool, reached: str) -> None:
    outcome = _outcome(wait, Begun("one", OPTIONS, key_was_given, sent=True))
    assert outcome["reached"] == reached
    assert ("msg" in outcome) == (reached == "stopped")
