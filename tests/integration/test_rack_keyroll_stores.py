# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where rack_keyroll keeps keys: in each store before anything else is done, and never where a job's end deletes them."""
from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.integration.machine import Machine
from tests.integration.watching import new_keys_of, nothing_changes, overtaken, stages_of
from tests.standin.journal import fingerprint

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.ansible import SharedPlaybook
    from tests.standin import Standin
    from tests.standin.rack import Rack

AWX_VARIABLES = ["AWX_HOST", "TOWER_HOST", "AWX_PRIVATE_DATA_DIR", "AWX_ISOLATED_DATA_DIR", "RUNNER_OMIT_EVENTS"]


@pytest.fixture
def file(machine: Machine) -> Path:
    """A file that is there to hold keys."""
    path = machine.home / "keys" / "convox.json"
    machine.stores.add(path)
    return path


def test_a_file_store(machine: Machine, rack: Rack, file: Path) -> None:
    """It has what others wrote into it, which stays; the CLI's files follow only where they had the old key."""
    machine.write(file, json.dumps({"other": {"mine": 1}, "rack_api_key": {rack.rack_domain: {"current": rack.key, "note": "ours"}}}))
    machine.log_in("other.example.com", "o" * 30)
    old, stores = rack.key, [{"type": "file", "path": str(file)}]
    result = machine.run("rack_keyroll", host=rack.host, stores=stores, rotation_id="one")
    assert result["stored_in"] == [f"file:{file}"]
    kept = machine.read_json(file)
    record = kept["rack_api_key"][rack.rack_domain]
    assert (record["current"], record["superseded"], record["note"], kept["other"]) == (rack.key, [old], "ours", {"mine": 1})
    assert "pending" not in record
    assert machine.auth() == {"other.example.com": "o" * 30}
    assert oct(file.stat().st_mode & 0o777) == "0o600"
    # The next run takes its key from the store.
    assert not machine.run("rack_keyroll", host=rack.host, stores=stores, max_age="1h").changed
    assert machine.run("rack_keyroll", host=rack.host, stores=stores).changed
    assert rack.accepted_keys == {machine.read_json(file)["rack_api_key"][rack.rack_domain]["current"]}


def test_two_stores_hold_each_key_at_every_step(machine: Machine, rack: Rack, file: Path) -> None:
    old = rack.key
    machine.log_in(rack.host, old)
    stores = [{"type": "cli"}, {"type": "file", "path": str(file)}]
    machine.run("rack_keyroll", host=rack.host, stores=stores, activate="none")
    for path in (machine.config / "rotations.json", file):
        record = machine.read_json(path)["rack_api_key"][rack.rack_domain]
        assert (record["current"], record["pending"]["key"]) == (old, rack.key)
    result = machine.run("rack_keyroll", host=rack.host, stores=stores)
    assert result["stored_in"] == ["cli", f"file:{file}"]
    assert machine.auth()[rack.host] == rack.key == machine.read_json(file)["rack_api_key"][rack.rack_domain]["current"]
    for path in (machine.config / "rotations.json", file):
        record = machine.read_json(path)["rack_api_key"][rack.rack_domain]
        assert (record["superseded"], "pending" in record) == ([old], False)


def test_a_rotation_that_was_begun_with_the_cli_store(machine: Machine, rack: Rack, file: Path) -> None:
    """Whatever stores are named, what is unfinished in the CLI's directory goes on: never a second key."""
    machine.log_in(rack.host, rack.key)
    begun = machine.run("rack_keyroll", host=rack.host, activate="none")
    result = machine.run("rack_keyroll", host=rack.host, stores=[{"type": "file", "path": str(file)}])
    assert (result["resumed"], result["fingerprint"]) == (True, begun["fingerprint"])
    assert rack.accepted_keys == {rack.key} == {machine.auth()[rack.host]}
    assert "pending" not in machine.record("rack_api_key", rack.rack_domain)


