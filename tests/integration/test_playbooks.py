# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbooks, as people and job templates start them."""
from __future__ import annotations

import json
import re
import shlex
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.plays import Fleet, in_force, times_set
from tests.places import ROOT
from tests.tools.cores import PYTHONS

if TYPE_CHECKING:
    from tests.integration.conftest import NewRack
    from tests.integration.machine import Machine
    from tests.standin.console import Console

PASSWORD = "not the right password"


@pytest.fixture
def fleet(machine: Machine, new_rack: NewRack) -> Fleet:
    """Three racks, which the CLI knows."""
    return Fleet(machine, [new_rack() for _number in range(3)])


@pytest.fixture
def one(machine: Machine, new_rack: NewRack) -> Fleet:
    """A single rack, where more would only take time."""
    return Fleet(machine, [new_rack()])


def test_a_fleet_is_rolled_once(fleet: Fleet) -> None:
    first = fleet.play("rotate_rack_keys", convox_rotation_id="2026-q4")
    for rack in fleet.racks:
        assert fleet.machine.auth()[rack.host] == in_force(rack) == rack.key
        assert times_set(rack) == 1
        assert re.search(rf"{rack.name}: rolled, [0-9a-f]{{12}} -> [0-9a-f]{{12}}, committed, activated by ecs, old key refused", first)
    # One rack all the way through before the others.
    assert fleet.output.count("PLAY [Roll the Rack API keys]") == 3
    assert first.count("-e convox_rotation_id=2026-q4") == 2

    again = fleet.play("rotate_rack_keys", convox_rotation_id="2026-q4")
    assert again.count("left as it is") == 3
    assert [times_set(rack) for rack in fleet.racks] == [1, 1, 1]


@pytest.mark.parametrize("serial", ["1,1,100%", ["1", "1", "100%"]])
def test_a_failure_stops_the_fleet(machine: Machine, new_rack: NewRack, serial: Any) -> None:
    racks = [new_rack() for _number in range(4)]
    fleet = Fleet(machine, racks)
    racks[1].fault("rollback")
    failed = fleet.play("rotate_rack_keys", status=2, convox_rotation_id="q4", convox_serial=serial)
    assert f"{racks[1].name}: FAILED" in failed
    assert "rolled the update back" in failed
    assert "The run ends here. Go on with: ansible-playbook convox.credentials.rotate_rack_keys" in failed
    assert f"not begun: {racks[2].name}, {racks[3].name}" in failed
    assert [times_set(rack) for rack in racks[:1] + racks[2:]] == [1, 0, 0]
    touched = {each["server"] for each in machine.convox.journal.entries()}
    assert not touched & {f"rack {rack.name}" for rack in racks[2:]}

    finished = fleet.play("rotate_rack_keys", convox_rotation_id="q4", convox_serial="100%")
    assert f"{racks[0].name}: left as it is" in finished
    assert f"{racks[1].name}: finished what an earlier run had begun" in finished
    assert [machine.auth()[rack.host] == in_force(rack) for rack in racks] == [True] * 4
    assert times_set(racks[0]) == times_set(racks[2]) == times_set(racks[3]) == 1


def test_others_of_the_batch_go_on(fleet: Fleet) -> None:
    fleet.racks[1].fault("rollback")
    fleet.play("rotate_rack_keys", status=2, convox_serial="100%")
    assert [times_set(rack) for rack in fleet.racks[::2]] == [1, 1]
    assert f"{fleet.racks[2].name}: rolled" in fleet.output


