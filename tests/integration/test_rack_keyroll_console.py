# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""rack_keyroll of a rack that a Console holds: its copy of the key is not left to die unnoticed."""
from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.watching import asked, new_keys_of, nothing_changes
from tests.standin.journal import fingerprint

if TYPE_CHECKING:
    from tests.integration.conftest import NewRack
    from tests.integration.direct import Direct
    from tests.integration.machine import Machine
    from tests.standin.console import Console
    from tests.standin.rack import Rack


@pytest.fixture
def held(machine: Machine, new_rack: NewRack, console: Console) -> Rack:
    """A rack in the Console that this machine's CLI last logged into."""
    rack = new_rack(console=True)
    machine.log_in(console.host, console.api_key)
    machine.write(machine.config / "console", console.host)
    return rack


def test_a_rack_that_a_console_lists(machine: Machine, held: Rack, console: Console) -> None:
    with nothing_changes(machine, locks=False):
        refused = machine.fail("rack_keyroll", host=held.host, api_key=held.key)
        assert not machine.fail("rack_keyroll", host=held.host, api_key=held.key, check_mode=True).data["changed"]
    for word in (console.host, f"acme/{held.name}", "console_sync: none", "nothing was changed"):
        assert word in refused.msg

    result = machine.run("rack_keyroll", host=held.host, api_key=held.key, console_sync="none")
    assert (result["phase"], result["console_access"]) == ("committed", "stale")
    assert held.accepted_keys == {machine.auth()[held.host]}
    # The Console's own key is left, and so is its copy of the rack's.
    assert machine.auth()[console.host] == console.api_key
    record = console.record(f"acme/{held.name}")
    assert record is not None
    assert record.key not in held.accepted_keys


def test_a_rack_through_its_console(machine: Machine, held: Rack, console: Console) -> None:
    rack = f"acme/{held.name}"
    with nothing_changes(machine, locks=False):
        assert "console_sync: none" in machine.fail("rack_keyroll", host=console.host, rack=rack).msg
    result = machine.run("rack_keyroll", host=console.host, rack=rack, console_sync="none")
    assert (result["phase"], result["console_access"], result["host"]) == ("committed", "stale", console.host)
    # The rack's own entry is made, under its own domain.
    assert machine.auth() == {console.host: console.api_key, held.rack_domain: held.key}
    assert held.accepted_keys == {held.key}
    assert not machine.run("rack_keyroll", host=held.host, max_age="1d").changed


def test_through_a_console_and_without_aws(machine: Machine, direct: Direct, held: Rack, console: Console) -> None:
    """From the restart on, the Console's copy is dead: the rack is then asked itself."""
    machine.aws = False
    done = direct("rack_keyroll", host=console.host, rack=f"acme/{held.name}", console_sync="none")
    assert (done.msg, done["phase"], done["activated_by"]) == (None, "committed", "signing_key")
    assert held.accepted_keys == {machine.auth()[held.rack_domain]} == set(new_keys_of(held))


STORES = {"the CLI's files": [{"type": "cli"}], "Secrets Manager": [{"type": "aws_secretsmanager"}]}


@pytest.mark.parametrize("more", [{"max_age": "90d"}, {"new_key": "ours"}], ids=str)
def test_a_key_that_others_rolled_since_and_told_the_console(machine: Machine, held: Rack, console: Console, more: dict[str, Any]) -> None:
    """The stores' key is refused by the rack itself: it is neither young enough, nor the one asked for, nor the old one."""
    given = {"host": console.host, "rack": f"acme/{held.name}", "console_sync": "none"}
    machine.run("rack_keyroll", **given)
    ours, theirs = held.key, "Theirs" * 5
    held.set_password(theirs)
    held.wait_at_rest()
    held.restart()
    held.wait_at_rest()
    console.set_copy(f"acme/{held.name}", theirs)
    result = machine.run("rack_keyroll", **given, **{name: ours if value == "ours" else value for name, value in more.items()})
    assert (result.changed, result["phase"], result["old_fingerprint"]) == (True, "committed", fingerprint(theirs))
    assert held.accepted_keys == {held.key} == {machine.auth()[held.rack_domain]} != {theirs}
    assert theirs in machine.record("rack_api_key", held.rack_domain)["superseded"]


@pytest.mark.parametrize("stores", STORES.values(), ids=STORES)
def test_again_through_a_console_whose_copy_is_dead(
    machine: Machine, direct: Direct, held: Rack, console: Console, stores: list[dict[str, str]]
) -> None:
    """The stores know which rack was rolled by that name, and it is asked itself: a roll that was broken off is finished."""
    options = {"host": console.host, "rack": f"acme/{held.name}", "console_sync": "none", "stores": stores, "region": held.region}
    held.fault("container_never_starts", skip=1, times=None)
    assert "wait_timeout" in str(direct("rack_keyroll", wait_timeout=60, **options).msg)
    held.faults.clear()
    done = direct("rack_keyroll", rotation_id="once", **options)
    assert (done.msg, done["phase"], done["resumed"]) == (None, "committed", True)
    assert held.accepted_keys == {held.key} == set(new_keys_of(held))
    again = direct("rack_keyroll", rotation_id="once", **options)
    assert (again.msg, again["changed"], again["host"]) == (None, False, held.rack_domain)
    assert "asked itself" in " ".join(again.warnings)


