# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""console_sync: reimport. The Console's record is renewed without the Console ever being without the rack, and no rack is uninstalled."""
from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.watching import nothing_changes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.integration.conftest import NewRack
    from tests.integration.direct import Direct
    from tests.integration.machine import Machine
    from tests.standin.accounts import RackRecord
    from tests.standin.console import Console
    from tests.standin.rack import Rack

IMPORT, UPDATE, REMOVE = "rack_import", "rack_update", "rack_remove"


@pytest.fixture
def held(machine: Machine, new_rack: NewRack, console: Console) -> Iterator[Rack]:
    """A rack that Console holds, with an account to work on it and a window for its updates."""
    rack = new_rack(console=True)
    machine.log_in(console.host, console.api_key)
    machine.typed.add(console.password)
    record = record_of(console, rack)
    record.runtime, record.update_frequency, record.update_day, record.update_hour = "runtime-1", "weekly", 3, 4
    yield rack
    uninstalled, console.uninstalled[:] = list(console.uninstalled), []
    assert uninstalled == []


@pytest.fixture
def given(held: Rack, console: Console) -> dict[str, Any]:
    return {
        "host": console.host,
        "rack": f"acme/{held.name}",
        "console_sync": "reimport",
        "email": console.email,
        "account_password": console.password,
        "region": held.region,
    }


def records(console: Console, rack: Rack) -> list[RackRecord]:
    return [each for each in console.records if each.hostname == rack.host]


def record_of(console: Console, rack: Rack) -> RackRecord:
    (record,) = records(console, rack)
    return record


def is_renewed(console: Console, rack: Rack) -> bool:
    """One record, by the rack's name, with the key in force and all that the old one had."""
    (record,) = records(console, rack)
    settings = (record.runtime, record.update_frequency, record.update_day, record.update_hour)
    return (record.name, {record.key}, settings) == (rack.name, rack.accepted_keys, ("runtime-1", "weekly", 3, 4))


# -- the way ------------------------------------------------------------------------------------------------------
def test_a_record_is_renewed(machine: Machine, held: Rack, console: Console, given: dict[str, Any]) -> None:
    old = record_of(console, held)
    with nothing_changes(machine, locks=False):
        assert machine.run("rack_keyroll", check_mode=True, **given).changed
    result = machine.run("rack_keyroll", **given)
    assert (result["phase"], result["console_access"], result["old_refused"]) == ("committed", "ok", "true")
    assert is_renewed(console, held)
    assert record_of(console, held).id != old.id
    # What hangs on the old one was told before, by its id.
    for word in (old.id, "workflows, webhooks", "orphaned"):
        assert word in result.warnings
    # Everybody who works through the Console goes on.
    assert machine.run("rack_info", host=console.host, rack=f"acme/{held.name}")["racks"][0]["name"] == held.name
    with nothing_changes(machine, locks=False):
        assert not machine.run("rack_keyroll", **given, max_age="1d").changed


def test_directly_where_the_cli_knows_the_console(machine: Machine, direct: Direct, held: Rack, console: Console, given: dict[str, Any]) -> None:
    machine.write(machine.config / "console", console.host)
    done = direct("rack_keyroll", **{**given, "host": held.host, "api_key": held.key, "rack": None})
    assert (done.msg, done["phase"], done["console_access"]) == (None, "committed", "ok")
    assert is_renewed(console, held)


def test_a_copy_that_was_dead_already(machine: Machine, direct: Direct, held: Rack, console: Console, given: dict[str, Any]) -> None:
    """Rolled with console_sync: none some day; now the key is left as it is, and the record renewed all the same."""
    assert direct("rack_keyroll", **{**given, "console_sync": "none"})["console_access"] == "stale"
    with nothing_changes(machine, locks=False):
        told = machine.run("rack_keyroll", check_mode=True, diff=True, max_age="30d", **given)
    assert told["diff"] == {"before": {"console_access": "stale"}, "after": {"console_access": "ok"}}
    key = held.key
    done = direct("rack_keyroll", max_age="30d", **given)
    assert (done.msg, done["changed"], done["console_access"]) == (None, True, "ok")
    assert held.key == key
    assert is_renewed(console, held)


# -- what is refused before anything is rolled ------------------------------------------------------------------------
@pytest.mark.parametrize("without", ["email", "account_password"])
def test_the_account_is_needed(machine: Machine, held: Rack, given: dict[str, Any], without: str) -> None:
    with nothing_changes(machine, locks=False):
        refused = machine.fail("rack_keyroll", **{name: value for name, value in given.items() if name != without})
    assert "email and account_password are needed" in refused.msg
    assert "nothing was changed" in refused.msg


def test_a_rack_that_console_could_uninstall(machine: Machine, held: Rack, console: Console, given: dict[str, Any]) -> None:
    record_of(console, held).uninstallable = True
    with nothing_changes(machine, locks=False):
        refused = machine.fail("rack_keyroll", **given)
    for word in ("could uninstall the rack", "never removed", "console_sync: none", "nothing was changed"):
        assert word in refused.msg