def test_all_credentials_in_their_order(fleet: Fleet, console: Console) -> None:
    fleet.machine.log_in(console.host, console.api_key)
    fleet.hosts[fleet.racks[2].name]["convox_activate"] = "none"
    # The rack is for other commands in that shell.
    fleet.machine.environment = {"CONVOX_HOST": console.host, "CONVOX_ACCOUNT_PASSWORD": console.password, "CONVOX_RACK": "acme/other"}
    old = console.api_key
    output = fleet.play("rotate_all", convox_email=console.email, convox_serial="100%", convox_rotation_id="all")
    plays = re.findall(r"PLAY \[(.*)\]", fleet.output)
    assert plays == ["Begin", "Roll the Console API key", "Roll the Rack API keys", "Roll the instance keys", "End"]
    assert old != console.api_key == fleet.machine.auth()[console.host]
    assert f"{console.email} at {console.host}: rolled" in output
    assert [bool(rack.parameters["Key"]) for rack in fleet.racks] == [True, True, False]
    assert f"{fleet.racks[2].name}: begun" in output
    assert f"{fleet.racks[2].name}: left as it is, for its Rack API key is not committed (phase applied)" in output
    assert "Rack API keys: 2 of 3 committed, 3 changed in this run." in output
    assert "Instance keys: 2 of 3 committed, 2 changed in this run." in output
    fleet.play("rotate_rack_keys", "--limit", fleet.racks[2].name, "-e", "convox_activate=auto")


def test_instances_alone(one: Fleet) -> None:
    # What is in somebody's shell does not turn all hosts into one rack.
    one.machine.environment = {"RACK_URL": f"https://convox:{'k' * 30}@other.example.com", "CONVOX_PASSWORD": "p" * 30}
    assert "on 3 of 3 instances" in one.play("rotate_instance_keys")
    assert one.racks[0].parameters["Key"]


def test_check_mode_changes_nothing(fleet: Fleet, console: Console) -> None:
    fleet.machine.log_in(console.host, console.api_key)
    fleet.machine.environment = {"CONVOX_HOST": console.host, "CONVOX_ACCOUNT_PASSWORD": console.password}
    before, requests = fleet.machine.files(), fleet.changes()
    output = fleet.play("rotate_all", "--check", "--diff", convox_email=console.email, convox_serial="100%")
    assert output.count("would be rolled") == 7 + 2, "each credential, and how many of each kind"
    assert (fleet.machine.files(), fleet.changes()) == (before, requests)


def test_limit(fleet: Fleet) -> None:
    output = fleet.play("rotate_rack_keys", "--limit", fleet.racks[1].name, convox_serial="")
    assert [times_set(rack) for rack in fleet.racks] == [0, 1, 0]
    assert f"--limit {fleet.racks[1].name} -e convox_rotation_id=" in output


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"awx_job_id": 13, "awx_workflow_job_id": 12}, "awx-workflow-12"),
        ({"tower_job_id": 13, "convox_rotation_id": ""}, "awx-job-13"),
        ({"awx_job_id": 13, "convox_rotation_id": 7}, "7"),
    ],
)
def test_who_names_the_rotation(one: Fleet, given: dict[str, Any], named: str) -> None:
    output = one.play("rotate_rack_keys", "--check", **given)
    assert f"Rotation {named} of 1 rack." in output
    assert ("launch this job once more" in output) == any("job" in name for name in given)


def test_the_next_command_is_the_same_run(one: Fleet) -> None:
    """What was given by extra vars and holds no secret; the inventory says the rest again."""
    (rack,) = one.racks
    one.everywhere["convox_max_age"] = "90d"
    said = one.play(
        "rotate_rack_keys", "--check", "--limit", f"{rack.name},!other", "--tags", "racks", "--skip-tags", "console,login",
        convox_hosts="all:!other", convox_serial=["1", "100%"], convox_api_key=rack.key, convox_rotation_id="q4", convox_email="",
        convox_config_dir=str(one.machine.config), convox_timeout=9,
    )  # fmt: skip
    (command,) = set(re.findall(r"go on with: (ansible-playbook .*? convox_rotation_id=q4)", said))
    words = shlex.split(command.replace("''", "'"))
    given = [words[number + 1] for number, word in enumerate(words) if word == "-e"]
    assert [json.loads(each) if each[0] == "{" else each for each in given] == [
        f"convox_config_dir={one.machine.config}", {"convox_hosts": "all:!other"}, {"convox_serial": ["1", "100%"]}, {"convox_timeout": 9},
        "convox_rotation_id=q4",
    ]  # fmt: skip
    others = words[4 : words.index("-e")]
    assert others == ["--limit", f"{rack.name},!other", "--tags", "racks", "--skip-tags", "console,login", "--check"]


