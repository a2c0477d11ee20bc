# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many racks in one run: their waits overlap, trouble stops the fleet, and a killed run is finished by the next."""
from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import threading
import time
from typing import TYPE_CHECKING, Any, Callable

import pytest

from tests.integration.ansible import kill_with_descendants
from tests.integration.plays import Fleet, in_force, times_set, token_of
from tests.integration.test_examples import examples
from tests.integration.watching import wait_until
from tests.measured import MEASURED
from tests.places import ROOT
from tests.proc import descendants, stat_of
from tests.tools.cores import PYTHONS

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

    from tests.integration.conftest import NewRack
    from tests.integration.machine import Machine
    from tests.standin.rack import Rack

    Kill = Callable[[subprocess.Popen[bytes]], None]


def rolled_once(fleet: Fleet) -> None:
    """Every rack has one new key, in force, and where it is looked for."""
    assert [times_set(rack) for rack in fleet.racks] == [1] * len(fleet.racks)
    assert [fleet.machine.auth()[rack.host] == in_force(rack) == rack.key for rack in fleet.racks] == [True] * len(fleet.racks)


def run_quietly(fleet: Fleet, name: str, *arguments: str, **variables: Any) -> float:
    """How long a whole run takes."""
    began = time.monotonic()
    fleet.play(name, *arguments, **variables)
    return time.monotonic() - began


# -- how long it takes --------------------------------------------------------------------------------------------
PINGS = """
- hosts: convox_racks
  connection: local
  gather_facts: false
  vars:
    ansible_python_interpreter: "{{ ansible_playbook_python }}"
    ansible_pipelining: true
  tasks:
    - ansible.builtin.ping:
    - ansible.builtin.ping:
"""
RACKS, UPDATE_S = 50, 20.0


@pytest.mark.alone
def test_a_fleet_takes_as_long_as_its_slowest_rack(machine: Machine, new_rack: NewRack, record_property: Callable[[str, object], None]) -> None:
    """Fifty racks whose updates take 20 s, with 5 forks: little more than with updates that take no time, and one of them."""
    (machine.inputs / "pings.yml").write_text(PINGS, encoding="utf-8")
    at_once = Fleet(machine, [new_rack() for _number in range(RACKS)])
    pings = run_quietly(at_once, "pings.yml", "--forks", "5")
    instant = run_quietly(at_once, "rotate_rack_keys", "--forks", "5", convox_serial="100%")
    rolled_once(at_once)
    slow = Fleet(machine, [new_rack(update_seconds=UPDATE_S) for _number in range(RACKS)])
    whole = run_quietly(slow, "rotate_rack_keys", "--forks", "5", convox_serial="100%")
    rolled_once(slow)
    record_property(
        MEASURED,
        f"{RACKS} racks, 5 forks: two pings {pings:.0f} s; rolled {instant:.0f} s with instant updates ({instant / pings:.1f} times the pings), "
        f"{whole:.0f} s with updates of {UPDATE_S:.0f} s ({whole / (UPDATE_S + instant):.2f} times the sum)",
    )
    assert whole <= 1.1 * (UPDATE_S + instant)
    assert instant <= 6 * pings


def test_stuck_racks_cost_one_time_out(machine: Machine, new_rack: NewRack) -> None:
    fleet = Fleet(machine, [new_rack() for _number in range(4)] + [new_rack(update_seconds=600.0) for _number in range(5)])
    wait = 12
    began = time.monotonic()
    fleet.play("rotate_rack_keys", "--forks", "1", status=2, convox_serial="100%", convox_wait_timeout=wait, convox_rotation_id="q4")
    assert time.monotonic() - began < 3 * wait + 30
    assert fleet.output.count("Waiting for 9 racks, up to 0:12") == 1
    assert [times_set(rack) for rack in fleet.racks[:4]] == [1] * 4
    for rack in fleet.racks[4:]:
        assert f"{rack.name}: FAILED at phase" in fleet.output
    assert " ".join(fleet.output.split()).count("wait_timeout is over while waiting for the stack (UPDATE_IN_PROGRESS): run again to go on from here") >= 5


