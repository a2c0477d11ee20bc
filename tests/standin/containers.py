# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The API's containers: what the keys of a rack are really about (convox-protocol.md, 3.2).

A container takes the key when it starts, and accepts that one until it is gone, whatever the stack says meanwhile.
"""

from __future__ import annotations

import datetime
import secrets
import threading
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Callable

from .journal import now
from .server import Dropped

if TYPE_CHECKING:
    import ssl

    from .faults import Faults
    from .life import Life
    from .server import Connection
    from .spec import RackSettings

_STOPPED_KEPT = 50


@dataclass(eq=False)
class Deployment:
    """One ECS deployment of the service: a round of starting containers anew."""

    cause: str
    task_definition: str
    created_at: datetime.datetime = field(default_factory=now)
    updated_at: datetime.datetime = field(default_factory=now)
    failed_tasks: int = 0
    id: str = field(default_factory=lambda: f"ecs-svc/{secrets.randbelow(10**19):019d}")


@dataclass(eq=False)
class Container:
    """One container, and so one ECS task."""

    deployment: Deployment
    task_arn: str
    created_at: datetime.datetime
    key: str
    signing_key: str
    task_definition: str
    tls: ssl.SSLContext | None
    instance: str
    state: str = "starting"  # then running, draining, stopped
    replace: bool = False
    id: str = field(default_factory=lambda: secrets.token_hex(6))
    started_at: datetime.datetime | None = None
    stopping_at: datetime.datetime | None = None
    stopped_at: datetime.datetime | None = None
    connections: set[Connection] = field(default_factory=set)
    seen: dict[str, Any] = field(default_factory=dict)  # what this process remembers of its stack (3.1)


@dataclass
class Image:
    """What a container is started from, as things stand at that moment."""

    key: str
    signing_key: str
    task_definition: str
    tls: ssl.SSLContext | None
    instance: str


class Service:
    """The ECS service of the API: keeps the containers running, and replaces them one by one."""

    def __init__(
        self, life: Life, settings: RackSettings, faults: Faults, image: Callable[[], Image], desired: Callable[[], int]
    ) -> None:
        self._life = life
        self._settings = settings
        self._faults = faults
        self._image = image
        self._desired = desired
        # Never held while AWS is asked: AWS's own lock comes first.
        self._lock = threading.RLock()
        self._turn = 0
        self._rolling = False
        self.restarts = 0
        self.task_prefix = ""
        self.containers: list[Container] = []
        self.deployments: list[Deployment] = []
        # Called whenever there may be a first container again, or none any more.
        self.on_change: Callable[[], None] = lambda: None

    # Who answers

    def answering(self) -> list[Container]:
        """The containers that a new connection may reach."""
        takes = ("running", "draining") if self._settings.draining_takes_connections else ("running",)
        with self._lock:
            return [each for each in self.containers if each.state in takes]

    def next(self) -> Container | None:
        """The container that the next new connection reaches: each in turn."""
        with self._lock:
            there = self.answering()
            self._turn += 1
            return there[self._turn % len(there)] if there else None

    def attach(self, connection: Connection, container: Container) -> None:
        """Keep a connection with its container."""
        with self._lock:
            if container.state == "stopped":
                raise Dropped
            container.connections = {each for each in container.connections if each.sock.fileno() >= 0}
            container.connections.add(connection)

    # What happens to them

    def begin(self) -> None:
        """Have the first containers running, at once."""
        deployment = Deployment("created", self._image().task_definition)
        self.deployments = [deployment]
        for _number in range(self._desired()):
            container = self._new(deployment)
            container.state, container.started_at = "running", now()
            self.containers.append(container)

    def deploy(self, cause: str) -> Deployment:
        """Start every container anew, one by one; a deployment that is under way is superseded."""
        created_at = now()
        deployment = Deployment(cause, self._image().task_definition, created_at)
        with self._lock:
            self.deployments.insert(0, deployment)
        self._reconcile()
        return deployment

    def restart(self, container_id: str | None = None) -> None:
        """Containers start anew unasked: one that dies at once, or each in its turn."""
        with self._lock:
            if container_id not in (None, *(each.id for each in self.containers if each.state != "stopped")):
                raise ValueError(f"no such container: {container_id}")
            for each in self.containers:
                if each.id == container_id:
                    self._stopped(each)
                each.replace = each.replace or container_id is None
        self.on_change()
        self._reconcile()

    def evacuate(self, instances: set[str]) -> None:
        """Containers start anew elsewhere, for their instances go away."""
        with self._lock:
            for each in self.containers:
                each.replace = each.replace or each.instance in instances
        self._reconcile()
        self._life.wait_until(self.settled)

    def settled(self) -> bool:
        """Whether every container is the one that should be there."""
        with self._lock:
            return not self._rolling and not self._stale() and self._missing() == 0

    def quiet(self) -> bool:
        """Whether, besides, the last of those that were replaced is gone."""
        with self._lock:
            return self.settled() and all(each.state != "draining" for each in self.containers)

    def _reconcile(self) -> None:
        with self._lock:
            if self._rolling:
                return
            self._rolling = True
        self._life.spawn(self._roll)

    def _roll(self) -> None:
        """One step after the other, until every container is one that should be there."""
        while True:
            with self._lock:
                stale, missing, alone = self._stale(), self._missing(), self._desired() == 1
                if not stale and missing == 0:
                    self.deployments[0].updated_at = now()
                    # Old ones are gone from the list when none of their containers runs any more.
                    del self.deployments[1:]
                    self._rolling = False
                    return
            if missing < 0:
                self._drain((stale or self._running())[0])
            elif stale and alone:
                # One container and a minimum of none: first it goes, then the new one comes (3.2).
                self._wait_for_end(self._drain(stale[0]))
            else:
                self._start()

    def _stale(self) -> list[Container]:
        """Those that run, and are to be replaced."""
        return [
            each
            for each in self.containers
            if each.state == "running" and (each.replace or each.deployment is not self.deployments[0])
        ]

    def _running(self) -> list[Container]:
        return [each for each in self.containers if each.state == "running"]

    def _missing(self) -> int:
        """How many are too few; below 0, too many."""
        return self._desired() - sum(each.state in ("starting", "running") for each in self.containers)

    def _new(self, deployment: Deployment) -> Container:
        # Before the key is taken: a task that was created after a change has what was changed. One that was started
        # after it need not, for it took the key when it was created.
        created_at = now()
        return Container(deployment, f"{self.task_prefix}/{uuid.uuid4().hex}", created_at, **vars(self._image()))

    def _start(self) -> None:
        """Start one more; it may not come up, and then ECS tries again."""
        with self._lock:
            deployment = self.deployments[0]
        container = self._new(deployment)
        with self._lock:
            self.containers.append(container)
        fault = self._faults.event("container_start")
        self._life.pause_for(lambda: self._settings.restart_seconds)
        with self._lock:
            if fault is not None:
                container.deployment.failed_tasks += 1
                self._stopped(container)
            else:
                container.state, container.started_at = "running", now()
                self.restarts += 1
        self.on_change()
        if fault is not None:
            self._life.pause(0.02)

    def _drain(self, container: Container) -> Container:
        with self._lock:
            if container.state == "running":
                container.state, container.stopping_at = "draining", now()
                self._life.spawn(self._let_drain, container)
        return container

    def _wait_for_end(self, container: Container) -> None:
        self._life.wait_until(lambda: container.state == "stopped")

    def _let_drain(self, container: Container) -> None:
        self.on_change()
        self._life.pause_for(lambda: self._settings.drain_seconds)
        with self._lock:
            self._stopped(container)
        self.on_change()

    def _stopped(self, container: Container) -> None:
        container.stopping_at = container.stopping_at or now()
        container.state, container.stopped_at = "stopped", now()
        for connection in container.connections:
            connection.retire()
        container.connections = set()
        gone = [each for each in self.containers if each.state == "stopped"]
        for each in gone[:-_STOPPED_KEPT]:
            self.containers.remove(each)

    def snapshot(self) -> tuple[list[Container], list[Deployment], int]:
        """All containers, those stopped lately too; the deployments, newest first; and how many should run."""
        with self._lock:
            return list(self.containers), list(self.deployments), self._desired()