@pytest.mark.parametrize("core", PYTHONS)
def test_a_rehearsal_goes_on_as_one(one: Fleet, core: str) -> None:
    """What it says last, word for word, rolls nothing."""
    one.use_core(core)
    said = one.play("rotate_rack_keys", "--check", "--diff", convox_rotation_id="q4")
    assert "To rehearse it once more: ansible-playbook" in said
    assert said.count("--check --diff -e convox_rotation_id=q4") == 2
    assert "--check" not in one.play("rotate_rack_keys", "--limit", "localhost,all", convox_rotation_id="q4", convox_max_age="99d")


@pytest.mark.parametrize("core", PYTHONS)
def test_what_ran_nothing_does_not_come_to_its_end(one: Fleet, core: str) -> None:
    one.use_core(core)
    (rack,) = one.racks
    for name, arguments in (
        ("rotate_rack_keys", ["--tags", "rack"]),
        ("rotate_all", ["--skip-tags", "console,instances,racks"]),
        ("rotate_console_api_key", ["--limit", rack.name]),
    ):
        said = one.play(name, *arguments, status=2)
        assert f"Nothing was rolled, for no task is left by {' '.join(arguments)}" in said
        assert "came to its end" not in said
    assert "Nothing was audited, for no task is left by --tags racks" in one.play("audit", "--tags", "racks", status=2)
    assert times_set(rack) == 0


@pytest.mark.parametrize("core", PYTHONS)
def test_what_is_misspelt_is_told(one: Fleet, core: str) -> None:
    """An extra var was meant for this run, and stops it; what the inventory has may be another role's."""
    one.use_core(core)
    (rack,) = one.racks
    (one.machine.inputs / "given.yml").write_text("convox_methode: api", encoding="utf-8")
    for name in ("rotate_rack_keys", "audit", "login"):
        said = one.play(name, "-e", "@given.yml", status=2)
        assert "convox_methode: read by nothing of this collection; the nearest is convox_method. Nothing was changed." in said
    one.hosts[rack.name] |= {"convox_maxage": "90d", "convox_team": "web"}
    said = one.play("rotate_rack_keys", "--check")
    assert "convox_maxage: read by nothing of this collection; the nearest: convox_max_age" in said
    assert "convox_team" not in said


def test_an_option_is_to_be_mended_first(one: Fleet) -> None:
    """The command repeats what was given; where a roll was begun it is right as it is."""
    hint = "The run ends here. Nothing was begun: mend that first, and an option in this command, too. Go on with: ansible-playbook"
    assert hint in one.play("rotate_rack_keys", status=2, convox_method="apii")
    one.racks[0].fault("rollback")
    assert "The run ends here. Go on with: ansible-playbook" in one.play("rotate_rack_keys", status=2)


def test_one_made_name_for_all_batches(fleet: Fleet) -> None:
    output = fleet.play("rotate_rack_keys")
    (name,) = set(re.findall(r"Rotation (\d{8}-\d{6}-[0-9a-f]{4})", output))
    for rack in fleet.racks:
        assert fleet.machine.record("rack_api_key", rack.rack_domain)["rotation_ids"] == [name]


BAD: list[tuple[dict[str, Any], str]] = [
    ({"convox_serial": "1,x"}, "convox_serial: x is no size of a batch"),
    ({"convox_serial": ["101%", 0, "10 %"]}, "convox_serial: 101%,0,10 % is no size of a batch"),
    ({"convox_rotation_id": "two words"}, "convox_rotation_id: two words is no name for a rotation"),
    ({"convox_hosts": "nowhere"}, "convox_hosts: nowhere matches no host of the inventory"),
    ({"convox_host": "one.example.com"}, "convox_host: the same rack for rack"),
    ({"convox_host": ""}, "convox_host: not given for rack"),
    ({"rack_api_key_activate": "now"}, "value of rack_api_key_activate must be one of: auto, ecs, signing_key, none, got: now"),
    ({"rack_api_key_timeout": "soon"}, "rack_api_key_timeout"),
    ({"convox_activate": "now"}, "value of activate must be one of: auto, ecs, signing_key, none, got: now"),
    ({"convox_max_age": "old"}, "max_age"),
    ({"convox_ca_path": "ca.pem"}, "convox_ca_path: ca.pem is no absolute path"),
    ({"convox_stores": [{"type": "file", "path": "keys/all.json"}]}, "convox_stores: keys/all.json is no absolute path"),
    ({"convox_new_key": "short"}, "new_key: 5 characters"),
]