def test_another_rack_of_that_name(machine: Machine, new_rack: NewRack, console: Console) -> None:
    """The Console lists a rack of the same name, which answers at another domain: it is not this one."""
    rack, other = new_rack(), new_rack()
    machine.log_in(console.host, console.api_key)
    machine.write(machine.config / "console", console.host)
    console.import_rack(other).name = rack.name
    result = machine.run("rack_keyroll", host=rack.host, api_key=rack.key)
    assert (result["phase"], result["console_access"]) == ("committed", "none")


def test_a_console_whose_copy_is_dead_already(machine: Machine, held: Rack, console: Console) -> None:
    """It can't be read which rack it means: then locking everybody out is possible, and asking is cheap."""
    console.set_copy(f"acme/{held.name}", "Dead1234" * 4)
    with nothing_changes(machine, locks=False):
        assert f"acme/{held.name}" in machine.fail("rack_keyroll", host=held.host, api_key=held.key).msg


TROUBLES = [
    {"status": 500, "body": "out of order\n"},
    {"status": 401, "body": "invalid authentication\n"},
    {"status": 200, "body": "[7]", "content_type": "application/json"},
]


@pytest.mark.parametrize("trouble", TROUBLES, ids=["silent", "refuses", "unreadable"])
def test_a_console_that_can_not_be_asked(machine: Machine, direct: Direct, held: Rack, console: Console, trouble: dict[str, Any]) -> None:
    """It may hold the rack: everybody who works through it would be locked out, and asking again is cheap."""
    console.fault("status", path="/racks", times=None, **trouble)
    options = {"host": held.host, "api_key": held.key}
    with nothing_changes(machine, locks=False):
        refused = str(direct("rack_keyroll", **options).msg)
    for word in (held.name, console.host, "can't be asked whether it holds", "console_sync: none", "nothing was changed"):
        assert word in refused
    assert "\n" not in refused
    result = direct("rack_keyroll", console_sync="none", **options)
    assert (result.msg, result["phase"], result["console_access"]) == (None, "committed", "unknown")
    assert "could not be asked whether it holds the rack" in " ".join(result.warnings)
    assert held.accepted_keys == {machine.auth()[held.host]}


def test_check_mode_and_a_silent_console(machine: Machine, held: Rack, console: Console) -> None:
    console.fault("status", path="/racks", status=500, body="out of order\n", times=None)
    with nothing_changes(machine, locks=False):
        refused = machine.fail("rack_keyroll", host=held.host, api_key=held.key, check_mode=True)
    assert "console_sync: none" in refused.msg
    assert not refused.data["changed"]


def test_what_is_pending_is_finished_beside_a_silent_console(machine: Machine, direct: Direct, held: Rack, console: Console) -> None:
    """Whoever began it was let, and a key that is half rolled must not stay so."""
    held.fault("container_never_starts", skip=1, times=None)
    options = {"host": held.host, "api_key": held.key}
    assert "wait_timeout" in str(direct("rack_keyroll", wait_timeout=60, console_sync="none", **options).msg)
    held.faults.clear()
    console.fault("status", path="/racks", status=500, body="out of order\n", times=None)
    done = direct("rack_keyroll", **options)
    assert (done.msg, done["phase"], done["resumed"]) == (None, "committed", True)


def test_a_console_without_a_key_is_not_asked(machine: Machine, direct: Direct, held: Rack, console: Console) -> None:
    (machine.config / "auth").unlink()
    before = len(asked(machine.convox, "console"))
    console.fault("status", path="/racks", status=500, body="out of order\n", times=None)
    done = direct("rack_keyroll", host=held.host, api_key=held.key)
    assert (done.msg, done["console_access"]) == (None, "none")
    assert len(asked(machine.convox, "console")) == before


def test_a_console_that_another_cli_is_logged_into(machine: Machine, direct: Direct, held: Rack, console: Console, new_rack: NewRack) -> None:
    """The CLI whose files come first is logged into a rack; the people of the Console would be locked out all the same."""
    other = new_rack()
    (machine.config / "auth").unlink()
    machine.log_in(other.host, other.key)
    machine.write(machine.config / "console", other.host)
    machine.write(machine.home / ".convox" / "auth", json.dumps({console.host: console.api_key}))
    machine.write(machine.home / ".convox" / "host", console.host)
    with nothing_changes(machine, locks=False):
        assert "console_sync" in str(direct("rack_keyroll", host=held.host, api_key=held.key).msg)


def test_an_active_host_that_is_another_rack(machine: Machine, direct: Direct, new_rack: NewRack) -> None:
    """It lists no racks, and so is no Console. Once it is dead it counts as one, unless a store knows it as a rack."""
    rack, other = new_rack(), new_rack()
    machine.log_in(other.host, other.key)
    machine.write(machine.config / "host", other.host)
    first = direct("rack_keyroll", host=rack.host, api_key=rack.key)
    assert (first.msg, first["console_access"], first.warnings) == (None, "none", [])
    other.fault("drop_before", path="/racks", times=None)
    with nothing_changes(machine, locks=False):
        refused = str(direct("rack_keyroll", host=rack.host).msg)
    assert f"log in to another host, if {other.host} is no Console" in refused
    direct("rack_keyroll", host=other.host)
    again = direct("rack_keyroll", host=rack.host)
    assert (again.msg, again["console_access"], again.warnings) == (None, "none", [])
