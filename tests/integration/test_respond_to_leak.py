# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Something leaked: whatever can be reached with it is rolled, and the former keys are asked whether they are dead."""
from __future__ import annotations

import json
import re
import stat
from typing import TYPE_CHECKING, Any

import pytest
import requests

from tests.integration.plays import Fleet, in_force, times_set, token_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.conftest import NewRack
    from tests.integration.machine import Machine
    from tests.standin import Standin
    from tests.standin.console import Console
    from tests.standin.rack import Rack


@pytest.fixture
def fleet(machine: Machine, new_rack: NewRack) -> Fleet:
    """Two racks whose instances have had a pair before, rolled a moment ago: no key is due by its age."""
    fleet = Fleet(machine, [new_rack(key_pair=f"pair{number}-keypair-1234") for number in range(2)])
    fleet.everywhere["convox_max_age"] = "90d"
    return fleet


@pytest.fixture
def record(machine: Machine) -> Path:
    """Where the record of the incident goes."""
    return machine.home / "incident.json"


def refused(rack: Rack, convox: Standin, user: str, secret: str) -> bool:
    """As the rack itself says."""
    return requests.get(f"https://{rack.host}/system", auth=(user, secret), verify=convox.ca_path, timeout=10).status_code == 401


def former_pair_is_gone(rack: Rack) -> bool:
    return {each.key_name for each in rack.instances.members()} == {rack.parameters["Key"]}


def test_a_laptop_s_auth_file(fleet: Fleet, console: Console, record: Path) -> None:
    """The Console key, then every rack's key and its tokens, then the instances'."""
    machine, convox = fleet.machine, fleet.machine.convox
    machine.log_in(console.host, console.api_key)
    machine.environment = {"CONVOX_HOST": console.host, "CONVOX_ACCOUNT_PASSWORD": console.password}
    tokens = {rack.name: token_of(rack, convox) for rack in fleet.racks}
    old_console, before = console.api_key, len(convox.journal.entries())
    given: dict[str, Any] = {"convox_leaked": "auth_file", "convox_email": console.email, "convox_serial": "100%"}
    output = fleet.play("respond_to_leak", convox_incident_path=str(record), **given)
    assert "All that leaked is refused, or on no instance any more" in output
    changes = [each["path"] for each in convox.journal.entries()[before:] if each["method"] in ("PUT", "POST") and each["server"] != "aws"]
    order = ["/graphql", "/system", "/system/jwt/rotate", "/instances/keyroll"]
    assert [path for path in dict.fromkeys(changes) if path in order] == order
    assert old_console != console.api_key
    assert requests.get(f"https://{console.host}/auth", auth=("convox", old_console), verify=convox.ca_path, timeout=10).status_code == 401
    for rack in fleet.racks:
        assert refused(rack, convox, "convox", fleet.former[rack.name])
        assert refused(rack, convox, "jwt", tokens[rack.name])
        assert former_pair_is_gone(rack)
        assert machine.auth()[rack.host] == in_force(rack)
    told = json.loads(record.read_text(encoding="utf-8"))
    assert stat.S_IMODE(record.stat().st_mode) == 0o600
    assert (told["leaked"], told["not_proven"], told["console"]["old_refused"]) == ("auth_file", [], "true")
    for rack in fleet.racks:
        key, pair = told["racks"][rack.name]["rack_api_key"], told["racks"][rack.name]["instance_key"]
        assert (key["old_refused"], key["activated_by"], pair["key_name"]) == ("true", "signing_key", rack.parameters["Key"])


def test_one_rack_s_key(fleet: Fleet, record: Path) -> None:
    leaked, other = fleet.racks
    fleet.play("respond_to_leak", convox_leaked="rack_key", convox_hosts=leaked.name, convox_incident_path=str(record))
    assert refused(leaked, fleet.machine.convox, "convox", fleet.former[leaked.name])
    assert former_pair_is_gone(leaked)
    assert (times_set(other), other.parameters["Key"]) == (0, "pair1-keypair-1234")
    assert list(json.loads(record.read_text(encoding="utf-8"))["racks"]) == [leaked.name]


