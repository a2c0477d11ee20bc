# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""Time: a clock for waits, dates for ages, and durations as people write them (``90d``)."""

from __future__ import annotations

import datetime
import re
import time

from ansible_collections.convox.credentials.plugins.module_utils.errors import BadInput

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
UTC = datetime.timezone.utc


def parse_duration(option: str, value: str | None) -> float | None:
    """Seconds of ``90d``, ``12h``, ``30m``, ``45s``, ``2w``; None for None."""
    if value is None:
        return None
    match = re.fullmatch(r"\s*(\d{1,9})\s*([smhdw])\s*", str(value))
    if not match:
        raise BadInput(f"{option}: {value!r} is no duration; write a number and a unit, as in 90d, 12h or 30m")
    return int(match.group(1)) * _UNITS[match.group(2)]


def parse_date(text: str) -> datetime.datetime:
    """A date as this collection, AWS and Go write it: ISO 8601, UTC; to whole seconds, for Go writes any number of digits."""
    date = datetime.datetime.fromisoformat(re.sub(r"\.\d+", "", text).replace("Z", "+00:00"))
    return date if date.tzinfo else date.replace(tzinfo=UTC)


def format_date(date: datetime.datetime) -> str:
    return date.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Clock:
    """Monotonic seconds for waits, and the server's own date for ages: this machine's may be wrong by hours."""

    def __init__(self) -> None:
        self._offset = datetime.timedelta(0)

    def now(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        if seconds > 0:
            time.sleep(seconds)

    def hear(self, server_date: datetime.datetime) -> None:
        """A server said what time it is (its ``Date`` header). One at the end of time would leave no later date."""
        if server_date.year < datetime.MAXYEAR:
            self._offset = server_date - datetime.datetime.now(UTC)

    def date(self) -> datetime.datetime:
        return datetime.datetime.now(UTC) + self._offset

    def stamp(self) -> str:
        return format_date(self.date())

    def age(self, stamp: str) -> float:
        """Seconds since a stamp, by the server's clock."""
        return (self.date() - parse_date(stamp)).total_seconds()


class MedianClock(Clock):
    """Another's waits, and the date that most of many servers say: one whose clock is wrong, or that lies, decides no ages."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock
        self._offsets: list[datetime.timedelta] = []

    def now(self) -> float:
        return self._clock.now()

    def sleep(self, seconds: float) -> None:
        self._clock.sleep(seconds)

    def hear(self, server_date: datetime.datetime) -> None:
        if server_date.year < datetime.MAXYEAR:
            self._offsets.append(server_date - datetime.datetime.now(UTC))

    def date(self) -> datetime.datetime:
        """Where two halves differ, by the one that is nearer to this machine's own."""
        ordered = sorted(self._offsets)
        if not ordered:
            return self._clock.date()
        middle = ordered[(len(ordered) - 1) // 2], ordered[len(ordered) // 2]
        return datetime.datetime.now(UTC) + min(middle, key=abs)
