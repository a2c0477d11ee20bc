# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every file that is read, with what it can't hold: one line that names it, nothing changed, and no key sent elsewhere."""
from __future__ import annotations

import json
import re
import shlex
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.watching import asked, nothing_changes
from tests.leaks import found_in
from tests.obstacles import OBSTACLES

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.conftest import NewRack
    from tests.integration.direct import Direct, Done
    from tests.integration.machine import Machine
    from tests.standin.console import Console
    from tests.standin.rack import Rack

LONG = 10_000_000
DAMAGED: dict[str, bytes] = {
    "empty": b"",
    "blank": b" \n",
    "not JSON": b"host: key\n",
    "cut off": b'{"RACK": "Zr8Qm2Lw5Tk1Vx9Np4Hc7Bs3Fd6Jg", "b.example.com": "Zr8Qm2Lw5',
    "a list": b'["RACK"]',
    "a text": b'"RACK"',
    "a number": b"7",
    "null": b"null",
    "NUL": b"\0" * 100,
    "NUL in a text": b'{"RACK": "\0"}',
    "Latin-1": '{"RACK": "Schlüssel"}'.encode("latin-1"),
    "UTF-16": '{"RACK": "key"}'.encode("utf-16"),
    "nested": b'{"RACK":' * 100_000,
    "10 MB of JSON": b'{"RACK": "' + b"x" * LONG + b'"}',
    "10 MB of quotes": b'"' * LONG,
    "4 MB of quotes": b'\\"' * 2_000_000,
    "10 MB of nothing": b"\0" * LONG,
}
JSON_FILES = ["auth", "session", "tls-fingerprints", "rotations.json", "racks", "keys.json"]
TEXT_FILES = ["host", "console", "rack", "id", "current"]
CANARY = "Zr8Qm2Lw5Tk1Vx9Np4Hc7Bs3Fd6Jg"


def work(direct: Direct, machine: Machine, rack: Rack, name: str) -> Done:
    """Something that reads the file: a login, or for a store's own files a roll."""
    if name in ("rotations.json", "keys.json"):
        stores = [{"type": "cli"}, {"type": "file", "path": str(machine.config / "keys.json")}]
        return direct("rack_keyroll", host=rack.host, api_key=rack.key, stores=stores)
    return direct("convox_login", host=rack.host, api_key=rack.key, switch_to="acme/alpha")


def says(done: Done, path: Path) -> None:
    """One line, which is not long, and names the file."""
    assert done.msg is not None, "it was taken"
    assert "\n" not in done.msg
    assert len(done.msg) < 1000
    assert str(path) in done.msg
    assert found_in(done.msg, [CANARY]) == []


def stand(machine: Machine, name: str) -> Path:
    """Where the file is; the other ones are those of a v2 CLI, for which ``racks`` is a file."""
    machine.config.mkdir(mode=0o700, parents=True)
    machine.stores.add(machine.config / "keys.json")
    if name != "console":
        machine.write(machine.config / "host", "other.example.com")
    return machine.config / name


@pytest.mark.parametrize("name", JSON_FILES)
def test_damaged_json(direct: Direct, machine: Machine, rack: Rack, name: str) -> None:
    path = stand(machine, name)
    for what, content in DAMAGED.items():
        if what == "10 MB of JSON" and name in ("rotations.json", "keys.json"):
            # A store of many racks is as long, and what is not ours in it stays.
            continue
        machine.write(path, "")
        path.write_bytes(content.replace(b"RACK", rack.host.encode()))
        with nothing_changes(machine, locks=False):
            says(work(direct, machine, rack, name), path)
        # What a test looks for at its end reads these files, too.
        path.unlink()


