# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Console API key is rolled: made by the server, shown once, and never lost, whatever dies (architecture, 4)."""
from __future__ import annotations

import json
import typing as t
from pathlib import Path

import pytest

from ansible_collections.convox.credentials.plugins.module_utils import console_roll, files
from ansible_collections.convox.credentials.plugins.module_utils.console import Account
from ansible_collections.convox.credentials.plugins.module_utils.errors import BadInput, BadReply, ConvoxError, Damaged, Held, Refused, StoreFailed
from ansible_collections.convox.credentials.plugins.module_utils.keys import fingerprint
from ansible_collections.convox.credentials.plugins.module_utils.records import CONSOLE_API_KEY, Pending, Record
from ansible_collections.convox.credentials.plugins.module_utils.store_file import FileStore
from ansible_collections.convox.credentials.plugins.module_utils.task import Task
from tests.standin.console import Console as StandinConsole
from tests.standin.rack import Rack as StandinRack
from tests.unit.plugins.module_utils.conftest import Tasks
from tests.unit.plugins.module_utils.support import NEW, OTHER, FastClock, failing, listing

WHEN = "2026-11-23T12:00:00Z"
Roll = t.Callable[..., dict[str, t.Any]]


class Died(BaseException):
    """What SIGKILL is to a process."""


@pytest.fixture
def new_task(tasks: Tasks, console: StandinConsole) -> t.Callable[..., Task]:
    """A task of the module, with its own defaults."""

    def new_task(**options: t.Any) -> Task:
        given = {"host": console.host, "email": console.email, "account_password": console.password, "state": "rolled", "return_key": False}
        return tasks(**{**given, **options})

    return new_task


@pytest.fixture
def roll(new_task: t.Callable[..., Task]) -> Roll:
    return lambda **options: console_roll.roll(new_task(**options))[0]


def auth(tasks: Tasks) -> dict[str, str]:
    return json.loads((tasks.config_dir / "auth").read_text(encoding="utf-8"))


def notebook(tasks: Tasks) -> FileStore:
    return FileStore(str(tasks.config_dir / "rotations.json"))


def pending(tasks: Tasks, console: StandinConsole) -> Pending | None:
    record = notebook(tasks).load(CONSOLE_API_KEY, f"{console.email}@{console.host}")
    return record.pending if record else None


@pytest.fixture
def logged_in(tasks: Tasks, console: StandinConsole) -> str:
    """The CLI has the key that is in force."""
    tasks().cli.set_key(console.host, console.api_key)
    return console.api_key


# -- rolling ------------------------------------------------------------------------------------------------------
def test_a_key_is_rolled(roll: Roll, tasks: Tasks, console: StandinConsole, logged_in: str) -> None:
    tasks().cli.set_key("other.example.com", OTHER)
    tasks().cli.set_key("alias.example.com", logged_in)
    result = roll(rotation_id="2026-q4")
    assert (result["changed"], result["resumed"], result["rotation_id"], result["id"]) == (True, False, "2026-q4", console.user_id)
    assert (result["fingerprint"], result["old_fingerprint"]) == (fingerprint(console.api_key), fingerprint(logged_in))
    assert console.former_keys == [logged_in]
    assert auth(tasks) == {console.host: console.api_key, "alias.example.com": console.api_key, "other.example.com": OTHER}
    assert pending(tasks, console) is None
    (line,) = (tasks.config_dir / "ledger.jsonl").read_text(encoding="utf-8").splitlines()
    assert (json.loads(line)["new"], json.loads(line)["rotation_ids"]) == (fingerprint(console.api_key), ["2026-q4"])
    assert not {logged_in, console.api_key} & set(json.dumps(result).split('"'))


def test_nothing_to_do(roll: Roll, console: StandinConsole, logged_in: str) -> None:
    """This rotation was committed, the key is young enough, or it is valid and that was all."""
    assert not roll(state="valid")["changed"]
    roll(rotation_id="2026-q4")
    for options in ({"rotation_id": "2026-q4"}, {"max_age": "1d"}, {"state": "valid"}):
        assert not roll(**options)["changed"]
    assert len(console.former_keys) == 1
    assert roll(max_age="0s", rotation_id="2027-q1")["changed"]


