# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""A v3 rack's instance keyroll as a pure decision (convox-protocol 5, architecture 4): seen goes in, next step out.

The rack makes a pair in EC2 and tells its private key once; nothing uses the pair yet. So the key is kept before anything
else, and only then is the rack's parameter ``key_pair_name`` set. A pair whose private key nobody holds is abandoned.
"""

from __future__ import annotations

import dataclasses

from ansible_collections.convox.credentials.plugins.module_utils.instance_rotation import (
    COMMIT,
    NOTE,
    STOP,
    STOPPED_DOUBTFUL,
    STOPPED_REJECTED,
    Step,
    before_rest,
    wait_for,
)
from ansible_collections.convox.credentials.plugins.module_utils.records import Pending

# The next step, beside those of v2.
MAKE, NOTE_SET, SET = "make", "note set", "set"
# Why a run stops, beside those of v2: only people can set the parameter; it was set and is not there; no pair came.
STOPPED_BY_HAND, STOPPED_NOT_TAKEN, STOPPED_UNSEEN = "by hand", "not taken", "unseen"
# A lost reply costs a pair in EC2 that nobody can use.
MOST_PAIRS = 2


@dataclasses.dataclass(frozen=True)
class Seen:
    """``key_name``: the rack's parameter, None where it can't be read. ``by_pair``: EC2 was asked for the instances' pairs.

    ``on_new`` of ``total`` instances have the new pair, or without EC2 began after the parameter was set.
    """

    stack: str
    key_name: str | None
    by_pair: bool = False
    on_new: int = 0
    total: int = 0


@dataclasses.dataclass(frozen=True)
class Run:
    """What this run did. ``made``: how often it asked for a pair. ``sent``: it set the parameter, ``rejected``: in vain.

    ``by_hand``: the rack takes no parameters from anybody but Terraform. ``late``: time is over.
    """

    made: int = 0
    sent: bool = False
    rejected: bool = False
    by_hand: bool = False
    wait: bool = True
    late: bool = False


def next_step(pending: Pending, run: Run, seen: Seen) -> Step:
    """``what`` says why the run stops."""
    unfit = before_rest(seen.stack, run.wait, run.late)
    if unfit is not None:
        return unfit
    if pending.key is None:
        return _make(pending, run)
    if _on_its_way(pending, seen):
        return Step(COMMIT) if 0 < seen.total <= seen.on_new else wait_for(run.wait, run.late)
    if run.by_hand:
        return Step(STOP, STOPPED_BY_HAND)
    if pending.activating is None:
        return Step(NOTE_SET)
    if run.rejected:
        return Step(STOP, STOPPED_REJECTED)
    if run.sent and seen.key_name is not None:
        return Step(STOP, STOPPED_NOT_TAKEN)
    if run.sent:
        return wait_for(run.wait, run.late) if seen.by_pair else Step(STOP, STOPPED_UNSEEN)
    return Step(SET)


def _on_its_way(pending: Pending, seen: Seen) -> bool:
    """The rack names the pair; or it can't be asked, and instances have the pair, which they can only have from it."""
    if seen.key_name is not None:
        return seen.key_name == pending.key_name
    return seen.by_pair and seen.on_new > 0


def _make(pending: Pending, run: Run) -> Step:
    if pending.applying is None:
        return Step(NOTE)
    if run.rejected:
        return Step(STOP, STOPPED_REJECTED)
    return Step(MAKE) if run.made < MOST_PAIRS else Step(STOP, STOPPED_DOUBTFUL)
