# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""instance_keyroll on v3: the private key is told once, so it is kept before anything uses the pair."""
from __future__ import annotations

import json
import shlex
import stat
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.watching import asked, nothing_changes, stages_of, wait_until

if TYPE_CHECKING:
    from tests.integration.conftest import NewRack
    from tests.integration.direct import Direct
    from tests.integration.machine import Machine
    from tests.standin.console import Console
    from tests.standin.rack import Rack

KEYROLL = "/instances/keyroll"
DEPLOY_KEY = "d" * 32


def posts(machine: Machine, rack: Rack) -> int:
    return len(asked(machine.convox, f"rack {rack.name}", "POST", KEYROLL))


def sets(machine: Machine, rack: Rack) -> int:
    return len(asked(machine.convox, "console", "PUT", f"/racks/acme/{rack.name}"))


def nodes_on(rack: Rack) -> set[str]:
    """The pairs that its nodes have."""
    return {each["key_name"] for each in rack.truth()["instances"]}


@pytest.fixture
def managed(machine: Machine, new_rack: NewRack, console: Console) -> Rack:
    """A v3 rack that Console runs Terraform for, and a machine that is logged in there."""
    machine.log_in(console.host, console.api_key)
    return new_rack(version="3.18.2", console=True, uninstallable=True, instances=2, key_pair="people-s-own", terminated_seconds=0)


@pytest.fixture
def given(managed: Rack, console: Console) -> dict[str, Any]:
    """How it is reached."""
    return {"host": console.host, "rack": f"acme/{managed.name}", "region": managed.region}


# -- the roll -----------------------------------------------------------------------------------------------------
def test_through_console(machine: Machine, direct: Direct, managed: Rack, given: dict[str, Any]) -> None:
    with nothing_changes(machine):
        told = machine.run("instance_keyroll", check_mode=True, **given)
    assert (told.changed, told["phase"], told["key_name"], told["instances_total"]) == (True, None, "people-s-own", 2)

    done = direct("instance_keyroll", rotation_id="campaign", **given)
    assert (done.msg, done["phase"], done["resumed"]) == (None, "committed", False)
    (pair,) = managed.private_keys_told
    assert (done["key_name"], done["old_key_name"], done["instances_on_new_key"], done["instances_total"]) == (pair, "people-s-own", 2, 2)
    assert (managed.variables["key_pair_name"], nodes_on(managed)) == (pair, {pair})
    record = machine.record("instance_key", managed.rack_domain)
    assert (record["current"], record["key_name"], record["rotation_ids"]) == (managed.private_keys_told[pair], pair, ["campaign"])
    assert stat.S_IMODE((machine.config / "rotations.json").stat().st_mode) == 0o600
    assert managed.version == "3.18.2"
    # Nobody is logged in with it.
    assert list(machine.auth()) == [given["host"]]

    with nothing_changes(machine, locks=False):
        for more in ({"rotation_id": "campaign"}, {"max_age": "1d"}):
            assert not machine.run("instance_keyroll", **given, **more).changed
    assert (posts(machine, managed), sets(machine, managed)) == (1, 1)


def test_the_former_key_is_held_until_the_next_success(machine: Machine, direct: Direct, managed: Rack, given: dict[str, Any]) -> None:
    first = direct("instance_keyroll", **given)["key_name"]
    # The rack names pairs by the second.
    wait_until(lambda: not first.endswith(str(int(time.time()))))
    done = direct("instance_keyroll", prune=True, **given)
    assert (done.msg, done["old_key_name"], done["pruned"]) == (None, first, [first])
    record = machine.record("instance_key", managed.rack_domain)
    assert record["current"] == managed.private_keys_told[done["key_name"]]
    assert record["superseded"] == [managed.private_keys_told[first]]
    assert managed.key_pairs() == [done["key_name"]]


def test_two_stores(machine: Machine, direct: Direct, managed: Rack, given: dict[str, Any]) -> None:
    """A file and a secret both have it before the rack names the pair."""
    file = machine.home / "keys.json"
    machine.stores.add(file)
    stores = [{"type": "file", "path": str(file)}, {"type": "aws_secretsmanager"}]
    managed.stack.carry_out = lambda *dummy: None  # no node is replaced yet
    begun = direct("instance_keyroll", wait=False, stores=stores, **given)
    assert (begun.msg, begun["phase"]) == (None, "applied")
    ((pair, private_key),) = managed.private_keys_told.items()
    name = f"convox/{managed.rack_domain}/instance_key"
    assert stages_of(machine.convox, name)["AWSPENDING"]["private_key"] == private_key
    assert machine.read_json(file)["instance_key"][managed.rack_domain]["pending"]["key"] == private_key
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    managed.stack.carry_out = managed._carry_out
    managed.wait_at_rest()
    managed.stack.change({"Key": ""})
    managed.wait_at_rest()
    finished = direct("instance_keyroll", stores=stores, **given)
    assert (finished.msg, finished["phase"], finished["resumed"], finished["key_name"]) == (None, "committed", True, pair)
    current = stages_of(machine.convox, name)["AWSCURRENT"]
    assert (current["private_key"], current["key_name"]) == (private_key, pair)
    assert posts(machine, managed) == 1