def test_an_unknown_age_rolls(roll: Roll, logged_in: str) -> None:
    assert roll(max_age="90d")["changed"]


def test_a_key_that_came_from_elsewhere_is_of_unknown_age(roll: Roll, tasks: Tasks, console: StandinConsole, logged_in: str) -> None:
    """The date in the store is that of another key."""
    roll()
    tasks().cli.set_key(console.host, console.reset_api_key())
    assert roll(max_age="90d")["changed"]


@pytest.mark.parametrize("known", [None, NEW])
def test_a_key_that_is_lost_or_refused(roll: Roll, tasks: Tasks, console: StandinConsole, known: str | None) -> None:
    if known:
        tasks().cli.set_key(console.host, known)
    result = roll(state="valid")
    assert result["changed"]
    assert result["old_fingerprint"] == (fingerprint(known) if known else None)
    assert auth(tasks) == {console.host: console.api_key}


def test_several_stores(roll: Roll, tasks: Tasks, console: StandinConsole, logged_in: str, tmp_path: Path) -> None:
    stores = [{"type": "file", "path": str(tmp_path / "keys.json")}, {"type": "cli"}]
    result = roll(stores=stores)
    assert result["stored_in"] == [f"file:{tmp_path}/keys.json", "cli"]
    record = FileStore(str(tmp_path / "keys.json")).load(CONSOLE_API_KEY, f"{console.email}@{console.host}")
    assert record is not None
    assert (record.current, record.pending, record.superseded) == (console.api_key, None, (logged_in,))


def test_another_person_s_key_is_another_s(roll: Roll, console: StandinConsole, tmp_path: Path) -> None:
    """One file for a team: what it has of somebody else at this Console is neither used nor touched."""
    path = tmp_path / "keys.json"
    theirs = Record(CONSOLE_API_KEY, f"else@{console.host}", host=console.host, current=console.api_key, rolled_at=WHEN)
    FileStore(str(path)).save(theirs)
    result = roll(state="valid", stores=[{"type": "file", "path": str(path)}])
    assert (result["changed"], result["old_fingerprint"]) == (True, None)
    assert FileStore(str(path)).load(CONSOLE_API_KEY, theirs.identity) == theirs


# -- what is refused ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"account_password": None}, ["account_password"]),
        ({"account_password": "short"}, ["account_password", "8"]),
        ({"account_password": "wrong password"}, ["account_password"]),
        ({"email": "nobody@example.com"}, ["email"]),
        ({"rack": "acme/prod"}, ["rack"]),
        ({"max_age": "soon"}, ["max_age"]),
        ({"stores": []}, ["stores"]),
    ],
)
def test_before_anything_is_changed(roll: Roll, console: StandinConsole, logged_in: str, options: dict[str, t.Any], words: list[str]) -> None:
    with failing(Refused if "wrong password" in options.values() or "email" in options else BadInput, *words, hiding=[logged_in, console.password]):
        roll(**options)
    assert console.former_keys == []


def test_a_hardware_token(roll: Roll, tasks: Tasks, console: StandinConsole, logged_in: str) -> None:
    console.set(hardware_token=True)
    with failing(Refused, "hardware token", "deploy key", hiding=[logged_in, console.password]):
        roll()
    assert (console.former_keys, pending(tasks, console)) == ([], None)


def test_a_host_that_is_a_rack(roll: Roll, rack: StandinRack) -> None:
    with failing(BadInput, rack.host, "rack_keyroll", hiding=[rack.key]):
        roll(host=rack.host, api_key=rack.key)


