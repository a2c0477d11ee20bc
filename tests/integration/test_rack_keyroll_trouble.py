# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""rack_keyroll where something goes wrong: nothing is lost, nothing is reported that is not so, the next run finishes."""
from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.integration.watching import asked, new_keys_of, nothing_changes, wait_until
from tests.standin.journal import fingerprint

if TYPE_CHECKING:
    from typing import Any

    from tests.integration.conftest import NewRack
    from tests.integration.direct import Direct
    from tests.integration.machine import Machine
    from tests.standin.rack import Rack


def pending_key(machine: Machine, rack: Rack) -> str:
    return machine.record("rack_api_key", rack.rack_domain)["pending"]["key"]


def test_an_update_that_is_rolled_back(machine: Machine, rack: Rack) -> None:
    """The rack says running: the task fails all the same, the old key stands, and the new one stays pending."""
    old = rack.key
    machine.log_in(rack.host, old)
    rack.fault("rollback")
    failed = machine.fail("rack_keyroll", host=rack.host)
    assert rack.status() == "running"
    assert "rolled the update back" in failed.msg
    assert fingerprint(old) in failed.msg
    assert (rack.accepted_keys, rack.key, machine.auth()[rack.host]) == ({old}, old, old)
    pending = pending_key(machine, rack)

    finished = machine.run("rack_keyroll", host=rack.host)
    assert (finished["phase"], finished["resumed"], finished["fingerprint"]) == ("committed", True, fingerprint(pending))
    assert rack.accepted_keys == {pending} == {machine.auth()[rack.host]}
    assert new_keys_of(rack) == [pending, pending]


@pytest.mark.parametrize("seconds", [0.0, 0.5])
def test_rolled_back_and_only_the_rack_to_ask(machine: Machine, direct: Direct, new_rack: NewRack, seconds: float) -> None:
    """Without AWS the roll-back itself may never be seen: then the old key's being in force shows it."""
    rack = new_rack(update_seconds=seconds)
    old = rack.key
    machine.aws = False
    machine.log_in(rack.host, old)
    rack.fault("rollback", times=None)
    failed = direct("rack_keyroll", speed=150, wait_timeout=20_000, host=rack.host)
    assert failed.msg is not None
    assert "rolled the update back" in failed.msg or "probably rolled back" in failed.msg
    assert (rack.accepted_keys, machine.auth()[rack.host]) == ({old}, old)
    pending = pending_key(machine, rack)

    rack.faults.clear()
    assert direct("rack_keyroll", host=rack.host)["phase"] == "committed"
    assert rack.accepted_keys == {pending} == {machine.auth()[rack.host]} == set(new_keys_of(rack))


def test_a_stuck_stack_is_reported_and_left(machine: Machine, rack: Rack) -> None:
    old = rack.key
    rack.fault("rollback_failed")
    failed = machine.fail("rack_keyroll", host=rack.host, api_key=old)
    assert "UPDATE_ROLLBACK_FAILED" in failed.msg
    assert pending_key(machine, rack) in new_keys_of(rack)
    # Nor is one begun while it is so: here the same rotation goes on, and changes nothing.
    again = machine.fail("rack_keyroll", host=rack.host)
    assert (again["resumed"], len(new_keys_of(rack))) == (True, 1)


def test_a_busy_stack_is_waited_for(machine: Machine, new_rack: NewRack) -> None:
    rack = new_rack()
    rack.fault("never_ends")
    rack.stack.change({"LogRetention": "30"})
    with nothing_changes(machine, locks=False):
        refused = machine.fail("rack_keyroll", host=rack.host, api_key=rack.key, wait=False)
    assert "busy" in refused.msg
    assert "UPDATE_IN_PROGRESS" in refused.msg
    before = len(asked(machine.convox, "aws", path="cloudformation:DescribeStacks"))
    running = machine.begin("rack_keyroll", host=rack.host, api_key=rack.key)
    wait_until(lambda: len(asked(machine.convox, "aws", path="cloudformation:DescribeStacks")) > before + 2)
    assert new_keys_of(rack) == []
    rack.faults.clear()
    assert running.end()["phase"] == "committed"
    assert (rack.accepted_keys, rack.parameters["LogRetention"]) == ({machine.auth()[rack.host]}, "30")


