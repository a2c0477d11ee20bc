# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Key pairs and instances (convox-protocol.md, 3.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable

import pytest

if TYPE_CHECKING:
    import requests

    from tests.standin.rack import Rack

    Ask = Callable[..., requests.Response]

NEW = "NewKeyNewKeyNewKeyNewKeyNewKey"


@pytest.fixture
def keys_of(aws: Callable[[str], Any]) -> Callable[[Rack], list[Any]]:
    """The pairs that EC2 says a rack's running instances have."""

    def keys_of(rack: Rack) -> list[Any]:
        filters = [
            {"Name": "tag:Rack", "Values": [rack.name]},
            {"Name": "instance-state-name", "Values": ["running"]},
        ]
        found = aws("ec2").describe_instances(Filters=filters)["Reservations"]
        return [each.get("KeyName") for reservation in found for each in reservation["Instances"]]

    return keys_of


def test_keyroll_replaces_every_instance(new_rack: Callable[..., Rack], ask: Ask, keys_of: Callable[[Rack], list[Any]]) -> None:
    """One after the other, with the stack being updated meanwhile; and it activates a latent key."""
    rack = new_rack(instance_seconds=0.6)
    old = rack.key
    rack.set_password(NEW)
    rack.wait_at_rest()
    before = ask(rack, "GET", "/instances", old).json()
    reply = ask(rack, "POST", "/instances/keyroll", old)
    assert (reply.status_code, reply.text, reply.headers["Content-Type"]) == (200, "ok\n", "text/plain; charset=utf-8")
    mixed = False
    while rack.stack.status == "UPDATE_IN_PROGRESS":
        mixed = mixed or len(set(keys_of(rack))) == 2
    assert mixed
    rack.wait_at_rest()
    pair = rack.parameters["Key"]
    assert keys_of(rack) == [pair] * 3
    assert rack.truth()["private_key_of"] == pair
    after = ask(rack, "GET", "/instances", NEW).json()
    assert not {each["id"] for each in before} & {each["id"] for each in after}
    assert rack.accepted_keys == {NEW}


def test_keyroll_of_a_busy_stack(new_rack: Callable[..., Rack], ask: Ask, keys_of: Callable[[Rack], list[Any]]) -> None:
    """Makes a pair that nobody uses, and loses the private key of the living instances."""
    rack = new_rack(update_seconds=60.0, key_pair="busy-keypair-1234")
    old = rack.key
    rack.set_password(NEW)
    reply = ask(rack, "POST", "/instances/keyroll", old)
    assert reply.status_code == 500
    assert "is in UPDATE_IN_PROGRESS state and can not be updated" in reply.text
    rack.set(update_seconds=0.0)
    rack.wait_at_rest()
    orphan = rack.truth()["private_key_of"]
    assert rack.key_pairs() == [orphan]
    assert (rack.parameters["Key"], set(keys_of(rack))) == ("busy-keypair-1234", {"busy-keypair-1234"})


def test_keyroll_that_rolls_back(rack: Rack, ask: Ask, keys_of: Callable[[Rack], list[Any]]) -> None:
    """Breaks off after the first instance; leaves all with the old pair, and the settings with the new one."""
    rack.fault("rollback", seconds=60.0)
    ask(rack, "POST", "/instances/keyroll")
    rack.life.wait_until(lambda: rack.stack.status == "UPDATE_ROLLBACK_IN_PROGRESS")
    assert [key for key in keys_of(rack) if key is not None] == rack.key_pairs()
    rack.faults.clear()
    rack.wait_at_rest()
    assert (rack.parameters["Key"], keys_of(rack)) == ("", [None] * 3)
    assert rack.truth()["private_key_of"] == rack.key_pairs()[0]


def test_failing_instance_is_replaced_unasked(new_rack: Callable[..., Rack], ask: Ask) -> None:
    """The rack converges meanwhile, and the containers that were on it have the latent key."""
    rack = new_rack(instance_seconds=60.0)
    old = rack.key
    rack.set_password(NEW)
    rack.wait_at_rest()
    rack.replace_instance()
    assert ask(rack, "GET", "/system", old).json()["status"] == "converging"
    rack.set(instance_seconds=0.0)
    rack.wait_at_rest()
    assert rack.status() == "running"
    assert NEW in rack.accepted_keys


def test_batches_and_counts(rack: Rack) -> None:
    """InstanceUpdateBatchSize at a time, and as many as InstanceCount in the end."""
    rack.stack.change({"InstanceCount": "5", "InstanceUpdateBatchSize": "3"})
    rack.wait_at_rest()
    assert len(rack.instances.members()) == 5
    rack.stack.change({"InstanceType": "t3.large"})
    rack.wait_at_rest()
    assert [each.instance_type for each in rack.instances.members()] == ["t3.large"] * 5


def test_terminated_instances_are_forgotten(new_rack: Callable[..., Rack], aws: Callable[[str], Any]) -> None:
    """EC2 lists them, with their pair, for a while."""
    rack = new_rack(terminated_seconds=0.4, key_pair="old-keypair-1000", former_key_pairs=2)
    rack.stack.change({"Key": ""})
    rack.wait_at_rest()
    filters = [{"Name": "tag:Rack", "Values": [rack.name]}]

    def listed() -> int:
        return len(aws("ec2").describe_instances(Filters=filters)["Reservations"])

    assert listed() > 3
    rack.life.wait_until(lambda: listed() == 3)
    assert rack.key_pairs() == [f"{rack.name}-keypair-1000", f"{rack.name}-keypair-1001"]


def test_v3_rack_is_another_thing(new_rack: Callable[..., Rack], ask: Ask, aws: Callable[[str], Any]) -> None:
    """It tells its release, gives a private key once, and has no stack (5)."""
    rack = new_rack(version="3.18.7")
    assert ask(rack, "GET", "/system").json()["version"] == "3.18.7"
    made = ask(rack, "POST", "/instances/keyroll").json()
    assert made["name"] in rack.key_pairs()
    assert "PRIVATE KEY" in made["private-key"]
    stacks = aws("cloudformation").describe_stacks()["Stacks"]
    assert rack.name not in [each["StackName"] for each in stacks]


def test_apps_and_builds(rack: Rack, ask: Ask) -> None:
    """What a changed key breaks for others (3.2)."""
    builds = [{"id": "BABC", "status": "running", "started": "2026-11-23T05:21:04Z"}]
    rack.set(apps=[{"name": "web", "parameters": {"RackUrl": "Yes"}, "builds": builds}])
    (app,) = ask(rack, "GET", "/apps").json()
    assert (app["name"], app["status"], app["parameters"]) == ("web", "running", {"RackUrl": "Yes"})
    (build,) = ask(rack, "GET", "/apps/web/builds").json()
    assert (build["id"], build["app"], build["status"]) == ("BABC", "web", "running")
    assert ask(rack, "GET", "/apps/web").json()["name"] == "web"
    assert ask(rack, "GET", "/apps/none/builds").status_code == 404
