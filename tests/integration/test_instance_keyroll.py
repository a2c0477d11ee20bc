# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""instance_keyroll: one new pair, every instance on it, and the rack's settings hold the private key of just that pair."""
from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from ansible_collections.convox.credentials.plugins.module_utils import instance_roll
from tests.integration.watching import asked, busy_until_another_key_is_set, nothing_changes, overtaken, stages_of, wait_until
from tests.standin import AWS_CREDENTIALS
from tests.standin.server import Dropped

if TYPE_CHECKING:
    from tests.integration.conftest import NewRack
    from tests.integration.direct import Direct
    from tests.integration.machine import Machine
    from tests.standin import Standin
    from tests.standin.rack import Rack

KEYROLL = "/instances/keyroll"


def posts(machine: Machine, rack: Rack) -> int:
    return len(asked(machine.convox, f"rack {rack.name}", "POST", KEYROLL))


def is_whole(rack: Rack, pair: str) -> bool:
    """Stack, instances and settings agree on a pair."""
    truth = rack.truth()
    return {truth["key_pair"], truth["private_key_of"], *(each["key_name"] for each in truth["instances"])} == {pair}


@pytest.fixture
def ec2(convox: Standin) -> Any:
    return boto3.client("ec2", endpoint_url=convox.aws_url, region_name="us-east-1", **AWS_CREDENTIALS)


def test_a_key_is_rolled_once_for_a_campaign_or_an_age(machine: Machine, new_rack: NewRack) -> None:
    """The first keyroll of a rack, whose instances had none."""
    rack = new_rack(instances=2)
    machine.log_in(rack.host, rack.key)
    with nothing_changes(machine):
        told = machine.run("instance_keyroll", host=rack.host, check_mode=True, diff=True)
    assert (told.changed, told["phase"], told["instances_total"]) == (True, None, 2)
    assert told["diff"] == {"before": {"key_name": None}, "after": {"key_name": "a new pair"}}

    first = machine.run("instance_keyroll", host=rack.host, rotation_id="campaign", diff=True)
    (pair,) = rack.key_pairs()
    assert (first.changed, first["phase"], first["resumed"], first["rotation_id"]) == (True, "committed", False, "campaign")
    assert (first["key_name"], first["old_key_name"], first["instances_on_new_key"], first["instances_total"]) == (pair, None, 2, 2)
    assert first["diff"] == {"before": {"key_name": None}, "after": {"key_name": pair}}
    assert (first["others"], first["pruned"], first["stored_in"]) == ([], [], ["cli"])
    assert is_whole(rack, pair)

    with nothing_changes(machine, locks=False):
        for more in ({"rotation_id": "campaign"}, {"max_age": "1d"}):
            later = machine.run("instance_keyroll", host=rack.host, **more)
            assert (later.changed, later["key_name"], later["rolled_at"]) == (False, pair, first["rolled_at"])
    # The API's key and its containers: new ones, for their instances are gone; the same key.
    assert rack.accepted_keys == {machine.auth()[rack.host]}
    assert posts(machine, rack) == 1


def test_begun_and_finished_by_a_secret_in_aws(machine: Machine, new_rack: NewRack) -> None:
    """What is remembered of it is beside the rack's own key, and another machine goes on with it."""
    rack = new_rack(key_pair="former-pair", instance_seconds=1.0, instances=2)
    machine.environment = {"AWS_DEFAULT_REGION": "us-east-1"}
    machine.log_in(rack.host, rack.key)
    given = {"host": rack.host, "stores": [{"type": "aws_secretsmanager"}]}
    assert machine.run("instance_keyroll", wait=False, **given)["phase"] == "applied"
    assert stages_of(machine.convox, f"convox/{rack.rack_domain}/instance_key")["CONVOX"]["pending"]["old_key_name"] == "former-pair"
    assert not (machine.config / "rotations.json").exists()
    finished = machine.run("instance_keyroll", **given)
    assert (finished["phase"], finished["resumed"], finished["old_key_name"]) == ("committed", True, "former-pair")
    assert "pending" not in stages_of(machine.convox, f"convox/{rack.rack_domain}/instance_key")["CONVOX"]
    assert is_whole(rack, finished["key_name"])
    assert posts(machine, rack) == 1


