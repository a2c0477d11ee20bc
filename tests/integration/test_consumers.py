# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""After a commit the new key reaches those who use it; who could not be updated is listed, and the fleet stops there."""
from __future__ import annotations

import json
import re
import signal
import time
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.integration.ansible import kill_with_descendants
from tests.integration.awx_api import serving
from tests.integration.plays import Fleet, in_force, times_set
from tests.integration.test_examples import examples
from tests.places import ROOT
from tests.tools.cores import PYTHONS

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.conftest import NewRack
    from tests.integration.direct import Direct
    from tests.integration.machine import Machine
    from tests.standin.console import Console
    from tests.standin.rack import Rack

RELEASE = "RABCDEFGHI"


def app(name: str, **values: Any) -> dict[str, Any]:
    return {"name": name, "release": RELEASE, "parameters": {"RackUrl": "Yes"}, **values}


@pytest.fixture
def fleet(machine: Machine, new_rack: NewRack) -> Fleet:
    """Three racks, which the CLI knows, and a folder for the keys that are handed on."""
    fleet = Fleet(machine, [new_rack() for _number in range(3)])
    (machine.inputs / "handed").mkdir()
    return fleet


def handed(machine: Machine, rack: Rack) -> Path:
    return machine.inputs / "handed" / rack.name


def all_have_it(fleet: Fleet) -> bool:
    return all(handed(fleet.machine, rack).read_text(encoding="utf-8").strip() == in_force(rack) == rack.key for rack in fleet.racks)


def to_file(fleet: Fleet) -> dict[str, Any]:
    return {"convox_after_roll": ["file"], "convox_after_roll_file": str(fleet.machine.inputs / "handed" / "{{ convox_rack_name }}")}


# -- the ready ones -----------------------------------------------------------------------------------------------
def test_a_file_gets_the_key(fleet: Fleet) -> None:
    fleet.everywhere.update(to_file(fleet))
    output = fleet.play("rotate_rack_keys", "-vvv", "--diff")
    assert output.count("handed on: file") == 3
    assert all_have_it(fleet)
    assert {handed(fleet.machine, rack).stat().st_mode & 0o777 for rack in fleet.racks} == {0o600}


def test_a_file_gets_a_rack_url(fleet: Fleet) -> None:
    fleet.everywhere.update(to_file(fleet), convox_after_roll_content="rack_url")
    # As a survey or -e gives it.
    fleet.play("rotate_rack_keys", convox_serial="100%", convox_after_roll="file, promote_apps")
    for rack in fleet.racks:
        assert handed(fleet.machine, rack).read_text(encoding="utf-8") == f"https://convox:{in_force(rack)}@{rack.host}"


WATCH = """
import os, pathlib, sys
key = sys.stdin.readline().strip()
seen = pathlib.Path("/proc/self/cmdline").read_bytes() + pathlib.Path("/proc/self/environ").read_bytes()
if key.encode() in seen or not key:
    sys.exit(4)
pathlib.Path(sys.argv[1]).write_text(key)
print(key)
"""


def test_a_command_gets_the_key_on_its_input_alone(fleet: Fleet) -> None:
    program = fleet.machine.inputs / "take.py"
    program.write_text(WATCH, encoding="utf-8")
    target = str(fleet.machine.inputs / "handed" / "{{ convox_rack_name }}")
    fleet.everywhere.update(convox_after_roll=["command"], convox_after_roll_command=["{{ ansible_playbook_python }}", str(program), target])
    fleet.play("rotate_rack_keys", "-vvv", convox_serial="100%")
    assert all_have_it(fleet)


def test_apps_are_promoted_again(fleet: Fleet) -> None:
    busy, fine = app("busy", status="updating"), app("fine")
    for rack in fleet.racks:
        rack.set(apps=[fine, app("plain", parameters={}), app("new", release="")])
    fleet.racks[0].set(apps=[fine, busy])
    fleet.everywhere.update(convox_after_roll=["promote_apps"])
    said = fleet.play("rotate_rack_keys", "--check")
    assert f"{fleet.racks[0].name}: would be rolled" in said
    assert "after the roll: promote_apps; apps that carry its key: fine, busy" in said
    assert fleet.racks[0].carried_keys()["fine"] == fleet.former[fleet.racks[0].name]

    said = fleet.play("rotate_rack_keys", status=2, convox_serial="1,100%", convox_rotation_id="q4")
    assert f"{fleet.racks[0].name}: NOT UPDATED, the new key is in force: promote_apps:" in said
    assert "1 of 2 apps were not promoted, and run as before: busy: it is being updated" in said
    assert fleet.racks[0].carried_keys() == {"fine": in_force(fleet.racks[0]), "busy": fleet.former[fleet.racks[0].name]}
    assert [times_set(rack) for rack in fleet.racks] == [1, 0, 0]

    fleet.racks[0].set(apps=[fine, {**busy, "status": "running"}])
    fleet.play("rotate_rack_keys", convox_rotation_id="q4")
    assert [set(rack.carried_keys().values()) - {fleet.former[rack.name]} for rack in fleet.racks] == [{in_force(rack)} for rack in fleet.racks]
    assert [rack.carried_keys()["fine"] for rack in fleet.racks] == [rack.key for rack in fleet.racks]
    assert [times_set(rack) for rack in fleet.racks] == [1] * 3