@pytest.mark.parametrize("module", ["convox_login", "rack_keyroll", "instance_keyroll", "console_api_key"])
@pytest.mark.parametrize("layout", [".config/convox2", ".config/convox", ".convox"])
def test_an_auth_that_the_cli_cut_short(direct: Direct, machine: Machine, rack: Rack, console: Console, module: str, layout: str) -> None:
    """In whichever of its directories, and whatever was to be done: what was in it may be the only copy. A Console is not even asked for a key."""
    for each in machine.directories():
        machine.write(each / "auth", "{}")
    path = machine.home / layout / "auth"
    path.write_bytes(DAMAGED["cut off"].replace(b"RACK", b"a.example.com"))
    given = {"host": rack.host, "api_key": rack.key}
    if module == "console_api_key":
        given = {"host": console.host, "api_key": console.api_key, "email": console.email, "account_password": console.password}
    with nothing_changes(machine, locks=False):
        for more in ({}, {"state": "absent"}) if module == "convox_login" else ({},):
            done = direct(module, **given, **more)
            says(done, path)
            assert "entries that can still be read in it: a.example.com;" in (done.msg or "")
    path.unlink()


@pytest.mark.parametrize("name", TEXT_FILES)
@pytest.mark.parametrize("content", ["Latin-1", "10 MB of nothing"])
def test_damaged_text(direct: Direct, machine: Machine, rack: Rack, name: str, content: str) -> None:
    path = stand(machine, name)
    machine.write(path, "")
    path.write_bytes(DAMAGED[content])
    with nothing_changes(machine, locks=False):
        says(work(direct, machine, rack, name), path)


@pytest.mark.parametrize(
    "text", ["two words", "a.example.com\nX: y", "http://a.example.com", "a.example.com/path", "x" * 100_000, "a\0b", CANARY + "@a.example.com"]
)
@pytest.mark.parametrize("name", ["host", "console"])
def test_an_active_host_that_is_none(direct: Direct, machine: Machine, name: str, text: str) -> None:
    path = stand(machine, name)
    machine.write(path, text)
    with nothing_changes(machine, locks=False):
        says(direct("convox_login", api_key=CANARY), path)


@pytest.mark.parametrize("name", [*JSON_FILES, *TEXT_FILES])
@pytest.mark.parametrize("place", OBSTACLES)
def test_something_else_in_its_place(direct: Direct, machine: Machine, rack: Rack, name: str, place: str) -> None:
    path = stand(machine, name)
    path.unlink(missing_ok=True)
    OBSTACLES[place](path)
    with nothing_changes(machine, locks=False):
        says(work(direct, machine, rack, name), path)


@pytest.mark.parametrize("name", [*JSON_FILES, *TEXT_FILES])
def test_a_link_into_nothing(direct: Direct, machine: Machine, rack: Rack, name: str) -> None:
    """It is where a file kept elsewhere will be."""
    path, elsewhere = stand(machine, name), machine.home / "elsewhere"
    path.unlink(missing_ok=True)
    path.symlink_to(elsewhere)
    if name in JSON_FILES:
        machine.stores.add(elsewhere)
    assert work(direct, machine, rack, name).msg is None
    assert path.is_symlink()


WRONG: list[tuple[str, Any]] = [
    ("tls-fingerprints", {"RACK": 5}),
    ("tls-fingerprints", {"RACK": "ab:cd"}),
    ("session", {"RACK": "one\r\nX: y"}),
    ("session", {"RACK": "\u4e2d"}),
    ("rotations.json", {"rack_api_key": []}),
    ("rotations.json", {"rack_api_key": {"RACK": 5}}),
    ("rotations.json", {"rack_api_key": {"RACK": {"current": 5}}}),
    ("rotations.json", {"rack_api_key": {"RACK": {"superseded": [5]}}}),
    ("rotations.json", {"rack_api_key": {"RACK": {"rotation_ids": "one"}}}),
    ("rotations.json", {"rack_api_key": {"RACK": {"pending": "key"}}}),
    ("rotations.json", {"rack_api_key": {"RACK": {"pending": {"key": 5, "staged_at": "2026-01-01T00:00:00Z"}}}}),
    ("rotations.json", {"rack_api_key": {"RACK": {"pending": {"key": CANARY, "staged_at": "yesterday"}}}}),
    ("rotations.json", {"rack_api_key": {"RACK": {"pending": {"key": CANARY}}}}),
    ("keys.json", {"rack_api_key": {"RACK": {"rolled_at": "soon"}}}),
]


