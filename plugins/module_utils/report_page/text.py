# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""The HTML report's words: what the document says, escaped and as people read it. Pure."""

from __future__ import annotations

import html
import typing as t

from ansible_collections.convox.credentials.plugins.module_utils.audit_policy import SEVERITIES
from ansible_collections.convox.credentials.plugins.module_utils.times import parse_date

Report = t.Mapping[str, t.Any]

KIND_NAMES = {
    "rack_api_key": "Rack API key",
    "console_api_key": "Console API key",
    "instance_key": "Instance key",
    "signing_key": "Signing key",
}
STATE_NAMES = {
    "in_force": "in force",
    "latent": "latent",
    "refused": "refused",
    "open": "takes any key",
    "pending": "pending",
    "unknown": "unknown",
}
NOTHING = '<i class="no">&ndash;</i>'
_MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December")


def text(value: t.Any) -> str:
    """For an element's text, and for an attribute in double quotes. What can't be seen, or turns text around, is shown by its code."""
    said = str(value)
    if not said.isprintable():
        said = "".join(char if char.isprintable() else _code(char) for char in said)
    return html.escape(said)


def _code(char: str) -> str:
    return f"\\u{ord(char):04x}" if ord(char) <= 0xFFFF else f"\\U{ord(char):08x}"


def number(count: int) -> str:
    return f"{count:,}"


def many(count: int, noun: str) -> str:
    """``1 rack``, ``1,000 racks``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def length(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 60 else f"{int(seconds // 60)} min {int(seconds % 60)} s"


def days(count: float) -> str:
    """An age, in whole days as the findings say it."""
    return "under&nbsp;1&nbsp;d" if count < 1 else f"{int(count):,}&nbsp;d"


def age(count: float, least: bool) -> str:
    """``least``: it is at least so old."""
    if not least:
        return days(count)
    return f"{days(count)}, maybe older" if count < 1 else f"at least {days(count)}"


def limit(count: float) -> str:
    return f"{count:,g}&nbsp;d"


def moment(stamp: str) -> str:
    date = parse_date(stamp)
    said = f"{date.day} {_MONTHS[date.month - 1]} {date.year}, {date.hour:02d}:{date.minute:02d} UTC"
    return f'<time datetime="{text(stamp)}">{said}</time>'


def day(stamp: str | None) -> str:
    return text(stamp[:10]) if stamp else NOTHING


def rank(severity: str | None) -> int:
    """The most severe first, and after all of them what is clean."""
    return SEVERITIES.index(severity) if severity else len(SEVERITIES)


def badge(severity: str | None) -> str:
    return f'<b class="v v{rank(severity)}">{text(severity or "clean")}</b>'