@pytest.mark.awx_collection
def test_a_credential_in_awx_gets_the_key(fleet: Fleet) -> None:
    """By the real awx.awx. Its other inputs are sent along, for AWX takes all of them as a whole."""
    fleet.machine.environment = {"CONTROLLER_OAUTH_TOKEN": "a-token-of-awx"}
    with serving() as awx:
        awx.things["credential_types"] = {7: {"id": 7, "name": "Convox", "type": "credential_type"}}
        fleet.machine.environment["CONTROLLER_HOST"] = awx.url
        fleet.everywhere.update(
            convox_after_roll=["awx_credential"],
            convox_after_roll_awx_credential={
                "name": "convox {{ convox_rack_name }}",
                "organization": "Default",
                "credential_type": "Convox",
                "field": "api_key",
                "inputs": {"host": "{{ convox_rack_host }}"},
            },
        )
        for _time in range(2):
            fleet.play("rotate_rack_keys", "-vvv", convox_serial="100%")
            kept = awx.by_name("credentials")
            assert {name: each["inputs"] for name, each in kept.items()} == {
                f"convox {rack.name}": {"host": rack.host, "api_key": in_force(rack)} for rack in fleet.racks
            }
        assert len(awx.things["credentials"]) == len(fleet.racks)


def test_a_rack_that_went_through_its_console(machine: Machine, new_rack: NewRack, console: Console) -> None:
    """The Console's copy is dead from the roll on, so hooks are given the rack's own address, and ask the rack itself."""
    rack = new_rack(console=True)
    rack.set(apps=[app("web")])
    fleet = Fleet(machine, [rack])
    (machine.config / "auth").unlink()
    machine.log_in(console.host, console.api_key)
    fleet.hosts[rack.name] = {"convox_host": console.host, "convox_rack": f"acme/{rack.name}", "convox_console_sync": "none"}
    target = machine.inputs / "url"
    fleet.everywhere.update(convox_after_roll=["promote_apps", "file"], convox_after_roll_file=str(target), convox_after_roll_content="rack_url")
    assert "handed on: promote_apps, file" in fleet.play("rotate_rack_keys", "-vvv")
    assert target.read_text(encoding="utf-8") == f"https://convox:{in_force(rack)}@{rack.rack_domain}"
    assert rack.carried_keys() == {"web": rack.key}


# -- one's own ----------------------------------------------------------------------------------------------------
def own_hook(fleet: Fleet, *tasks: dict[str, Any]) -> str:
    path = fleet.machine.inputs / "hook.yml"
    path.write_text(json.dumps(tasks), encoding="utf-8")
    return str(path)


def failing_hook(fleet: Fleet) -> str:
    """Fails for the second rack, with the key in what it prints."""
    command = {"argv": ["sh", "-c", "cat; cat >&2; exit 3"], "stdin": "{{ convox_new_api_key }}"}
    return own_hook(fleet, {"name": "Tell the pager", "ansible.builtin.command": command, "when": f"convox_rack_name == '{fleet.racks[1].name}'"})


def the_second_stops_the_fleet(fleet: Fleet) -> None:
    """The first batch, two racks, is finished; the third rack is not touched."""
    first, second, third = fleet.racks
    fleet.everywhere.update(to_file(fleet))
    fleet.everywhere["convox_after_roll"] = [failing_hook(fleet), "file"]
    said = fleet.play("rotate_rack_keys", "-vvv", status=2, convox_serial="2,100%", convox_rotation_id="q4")
    assert f'{second.name}: NOT UPDATED, the new key is in force: {fleet.machine.inputs / "hook.yml"}: the task "Tell the pager" failed' in said
    assert f"{first.name}: rolled" in said
    assert f"{second.name}: rolled" in said
    assert f"not begun: {third.name}" in said
    assert "Go on with: ansible-playbook convox.credentials.rotate_rack_keys" in said
    assert f"rack {third.name}" not in {each["server"] for each in fleet.machine.convox.journal.entries()}
    # The roll stands, and what comes after the hook that failed was done all the same.
    assert [handed(fleet.machine, rack).read_text(encoding="utf-8") == in_force(rack) for rack in (first, second)] == [True] * 2
    assert [times_set(rack) for rack in fleet.racks] == [1, 1, 0]

    fleet.everywhere["convox_after_roll"] = [own_hook(fleet), "file"]
    handed(fleet.machine, second).unlink()
    fleet.play("rotate_rack_keys", convox_rotation_id="q4")
    assert [times_set(rack) for rack in fleet.racks] == [1] * 3
    assert all_have_it(fleet)