BUSY = "ValidationError: Stack:arn:aws:cloudformation:us-east-1:1:stack/x/1 is in UPDATE_IN_PROGRESS state and can not be updated.\n\tstatus code: 400\n"
LOST: dict[str, dict[str, Any]] = {
    "lost before it was done": {"action": "drop_before"},
    "lost after it was done": {"action": "drop_after"},
    "502 of the balancer": {"action": "status", "status": 502, "body": "Bad Gateway\n"},
    "503 of the balancer": {"action": "status", "status": 503, "body": "Service Unavailable\n"},
    "slower than the timeout": {"action": "delay", "seconds": 2.5},
    "done twice on the way": {"action": "duplicate"},
    "busy between": {"action": "status", "status": 500, "body": BUSY},
    "throttled": {"action": "status", "status": 500, "body": "Throttling: Rate exceeded\n\tstatus code: 400\n"},
}


@pytest.mark.parametrize("what", LOST)
def test_the_reply_to_the_change_is_lost(machine: Machine, direct: Direct, new_rack: NewRack, what: str) -> None:
    """The stack is asked again for the same key, once it is at rest: a second key is never made."""
    rack = new_rack(update_seconds=0.1)
    rack.fault(**LOST[what], method="PUT", path="^/system$")
    done = direct("rack_keyroll", host=rack.host, api_key=rack.key, timeout=1)
    assert (done.msg, done["phase"]) == (None, "committed")
    assert new_keys_of(rack) == [machine.auth()[rack.host]]
    assert rack.accepted_keys == {rack.key}
    wait_until(lambda: len(asked(machine.convox, f"rack {rack.name}", "PUT", "/system")) == 2)


@pytest.mark.parametrize("what", ["lost before it was done", "lost after it was done", "502 of the balancer"])
def test_it_stays_lost(machine: Machine, rack: Rack, what: str) -> None:
    """Not to be learned in this run; the next one goes on with the same key."""
    old = rack.key
    machine.log_in(rack.host, old)
    rack.fault(**LOST[what], method="PUT", path="^/system$", times=2)
    first = machine.result("rack_keyroll", host=rack.host)
    key = machine.record("rack_api_key", rack.rack_domain)
    pending = key["pending"]["key"] if "pending" in key else machine.auth()[rack.host]
    assert first.failed
    assert "run again" in first.msg
    assert len(asked(machine.convox, f"rack {rack.name}", "PUT", "/system")) == 2
    assert machine.run("rack_keyroll", host=rack.host)["phase"] == "committed"
    assert rack.accepted_keys == {pending} == {machine.auth()[rack.host]} == set(new_keys_of(rack))
    assert len(new_keys_of(rack)) == 1


def test_a_definite_no(machine: Machine, rack: Rack) -> None:
    old = rack.key
    rack.fault("status", method="PUT", path="^/system$", status=403, body="AccessDenied: not authorized to perform cloudformation:UpdateStack\n")
    failed = machine.fail("rack_keyroll", host=rack.host, api_key=old)
    assert "cloudformation:UpdateStack" in failed.msg
    assert "Request-Id" not in failed.msg  # the balancer's, not the API's: it has none to quote
    assert (rack.accepted_keys, rack.key, new_keys_of(rack)) == ({old}, old, [])
    assert machine.run("rack_keyroll", host=rack.host, api_key=old)["phase"] == "committed"


@pytest.mark.parametrize(
    ("path", "affected", "what"),
    [
        ("/apps/api/builds$", {"apps": ["api"], "builds": []}, "builds under way are not known"),
        # Which apps there are is asked for each of the two.
        ("/apps$", {"apps": [], "builds": ["api/BABC"]}, "apps that carry its key are not known"),
    ],
    ids=["builds", "apps"],
)
def test_who_carries_the_old_key_as_far_as_it_is_known(direct: Direct, new_rack: NewRack, path: str, affected: dict[str, Any], what: str) -> None:
    """What can't be asked hides nothing else, is said, and holds nothing up."""
    rack = new_rack(apps=[{"name": "api", "parameters": {"RackUrl": "Yes"}, "builds": [{"id": "BABC", "status": "running"}]}])
    rack.fault("status", method="GET", path=path, status=403)
    done = direct("rack_keyroll", host=rack.host, api_key=rack.key)
    assert (done.msg, done["phase"], done["also_affected"]) == (None, "committed", {**affected, "instances": []})
    (unknown,) = (text for text in done.warnings if "not known" in text)
    assert unknown.startswith(f"rack {rack.name} ({rack.rack_domain}): {what}")


def test_an_update_that_takes_too_long(machine: Machine, rack: Rack) -> None:
    machine.log_in(rack.host, rack.key)
    rack.fault("never_ends")
    failed = machine.fail("rack_keyroll", host=rack.host, wait_timeout=2)
    assert "wait_timeout is over while waiting for the stack (UPDATE_IN_PROGRESS)" in failed.msg
    pending = pending_key(machine, rack)
    rack.faults.clear()
    rack.wait_at_rest()
    assert machine.run("rack_keyroll", host=rack.host)["phase"] == "committed"
    assert rack.accepted_keys == {pending}
    assert new_keys_of(rack) == [pending]


