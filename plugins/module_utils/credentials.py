# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""Which of the known keys a server accepts now: the given one, the stores', the CLI's, then a pending one."""

from __future__ import annotations

import dataclasses
import functools
import typing as t

from ansible_collections.convox.credentials.plugins.module_utils import records, ways
from ansible_collections.convox.credentials.plugins.module_utils.errors import BadInput, BadReply, ConvoxError, NoAnswer, Refused
from ansible_collections.convox.credentials.plugins.module_utils.keys import fingerprint
from ansible_collections.convox.credentials.plugins.module_utils.rack import System
from ansible_collections.convox.credentials.plugins.module_utils.stores import StoreSet
from ansible_collections.convox.credentials.plugins.module_utils.target import Reach, describe
from ansible_collections.convox.credentials.plugins.module_utils.task import Task
from ansible_collections.convox.credentials.plugins.module_utils.transport import passing

_PAUSE_S = 3.0


@dataclasses.dataclass(frozen=True)
class Working:
    """A key that was accepted, and what the rack said of itself; or which keys were refused, and the last word on them."""

    system: System | None
    key: str | None
    refused: tuple[str, ...]
    why: str = ""


def _kind(reach: Reach) -> str:
    return records.CONSOLE_API_KEY if reach.target.via else records.RACK_API_KEY


def candidates(task: Task, reach: Reach, stores: StoreSet) -> list[tuple[str, str]]:
    """(key, where it is from), each key once."""
    target = reach.target
    kind = _kind(reach)
    found = [(target.key, "api_key")] if target.key else []
    found += stores.keys(kind, target.host)
    from_cli = task.cli.key(target.host)
    task.secrets.add(from_cli)
    if from_cli:
        found.append((from_cli, "the CLI's auth"))
    # The v3 CLI has a file for each rack.
    for key, name in task.cli.rack_keys(target.host):
        task.secrets.add(key)
        found.append((key, f"the CLI's {name}"))
    # What an unfinished rotation knows: the key that it replaces may have been given as an option, and stand nowhere else.
    record = stores.load(kind, target.host)
    pending = record.pending
    if pending is not None:
        unfinished = ((record.old, "the unfinished rotation"), (pending.key, "the pending rotation"))
        found += [(key, source) for key, source in unfinished if key]
        # Somebody else's, which were met on the way: one of them may be the one in force.
        found += [(key, "the unfinished rotation") for key in pending.found]
    by_key: dict[str, str] = {}
    for key, source in found:
        by_key.setdefault(key, source)
    return list(by_key.items())


def _own_of_rotation(reach: Reach, stores: StoreSet) -> tuple[str | None, ...]:
    """The keys that an unfinished rotation is about: that one of them is refused is nothing to be told of."""
    record = stores.load(_kind(reach), reach.target.host)
    return (record.old, record.pending.key) if record.pending else ()


def unusable(where: str, working: Working, outcome: str = "") -> ConvoxError:
    """What to say where no key was accepted, or none is known. ``outcome``: what was not done, with a colon before it."""
    if working.refused:
        return Refused(f"{where}: every known key is refused ({working.why}){outcome}; set the right api_key", 401)
    return BadInput(f"{where}: no key is known for it{outcome}; give api_key, or log in first (playbook login, module convox_login)")


def find_working_key(task: Task, reach: Reach, stores: StoreSet, patient: t.Callable[[], bool] = lambda: False) -> Working:
    """Ask with each key in turn. ``patient``: whether refusals must last a minute, for a restart may be under way.

    That is asked only where none was accepted at once: to know it can cost more than the request.
    """
    known = candidates(task, reach, stores)
    own = _own_of_rotation(reach, stores)
    began = task.clock.now()

    @functools.cache
    def end() -> float:
        return began + (ways.REFUSALS_S if known and patient() else 0)

    while True:
        refused: list[str] = []
        why = ""
        for key, source in known:
            try:
                return Working(reach.rack(key).system(), key, tuple(refused))
            except Refused as exc:
                refused.append(key)
                why = str(exc)
                if key not in own:
                    task.warn_once(f"{describe(reach.target)}: the key {fingerprint(key)} from {source} is refused; trying the next one")
            except (NoAnswer, BadReply) as exc:
                if not passing(exc) or task.clock.now() >= end():
                    raise
        if task.clock.now() >= end():
            return Working(None, None, tuple(refused), why)
        # Back again: where a balancer deals its containers out in turn, each key meets each of them.
        known.reverse()
        task.clock.sleep(_PAUSE_S)
