# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""A v2 rack's instance keyroll as a pure decision (convox-protocol 3.3, architecture 4): seen goes in, next step out.

The rack makes a pair, overwrites the private key in its settings, and updates the stack, in that order: so it is asked
once, only at rest, and after an error or silence what happened is compared, never asked for again blindly.
"""

from __future__ import annotations

import dataclasses

from ansible_collections.convox.credentials.plugins.module_utils.records import Pending
from ansible_collections.convox.credentials.plugins.module_utils.rotation import BUSY, STUCK

# The next step.
NOTE, POST, ADOPT, WAIT, COMMIT, STOP = "note", "post", "adopt", "wait", "commit", "stop"

# Why a run stops.
STOPPED_STUCK, STOPPED_ROLLED_BACK, STOPPED_DOUBTFUL, STOPPED_LATE, STOPPED_NO_WAIT, STOPPED_REJECTED, STOPPED_UNSURE = (
    "stuck",
    "rolled back",
    "doubtful",
    "late",
    "no wait",
    "rejected",
    "unsure",
)


@dataclasses.dataclass(frozen=True)
class Seen:
    """``key_name``: the stack's parameter ``Key``. ``pairs``: the account's pairs of this rack, oldest first, None where
    EC2 can't be asked. ``youngest``: those of the latest date, which is in whole seconds. ``rolled_back``: what this run
    asked for, not an update before that. ``on_new`` of ``total`` own instances have started with the new pair."""

    stack: str
    key_name: str
    pairs: tuple[str, ...] | None = None
    youngest: tuple[str, ...] = ()
    rolled_back: bool = False
    on_new: int = 0
    total: int = 0


@dataclasses.dataclass(frozen=True)
class Run:
    """``asked``: this run posted; ``adopted``: it set ``Key`` to a pair that was made before; ``late``: time is over."""

    asked: bool = False
    adopted: bool = False
    rejected: bool = False
    wait: bool = True
    late: bool = False


@dataclasses.dataclass(frozen=True)
class Step:
    do: str
    what: str | None = None

    @property
    def failed(self) -> bool:
        return self.do == STOP and self.what != STOPPED_NO_WAIT


def next_step(pending: Pending, run: Run, seen: Seen) -> Step:
    """``what`` is the pair to adopt, or why the run stops."""
    unfit = before_rest(seen.stack, run.wait, run.late)
    if unfit is not None:
        return unfit
    if pending.applying is None:
        return Step(NOTE)
    # The rack's settings have the private key of the one that was made last. That is not the stack's where a post was
    # repeated on the way: it made a pair, overwrote the settings, and found the stack busy.
    made = new_pairs(pending, seen)
    last = tuple(pair for pair in seen.youngest if pair in made) or made[-1:]
    if seen.key_name != (pending.old_key_name or "") and last in ((), (seen.key_name,)):
        # Where none is seen, that all have it proves nothing.
        return Step(COMMIT) if 0 < seen.total <= seen.on_new else wait_for(run.wait, run.late)
    if seen.rolled_back and (run.asked or run.adopted):
        return Step(STOP, STOPPED_ROLLED_BACK)
    if len(last) > 1:
        return Step(STOP, STOPPED_UNSURE) if run.asked or run.adopted else Step(POST)
    if last and not run.adopted:
        # The pair is there, and its private key is in the rack's settings: only the stack does not name it.
        return Step(ADOPT, last[0])
    if run.rejected:
        return Step(STOP, STOPPED_REJECTED)
    return Step(STOP, STOPPED_DOUBTFUL) if run.asked or run.adopted else Step(POST)


def new_pairs(pending: Pending, seen: Seen) -> tuple[str, ...]:
    """The pairs that were not there when the rotation was staged."""
    return tuple(pair for pair in seen.pairs or () if pair not in pending.pairs)


def before_rest(stack: str, wait: bool, late: bool) -> Step | None:
    """What is to be done while nothing can be: None where the stack is at rest."""
    if stack == STUCK:
        return Step(STOP, STOPPED_STUCK)
    return wait_for(wait, late) if stack == BUSY else None


def wait_for(wait: bool, late: bool) -> Step:
    """``late``: time is over."""
    if not wait:
        return Step(STOP, STOPPED_NO_WAIT)
    return Step(STOP, STOPPED_LATE) if late else Step(WAIT)
