# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""convox_login: what it writes, where, and what it leaves alone."""
from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.conftest import NewRack
    from tests.integration.machine import Machine
    from tests.standin.console import Console
    from tests.standin.rack import Rack


def mode(path: Path) -> str:
    return oct(path.stat().st_mode & 0o7777)


def test_console_login_is_what_the_cli_writes(machine: Machine, console: Console) -> None:
    login = {"host": console.host, "api_key": console.api_key}
    assert machine.run("convox_login", check_mode=True, **login).changed
    assert not machine.config.exists()

    first = machine.run("convox_login", diff=True, **login)
    assert first.changed
    assert (first["kind"], first["id"], first["rack"], first["system"]) == ("console", console.user_id, None, None)
    assert first["config_dir"] == str(machine.config)
    assert first["diff"]["after"]["auth"] == first["fingerprint"]
    assert not machine.run("convox_login", **login).changed
    assert not machine.run("convox_login", host=console.host).changed
    # Two spaces, no newline at the end (convox-protocol 2).
    assert (machine.config / "auth").read_text(encoding="utf-8") == '{\n  "%s": "%s"\n}' % (console.host, console.api_key)
    assert (machine.config / "console").read_text(encoding="utf-8") == console.host
    assert (machine.config / "id").read_text(encoding="utf-8") == console.user_id
    assert mode(machine.config) == "0o700"
    assert {mode(path) for path in machine.config.iterdir()} == {"0o600"}


def test_check_mode_writes_nothing(machine: Machine, rack: Rack) -> None:
    machine.log_in("other.example.com", "k" * 30)
    before = machine.files()
    assert machine.run("convox_login", host=rack.host, api_key=rack.key, check_mode=True).changed
    assert machine.files() == before


def test_rack_login_shows_what_is_safe(machine: Machine, rack: Rack) -> None:
    result = machine.run("convox_login", host=f"https://{rack.host}", api_key=rack.key, activate=False)
    assert (result["kind"], result["host"], result["rack"]) == ("rack", rack.host, rack.name)
    assert result["system"]["version"] == rack.version
    assert not {"Password", "HttpProxy"} & set(result["system"]["parameters"])
    assert machine.auth() == {rack.host: rack.key}
    # Not activated: no host is the CLI's active one.
    assert {path.name for path in machine.config.iterdir() if path.suffix != ".lock"} == {"auth"}


def test_other_entries_stay_in_their_order(machine: Machine, rack: Rack) -> None:
    others = {"z.example.com": "z" * 30, rack.host: "o" * 30, "a.example.com:443": "a" * 30}
    machine.write(machine.config / "auth", json.dumps(others))
    machine.run("convox_login", host=rack.host, api_key=rack.key)
    assert list(machine.auth().items()) == [("z.example.com", "z" * 30), (rack.host, rack.key), ("a.example.com:443", "a" * 30)]


def test_a_trailing_comma_is_read_over(machine: Machine, rack: Rack) -> None:
    machine.write(machine.config / "auth", '{\n  "other.example.com": "%s",\n}\n' % ("o" * 30))
    machine.run("convox_login", host=rack.host, api_key=rack.key)
    assert machine.auth() == {"other.example.com": "o" * 30, rack.host: rack.key}


@pytest.mark.parametrize("damaged", ["", '{\n  "other.example.com": "oooooooooooooooooooo",\n  "an'])
def test_a_damaged_file_is_never_overwritten(machine: Machine, rack: Rack, damaged: str) -> None:
    machine.write(machine.config / "auth", damaged)
    before = machine.files()
    message = machine.fail("convox_login", host=rack.host, api_key=rack.key).msg
    assert str(machine.config / "auth") in message
    assert "nothing was changed" in message
    assert ("other.example.com" in message) == bool(damaged)
    after = machine.files()
    assert {name: after[name] for name in before} == before
    # What the CLI left of the file is not JSON: take it away, for the checks after each test read the stores.
    (machine.config / "auth").unlink()


