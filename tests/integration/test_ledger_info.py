# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ledger as real rolls write it and ``ledger_info`` reads it: what it tells, whether it is whole, and that it stays so."""
from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.watching import new_keys_of, nothing_changes
from tests.obstacles import OBSTACLES

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.conftest import NewRack
    from tests.integration.direct import Direct
    from tests.integration.machine import Machine
    from tests.standin.console import Console
    from tests.standin.rack import Rack

LOST = "is lost with this job"


@pytest.fixture
def path(machine: Machine) -> Path:
    """A ledger on a volume that all jobs share."""
    return machine.home / "volume" / "ledger.jsonl"


def roll(machine: Machine, path: Path, rack: Rack, count: int = 1) -> None:
    """Roll a rack's key so many times."""
    for dummy in range(count):
        machine.run("rack_keyroll", host=rack.host, api_key=rack.key, ledger_path=str(path), rotation_id=f"campaign-{len(new_keys_of(rack))}")


def edit(path: Path, meddle: Any) -> None:
    path.write_bytes(b"".join(meddle(path.read_bytes().splitlines(keepends=True))))


def test_every_kind_of_roll_is_in_it(direct: Direct, machine: Machine, rack: Rack, console: Console, path: Path) -> None:
    """With what a report on a leaked key needs: what, whose, from which to which, when, by which runs and job."""
    machine.environment = {"JOB_ID": "4711", "AWX_HOST": "https://awx.example.com"}
    stores = [{"type": "cli", "persistent": True}]
    common = {"ledger_path": str(path), "stores": stores, "rotation_id": "leak"}
    rolls = [
        direct("rack_keyroll", host=rack.host, api_key=rack.key, **common),
        direct("instance_keyroll", host=rack.host, **common),
        direct("console_api_key", host=console.host, email=console.email, account_password=console.password, **common),
    ]
    assert [done.msg for done in rolls] == [None] * 3
    told = machine.run("ledger_info", ledger_path=str(path))
    assert (told.changed, told["whole"], told["damage"], told["torn"], told["lines"], told["matched"]) == (False, True, [], [], 3, 3)
    assert [each["what"] for each in told["entries"]] == ["rack_api_key", "instance_key", "console_api_key"]
    assert [each["identity"] for each in told["entries"]] == [rack.rack_domain, rack.rack_domain, f"{console.email}@{console.host}"]
    assert [each["rack"] for each in told["entries"]] == [rack.name, rack.name, console.email]
    assert [(each["old"], each["new"]) for each in told["entries"]] == [
        (rolls[0]["old_fingerprint"], rolls[0]["fingerprint"]),
        (rolls[1]["old_key_name"], rolls[1]["key_name"]),
        (rolls[2]["old_fingerprint"], rolls[2]["fingerprint"]),
    ]
    assert [each["at"] for each in told["entries"]] == [each["rolled_at"] for each in rolls]
    assert (told["first_at"], told["last_at"]) == (rolls[0]["rolled_at"], rolls[2]["rolled_at"])
    for number, each in enumerate(told["entries"], 1):
        assert (each["line"], each["rotation_ids"], each["job"], each["awx"]) == (number, ["leak"], "4711", "https://awx.example.com")
        assert each["seconds"] >= 0


def test_what_is_asked_for(machine: Machine, new_rack: NewRack, path: Path) -> None:
    racks = [new_rack(), new_rack()]
    for rack in racks * 2:
        machine.run("rack_keyroll", host=rack.host, api_key=rack.key, ledger_path=str(path))

    def lines(**options: Any) -> list[int]:
        told = machine.run("ledger_info", ledger_path=str(path), **options)
        assert (told["whole"], told["lines"]) == (True, 4)
        return [each["line"] for each in told["entries"]]

    assert lines() == [1, 2, 3, 4]
    for name in (racks[0].name, racks[0].rack_domain, f"acme/{racks[0].name}"):
        assert lines(rack=name) == [1, 3]
    assert lines(rack=racks[1].name, max_returned=1) == [4]
    assert lines(max_returned=0) == lines(kind="instance_key") == lines(rack="another") == []
    assert lines(kind="rack_api_key", max_age="1h") == [1, 2, 3, 4]
    edit(path, lambda them: [json.dumps({**json.loads(them[0]), "at": "2026-01-01T00:00:00Z"}).encode() + b"\n", *them[1:]])
    old = machine.run("ledger_info", ledger_path=str(path), max_age="1d")
    assert ([each["line"] for each in old["entries"]], old["matched"], [each["line"] for each in old["damage"]]) == ([2, 3, 4], 3, [2])