@pytest.mark.parametrize(("given", "said"), BAD, ids=[next(iter(given)) + str(number) for number, (given, _said) in enumerate(BAD)])
def test_bad_input_changes_nothing(fleet: Fleet, given: dict[str, Any], said: str) -> None:
    before, requests = fleet.machine.files(with_locks=False), fleet.changes()
    assert said in fleet.play("rotate_rack_keys", status=2, **given)
    assert (fleet.machine.files(with_locks=False), fleet.changes()) == (before, requests)
    assert fleet.output.count("PLAY [Roll the Rack API keys]") <= 1


def test_an_account_must_be_named(one: Fleet) -> None:
    assert "console_api_key_email (or convox_email): not given" in one.play("rotate_console_api_key", status=2)


def test_secrets_in_extra_vars_are_never_shown(one: Fleet, console: Console) -> None:
    """At -vvv, with options of a wrong type beside them, in success and in failure."""
    (rack,) = one.racks
    new = "N" * 40
    given: dict[str, Any] = {"convox_api_key": rack.key, "convox_new_key": new}
    one.play("rotate_rack_keys", "-vvv", status=2, rack_api_key_wait="perhaps", rack_api_key_api_key=[rack.key], **given)
    assert rack.key not in one.output
    assert new not in one.output
    one.play("rotate_rack_keys", "-vvv", "--diff", **given)
    assert in_force(rack) == new
    one.play("rotate_console_api_key", "-vvv", status=2, convox_host=console.host, convox_email=console.email, convox_account_password=PASSWORD)
    assert PASSWORD not in one.output


def test_login(fleet: Fleet, console: Console) -> None:
    known, lost, new = fleet.racks
    (fleet.machine.config / "auth").unlink()
    for rack in (known, new):
        fleet.hosts[rack.name]["convox_api_key"] = "{{ lookup('ansible.builtin.env', 'KEY_OF_' ~ inventory_hostname) }}"
    # An option of another module that has the same name.
    fleet.everywhere["convox_activate"] = "ecs"
    keys: dict[str, str] = {f"KEY_OF_{rack.name}": rack.key for rack in (known, new)}
    fleet.machine.environment = {"CONVOX_HOST": console.host, "CONVOX_PASSWORD": console.api_key, **keys}
    output = fleet.play("login", "-vvv")
    assert fleet.machine.auth() == {console.host: console.api_key, known.host: known.key, new.host: new.key}
    assert (fleet.machine.config / "console").read_text(encoding="utf-8") == console.host
    assert f"{lost.name}: left alone, for no key is given" in output
    assert f"{new.name}: logged in at {new.host} as rack {new.name}" in output
    assert "was logged in already" in fleet.play("login")

    ended = fleet.play("login", login_state="absent")
    assert f"{new.name}: logged out at {new.host}" in ended
    assert f"the Console: logged out at {console.host}" in ended
    assert f"{new.name}: was not logged in at {new.host}" in fleet.play("login", login_state="absent")
    assert fleet.machine.auth() == {}


def write_play(machine: Machine, name: str, role: str) -> None:
    """One of a role by itself, as people write it."""
    play = {
        "hosts": "convox_racks",
        "connection": "local",
        "gather_facts": False,
        "vars": {"ansible_python_interpreter": "{{ ansible_playbook_python }}", "ansible_pipelining": True},
        "roles": [f"convox.credentials.{role}"],
    }
    (machine.inputs / name).write_text(json.dumps([play]), encoding="utf-8")