def test_a_store_that_can_not_be_written(roll: Roll, console: StandinConsole, logged_in: str, tmp_path: Path) -> None:
    with failing(StoreFailed, str(tmp_path), hiding=[logged_in]):
        roll(stores=[{"type": "file", "path": str(tmp_path)}])
    (tmp_path / "damaged").write_text("{", encoding="utf-8")
    with failing(Damaged, "damaged", hiding=[logged_in]):
        roll(stores=[{"type": "file", "path": str(tmp_path / "damaged")}])
    assert console.former_keys == []


def test_two_at_once(roll: Roll, new_task: t.Callable[..., Task], console: StandinConsole, logged_in: str) -> None:
    lock = new_task().cli.home.file(f"locks/{console.email}@{console.host}")
    with files.locked(lock, "another"), failing(Held, console.email, "pid", hiding=[logged_in]):
        roll()
    assert console.former_keys == []


def test_check_mode(roll: Roll, tasks: Tasks, console: StandinConsole, logged_in: str) -> None:
    before = listing(tasks.config_dir)
    predicted = roll(check_mode=True)
    assert (predicted["changed"], predicted["old_fingerprint"], predicted["fingerprint"]) == (True, fingerprint(logged_in), None)
    assert not roll(check_mode=True, state="valid")["changed"]
    with failing(BadInput, "account_password"):
        roll(check_mode=True, account_password=None)
    assert (console.former_keys, listing(tasks.config_dir)) == ([], before)


# -- confirming ---------------------------------------------------------------------------------------------------
def test_a_new_key_is_confirmed_twice_ten_seconds_apart(new_task: t.Callable[..., Task], console: StandinConsole, logged_in: str) -> None:
    task = new_task()
    began = task.clock.now()
    console_roll.roll(task)
    assert task.clock.now() - began >= 10


def test_a_refused_one_is_made_anew(roll: Roll, tasks: Tasks, console: StandinConsole, logged_in: str) -> None:
    """Consoles save whole records: one save can bring an old value back."""
    console.fault("status", status=401, body="invalid authentication", path="/auth", skip=2, times=1)
    result = roll()
    assert (result["changed"], len(console.former_keys)) == (True, 2)
    assert auth(tasks)[console.host] == console.api_key
    record = notebook(tasks).load(CONSOLE_API_KEY, f"{console.email}@{console.host}")
    assert record is not None
    assert set(console.former_keys) <= set(record.superseded), "what was made is held until the next success"


def test_but_not_for_ever(roll: Roll, tasks: Tasks, console: StandinConsole, logged_in: str) -> None:
    console.fault("status", status=401, body="invalid authentication", path="/auth", skip=1, times=None)
    with failing(ConvoxError, "3 new keys", "pending", "run again", hiding=[logged_in, console.password]) as caught:
        roll()
    assert (caught.value.result["changed"], len(console.former_keys)) == (True, 3)
    found = pending(tasks, console)
    assert found is not None
    assert found.key == console.api_key


@pytest.mark.parametrize("fault", [{"action": "drop_before"}, {"action": "status", "status": 502}, {"action": "html"}])
def test_silence_is_no_refusal(roll: Roll, tasks: Tasks, console: StandinConsole, logged_in: str, fault: dict[str, t.Any]) -> None:
    """The key that was made stays pending, and the next run finishes it without another reset, nor the password."""
    console.fault(**fault, path="/auth", skip=1)
    with failing(ConvoxError, "pending", "run again", hiding=[logged_in, console.password]) as caught:
        roll()
    assert caught.value.result["changed"]
    result = roll(account_password=None)
    assert (result["resumed"], result["changed"], len(console.former_keys)) == (True, True, 1)
    assert auth(tasks)[console.host] == console.api_key


def test_a_lost_reply_is_made_anew_by_the_next_run(roll: Roll, tasks: Tasks, console: StandinConsole, logged_in: str) -> None:
    """The former key may be dead: it is told as a change, with what to do."""
    console.fault("drop_after", path="/graphql", body_matches="user_cli_token_reset")
    with failing(ConvoxError, "cut", "run again", hiding=[logged_in, console.password]) as caught:
        roll()
    assert caught.value.result["changed"]
    assert roll()["resumed"]
    assert (len(console.former_keys), auth(tasks)[console.host]) == (2, console.api_key)


