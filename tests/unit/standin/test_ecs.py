# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ECS says of the API's service is what its containers do (convox-protocol.md, 3.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from tests.standin.rack import Rack


@pytest.fixture
def ecs(aws: Callable[[str], Any]) -> Any:
    """A client."""
    return aws("ecs")


def places(rack: Rack, aws: Callable[[str], Any]) -> tuple[str, str]:
    """Cluster and service, as a client finds them."""
    found = aws("cloudformation").describe_stack_resources(StackName=rack.name)["StackResources"]
    names = {each["LogicalResourceId"]: each["PhysicalResourceId"] for each in found}
    return names["Cluster"], names["ServiceWebApi"]


def deployments(ecs: Any, cluster: str, service: str) -> list[tuple[str, str, int, int]]:
    """Of each: status, rollout, running, pending."""
    shown = ecs.describe_services(cluster=cluster, services=[service])["services"][0]["deployments"]
    return [(each["status"], each["rolloutState"], each["runningCount"], each["pendingCount"]) for each in shown]


def tasks(ecs: Any, cluster: str, service: str) -> list[dict[str, Any]]:
    """Those that run, and those that are stopping or have stopped."""
    arns = []
    for status in ("RUNNING", "STOPPED"):
        arns += ecs.list_tasks(cluster=cluster, serviceName=service, desiredStatus=status)["taskArns"]
    return ecs.describe_tasks(cluster=cluster, tasks=arns)["tasks"]


def test_a_deployment_from_start_to_end(new_rack: Callable[..., Rack], aws: Callable[[str], Any], ecs: Any) -> None:
    """Old containers run until new ones do, and answer a little longer."""
    rack = new_rack(restart_seconds=60.0, drain_seconds=60.0)
    cluster, service = places(rack, aws)
    assert deployments(ecs, cluster, service) == [("PRIMARY", "COMPLETED", 2, 0)]
    first = {each["taskArn"] for each in tasks(ecs, cluster, service)}
    made = ecs.update_service(cluster=cluster, service=service, forceNewDeployment=True)["service"]["deployments"][0]
    assert (made["status"], made["rolloutState"]) == ("PRIMARY", "IN_PROGRESS")
    rack.life.wait_until(lambda: len(rack.truth()["accepts"]) == 3)
    assert deployments(ecs, cluster, service) == [("PRIMARY", "IN_PROGRESS", 0, 1), ("ACTIVE", "IN_PROGRESS", 2, 0)]
    rack.set(restart_seconds=0.0)
    rack.life.wait_until(rack.service.settled)
    assert deployments(ecs, cluster, service) == [("PRIMARY", "COMPLETED", 2, 0)]
    # The deployment is complete, and an old container still answers.
    going = [each for each in tasks(ecs, cluster, service) if each["lastStatus"] == "DEACTIVATING"]
    assert going
    assert {each["taskArn"] for each in going} <= first
    rack.set(drain_seconds=0.0)
    rack.wait_at_rest()
    shown = tasks(ecs, cluster, service)
    running = [each for each in shown if each["lastStatus"] == "RUNNING"]
    assert {each["group"] for each in shown} == {f"service:{rack.web.name}"}
    assert {each["startedBy"] for each in running} == {made["id"]}
    assert all(each["startedAt"] > made["createdAt"] for each in running)
    assert {each["taskArn"] for each in shown if each["lastStatus"] == "STOPPED"} == first


def test_container_that_never_starts(rack: Rack, aws: Callable[[str], Any], ecs: Any) -> None:
    """ECS counts it and tries again; without times it tries for ever, and the old ones stay."""
    cluster, service = places(rack, aws)
    rack.fault("container_never_starts")
    ecs.update_service(cluster=cluster, service=service, forceNewDeployment=True)
    rack.wait_at_rest()
    shown = ecs.describe_services(cluster=cluster, services=[service])["services"][0]["deployments"][0]
    assert (shown["rolloutState"], shown["failedTasks"]) == ("COMPLETED", 1)
    rack.fault("container_never_starts", times=None)
    rack.deploy("test")
    with pytest.raises(TimeoutError):
        rack.wait_at_rest(0.3)
    assert ("ACTIVE", "IN_PROGRESS", 2, 0) in deployments(ecs, cluster, service)


def test_refused_restart(rack: Rack, aws: Callable[[str], Any], ecs: Any) -> None:
    """Nothing restarts."""
    cluster, service = places(rack, aws)
    rack.fault("refuse_restart")
    with pytest.raises(ClientError, match="AccessDeniedException"):
        ecs.update_service(cluster=cluster, service=service, forceNewDeployment=True)
    assert (rack.truth()["restarts"], rack.service.settled()) == (0, True)


def test_a_later_deployment_supersedes(new_rack: Callable[..., Rack], aws: Callable[[str], Any], ecs: Any) -> None:
    """In the end every container is of the last one."""
    rack = new_rack(restart_seconds=60.0)
    cluster, service = places(rack, aws)
    rack.deploy("one")
    rack.life.wait_until(lambda: len(rack.truth()["accepts"]) == 3)
    last = rack.deploy("two")
    rack.set(restart_seconds=0.0)
    rack.wait_at_rest()
    running = [each for each in tasks(ecs, cluster, service) if each["lastStatus"] == "RUNNING"]
    assert [each["startedBy"] for each in running] == [last.id, last.id]


def test_key_in_clear(rack: Rack, ecs: Any) -> None:
    """In the monitor's definition, old revisions too; not in the API's (4.4)."""
    old = rack.key
    rack.set_password("NewKey" * 5)
    rack.wait_at_rest()

    def container(definition: str) -> dict[str, Any]:
        shown = ecs.describe_task_definition(taskDefinition=definition)["taskDefinition"]
        return shown["containerDefinitions"][0]

    monitor = [container(f"{rack.name}-api-monitor:{revision}")["environment"] for revision in (1, 2)]
    assert [{each["name"]: each["value"] for each in one}["PASSWORD"] for one in monitor] == [old, "NewKey" * 5]
    web = container(f"{rack.name}-api-web")
    assert web["secrets"] == [{"name": "PASSWORD", "valueFrom": f"{rack.name}RackApiSecret"}]
    assert "PASSWORD" not in {each["name"] for each in web["environment"]}


def test_strangers(rack: Rack, aws: Callable[[str], Any], ecs: Any) -> None:
    """What is not there is said to be missing."""
    cluster, service = places(rack, aws)
    shown = ecs.describe_services(cluster=cluster, services=[service, "other"])
    assert [each["reason"] for each in shown["failures"]] == ["MISSING"]
    with pytest.raises(ClientError, match="ClusterNotFoundException"):
        ecs.describe_services(cluster="nowhere", services=[service])
    assert ecs.describe_tasks(cluster=cluster, tasks=["none"])["failures"][0]["reason"] == "MISSING"
