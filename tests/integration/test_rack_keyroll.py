# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""rack_keyroll where all goes well: what it does, when it does nothing, and what it tells."""
from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from ansible_collections.convox.credentials.plugins.module_utils import tls
from tests.integration.watching import asked, beside_the_key, new_keys_of, nothing_changes
from tests.standin.journal import fingerprint

if TYPE_CHECKING:
    from tests.integration.conftest import NewRack
    from tests.integration.machine import Machine
    from tests.standin.rack import Rack


def test_a_key_is_rolled_once_for_a_campaign_or_an_age(machine: Machine, rack: Rack) -> None:
    old, before = rack.key, beside_the_key(rack)
    first = machine.run("rack_keyroll", host=rack.host, api_key=old, rotation_id="campaign", diff=True)
    assert first.changed
    new = machine.auth()[rack.host]
    assert rack.accepted_keys == {new} == {rack.key}
    assert new != old
    assert len(new) == 40
    assert beside_the_key(rack) == before
    assert (first["phase"], first["resumed"], first["method"], first["activated_by"]) == ("committed", False, "api", "ecs")
    assert (first["old_refused"], first["stored_in"], first["console_access"]) == ("true", ["cli"], "none")
    assert (first["fingerprint"], first["old_fingerprint"]) == (fingerprint(new), fingerprint(old))
    assert first["diff"] == {"before": {"fingerprint": fingerprint(old)}, "after": {"fingerprint": fingerprint(new)}}
    assert first["rotation_id"] == "campaign"
    assert "api_key" not in first.data

    with nothing_changes(machine):
        again = machine.run("rack_keyroll", host=rack.host, rotation_id="campaign")
        young = machine.run("rack_keyroll", host=rack.host, max_age="1h")
    for later in (again, young):
        assert not later.changed
        assert (later["fingerprint"], later["rolled_at"]) == (fingerprint(new), first["rolled_at"])

    assert machine.run("rack_keyroll", host=rack.host, max_age="0s", rotation_id="next").changed
    assert new_keys_of(rack) == [new, machine.auth()[rack.host]]
    # The former key is held until the next success.
    assert machine.record("rack_api_key", rack.rack_domain)["superseded"] == [new]
    ledger = [json.loads(line) for line in (machine.config / "ledger.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [(each["rotation_ids"], each["old"]) for each in ledger] == [(["campaign"], fingerprint(old)), (["next"], fingerprint(new))]


def test_check_mode_tells_the_truth_and_changes_nothing(machine: Machine, rack: Rack) -> None:
    with nothing_changes(machine):
        told = machine.run("rack_keyroll", host=rack.host, api_key=rack.key, check_mode=True, diff=True)
    assert (told.changed, told["activated_by"], told.warnings) == (True, "ecs", "")
    assert told["diff"] == {"before": {"fingerprint": fingerprint(rack.key)}, "after": {"fingerprint": "a new key"}}
    assert machine.run("rack_keyroll", host=rack.host, api_key=rack.key, rotation_id="one").changed
    with nothing_changes(machine):
        assert not machine.run("rack_keyroll", host=rack.host, rotation_id="one", check_mode=True).changed
        assert not machine.run("rack_keyroll", host=rack.host, max_age="1d", check_mode=True).changed
        assert machine.run("rack_keyroll", host=rack.host, check_mode=True).changed


def test_a_given_key(machine: Machine, rack: Rack) -> None:
    wanted = "Given1" * 6
    machine.log_in(rack.host, rack.key)
    assert machine.run("rack_keyroll", host=rack.host, new_key=wanted).changed
    assert rack.accepted_keys == {wanted}
    with nothing_changes(machine):
        assert not machine.run("rack_keyroll", host=rack.host, new_key=wanted).changed
    assert machine.run("rack_keyroll", host=rack.host, key_length=24).changed
    assert len(machine.auth()[rack.host]) == 24


def test_begun_without_waiting_and_finished_later(machine: Machine, new_rack: NewRack) -> None:
    rack = new_rack(update_seconds=1.0)
    old = rack.key
    machine.log_in(rack.host, old)
    begun = machine.run("rack_keyroll", host=rack.host, wait=False, rotation_id="begun")
    assert (begun.changed, begun["phase"]) == (True, "applied")
    assert machine.auth() == {rack.host: old}
    pending = machine.record("rack_api_key", rack.rack_domain)["pending"]["key"]
    assert rack.accepted_keys == {old}
    with nothing_changes(machine):
        # The pending rotation counts whatever the age of the present key, and check mode sees it.
        told = machine.run("rack_keyroll", host=rack.host, max_age="900d", check_mode=True)
    assert (told.changed, told["resumed"], told["fingerprint"]) == (True, True, fingerprint(pending))

    rack.wait_at_rest()
    finished = machine.run("rack_keyroll", host=rack.host, rotation_id="finished")
    assert (finished["phase"], finished["resumed"], finished["fingerprint"]) == ("committed", True, fingerprint(pending))
    assert rack.accepted_keys == {pending} == {machine.auth()[rack.host]}
    assert new_keys_of(rack) == [pending]
    for each in ("begun", "finished"):
        assert not machine.run("rack_keyroll", host=rack.host, rotation_id=each).changed


def test_every_alias_of_the_old_key_takes_the_new_one(machine: Machine, rack: Rack) -> None:
    """One rack has several host names; entries that hold another key are left."""
    port = rack.host.rpartition(":")[2]
    machine.log_in(f"localhost:{port}", rack.key)
    machine.log_in("other.example.com", "o" * 30)
    machine.write(machine.home / ".convox" / "auth", json.dumps({rack.host: rack.key}))
    machine.run("rack_keyroll", host=f"localhost:{port}")
    assert machine.auth() == {f"localhost:{port}": rack.key, "other.example.com": "o" * 30}
    assert machine.read_json(machine.home / ".convox" / "auth") == {rack.host: rack.key}
    # The identity is the rack's domain: the other name finds the same rotation.
    assert not machine.run("rack_keyroll", host=rack.host, max_age="1d").changed


@pytest.mark.parametrize("begun", [False, True], ids=["never rolled", "being rolled"])
def test_another_rack_with_the_same_key_keeps_its_login(machine: Machine, new_rack: NewRack, begun: bool) -> None:
    """It is no alias: with the new key its owner would be locked out of it."""
    one, other = (new_rack(key="TwinTwinTwinTwinTwinTwinTwin01") for _number in range(2))
    for rack in (one, other):
        machine.log_in(rack.host, rack.key)
    if begun:
        machine.run("rack_keyroll", host=other.host, wait=False)
        other.wait_at_rest()
    machine.run("rack_keyroll", host=one.host)
    assert machine.auth() == {one.host: one.key, other.host: "TwinTwinTwinTwinTwinTwinTwin01"}
    machine.run("rack_keyroll", host=other.host)
    assert machine.auth() == {one.host: one.key, other.host: other.key}
    assert [rack.accepted_keys for rack in (one, other)] == [{one.key}, {other.key}]


def test_a_login_that_may_be_another_rack_s_is_left_and_named(machine: Machine, new_rack: NewRack) -> None:
    """While it can't be asked, its key must not get lost: that rack may take it still."""
    one, away = (new_rack(key="TwinTwinTwinTwinTwinTwinTwin01") for _number in range(2))
    for rack in (one, away):
        machine.log_in(rack.host, rack.key)
    away.fault("status", status=503, body="down", times=None)
    done = machine.run("rack_keyroll", host=one.host)
    assert machine.auth() == {one.host: one.key, away.host: away.key}
    assert f"the login of {away.host} has its former key" in done.warnings
    assert "convox_login" in done.warnings
    machine.run("rack_keyroll", host=one.host)
    assert machine.auth() == {one.host: one.key, away.host: away.key}
    away.faults.clear()
    assert away.accepted_keys == {machine.auth()[away.host]}


def test_a_host_that_refuses_the_former_key_is_not_sent_the_new_one(machine: Machine, new_rack: NewRack) -> None:
    """Any rack does so, and whoever has taken over a name that was this rack's."""
    one, other = new_rack(), new_rack(certificate="self_signed")
    former = one.key
    for rack in (one, other):
        machine.log_in(rack.host, former)
    machine.write(machine.config / "tls-fingerprints", json.dumps({other.host: tls.look_at(other.host, 5).fingerprint}))
    done = machine.run("rack_keyroll", host=one.host)
    assert machine.auth() == {one.host: one.key, other.host: former}
    assert f"the login of {other.host} has its former key" in done.warnings
    assert {each["key_fingerprint"] for each in asked(machine.convox, f"rack {other.name}", "GET", "/system")} == {fingerprint(former)}


def test_an_alias_that_can_not_be_asked_takes_the_new_key(machine: Machine, rack: Rack) -> None:
    """One whose name the certificate does not have shows the very same; one that is no host's any more is nobody else's."""
    port = rack.host.rpartition(":")[2]
    aliases = [f"127.1:{port}", "gone.invalid"]
    for host in (rack.host, *aliases):
        machine.log_in(host, rack.key)
    done = machine.run("rack_keyroll", host=rack.host)
    assert machine.auth() == dict.fromkeys((rack.host, *aliases), rack.key)
    assert "former key" not in done.warnings


def test_the_user_s_name_is_nobody_s_business(machine: Machine, rack: Rack) -> None:
    """Convox ignores it, but for a token's: the key that came with it is the rack's, and is held while the new one is latent."""
    old, machine.aws = rack.key, False
    machine.environment = {"RACK_URL": f"https://deploy:{old}@{rack.host}"}
    machine.log_in("gone.invalid", old)
    assert machine.run("rack_keyroll", activate="none")["phase"] == "applied"
    assert machine.record("rack_api_key", rack.rack_domain)["current"] == old
    done = machine.run("rack_keyroll")
    assert (done["phase"], done["old_refused"], machine.auth()["gone.invalid"]) == ("committed", "true", rack.key)


def test_who_carries_the_old_key_is_named(machine: Machine, new_rack: NewRack) -> None:
    apps = [
        {"name": "api", "parameters": {"RackUrl": "Yes"}, "builds": [{"id": "BABC", "status": "running"}, {"id": "BOLD", "status": "complete"}]},
        {"name": "web", "parameters": {"RackUrl": "No"}},
    ]
    rack = new_rack(apps=apps, image_drift=True)
    before = sorted(each["id"] for each in rack.truth()["instances"])
    result = machine.run("rack_keyroll", host=rack.host, api_key=rack.key)
    assert result["also_affected"] == {"apps": ["api"], "builds": ["api/BABC"], "instances": before}
