# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""console_api_key: the Console makes the key, tells it once, and the old one is dead from then on.

A new key is confirmed twice, ten seconds apart by contract; most tests here go by a fast clock.
"""
from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.watching import asked, nothing_changes, overtaken, stages_of, wait_until
from tests.standin.journal import fingerprint

if TYPE_CHECKING:
    from tests.integration.direct import Direct
    from tests.integration.machine import Machine
    from tests.standin.console import Console
    from tests.standin.rack import Rack


@pytest.fixture
def account(machine: Machine, console: Console) -> dict[str, Any]:
    """The options of a person whose CLI is logged in."""
    machine.log_in(console.host, console.api_key)
    return {"host": console.host, "email": console.email, "account_password": console.password}


def record(machine: Machine, console: Console) -> dict[str, Any]:
    return machine.record("console_api_key", f"{console.email}@{console.host}")


def test_a_key_is_rolled_once_for_a_campaign_or_an_age(machine: Machine, console: Console, account: dict[str, Any]) -> None:
    old, resets = console.api_key, len(console.former_keys)
    with nothing_changes(machine):
        told = machine.run("console_api_key", check_mode=True, diff=True, **account)
    assert (told.changed, told["diff"]["after"], told["fingerprint"]) == (True, {"fingerprint": "a new key"}, None)

    first = machine.run("console_api_key", rotation_id="campaign", diff=True, **account)
    assert first.changed
    assert machine.auth() == {console.host: console.api_key}
    assert (first["fingerprint"], first["old_fingerprint"]) == (fingerprint(console.api_key), fingerprint(old))
    assert first["diff"] == {"before": {"fingerprint": fingerprint(old)}, "after": {"fingerprint": fingerprint(console.api_key)}}
    assert (first["id"], first["rack"], first["stored_in"], first["resumed"]) == (console.user_id, None, ["cli"], False)
    assert "pending" not in record(machine, console)

    with nothing_changes(machine, locks=False):
        assert not machine.run("console_api_key", rotation_id="campaign", **account).changed
        assert not machine.run("console_api_key", max_age="1d", **account).changed
        assert not machine.run("console_api_key", state="valid", host=console.host, email=console.email).changed
        assert machine.run("console_api_key", max_age="0s", check_mode=True, **account).changed
    assert len(console.former_keys) == resets + 1


def test_killed_before_the_new_key_is_in_force_for_us(machine: Machine, console: Console, account: dict[str, Any]) -> None:
    """The Console has told the key, and the run dies; nobody else could ever learn it. Meanwhile a second run is refused."""
    old, resets = console.api_key, len(console.former_keys)
    first = machine.begin("console_api_key", **account)
    wait_until(lambda: console.api_key != old and console.api_key in machine.held_keys())
    with nothing_changes(machine):
        refused = machine.fail("console_api_key", **account)
    assert "another run works on it (pid " in refused.msg
    first.kill()
    assert (record(machine, console)["pending"]["key"], machine.auth()[console.host]) == (console.api_key, old)

    # No password is needed for what is left.
    second = machine.run("console_api_key", host=console.host, email=console.email, return_key=True)
    # It was made by an earlier run, whose caller it was for.
    assert "api_key" not in second.data
    assert (second["resumed"], second["fingerprint"], second["old_fingerprint"]) == (True, fingerprint(console.api_key), fingerprint(old))
    assert machine.auth() == {console.host: console.api_key}
    assert len(console.former_keys) == resets + 1


def test_the_reply_with_the_key_is_lost(machine: Machine, direct: Direct, console: Console, account: dict[str, Any]) -> None:
    """Nothing can recover it, but the session can be opened again: the next run makes another key."""
    old, resets = console.api_key, len(console.former_keys)
    console.fault("drop_after", path="/graphql", skip=1)
    failed = direct("console_api_key", **account)
    assert failed.msg is not None
    assert (console.former_keys[-1], len(console.former_keys)) == (old, resets + 1)
    assert "pending" in record(machine, console)
    machine.log_in("other.example.com", "o" * 30)

    done = direct("console_api_key", **account)
    assert (done.msg, done["resumed"], len(console.former_keys)) == (None, True, resets + 2)
    assert machine.auth() == {console.host: console.api_key, "other.example.com": "o" * 30}
    assert "pending" not in record(machine, console)


@pytest.mark.parametrize("body", ["", '{"data": {"user_cli_token_reset": null}}', '{"data": []}', "<!DOCTYPE html>"])
def test_a_reply_of_another_shape(machine: Machine, direct: Direct, console: Console, account: dict[str, Any], body: str) -> None:
    console.fault("status", path="/graphql", skip=1, status=200, body=body, content_type="text/html" if "html" in body else "application/json")
    failed = direct("console_api_key", **account)
    assert failed.msg is not None
    assert console.host in failed.msg
    assert direct("console_api_key", **account).msg is None
    assert machine.auth() == {console.host: console.api_key}


def test_a_new_key_that_is_refused(machine: Machine, direct: Direct, console: Console, account: dict[str, Any]) -> None:
    """The Console makes another; after three it is given up, and the last is kept."""
    resets = len(console.former_keys)
    refused = {"path": "^/auth$", "status": 401, "body": "invalid authentication\n"}
    console.fault("status", skip=1, **refused)
    assert direct("console_api_key", **account).msg is None
    assert (len(console.former_keys), machine.auth()) == (resets + 2, {console.host: console.api_key})

    console.fault("status", skip=1, times=3, **refused)
    failed = direct("console_api_key", **account)
    assert "3 new keys in a row" in str(failed.msg)
    assert record(machine, console)["pending"]["key"] == console.api_key
    assert direct("console_api_key", **account).msg is None
    assert (len(console.former_keys), machine.auth()) == (resets + 5, {console.host: console.api_key})


def test_silence_is_no_refusal(machine: Machine, direct: Direct, console: Console, account: dict[str, Any]) -> None:
    resets = len(console.former_keys)
    console.fault("drop_before", path="^/auth$", skip=2)
    failed = direct("console_api_key", **account)
    assert "pending" in str(failed.msg)
    assert direct("console_api_key", **account)["resumed"]
    assert (len(console.former_keys), machine.auth()) == (resets + 1, {console.host: console.api_key})


def test_valid_rolls_only_a_refused_key(machine: Machine, direct: Direct, console: Console, account: dict[str, Any]) -> None:
    resets = len(console.former_keys)
    console.reset_api_key()  # by somebody else
    done = direct("console_api_key", state="valid", **account)
    assert (done.msg, done["changed"], len(console.former_keys)) == (None, True, resets + 2)
    assert machine.auth() == {console.host: console.api_key}
    assert not direct("console_api_key", state="valid", **account)["changed"]

    console.set(expired=True)
    done = direct("console_api_key", state="valid", **account)
    assert (done["changed"], machine.auth()) == (True, {console.host: console.api_key})


def test_a_session_challenge_is_answered(machine: Machine, direct: Direct, console: Console, account: dict[str, Any]) -> None:
    console.set(challenge=True)
    assert direct("console_api_key", **account).msg is None
    assert machine.read_json(machine.config / "session")[console.host] in console.sessions
    assert machine.auth() == {console.host: console.api_key}


def test_refused_before_anything_is_made(machine: Machine, console: Console, rack: Rack, account: dict[str, Any]) -> None:
    blocked = machine.home / "file" / "keys.json"
    machine.write(blocked.parent, "not a directory")
    with nothing_changes(machine, locks=False):
        store = [{"type": "file", "path": str(blocked)}]
        assert str(blocked) in machine.fail("console_api_key", stores=store, **account).msg
        assert "not a Console" in machine.fail("console_api_key", **{**account, "host": rack.host, "api_key": rack.key}).msg
        assert "account_password" in machine.fail("console_api_key", host=console.host, email=console.email).msg
        assert "account_password" in machine.fail("console_api_key", host=console.host, email=console.email, check_mode=True).msg


def test_what_the_console_refuses(machine: Machine, console: Console, account: dict[str, Any]) -> None:
    """A wrong password, and an account whose token no automation can answer: the key lives on."""
    key = console.api_key
    wrong = machine.fail("console_api_key", **{**account, "account_password": "not the password"})
    assert "email or account_password is wrong" in wrong.msg
    console.set(hardware_token=True)
    token = machine.fail("console_api_key", **account)
    assert "hardware token" in token.msg
    assert "deploy key" in token.msg
    assert (console.api_key, machine.auth()) == (key, {console.host: key})
    # Nothing is left pending that a later run would have to finish.
    assert not (machine.config / "rotations.json").exists()


def test_another_account_of_the_same_console(machine: Machine, direct: Direct, console: Console, account: dict[str, Any]) -> None:
    """What was recorded of one account says nothing of another."""
    assert direct("console_api_key", rotation_id="one", **account).msg is None
    before = len(asked(machine.convox, "console", path="/graphql"))
    other = direct("console_api_key", rotation_id="one", **{**account, "email": "other@example.com"})
    assert "email or account_password is wrong" in str(other.msg)
    assert len(asked(machine.convox, "console", path="/graphql")) == before + 1


def test_a_file_store(machine: Machine, direct: Direct, console: Console, account: dict[str, Any]) -> None:
    path = machine.home / "keys.json"
    machine.stores.add(path)
    machine.write(path, json.dumps({"rack_api_key": {}}))
    stores = [{"type": "file", "path": str(path)}]
    assert direct("console_api_key", stores=stores, **account)["stored_in"] == [f"file:{path}"]
    kept = machine.read_json(path)["console_api_key"][f"{console.email}@{console.host}"]
    assert (kept["current"], kept["host"]) == (console.api_key, console.host)
    # The CLI had the old key, and goes on with the new one.
    assert machine.auth() == {console.host: console.api_key}
    assert not direct("console_api_key", stores=stores, max_age="1d", **account)["changed"]


def test_a_secret_in_aws(machine: Machine, direct: Direct, console: Console, account: dict[str, Any]) -> None:
    """The store fails when the new key is in force, which nobody else knows: it is staged, and the next run finishes it."""
    machine.environment = {"AWS_DEFAULT_REGION": "us-east-1"}
    name, stores, old = f"convox/{console.email}@{console.host}", [{"type": "aws_secretsmanager"}], console.api_key
    resets = len(console.former_keys)
    machine.convox.aws_faults.add(action="secretsmanager:UpdateSecretVersionStage", times=None, skip=1)
    failed = direct("console_api_key", stores=stores, **account)
    assert "secretsmanager:UpdateSecretVersionStage" in (failed.msg or "")
    assert {stage: stages_of(machine.convox, name)[stage]["api_key"] for stage in ("AWSCURRENT", "AWSPENDING")} == {
        "AWSCURRENT": old,
        "AWSPENDING": console.api_key,
    }
    machine.convox.aws_faults.clear()
    done = direct("console_api_key", stores=stores, **account)
    assert (done["resumed"], done["stored_in"]) == (True, ["aws_secretsmanager:convox/<rack-domain>"])
    stages = stages_of(machine.convox, name)
    assert stages["AWSCURRENT"] == {"host": console.host, "api_key": console.api_key}
    assert (stages["AWSPREVIOUS"]["api_key"], "AWSPENDING" in stages) == (old, False)
    assert len(console.former_keys) == resets + 1
    assert not direct("console_api_key", stores=stores, max_age="1d", **account)["changed"]


def test_another_controller_rolls_it_meanwhile(machine: Machine, console: Console, account: dict[str, Any]) -> None:
    """While a run opens its session: that one makes no second key, which would kill the first, and notes nothing in a store of its own."""
    machine.environment = {"AWS_DEFAULT_REGION": "us-east-1"}
    given, resets = {**account, "api_key": console.api_key, "rotation_id": "2026-q4"}, len(console.former_keys)
    secret = {"type": "aws_secretsmanager"}
    console.fault("delay", path="/graphql", seconds=20)
    late, first = {"stores": [{"type": "cli"}, secret], **given}, {"stores": [secret], "config_dir": str(machine.home / "other"), **given}
    done, refused = overtaken(machine, console.faults, "console_api_key", late, first)
    assert f"{console.email}@{console.host}: another run has rolled it meanwhile; nothing was changed; run again" in refused.msg
    assert not (machine.config / "rotations.json").exists()
    again = machine.run("console_api_key", **late)
    assert (again.changed, again["fingerprint"]) == (False, done["fingerprint"])
    assert len(console.former_keys) == resets + 1


@pytest.fixture
def deploy_key(console: Console, monkeypatch: pytest.MonkeyPatch) -> str:
    """A key of that Console's which is no person's."""
    monkeypatch.setattr(console.spec, "deploy_keys", ("Deploy0" * 5,))
    return console.spec.deploy_keys[0]


def test_somebody_else_s_login_is_left_and_named(
    machine: Machine, direct: Direct, console: Console, account: dict[str, Any], deploy_key: str
) -> None:
    """The Console takes it still when the account has another key, so that it is not the account's."""
    deploy, alias = deploy_key, "console.example.com"
    machine.log_in(console.host, deploy)
    machine.log_in(alias, deploy)
    done = direct("console_api_key", rotation_id="one", **account)
    assert (done.msg, done["old_fingerprint"]) == (None, None)
    assert machine.auth() == {console.host: deploy, alias: deploy}
    assert record(machine, console)["current"] == console.api_key
    assert fingerprint(deploy) in " ".join(done.warnings)
    again = direct("console_api_key", rotation_id="one", **account)
    assert (again["changed"], fingerprint(deploy) in " ".join(again.warnings)) == (False, True)


def test_a_dead_login_is_exchanged(machine: Machine, direct: Direct, console: Console, account: dict[str, Any]) -> None:
    """What the Console refuses is nobody's, wherever the keys are kept."""
    machine.log_in(console.host, "d" * 32)
    path = machine.home / "keys.json"
    machine.stores.add(path)
    assert direct("console_api_key", api_key=console.api_key, stores=[{"type": "file", "path": str(path)}], **account).msg is None
    assert machine.auth() == {console.host: console.api_key}


def test_no_answer_to_whose_a_key_is(machine: Machine, direct: Direct, console: Console, account: dict[str, Any]) -> None:
    """Whether the former key is dead is asked last; without an answer the new one stays pending."""
    console.fault("drop_before", path="^/auth$", skip=3)
    failed = direct("console_api_key", **account)
    assert "kept as pending" in str(failed.msg)
    assert direct("console_api_key", **account)["resumed"]
    assert machine.auth() == {console.host: console.api_key}