# -- what a person sees -------------------------------------------------------------------------------------------
def test_a_person_sees_who_waits_for_what(machine: Machine, new_rack: NewRack) -> None:
    """At least every 15 seconds, though the output is no terminal; stdout is left to callbacks that print JSON."""
    fleet = Fleet(machine, [new_rack(update_seconds=34.0), new_rack(update_seconds=34.0), new_rack()])
    machine.environment = {"ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json"}
    process = fleet.begin("rotate_rack_keys", convox_serial="100%")
    told: list[tuple[float, str]] = []
    while process.poll() is None:
        lines = [line for line in fleet.stderr.read_text(encoding="utf-8").splitlines() if line.startswith(("Waiting", "[0:"))]
        told += [(time.monotonic(), line) for line in lines[len(told) :]]
        time.sleep(0.05)
    fleet.end(process)
    assert told[0][1] == "Waiting for 3 racks, up to 30:00; an interrupt loses nothing"
    gaps = [after - before for (before, _line), (after, _other) in zip(told, told[1:])]
    assert len(gaps) >= 4
    assert max(gaps) <= 15.0
    said = [line.partition("] ")[2] for _at, line in told]
    assert "3 racks: 1 done, 2 to wait for" in said
    assert f"  2 applied, waiting for the stack (UPDATE_IN_PROGRESS): {fleet.racks[0].name}, {fleet.racks[1].name}" in said
    assert json.loads(fleet.stdout.read_text(encoding="utf-8"))["plays"][-1]["play"]["name"] == "End"


def test_the_example_of_the_action(fleet: Fleet) -> None:
    play = {
        "hosts": "convox_racks",
        "connection": "local",
        "gather_facts": False,
        "vars": {"ansible_python_interpreter": "{{ ansible_playbook_python }}", "ansible_pipelining": True},
        "module_defaults": {"group/convox.credentials.convox": {"ca_path": fleet.machine.convox.ca_path}},
        "tasks": examples(ROOT / "plugins" / "modules" / "wait_for_rolls.py"),
    }
    fleet.everywhere = {}
    (fleet.machine.inputs / "example.yml").write_text(json.dumps([play]), encoding="utf-8")
    fleet.play("example.yml")
    rolled_once(fleet)


# -- trouble ------------------------------------------------------------------------------------------------------
def test_the_seventh_rack_stops_the_fleet(machine: Machine, new_rack: NewRack) -> None:
    fleet = Fleet(machine, [new_rack() for _number in range(9)])
    fleet.racks[6].fault("rollback")
    failed = fleet.play("rotate_rack_keys", status=2, convox_rotation_id="q4", convox_serial="1,6,100%")
    assert f"{fleet.racks[6].name}: FAILED at phase applied" in failed
    assert "AWS rolled the update back" in failed
    assert f"not begun: {', '.join(rack.name for rack in fleet.racks[7:])}" in failed
    assert [times_set(rack) for rack in fleet.racks[:6] + fleet.racks[7:]] == [1] * 6 + [0] * 2
    assert not {f"rack {rack.name}" for rack in fleet.racks[7:]} & {each["server"] for each in machine.convox.journal.entries()}
    asked = fleet.changes()

    finished = fleet.play("rotate_rack_keys", convox_rotation_id="q4")
    assert finished.count(": left as it is") == 6
    assert f"{fleet.racks[6].name}: finished what an earlier run had begun" in finished
    assert fleet.changes() > asked
    assert [times_set(rack) for rack in fleet.racks[:6] + fleet.racks[7:]] == [1] * 8
    assert [machine.auth()[rack.host] == in_force(rack) for rack in fleet.racks] == [True] * 9