def test_another_key_of_somebody_else_is_left_and_named(machine: Machine, rack: Rack) -> None:
    """A token for the same host in the CLI's files, say: it is not the key that is rolled."""
    token, machine.unknowable = "Token0" * 5, {"Token0" * 5}
    machine.log_in(rack.host, token)
    result = machine.run("rack_keyroll", host=rack.host, api_key=rack.key)
    assert machine.auth()[rack.host] == token
    assert fingerprint(token) in result.warnings
    assert machine.record("rack_api_key", rack.rack_domain)["current"] == rack.key
    # The run that ended the roll may have died before it said so.
    again = machine.run("rack_keyroll", host=rack.host, api_key=rack.key, rotation_id=result["rotation_id"])
    assert (again.changed, fingerprint(token) in again.warnings) == (False, True)


def test_a_store_that_can_not_be_written(machine: Machine, rack: Rack) -> None:
    blocked = machine.home / "file" / "keys.json"
    machine.write(blocked.parent, "not a directory")
    with nothing_changes(machine, locks=False):
        refused = machine.fail("rack_keyroll", host=rack.host, api_key=rack.key, stores=[{"type": "cli"}, {"type": "file", "path": str(blocked)}])
    assert str(blocked) in refused.msg


@pytest.mark.parametrize("damaged", ["", '{"rack_api_key": {"a', '{"rack_api_key": {"RACK": {"pending": "yes"}}}'])
def test_a_damaged_store(machine: Machine, rack: Rack, damaged: str) -> None:
    path = machine.home / "keys.json"
    machine.write(path, damaged.replace("RACK", rack.rack_domain))
    with nothing_changes(machine, locks=False):
        refused = machine.fail("rack_keyroll", host=rack.host, api_key=rack.key, stores=[{"type": "file", "path": str(path)}])
    assert str(path) in refused.msg
    assert "nothing was changed" in refused.msg


SECRET = {"type": "aws_secretsmanager"}


def secret(machine: Machine, rack: Rack, stage: str) -> dict[str, str]:
    """What somebody with the AWS CLI reads of a rack's secret."""
    return stages_of(machine.convox, f"convox/{rack.rack_domain}").get(stage, {})


def test_a_secret_in_aws(machine: Machine, rack: Rack) -> None:
    """Which outlives a job; the key is found there by the next run, which is told of none."""
    machine.environment = {AWX_VARIABLES[0]: "awx.example.com", "AWS_DEFAULT_REGION": "us-east-1"}
    old = rack.key
    begun = machine.run("rack_keyroll", host=rack.host, api_key=old, stores=[SECRET], activate="none")
    assert begun["stored_in"] == ["aws_secretsmanager:convox/<rack-domain>"]
    assert (secret(machine, rack, "AWSCURRENT")["api_key"], secret(machine, rack, "AWSPENDING")["api_key"]) == (old, rack.key)
    done = machine.run("rack_keyroll", host=rack.host, stores=[SECRET])
    assert (done["phase"], done["resumed"], done["fingerprint"]) == ("committed", True, begun["fingerprint"])
    assert secret(machine, rack, "AWSCURRENT") == {"host": rack.host, "api_key": rack.key}
    assert secret(machine, rack, "AWSPREVIOUS")["api_key"] == old
    assert secret(machine, rack, "AWSPENDING") == {}
    assert rack.accepted_keys == {rack.key} == set(new_keys_of(rack))
    assert not machine.run("rack_keyroll", host=rack.host, stores=[SECRET], max_age="1d").changed
    assert not (machine.config / "auth").exists()


