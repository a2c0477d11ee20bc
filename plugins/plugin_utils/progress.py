# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""Where the racks of a batch stand, in lines for people."""

from __future__ import annotations

import typing as t

from ansible_collections.convox.credentials.plugins.plugin_utils.batch import Wait

# More names than this of one group only push the others off the screen.
MOST_NAMES = 60
LONGEST_STATUS = 120


def lines(seconds: float, waits: t.Sequence[Wait]) -> list[str]:
    """How many racks are done, then a line for each group of those that wait for the same thing."""
    groups: dict[str, list[str]] = {}
    for wait in waits:
        groups.setdefault(_standing(wait), []).append(wait.name)
    ended = sum(wait.ended for wait in waits)
    told = [f"{count(len(waits))}: {ended} done, {len(waits) - ended} to wait for"]
    told += [f"  {len(names)} {standing}: {_joined(names)}" for standing, names in sorted(groups.items()) if standing]
    return [f"[{clock(seconds)}] {line}" for line in told]


def clock(seconds: float) -> str:
    """``0:15``, ``1:02:03``."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _standing(wait: Wait) -> str:
    """Empty for those that are done."""
    if wait.error is not None:
        return "stopped"
    if wait.ended:
        return ""
    phase, waiting_for, status = wait.standing
    words = "".join(each for each in " ".join(status.split()) if each.isprintable())
    status = words if len(words) <= LONGEST_STATUS else words[:LONGEST_STATUS] + "…"
    return f"{phase + ', ' if phase else ''}waiting for {waiting_for}{f' ({status})' if status else ''}"


def count(number: int) -> str:
    return f"{number} rack" if number == 1 else f"{number} racks"


def _joined(names: t.Sequence[str]) -> str:
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return ", ".join(names[:MOST_NAMES]) + more
