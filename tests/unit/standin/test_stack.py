# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stack: what AWS says and does when it is updated (convox-protocol.md, 3, 3.1, 4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    import requests

    from tests.standin.rack import Rack

NEW = "NewKeyNewKeyNewKeyNewKeyNewKey"


@pytest.fixture
def cloudformation(aws: Callable[[str], Any]) -> Any:
    """A client."""
    return aws("cloudformation")


def parameters(rack: Rack, **values: str) -> list[dict[str, Any]]:
    """Every parameter as it is, but for some."""
    return [
        {"ParameterKey": name, "ParameterValue": values[name]}
        if name in values
        else {"ParameterKey": name, "UsePreviousValue": True}
        for name in rack.parameters
    ]


def update(rack: Rack, cloudformation: Any, **values: str) -> None:
    """What a careful client sends (4.2)."""
    cloudformation.update_stack(
        StackName=rack.name,
        UsePreviousTemplate=True,
        Capabilities=["CAPABILITY_IAM"],
        Parameters=parameters(rack, **values),
    )


def test_both_ways_meet_in_one_stack(rack: Rack, ask: Callable[..., requests.Response], cloudformation: Any) -> None:
    """What AWS was told, the rack knows, and the other way round; nothing else changes."""
    before, old = dict(rack.parameters), rack.key
    update(rack, cloudformation, Password=NEW)
    rack.wait_at_rest()
    again = ask(rack, "PUT", "/system", old, data={"parameters": f"Password={NEW}"})
    assert again.text.startswith("ValidationError: No updates are to be performed.\n\tstatus code: 400, request id: ")
    assert rack.parameters == {**before, "Password": NEW}


def test_busy_stack_refuses_both_ways(
    new_rack: Callable[..., Rack], ask: Callable[..., requests.Response], cloudformation: Any
) -> None:
    """With AWS's text, which the rack passes on."""
    rack = new_rack(update_seconds=60.0)
    old = rack.key
    rack.set_password(NEW)
    told = f"Stack:{rack.stack.stack_id} is in UPDATE_IN_PROGRESS state and can not be updated."
    with pytest.raises(ClientError, match="ValidationError") as refused:
        update(rack, cloudformation, Password="Another" * 5)
    assert refused.value.response["Error"]["Message"] == told
    reply = ask(rack, "PUT", "/system", old, data={"parameters": f"Password={NEW}x"})
    assert (reply.status_code, reply.text.partition("\n")[0]) == (500, f"ValidationError: {told}")
    assert ask(rack, "GET", "/system", old).json()["status"] == "updating"


def test_no_echo_is_masked(
    new_rack: Callable[..., Rack], ask: Callable[..., requests.Response], cloudformation: Any
) -> None:
    """For clients of AWS and of the rack; a rack in development mode tells its key even so (3)."""
    rack = new_rack(parameters={"Development": "Yes"})
    stack = cloudformation.describe_stacks(StackName=rack.name)["Stacks"][0]
    shown = {each["ParameterKey"]: each["ParameterValue"] for each in stack["Parameters"]}
    assert (shown["Password"], shown["InstanceType"]) == ("****", "t3.small")
    system = ask(rack, "GET", "/system").json()
    assert system["parameters"]["Password"] == "****"
    assert system["outputs"]["Password"] == rack.key
    assert {"Key": "System", "Value": "convox"} in stack["Tags"]


def test_status_while_it_goes_on(new_rack: Callable[..., Rack], cloudformation: Any) -> None:
    """Through the cleanup to the end."""
    rack = new_rack(update_seconds=60.0, cleanup_seconds=60.0)
    update(rack, cloudformation, Password=NEW)

    def status() -> Any:
        return cloudformation.describe_stacks(StackName=rack.name)["Stacks"][0]["StackStatus"]

    assert status() == "UPDATE_IN_PROGRESS"
    rack.set(update_seconds=0.0)
    rack.life.wait_until(lambda: status() != "UPDATE_IN_PROGRESS")
    assert status() == "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"
    rack.set(cleanup_seconds=0.0)
    rack.wait_at_rest()
    assert status() == "UPDATE_COMPLETE"


def test_rollback_ends_as_running(
    rack: Rack, ask: Callable[..., requests.Response], aws: Callable[[str], Any], cloudformation: Any
) -> None:
    """With the old key in the stack and in SSM, where it has been set anew (3.1)."""
    old = rack.key

    def secret() -> Any:
        return aws("ssm").get_parameter(Name=f"{rack.name}RackApiSecret")["Parameter"]

    at_first = secret()
    rack.fault("rollback", seconds=60.0)
    rack.set(update_seconds=60.0)
    update(rack, cloudformation, Password=NEW)
    during = secret()
    rack.set(update_seconds=0.0)
    rack.life.wait_until(lambda: rack.stack.status == "UPDATE_ROLLBACK_IN_PROGRESS")
    assert ask(rack, "GET", "/system", old).json()["status"] == "rollback"
    rack.faults.clear()
    rack.wait_at_rest()
    at_last = secret()
    assert rack.stack.status == "UPDATE_ROLLBACK_COMPLETE"
    assert ask(rack, "GET", "/system", old).json()["status"] == "running"
    assert (during["Value"], at_last["Value"], rack.key) == (NEW, old, old)
    assert at_first["LastModifiedDate"] < during["LastModifiedDate"] < at_last["LastModifiedDate"]
    assert [each["Version"] for each in (at_first, during, at_last)] == [1, 2, 3]
    assert [each["outcome"] for each in rack.truth()["updates"]] == ["rolled back"]
    # It can be updated again.
    rack.set_password(NEW)
    rack.wait_at_rest()
    assert rack.key == NEW