@pytest.mark.parametrize("core", PYTHONS)
def test_no_rack_of_the_next_batch_is_touched(machine: Machine, new_rack: NewRack, core: str) -> None:
    """By the oldest ansible-core and by the newest: the two quietly differ in what stops a play (architecture 7)."""
    fleet = Fleet(machine, [new_rack() for _number in range(4)])
    fleet.racks[1].fault("rollback")
    fleet.use_core(core)
    failed = fleet.play("rotate_rack_keys", status=2, convox_rotation_id="q4", convox_serial="1,2,100%")
    assert f"{fleet.racks[1].name}: FAILED at phase" in failed
    assert [times_set(rack) for rack in fleet.racks] == [1, 1, 1, 0]
    assert f"rack {fleet.racks[3].name}" not in {each["server"] for each in machine.convox.journal.entries()}
    finished = fleet.play("rotate_all", "--skip-tags", "console", convox_rotation_id="q4")
    assert finished.count(": left as it is") == 2
    assert [machine.auth()[rack.host] == in_force(rack) for rack in fleet.racks] == [True] * 4
    assert all(rack.parameters["Key"] for rack in fleet.racks)


def test_a_rack_that_is_busy_is_waited_for(machine: Machine, new_rack: NewRack) -> None:
    """Somebody else's update: nothing was begun, and then the rack is rolled in the same run."""
    fleet = Fleet(machine, [new_rack(), new_rack()])
    fleet.racks[1].fault("never_ends")
    fleet.racks[1].update({"InstanceType": "t3.large"})
    ends = threading.Timer(12.0, fleet.racks[1].faults.clear)
    ends.start()
    fleet.play("rotate_rack_keys", convox_serial="100%")
    ends.join()
    rolled_once(fleet)


def test_aws_that_throttles_is_waited_for(machine: Machine, new_rack: NewRack) -> None:
    """Many racks ask one account: refusals for asking too often are no trouble of any rack's."""
    fleet = Fleet(machine, [new_rack(update_seconds=3.0) for _number in range(5)])
    process = fleet.begin("rotate_rack_keys", convox_serial="100%")
    wait_until(lambda: all(times_set(rack) for rack in fleet.racks))
    for action in ("cloudformation:DescribeStacks", "ecs:*", "ssm:GetParameter"):
        machine.convox.aws_faults.add(action=action, error="ThrottlingException", message="Rate exceeded", times=15)
    fleet.end(process)
    rolled_once(fleet)
    assert machine.convox.aws_faults.list() == [], "they were met"


@contextlib.contextmanager
def held(fleet: Fleet, rack: Rack) -> Iterator[Callable[[], None]]:
    """Another run works on a rack, until it is let go."""
    path = fleet.machine.config / "locks" / rack.rack_domain
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w+", encoding="ascii") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield lambda: fcntl.flock(file, fcntl.LOCK_UN)


def test_a_rack_that_another_run_works_on_is_waited_for(fleet: Fleet) -> None:
    with held(fleet, fleet.racks[1]) as let_go:
        process = fleet.begin("rotate_rack_keys", convox_serial="100%")
        wait_until(lambda: times_set(fleet.racks[2]) == 1)
        time.sleep(3)
        let_go()
        fleet.end(process)
    rolled_once(fleet)


def test_a_rack_is_committed_while_others_are_waited_for(machine: Machine, new_rack: NewRack) -> None:
    """A key that is in force is not left pending for as long as the slowest rack takes."""
    fleet = Fleet(machine, [new_rack(update_seconds=2.0), new_rack(update_seconds=600.0)])
    process = fleet.begin("rotate_rack_keys", convox_serial="100%", convox_rotation_id="q4")
    quick = fleet.racks[0]
    try:
        wait_until(lambda: machine.auth()[quick.host] == in_force(quick) != fleet.former[quick.name])
        wait_until((machine.config / "ledger.jsonl").is_file)
        assert process.poll() is None
        assert "Waiting for 2 racks" in fleet.stderr.read_text(encoding="utf-8")
    finally:
        kill_with_descendants(process)