@pytest.mark.parametrize(("name", "data"), WRONG)
def test_entries_of_a_wrong_kind(direct: Direct, machine: Machine, rack: Rack, name: str, data: Any) -> None:
    path = stand(machine, name)
    machine.write(path, json.dumps(data).replace("RACK", rack.rack_domain))
    with nothing_changes(machine, locks=False):
        done = work(direct, machine, rack, name)
    assert done.msg is not None
    assert "\n" not in done.msg
    # A session's path is not at hand where HTTP refuses it.
    assert path.name in done.msg or "the CLI's session file" in done.msg
    assert found_in(done.msg, [CANARY]) == []
    path.unlink()


@pytest.mark.parametrize("value", [5, None, [], {}, "", True])
def test_a_key_that_is_no_text_is_none(direct: Direct, machine: Machine, rack: Rack, value: Any) -> None:
    path = stand(machine, "auth")
    machine.write(path, json.dumps({rack.host: value}))
    with nothing_changes(machine, locks=False):
        assert "no key is known" in (direct("convox_login", host=rack.host).msg or "")
        assert "no key is known" in (direct("rack_keyroll", host=rack.host, method="api", activate="signing_key").msg or "")
    assert asked(machine.convox, f"rack {rack.name}") == []
    path.unlink()


# -- modes and links ----------------------------------------------------------------------------------------------
def mend(line: str) -> None:
    """Do what a message says."""
    found = re.search(r"(chmod (?:[0-7]{3}|o-w) \S+)", line)
    assert found, line
    subprocess.run(shlex.split(found.group(1)), check=True)


@pytest.mark.parametrize("name", ["", "auth", "session", "rotations.json", "tls-fingerprints", "host"])
@pytest.mark.parametrize("bits", [0o002, 0o020])
def test_what_others_can_write(direct: Direct, machine: Machine, rack: Rack, name: str, bits: int) -> None:
    """Everybody: refused, for a key could be sent to a host of theirs; the group: a warning. What the message says mends it."""
    machine.log_in(rack.host, rack.key)
    path = machine.config / name
    if not path.exists():
        machine.write(path, "other.example.com" if name == "host" else "{}")
    path.chmod(path.stat().st_mode | bits)
    with nothing_changes(machine):
        done = direct("convox_login", host=rack.host, activate=False)
    said = done.msg or "".join(done.warnings)
    assert (done.msg is None) == (bits == 0o020)
    assert f"{path}: " in said
    assert (asked(machine.convox, f"rack {rack.name}") == []) == (bits == 0o002)
    mend(said)
    again = direct("convox_login", host=rack.host, activate=False)
    assert (again.msg, again.warnings) == (None, [])


@pytest.mark.parametrize("name", ["auth", "session", "rotations.json", "keys.json"])
def test_keys_that_others_can_read(direct: Direct, machine: Machine, rack: Rack, name: str) -> None:
    machine.stores.add(machine.config / "keys.json")
    machine.log_in(rack.host, rack.key)
    path = machine.config / name
    if not path.exists():
        machine.write(path, "{}")
    path.chmod(0o644)
    stores = [{"type": "cli"}, {"type": "file", "path": str(machine.config / "keys.json")}]
    done = direct("rack_keyroll", host=rack.host, stores=stores)
    assert done.msg is None
    assert [line for line in done.warnings if f"{path}: not for its owner alone (mode 0644)" in line] != []
    # A mode that somebody chose stays; the one who can change it is told.
    assert path.stat().st_mode & 0o777 == 0o644
    mend("".join(done.warnings))
    assert direct("rack_keyroll", host=rack.host, stores=stores).warnings == []