def test_another_controller_rolls_it_meanwhile(machine: Machine, convox: Standin, new_rack: NewRack) -> None:
    """For the same campaign, while a run is about to begin: that one makes no second pair."""
    rack = new_rack(key_pair="former-pair", instance_seconds=1.0, instances=2)
    machine.environment = {"AWS_DEFAULT_REGION": "us-east-1"}
    given = {"host": rack.host, "api_key": rack.key, "stores": [{"type": "aws_secretsmanager"}], "rotation_id": "2026-q4"}
    # The last thing that is proven of the store.
    convox.aws_faults.add(action="secretsmanager:UntagResource", effect="delay", seconds=20)
    done, refused = overtaken(machine, convox.aws_faults, "instance_keyroll", given, {"config_dir": str(machine.home / "other"), **given})
    assert f"{rack.rack_domain}: another run has rolled it meanwhile; nothing was changed; run again" in refused.msg
    again = machine.run("instance_keyroll", **given)
    assert (again.changed, again["key_name"]) == (False, done["key_name"])
    assert is_whole(rack, done["key_name"])
    assert posts(machine, rack) == 1


def test_begun_without_waiting_and_finished_later(machine: Machine, new_rack: NewRack) -> None:
    rack = new_rack(key_pair="old-pair", instances=2)
    machine.log_in(rack.host, rack.key)
    rack.fault("never_ends")
    begun = machine.run("instance_keyroll", host=rack.host, wait=False, rotation_id="begun")
    assert (begun.changed, begun["phase"]) == (True, "applied")
    rack.faults.clear()
    finished = machine.run("instance_keyroll", host=rack.host, rotation_id="finished")
    assert (finished["phase"], finished["resumed"], finished["old_key_name"]) == ("committed", True, "old-pair")
    assert is_whole(rack, finished["key_name"])
    assert posts(machine, rack) == 1
    for each in ("begun", "finished"):
        assert not machine.run("instance_keyroll", host=rack.host, rotation_id=each).changed


@pytest.mark.parametrize("kind", ["file", "aws_secretsmanager"])
def test_begun_with_the_cli_and_finished_with_another_store(machine: Machine, direct: Direct, new_rack: NewRack, kind: str) -> None:
    """The CLI's directory is read whatever stores are named, so that a rotation ends there, too: not each campaign ends it anew."""
    rack = new_rack(key_pair="old-pair", instances=1)
    machine.environment = {"AWS_DEFAULT_REGION": "us-east-1"}
    machine.log_in(rack.host, rack.key)
    rack.fault("never_ends")
    assert direct("instance_keyroll", host=rack.host, wait=False)["phase"] == "applied"
    rack.faults.clear()
    store = {"type": kind} if kind == "aws_secretsmanager" else {"type": kind, "path": str(machine.root / "keys.json")}
    given = {"host": rack.host, "stores": [store]}
    first = direct("instance_keyroll", rotation_id="first", **given)
    assert (first["phase"], first["resumed"], first["old_key_name"]) == ("committed", True, "old-pair")
    assert "pending" not in machine.record("instance_key", rack.rack_domain)
    second = direct("instance_keyroll", rotation_id="second", **given)
    assert (second["phase"], second["resumed"], second["old_key_name"]) == ("committed", False, first["key_name"])
    assert not direct("instance_keyroll", rotation_id="first", **given)["changed"]
    assert is_whole(rack, second["key_name"])
    assert posts(machine, rack) == 2


def test_a_busy_stack_is_waited_for(machine: Machine, direct: Direct, rack: Rack) -> None:
    """The rack makes the pair before it asks the stack: a keyroll on a busy stack would orphan it."""
    machine.log_in(rack.host, rack.key)
    rack.fault("never_ends")
    rack.stack.change({"LogRetention": "30"})
    with nothing_changes(machine, locks=False):
        refused = direct("instance_keyroll", host=rack.host, wait=False)
        late = direct("instance_keyroll", host=rack.host, wait_timeout=6)
    assert "busy" in str(refused.msg)
    assert "busy" in str(late.msg)
    assert posts(machine, rack) == 0


def test_a_stack_that_becomes_busy_in_between(machine: Machine, rack: Rack) -> None:
    """The pair is made and its private key in the settings, the stack refuses it: it is set once the stack is at rest."""
    machine.log_in(rack.host, rack.key)
    rack.fault("delay", path=KEYROLL, seconds=3)
    running = machine.begin("instance_keyroll", host=rack.host)
    wait_until(lambda: rack.faults.list() == [])
    rack.fault("never_ends")
    rack.stack.change({"LogRetention": "30"})
    wait_until(lambda: rack.key_pairs() != [])
    (pair,) = rack.key_pairs()
    assert rack.parameters["Key"] == ""
    rack.faults.clear()
    result = running.end()
    assert (result["phase"], result["key_name"]) == ("committed", pair)
    assert is_whole(rack, pair)
    assert posts(machine, rack) == 1