def test_a_failing_hook_stops_the_fleet(fleet: Fleet) -> None:
    the_second_stops_the_fleet(fleet)


@pytest.mark.parametrize("core", PYTHONS)
def test_a_failing_hook_stops_the_fleet_by_other_cores(fleet: Fleet, core: str) -> None:
    fleet.use_core(core)
    the_second_stops_the_fleet(fleet)


@pytest.mark.parametrize(
    ("hook", "said"),
    [
        ("/nowhere/hook.yml", "after_roll: /nowhere/hook.yml is none of awx_credential, file, command, promote_apps, nor is there such a file"),
        ("promote", "after_roll: promote is none of"),
        ("command", "after_roll: command needs convox_after_roll_command, which is not given"),
    ],
)
def test_a_hook_that_can_not_work_is_told_of_before(fleet: Fleet, hook: str, said: str) -> None:
    """Not when the old key is dead already."""
    assert f"{fleet.racks[0].name}: {said}" in fleet.play("rotate_rack_keys", status=2, convox_after_roll=[hook], convox_serial="100%")
    assert [times_set(rack) for rack in fleet.racks] == [0] * 3


def test_stores_that_do_not_give_the_key_stop_the_fleet(fleet: Fleet) -> None:
    """What says why must not itself fail for want of the key: the next batch would begin."""
    first = fleet.racks[0]
    lost = {"name": "Lose it", "ansible.builtin.file": {"path": str(fleet.machine.config), "state": "absent"}}
    fleet.everywhere.update(to_file(fleet))
    said = fleet.play("rotate_rack_keys", status=2, convox_serial="1,100%", convox_after_roll=[own_hook(fleet, lost), "file"])
    assert f'{first.name}: NOT UPDATED, the new key is in force: file: the task "Write the new key to a file" failed' in said
    assert "the stores do not give the key" in said
    assert [times_set(rack) for rack in fleet.racks] == [1, 0, 0]


def test_builds_that_are_not_known_keep_no_app_from_it(direct: Direct, machine: Machine, new_rack: NewRack) -> None:
    rack = new_rack()
    machine.log_in(rack.host, rack.key)
    rack.set(apps=[app("web")])
    rack.fault("status", method="GET", path="/builds$", status=500)
    done = direct("app_promote", host=rack.host, retries=0)
    assert (done.msg, done["promoted"], done["builds"]) == (None, ["web"], [])
    assert [text for text in done.warnings if "builds under way are not known" in text] != []


def test_the_example_of_the_page_works(fleet: Fleet) -> None:
    page = (ROOT / "docs" / "consumers.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```yaml\n(# hook\.yml\n.*?)```", page, re.DOTALL)
    (task,) = yaml.safe_load(example)
    assert task["ansible.builtin.uri"]["url"].startswith("https://vault.example.com/")
    path = fleet.machine.inputs / "hook.yml"
    rack = fleet.racks[0]
    # Something that takes the key by HTTP is here too: the rack, which has another path for it.
    own = {"https://vault.example.com/v1/secret/data/convox/{{ convox_rack_name }}": f"https://{rack.host}/auth"}
    task["ansible.builtin.uri"] = {**task["ansible.builtin.uri"], "url": own[task["ansible.builtin.uri"]["url"]], "ca_path": fleet.machine.convox.ca_path}
    path.write_text(yaml.safe_dump([task]), encoding="utf-8")
    said = fleet.play("rotate_rack_keys", "-vvv", status=2, convox_after_roll=[str(path)])
    assert 'the task "Put the new key into Vault" failed' in said
    assert ("POST", "/auth") in {(each["method"], each["path"]) for each in fleet.machine.convox.journal.entries()}