def test_old_release_rolls_its_containers_back(new_rack: Callable[..., Rack]) -> None:
    """There the containers had the new key already."""
    rack = new_rack(version="20230417000000")
    old = rack.key
    rack.fault("rollback", seconds=60.0)
    rack.set_password(NEW)
    rack.life.wait_until(lambda: rack.stack.status == "UPDATE_ROLLBACK_IN_PROGRESS")
    assert NEW in {each["key"] for each in rack.truth()["accepts"]}
    rack.faults.clear()
    rack.wait_at_rest()
    assert rack.accepted_keys == {old}


def test_failed_rollback_stays(rack: Rack, ask: Callable[..., requests.Response]) -> None:
    """Nothing can be updated any more (4.6)."""
    old = rack.key
    rack.fault("rollback_failed")
    rack.set_password(NEW)
    rack.wait_at_rest()
    assert rack.stack.status == "UPDATE_ROLLBACK_FAILED"
    assert ask(rack, "GET", "/system", old).json()["status"] == "failed"
    reply = ask(rack, "PUT", "/system", old, data={"parameters": f"Password={NEW}x"})
    assert "is in UPDATE_ROLLBACK_FAILED state and can not be updated" in reply.text


def test_update_that_never_ends(rack: Rack) -> None:
    """Until the fault is cleared."""
    rack.fault("never_ends")
    rack.set_password(NEW)
    with pytest.raises(TimeoutError):
        rack.wait_at_rest(0.3)
    rack.faults.clear()
    rack.wait_at_rest()
    assert rack.stack.status == "UPDATE_COMPLETE"


def test_status_may_be_old(new_rack: Callable[..., Rack], ask: Callable[..., requests.Response]) -> None:
    """Each process keeps its reply for a while, but for the one that made the change (3.1)."""
    rack = new_rack(status_cache_seconds=60.0, update_seconds=60.0)
    old = rack.key

    def status() -> Any:
        return ask(rack, "GET", "/system", old).json()["status"]

    assert [status(), status()] == ["running", "running"]
    ask(rack, "PUT", "/system", old, data={"parameters": f"Password={NEW}"})
    assert sorted([status(), status()]) == ["running", "updating"]


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"Parameters": [{"ParameterKey": "Password", "ParameterValue": NEW}]}, "must have values"),
        ({"Capabilities": []}, "Requires capabilities"),
    ],
)
def test_careless_updates_are_refused(rack: Rack, cloudformation: Any, more: dict[str, Any], told: str) -> None:
    """Every parameter is to be named, and the capability (4.2)."""
    asked = {"Parameters": parameters(rack, Password=NEW), "Capabilities": ["CAPABILITY_IAM"], **more}
    with pytest.raises(ClientError, match=told):
        cloudformation.update_stack(StackName=rack.name, UsePreviousTemplate=True, **asked)
    assert rack.stack.status == "CREATE_COMPLETE"


@pytest.mark.parametrize("drift", [False, True])
def test_change_set_shows_a_newer_image(rack: Rack, cloudformation: Any, drift: bool) -> None:
    """With every parameter as it is, an update may still replace every instance (4.2)."""
    rack.set(image_drift=drift)
    named = {"StackName": rack.name, "ChangeSetName": "look"}
    cloudformation.create_change_set(
        **named, UsePreviousTemplate=True, Capabilities=["CAPABILITY_IAM"], Parameters=parameters(rack)
    )
    shown = cloudformation.describe_change_set(**named)
    changed = {each["ResourceChange"]["LogicalResourceId"] for each in shown["Changes"]}
    assert changed == ({"LaunchTemplate", "Instances"} if drift else set())
    assert shown["Status"] == ("CREATE_COMPLETE" if drift else "FAILED")
    cloudformation.delete_change_set(**named)
    with pytest.raises(ClientError, match="does not exist"):
        cloudformation.describe_change_set(**named)
    assert rack.stack.status == "CREATE_COMPLETE"


def test_newer_image_replaces_the_instances_and_activates(rack: Rack, cloudformation: Any) -> None:
    """So that a latent key comes into force with an update of something else."""
    before = {each.id for each in rack.instances.members()}
    rack.set(image_drift=True)
    update(rack, cloudformation, Password=NEW)
    rack.wait_at_rest()
    assert not before & {each.id for each in rack.instances.members()}
    assert rack.accepted_keys == {NEW}


def test_rack_sends_more_than_it_was_asked_for(rack: Rack, ask: Callable[..., requests.Response]) -> None:
    """One of its own values may change along, so a 200 does not prove that the key differed (3)."""
    rack.set(own_parameters={"SshKey": "somebody's"})
    reply = ask(rack, "PUT", "/system", data={"parameters": f"Password={rack.key}"})
    assert (reply.status_code, rack.parameters["SshKey"], rack.truth()["updates"]) == (200, "somebody's", [])
