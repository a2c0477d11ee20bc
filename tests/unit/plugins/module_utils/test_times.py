# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Durations as people write them, dates as servers do, and a clock that listens."""
from __future__ import annotations

import datetime
import time

import pytest

from ansible_collections.convox.credentials.plugins.module_utils import times
from ansible_collections.convox.credentials.plugins.module_utils.errors import BadInput
from ansible_collections.convox.credentials.plugins.module_utils.times import UTC, Clock, MedianClock
from tests.unit.plugins.module_utils.support import StillClock, failing


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("45s", 45), ("30m", 1800), ("12h", 43200), ("90d", 7776000), ("2w", 1209600), (" 1 d ", 86400), ("0d", 0), ("007s", 7), (None, None)],
)
def test_durations(text: str | None, seconds: float | None) -> None:
    assert times.parse_duration("max_age", text) == seconds


@pytest.mark.parametrize("text", ["", "90", "d", "-1d", "1.5d", "1y", "90D", "1d2h", "1d\n1d", "ninety days"])
def test_what_is_no_duration(text: str) -> None:
    with failing(BadInput, "max_age", repr(text), "90d"):
        times.parse_duration("max_age", text)


NOON = datetime.datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-23T12:00:00Z",
        "2026-11-23T12:00:00",
        "2026-11-23T13:30:00+01:30",
        "2026-11-23T12:00:00.1Z",
        "2026-11-23T12:00:00.123456789Z",
        "2026-11-23 12:00:00.1234+00:00",
    ],
)
def test_dates_as_the_collection_aws_and_go_write_them(text: str) -> None:
    """Go writes as many digits of a second as there are; to whole seconds is enough."""
    assert times.parse_date(text) == NOON


@pytest.mark.parametrize("text", ["", "yesterday", "2026-11-23T25:00:00Z", "12:00"])
def test_what_is_no_date(text: str) -> None:
    with pytest.raises(ValueError, match=r"isoformat|hour must be"):
        times.parse_date(text)


def test_a_date_is_written_in_utc() -> None:
    assert times.format_date(NOON.astimezone(datetime.timezone(datetime.timedelta(hours=9)))) == "2026-11-23T12:00:00Z"
    assert times.parse_date(times.format_date(NOON)) == NOON


def test_ages_go_by_the_server_s_date() -> None:
    """This machine's own may be wrong by hours."""
    clock = Clock()
    clock.hear(NOON)
    assert 0 <= clock.age("2026-11-23T11:00:00Z") - 3600 < 5
    assert clock.stamp()[:16] == "2026-11-23T12:00"
    assert -3605 < clock.age("2026-11-23T13:00:00Z") <= -3595, "from the future"


def test_waits_go_by_a_clock_that_nobody_sets() -> None:
    clock = Clock()
    began, real = clock.now(), time.monotonic()
    clock.hear(NOON)
    clock.sleep(0.02)
    clock.sleep(-1)
    assert 0.02 <= clock.now() - began <= time.monotonic() - real + 0.01


def test_the_tests_own_clock() -> None:
    clock = StillClock()
    clock.sleep(90)
    assert (clock.now(), clock.stamp(), clock.age("2026-11-23T12:00:00Z")) == (90, "2026-11-23T12:01:30Z", 90)


@pytest.mark.parametrize(
    ("heard_in_days", "date"),
    [
        ([], 0),
        ([10], 10),
        # This machine's own clock decides between two.
        ([400, 1], 1),
        ([1, -400], 1),
        ([-400, 0, 1], 0),
        ([2, 2, 2, -400, 400, 400], 2),
    ],
)
def test_one_server_of_many_decides_no_date(heard_in_days: list[float], date: float) -> None:
    clock, now = MedianClock(Clock()), datetime.datetime.now(UTC)
    for days in heard_in_days:
        clock.hear(now + datetime.timedelta(days=days))
    clock.hear(datetime.datetime.max.replace(tzinfo=UTC))
    assert abs((clock.date() - now).total_seconds() / 86400 - date) < 0.01


def test_its_waits_are_another_s() -> None:
    still = StillClock()
    clock = MedianClock(still)
    clock.sleep(90)
    assert (clock.now(), still.now(), clock.date()) == (90, 90, still.date())
