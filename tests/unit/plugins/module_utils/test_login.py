# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Logging in and out as the CLI does: the key is proven, then the files are written (convox-protocol, 2)."""
from __future__ import annotations

import dataclasses
import json
import typing as t
from pathlib import Path

import pytest

from ansible_collections.convox.credentials.plugins.module_utils.errors import BadInput, BadReply, NoAnswer, Refused
from ansible_collections.convox.credentials.plugins.module_utils.keys import digest, fingerprint
from ansible_collections.convox.credentials.plugins.module_utils.login import login
from ansible_collections.convox.credentials.plugins.module_utils.records import CONSOLE_API_KEY, Record
from ansible_collections.convox.credentials.plugins.module_utils.store_cli import CliStore
from ansible_collections.convox.credentials.plugins.module_utils.store_file import FileStore
from tests.standin.console import Console as StandinConsole
from tests.standin.rack import Rack as StandinRack
from tests.unit.plugins.module_utils.conftest import Tasks
from tests.unit.plugins.module_utils.support import NEW, OTHER, failing, listing

Log = t.Callable[..., dict[str, t.Any]]


@pytest.fixture
def log(tasks: Tasks) -> Log:
    """Logs in with the module's own defaults; the tests' directory is of the classic layout."""

    def log(state: str = "present", **options: t.Any) -> dict[str, t.Any]:
        return login(tasks(**{"state": state, "activate": True, "switch_to": None, **options}))

    return log


@pytest.fixture
def v3(tasks: Tasks) -> Path:
    """The directory is the v3 CLI's."""
    tasks.config_dir.mkdir()
    (tasks.config_dir / "console").write_text("other.example.com", encoding="utf-8")
    return tasks.config_dir


@pytest.fixture
def classic(tasks: Tasks) -> Path:
    """The directory is an older CLI's."""
    tasks.config_dir.mkdir()
    (tasks.config_dir / "host").write_text("other.example.com", encoding="utf-8")
    return tasks.config_dir


def contents(directory: Path) -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in directory.iterdir() if path.is_file() and path.suffix != ".lock"}


# -- logging in ---------------------------------------------------------------------------------------------------
def test_into_a_console(log: Log, console: StandinConsole, classic: Path) -> None:
    """As the CLI leaves it: no newline at the end of any file, and the active rack forgotten."""
    (classic / "rack").write_text("acme/prod", encoding="utf-8")
    (classic / "auth").write_text(json.dumps({"other.example.com": OTHER}), encoding="utf-8")
    result = log(host=console.host, api_key=console.api_key)
    assert (result["changed"], result["kind"], result["id"], result["rack"], result["system"]) == (True, "console", console.user_id, None, None)
    assert result["fingerprint"] == fingerprint(console.api_key)
    assert contents(classic) == {
        "auth": f'{{\n  "other.example.com": "{OTHER}",\n  "{console.host}": "{console.api_key}"\n}}',
        "host": console.host,
        "id": console.user_id,
    }
    assert console.api_key not in json.dumps(result)


def test_into_a_rack(log: Log, rack: StandinRack, v3: Path) -> None:
    """It has no id to give: the one of the Console stays."""
    (v3 / "id").write_text("user-1", encoding="utf-8")
    result = log(host=rack.host, api_key=rack.key)
    assert (result["kind"], result["rack"], result["id"]) == ("rack", rack.name, None)
    assert result["system"]["version"] == rack.version
    assert not {"Password", "HttpProxy"} & set(result["system"]["parameters"])
    assert contents(v3) == {"auth": f'{{\n  "{rack.host}": "{rack.key}"\n}}', "console": rack.host, "id": "user-1"}


def test_a_rack_through_a_console(log: Log, rack: StandinRack, console: StandinConsole, classic: Path) -> None:
    console.import_rack(rack)
    result = log(host=console.host, api_key=console.api_key, rack=f"acme/{rack.name}")
    assert (result["kind"], result["rack"], result["id"]) == ("console", f"acme/{rack.name}", console.user_id)
    assert contents(classic)["auth"] == json.dumps({console.host: console.api_key}, indent=2)


def test_twice_changes_nothing(log: Log, console: StandinConsole, classic: Path) -> None:
    log(host=console.host, api_key=console.api_key)
    before = {path.name: path.stat().st_ino for path in classic.iterdir()}
    for options in ({"api_key": console.api_key}, {}):
        result = log(host=console.host, **options)
        assert (result["changed"], "diff" in result) == (False, False)
    assert {path.name: path.stat().st_ino for path in classic.iterdir()} == before