# -- whatever dies ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("fault", ["drop_before", "drop_after"])
def test_nothing_is_lost_between_the_two_steps(
    machine: Machine, direct: Direct, managed: Rack, console: Console, given: dict[str, Any], fault: str
) -> None:
    """The pair is made and its key kept; whatever becomes of the parameter, the next run goes on with that pair."""
    console.fault(fault, method="PUT", times=None)
    failed = direct("instance_keyroll", wait_timeout=1200, **given)
    (pair,) = managed.private_keys_told
    if fault == "drop_after":
        # It was set all the same, which is seen.
        assert (failed.msg, failed["phase"]) == (None, "committed")
    else:
        assert pair in str(failed.msg)
        assert "kept in cli" in str(failed.msg)
        assert managed.variables["key_pair_name"] == "people-s-own"
        assert machine.record("instance_key", managed.rack_domain)["pending"]["key"] == managed.private_keys_told[pair]
    console.faults.clear()
    done = direct("instance_keyroll", max_age="1d", **given)
    assert (done.msg, done["phase"], done["key_name"]) == (None, "committed", pair)
    assert nodes_on(managed) == {pair}
    assert posts(machine, managed) == 1


def test_a_reply_that_was_lost(machine: Machine, direct: Direct, managed: Rack, given: dict[str, Any]) -> None:
    """Nobody holds the private key of that pair: it is abandoned, and another is made."""
    managed.fault("cut", path=KEYROLL)
    done = direct("instance_keyroll", prune=True, speed=2.5, **given)
    abandoned, pair = managed.private_keys_told
    assert (done.msg, done["phase"], done["key_name"], done["pruned"]) == (None, "committed", pair, [abandoned])
    assert machine.record("instance_key", managed.rack_domain)["current"] == managed.private_keys_told[pair]
    assert nodes_on(managed) == {pair}


def test_a_rack_that_gives_no_pair(machine: Machine, direct: Direct, managed: Rack, given: dict[str, Any]) -> None:
    managed.fault("status", path=KEYROLL, status=500, body="no", times=None)
    failed = direct("instance_keyroll", **given)
    assert "no new pair came" in str(failed.msg)
    assert sets(machine, managed) == 0
    managed.faults.clear()
    assert direct("instance_keyroll", **given)["phase"] == "committed"


def test_another_shape_of_the_reply(machine: Machine, direct: Direct, managed: Rack, given: dict[str, Any]) -> None:
    managed.fault("status", path=KEYROLL, status=200, body='{"name": "x"}', content_type="application/json", times=None)
    assert "no key pair" in str(direct("instance_keyroll", **given).msg)
    assert sets(machine, managed) == 0


def test_a_terraform_run_that_fails(machine: Machine, direct: Direct, managed: Rack, given: dict[str, Any]) -> None:
    managed.fault("rollback")
    failed = direct("instance_keyroll", **given)
    (pair,) = managed.private_keys_told
    assert "Terraform run failed" in str(failed.msg)
    assert pair in str(failed.msg)
    # Somebody mends it, with another run.
    managed.stack.change({"LogRetention": "30"})
    managed.wait_at_rest()
    done = direct("instance_keyroll", **given)
    assert (done.msg, done["phase"], done["key_name"]) == (None, "committed", pair)
    assert posts(machine, managed) == 1


def test_a_busy_console_is_waited_for(machine: Machine, direct: Direct, managed: Rack, given: dict[str, Any]) -> None:
    managed.fault("never_ends")
    managed.stack.change({"LogRetention": "30"})
    with nothing_changes(machine, locks=False):
        assert "busy (updating)" in str(direct("instance_keyroll", wait_timeout=6, **given).msg)
    assert posts(machine, managed) == 0
    managed.faults.clear()


def test_the_release_stays(machine: Machine, direct: Direct, managed: Rack, console: Console, given: dict[str, Any]) -> None:
    """Another release than the present one, sent along with the parameter, would be an update."""
    managed.stack.change({"Version": "3.18.3"})
    managed.wait_at_rest()
    assert direct("instance_keyroll", **given)["phase"] == "committed"
    assert managed.version == "3.18.3"


# -- who may, and where it can't be done ----------------------------------------------------------------------------
def test_a_deploy_key_may_not(machine: Machine, managed: Rack, console: Console, given: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console.spec, "deploy_keys", (DEPLOY_KEY,))
    machine.typed.add(DEPLOY_KEY)
    failed = machine.fail("instance_keyroll", api_key=DEPLOY_KEY, **given)
    assert "you are unauthorized to access this" in failed.msg
    assert (managed.private_keys_told, sets(machine, managed)) == ({}, 0)


