# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A rack as far as its API key goes (convox-protocol 3.1, 3.2): a stack, and containers that take the key at a start.

Everything is a value: a move makes another rack of one. ``moves`` are those that the rack makes of itself, at any time.
"""

from __future__ import annotations

import typing as t

REST, UPDATING, ROLLING_BACK = "at rest", "updating", "rolling back"
FOREIGN_KEY = "F"


class Container(t.NamedTuple):
    """``fresh``: it started after the key changed (by what can be known of that). ``due``: a restart that was asked for has not come to it yet.

    ``told_new`` and ``told_old``: it was asked about either key in the row of rounds that is going on.
    """

    key: str
    fresh: bool = True
    due: bool = False
    told_new: bool = False
    told_old: bool = False


class Rack(t.NamedTuple):
    """``value``: the stack's Password, which a container takes when it starts. ``before``: what a rollback brings back.

    ``self_restarting``: a release before 20230427130715, where CloudFormation restarts the API with the change.
    ``dated_by_change``: the date of the last change can be read; if not, that of the note before it has to do.
    ``settled``: the time that a restart may take has gone by since one was last noted.
    """

    self_restarting: bool
    dated_by_change: bool
    value: str
    containers: tuple[Container, ...]
    stack: str = REST
    before: str | None = None
    rolled_back: bool = False
    settled: bool = True

    @classmethod
    def new(cls, key: str, containers: int, self_restarting: bool, dated_by_change: bool) -> Rack:
        return cls(self_restarting, dated_by_change, key, (Container(key),) * containers)

    # -- what is so -----------------------------------------------------------------------------------------------
    @property
    def busy(self) -> bool:
        return self.stack != REST

    @property
    def restarting(self) -> bool:
        return any(container.due for container in self.containers)

    def exposed(self) -> set[str]:
        """The keys that a container accepts now, or could accept after a restart."""
        keys = {container.key for container in self.containers} | {self.value}
        return keys if self.before is None else keys | {self.before}

    def left_out(self) -> int:
        """How many more rounds it takes until each container was asked about both keys."""
        return max(sum(not c.told_new for c in self.containers), sum(not c.told_old for c in self.containers))

    def in_force(self, key: str) -> bool:
        """Whether a key is the only one, now and after any restart."""
        return self.exposed() == {key}

    # -- what is done to it ---------------------------------------------------------------------------------------
    def with_containers(self, containers: t.Iterable[Container]) -> Rack:
        """Containers have no names: those that differ in their order alone are one state."""
        return self._replace(containers=tuple(sorted(containers)))

    def set_value(self, key: str) -> Rack:
        """An accepted change of Password: the stack is being updated."""
        return self._replace(stack=UPDATING, before=self.value, rolled_back=False)._changed(key)

    def dated_now(self) -> Rack:
        """Every container is older than now."""
        return self.with_containers(c._replace(fresh=False) for c in self.containers)

    def restart_all(self) -> Rack:
        """An accepted restart of the API, as soon as it was noted: each container in its turn."""
        return self._replace(settled=False).with_containers(c._replace(due=True) for c in self.containers)

    def told(self, new_by: int, old_by: int) -> Rack:
        """A round asks one container about the new key and one about the old."""
        return self.with_containers(
            c._replace(told_new=c.told_new or index == new_by, told_old=c.told_old or index == old_by)
            for index, c in enumerate(self.containers)
        )

    def untold(self) -> Rack:
        """A new row of rounds begins."""
        return self.with_containers(c._replace(told_new=False, told_old=False) for c in self.containers)

    # -- what it does of itself -----------------------------------------------------------------------------------
    def moves(self, slow: bool = False) -> list[tuple[str, Rack, int]]:
        """(what, the rack after it, how many faults it is). ``slow``: a restart may take longer than it is given."""
        found: list[tuple[str, Rack, int]] = []
        if self.busy and not (self.self_restarting and self.restarting):
            found.append(self._finished())
        if self.stack == UPDATING:
            found.append(("the update fails", self._replace(stack=ROLLING_BACK, before=self.value)._changed(str(self.before)), 1))
        for index, container in enumerate(self.containers):
            if container not in self.containers[:index]:
                found += self._restarts(index)
        if not (self.settled or self.restarting):
            found.append(("time goes by", self._replace(settled=True), 0))
        elif not self.settled and slow:
            found.append(("time goes by, and the restart is not over", self._replace(settled=True), 1))
        return found

    def _finished(self) -> tuple[str, Rack, int]:
        after = self._replace(stack=REST, before=None, rolled_back=self.stack == ROLLING_BACK)
        return (f"the stack is done {self.stack}", after, 0)

    def _changed(self, key: str) -> Rack:
        """Another value takes effect; a self-restarting release hands it on to every container."""
        return self._replace(value=key).with_containers(
            c._replace(fresh=c.fresh and not self.dated_by_change, due=c.due or self.self_restarting) for c in self.containers
        )

    def _restarts(self, index: int) -> t.Iterator[tuple[str, Rack, int]]:
        """A container starts anew: in its turn, or unasked."""
        container = self.containers[index]
        others = self.containers[:index] + self.containers[index + 1 :]
        for key in self._keys_at_start(container, asked=True) if container.due else ():
            after = container._replace(key=key, fresh=self._fresh(key), due=False)
            yield (f"a container that had {container.key} is replaced and has {key}", self.with_containers((*others, after)), 0)
        for key in self._keys_at_start(container, asked=False):
            after = container._replace(key=key, fresh=self._fresh(key))
            if after != container:
                what = f"a container that had {container.key} restarts unasked and has {key}"
                yield (what, self.with_containers((*others, after)), 1)

    def _fresh(self, key: str) -> bool:
        return key == self.value or not self.dated_by_change

    def _keys_at_start(self, container: Container, asked: bool) -> tuple[str, ...]:
        """While the stack is busy it can be either; a self-restarting release has it from the container's definition."""
        if self.before is None:
            return (self.value,)
        if self.self_restarting:
            return (self.before,) if container.due and not asked else (self.value,)
        return (self.value, self.before)