@pytest.mark.parametrize("check_mode", [False, True])
def test_nothing_is_written(machine: Machine, rack: Rack, path: Path, check_mode: bool) -> None:
    """Not even a lock, nor where there is nothing yet."""
    with nothing_changes(machine):
        none = machine.run("ledger_info", check_mode=check_mode)
    assert (none["whole"], none["lines"], none["entries"], none["first_at"]) == (True, 0, [], None)
    assert str(machine.config / "ledger.jsonl") == none["ledger_path"]
    assert none["ledger_path"] in none.warnings
    roll(machine, path, rack)
    path.with_name(path.name + ".lock").unlink()
    with nothing_changes(machine):
        told = machine.run("ledger_info", ledger_path=str(path), check_mode=check_mode)
    assert (told["lines"], told.changed, told.warnings) == (1, False, "")


@pytest.mark.parametrize(
    ("meddle", "line", "what"),
    [
        (lambda them: [them[0].replace(b"campaign-0", b"campaign-9"), *them[1:]], 2, "changed"),
        (lambda them: [them[0], them[2]], 2, "taken out"),
        (lambda them: them[1:], 1, "begins later"),
        (lambda them: [*them[:2], them[2][:40]], 3, "a run died"),
    ],
)
def test_a_ledger_that_is_not_whole(machine: Machine, rack: Rack, path: Path, meddle: Any, line: int, what: str) -> None:
    """The task says so, and does not fail by itself; the next roll goes on below."""
    roll(machine, path, rack, 3)
    edit(path, meddle)
    told = machine.run("ledger_info", ledger_path=str(path))
    assert (told["whole"], [each["line"] for each in told["damage"]]) == (False, [line])
    assert what in told["damage"][0]["what"]
    roll(machine, path, rack)
    after = machine.run("ledger_info", ledger_path=str(path))
    assert after["lines"] == told["lines"] + 1
    assert (after["whole"], after["torn"]) == ((True, [3]) if what == "a run died" else (False, []))


def test_a_tail_that_was_taken_out_shows_by_a_noted_head(machine: Machine, rack: Rack, path: Path) -> None:
    noted = machine.run("ledger_info", ledger_path=str(path))["head"]
    for dummy in range(2):
        roll(machine, path, rack)
        told = machine.run("ledger_info", ledger_path=str(path), head=noted)
        assert (told["whole"], told["head"] != noted) == (True, True)
        noted = told["head"]
    edit(path, lambda them: them[:-1])
    assert machine.run("ledger_info", ledger_path=str(path))["whole"]
    told = machine.run("ledger_info", ledger_path=str(path), head=noted.upper())
    assert (told["whole"], [each["line"] for each in told["damage"]]) == (False, [None])
    assert noted in told["damage"][0]["what"]
    path.unlink()
    assert not machine.run("ledger_info", ledger_path=str(path), head=noted)["whole"]
    assert "head" in machine.fail("ledger_info", ledger_path=str(path), head="abc").msg


@pytest.mark.parametrize("place", OBSTACLES)
def test_what_can_not_be_read(machine: Machine, place: str) -> None:
    path = machine.home / "ledger.jsonl"
    OBSTACLES[place](path)
    assert str(path) in machine.fail("ledger_info", ledger_path=str(path)).msg


def test_rolls_at_once_share_one(machine: Machine, new_rack: NewRack, path: Path) -> None:
    """Two playbooks, and a third that reads meanwhile."""
    racks = [new_rack(), new_rack()]
    playbooks = [machine.begin("rack_keyroll", host=rack.host, api_key=rack.key, ledger_path=str(path)) for rack in racks]
    assert machine.run("ledger_info", ledger_path=str(path))["whole"]
    assert [playbook.end().failed for playbook in playbooks] == [False, False]
    told = machine.run("ledger_info", ledger_path=str(path))
    assert (told["whole"], {each["rack"] for each in told["entries"]}) == (True, {rack.name for rack in racks})


def test_a_ledger_that_is_lost_with_its_job(machine: Machine, rack: Rack, path: Path) -> None:
    """It is said, and the key is rolled all the same: that is where it stays."""
    machine.environment = {"AWX_HOST": "https://awx.example.com", "AWS_DEFAULT_REGION": "us-east-1"}
    stores = [{"type": "aws_secretsmanager"}]
    rolled = machine.run("rack_keyroll", host=rack.host, api_key=rack.key, stores=stores)
    assert rolled["phase"] == "committed"
    assert LOST in rolled.warnings
    assert os.path.join(machine.config, "ledger.jsonl") in rolled.warnings
    assert LOST not in machine.run("rack_keyroll", host=rack.host, stores=stores, ledger_path=str(path)).warnings
