# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many racks' waits in one process: what each ends with, what is shown meanwhile, and what a rack's own task must do."""
from __future__ import annotations

import functools
import re
import threading
import time
from typing import Any

import pytest

from ansible_collections.convox.credentials.plugins.action.wait_for_rolls import _outcome
from ansible_collections.convox.credentials.plugins.module_utils.aws_clients import Clients
from ansible_collections.convox.credentials.plugins.module_utils.errors import BadReply, ConvoxError, Held, NoAnswer, Refused
from ansible_collections.convox.credentials.plugins.module_utils.task import Standing, Task
from ansible_collections.convox.credentials.plugins.module_utils.times import Clock
from ansible_collections.convox.credentials.plugins.plugin_utils import progress
from ansible_collections.convox.credentials.plugins.plugin_utils.batch import Batch, Patience, Wait
from ansible_collections.convox.credentials.plugins.plugin_utils.begun import Begun

OPTIONS = {"host": "rack.example.com", "config_dir": "/nowhere", "stores": [{"type": "cli"}], "timeout": 5, "wait": False, "wait_timeout": 60}
CANARY = "canary0canary0canary0canary0"


def run(
    works: dict[str, Any], most_at_once: int = 4, patience_s: float = 0.0, every_s: float = 60.0, wanted: Any = lambda: True
) -> tuple[dict[str, Wait], list[str]]:
    """Each rack's wait when it has ended, and all that was said."""
    batch, said = Batch(most_at_once), []
    for name, work in works.items():
        begun = Begun(name, OPTIONS, key_was_given=False, sent_for=None, begun=True)
        batch.add(name, work, functools.partial(begun.task, {}, Clients()), Patience(patience_s, patience_s))
    batch.run(lambda seconds, waits: said.extend(progress.lines(seconds, waits)), every_s, wanted)
    return {wait.name: wait for wait in batch.waits}, said


# -- a batch ------------------------------------------------------------------------------------------------------
def test_each_ends_for_itself() -> None:
    def fails(task: Task, _since: float) -> dict[str, Any]:
        task.secrets.add(CANARY)
        raise ConvoxError(f"refused {CANARY}", phase="applied", found=CANARY)

    def breaks(_task: Task, _since: float) -> dict[str, Any]:
        raise ZeroDivisionError(CANARY)

    def lacks(_task: Task, _since: float) -> dict[str, Any]:
        raise ModuleNotFoundError(name="boto3")

    waits, _said = run({"good": lambda _task, _since: {"phase": "confirmed"}, "fails": fails, "breaks": breaks, "lacks": lacks})
    assert (waits["good"].result, waits["good"].error) == ({"phase": "confirmed"}, None)
    assert (waits["fails"].result, waits["fails"].error) == ({"phase": "applied", "found": "********"}, "refused ********")
    assert "internal error (ZeroDivisionError at test_waiting.py:" in (waits["breaks"].error or "")
    assert waits["lacks"].result == {"phase": None}
    assert CANARY not in str(waits)


def test_waits_overlap_and_questions_take_turns() -> None:
    asking, most, lock = [0], [0], threading.Lock()

    def work(task: Task, _since: float) -> dict[str, Any]:
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

    def work(_task: Task, _since: float) -> dict[str, Any]:
        tries.append(1)
        if len(tries) == 1:
            raise Held("held")
        return {"phase": "confirmed"}

    waits, _said = run({"one": work}, patience_s=30)
    assert (waits["one"].result["phase"], len(tries)) == ("confirmed", 2)
    tries.clear()
    waits, _said = run({"one": work}, patience_s=0)
    assert waits["one"].error == "held"


@pytest.mark.parametrize(
    ("trouble", "tries"),
    [
        (NoAnswer("refused"), 2),
        (BadReply("no container", 503), 2),
        # What helps nobody to wait for, and what ended after the work had waited by itself.
        (NoAnswer("there is no such host name", lasting=True), 1),
        (BadReply("server error", 500), 1),
        (Refused("invalid authentication", 401), 1),
        (NoAnswer("refused", phase="applied"), 1),
    ],
)
def test_a_rack_that_is_away(trouble: ConvoxError, tries: int) -> None:
    tried = []

    def work(_task: Task, since: float) -> dict[str, Any]:
        tried.append(since)
        if len(tried) == 1:
            raise trouble
        return {"phase": "confirmed"}

    waits, _said = run({"one": work}, patience_s=30)
    assert (len(tried), waits["one"].error is None) == (tries, tries == 2)
    # Its patience begins once.
    assert len(set(tried)) == 1
    if tries == 2:
        tried.clear()
        assert run({"one": work}, patience_s=0)[0]["one"].error == str(trouble)


