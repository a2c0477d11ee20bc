# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""No secret is printed, at any verbosity, nor left in any file but the stores; but for a key that was asked for.

What each test here runs is searched when its plays end (Machine.close) and when the test has ended (conftest.machine).
"""
from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.leaks import find_leaks, leaks_in_files, proxy_password
from tests.leaks import forms_of, found_in

if TYPE_CHECKING:
    from tests.integration.conftest import NewRack
    from tests.integration.direct import Direct
    from tests.integration.machine import Machine
    from tests.standin import Standin
    from tests.standin.console import Console
    from tests.standin.rack import Rack


def test_the_search_finds_what_it_is_for(machine: Machine, rack: Rack, console: Console) -> None:
    machine.log_in("other.example.com", "o" * 30)
    for secret in (rack.key, proxy_password(rack.parameters), console.api_key, console.password, "o" * 30):
        for form in forms_of(secret):
            assert secret in find_leaks(machine, f"a line with {form.decode()}&more")
    forgotten = machine.root / "tmp" / "forgotten"
    forgotten.write_text(json.dumps({"key": rack.key}), encoding="utf-8")
    assert leaks_in_files(machine) == [f"{forgotten}: {rack.key}"]
    forgotten.unlink()
    assert find_leaks(machine, "nothing to see here") == []


@pytest.fixture
def open_rack(new_rack: NewRack) -> Rack:
    """A rack that shows its key to everybody: in its parameters, and in an output for developers."""
    return new_rack(mask_no_echo=False, parameters={"Development": "Yes"}, instances=1)


def test_nothing_is_printed(machine: Machine, open_rack: Rack, console: Console) -> None:
    rack = open_rack
    machine.verbosity = 3
    machine.run("convox_login", host=rack.host, api_key=rack.key, diff=True)
    machine.run("convox_login", host=console.host, api_key=console.api_key, diff=True)
    machine.run("convox_login", rack_url=rack.url, config_dir=str(machine.home / ".convox"))
    machine.fail("convox_login", host=f"https://convox:{rack.key}@{rack.host}")
    machine.fail("convox_login", host=rack.host, api_key="Wrong123" * 4)
    machine.run("rack_keyroll", host=rack.host, check_mode=True, diff=True)
    machine.run("rack_keyroll", host=rack.host, new_key="Given123" * 4, diff=True, activate="none")
    machine.fail("rack_keyroll", host=rack.host, new_key="Second12" * 4)
    machine.run("rack_keyroll", host=rack.host, diff=True)
    machine.run("instance_keyroll", host=rack.host, diff=True)
    account = {"host": console.host, "email": console.email, "account_password": console.password}
    machine.run("console_api_key", check_mode=True, diff=True, **account)
    machine.fail("console_api_key", **{**account, "account_password": "Wrong password"})
    output = machine.close()
    assert "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER" in output
    for typed in ("Wrong123" * 4, "Wrong password", "Given123" * 4, "Second12" * 4):
        assert typed not in output


def test_variables_are_not_printed(machine: Machine, rack: Rack) -> None:
    machine.verbosity = 3
    machine.environment = {"CONVOX_HOST": rack.host, "CONVOX_PASSWORD": rack.key}
    machine.run("convox_login")
    machine.environment = {"RACK_URL": rack.url}
    machine.run("rack_keyroll")
    assert rack.accepted_keys == {machine.auth()[rack.host]}


def is_only_where_it_was_asked_for(machine: Machine, key: str, *results: Any) -> None:
    """In the field api_key of one result, and so once in the output."""
    machine.returned.add(key)
    found = [name for result in results for name, value in result.data.items() if key in json.dumps(value)]
    assert found == ["api_key"]
    output = machine.close()
    assert output.count(f'"api_key": "{key}"') == 1
    assert found_in(output.replace(f'"api_key": "{key}"', ""), [key]) == []


def test_the_key_of_a_rack_is_returned_once(machine: Machine, rack: Rack) -> None:
    machine.verbosity = 3
    roll = {"host": rack.host, "api_key": rack.key, "return_key": True, "rotation_id": "one"}
    told = machine.run("rack_keyroll", check_mode=True, **roll)
    made = machine.run("rack_keyroll", diff=True, **roll)
    again = machine.run("rack_keyroll", **roll)
    assert made["api_key"] == rack.key == machine.auth()[rack.host]
    assert [each.changed for each in (told, made, again)] == [True, True, False]
    is_only_where_it_was_asked_for(machine, rack.key, told, made, again)


def test_a_key_that_an_earlier_run_made_is_not_returned(machine: Machine, rack: Rack) -> None:
    made = machine.run("rack_keyroll", host=rack.host, api_key=rack.key, activate="none", return_key=True)
    assert made["api_key"] == rack.key
    finished = machine.run("rack_keyroll", host=rack.host, return_key=True)
    assert (finished["phase"], "api_key" in finished.data) == ("committed", False)
    # Results of tasks that pass are not printed at all.
    assert find_leaks(machine, machine.close()) == []
    machine.returned.add(rack.key)


def test_the_key_of_a_console_is_returned_once(machine: Machine, console: Console) -> None:
    machine.verbosity = 3
    account = {"host": console.host, "email": console.email, "account_password": console.password, "api_key": console.api_key}
    made = machine.run("console_api_key", return_key=True, rotation_id="one", **account)
    again = machine.run("console_api_key", return_key=True, rotation_id="one", **{**account, "api_key": None})
    assert (made["api_key"], again.changed) == (console.api_key, False)
    is_only_where_it_was_asked_for(machine, console.api_key, made, again)


def test_a_failing_run_returns_no_key(machine: Machine, rack: Rack) -> None:
    """It is in the store as pending: a key that is not in force helps nobody."""
    machine.verbosity = 3
    rack.fault("rollback")
    failed = machine.fail("rack_keyroll", host=rack.host, api_key=rack.key, return_key=True)
    assert "api_key" not in failed.data


def test_what_a_server_says_back(machine: Machine, convox: Standin, direct: Direct, rack: Rack) -> None:
    """A proxy's page, an error of AWS: with the key in it that it was sent."""
    machine.log_in(rack.host, rack.key)
    machine.verbosity = 3
    rack.fault("status", path="^/auth$", status=500, body=f"upstream said no to convox:{rack.key}\n", times=None)
    assert "upstream said no to" in machine.fail("convox_login", host=rack.host).msg
    convox.aws_faults.add(action="cloudformation:UpdateStack", error="ValidationError", message=f"Parameter Password={rack.key} is not good")
    refused = machine.fail("rack_keyroll", host=rack.host, method="cloudformation")
    assert "is not good" in refused.msg