def test_directly_the_parameter_is_set_by_hand(machine: Machine, direct: Direct, new_rack: NewRack) -> None:
    """The rack makes the pair, but takes no parameters: what is left is said, and done by people, and then seen to."""
    rack = new_rack(version="3.18.2", instances=2)
    machine.log_in(rack.host, rack.key)
    for dummy in range(2):
        failed = direct("instance_keyroll", host=rack.host)
        (pair,) = rack.private_keys_told
        assert f"`convox rack params set key_pair_name={pair} -r {rack.name}`" in str(failed.msg)
        assert failed["by_hand"] in str(failed.msg)
        assert failed["phase"] == "applied"
    rack.apply_terraform({"key_pair_name": pair})
    done = direct("instance_keyroll", host=rack.host)
    assert (done.msg, done["phase"], done["resumed"], done["key_name"]) == (None, "committed", True, pair)
    assert machine.record("instance_key", rack.rack_domain)["current"] == rack.private_keys_told[pair]
    assert posts(machine, rack) == 1


@pytest.mark.parametrize("name", ["pair; touch it", "$(touch it)", "it's `touch it`", "pair"])
def test_what_a_rack_says_is_quoted_for_the_shell(machine: Machine, direct: Direct, new_rack: NewRack, name: str) -> None:
    """People paste the command as it stands."""
    rack = new_rack(version="3.18.2", instances=2)
    machine.log_in(rack.host, rack.key)
    told = json.dumps({"name": name, "private-key": "-----BEGIN RSA PRIVATE KEY-----\nnone\n-----END RSA PRIVATE KEY-----\n"})
    rack.fault("status", path=KEYROLL, status=200, body=told, content_type="application/json")
    failed = direct("instance_keyroll", host=rack.host)
    command, where = failed["by_hand"][1:].rsplit("` ", 1)
    assert where == "where its Terraform is"
    assert shlex.split(command) == ["convox", "rack", "params", "set", f"key_pair_name={name}", "-r", rack.name]


def test_directly_where_a_console_is_known(machine: Machine, direct: Direct, managed: Rack, console: Console) -> None:
    """The CLI's Console lists the rack, and sets the parameter."""
    machine.write(machine.config / "console", console.host)
    done = direct("instance_keyroll", host=managed.host, api_key=managed.key)
    assert (done.msg, done["phase"], sets(machine, managed)) == (None, "committed", 1)


def test_a_rack_that_tells_little_of_itself(machine: Machine, direct: Direct, new_rack: NewRack) -> None:
    """Neither its parameters nor its region: EC2 shows that the nodes have the pair, once somebody has set it."""
    rack = new_rack(version="3.2.0", terse=True, instances=2)
    machine.log_in(rack.host, rack.key)
    given = {"host": rack.host, "region": rack.region}
    assert "by_hand" in direct("instance_keyroll", **given).data
    (pair,) = rack.private_keys_told
    rack.apply_terraform({"key_pair_name": pair})
    rack.wait_at_rest()
    done = direct("instance_keyroll", **given)
    assert (done.msg, done["phase"], done["key_name"]) == (None, "committed", pair)


def test_another_account_is_not_believed(machine: Machine, direct: Direct, managed: Rack, given: dict[str, Any]) -> None:
    """AWS's credentials are for where there is no such pair: nodes are told by their start, and nothing is pruned."""
    managed.set(update_seconds=1.2)
    done = direct("instance_keyroll", **{**given, "region": "eu-west-1"}, prune=True, speed=10)
    assert (done.msg, done["phase"], done["pruned"]) == (None, "committed", [])
    assert "does not know the rack's pair" in "\n".join(done.warnings)


@pytest.mark.parametrize("provider", ["gcp", "do"])
def test_other_clouds(machine: Machine, new_rack: NewRack, provider: str) -> None:
    rack = new_rack(version="3.18.2", provider=provider)
    with nothing_changes(machine, locks=False):
        failed = machine.fail("instance_keyroll", host=rack.host, api_key=rack.key)
    assert f"on aws only, and this one is on {provider}" in failed.msg
    assert failed["by_hand"]
    assert posts(machine, rack) == 0


def test_its_api_key_is_terraform_s(machine: Machine, new_rack: NewRack) -> None:
    rack = new_rack(version="3.18.2")
    with nothing_changes(machine, locks=False):
        for more in ({}, {"method": "cloudformation"}):
            failed = machine.fail("rack_keyroll", host=rack.host, api_key=rack.key, **more)
            assert "`terraform apply -replace=`" in failed.msg
            assert failed["by_hand"]