def test_a_secret_as_the_options_say(machine: Machine, convox: Standin, rack: Rack) -> None:
    """Its name, its KMS key and its tags, by way of Ansible; whoever looks at it without the right to read learns no key."""
    machine.environment = {"AWS_DEFAULT_REGION": "us-east-1"}
    store = {"type": "aws_secretsmanager", "name": "ops/<rack-domain>/key", "kms_key_id": "alias/convox", "tags": {"team": "blue", "cost": 42}}
    done = machine.run("rack_keyroll", host=rack.host, api_key=rack.key, stores=[store], rotation_id="one")
    assert done["stored_in"] == ["aws_secretsmanager:ops/<rack-domain>/key"]
    stored = convox.cloud.backend("secretsmanager", "us-east-1").secrets[f"ops/{rack.rack_domain}/key".replace(":", "_")]
    assert stored.kms_key_id == "alias/convox"
    tags = {each["Key"]: each["Value"] for each in stored.tags}
    expected = {"team": "blue", "cost": "42", "convox:fingerprint": fingerprint(rack.key), "convox:rotation_id": "one"}
    assert {name: tags.get(name) for name in expected} == expected
    assert rack.key not in json.dumps(tags)
    assert machine.run("rack_keyroll", host=rack.host, stores=[store]).changed
    refused = machine.fail("rack_keyroll", host=rack.host, check_mode=True, stores=[{**store, "tags": {"team": ["blue"]}}])
    assert "stores: the tag 'team'" in refused.msg


def test_two_controllers_share_a_secret(machine: Machine, rack: Rack, shared: SharedPlaybook, tmp_path: Path) -> None:
    """What one begins the other finishes, though it has none of the first one's files; and a campaign rolls once."""
    (tmp_path / "other").mkdir()
    other = Machine(machine.convox, tmp_path / "other", shared)
    for each in (machine, other):
        each.environment = {"AWS_DEFAULT_REGION": "us-east-1"}
        each.defaults["stores"] = [SECRET]
    begun = machine.run("rack_keyroll", host=rack.host, api_key=rack.key, activate="none", rotation_id="2026-q4")
    done = other.run("rack_keyroll", host=rack.host, rotation_id="2026-q4")
    assert (done["phase"], done["resumed"], done["fingerprint"]) == ("committed", True, begun["fingerprint"])
    again = machine.run("rack_keyroll", host=rack.host, rotation_id="2026-q4")
    assert (again.changed, again["fingerprint"]) == (False, begun["fingerprint"])
    assert rack.accepted_keys == {secret(machine, rack, "AWSCURRENT")["api_key"]} == set(new_keys_of(rack))


def test_a_rack_that_another_controller_rolls_meanwhile(machine: Machine, rack: Rack) -> None:
    """For the same campaign, while a run waits: it stages nothing, not even in a store of its own, and rolls nothing when it runs again."""
    machine.environment = {"AWS_DEFAULT_REGION": "us-east-1"}
    given = {"host": rack.host, "rotation_id": "2026-q4"}
    # What is asked last before a key is staged.
    rack.fault("delay", seconds=20, path="^/instances$", times=1)
    late = {"api_key": rack.key, "stores": [{"type": "cli"}, SECRET], **given}
    first = {"api_key": rack.key, "stores": [SECRET], "config_dir": str(machine.home / "other"), **given}
    done, refused = overtaken(machine, rack.faults, "rack_keyroll", late, first)
    assert f"{rack.rack_domain}: another run has rolled it meanwhile; nothing was changed; run again" in refused.msg
    assert not (machine.config / "rotations.json").exists()
    again = machine.run("rack_keyroll", stores=[{"type": "cli"}, SECRET], **given)
    assert (again.changed, again["fingerprint"]) == (False, done["fingerprint"])
    assert rack.accepted_keys == {secret(machine, rack, "AWSCURRENT")["api_key"]} == set(new_keys_of(rack))


def test_two_runs_share_a_file(machine: Machine, rack: Rack, file: Path) -> None:
    """But not the CLI's directory, where the lock is: the one that comes second leaves the first one's key, and finishes it next."""
    machine.aws = False
    old, stores = rack.key, [{"type": "file", "path": str(file)}]
    # What is asked last before a key is staged.
    rack.fault("delay", seconds=15, path="^/instances$", times=1)
    given = {"host": rack.host, "api_key": old, "stores": stores}
    late, other = {"config_dir": str(machine.home / "one"), **given}, {"config_dir": str(machine.home / "two"), "activate": "none", **given}
    first, refused = overtaken(machine, rack.faults, "rack_keyroll", late, other)
    assert all(word in refused.msg for word in (first["fingerprint"], rack.rack_domain, "run again"))
    assert new_keys_of(rack) == [rack.key]
    done = machine.run("rack_keyroll", **late)
    assert (done["phase"], done["resumed"], done["fingerprint"]) == ("committed", True, first["fingerprint"])
    assert rack.accepted_keys == {machine.read_json(file)["rack_api_key"][rack.rack_domain]["current"]}