def test_threads_that_there_is_no_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container that may have few processes: what can't be waited for here is left to the rack's own task."""
    start = threading.Thread.start

    def refuse(self: threading.Thread) -> None:
        if self.name == "two":
            raise RuntimeError("can't start new thread")
        start(self)

    monkeypatch.setattr(threading.Thread, "start", refuse)
    waits, _said = run({"one": lambda _task, _since: {"phase": "confirmed"}, "two": lambda _task, _since: {"phase": "confirmed"}})
    assert (waits["one"].result["phase"], waits["two"].result["phase"]) == ("confirmed", None)


def test_nobody_waits_any_more() -> None:
    """As when ansible-playbook was killed alone: whoever sleeps is let go of at once."""
    def sleeps(task: Task, _since: float) -> dict[str, Any]:
        task.clock.sleep(600)
        return {}

    began = time.monotonic()
    waits, _said = run({"one": sleeps}, wanted=lambda: time.monotonic() - began < 0.5)
    end = time.monotonic() + 5
    while not waits["one"].ended and time.monotonic() < end:
        time.sleep(0.01)
    assert waits["one"].error == "the wait ended with its playbook; run again to go on"


def test_where_they_stand_is_said() -> None:
    def work(task: Task, _since: float) -> dict[str, Any]:
        task.show(Standing("applied", "the stack", "UPDATE_IN_PROGRESS"))
        task.clock.sleep(1.5)
        return {"phase": "confirmed"}

    _waits, said = run({"one": work, "two": work, "three": lambda _task, _since: {"phase": "confirmed"}}, every_s=0.5)
    assert [re.sub(r"^\[0:0\d\] ", "", each) for each in said[:2]] == [
        "3 racks: 1 done, 2 to wait for",
        "  2 applied, waiting for the stack (UPDATE_IN_PROGRESS): one, two",
    ]


# -- what is shown ------------------------------------------------------------------------------------------------
def test_what_a_server_says_is_masked() -> None:
    """A rack's status is its own word."""
    secret_url = "https://user:sesame-street@proxy.example.com"
    task = Begun("one", OPTIONS, False, None, True).task({"HTTPS_PROXY": secret_url}, Clients(), Clock(), wait := Wait("one"))
    task.show(Standing("applied", "the stack", "\x1b[2Jsesame-street\x07 running"))
    (_head, line) = progress.lines(5, [wait])
    assert line == "[0:05]   1 applied, waiting for the stack ([2J******** running): one"


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
    result = {"changed": True, "sent": True, "rotation_id": "q4", "begun": {"options": OPTIONS, "key_was_given": True}}
    begun = Begun.of("one", result)
    assert begun == Begun("one", {**OPTIONS, "wait": True, "rotation_id": "q4"}, key_was_given=True, sent_for="q4", begun=True)
    assert begun.patience == Patience(held_s=60, away_s=60)
    found_busy = Begun.of("one", {"msg": "its stack is busy", "begun": {"options": OPTIONS, "key_was_given": True}})
    assert (found_busy.sent_for, found_busy.begun, found_busy.patience) == (None, False, Patience(held_s=60, away_s=60))
    assert Begun.of("one", {"begun": {"options": None, "key_was_given": True}}) == Begun("one", None, key_was_given=True, sent_for=None, begun=True)


@pytest.mark.parametrize("result", [None, {}, {"msg": "failed"}, {"skipped": True}, {"phase": "committed"}, "text"])
def test_nothing_was_begun(result: Any) -> None:
    assert Begun.of("one", result) is None


@pytest.mark.parametrize(
    ("wait", "key_was_given", "reached"),
    [
        (Wait("one", result={"phase": "committed"}), False, "committed"),
        (Wait("one", result={"phase": "confirmed"}), False, "ready"),
        (Wait("one", result={"phase": None}), False, "left"),
        (Wait("one", result={"phase": "applied", "old_fingerprint": "abc"}, error="rolled back"), True, "stopped"),
        (Wait("one", result={"phase": "applied", "old_fingerprint": "abc"}, error="late"), False, "stopped"),
        (Wait("one", error="every known key is refused"), False, "stopped"),
        # Its own task has the key that the stores do not know.
        (Wait("one", error="every known key is refused"), True, "left"),
        (Wait("one", result={"phase": "applied", "needs_key": True}, error="no way to restart"), True, "left"),
        # What was asked for is not asked for again in the same run.
        (Wait("one", result={"phase": "applied"}, error="no trace"), True, "stopped"),
    ],
)
def test_what_becomes_of_it(wait: Wait, key_was_given: bool, reached: str) -> None:
    outcome = _outcome(wait, Begun("one", OPTIONS, key_was_given, sent_for="q4", begun=True))
    assert outcome["reached"] == reached
    assert ("msg" in outcome) == (reached == "stopped")
