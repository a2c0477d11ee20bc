# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a stack is at rest: AWS's word, or the rack's, which is up to 5 s old (convox-protocol, 3.1)."""
from __future__ import annotations

import dataclasses
import types
import typing as t

import pytest

from ansible_collections.convox.credentials.plugins.module_utils.errors import ConvoxError, Denied, NoAnswer
from ansible_collections.convox.credentials.plugins.module_utils.rotation import BUSY, REST, STUCK
from ansible_collections.convox.credentials.plugins.module_utils.stack_watch import POLL_S, StackWatch
from tests.unit.plugins.module_utils.support import StillClock, failing


@dataclasses.dataclass
class Words:
    """What is said next, the last word again and again; an exception is raised. Stands for AWS's rack, too."""

    said: list[str | Exception]
    asked: int = 0

    def __call__(self) -> str:
        word = self.said[min(self.asked, len(self.said) - 1)]
        self.asked += 1
        if isinstance(word, Exception):
            raise word
        return word

    def stack(self) -> t.Any:
        return types.SimpleNamespace(status=self())


@pytest.fixture
def clock() -> StillClock:
    return StillClock()


def by_rack(clock: StillClock, *said: str | Exception) -> StackWatch:
    return StackWatch(None, Words(list(said)), clock)


def by_aws(clock: StillClock, *said: str | Exception) -> StackWatch:
    return StackWatch(t.cast(t.Any, Words(list(said))), pytest.fail, clock)


def looks(watch: StackWatch, clock: StillClock, seconds: float, pause: float = 1.0) -> list[str]:
    """What it says over some time."""
    seen, end = [], clock.now() + seconds
    while clock.now() < end:
        seen.append(watch.look())
        clock.sleep(pause)
    return seen


# -- AWS's word ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("status", "state", "rolled_back"),
    [
        ("CREATE_COMPLETE", REST, False),
        ("UPDATE_COMPLETE", REST, False),
        ("UPDATE_ROLLBACK_COMPLETE", REST, True),
        ("IMPORT_COMPLETE", REST, False),
        ("CREATE_IN_PROGRESS", BUSY, False),
        ("UPDATE_IN_PROGRESS", BUSY, False),
        ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", BUSY, False),
        ("UPDATE_ROLLBACK_IN_PROGRESS", BUSY, False),
        ("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", BUSY, False),
        ("REVIEW_IN_PROGRESS", BUSY, False),
        ("UPDATE_ROLLBACK_FAILED", STUCK, False),
        ("UPDATE_FAILED", STUCK, False),
        ("ROLLBACK_COMPLETE", STUCK, False),
        ("CREATE_FAILED", STUCK, False),
        ("DELETE_FAILED", STUCK, False),
        ("DELETE_COMPLETE", STUCK, False),
    ],
)
def test_aws_s_word_counts_at_once(clock: StillClock, status: str, state: str, rolled_back: bool) -> None:
    watch = by_aws(clock, status)
    watch.wrote()
    assert (watch.look(), watch.status, watch.rolled_back) == (state, status, rolled_back)


def test_aws_that_can_not_be_asked_is_asked_again(clock: StillClock) -> None:
    watch = by_aws(clock, NoAnswer("AWS is away"), Denied("no", "cloudformation:DescribeStacks"), "UPDATE_COMPLETE")
    assert [watch.look(), watch.look(), watch.look()] == [BUSY, BUSY, REST]


# -- the rack's word ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("status", "state"),
    [("running", REST), ("updating", BUSY), ("creating", BUSY), ("converging", BUSY), ("rollback", BUSY), ("unknown", BUSY), ("", BUSY), ("failed", STUCK)],
)
def test_the_rack_s_word_before_anything_was_written(clock: StillClock, status: str, state: str) -> None:
    watch = by_rack(clock, status)
    assert (watch.look(), watch.status) == (state, status)


def test_running_right_after_a_write_says_nothing(clock: StillClock) -> None:
    """It may be the status before it: 10 s go by first, and then it has to be said for 10 s."""
    watch = by_rack(clock, "running")
    watch.wrote()
    assert looks(watch, clock, 30) == [BUSY] * 20 + [REST] * 10


def test_another_word_begins_the_ten_seconds_anew(clock: StillClock) -> None:
    for other in ("updating", "converging", NoAnswer("away")):
        watch = by_rack(clock, *["running"] * 15, other, "running")
        watch.wrote()
        assert looks(watch, clock, 40) == [BUSY] * 26 + [REST] * 14


def test_a_second_write_begins_it_anew(clock: StillClock) -> None:
    watch = by_rack(clock, "running")
    watch.wrote()
    assert looks(watch, clock, 25)[-1] == REST
    watch.wrote()
    assert looks(watch, clock, 25) == [BUSY] * 20 + [REST] * 5


def test_a_rollback_that_was_seen_is_remembered(clock: StillClock) -> None:
    """It ends as ``running``, with the old key in force; a new write is another matter."""
    watch = by_rack(clock, "running", "updating", "rollback", "running")
    watch.wrote()
    looks(watch, clock, 40)
    assert (watch.look(), watch.rolled_back) == (REST, True)
    watch.wrote()
    assert not watch.rolled_back


def test_a_rack_that_can_not_be_asked_is_busy(clock: StillClock) -> None:
    watch = by_rack(clock, NoAnswer("the rack is away"))
    assert (watch.look(), watch.status) == (BUSY, "the rack is away")


# -- waiting ------------------------------------------------------------------------------------------------------
def test_waiting_until_it_is_at_rest(clock: StillClock) -> None:
    by_rack(clock, "updating", "updating", "running").await_rest("rack alpha", 100, wait=True)
    assert clock.slept == [POLL_S] * 2


@pytest.mark.parametrize(("wait", "deadline", "pauses"), [(True, 10, 4), (False, 10, 0), (True, 0, 0)])
def test_but_not_longer_than_was_asked_for(clock: StillClock, wait: bool, deadline: float, pauses: int) -> None:
    with failing(ConvoxError, "rack alpha", "busy (updating)", "nothing was changed"):
        by_rack(clock, "updating").await_rest("rack alpha", deadline, wait)
    assert clock.slept == [POLL_S] * pauses


@pytest.mark.parametrize("dry", [False, True])
def test_a_stack_that_is_stuck_is_not_waited_for(clock: StillClock, dry: bool) -> None:
    with failing(ConvoxError, "rack alpha", "stuck (UPDATE_ROLLBACK_FAILED)", "CloudFormation"):
        by_aws(clock, "UPDATE_ROLLBACK_FAILED").await_rest("rack alpha", 100, wait=True, dry=dry)
    assert clock.slept == []


def test_check_mode_does_not_wait(clock: StillClock) -> None:
    by_aws(clock, "UPDATE_IN_PROGRESS").await_rest("rack alpha", 0, wait=True, dry=True)
    assert clock.slept == []