def test_somebody_else_during_the_run(machine: Machine, new_rack: NewRack) -> None:
    """The stack gets another key while the API restarts: no success is reported, all keys are held, the next run mends it."""
    rack = new_rack(restart_seconds=1.0)
    old, foreign = rack.key, "Foreign2" * 4
    machine.log_in(rack.host, old)
    running = machine.begin("rack_keyroll", host=rack.host)
    wait_until(lambda: rack.service.restarts == 1)
    rack.set_password(foreign)
    failed = running.end()
    assert failed.failed
    assert "somebody else" in failed.msg
    assert fingerprint(foreign) in failed.msg
    pending = pending_key(machine, rack)
    assert {old, pending, foreign} <= machine.held_keys()
    # Then that key alone is in force, which the next run knows: it was kept when it was met.
    rack.wait_at_rest()
    rack.restart()
    rack.wait_at_rest()
    assert rack.accepted_keys == {foreign}
    finished = machine.run("rack_keyroll", host=rack.host)
    assert (finished["phase"], finished["fingerprint"], rack.accepted_keys) == ("committed", fingerprint(pending), {pending})
    assert rack.key == pending == machine.auth()[rack.host]
    assert foreign in machine.record("rack_api_key", rack.rack_domain)["superseded"]


def test_somebody_else_between_two_runs(machine: Machine, rack: Rack) -> None:
    """Found by the run that goes on: it sets the pending key anew, says so, and holds the other one."""
    old, foreign = rack.key, "Foreign3" * 4
    machine.run("rack_keyroll", host=rack.host, api_key=old, activate="none")
    pending = pending_key(machine, rack)
    rack.set_password(foreign)
    rack.wait_at_rest()
    finished = machine.run("rack_keyroll", host=rack.host)
    assert f"somebody else set the key {fingerprint(foreign)}" in finished.warnings
    assert (rack.accepted_keys, rack.key, machine.auth()[rack.host]) == ({pending}, pending, pending)
    assert foreign in machine.record("rack_api_key", rack.rack_domain)["superseded"]


@pytest.mark.parametrize("way_out", ["another Password", "the key is put back"])
def test_a_parameter_that_was_set_past_the_stack(machine: Machine, direct: Direct, rack: Rack, way_out: str) -> None:
    """To CloudFormation there is nothing to update, however often the key is sent: what helps is said, and does."""
    old, foreign, another = rack.key, "Foreign4" * 4, "Another4" * 4
    machine.unknowable.add(another)
    direct("rack_keyroll", host=rack.host, api_key=old, activate="none")
    pending = pending_key(machine, rack)
    cloud, name = machine.convox.cloud, rack.stack.secret_name
    cloud.put_parameter(rack.region, name, foreign)
    for dummy in range(2):
        failed = direct("rack_keyroll", host=rack.host)
        assert f"holds the new key {fingerprint(pending)} already" in str(failed.msg)
        assert f"set past the stack to another ({fingerprint(foreign)}" in str(failed.msg)
        assert (rack.accepted_keys, rack.service.restarts, pending_key(machine, rack)) == ({old}, 0, pending)
    assert {old, pending, foreign} <= machine.held_keys()
    if way_out == "another Password":
        rack.set_password(another)
        rack.wait_at_rest()
    else:
        cloud.put_parameter(rack.region, name, pending)
    finished = direct("rack_keyroll", host=rack.host)
    assert (finished.msg, finished["phase"], finished["fingerprint"]) == (None, "committed", fingerprint(pending))
    assert rack.accepted_keys == {pending} == {machine.auth()[rack.host]} == {cloud.parameter(rack.region, name).value}


def test_both_keys_given_to_wait_or_not(machine: Machine, new_rack: NewRack) -> None:
    """A second key is not taken while one is pending, and both are named."""
    rack = new_rack()
    machine.log_in(rack.host, rack.key)
    machine.run("rack_keyroll", host=rack.host, new_key="First123" * 4, activate="none")
    with nothing_changes(machine, locks=False):
        refused = machine.fail("rack_keyroll", host=rack.host, new_key="Second12" * 4)
    assert fingerprint("First123" * 4) in refused.msg
    assert fingerprint("Second12" * 4) in refused.msg
    assert machine.run("rack_keyroll", host=rack.host, new_key="First123" * 4)["phase"] == "committed"
    assert rack.accepted_keys == {"First123" * 4}