def test_a_key_goes_to_nobody_who_is_not_named(one: Fleet, console: Console) -> None:
    """Neither to the Console of the environment nor to the one that the CLI is logged into."""
    (rack,) = one.racks
    (one.machine.config / "auth").unlink()
    one.machine.log_in(console.host, console.api_key)
    one.machine.write(one.machine.config / "host", console.host)
    write_play(one.machine, "role.yml", "login")
    one.hosts[rack.name] = {"convox_hots": rack.host, "convox_api_key": rack.key}
    journal = one.machine.convox.journal
    before = journal.total
    for environment in ({}, {"CONVOX_HOST": console.host}):
        one.machine.environment = environment
        for name in ("login", "role.yml"):
            assert f"{rack.name}: a key is given, but not the host that it is for" in one.play(name, status=2)
    # Of a group of another name, and through a Console.
    one.hosts[rack.name]["convox_rack"] = "acme/one"
    assert f"{rack.name}: a key is given" in one.play("login", status=2, convox_hosts=rack.name)
    # What all hosts are given is localhost's, too.
    one.machine.environment = {}
    one.hosts[rack.name] = {"convox_host": rack.host}
    assert "localhost: a key is given, but not the Console that it is for" in one.play("login", status=2, convox_api_key=rack.key)
    # Nor where the Console's key is rolled beside those of racks.
    account = {"convox_email": console.email, "convox_account_password": console.password, "convox_api_key": rack.key}
    assert "localhost: a key is given, but not the Console that it is for" in one.play("rotate_all", status=2, **account)
    # The Console that the environment names was asked with its own key, and nobody with the rack's.
    asked = journal.entries()[before - journal.total :]
    assert {(each["server"], each["status"]) for each in asked} == {("console", 200)}
    one.play("login", "--tags", "racks", convox_api_key=rack.key)
    assert one.machine.auth() == {console.host: console.api_key, rack.host: rack.key}


def test_the_console_may_be_left_to_the_default(machine: Machine, console: Console) -> None:
    """Where no racks are named, a key is for the Console that the CLI is logged into, or the default one."""
    fleet = Fleet(machine, [])
    machine.write(machine.config / "host", console.host)
    assert f"the Console: logged in at {console.host}" in fleet.play("login", convox_api_key=console.api_key)
    assert machine.auth() == {console.host: console.api_key}


@pytest.mark.parametrize("role", ["login", "console_api_key", "rack_api_key", "instance_key"])
def test_the_example_of_each_role(one: Fleet, console: Console, role: str) -> None:
    text = (ROOT / "roles" / role / "README.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    (one.machine.inputs / "example.yml").write_text(example, encoding="utf-8")
    rack = one.racks[0]
    given: dict[str, Any] = {"login": {"login_host": rack.host}, "console_api_key": {"console_api_key_host": console.host}}
    if role == "console_api_key":
        one.machine.log_in(console.host, console.api_key)
    one.machine.environment = {"RACK_API_KEY": rack.key, "CONVOX_ACCOUNT_PASSWORD": console.password}
    one.play("example.yml", **given.get(role, {}), console_api_key_email=console.email)
    assert "failed=0" in one.output


def test_a_role_fails_where_its_module_does(fleet: Fleet) -> None:
    write_play(fleet.machine, "one.yml", "rack_api_key")
    fleet.hosts[fleet.racks[1].name]["convox_max_age"] = "old"
    output = fleet.play("one.yml", status=2)
    assert "max_age: " in output
    assert [times_set(rack) for rack in fleet.racks] == [1, 0, 1]


def test_a_job_keeps_its_keys_in_aws(one: Fleet) -> None:
    """A job's files are gone with it: the next job finds the key where it was kept, and nothing else."""
    rack, stores = one.racks[0], [{"type": "aws_secretsmanager", "name": "jobs/<rack-domain>"}]
    one.machine.environment = {"AWX_HOST": "awx.example.com", "AWS_DEFAULT_REGION": "us-east-1"}
    assert "stores: cli" in one.play("rotate_rack_keys", status=2)
    one.play("rotate_rack_keys", convox_stores=stores)
    assert times_set(rack) == 1
    shutil.rmtree(one.machine.config)
    one.play("rotate_rack_keys", convox_stores=stores, convox_max_age="1d")
    assert "changed=0" in one.output
    assert (times_set(rack), rack.accepted_keys) == (1, {rack.key})