@pytest.mark.parametrize("given", ["key", "token"])
def test_no_secret_is_needed_to_wait(machine: Machine, new_rack: NewRack, given: str) -> None:
    """None goes through host variables: what the wait needs was put into the stores, or is found in AWS."""
    rack = new_rack(update_seconds=1.0)
    fleet = Fleet(machine, [rack])
    (machine.config / "auth").unlink()
    user, secret = ("convox", rack.key) if given == "key" else ("jwt", token_of(rack, machine.convox))
    machine.typed = {secret}
    fleet.hosts[rack.name] = {"convox_rack_url": f"https://{user}:{secret}@{rack.host}", "convox_activate": "signing_key"}
    output = fleet.play("rotate_rack_keys", "-vvv")
    assert "reached: ready" in output
    assert times_set(rack) == 1
    assert machine.auth()[rack.host] == in_force(rack), fleet.output


# -- killed, and started again ------------------------------------------------------------------------------------
def kill_all(process: subprocess.Popen[bytes]) -> None:
    """As a power cut, or the end of a container."""
    kill_with_descendants(process)


def kill_alone(process: subprocess.Popen[bytes]) -> None:
    """What it started lives on for a while."""
    process.kill()


def interrupt(process: subprocess.Popen[bytes]) -> None:
    """Ctrl-C: to every process of the terminal."""
    os.killpg(process.pid, signal.SIGINT)


MOMENTS: dict[str, Callable[[Fleet], bool]] = {
    "the canary is sent": lambda fleet: times_set(fleet.racks[0]) == 1,
    "the canary is committed": lambda fleet: fleet.machine.auth()[fleet.racks[0].host] == fleet.racks[0].key != fleet.former[fleet.racks[0].name],
    "a few are sent": lambda fleet: sum(times_set(rack) for rack in fleet.racks) >= 3,
    "all are sent": lambda fleet: all(times_set(rack) for rack in fleet.racks),
    "one is in force": lambda fleet: any(rack.key in rack.accepted_keys and times_set(rack) for rack in fleet.racks[1:]),
    "one of many is committed": lambda fleet: sum(fleet.machine.auth()[rack.host] != fleet.former[rack.name] for rack in fleet.racks) >= 2,
}
KILLS: list[Kill] = [kill_all, kill_alone, interrupt]
CASES = [(moment, KILLS[number % 3]) for number, moment in enumerate(MOMENTS)] + [("all are sent", kill_alone), ("one is in force", interrupt)]


@pytest.mark.parametrize(("moment", "kill"), CASES, ids=[f"{moment}, {kill.__name__}" for moment, kill in CASES])
def test_a_killed_run_is_finished_by_the_next(machine: Machine, new_rack: NewRack, moment: str, kill: Kill) -> None:
    fleet = Fleet(machine, [new_rack(update_seconds=2.0, restart_seconds=0.5, drain_seconds=0.3) for _number in range(5)])
    process = fleet.begin("rotate_rack_keys", convox_rotation_id="q4", convox_serial="1,100%")
    try:
        wait_until(lambda: MOMENTS[moment](fleet))
        began = [pid for pid in descendants(process.pid) if pid != process.pid]
        kill(process)
        if kill is not kill_all:
            process.wait(30)
        again = fleet.play("rotate_rack_keys", convox_rotation_id="q4")
        assert "FAILED" not in again
        rolled_once(fleet)
        wait_until(lambda: not any(alive(pid) for pid in began), 10)
    finally:
        kill_with_descendants(process)


def alive(pid: int) -> bool:
    """One that has ended may still be listed: whoever has adopted it reaps it when it likes."""
    try:
        return stat_of(pid)[0] != "Z"
    except OSError:
        return False


# -- fixtures -----------------------------------------------------------------------------------------------------
@pytest.fixture
def fleet(machine: Machine, new_rack: NewRack) -> Fleet:
    """Three racks, which the CLI knows."""
    return Fleet(machine, [new_rack() for _number in range(3)])
