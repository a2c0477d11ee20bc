# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rolls in three steps, as a fleet's are: begun without waiting, waited for, and committed."""
from __future__ import annotations

import functools
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ansible_collections.convox.credentials.plugins.module_utils import instance_roll, rack_roll
from tests.integration.plays import in_force, times_set
from tests.integration.watching import asked

if TYPE_CHECKING:
    from tests.integration.conftest import NewRack
    from tests.integration.direct import Direct
    from tests.integration.machine import Machine
    from tests.standin.rack import Rack

SLOWLY = {"update_seconds": 0.5, "restart_seconds": 0.2, "drain_seconds": 0.1}


@pytest.fixture
def slow(machine: Machine, new_rack: NewRack) -> Rack:
    """A rack that can't be rolled without waiting, and that the CLI knows."""
    rack = new_rack(**SLOWLY, instance_seconds=0.1)
    machine.log_in(rack.host, rack.key)
    return rack


@pytest.mark.parametrize("aws", [True, False], ids=["with AWS", "by the API alone"])
def test_the_rack_s_key(machine: Machine, direct: Direct, slow: Rack, aws: bool) -> None:
    machine.aws = aws
    # Else a warning says that this way was taken.
    options: dict[str, Any] = {"host": slow.host, "rotation_id": "q4", "wait": False, "activate": "auto" if aws else "signing_key"}
    begun = direct("rack_keyroll", **options)
    assert begun["phase"] in ("staged", "applied")
    options["wait"] = True
    waited = direct("rack_keyroll", waiting=functools.partial(rack_roll.wait, sent_for="q4" if begun["sent"] else None), **options)
    assert (waited.msg, waited["phase"], waited["old_refused"]) == (None, "confirmed", "true")
    # What is in force everywhere is not what people find, until it is committed.
    assert machine.auth()[slow.host] != in_force(slow) == slow.key
    before = len(machine.convox.journal.entries())
    committed = direct("rack_keyroll", **options)
    assert (committed["phase"], committed["old_refused"], committed.warnings) == ("committed", "true", [])
    assert machine.auth()[slow.host] == slow.key
    assert times_set(slow) == 1
    sent = [each for each in machine.convox.journal.entries()[before:] if each["method"] in ("PUT", "POST") and each["server"] != "aws"]
    assert sent == []


def puts(machine: Machine, rack: Rack) -> int:
    """How often the stack was to be changed by the rack's API."""
    return len(asked(machine.convox, f"rack {rack.name}", "PUT", "/system"))


def test_nothing_is_sent_to_an_api_that_restarts(machine: Machine, direct: Direct, slow: Rack) -> None:
    """The next run begins the restart, and its wait can't know what became of the first run's sending: a lost reply would end it."""
    options: dict[str, Any] = {"host": slow.host, "rotation_id": "q4", "wait": False}
    direct("rack_keyroll", **options)
    slow.wait_at_rest()
    slow.set(restart_seconds=600.0)
    assert direct("rack_keyroll", **options)["phase"] == "active"
    slow.fault("drop_before", method="PUT", path="/system", times=1)
    sent = puts(machine, slow)

    def meanwhile() -> None:
        assert puts(machine, slow) == sent
        slow.faults.clear()
        slow.set(restart_seconds=0.0)

    waited = direct("rack_keyroll", waiting=rack_roll.wait, meanwhile=meanwhile, **{**options, "wait": True})
    assert (waited.msg, waited["phase"], waited["old_refused"]) == (None, "confirmed", "true")


@pytest.mark.parametrize("aws", [True, False], ids=["with AWS", "by the API alone"])
def test_the_instances_key(machine: Machine, direct: Direct, slow: Rack, aws: bool) -> None:
    machine.aws = aws
    # Without EC2 an instance is told by its start, in whole seconds.
    slow.set(update_seconds=1.5, instance_seconds=1.2)
    options: dict[str, Any] = {"host": slow.host, "rotation_id": "q4", "wait": False}
    assert direct("instance_keyroll", **options)["phase"] == "applied"
    waited = direct("instance_keyroll", waiting=instance_roll.wait, **{**options, "wait": True})
    assert (waited.msg, waited["phase"]) == (None, "confirmed")
    committed = direct("instance_keyroll", **{**options, "wait": True})
    assert (committed.msg, committed["phase"], committed["key_name"]) == (None, "committed", slow.parameters["Key"])
    assert {each.key_name for each in slow.instances.members()} == {slow.parameters["Key"]}