def test_a_reset_that_the_console_refuses_is_told_as_that(roll: Roll, console: StandinConsole, logged_in: str) -> None:
    body = json.dumps({"errors": [{"message": "account is locked"}], "data": None})
    console.fault("status", status=200, body=body, content_type="application/json", path="/graphql", body_matches="user_cli_token_reset")
    with failing(BadReply, "account is locked", hiding=[logged_in, console.password]):
        roll()


def test_what_is_pending_comes_before_max_age_and_state(roll: Roll, console: StandinConsole, logged_in: str) -> None:
    console.fault("drop_before", path="/auth", skip=1)
    with pytest.raises(ConvoxError):
        roll(rotation_id="first")
    result = roll(state="valid", max_age="90d", rotation_id="second")
    assert (result["changed"], result["resumed"], result["rotation_id"]) == (True, True, "second")
    for each in ("first", "second"):
        assert not roll(rotation_id=each)["changed"]


# -- killed -------------------------------------------------------------------------------------------------------
def dying(monkeypatch: pytest.MonkeyPatch, number: int | None) -> list[str]:
    """Die before or after each deed that outlives the run, by its number; the deeds, as they are come to."""
    deeds: list[str] = []

    def deed(name: str, real: t.Callable[..., t.Any]) -> t.Callable[..., t.Any]:
        def done(*args: t.Any) -> t.Any:
            for when in ("before", "after"):
                deeds.append(f"{when} {name}")
                if len(deeds) - 1 == number:
                    raise Died
                if when == "before":
                    result = real(*args)
            return result

        return done

    monkeypatch.setattr(files, "write", deed("a write", files.write))
    monkeypatch.setattr(Account, "log_in", deed("the login", Account.log_in))
    monkeypatch.setattr(Account, "reset_key", deed("the reset", Account.reset_key))
    return deeds


def every_deed(monkeypatch: pytest.MonkeyPatch, roll: Roll, **options: t.Any) -> list[str]:
    with monkeypatch.context() as patch:
        deeds = dying(patch, None)
        roll(**options)
    return deeds


@pytest.mark.parametrize("names", [("cli",), ("cli", "file"), ("file",)])
def test_killed_at_any_moment_the_next_run_finishes_it(
    roll: Roll, tasks: Tasks, console: StandinConsole, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, names: tuple[str, ...]
) -> None:
    """After the reset and before the save, too: the session that the password opens makes another."""
    monkeypatch.setattr(FastClock, "pace", 500.0)

    def begin(number: int) -> dict[str, t.Any]:
        tasks.config_dir = tmp_path / f"{number}"
        kinds = {"cli": {"type": "cli"}, "file": {"type": "file", "path": str(tasks.config_dir / "keys.json")}}
        tasks().cli.set_key(console.host, console.api_key)
        return {"stores": [kinds[name] for name in names], "rotation_id": f"id-{number}"}

    deeds = every_deed(monkeypatch, roll, **begin(-1))
    assert {"after the reset", "before the reset", "after the login", "after a write"} <= set(deeds)
    for number, deed in enumerate(deeds):
        options = begin(number)
        old = console.api_key
        with monkeypatch.context() as patch:
            dying(patch, number)
            with pytest.raises(Died):
                roll(**options)
        held = "".join(path.read_text(encoding="utf-8") for path in tasks.config_dir.rglob("*") if path.is_file())
        assert console.api_key in held or deed == "after the reset" or console.api_key != old, deed
        resets = len(console.former_keys)
        result = roll(**options)
        assert (result["rotation_id"], pending(tasks, console)) == (f"id-{number}", None), deed
        assert auth(tasks)[console.host] == console.api_key, deed
        assert len(console.former_keys) - resets <= 1, deed
        assert not roll(**options)["changed"], deed
