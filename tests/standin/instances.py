# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A rack's EC2 instances: the emulator's, launched, replaced in batches and put into service here (3.3)."""

from __future__ import annotations

import itertools
import time
from typing import TYPE_CHECKING, Any, Callable

if TYPE_CHECKING:
    from .cloud import Cloud
    from .life import Life
    from .spec import RackSettings

_GONE = ("terminated", "shutting-down")


class InstanceGroup:
    """The instances of one rack's auto scaling group."""

    def __init__(self, cloud: Cloud, region: str, name: str, life: Life, settings: RackSettings) -> None:
        self._cloud = cloud
        self._region = region
        self._name = name
        self._life = life
        self._settings = settings
        self._turn = itertools.count()
        self._members: list[Any] = []
        # Those that are not in service, whether they come or go.
        self._out_of_service: set[str] = set()
        self._terminated: list[tuple[float, Any]] = []

    def launch(self, count: int, parameters: dict[str, str]) -> list[Any]:
        """Launch some instances as the stack has them now."""
        tags = {
            "Name": self._name,
            "Rack": self._name,
            "aws:autoscaling:groupName": f"{self._name}-Instances",
            "aws:cloudformation:logical-id": "Instances",
            "aws:cloudformation:stack-name": self._name,
        }
        with self._cloud.lock:
            reservation = self._cloud.backend("ec2", self._region).run_instances(
                parameters["DefaultAmi"],
                count,
                None,
                [],
                instance_type=parameters["InstanceType"],
                is_instance_type_default=True,  # else the emulator looks through all the types that there are
                region_name=self._region,
                key_name=parameters["Key"] or None,
                tags={"instance": tags},
            )
            self._members.extend(reservation.instances)
            return list(reservation.instances)

    def members(self) -> list[Any]:
        """Those that are there."""
        return [each for each in self._members if each.state not in _GONE]

    def all_in_service(self) -> bool:
        """Whether none is still starting (3.1, converging)."""
        return not self._out_of_service

    def place(self) -> str:
        """An instance for a container: each in turn."""
        ready = [each.id for each in self.members() if each.id not in self._out_of_service]
        return ready[next(self._turn) % len(ready)] if ready else ""

    def replace(
        self, parameters: dict[str, str], evacuate: Callable[[set[str]], None], *, count: int, only_first: bool = False
    ) -> None:
        """Replace all, one batch after the other; with only_first, break off after the first batch."""
        old = self.members()
        batch = max(1, int(parameters["InstanceUpdateBatchSize"]))
        for start in range(0, len(old), batch):
            going = old[start : start + batch]
            self._boot(len(going), parameters)
            self._end(going, evacuate)
            if only_first:
                return
        self.scale(count, parameters, evacuate)

    def scale(self, count: int, parameters: dict[str, str], evacuate: Callable[[set[str]], None]) -> None:
        """Have so many."""
        there = self.members()
        if len(there) < count:
            self._boot(count - len(there), parameters)
        elif len(there) > count:
            self._end(there[count:], evacuate)

    def set_pair(self, instance: str, pair: str) -> None:
        """Somebody launched this one by hand, on another pair."""
        for each in self.members():
            if each.id == instance:
                each.key_name = pair

    def fail(self, instance: str) -> list[Any]:
        """One instance fails, with nobody having asked."""
        failing = [each for each in self.members() if each.id == instance]
        self._out_of_service |= {each.id for each in failing}
        return failing

    def replace_failing(
        self, failing: list[Any], parameters: dict[str, str], evacuate: Callable[[set[str]], None]
    ) -> None:
        """The group replaces it."""
        self._boot(len(failing), parameters)
        self._end(failing, evacuate)

    def forget_terminated(self) -> None:
        """EC2 lists a terminated instance for a while only; the emulator does for ever."""
        gone = {each.id for until, each in self._terminated if until <= time.monotonic()}
        self._terminated = [(until, each) for until, each in self._terminated if each.id not in gone]
        if gone:
            self._forget(gone)

    def end_all(self) -> None:
        """The rack goes away."""
        self._end(self.members(), lambda ids: None)
        self._forget({each.id for each in self._members})

    def _forget(self, ids: set[str]) -> None:
        with self._cloud.lock:
            backend = self._cloud.backend("ec2", self._region)
            for number, reservation in list(backend.reservations.items()):
                reservation.instances = [each for each in reservation.instances if each.id not in ids]
                if not reservation.instances:
                    del backend.reservations[number]
            for each in ids:
                backend.tags.pop(each, None)

    def _boot(self, count: int, parameters: dict[str, str]) -> None:
        new = {each.id for each in self.launch(count, parameters)}
        self._out_of_service |= new
        self._life.pause_for(lambda: self._settings.instance_seconds)
        self._out_of_service -= new

    def _end(self, going: list[Any], evacuate: Callable[[set[str]], None]) -> None:
        # First out of service: no container is to be placed there any more.
        ids = {each.id for each in going}
        self._out_of_service |= ids
        evacuate(ids)
        if ids:
            with self._cloud.lock:
                self._cloud.backend("ec2", self._region).terminate_instances(list(ids))
            until = time.monotonic() + self._settings.terminated_seconds
            self._terminated.extend((until, each) for each in going)
        self._out_of_service -= ids
