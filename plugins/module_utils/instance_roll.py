# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""Rolling a rack's instance SSH key: which generation it is, and one run at a time."""

from __future__ import annotations

import typing as t

from ansible_collections.convox.credentials.plugins.module_utils import rack_kinds
from ansible_collections.convox.credentials.plugins.module_utils.instance_roll_v2 import InstanceRunV2
from ansible_collections.convox.credentials.plugins.module_utils.instance_roll_v3 import InstanceRunV3
from ansible_collections.convox.credentials.plugins.module_utils.instance_run import InstanceRun
from ansible_collections.convox.credentials.plugins.module_utils.rack_lock import rack_lock
from ansible_collections.convox.credentials.plugins.module_utils.rack_subject import Subject, find_way
from ansible_collections.convox.credentials.plugins.module_utils.stores import StoreSet
from ansible_collections.convox.credentials.plugins.module_utils.target import Reach, find_target
from ansible_collections.convox.credentials.plugins.module_utils.task import Task
from ansible_collections.convox.credentials.plugins.module_utils.times import parse_duration


def roll(task: Task) -> dict[str, t.Any]:
    """The result of the module instance_keyroll."""
    started = task.clock.now()
    parse_duration("max_age", task.options.get("max_age"))
    stores = task.stores()
    reach, subject = find_way(task, Reach(task, find_target(task)), stores)
    first = _run(task, reach, stores, subject, started)
    if task.check_mode or first.settled():
        return first.run()
    with rack_lock(task, subject.identity, subject.label):
        if first.overtaken():
            reach, subject = find_way(task, reach, stores)
            first = _run(task, reach, stores, subject, started)
        return first.run()


def wait(task: Task, started: float, sent_for: str | None = None) -> dict[str, t.Any]:
    """The waiting part of a keyroll that was begun without waiting; what it is given and returns is as with rack_roll.wait."""
    stores = task.stores()
    reach, subject = find_way(task, Reach(task, find_target(task)), stores)
    with rack_lock(task, subject.identity, subject.label):
        return _run(task, reach, stores, subject, started).wait(sent_for)


def _run(task: Task, reach: Reach, stores: StoreSet, subject: Subject, started: float) -> InstanceRun:
    third = subject.system is not None and subject.system.generation == rack_kinds.V3
    return (InstanceRunV3 if third else InstanceRunV2)(task, reach, stores, subject, started)