# -- when it is done ----------------------------------------------------------------------------------------------
def test_what_a_run_that_died_did_not_do_is_made_up_for(fleet: Fleet) -> None:
    """Killed after the commits, while the first hook works: nobody has the key yet."""
    begun = fleet.machine.inputs / "begun"
    slow = {"name": "Wait", "ansible.builtin.shell": f"touch {begun}; sleep 600"}
    fleet.everywhere.update(to_file(fleet))
    fleet.everywhere["convox_after_roll"] = [own_hook(fleet, slow), "file"]
    process = fleet.begin("rotate_rack_keys", convox_serial="100%", convox_rotation_id="q4")
    end = time.monotonic() + 90
    while not begun.exists():
        assert time.monotonic() < end
        time.sleep(0.05)
    kill_with_descendants(process)
    fleet.end(process, status=None)
    assert process.returncode == -signal.SIGKILL
    assert [times_set(rack) for rack in fleet.racks] == [1] * 3
    fleet.everywhere["convox_after_roll"] = ["file"]
    fleet.play("rotate_rack_keys", convox_rotation_id="q4")
    assert all_have_it(fleet)
    assert [times_set(rack) for rack in fleet.racks] == [1] * 3


def test_nothing_is_handed_on_where_nothing_was_rolled(fleet: Fleet) -> None:
    fleet.everywhere.update(to_file(fleet))
    folder = fleet.machine.inputs / "handed"
    said = fleet.play("rotate_rack_keys", "--check")
    assert said.count("after the roll: file") == 3
    assert list(folder.iterdir()) == []
    fleet.play("rotate_rack_keys")
    assert all_have_it(fleet)
    for path in folder.iterdir():
        path.unlink()
    said = fleet.play("rotate_rack_keys", convox_max_age="1d")
    assert said.count("left as it is") == 3
    assert list(folder.iterdir()) == []


# -- the lookup ---------------------------------------------------------------------------------------------------
@pytest.fixture
def own_play(machine: Machine) -> Machine:
    """A lookup works in ansible-playbook itself, whose environment has to be this machine's."""
    machine.verbosity = 3
    return machine


def look_up(machine: Machine, what: str) -> Any:
    return machine.done({"name": "look", "ansible.builtin.assert": {"that": [what], "quiet": True}, "no_log": True})


def test_the_lookup_finds_the_key_or_says_why_not(own_play: Machine, rack: Rack) -> None:
    machine = own_play
    machine.log_in(rack.host, rack.key)
    rolled = machine.run("rack_keyroll", host=rack.host)
    ask = f"lookup('convox.credentials.api_key', '{rack.host}'"
    (machine.inputs / "key").write_text(rack.key, encoding="utf-8")
    same = f"== lookup('ansible.builtin.file', '{machine.inputs / 'key'}')"
    assert not look_up(machine, f"{ask}) {same}").failed
    assert not look_up(machine, f"{ask}, fingerprint='{rolled['fingerprint']}') {same}").failed
    task = {"name": "look", "ansible.builtin.debug": {"msg": "{{ " + ask + ", fingerprint='0123456789ab') }}"}}
    other = machine.done(task)
    assert other.failed
    assert f"its key is {rolled['fingerprint']}, and not 0123456789ab" in other.msg
    unknown = machine.done({"name": "look", "ansible.builtin.debug": {"msg": "{{ lookup('convox.credentials.api_key', 'nowhere.example.com') }}"}})
    assert unknown.failed
    assert "nowhere.example.com: no key is known for it in cli" in unknown.msg
    by_url = f"{ask}, stores=[{{'type': 'aws_secretsmanager'}}], region='us-east-1', endpoint_url='https://me:{'p' * 20}@127.0.0.1:1')"
    away = machine.done({"name": "look", "ansible.builtin.debug": {"msg": "{{ " + by_url + " }}"}})
    assert (away.failed, "127.0.0.1:1" in away.msg, "p" * 20 in away.msg) == (True, True, False)


def test_the_examples_of_the_lookup(own_play: Machine, rack: Rack) -> None:
    machine = own_play
    machine.log_in(rack.host, rack.key)
    machine.run("rack_keyroll", host=rack.host, stores=[{"type": "cli"}, {"type": "aws_secretsmanager"}], region="us-east-1")
    program = machine.inputs / "take.py"
    program.write_text(WATCH, encoding="utf-8")
    # That of instance keys is tried in test_lookup_of_an_instance_key.py.
    for task in [task for task in examples(ROOT / "plugins" / "lookup" / "api_key.py") if "ansible.builtin.command" in task]:
        command = dict(task["ansible.builtin.command"])
        command["argv"] = ["{{ ansible_playbook_python }}", str(program), str(machine.inputs / "taken")]
        command["stdin"] = command["stdin"].replace("rack.example.convox.site", rack.host)
        endpoint = f", endpoint_url='{machine.convox.aws_url}'"
        command["stdin"] = command["stdin"].replace(", region='us-east-1'", f", region='us-east-1'{endpoint}")
        assert not machine.done({**task, "ansible.builtin.command": command}).failed
        assert (machine.inputs / "taken").read_text(encoding="utf-8") == in_force(rack)
        (machine.inputs / "taken").unlink()
