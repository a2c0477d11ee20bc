# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""What racks say of themselves, one or all of a Console's: nothing is changed, and no secret is kept."""

from __future__ import annotations

import concurrent.futures
import typing as t

from ansible_collections.convox.credentials.plugins.module_utils import credentials, rack_kinds, target
from ansible_collections.convox.credentials.plugins.module_utils.console_listing import Listing
from ansible_collections.convox.credentials.plugins.module_utils.errors import BadInput, BadReply, ConvoxError, Refused
from ansible_collections.convox.credentials.plugins.module_utils.fleet import MOST_AT_ONCE
from ansible_collections.convox.credentials.plugins.module_utils.rack import System
from ansible_collections.convox.credentials.plugins.module_utils.racks_found import Found
from ansible_collections.convox.credentials.plugins.module_utils.target import Reach, describe, find_target
from ansible_collections.convox.credentials.plugins.module_utils.task import Task
from ansible_collections.convox.credentials.plugins.module_utils.transport import OWN_STATUS

RACK, CONSOLE = "rack", "console"
# What a Console answers where a rack is asked for and none is named: its page, or nothing.
_NO_RACK = (200, 404)
_TOLD = ("name", "rack_domain", "domain", "version", "provider", "region", "status", "type")
_STALE = "; the Console takes the key and the rack does not: the Console's copy of the rack's key is another than the one in force"


def read(task: Task) -> dict[str, t.Any]:
    """The one rack that the task means, or all of the Console that it names."""
    reach = Reach(task, find_target(task))
    where = describe(reach.target)
    try:
        working = credentials.find_working_key(task, reach, task.stores_to_read())
    except BadReply as exc:
        if reach.target.via or exc.status not in _NO_RACK:
            raise
        return _of_console(task, exc)
    if working.system is not None:
        return _result(reach.target.host, RACK, [_entry(reach.target.host, reach.target.via, working.system)])
    unknown = credentials.unusable(where, working)
    if working.refused or reach.target.via:
        raise unknown
    # Stores keep the keys of Consoles apart.
    return _of_console(task, unknown)


def _result(host: str, kind: str, racks: list[dict[str, t.Any]]) -> dict[str, t.Any]:
    return {"changed": False, "host": host, "kind": kind, "racks": racks}


# -- all of a Console ---------------------------------------------------------------------------------------------
def _of_console(task: Task, otherwise: ConvoxError) -> dict[str, t.Any]:
    """Each rack that it lists, asked through it, in its order. ``otherwise``: what to say where it is no Console."""
    listing = Listing(task, task.stores_to_read())
    try:
        answers = listing.racks()
    except (BadInput, BadReply) as exc:
        raise exc if isinstance(exc, Refused) else otherwise from None
    for label, answer in answers:
        if isinstance(answer, str):
            task.warn_once(f"{label} is left out: {answer}")
    listed = [answer for dummy, answer in answers if isinstance(answer, Found)]
    shares = [listed[number::MOST_AT_ONCE] for number in range(min(MOST_AT_ONCE, len(listed)))]
    with concurrent.futures.ThreadPoolExecutor(MOST_AT_ONCE) as pool:
        said = {name: each for share in pool.map(lambda share: _ask(listing, share), shares) for name, each in share.items()}
    return _result(listing.host, CONSOLE, [_of(listing, rack, said[rack.full_name]) for rack in listed])


def _ask(listing: Listing, racks: t.Sequence[Found]) -> dict[str, System | str]:
    """By full name, how some of them describe themselves or why they don't; by a connection of their own."""
    # Asked again, a gateway would say the same of a rack that is silent, and as late.
    way = listing.way(OWN_STATUS)
    said: dict[str, System | str] = {}
    for rack in racks:
        try:
            target.check_full_name("its name", rack.full_name)
            said[rack.full_name] = listing.ask(way, rack.full_name)
        except ConvoxError as exc:
            said[rack.full_name] = str(exc)
    listing.tell_dead_copies(way)
    way.close()
    return said


def _of(listing: Listing, rack: Found, said: System | str) -> dict[str, t.Any]:
    if isinstance(said, System):
        return _entry(listing.host, rack.full_name, said, rack)
    why = said + (_STALE if rack.full_name in listing.dead_copies else "")
    return {**_entry(listing.host, rack.full_name, None, rack), "reachable": False, "why": why}


# -- what is told of each -----------------------------------------------------------------------------------------
def _entry(host: str, via: str | None, system: System | None, listed: Found | None = None) -> dict[str, t.Any]:
    """``listed``: what its Console says of it, for what it does not say itself."""
    told: dict[str, t.Any] = {field: getattr(system, field, None) or getattr(listed, field, None) or None for field in _TOLD}
    generation = rack_kinds.generation(told["version"] or "")
    possible = {"api_key": rack_kinds.api_key(generation), "instance_key": rack_kinds.instance_key(generation, told["provider"] or "")}
    return {
        **told,
        # What the other modules' options of these names are to be.
        "host": host,
        "rack": via,
        "name": via.rpartition("/")[2] if via else told["name"],
        "organization": via.rpartition("/")[0] if via else None,
        "generation": generation or None,
        "count": system.count if system else None,
        "parameters": dict(system.parameters) if system else None,
        "outputs": dict(system.outputs) if system else None,
        **{f"{key}_rollable": each.rollable for key, each in possible.items()},
        **{f"{key}_reason": each.reason for key, each in possible.items()},
        "reachable": True,
        "why": None,
    }
