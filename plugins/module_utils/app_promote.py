# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""Promotes apps again, which gives those with RackUrl the rack's key that is in force (convox-protocol 3.2)."""

from __future__ import annotations

import typing as t

from ansible_collections.convox.credentials.plugins.module_utils.credentials import find_working_key, unusable
from ansible_collections.convox.credentials.plugins.module_utils.errors import BadInput, BadReply, ConvoxError, RequestFailed
from ansible_collections.convox.credentials.plugins.module_utils.rack import App, Rack, nothing_to_change, outcome_unknown, stack_busy
from ansible_collections.convox.credentials.plugins.module_utils.target import Reach, describe, find_target
from ansible_collections.convox.credentials.plugins.module_utils.task import Task


def promote(task: Task) -> dict[str, t.Any]:
    """Each app that is meant is tried, whatever came of the others; then those that could not be promoted are an error."""
    reach = Reach(task, find_target(task))
    where = describe(reach.target)
    working = find_working_key(task, reach, task.stores_to_read())
    if working.system is None or working.key is None:
        raise unusable(where, working, ": no app was promoted")
    rack = reach.rack(working.key)
    apps = _meant(rack, task.options.get("apps"), where)
    never = [app for app in apps if not app.release]
    due = [app for app in apps if app.release]
    builds = _builds(task, rack, where)
    not_promoted = {} if task.check_mode else {app.name: why for app in due for why in [_promoted(rack, app)] if why}
    result: dict[str, t.Any] = {
        "host": reach.target.host,
        "rack": working.system.name,
        "apps": [app.name for app in due],
        "never_promoted": [app.name for app in never],
        "builds": builds,
        "promoted": [] if task.check_mode else [app.name for app in due if app.name not in not_promoted],
        "not_promoted": not_promoted,
    }
    result["changed"] = bool(result["promoted"] or (task.check_mode and due))
    if not_promoted:
        told = "; ".join(f"{name}: {why}" for name, why in not_promoted.items())
        raise ConvoxError(f"{where}: {len(not_promoted)} of {len(due)} apps were not promoted, and run as before: {told}; run again for these", **result)
    return result


def _meant(rack: Rack, names: t.Sequence[str] | None, where: str) -> list[App]:
    """The apps that were named, or all that carry the rack's key."""
    apps = rack.apps()
    if names is None:
        return [app for app in apps if app.with_rack_url]
    unknown = sorted(set(names) - {app.name for app in apps})
    if unknown:
        raise BadInput(f"apps: {where} has no app {', '.join(unknown)}: none was promoted; `convox apps` lists them")
    return [app for app in apps if app.name in names]


def _builds(task: Task, rack: Rack, where: str) -> list[str]:
    """Only for people to know: what can't be asked here must not hide what is done."""
    try:
        return rack.builds_in_flight()
    except RequestFailed as exc:
        task.warn_once(f"{where}: builds under way are not known, which got the key at their start ({exc})")
        return []


def _promoted(rack: Rack, app: App) -> str | None:
    """None, or why not."""
    try:
        rack.promote(app)
    except RequestFailed as exc:
        if isinstance(exc, BadReply) and nothing_to_change(exc):
            return None
        if isinstance(exc, BadReply) and stack_busy(exc):
            return "it is being updated; promote it when that is over"
        return f"it may have been promoted, for {exc}" if outcome_unknown(exc) else str(exc)
    return None
