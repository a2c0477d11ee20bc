# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the model is made of: the kind of world, the state it is in, and a way to go on."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.convox.credentials.plugins.module_utils import rotation, ways
from ansible_collections.convox.credentials.plugins.module_utils.records import Pending, Record
from tests.unit.rotation.shelf import Shelf
from tests.unit.rotation.world import Rack

STACK, SERVICE, PARAMETER = "stack", "service", "parameter"


@dataclasses.dataclass(frozen=True)
class Setup:
    """One kind of rack and of caller, and how much may go wrong altogether.

    ``plans``: one of them is a run's; the first waits and activates, and must always get there. ``sees``: what AWS may
    be asked about: the stack, the service with its containers, the SSM parameter. ``crashes``, ``faults``,
    ``meddling``: how often a run dies, something else goes wrong, somebody else sets a key of their own.
    ``slow``: also a restart may last longer than it is given, and a request may be carried out long after it was sent.
    """

    name: str
    plans: tuple[rotation.Plan, ...]
    sees: frozenset[str] = frozenset()
    method: str = ways.API
    self_restarting: bool = False
    old_known: bool = True
    containers: int = 2
    stores: int = 2
    rotations: int = 2
    crashes: int = 0
    faults: int = 0
    meddling: int = 0
    slow: bool = False

    @property
    def by_aws(self) -> bool:
        return STACK in self.sees


class State(t.NamedTuple):
    """Everything that what follows depends on. From ``run`` on it is a run's own, and lost when that dies.

    ``done``: rotations committed. ``meddled``: somebody else set a key, or an old request did, and no look has shown
    that ours is back. ``foreign_known``: somebody else's key was found. ``in_flight``: a key in a request that may still
    be carried out. ``sent``: this run received a 200. ``proven``: it has reason to take the key for placed.
    ``saw_rollback``: the rack itself told it so. ``idle``: waits in a row in which nothing happened.
    """

    rack: Rack
    shelf: Shelf
    done: int
    crashes: int
    faults: int
    meddling: int
    meddled: bool = False
    foreign_known: bool = False
    in_flight: str | None = None
    run: rotation.Run | None = None
    record: Record | None = None
    plan: int = 0
    sent: bool = False
    proven: bool = False
    saw_rollback: bool = False
    idle: int = 0

    def without_run(self) -> State:
        return self._replace(run=None, record=None, plan=0, sent=False, proven=False, saw_rollback=False, idle=0)

    @property
    def staged(self) -> Record:
        assert self.record is not None
        return self.record

    @property
    def pending(self) -> Pending:
        assert self.staged.pending is not None
        return self.staged.pending

    @property
    def key(self) -> str:
        """The key that is being rolled to."""
        assert self.pending.key is not None
        return self.pending.key

    @property
    def known(self) -> set[str]:
        """The keys that the API is asked with."""
        return {key for key in (self.staged.old, self.key) if key}

    def answered_by(self) -> tuple[bool, bool]:
        """Whether a request to the API can pass, and whether it can be refused with every key that is known.

        Each key is tried on a connection of its own: containers of two minds can refuse the one and the other.
        """
        keys = {container.key for container in self.rack.containers}
        return bool(keys & self.known), bool(keys - self.known) or len(keys) > 1


class Move(t.NamedTuple):
    """One way in which a state can go on, and what it costs."""

    label: str
    state: State
    faults: int = 0
    crashes: int = 0
    meddling: int = 0
    committed: bool = False


class ViolationError(AssertionError):
    """Something that must always hold did not."""


def require(holds: bool, what: str) -> None:
    if not holds:
        raise ViolationError(what)