def test_a_store_that_fails_at_the_end(machine: Machine, convox: Standin, rack: Rack, file: Path) -> None:
    """The key is in force and held; the next run promotes what is left, and rolls nothing."""
    machine.environment = {"AWS_DEFAULT_REGION": "us-east-1"}
    stores = [{"type": "file", "path": str(file)}, SECRET]
    convox.aws_faults.add(action="secretsmanager:UpdateSecretVersionStage", times=None, skip=1)
    failed = machine.fail("rack_keyroll", host=rack.host, api_key=rack.key, stores=stores)
    assert failed.changed
    assert f"{rack.rack_domain}: the new key is in force and kept as pending: " in failed.msg
    assert "secretsmanager:UpdateSecretVersionStage" in failed.msg
    assert machine.read_json(file)["rack_api_key"][rack.rack_domain]["pending"]["key"] == rack.key
    convox.aws_faults.clear()
    done = machine.run("rack_keyroll", host=rack.host, stores=stores)
    assert (done["phase"], done["resumed"]) == ("committed", True)
    assert rack.accepted_keys == {secret(machine, rack, "AWSCURRENT")["api_key"]} == set(new_keys_of(rack))
    assert "pending" not in machine.read_json(file)["rack_api_key"][rack.rack_domain]


def test_a_secret_that_can_not_be_written(machine: Machine, convox: Standin, rack: Rack) -> None:
    machine.environment = {"AWS_DEFAULT_REGION": "us-east-1"}
    convox.aws_faults.add(action="secretsmanager:PutSecretValue", times=None)
    refused = machine.fail("rack_keyroll", host=rack.host, api_key=rack.key, stores=[{"type": "cli"}, SECRET])
    assert "secretsmanager:PutSecretValue" in refused.msg
    assert new_keys_of(rack) == []


def test_a_job_that_deletes_its_files(machine: Machine, rack: Rack, file: Path) -> None:
    machine.environment[AWX_VARIABLES[-1]] = "1"
    with nothing_changes(machine, locks=False):
        refused = machine.fail("rack_keyroll", host=rack.host, api_key=rack.key)
        one_of_two = [{"type": "cli", "persistent": True}, {"type": "file", "path": str(file)}]
        assert str(file) in machine.fail("rack_keyroll", host=rack.host, api_key=rack.key, stores=one_of_two).msg
        others = [("instance_keyroll", {}), ("console_api_key", {"email": "me@example.com"})] * 2
        for variable, (module, more) in zip(AWX_VARIABLES, others):
            refusal = machine.fail(module, host=rack.host, api_key=rack.key, environment={variable: "x", AWX_VARIABLES[-1]: ""}, **more)
            assert variable in refusal.msg
    for word in ("stores: cli", AWX_VARIABLES[-1], "persistent"):
        assert word in refused.msg
    kept = machine.run("rack_keyroll", host=rack.host, api_key=rack.key, stores=[{"type": "cli", "persistent": True}])
    assert kept["phase"] == "committed"


def test_the_ledger(machine: Machine, rack: Rack) -> None:
    ledger = machine.home / "ledger" / "all.jsonl"
    old = rack.key
    machine.run("rack_keyroll", host=rack.host, api_key=old, ledger_path=str(ledger), rotation_id="one")
    (line,) = [json.loads(each) for each in ledger.read_text(encoding="utf-8").splitlines()]
    assert (line["what"], line["identity"], line["rack"]) == ("rack_api_key", rack.rack_domain, rack.name)
    assert (line["old"], line["new"], line["rotation_ids"]) == (fingerprint(old), fingerprint(rack.key), ["one"])
    # A ledger that can't be written does not make a roll that was committed a failure.
    blocked = machine.run("rack_keyroll", host=rack.host, ledger_path=str(ledger / "below.jsonl"))
    assert "ledger" in blocked.warnings
    assert rack.accepted_keys == {machine.auth()[rack.host]}