@pytest.mark.parametrize("name", ["auth", "rotations.json", "keys.json"])
def test_a_directory_in_which_everybody_can_put_another_file(direct: Direct, machine: Machine, rack: Rack, name: str) -> None:
    """Of a store, or of a file behind a link; in a sticky one only its owner can."""
    shared = machine.home / "shared"
    shared.mkdir()
    machine.stores |= {shared / name}
    machine.log_in(rack.host, rack.key)
    path = machine.config / name
    if name == "auth":
        path.rename(shared / name)
    if name != "keys.json":
        path.symlink_to(shared / name)
    stores = [{"type": "cli"}] if name != "keys.json" else [{"type": "file", "path": str(shared / name)}]
    shared.chmod(0o777)
    with nothing_changes(machine):
        done = direct("rack_keyroll", host=rack.host, stores=stores)
    assert f"{shared}: everybody can write there" in (done.msg or "")
    assert asked(machine.convox, f"rack {rack.name}") == []
    shared.chmod(0o1777)
    assert direct("rack_keyroll", host=rack.host, stores=stores).msg is None
    shared.chmod(0o777)
    mend(direct("rack_keyroll", host=rack.host, stores=stores).msg or "")
    assert direct("rack_keyroll", host=rack.host, stores=stores).msg is None


def test_a_directory_behind_a_link_stays_there(direct: Direct, machine: Machine, rack: Rack) -> None:
    """As people keep their dot files elsewhere: links stay links, and what they lead to is written."""
    elsewhere = machine.home / "dotfiles" / "convox"
    elsewhere.mkdir(mode=0o700, parents=True)
    machine.config.parent.mkdir(parents=True, exist_ok=True)
    machine.config.symlink_to(elsewhere)
    machine.stores |= {elsewhere / name for name in ("auth", "rotations.json")}
    assert direct("convox_login", host=rack.host, api_key=rack.key).msg is None
    assert direct("rack_keyroll", host=rack.host)["phase"] == "committed"
    assert machine.config.is_symlink()
    assert machine.read_json(elsewhere / "auth")[rack.host] == rack.key
    assert rack.accepted_keys == {rack.key}


# -- to whom a key is sent ----------------------------------------------------------------------------------------
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_of_any_kind(direct: Direct, machine: Machine, new_rack: NewRack, console: Console, status: int) -> None:
    """Of a read, of the write that carries a new key, and of a Console's login: nobody follows it."""
    rack, other = new_rack(), new_rack()
    away = {"action": "status", "status": status, "headers": {"Location": f"https://{other.host}/system"}}
    machine.log_in(rack.host, rack.key)
    rack.fault(**away)
    with nothing_changes(machine, locks=False):
        assert f"redirected to https://{other.host}" in (direct("convox_login", host=rack.host).msg or "")
    rack.fault(**away, method="PUT", times=None)
    assert f"redirected to https://{other.host}" in (direct("rack_keyroll", host=rack.host).msg or "")
    console.fault(**away, path="/graphql")
    account = {"host": console.host, "email": console.email, "account_password": console.password}
    assert f"redirected to https://{other.host}" in (direct("console_api_key", **account).msg or "")
    assert asked(machine.convox, f"rack {other.name}") == []
    assert rack.accepted_keys == {rack.key} == {machine.auth()[rack.host]}


@pytest.mark.parametrize("said", ["../../../evil", "evil.example.com/path", "me@evil.example.com", "evil\nX: y", "a b", "x" * 300])
def test_a_rack_that_gives_itself_a_name_which_is_no_host(direct: Direct, machine: Machine, rack: Rack, said: str) -> None:
    """It would be part of a lock's path, and of the URL that a key is sent to."""
    system = {"name": rack.name, "count": 1, "status": "running", "version": "20260326150533", "rack-domain": said}
    rack.fault("status", path="^/system$", status=200, body=json.dumps(system), content_type="application/json", times=None)
    for module in ("rack_keyroll", "instance_keyroll"):
        with nothing_changes(machine):
            done = direct(module, host=rack.host, api_key=rack.key)
        assert done.msg is not None
        assert "rack-domain" in done.msg
        assert "\n" not in done.msg
    assert list(machine.root.rglob("*evil*")) == []