def test_absent_takes_one_host_out_of_all_layouts(machine: Machine, rack: Rack, console: Console) -> None:
    both = json.dumps({rack.host: rack.key, console.host: console.api_key})
    classic, v2 = machine.home / ".convox", machine.config.with_name("convox2")
    for place in (classic, v2, machine.config):
        machine.write(place / "auth", both)
    machine.write(classic / "host", rack.host)
    machine.write(classic / "rack", "acme/one")
    machine.write(v2 / "host", console.host)
    machine.write(v2 / "rack", "acme/two")
    machine.write(v2 / "racks", json.dumps({rack.host: "acme/one", console.host: "acme/two"}))
    machine.write(v2 / "session", json.dumps({rack.host: "s" * 32}))
    (machine.config / "racks").mkdir()  # v3: a directory

    check = machine.run("convox_login", host=rack.host, state="absent", check_mode=True)
    assert check.changed
    assert machine.read_json(classic / "auth") == json.loads(both)

    assert [machine.run("convox_login", host=rack.host, state="absent").changed for dummy in range(2)] == [True, False]
    for place in (classic, v2, machine.config):
        assert machine.read_json(place / "auth") == {console.host: console.api_key}
    assert not (classic / "host").exists()
    assert not (classic / "rack").exists()
    assert (v2 / "host").read_text(encoding="utf-8") == console.host
    assert (v2 / "rack").read_text(encoding="utf-8") == "acme/two"
    assert machine.read_json(v2 / "racks") == {console.host: "acme/two"}
    assert machine.read_json(v2 / "session") == {}


def test_a_host_is_written_where_it_is(machine: Machine, rack: Rack) -> None:
    """Three layouts are there, and the second has the host."""
    for place in (machine.config.with_name("convox2"), machine.home / ".convox"):
        machine.write(place / "auth", "{}")
    machine.write(machine.config / "auth", json.dumps({rack.host: "o" * 30}))
    assert machine.run("convox_login", host=rack.host, api_key=rack.key)["config_dir"] == str(machine.config)
    assert machine.auth() == {rack.host: rack.key}
    assert machine.read_json(machine.home / ".convox" / "auth") == {}


def test_the_rack_is_forgotten_only_when_the_active_host_changes(machine: Machine, rack: Rack, console: Console) -> None:
    machine.write(machine.config / "console", console.host)
    machine.write(machine.config / "rack", "acme/alpha")
    machine.run("convox_login", host=console.host, api_key=console.api_key)
    assert (machine.config / "rack").read_text(encoding="utf-8") == "acme/alpha"
    machine.run("convox_login", host=rack.host, api_key=rack.key, activate=False)
    assert (machine.config / "rack").read_text(encoding="utf-8") == "acme/alpha"
    machine.run("convox_login", host=rack.host, api_key=rack.key)
    assert not (machine.config / "rack").exists()
    assert (machine.config / "console").read_text(encoding="utf-8") == rack.host


def test_a_rack_through_its_console(machine: Machine, new_rack: NewRack, console: Console) -> None:
    rack = new_rack(console=True)
    result = machine.run("convox_login", host=console.host, api_key=console.api_key, rack=f"acme/{rack.name}")
    assert (result["kind"], result["rack"], result["system"]["name"]) == ("console", f"acme/{rack.name}", rack.name)
    assert result["id"] == console.user_id
    assert machine.auth() == {console.host: console.api_key}


def test_where_options_come_from(machine: Machine, rack: Rack, console: Console) -> None:
    """A variable in somebody's shell never applies to a host that the task names."""
    machine.environment = {"CONVOX_HOST": console.host, "CONVOX_PASSWORD": console.api_key, "RACK_URL": rack.url}
    assert machine.run("convox_login", activate=False)["host"] == rack.host
    machine.environment.pop("RACK_URL")
    assert machine.run("convox_login", activate=False)["host"] == console.host
    assert "api_key: no key is known for other.example.com" in machine.fail("convox_login", host="other.example.com").msg
    # A task's own word beats every variable.
    other = machine.home / "elsewhere"
    machine.stores.add(other / "auth")
    assert machine.run("convox_login", config_dir=str(other), rack_url=rack.url)["host"] == rack.host
    assert machine.read_json(other / "auth") == {rack.host: rack.key}
    machine.environment["CONVOX_CONFIG"] = str(other)
    assert not machine.run("convox_login", activate=False, host=rack.host).changed
