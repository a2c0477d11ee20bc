# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""A Console's list of racks, by the first of the known keys that it takes, and the racks asked through it."""

from __future__ import annotations

import contextlib
import dataclasses
import typing as t

from ansible_collections.convox.credentials.plugins.module_utils import credentials, target
from ansible_collections.convox.credentials.plugins.module_utils.console import Console, ConsoleRack
from ansible_collections.convox.credentials.plugins.module_utils.errors import BadInput, ConvoxError, Refused
from ansible_collections.convox.credentials.plugins.module_utils.keys import fingerprint
from ansible_collections.convox.credentials.plugins.module_utils.rack import Rack, System
from ansible_collections.convox.credentials.plugins.module_utils.racks_found import Found
from ansible_collections.convox.credentials.plugins.module_utils.stores import StoreSet
from ansible_collections.convox.credentials.plugins.module_utils.target import Reach
from ansible_collections.convox.credentials.plugins.module_utils.task import Task
from ansible_collections.convox.credentials.plugins.module_utils.transport import RETRIED_STATUS

LONGEST_SHOWN = 100

# A rack and how messages name it; or why it is none.
Answer = tuple[str, t.Union[Found, str]]


class Listing:
    """A Console's racks. ``dead_copies``: full names of those that refused the Console's copy of their key when they were asked.

    ``stores``: where its keys are looked for; None for the CLI's files alone.
    ``tried``: (key, where it is from, whether the Console took it) of the keys that it was asked with.
    """

    def __init__(self, task: Task, stores: StoreSet | None = None) -> None:
        self._task = task
        self._stores = StoreSet([{"type": "cli"}], task.cli, task.secrets, task.aws) if stores is None else stores
        self._target = target.find_target(task)
        self.host = self._target.host
        self._key = ""
        self._reach = Reach(task, self._target)
        self._refused: set[str] = set()
        self.dead_copies: set[str] = set()
        self.tried: list[tuple[str, str, bool]] = []

    def racks(self) -> list[Answer]:
        """All that it lists for the first of the known keys that it accepts."""
        host, reach, refusal = self.host, self._reach, None
        for key, source in self._keys():
            try:
                entries = Console(reach.transport(host), reach.credential(key)).each_rack()
            except Refused as exc:
                refusal = exc
                self.tried.append((key, source, False))
                self._task.warn_once(f"{host}: the key {fingerprint(key)} from {source} is refused; trying the next one")
            else:
                self._key = key
                self.tried.append((key, source, True))
                return [self._answer(host, number, entry) for number, entry in enumerate(entries, 1)]
        if refusal is None:
            raise BadInput(f"{host}: no key of this Console is known: give api_key, or log in first (playbook login, module convox_login)")
        raise Refused(f"{host}: every known key is refused ({refusal}); set the right api_key, or log in with convox_login", 401)

    def _keys(self) -> list[tuple[str, str]]:
        # Keys of Consoles are kept apart from racks': it is one, whichever of its racks is meant.
        as_console = Reach(self._task, dataclasses.replace(self._target, via="*/*"))
        return credentials.candidates(self._task, as_console, self._stores)

    @staticmethod
    def _answer(host: str, number: int, entry: ConsoleRack | None) -> Answer:
        if entry is None:
            return f"{host}: entry {number} of its racks", "it is no rack's, or a part of it is no text"
        return f"{host}: the rack {quoted(entry.full_name)}", Found(entry.name, entry.organization, host, entry.provider, entry.status, entry.version)

    def describe(self, racks: t.Sequence[Found]) -> list[Answer]:
        """Some of its racks as they describe themselves through it, or why they don't; by a connection of their own."""
        way = self.way()
        answers: list[Answer] = []
        for rack in racks:
            label = f"{self._target.host}: the rack {rack.full_name}"
            try:
                answers.append((label, described(rack, self.ask(way, rack.full_name))))
            except ConvoxError as exc:
                answers.append((label, str(exc)))
        self.tell_dead_copies(way)
        way.close()
        return answers

    def way(self, retried: tuple[int, ...] = RETRIED_STATUS) -> Rack:
        """The Console by connections of one's own, with the key that it took."""
        return Rack(self._reach.another(self.host, retried), self._reach.credential(self._key))

    def ask(self, way: Rack, full_name: str) -> System:
        """One rack as it describes itself through the Console."""
        try:
            return Rack(way.transport, way.credential, full_name).system()
        except Refused as exc:
            if "invalid authentication" in exc.text:
                self._refused.add(full_name)
            raise

    def tell_dead_copies(self, way: Rack) -> None:
        """Whether those that were refused until now were so by the racks: the Console itself would say it in the same words."""
        if self._refused and _accepts(way):
            self.dead_copies |= self._refused


def described(rack: Found, system: System) -> Found:
    """With what it says of itself."""
    said = {field: getattr(system, field) for field in ("provider", "status", "version", "region") if getattr(system, field)}
    return dataclasses.replace(rack, domain=system.rack_domain, **said)


def _accepts(console: Rack) -> bool:
    """Whether the Console takes the key."""
    with contextlib.suppress(ConvoxError):
        console.auth()
        return True
    return False


def quoted(text: str) -> str:
    return repr(text if len(text) <= LONGEST_SHOWN else text[:LONGEST_SHOWN] + "…")