def test_the_active_rack_is_forgotten_only_with_its_host(log: Log, console: StandinConsole, classic: Path) -> None:
    (classic / "host").write_text(console.host, encoding="utf-8")
    (classic / "rack").write_text("acme/prod", encoding="utf-8")
    log(host=console.host, api_key=console.api_key)
    assert contents(classic)["rack"] == "acme/prod"


def test_without_making_it_active(log: Log, console: StandinConsole, classic: Path) -> None:
    (classic / "rack").write_text("acme/prod", encoding="utf-8")
    result = log(host=console.host, api_key=console.api_key, activate=False)
    assert result["changed"]
    assert (contents(classic)["host"], contents(classic)["rack"], "id" in contents(classic)) == ("other.example.com", "acme/prod", False)
    assert not log(host=console.host, activate=False)["changed"]


def test_a_new_key_of_a_known_host(log: Log, rack: StandinRack, classic: Path) -> None:
    """The diff shows which it was, and neither key."""
    (classic / "auth").write_text(json.dumps({rack.host: OTHER, "z": NEW}), encoding="utf-8")
    result = log(host=rack.host, api_key=rack.key)
    assert (result["diff"]["before"]["auth"], result["diff"]["after"]["auth"]) == (fingerprint(OTHER), fingerprint(rack.key))
    assert list(json.loads(contents(classic)["auth"]).items()) == [(rack.host, rack.key), ("z", NEW)]
    assert not {OTHER, rack.key} & set(json.dumps(result).split('"'))


@pytest.mark.parametrize("value", [7, None, [], {"key": OTHER}])
def test_an_entry_that_is_no_key_is_replaced(log: Log, rack: StandinRack, classic: Path, value: t.Any) -> None:
    (classic / "auth").write_text(json.dumps({rack.host: value}), encoding="utf-8")
    assert log(host=rack.host, api_key=rack.key)["diff"]["before"]["auth"] is None
    assert json.loads(contents(classic)["auth"]) == {rack.host: rack.key}


# -- switching ----------------------------------------------------------------------------------------------------
def test_switching_as_the_v3_cli_does(log: Log, console: StandinConsole, v3: Path) -> None:
    assert log(host=console.host, api_key=console.api_key, switch_to="acme/dev")["changed"]
    assert contents(v3)["current"] == '{"name":"acme/dev","type":"console"}'
    assert not log(host=console.host, switch_to="acme/dev")["changed"]
    assert log(host=console.host, switch_to="acme/prod")["changed"]


def test_switching_as_the_older_ones_do(log: Log, console: StandinConsole, classic: Path) -> None:
    (classic / "racks").write_text(json.dumps({"other.example.com": "acme/other"}), encoding="utf-8")
    log(host=console.host, api_key=console.api_key, switch_to="acme/dev")
    assert contents(classic)["rack"] == "acme/dev"
    assert json.loads(contents(classic)["racks"]) == {"other.example.com": "acme/other", console.host: "acme/dev"}
    assert not log(host=console.host, switch_to="acme/dev")["changed"]


@pytest.mark.parametrize("name", ["dev", "acme/", "acme/dev/x", "acme dev/x"])
def test_switching_to_what_is_no_rack(log: Log, console: StandinConsole, classic: Path, name: str) -> None:
    before = contents(classic)
    with failing(BadInput, "switch_to", "org/name"):
        log(host=console.host, api_key=console.api_key, switch_to=name)
    assert contents(classic) == before


# -- what writes nothing ------------------------------------------------------------------------------------------
def test_check_mode_predicts_and_writes_nothing(log: Log, console: StandinConsole, tasks: Tasks) -> None:
    predicted = log(host=console.host, api_key=console.api_key, check_mode=True)
    assert predicted["changed"]
    assert not tasks.config_dir.exists()
    done = log(host=console.host, api_key=console.api_key)
    assert {name: value for name, value in done.items() if name != "config_dir"} == {name: value for name, value in predicted.items() if name != "config_dir"}
    assert not log(host=console.host, check_mode=True)["changed"]


