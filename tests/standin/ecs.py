# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ECS says of the API's service: the truth, from its containers (convox-protocol.md, 3.2, 4.7).

The emulator starts no container, and a forced deployment of its never ends.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from moto.core.exceptions import ServiceException

from .messages import Reply

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterable

    from .cloud import Cloud
    from .containers import Container, Deployment
    from .rack import Rack

# lastStatus of a task: what ECS calls the states of a container.
_LAST_STATUS = {"starting": "PENDING", "running": "RUNNING", "draining": "DEACTIVATING", "stopped": "STOPPED"}


class ClusterNotFoundException(ServiceException):
    """ECS's own."""

    code = "ClusterNotFoundException"
    message = "Cluster not found."


class RestartRefused(ServiceException):
    """A restart that was to be refused, with the code that was asked for."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        super().__init__(message or "not allowed to perform ecs:UpdateService")


class Ecs:
    """The operations that a client of a rack uses."""

    def __init__(self, cloud: Cloud, racks: dict[str, Rack]) -> None:
        self._racks = racks
        for operation in ("DescribeServices", "UpdateService", "ListTasks", "DescribeTasks"):
            method = getattr(self, f"_{operation[0].lower()}{operation[1:]}")
            cloud.play("ecs", operation, method)

    def _rack(self, region: str, cluster: str) -> Rack | None:
        """The rack that has a cluster; None when it is no rack's."""
        for rack in list(self._racks.values()):
            if rack.has_stack and rack.region == region and cluster in (rack.cluster.name, rack.cluster.arn):
                return rack
        return None

    def _describeServices(self, region: str, fields: dict[str, Any]) -> Reply | None:  # noqa: N802 - AWS's names
        rack = self._rack(region, fields.get("cluster", "default"))
        if rack is None:
            return None
        mine = {rack.web.arn, rack.web.name}
        asked = fields.get("services", [])
        if not mine & set(asked):
            return None
        failures = [{"arn": each, "reason": "MISSING"} for each in asked if each not in mine]
        return _json({"services": [_service(rack)], "failures": failures})

    def _updateService(self, region: str, fields: dict[str, Any]) -> Reply | None:  # noqa: N802
        rack = self._rack(region, fields.get("cluster", "default"))
        if rack is None or fields.get("service") not in (rack.web.arn, rack.web.name):
            return None
        if fields.get("forceNewDeployment"):
            rack.deploy("forced")
        return _json({"service": _service(rack)})

    def _listTasks(self, region: str, fields: dict[str, Any]) -> Reply | None:  # noqa: N802
        rack = self._rack(region, fields.get("cluster", "default"))
        if rack is None:
            return None
        wanted = fields.get("desiredStatus", "RUNNING")
        service = fields.get("serviceName")
        family = fields.get("family")
        ours = service in (None, rack.web.arn, rack.web.name) and family in (None, f"{rack.name}-api-web")
        containers = rack.service.snapshot()[0] if ours else []
        return _json({"taskArns": [each.task_arn for each in containers if _desired_status(each) == wanted]})

    def _describeTasks(self, region: str, fields: dict[str, Any]) -> Reply | None:  # noqa: N802
        rack = self._rack(region, fields.get("cluster", "default"))
        if rack is None:
            return None
        known = {each.task_arn: each for each in rack.service.snapshot()[0]}
        by_id = {arn.rpartition("/")[2]: each for arn, each in known.items()}
        found, failures = [], []
        for each in fields.get("tasks", []):
            container = known.get(each) or by_id.get(each)
            if container is None:
                failures.append({"arn": each, "reason": "MISSING"})
            else:
                found.append(_task(rack, container))
        return _json({"tasks": found, "failures": failures})


def _service(rack: Rack) -> dict[str, Any]:
    containers, deployments, desired = rack.service.snapshot()
    return {
        "serviceArn": rack.web.arn,
        "serviceName": rack.web.name,
        "clusterArn": rack.cluster.arn,
        "status": "ACTIVE",
        "launchType": "EC2",
        "schedulingStrategy": "REPLICA",
        "desiredCount": desired,
        "runningCount": _count(containers, "running"),
        "pendingCount": _count(containers, "starting"),
        "taskDefinition": deployments[0].task_definition,
        "deploymentConfiguration": {
            "maximumPercent": 200 if desired > 1 else 100,
            "minimumHealthyPercent": 50 if desired > 1 else 0,
        },
        "deployments": [_deployment(rack, each, containers, desired) for each in deployments],
        "events": [],
        "loadBalancers": [],
    }


def _deployment(rack: Rack, deployment: Deployment, containers: list[Container], desired: int) -> dict[str, Any]:
    mine = [each for each in containers if each.deployment is deployment]
    primary = deployment is rack.service.deployments[0]
    complete = primary and rack.service.settled()
    return {
        "id": deployment.id,
        "status": "PRIMARY" if primary else "ACTIVE",
        "taskDefinition": deployment.task_definition,
        "desiredCount": desired if primary else _count(mine, "running"),
        "runningCount": _count(mine, "running"),
        "pendingCount": _count(mine, "starting"),
        "failedTasks": deployment.failed_tasks,
        "createdAt": _seconds(deployment.created_at),
        "updatedAt": _seconds(deployment.updated_at),
        "launchType": "EC2",
        "rolloutState": "COMPLETED" if complete else "IN_PROGRESS",
        "rolloutStateReason": f"ECS deployment {deployment.id} {'completed' if complete else 'in progress'}.",
    }


def _task(rack: Rack, container: Container) -> dict[str, Any]:
    times = {
        "createdAt": container.created_at,
        "startedAt": container.started_at,
        "stoppingAt": container.stopping_at,
        "stoppedAt": container.stopped_at,
    }
    return {
        "taskArn": container.task_arn,
        "clusterArn": rack.cluster.arn,
        "taskDefinitionArn": container.task_definition,
        "group": f"service:{rack.web.name}",
        "startedBy": container.deployment.id,
        "launchType": "EC2",
        "lastStatus": _LAST_STATUS[container.state],
        "desiredStatus": _desired_status(container),
        "containers": [],
        **{name: _seconds(value) for name, value in times.items() if value is not None},
    }


def _desired_status(container: Container) -> str:
    return "RUNNING" if container.state in ("starting", "running") else "STOPPED"


def _count(containers: Iterable[Container], state: str) -> int:
    return sum(each.state == state for each in containers)


def _seconds(moment: datetime.datetime) -> float:
    return round(moment.timestamp(), 3)


def _json(value: Any) -> Reply:
    return Reply(200, json.dumps(value).encode(), "application/x-amz-json-1.1")