@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        ({"account_password": "not the password"}, "email or account_password is wrong"),
        ({"email": "nobody@example.com"}, "email or account_password is wrong"),
    ],
)
def test_an_account_that_may_not(machine: Machine, held: Rack, given: dict[str, Any], trouble: dict[str, str], words: str) -> None:
    with nothing_changes(machine, locks=False):
        assert words in machine.fail("rack_keyroll", **{**given, **trouble}).msg


def test_a_hardware_token(machine: Machine, held: Rack, console: Console, given: dict[str, Any]) -> None:
    console.set(hardware_token=True)
    with nothing_changes(machine, locks=False):
        assert "hardware token" in machine.fail("rack_keyroll", **given).msg


def test_a_developer_may_not(machine: Machine, held: Rack, console: Console, given: dict[str, Any]) -> None:
    console.set(access="developer")
    with nothing_changes(machine, locks=False):
        assert "is a developer of acme and may not change racks" in machine.fail("rack_keyroll", **given).msg


def test_the_name_beside_is_another_s(machine: Machine, held: Rack, new_rack: NewRack, console: Console, given: dict[str, Any]) -> None:
    other = new_rack(name=f"{held.name}-new-key", console=True)
    with nothing_changes(machine, locks=False):
        refused = machine.fail("rack_keyroll", **given)
    assert f"{other.name}, which the new record takes for a moment, is another rack's" in refused.msg


@pytest.mark.parametrize("change", [{"uninstallable": "false"}, {"uninstallable": None}, {"uninstallable": 0}, {"update_hour": None}, {"id": 7}])
def test_another_shape_than_known(
    machine: Machine, held: Rack, console: Console, given: dict[str, Any], change: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Much depends on each word of it: nothing is guessed."""
    answer = console._accounts.answer
    monkeypatch.setattr(console._accounts, "answer", lambda request: changed_reply(answer(request), change))
    with nothing_changes(machine, locks=False):
        assert "another shape than known" in machine.fail("rack_keyroll", **given).msg


def changed_reply(reply: Any, change: dict[str, Any]) -> Any:
    """A reply with other words in its records of racks."""
    data = json.loads(reply.body)
    for organization in (data.get("data") or {}).get("organizations") or []:
        for rack in organization["racks"]:
            rack.update(change)
    reply.body = json.dumps(data).encode()
    return reply


# -- whatever dies ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("effect", ["drop_before", "drop_after", "status"])
@pytest.mark.parametrize("step", [IMPORT, UPDATE, REMOVE])
def test_each_step_is_gone_on_with(
    machine: Machine, direct: Direct, held: Rack, console: Console, given: dict[str, Any], step: str, effect: str
) -> None:
    """The reply of a step is lost for good, or the step itself: the run says what is left, and the next one does it."""
    console.fault(effect, path="/graphql", body_matches=step, times=None)
    failed = direct("rack_keyroll", **given)
    if effect == "drop_after":
        # It was done: what came of it was looked at.
        assert (failed.msg, failed["console_access"]) == (None, "ok")
    else:
        assert "rolled, but the Console" in str(failed.msg)
        assert "run again with console_sync: reimport" in str(failed.msg)
        assert failed["phase"] == "committed"
        # Never without the rack, and what it has is not worse than a dead copy by the rack's name, or a good one beside.
        assert records(console, held)
    console.faults.clear()
    key = held.key
    # The Console has two minutes by this clock.
    done = direct("rack_keyroll", max_age="30d", speed=10, **given)
    assert (done.msg, done["console_access"], held.key) == (None, "ok", key)
    assert is_renewed(console, held)


def test_a_save_that_crosses(machine: Machine, direct: Direct, held: Rack, console: Console, given: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody's settings page saves the new record with the name that it had: it is asked again after a while."""
    update = console._accounts.rack_update
    crossed: list[str] = []

    def save(oid: str, id: str, **values: Any) -> str:  # noqa: A002 - the field's name
        result = update(oid, id, **values)
        if values["name"] == held.name and not crossed and len(records(console, held)) == 1:
            crossed.append(id)
            update(oid, id, **{**values, "name": f"{held.name}-new-key"})
        return result

    monkeypatch.setattr(console._accounts, "rack_update", save)
    done = direct("rack_keyroll", **given)
    assert (done.msg, done["console_access"], len(crossed)) == (None, "ok", 1)
    assert is_renewed(console, held)


@pytest.mark.parametrize("asked_before", range(8))
@pytest.mark.parametrize("by", ["a look", "a request through it"])
def test_a_rack_that_becomes_uninstallable_on_the_way(
    machine: Machine, direct: Direct, held: Rack, console: Console, given: dict[str, Any], by: str, asked_before: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whenever Console takes hold of the rack's state, between whichever answers: from the first that says so, no record of it is removed."""
    place, name = (console._accounts, "organizations") if by == "a look" else (console, "_proxy")
    ask = getattr(place, name)
    asked_so_far: list[int] = []

    def take_hold(*arguments: Any) -> Any:
        asked_so_far.append(1)
        # Not before the key is rolled: it would be refused.
        if held.stack.password_updates and len(asked_so_far) > asked_before:
            for record in records(console, held):
                record.uninstallable = True
        return ask(*arguments)

    monkeypatch.setattr(place, name, take_hold)
    done = direct("rack_keyroll", **given)
    assert records(console, held)
    assert done["phase"] == "committed"
    assert done.msg is None or "could uninstall the rack" in str(done.msg)