def test_an_update_that_is_rolled_back(machine: Machine, new_rack: NewRack) -> None:
    """One instance was replaced and put back. The next run sets the pair whose private key the rack holds."""
    rack = new_rack(key_pair="former-pair")
    machine.log_in(rack.host, rack.key)
    rack.fault("rollback")
    failed = machine.fail("instance_keyroll", host=rack.host)
    (pair,) = rack.key_pairs()
    assert "rolled the update back" in failed.msg
    assert "former-pair" in failed.msg
    assert pair in failed.msg
    assert {each["key_name"] for each in rack.truth()["instances"]} == {"former-pair"}

    result = machine.run("instance_keyroll", host=rack.host)
    assert (result["phase"], result["resumed"], result["key_name"], result["old_key_name"]) == ("committed", True, pair, "former-pair")
    assert is_whole(rack, pair)
    assert posts(machine, rack) == 1


def test_a_rollback_of_an_older_update(machine: Machine, direct: Direct, rack: Rack, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its status stands until the next update: of a keyroll that left a pair and no reply it says nothing."""
    machine.log_in(rack.host, rack.key)
    rack.fault("rollback")
    rack.stack.change({"LogRetention": "30"})
    rack.wait_at_rest()
    rack.faults.clear()
    assert rack.stack.status == "UPDATE_ROLLBACK_COMPLETE"
    update = rack.update

    def stops_once(values: dict[str, str]) -> None:
        """The pair is made, and its private key in the settings."""
        monkeypatch.setattr(rack, "update", update)
        raise Dropped

    monkeypatch.setattr(rack, "update", stops_once)
    done = direct("instance_keyroll", host=rack.host)
    (pair,) = rack.key_pairs()
    assert (done.msg, done["phase"], done["key_name"]) == (None, "committed", pair)
    assert is_whole(rack, pair)
    assert posts(machine, rack) == 1


LOST: dict[str, dict[str, Any]] = {
    "after": {"action": "drop_after"},
    "late": {"action": "delay", "seconds": 2.5},
    "before": {"action": "drop_before"},
    "502": {"action": "status", "status": 502, "body": "Bad Gateway\n"},
}


@pytest.mark.parametrize("what", LOST)
def test_the_reply_is_lost(machine: Machine, direct: Direct, rack: Rack, what: str) -> None:
    """What happened is compared; nothing is asked for a second time in that run."""
    machine.log_in(rack.host, rack.key)
    rack.fault(**LOST[what], path=KEYROLL)
    # Long enough for the late one by this clock.
    done = direct("instance_keyroll", host=rack.host, timeout=1)
    wait_until(lambda: posts(machine, rack) == 1)
    if what == "after":
        assert done.msg is None
    else:
        assert "left no trace" in str(done.msg)
        assert direct("instance_keyroll", host=rack.host)["phase"] == "committed"
    (pair,) = rack.key_pairs()
    assert is_whole(rack, pair)
    assert posts(machine, rack) == (1 if what in ("after", "late") else 2)


def test_a_definite_no(machine: Machine, direct: Direct, rack: Rack) -> None:
    machine.log_in(rack.host, rack.key)
    rack.fault("status", path=KEYROLL, status=403, body="AccessDenied: not authorized to perform ec2:CreateKeyPair\n")
    failed = direct("instance_keyroll", host=rack.host)
    assert "ec2:CreateKeyPair" in str(failed.msg)
    assert direct("instance_keyroll", host=rack.host)["phase"] == "committed"
    assert is_whole(rack, rack.key_pairs()[0])


def test_a_key_that_the_restart_would_bring_into_force(machine: Machine, direct: Direct, rack: Rack) -> None:
    old = rack.key
    machine.log_in(rack.host, old)
    machine.run("rack_keyroll", host=rack.host, activate="none")
    with nothing_changes(machine, locks=False):
        pending = machine.fail("instance_keyroll", host=rack.host)
    assert "unfinished rotation" in pending.msg
    assert "rotate_rack_keys" in pending.msg

    other_machines = direct("instance_keyroll", host=rack.host, api_key=old, config_dir=str(machine.home / "other"))
    assert "is latent" in str(other_machines.msg)
    assert (posts(machine, rack), rack.accepted_keys) == (0, {old})
    assert machine.run("rack_keyroll", host=rack.host)["phase"] == "committed"
    assert machine.run("instance_keyroll", host=rack.host)["phase"] == "committed"


def test_a_key_that_is_set_while_the_stack_is_waited_for(machine: Machine, direct: Direct, rack: Rack) -> None:
    """The restart would lock everybody out: what was asked before the wait says nothing after it."""
    old, latent = rack.key, "Latent12" * 4
    machine.log_in(rack.host, old)
    machine.unknowable.add(latent)
    refused = direct("instance_keyroll", host=rack.host, meanwhile=busy_until_another_key_is_set(rack, latent))
    assert "is latent" in str(refused.msg)
    assert (posts(machine, rack), rack.accepted_keys, rack.key) == (0, {old}, latent)
    assert not (machine.config / "rotations.json").exists(), "no keyroll is begun that the next run would have to finish"


@pytest.mark.parametrize("work", [None, instance_roll.wait], ids=["a run", "a batch's wait"])
@pytest.mark.parametrize("made", [False, True], ids=["no pair", "a pair"])
def test_a_key_that_is_set_before_an_unfinished_keyroll_goes_on(machine: Machine, direct: Direct, rack: Rack, work: Any, made: bool) -> None:
    """It waits for the stack, and then posts once more or sets the pair that was made; either restarts the API."""
    old, latent = rack.key, "Latent12" * 4
    machine.log_in(rack.host, old)
    machine.unknowable.add(latent)
    rack.fault("drop_before", path=KEYROLL)
    assert "left no trace" in str(direct("instance_keyroll", host=rack.host).msg)
    if made:
        rack.make_orphaned_pair()
    asked_before = posts(machine, rack)
    refused = direct("instance_keyroll", waiting=work, host=rack.host, meanwhile=busy_until_another_key_is_set(rack, latent))
    assert "is latent" in str(refused.msg)
    assert (refused["phase"], refused["changed"]) == ("applied", False)
    assert (posts(machine, rack), rack.accepted_keys, rack.parameters["Key"]) == (asked_before, {old}, "")

    assert direct("rack_keyroll", host=rack.host).msg is None
    assert direct("instance_keyroll", host=rack.host)["phase"] == "committed"
    assert is_whole(rack, rack.parameters["Key"])
    assert rack.accepted_keys == {machine.auth()[rack.host]}


def test_prune(machine: Machine, new_rack: NewRack, ec2: Any) -> None:
    """Only this rack's own former pairs, of which nothing has need any more."""
    rack = new_rack(former_key_pairs=4, instances=1, terminated_seconds=0.0)
    used, in_template, free, former = sorted(rack.key_pairs())
    others = [f"{rack.name}-keypair-12345", f"{rack.name}-keypair-abcd", f"old-{rack.name}-keypair-1000", f"{rack.name}-keypair-1-keypair-1000"]
    for name in others:
        ec2.create_key_pair(KeyName=name)
    instance = ec2.run_instances(ImageId="ami-0a1b2c3d4e5f60718", MinCount=1, MaxCount=1, KeyName=used)["Instances"][0]["InstanceId"]
    ec2.stop_instances(InstanceIds=[instance])
    ec2.create_launch_template(LaunchTemplateName=f"{rack.name}-other", LaunchTemplateData={"KeyName": in_template})
    machine.log_in(rack.host, rack.key)

    result = machine.run("instance_keyroll", host=rack.host, prune=True)
    assert result["pruned"] == [free, former]
    left = {each["KeyName"] for each in ec2.describe_key_pairs()["KeyPairs"]}
    assert {used, in_template, result["key_name"], *others} <= left
    assert not {free, former} & left

    # A terminated instance that EC2 still lists has the pair of now: it stays one roll longer.
    rack.set(terminated_seconds=3600.0)
    again = machine.run("instance_keyroll", host=rack.host, prune=True)
    assert again["pruned"] == []
    ec2.terminate_instances(InstanceIds=[instance])


def test_a_prune_that_is_cut_short(convox: Standin, machine: Machine, direct: Direct, new_rack: NewRack) -> None:
    """The key is rolled all the same, and what is deleted is told."""
    rack = new_rack(former_key_pairs=3, instances=1, terminated_seconds=0.0)
    machine.log_in(rack.host, rack.key)
    former = sorted(rack.key_pairs())
    convox.aws_faults.add(action="ec2:DeleteKeyPair", error="UnauthorizedOperation", times=None, skip=1)
    done = direct("instance_keyroll", host=rack.host, prune=True)
    assert (done["phase"], done["pruned"], set(former) - set(rack.key_pairs())) == ("committed", former[:1], {former[0]})
    assert any("old pairs are left: ec2:DeleteKeyPair" in each for each in done.warnings)


@pytest.mark.parametrize("aws", ["nothing", "no ec2"])
def test_without_rights_to_ask_ec2(machine: Machine, convox: Standin, direct: Direct, new_rack: NewRack, aws: str) -> None:
    """Whether instances are new is told by when they started."""
    rack = new_rack(instances=2, update_seconds=1.2)
    machine.log_in(rack.host, rack.key)
    machine.aws = aws == "no ec2"
    convox.aws_faults.add(action="ec2:*", error="UnauthorizedOperation", times=None)
    done = direct("instance_keyroll", host=rack.host, prune=True, speed=10)
    assert (done.msg, done["phase"]) == (None, "committed")
    assert (done["instances_on_new_key"], done["instances_total"], done["pruned"]) == (2, 2, [])
    assert is_whole(rack, done["key_name"])
    assert ("(ec2:DescribeKeyPairs)" in "\n".join(done.warnings)) == machine.aws
    convox.aws_faults.clear()


@pytest.mark.parametrize(("version", "said"), [({}, 1), ({"version": "20230401000000"}, 0)], ids=["keys can be latent", "older"])
def test_without_aws_nobody_sees_a_latent_key(machine: Machine, direct: Direct, new_rack: NewRack, version: dict[str, str], said: int) -> None:
    """It is said once, though it is looked for again and again; before keys could be latent there was nothing to see."""
    rack = new_rack(instances=1, update_seconds=1.2, **version)
    machine.log_in(rack.host, rack.key)
    machine.aws = False
    done = direct("instance_keyroll", host=rack.host, speed=10)
    assert (done.msg, done["phase"], posts(machine, rack)) == (None, "committed", 1)
    told = f"rack {rack.name} ({rack.rack_domain}): AWS could not be asked whether a key that somebody else set lies latent"
    assert [text.startswith(told) for text in done.warnings if "latent" in text] == [True] * said
    machine.aws = True
    assert [text for text in direct("instance_keyroll", host=rack.host, speed=10).warnings if "latent" in text] == []


NOT_NEW = {
    "no date": ([{"id": "i-1", "status": "active", "started": None}], "0 of 1 instances"),
    "a date that is none": ([{"id": "i-1", "status": "active", "started": "a while ago"}], "0 of 1 instances"),
    "no instance": ([], "0 of 0 instances"),
}


@pytest.mark.parametrize("what", NOT_NEW)
def test_what_a_rack_says_that_proves_nothing(machine: Machine, direct: Direct, new_rack: NewRack, what: str) -> None:
    """An instance without a date is not known to be new, and that all of none are new is no proof."""
    rack = new_rack(instances=2, update_seconds=1.2)
    machine.log_in(rack.host, rack.key)
    machine.aws = False
    said, count = NOT_NEW[what]
    rack.fault("status", method="GET", path="/instances$", status=200, body=json.dumps(said), content_type="application/json", times=None)
    late = direct("instance_keyroll", host=rack.host, wait_timeout=60, speed=10)
    assert "wait_timeout is over" in str(late.msg)
    assert count in str(late.msg)
    rack.faults.clear()
    done = direct("instance_keyroll", host=rack.host, speed=10)
    assert (done.msg, done["phase"], done["instances_on_new_key"], done["instances_total"]) == (None, "committed", 2, 2)
    assert is_whole(rack, done["key_name"])
    assert posts(machine, rack) == 1


def test_ec2_finds_no_instance(machine: Machine, convox: Standin, direct: Direct, new_rack: NewRack) -> None:
    """As where somebody took their tags off: the rack is asked."""
    rack = new_rack(instances=2, update_seconds=1.2)
    machine.log_in(rack.host, rack.key)
    nothing = '<DescribeInstancesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><reservationSet/></DescribeInstancesResponse>'
    convox.aws_faults.add(action="ec2:DescribeInstances", effect="status", status=200, body=nothing, content_type="text/xml", times=None)
    done = direct("instance_keyroll", host=rack.host, speed=10)
    assert (done.msg, done["phase"], done["instances_on_new_key"], done["instances_total"]) == (None, "committed", 2, 2)
    convox.aws_faults.clear()