def test_an_instance_s_key(fleet: Fleet, record: Path) -> None:
    """Who has it could read the key of the rack: first that way is closed, then the key is changed."""
    rack = fleet.racks[0]
    fleet.play("respond_to_leak", "--limit", rack.name, convox_leaked="instance_key", convox_incident_path=str(record))
    assert former_pair_is_gone(rack)
    assert refused(rack, fleet.machine.convox, "convox", fleet.former[rack.name])
    changes = [each["path"] for each in fleet.machine.convox.journal.entries() if each["server"] == f"rack {rack.name}" and each["method"] != "GET"]
    assert changes[0] == "/instances/keyroll"
    assert "/system/jwt/rotate" in changes[1:]


def test_what_is_not_proven_is_named(fleet: Fleet, record: Path) -> None:
    """A rack that can't be rolled stops the run, which has written down what it knows; the next one goes on with that."""
    good, bad = fleet.racks
    bad.fault("rollback")
    given: dict[str, Any] = {"convox_leaked": "rack_key", "convox_hosts": "convox_racks", "convox_rotation_id": "incident-7"}
    fleet.play("respond_to_leak", status=2, convox_incident_path=str(record), convox_serial="100%", **given)
    told = json.loads(record.read_text(encoding="utf-8"))
    assert told["racks"][good.name]["rack_api_key"]["old_refused"] == "true"
    assert "rolled the update back" in told["racks"][bad.name]["rack_api_key"]["msg"]
    assert f"{bad.name}: the former Rack API key" in told["not_proven"]
    fleet.go_on()
    told = json.loads(record.read_text(encoding="utf-8"))
    assert told["not_proven"] == []
    assert times_set(good) == 1
    assert all(refused(rack, fleet.machine.convox, "convox", fleet.former[rack.name]) for rack in fleet.racks)


def test_tokens_that_live_on_are_named(fleet: Fleet, record: Path) -> None:
    """Restarted by ECS, the rack takes tokens that were issued before."""
    rack = fleet.racks[0]
    token = token_of(rack, fleet.machine.convox)
    given = {"convox_leaked": "rack_key", "convox_hosts": rack.name, "convox_leak_activate": "ecs"}
    output = fleet.play("respond_to_leak", status=2, convox_incident_path=str(record), **given)
    assert f"Not proven to be dead: {rack.name}: tokens that were issued before." in output
    assert not refused(rack, fleet.machine.convox, "jwt", token)


def test_a_record_that_can_not_be_written(fleet: Fleet) -> None:
    """Nothing is rolled then, for the proof would be lost."""
    requests_before = fleet.changes()
    fleet.play("respond_to_leak", status=2, convox_leaked="rack_key", convox_hosts="convox_racks", convox_incident_path="/nowhere/incident.json")
    assert fleet.changes() == requests_before


def test_who_lacks_the_new_key_is_named_at_the_end(fleet: Fleet, record: Path) -> None:
    """All that leaked is rolled first."""
    given: dict[str, Any] = {"convox_leaked": "rack_key", "convox_hosts": "convox_racks", "convox_incident_path": str(record)}
    fleet.everywhere.update(convox_after_roll_file="/nowhere/key", convox_after_roll=["file"])
    said = fleet.play("respond_to_leak", status=2, convox_rotation_id="incident-8", **given)
    assert json.loads(record.read_text(encoding="utf-8"))["not_proven"] == []
    assert [times_set(rack) for rack in fleet.racks] == [1, 1]
    assert "Not proven to be dead" not in said
    for rack in fleet.racks:
        assert former_pair_is_gone(rack)
        assert re.search(f"NOT UPDATED, the new key is in force: (rack.*; )?{rack.name}: file: .* The record is in {record}", said)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "convox_leaked: not given; say what leaked, one of console_key, rack_key, instance_key, auth_file"),
        ({"convox_leaked": "password"}, "convox_leaked: password; say what leaked"),
        ({"convox_leaked": "rack_key"}, "convox_hosts: not given, and convox_leaked is rack_key: name the racks"),
    ],
)
def test_bad_input_changes_nothing(fleet: Fleet, given: dict[str, Any], said: str) -> None:
    requests_before = fleet.changes()
    assert said in fleet.play("respond_to_leak", status=2, **given)
    assert fleet.changes() == requests_before
