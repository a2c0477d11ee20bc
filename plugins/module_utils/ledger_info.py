# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""What the ledger says, and whether it is whole: read once from its first line to its last, whatever its length."""

from __future__ import annotations

import collections
import os
import re
import typing as t

from ansible_collections.convox.credentials.plugins.module_utils import ledger
from ansible_collections.convox.credentials.plugins.module_utils.errors import BadInput
from ansible_collections.convox.credentials.plugins.module_utils.ledger_chain import FIELDS, Verdict
from ansible_collections.convox.credentials.plugins.module_utils.task import Task
from ansible_collections.convox.credentials.plugins.module_utils.times import parse_duration


def read(task: Task) -> dict[str, t.Any]:
    """The entries that were asked for, and the verdict on all of them."""
    options, path = task.options, ledger.path_of(task)
    most = options["max_returned"]
    verdict = Verdict(_noted(options.get("head")), most)
    max_age = parse_duration("max_age", options.get("max_age"))
    matched, last = 0, collections.deque[dict[str, t.Any]](maxlen=most)
    with ledger.reading(path) as lines:
        for line in lines:
            if verdict.take(line) and line.entry is not None and _wanted(task, line.entry, max_age):
                matched += 1
                last.append({"line": line.number, **{name: line.entry.get(name) for name in FIELDS}})
    verdict.end()
    if not os.path.exists(path):
        task.warn_once(f"there is no ledger at {path}: nothing was rolled with it yet, or it is elsewhere; name it in ledger_path")
    return {
        "changed": False,
        "ledger_path": path,
        "whole": verdict.whole,
        "damage": [place._asdict() for place in verdict.damage],
        "torn": verdict.torn,
        "lines": verdict.lines,
        "head": verdict.head,
        "first_at": verdict.first_at,
        "last_at": verdict.last_at,
        "matched": matched,
        "entries": list(last),
    }


def _noted(head: str | None) -> str | None:
    if head and not re.fullmatch("[0-9a-fA-F]{64}", head.strip()):
        raise BadInput("head: no 64 hex digits; give what an earlier run returned as head")
    return head.strip().lower() if head else None


def _wanted(task: Task, entry: t.Mapping[str, t.Any], max_age: float | None) -> bool:
    kind, rack = task.options.get("kind"), task.options.get("rack")
    if kind and entry["what"] != kind:
        return False
    if rack and rack not in (entry["identity"], entry["rack"]) and rack.rpartition("/")[2] != entry["rack"]:
        return False
    return max_age is None or task.clock.age(entry["at"]) <= max_age
