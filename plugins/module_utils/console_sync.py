# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""How a Console's record of a rack is renewed after its key was rolled, as a pure decision (convox-protocol 6.3, architecture 3).

Console's copy of the key can't be changed, only imported anew. So a second record is made beside the first, and only when the
rack is reached through that one, the first is retired. What was seen at the Console decides alone: a run that died goes on
from wherever it is. A record that its Console could uninstall is never retired.
"""

from __future__ import annotations

import dataclasses

# What Console's copy of the key is like: good, dead, another rack's, or not to be told just now.
OK, STALE, ANOTHER, UNKNOWN = "ok", "stale", "another", "unknown"
# The next step.
DONE, IMPORT_BESIDE, IMPORT_NAMED, COPY_SETTINGS, COPY_BACK, EMPTY, REMOVE, RENAME, ASK_AGAIN, STOP = (
    "done",
    "import beside",
    "import by its name",
    "copy settings",
    "copy settings back",
    "empty its runtime",
    "remove",
    "rename",
    "ask again",
    "stop",
)
# Why it stops.
STOPPED_UNINSTALLABLE, STOPPED_ANOTHER, STOPPED_TAKEN, STOPPED_GONE = "uninstallable", "another", "taken", "gone"
# The name of the second record, until the first is gone.
BESIDE = "-new-key"


@dataclasses.dataclass(frozen=True)
class Settings:
    """What Console may change of a rack by itself: ``runtime`` is the account that it does it with, empty for none."""

    runtime: str
    update_day: int
    update_frequency: str
    update_hour: int


@dataclasses.dataclass(frozen=True)
class RackRecord:
    """Console's record of a rack. ``uninstallable``: removing the record uninstalls the rack (convox-protocol 6.2)."""

    id: str
    name: str
    uninstallable: bool
    settings: Settings


@dataclasses.dataclass(frozen=True)
class Entry:
    """A record, and what its copy of the key is like."""

    record: RackRecord
    copy: str


@dataclasses.dataclass(frozen=True)
class Step:
    """``entry``: the record that it is about. ``settings``: what is to be saved of it; None where it is not saved."""

    do: str
    entry: Entry | None = None
    why: str = ""
    settings: Settings | None = None


def next_step(named: Entry | None, beside: Entry | None) -> Step:
    """``named``: the record by the rack's own name. ``beside``: the one that was made to take its place."""
    if UNKNOWN in (named and named.copy, beside and beside.copy):
        return Step(ASK_AGAIN)
    if named is not None and named.copy == ANOTHER:
        return Step(STOP, named, STOPPED_ANOTHER)
    if beside is not None and beside.copy == ANOTHER:
        return Step(STOP, beside, STOPPED_TAKEN)
    if named is None:
        return _without_name(beside)
    if named.copy == OK:
        return Step(DONE) if beside is None else _give_up(named, beside)
    if named.record.uninstallable:
        return Step(STOP, named, STOPPED_UNINSTALLABLE)
    if beside is None:
        return Step(IMPORT_BESIDE, named)
    if beside.copy == STALE:
        return _give_up(named, beside)
    wanted = _settings_for(beside.record, named.record)
    return _retire(named) if beside.record.settings == wanted else Step(COPY_SETTINGS, beside, settings=wanted)


def _without_name(beside: Entry | None) -> Step:
    if beside is None:
        return Step(STOP, None, STOPPED_GONE)
    return Step(RENAME, beside, settings=beside.record.settings) if beside.copy == OK else Step(IMPORT_NAMED, beside)


def _give_up(named: Entry, beside: Entry) -> Step:
    """The record that was made beside goes. What the other one was emptied of, or never had, is nowhere else then."""
    if beside.record.settings.runtime and not named.record.settings.runtime and not beside.record.uninstallable:
        return Step(COPY_BACK, named, settings=beside.record.settings)
    return _retire(beside)


def _retire(entry: Entry) -> Step:
    if entry.record.uninstallable:
        return Step(STOP, entry, STOPPED_UNINSTALLABLE)
    settings = entry.record.settings
    return Step(EMPTY, entry, settings=dataclasses.replace(settings, runtime="")) if settings.runtime else Step(REMOVE, entry)


def _settings_for(beside: RackRecord, named: RackRecord) -> Settings:
    """What Console does with the old record by itself. An emptied runtime was copied before."""
    return named.settings if named.settings.runtime else dataclasses.replace(named.settings, runtime=beside.settings.runtime)
