# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The leak hunt: no secret in anything that a run of Ansible prints, writes or shows of its processes, however it ends.

Each run is searched when it ends (Hunt.run), and every file but the stores after the test (conftest.machine). What is
Ansible's own and can't be mended here is in docs/secrets.md.
"""
from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.ansible import PROGRAM
from tests.integration.hunting import Hunt
from tests.integration.leaks import find_leaks
from tests.integration.watching import new_keys_of, wait_until
from tests.standin.spec import new_key

if TYPE_CHECKING:
    from tests.integration.conftest import NewRack
    from tests.integration.machine import Machine
    from tests.standin.console import Console
    from tests.standin.rack import Rack

CENSORED = "the output has been hidden due to the fact"
MASKED = "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"


@pytest.fixture
def hunt(machine: Machine) -> Hunt:
    """With AWS credentials that nothing may show either."""
    hunt = Hunt(machine)
    machine.environment = {"AWS_SECRET_ACCESS_KEY": typed(hunt)}
    return hunt


def typed(hunt: Hunt) -> str:
    """A secret of the shape of a key, which nobody but the test has."""
    secret = new_key()
    hunt.machine.typed.add(secret)
    return secret


@pytest.fixture
def open_rack(new_rack: NewRack) -> Rack:
    """A rack that shows its key to everybody: in its parameters, and in an output for developers."""
    return new_rack(mask_no_echo=False, parameters={"Development": "Yes"}, instances=1)


def give_everything(hunt: Hunt, rack: Rack, console: Console, failing: Rack) -> list[dict[str, Any]]:
    """Each module on its way to success and to failure: refused, of a wrong type, in two ways at once, and by its server."""
    failing.fault("rollback", times=None)
    account = {"host": console.host, "email": console.email, "account_password": console.password}
    roll = {"host": rack.host, "confirm_period": 0, "confirm_interval": 0}
    return [
        hunt.task("convox_login", host=rack.host, api_key=rack.key),
        hunt.task("convox_login", host=rack.host, api_key=typed(hunt)),
        hunt.task("convox_login", host=f"https://convox:{typed(hunt)}@{rack.host}"),
        hunt.task("convox_login", rack_url=rack.url, host=rack.host),
        hunt.task("convox_login", rack_url=f"https://convox:{typed(hunt)}@127.0.0.1:1", retries=0),
        hunt.task("convox_login", host=console.host, api_key=console.api_key, timeout="soon"),
        hunt.task("convox_login", host=console.host, api_key=console.api_key),
        hunt.task("rack_keyroll", **roll, new_key=rack.key, stores="cli"),
        hunt.task("rack_keyroll", **roll, new_key=typed(hunt) + "%"),
        hunt.task("rack_keyroll", **roll, endpoint_url=f"http://key:{typed(hunt)}@127.0.0.1:1", method="cloudformation"),
        hunt.task("rack_keyroll", **roll, new_key=typed(hunt)),
        hunt.task("rack_keyroll", host=failing.host, api_key=failing.key),
        hunt.task("instance_keyroll", host=rack.host),
        hunt.task("instance_keyroll", host=rack.host, api_key=[rack.key], wait="long"),
        hunt.task("console_api_key", **account),
        hunt.task("console_api_key", **{**account, "account_password": typed(hunt)}),
        {"ansible.builtin.set_fact": {"last": "{{ result }}", "cacheable": True}},
        {"ansible.builtin.fail": {"msg": "{{ result | to_json }}"}},
    ]


def test_everything_that_ansible_writes(hunt: Hunt, new_rack: NewRack, open_rack: Rack, console: Console) -> None:
    playbook = hunt.play(give_everything(hunt, open_rack, console, new_rack(instances=1)))
    output = hunt.run(
        *("-i", hunt.inventory(), "-vvvv", "--diff", playbook),
        status=2,
        **hunt.writers(),
        ANSIBLE_RETRY_FILES_ENABLED="1",
        ANSIBLE_RETRY_FILES_SAVE_PATH=str(hunt.traces / "retry"),
        ANSIBLE_CACHE_PLUGIN="jsonfile",
        ANSIBLE_CACHE_PLUGIN_CONNECTION=str(hunt.traces / "facts"),
    )
    # It went all the ways, and what was rolled is in force.
    assert output.count("...ignoring") == 11, output
    assert open_rack.accepted_keys == {hunt.machine.auth()[open_rack.host]}
    assert console.api_key == hunt.machine.auth()[console.host]
    refused = "email or account_password is wrong"
    said = {"log": MASKED, "results": MASKED, "junit": "rolled the update back", "tree": refused, "facts": refused, "retry": "convox"}
    assert [name for name, words in said.items() if words not in hunt.trace(name)] == []
    # Programs that run modules were seen, with the environment that they had.
    assert any(sys.executable.encode() in command for command in hunt.processes.commands)
    assert f"HOME={hunt.machine.home}".encode() in hunt.processes.environments


@pytest.mark.parametrize("callback", ["default", "minimal", "oneline", "ansible.posix.json", "yaml"])
@pytest.mark.parametrize("no_log", [True, False])
def test_every_callback(hunt: Hunt, rack: Rack, callback: str, no_log: bool) -> None:
    """The one that prints, and beside it those that write: junit, tree, and one that has the whole results as JSON."""
    tasks = [
        hunt.task("convox_login", host=rack.host, api_key=rack.key),
        hunt.task("convox_login", host=rack.host, api_key=typed(hunt)),
        hunt.task("convox_login", host=rack.host, api_key=rack.key, retries="many"),
    ]
    chosen = {"ANSIBLE_CALLBACK_RESULT_FORMAT": "yaml", "ANSIBLE_DISPLAY_ARGS_TO_STDOUT": "1"} if callback == "yaml" else {"ANSIBLE_STDOUT_CALLBACK": callback}
    output = hunt.run("-i", hunt.inventory(), "-vvvv", "--diff", hunt.play(tasks, no_log=no_log), status=0, **chosen, **hunt.writers())
    said = [output, hunt.trace("log"), hunt.trace("junit"), hunt.trace("tree"), hunt.trace("results")]
    assert [CENSORED in " ".join(each.split()) for each in said] == [no_log] * len(said)
    assert MASKED in output or no_log
    assert ('"plays": [' in output) == callback.endswith("json")
    assert (MASKED in hunt.trace("results")) == (not no_log)
    assert hunt.machine.auth()[rack.host] == rack.key


def test_roles_that_are_given_something_wrong(hunt: Hunt, rack: Rack, console: Console) -> None:
    """Ansible shows the options of a role whose validation fails."""
    given: dict[str, dict[str, Any]] = {
        "login": {"login_host": rack.host, "login_api_key": rack.key, "login_rack_url": rack.url, "login_timeout": "soon"},
        "rack_api_key": {"rack_api_key_new_key": typed(hunt), "rack_api_key_api_key": {"a": rack.key}, "rack_api_key_stores": "cli"},
        "instance_key": {"instance_key_api_key": [rack.key], "instance_key_retries": "many"},
        "console_api_key": {"console_api_key_account_password": console.password, "console_api_key_state": console.host},
        "audit": {"audit_api_keys": [{"host": rack.host, "api_key": rack.key}], "audit_retries": "many"},
    }
    tasks = [
        {"block": [{"ansible.builtin.include_role": {"name": f"convox.credentials.{role}"}, "vars": values}], "rescue": [{"ansible.builtin.debug": {}}]}
        for role, values in given.items()
    ]
    output = hunt.run("-i", hunt.inventory(), "-vvvv", hunt.play(tasks), status=0)
    assert output.count("Validation of arguments failed") >= len(given), output


def test_the_playbooks_themselves(hunt: Hunt, new_rack: NewRack, console: Console) -> None:
    """A login with keys from variables, one of them wrong; then everything is rolled, and a rack rolls its update back."""
    racks = [new_rack(instances=1) for dummy in range(2)]
    hunt.hosts = {rack.name: {"convox_host": rack.host, "convox_api_key": rack.key} for rack in racks}
    hunt.hosts[racks[1].name]["convox_api_key"] = typed(hunt)
    everywhere = {"convox_hosts": "all", "convox_ca_path": hunt.machine.convox.ca_path, "convox_confirm_period": 0, "convox_confirm_interval": 0}
    arguments = ("-i", hunt.inventory(), "-vvvv", "--diff", "-e", json.dumps({**everywhere, "convox_email": console.email, "convox_serial": "100%"}))
    assert "invalid authentication" in hunt.run("convox.credentials.login", *arguments, status=2)
    hunt.hosts[racks[1].name]["convox_api_key"] = racks[1].key
    hunt.inventory()
    racks[1].fault("rollback", times=None)
    hunt.machine.environment["CONVOX_ACCOUNT_PASSWORD"] = console.password
    hunt.machine.environment["CONVOX_HOST"] = console.host
    hunt.machine.log_in(console.host, console.api_key)
    output = hunt.run("convox.credentials.rotate_all", *arguments, status=2, ANSIBLE_LOG_PATH=str(hunt.traces / "log"))
    assert "rolled the update back" in output
    assert MASKED in hunt.trace("log")
    auth = hunt.machine.auth()
    assert (racks[0].accepted_keys, console.api_key) == ({auth[racks[0].host]}, auth[console.host])


def test_killed_in_the_middle_of_its_modules(hunt: Hunt, new_rack: NewRack, console: Console) -> None:
    """No arguments and no payload stay behind, for pipelining is on, as in the playbooks."""
    slow = {"action": "delay", "seconds": 10}
    racks = {"convox_login": slow, "rack_keyroll": {**slow, "method": "PUT"}, "instance_keyroll": {**slow, "method": "POST"}}
    faults = [console.faults]
    tasks = [hunt.task("console_api_key", host=console.host, email=console.email, account_password=console.password)]
    console.fault(**slow, path="/graphql")
    for module, fault in racks.items():
        rack = new_rack()
        rack.fault(**fault)
        faults.append(rack.faults)
        tasks.append(hunt.task(module, host=rack.host, api_key=rack.key))
    hunt.hosts = {each["name"]: hunt.hosts["convox"] for each in tasks}
    for each in tasks:
        each["when"] = f"inventory_hostname == '{each['name']}'"
    process = hunt.start("-i", hunt.inventory(), "-vvvv", hunt.play(tasks, strategy="free"))
    try:
        wait_until(lambda: not any(each.list() for each in faults), 20)
    finally:
        killed = hunt.kill(process)
    # Ansible itself, a worker and a module of Python for each, and their shells.
    assert killed >= 1 + 3 * len(tasks)
    assert find_leaks(hunt.machine, process.communicate()[0]) == []
    # The folders of Ansible are there, with whatever it had put into them; conftest.machine searches those.
    assert list((hunt.machine.root / "tmp").glob("ansible-local-*"))


def test_the_artifacts_of_ansible_runner(hunt: Hunt, rack: Rack) -> None:
    """It writes each event, the whole output, the facts, and its command with the environment that it was given."""
    project = hunt.machine.inputs / "runner" / "project"
    project.mkdir(parents=True)
    roll = {"host": rack.host, "confirm_period": 0, "confirm_interval": 0, "stores": [{"type": "cli", "persistent": True}]}
    tasks = [
        hunt.task("convox_login", host=rack.host, api_key=rack.key),
        hunt.task("convox_login", host=rack.host, api_key=typed(hunt)),
        hunt.task("rack_keyroll", **{**roll, "stores": [{"type": "cli"}]}),
        hunt.task("rack_keyroll", **roll),
        {"ansible.builtin.set_fact": {"last": "{{ result }}", "cacheable": True}},
    ]
    # The environment goes into an artifact, by ansible-runner's own design.
    hunt.machine.environment = {}
    output = hunt.run(
        *("run", str(project.parent), "--ident", "hunt", "--artifact-dir", str(hunt.traces), "--inventory", hunt.inventory()),
        *("-p", hunt.play(tasks), "--cmdline=--diff -vvvv"),
        program=PROGRAM.with_name("ansible-runner"),
        status=0,
    )
    assert "would be lost with this job" in output
    assert rack.accepted_keys == {hunt.machine.auth()[rack.host]}
    said = {"stdout": MASKED, "job_events": MASKED, "command": "ansible-playbook", "fact_cache": "committed"}
    assert [name for name, words in said.items() if words not in hunt.trace(f"hunt/{name}")] == []


@pytest.mark.parametrize(
    ("variable", "place", "said"),
    [
        ("HTTPS_PROXY", "@127.0.0.1:1", "the proxy does not answer; check HTTPS_PROXY"),
        ("HTTPS_PROXY", "@", "the proxy's URL is none that can be used"),
        ("HTTPS_PROXY", "/@127.0.0.1:1", "the proxy's URL is none that can be used"),
        ("HTTP_PROXY", "@127.0.0.1:1", "AWS cloudformation:DescribeStacks: the proxy does not answer"),
        ("HTTP_PROXY", "@127.0.0.1:port", "AWS is not used for it"),
        ("HTTP_PROXY", "", "AWS is not used for it"),
    ],
)
def test_what_libraries_say_of_a_proxy(hunt: Hunt, rack: Rack, variable: str, place: str, said: str) -> None:
    """requests (for racks, by https) and boto3 (for the AWS of these tests, by http) put URLs into their errors."""
    given = {"host": rack.host, "api_key": rack.key, "method": "cloudformation", "stack_name": rack.name, "region": rack.region, "retries": 0}
    playbook = hunt.play([hunt.task("rack_keyroll", **given), {"ansible.builtin.fail": {"msg": "{{ result.msg }}"}}])
    output = hunt.run("-i", hunt.inventory(), "-vvvv", playbook, status=2, **{variable: f"http://me:{typed(hunt)}{place}"})
    # Warnings are broken into lines.
    assert said in " ".join(output.split())
    assert "internal error" not in output
    assert new_keys_of(rack) == []