def test_a_refused_key_is_not_written(log: Log, console: StandinConsole, rack: StandinRack, classic: Path) -> None:
    """Not even where the files have one that works: it would hide a wrong option."""
    for each, good in ((console, console.api_key), (rack, rack.key)):
        (classic / "auth").write_text(json.dumps({each.host: good}), encoding="utf-8")
        before = contents(classic)
        with failing(Refused, "nothing was written", "api_key", hiding=[NEW, good]):
            log(host=each.host, api_key=NEW)
        assert contents(classic) == before


@pytest.mark.parametrize(
    ("fault", "kind"), [({"action": "drop_before"}, NoAnswer), ({"action": "html"}, BadReply), ({"action": "status", "status": 500}, BadReply)]
)
def test_nor_one_that_nobody_answers_to(log: Log, rack: StandinRack, classic: Path, fault: dict[str, t.Any], kind: t.Any) -> None:
    before = contents(classic)
    rack.fault(**fault)
    with failing(kind, rack.host, hiding=[rack.key]):
        log(host=rack.host, api_key=rack.key)
    assert contents(classic) == before


def test_no_key_at_all(log: Log, rack: StandinRack, tasks: Tasks) -> None:
    with failing(BadInput, "api_key", rack.host, "CONVOX_PASSWORD"):
        log(host=rack.host)
    assert listing(tasks.config_dir) == set()


# -- logging out --------------------------------------------------------------------------------------------------
def test_out_of_a_host(log: Log, console: StandinConsole, rack: StandinRack, classic: Path) -> None:
    log(host=rack.host, api_key=rack.key)
    log(host=console.host, api_key=console.api_key)
    predicted = log("absent", host=console.host, check_mode=True)
    assert predicted["changed"]
    assert json.loads(contents(classic)["auth"]) == {rack.host: rack.key, console.host: console.api_key}
    assert log("absent", host=console.host) == predicted
    assert (json.loads(contents(classic)["auth"]), "host" in contents(classic)) == ({rack.host: rack.key}, False)
    again = log("absent", host=console.host)
    assert (again["changed"], "diff" in again) == (False, False)


def test_out_of_a_host_that_is_gone(log: Log, tasks: Tasks) -> None:
    """Nobody is asked."""
    tasks(host="h").cli.set_key("gone.invalid", OTHER)
    assert log("absent", host="gone.invalid")["changed"]
    assert json.loads(contents(tasks.config_dir)["auth"]) == {}


# -- what a roll has made and only the login holds ------------------------------------------------------------------
@pytest.fixture
def rolled(tasks: Tasks, console: StandinConsole) -> FileStore:
    """The notebook of a roll that made the Console's key: ``auth`` has it, one copy was enough."""
    cli = tasks(host=console.host).cli
    cli.set_key(console.host, console.api_key)
    record = Record(CONSOLE_API_KEY, f"deploy@example.com@{console.host}", host=console.host, current=console.api_key, digest=digest(console.api_key))
    CliStore(cli).save(dataclasses.replace(record, identity=console.host))
    return FileStore(str(tasks.config_dir / "rotations.json"))


def test_it_is_kept_where_its_login_is_removed(log: Log, tasks: Tasks, console: StandinConsole, rolled: FileStore) -> None:
    log("absent", host=console.host, check_mode=True)
    assert rolled.every()[0].superseded == ()
    log("absent", host=console.host)
    assert [(each.current, each.superseded) for each in rolled.every()] == [(None, (console.api_key,))]
    assert any(f"its key {fingerprint(console.api_key)} was made by a roll" in text for text in tasks.warnings)
    # Once is enough.
    tasks(host="h").cli.set_key(console.host, console.api_key)
    log("absent", host=console.host)
    assert rolled.every()[0].superseded == (console.api_key,)


def test_it_is_kept_where_another_key_takes_its_place(log: Log, tasks: Tasks, console: StandinConsole, rolled: FileStore) -> None:
    former = console.api_key
    log(host=console.host, api_key=former)
    assert rolled.every()[0].superseded == ()
    console.api_key = NEW
    log(host=console.host, api_key=NEW)
    assert rolled.every()[0].superseded == (former,)
    assert json.loads(contents(tasks.config_dir)["auth"]) == {console.host: NEW}


def test_what_another_login_holds_is_not_kept_twice(log: Log, tasks: Tasks, console: StandinConsole, rolled: FileStore) -> None:
    tasks(host="h").cli.set_key("alias.example.com", console.api_key)
    log("absent", host=console.host)
    assert rolled.every()[0].superseded == ()