@pytest.mark.parametrize("aws", [True, False], ids=["with AWS", "by the API alone"])
def test_a_rack_that_is_away_when_its_key_is_to_be_committed(machine: Machine, direct: Direct, slow: Rack, aws: bool) -> None:
    """No answer says nothing of the key that was confirmed: it is asked again, not sent again."""
    machine.aws = aws
    options: dict[str, Any] = {"host": slow.host, "rotation_id": "q4", "retries": 0}
    direct("rack_keyroll", **options, wait=False)
    assert direct("rack_keyroll", waiting=functools.partial(rack_roll.wait, sent_for="q4"), **options)["phase"] == "confirmed"
    before = len(machine.convox.journal.entries())
    # The first questions find out which key is accepted; those after them are the round's.
    slow.fault("status", method="GET", path="/system$", status=502, skip=2, times=3)
    committed = direct("rack_keyroll", **options)
    assert (committed.msg, committed["phase"], committed["old_refused"]) == (None, "committed", "true")
    replies = machine.convox.journal.entries()[before:]
    assert 502 in [each["status"] for each in replies], "it was away"
    assert [each for each in replies if each["method"] == "PUT"] == []
    assert machine.auth()[slow.host] == in_force(slow)


def test_builds_that_began_with_the_new_key_are_well(direct: Direct, slow: Rack) -> None:
    builds = [{"id": "BEARLY", "status": "running"}]
    slow.set(apps=[{"name": "web", "builds": builds}])
    options: dict[str, Any] = {"host": slow.host, "rotation_id": "q4"}
    direct("rack_keyroll", **options, wait=False)
    direct("rack_keyroll", waiting=functools.partial(rack_roll.wait, sent_for="q4"), **options)
    slow.set(apps=[{"name": "web", "builds": [*builds, {"id": "BLATE", "status": "running"}]}])
    committed = direct("rack_keyroll", **options)
    assert committed["also_affected"]["builds"] == ["web/BEARLY"]
    assert [text for text in committed.warnings if "can't report" in text] == [
        f"rack {slow.name} ({slow.rack_domain}): builds that began with the old key and can't report their end: web/BEARLY"
    ]


def test_nothing_was_begun(machine: Machine, direct: Direct, slow: Rack) -> None:
    """A rack that was busy is waited for, and nothing is changed on it meanwhile."""
    slow.fault("never_ends")
    slow.update({"InstanceType": "t3.large"})
    begun = direct("rack_keyroll", host=slow.host, wait=False)
    assert (begun["needs_wait"], "its stack is busy" in (begun.msg or "")) == (True, True)
    ends = threading.Timer(0.5, slow.faults.clear)
    ends.start()
    waited = direct("rack_keyroll", waiting=rack_roll.wait, host=slow.host)
    assert waited.data == {"phase": None}
    assert times_set(slow) == 0
    ends.join()
    slow.wait_at_rest()


@pytest.mark.parametrize("module", ["rack_keyroll", "instance_keyroll"])
def test_a_rollback_while_waiting(machine: Machine, direct: Direct, slow: Rack, module: str) -> None:
    """It is told by the wait, and the new key or pair is kept for the next run."""
    slow.fault("rollback")
    work = rack_roll.wait if module == "rack_keyroll" else instance_roll.wait
    begun = direct(module, host=slow.host, rotation_id="q4", wait=False)
    assert (begun.msg, begun["sent"]) == (None, True)
    before = len(machine.convox.journal.entries())
    waited = direct(module, waiting=functools.partial(work, sent_for="q4"), host=slow.host, rotation_id="q4")
    assert "rolled the update back" in (waited.msg or "")
    # Nothing is sent twice in what is one run to people.
    assert [each for each in machine.convox.journal.entries()[before:] if each["method"] == "PUT"] == []
    assert direct(module, host=slow.host, rotation_id="q4")["phase"] == "committed"


def test_who_waits_finds_the_same_files(machine: Machine, slow: Rack) -> None:
    """It works in another directory than the module, which takes a path as ``./keys.json`` from its own."""
    stores = [{"type": "cli"}, {"type": "file", "path": "./keys.json"}]
    begun = machine.run("rack_keyroll", host=slow.host, wait=False, ledger_path="./ledger.jsonl", stores=stores)
    options = begun["begun"]["options"]
    paths = [Path(options["ledger_path"]), Path(options["stores"][1]["path"])]
    assert [path.is_absolute() for path in paths] == [True, True]
    assert paths[1].is_file()
    assert paths[0].parent == paths[1].parent
