# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""Who changes the parameters of a v3 rack: the Console that has its Terraform state, else the rack itself (convox-protocol 5)."""

from __future__ import annotations

import typing as t

from ansible_collections.convox.credentials.plugins.module_utils.console import Console, ManagedRack
from ansible_collections.convox.credentials.plugins.module_utils.console_holder import find_holder, key_of
from ansible_collections.convox.credentials.plugins.module_utils.errors import RequestFailed
from ansible_collections.convox.credentials.plugins.module_utils.rack import Rack, System
from ansible_collections.convox.credentials.plugins.module_utils.rack_subject import Subject
from ansible_collections.convox.credentials.plugins.module_utils.target import Reach
from ansible_collections.convox.credentials.plugins.module_utils.task import Task
from ansible_collections.convox.credentials.plugins.module_utils.transport import Credential


class Terraform:
    """``console``: asks the Console that runs Terraform for this rack, by ``name`` (``org/name``); None where none is known to.

    ``seen``: what it has just said, state and all, which is long: status and parameters are told from one reply.
    """

    def __init__(self, rack: Rack, console: Console | None, name: str = "", seen: ManagedRack | None = None) -> None:
        self._rack = rack
        self._console = console
        self._name = name
        self._seen: ManagedRack | System | None = seen

    @property
    def through(self) -> str:
        """Who is asked, as messages name it."""
        return "Console" if self._console is not None else "the rack"

    @property
    def tells(self) -> bool:
        """Whether its status is a word on what is being changed; a rack's own never is."""
        return self._console is not None

    def parameters(self) -> t.Mapping[str, str] | None:
        """The rack's parameters without secrets, None where they are not told. Raises RequestFailed."""
        seen, self._seen = self._seen or self._look(), None
        # A Console that has none says so; a rack may just not tell.
        return seen.parameters if self._console is not None else seen.parameters or None

    def status(self) -> str:
        """``running`` where nothing is being changed; a rack itself says no other word."""
        self._seen = self._look()
        return self._seen.status

    def _look(self) -> ManagedRack | System:
        return self._console.managed(self._name) if self._console is not None else self._rack.system()

    def set(self, name: str, value: str) -> None:
        """One parameter; success says that it was received."""
        if self._console is not None:
            self._console.set_parameter(self._name, name, value)
        else:
            self._rack.set_parameter(name, value)


def find_terraform(task: Task, reach: Reach, subject: Subject, rack: Rack) -> Terraform:
    """Raises RequestFailed where the Console that the rack is reached through does not answer."""
    holder = find_holder(task, reach, subject)
    key = key_of(task, reach, subject, holder)
    if holder is None or holder.name is None or key is None:
        return Terraform(rack, None)
    console = Console(reach.transport(holder.host), Credential(key))
    try:
        seen = console.managed(holder.name)
        if seen.by_terraform:
            return Terraform(rack, console, holder.name, seen)
    except RequestFailed as exc:
        if reach.target.via:
            raise
        task.warn_once(f"{subject.label}: the Console {holder.host} could not be asked for its record of it: {exc}")
    return Terraform(rack, None)
