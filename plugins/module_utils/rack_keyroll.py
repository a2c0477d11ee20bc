# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""The module rack_keyroll: the rack's key as it is found, and a roll of it only where one is due."""

from __future__ import annotations

import typing as t

from ansible_collections.convox.credentials.plugins.module_utils.errors import BadInput
from ansible_collections.convox.credentials.plugins.module_utils.keys import LONGEST, SHORTEST, check_new_key
from ansible_collections.convox.credentials.plugins.module_utils.rack_due import RackKey, refuse_third_generation
from ansible_collections.convox.credentials.plugins.module_utils.rack_subject import find_way
from ansible_collections.convox.credentials.plugins.module_utils.target import Reach, find_target
from ansible_collections.convox.credentials.plugins.module_utils.task import Task
from ansible_collections.convox.credentials.plugins.module_utils.times import parse_duration


def roll(task: Task) -> tuple[dict[str, t.Any], str | None]:
    """The module's result, and the key that this run made."""
    started = task.clock.now()
    _check(task)
    stores = task.stores()
    reach, subject = find_way(task, Reach(task, find_target(task)), stores)
    refuse_third_generation(subject)
    found = RackKey(task, reach, stores, subject, started)
    if found.settled() and not found.renews:
        return found.settled_report(), None
    # Not at the top: each task pays for what it loads, and on most days no key is due (docs/performance.md).
    from ansible_collections.convox.credentials.plugins.module_utils.rack_lock import rack_lock
    from ansible_collections.convox.credentials.plugins.module_utils.rack_roll import RackRoll

    if task.check_mode:
        return RackRoll(task, reach, stores, subject, started, found.record).run()
    with rack_lock(task, subject.identity, subject.label):
        if found.overtaken():
            reach, subject = find_way(task, reach, stores)
            return RackRoll(task, reach, stores, subject, started).run()
        return RackRoll(task, reach, stores, subject, started, found.record).run()


def _check(task: Task) -> None:
    options = task.options
    if options.get("new_key"):
        check_new_key(options["new_key"])
    if not SHORTEST <= options["key_length"] <= LONGEST:
        raise BadInput(f"key_length: {options['key_length']}; it must be {SHORTEST} to {LONGEST}")
    parse_duration("max_age", options.get("max_age"))
