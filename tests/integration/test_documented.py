# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every example of the documentation does what its page says: commands are typed, and what Ansible or the collection reads is read by it.

A new page, or a new block on one, is tried by itself. What the examples of ansible-doc do is in test_examples.py.
"""
from __future__ import annotations

import json
import re
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import boto3
import botocore.session
import pytest
import requests
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.convox.credentials.plugins.module_utils import audit, ledger, options
from tests.documented import Block, Command, blocks_of, pages
from tests.integration.ansible import PROGRAM, environment_in
from tests.integration.awx_api import serving
from tests.integration.elsewhere import ELSEWHERE, FROM_GALAXY, galaxy
from tests.integration.examples import BLOCKS, GUIDES, KINDS, SHOWN_ONLY, TRIED, consoles, of_kind, setting
from tests.integration.machine import AT_ONCE
from tests.integration.promises import COLLECTION, VARIABLES, Before
from tests.integration.reader import Ran, Reader
from tests.places import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.integration.conftest import NewRack
    from tests.integration.direct import Direct
    from tests.integration.machine import Machine

    Follow = Callable[..., Reader]

# Played in their order, against an AWX, by test_awx.py.
BY_TEST_AWX = (["awx/configure.yml", "--tags", "types"], ["awx/configure.yml", "-e", "@platform.yml"])
# Of each role: its options.
SPECS: dict[str, dict[str, Any]] = {
    path.parents[1].name: yaml.safe_load(path.read_text(encoding="utf-8"))["argument_specs"]["main"]["options"]
    for path in sorted((ROOT / "roles").glob("*/meta/argument_specs.yml"))
}
# Of each role: the variables of all roles that it takes.
READ_BY = {
    role: {name for path in (ROOT / "roles" / role / "tasks").iterdir() for name in re.findall(r"\bconvox_\w+", path.read_text(encoding="utf-8"))}
    for role in SPECS
}


def test_every_block_is_of_a_kind_that_is_tried() -> None:
    unknown = [str(block) for block in BLOCKS if KINDS[str(block)] == "unknown" or block.language not in TRIED | SHOWN_ONLY]
    assert unknown == [], (
        "nobody knows what to do with these: write commands as ```console with `$ `, begin YAML with a comment that names its file; "
        "or teach kind_of() in tests/integration/examples.py the new kind, or list it in SHOWN_ONLY or OTHERS_FILES"
    )
    assert [str(block) for block in BLOCKS if block.language == "console" and not block.commands()] == [], "a console block has `$ ` before commands"
    assert len([block for block in BLOCKS if block.language == "console"]) > 40


# -- what is typed --------------------------------------------------------------------------------------------------
@pytest.fixture
def follow(machine: Machine, new_rack: NewRack) -> Iterator[Follow]:
    """Makes the reader of a page, or of a part of it; what their racks leave in AWS is gone afterwards, for the next reader has racks of the same names."""
    yield lambda page, *texts, awx="": Reader(machine, new_rack, page, texts, awx)
    for rack in machine.convox.racks.values():
        pairs = machine.convox.cloud.backend("ec2", rack.region).key_pairs
        for name in [each for each in pairs if each.startswith(f"{rack.name}-keypair-")]:
            del pairs[name]


@consoles()
def test_what_is_typed(follow: Follow, artifact: Artifact, block: Block) -> None:
    reader = follow(block.page, block.text)
    begin(reader)
    artifact(reader)
    for text in setting(block):
        assert reader.run(text).status == 0
    for command in block.commands():
        type_it(reader, block, command)


@pytest.mark.parametrize(
    "page", [pytest.param(page, marks=pytest.mark.awx_collection if page.endswith("/awx.md") else ()) for page in pages() if page.startswith(GUIDES)]
)
def test_a_guide_leads_to_its_end(follow: Follow, artifact: Artifact, page: str) -> None:
    """From an empty home, in one place and one shell; its files are written where it shows them."""
    there = blocks_of(page)
    with serving() as api:
        api.things["organizations"][2] = {"id": 2, "name": "Platform", "type": "organization"}
        reader = follow(page, *(block.text for block in there if block.language == "console" or block.file), awx=api.url)
        begin(reader)
        artifact(reader)
        for block, after in zip(there, [*there[1:], None]):
            if block.file and KINDS[str(block)] != "others":
                reader.write(block.file, block.text)
            for command in block.commands() if block.language == "console" else ():
                type_it(reader, block, command, after if after and after.language == "text" else None)


def type_it(reader: Reader, block: Block, command: Command, printed: Block | None = None) -> None:
    """``printed``: what is shown after it."""
    before = Before(reader)
    ran = reader.run(command)
    reader.at_rest()
    print(f"{block.page}:{command.line}: {command.text}\n{ran.output}")
    assert ran.status != 127, "no such program is known: tests/integration/reader.py lists those that are run, elsewhere.py those that can't be"
    if fails_as_shown(reader, ran, block, command, printed):
        return
    assert did_its_work(ran)
    for name, *arguments in ran.calls:
        if name in ELSEWHERE:
            assert ELSEWHERE[name].check(arguments) == ""
        elif name == "ansible-playbook" and arguments[0].startswith(COLLECTION):
            before.kept(arguments, ran)
        elif name == "ansible" and f"{COLLECTION}convox_login" in arguments:
            before.logged_out() if "state=absent" in command.text else before.logged_in()
        elif name == "ansible-playbook" and arguments[0].startswith("awx/"):
            assert "failed=0" in ran.output or arguments in BY_TEST_AWX
        elif name == "ansible-galaxy":
            installed(reader, arguments)
        elif name == "ansible-inventory":
            assert [rack for rack in reader.racks if rack not in ran.output] == []


def did_its_work(ran: Ran) -> bool:
    """An audit did, too, that found what breaks the policy."""
    return ran.status == 0 or (ran.status == 2 and "The policy is broken (fail_on: " in " ".join(ran.output.split()))


def fails_as_shown(reader: Reader, ran: Ran, block: Block, command: Command, printed: Block | None) -> bool:
    """Whether it fails, and a guide says so: in what it shows, or in words of the message that follow in the text."""
    if ran.status == 0 or not block.page.startswith(GUIDES):
        return False
    if printed is not None and re.search("fatal:|FAILED|ERROR", printed.text):
        return True
    lines = reader.page.splitlines()[command.line :]
    end = next((number for number, line in enumerate(lines) if line.lstrip().startswith("```console")), len(lines))
    said = " ".join(ran.output.split())
    quoted = re.findall(r"`([^`]+)`", " ".join(line for line in lines[:end] if "```" not in line))
    return any(len(each.split()) > 2 and each in said for each in quoted)


def begin(reader: Reader) -> None:
    """How things stand with somebody who comes to such an example."""
    logs_in = re.search(r"credentials\.(login|convox_login)\b", reader.text) and "absent" not in reader.text
    if not logs_in:
        reader.log_in()
    if re.search("email|absent|console\\.example\\.com", reader.text) and not logs_in:
        reader.log_in_to_console()
    for name in re.findall(r"(?:/srv/convox/)?\bledger\.jsonl", reader.text):
        path = reader.place / reader.own(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        for number in range(0 if path.exists() else 8):
            entry = {"what": "rack_api_key", "identity": "rack.production.convox.site", "rack": "production", "at": "2026-11-23T10:15:00Z", "seconds": 1.0}
            ledger.append(str(path), {**entry, "old": f"{number:012}", "new": f"{number + 1:012}", "rotation_ids": [f"q{number}"]}, {})


def installed(reader: Reader, arguments: list[str]) -> None:
    """From an artifact it is there; of what is had from Galaxy, or takes a signature, the words alone are looked at."""
    galaxy(arguments)
    if arguments[1] == "install" and (reader.place / arguments[2]).is_file():
        assert (reader.machine.home / ".ansible/collections/ansible_collections/convox/credentials/MANIFEST.json").is_file()
    else:
        assert {each for each in arguments[2:] if re.fullmatch(r"\w+\.\w+", each)} <= FROM_GALAXY
        assert arguments[1] != "install" or arguments[2] in FROM_GALAXY, "no such artifact"


class Artifact:
    """What ``make build`` makes, built once."""

    def __init__(self, place: Path) -> None:
        self._place = place

    def __call__(self, reader: Reader) -> None:
        """Put it where the reader is, by the name that the page has for it."""
        if "convox-credentials-" not in reader.text:
            return
        if not list(self._place.glob("*.tar.gz")):
            command = [str(PROGRAM.with_name("ansible-galaxy")), "collection", "build", "--output-path", str(self._place)]
            subprocess.run(command, cwd=ROOT, env=environment_in(self._place), check=True, capture_output=True)
        (path,) = self._place.glob("*.tar.gz")
        named = re.findall(r"\bconvox-credentials-\d+\.\d+\.\d+\.tar\.gz", reader.text)
        shutil.copy(path, reader.place / (named[0] if named else path.name))


@pytest.fixture(scope="session")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    return Artifact(tmp_path_factory.mktemp("artifact"))


# -- what is read -------------------------------------------------------------------------------------------------
@of_kind("policy")
def test_a_policy_is_one(block: Block) -> None:
    assert audit.policy_of(block.data, block.file or "policy.yml") != audit.policy_of({})


@of_kind("inventory", "variables")
def test_variables_are_read_and_have_such_values(block: Block) -> None:
    """Ansible says nothing of a variable that nobody reads."""
    known = [block.data] if KINDS[str(block)] == "variables" else list(variables_in(block.data))
    assert known
    for given in known:
        assert sorted(set(given) - VARIABLES) == []
        for name, value in given.items():
            for role, spec in SPECS.items():
                option = f"{role}_{name.removeprefix('convox_')}" if name in READ_BY[role] else name
                if option in spec and "{{" not in str(value):
                    assert ArgumentSpecValidator({option: {**spec[option], "required": False}}).validate({option: value}).error_messages == []


def variables_in(group: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Of an inventory's groups and hosts."""
    for name, each in group.items():
        assert set(each or {}) <= {"hosts", "vars", "children"}, f"{name} has something else than hosts, vars and children"
        yield from (given for given in [*((each or {}).get("hosts") or {}).values(), (each or {}).get("vars")] if given)
        yield from variables_in((each or {}).get("children") or {})


@of_kind("inventory", typed=True)
def test_an_inventory_has_racks_that_can_be_rolled(follow: Follow, block: Block) -> None:
    """One that no command of its page reads; the others are read by these."""
    reader = follow(block.page, block.text)
    begin(reader)
    name = block.file or "inventory.yml"
    (reader.place / name).write_text(reader.own(block.text), encoding="utf-8")
    before = Before(reader)
    ran = reader.run(f"ansible-playbook {COLLECTION}rotate_rack_keys -i {name} --check")
    print(ran.output)
    assert ran.status == 0
    assert [rack for rack in reader.racks if f"{rack}: would be rolled" not in ran.output] == []
    before.kept(ran.calls[0][1:], ran)


@of_kind("source", typed=True)
def test_an_inventory_source_finds_racks(follow: Follow, block: Block) -> None:
    whole = block.text if "plugin:" in block.text else f"plugin: {COLLECTION}racks\nhost: console.example.com\n{block.text}"
    reader = follow(block.page, whole)
    reader.log_in_to_console()
    (reader.place / "fleet.convox.yml").write_text(reader.own(whole), encoding="utf-8")
    ran = reader.run("ansible-inventory -i fleet.convox.yml --graph")
    assert ran.status == 0
    assert "WARNING" not in ran.output
    assert "filters" in block.text or [rack for rack in reader.racks if rack not in ran.output] == []


@of_kind("options")
def test_options_are_a_module_s(block: Block) -> None:
    validated = ArgumentSpecValidator(options.stores()).validate(block.data)
    assert validated.error_messages == []


@of_kind("play", "tasks", "hook", typed=True)
def test_what_is_played(follow: Follow, direct: Direct, block: Block) -> None:
    reader = follow(block.page, block.text)
    begin(reader)
    kind, text = KINDS[str(block)], block.text
    if kind != "play":
        reader.write("tasks.yml", text)
        defaults = {f"{COLLECTION}{name}": values for name, values in AT_ONCE.items()}
        play = {"hosts": "localhost", "gather_facts": False, "module_defaults": defaults, "tasks": [{"ansible.builtin.import_tasks": "tasks.yml"}]}
        text = yaml.safe_dump([play])
    reader.write("play.yml", text)
    reader.write("given.json", json.dumps(prepared(reader, direct)))
    hosts = {name: {"convox_host": f"rack.{name}.convox.site"} for name in reader.racks}
    reader.write("racks.json", json.dumps({"convox_racks": {"hosts": hosts}}))
    # What a hook hands over goes to somebody else: test_consumers.py plays it.
    ran = reader.run(f"ansible-playbook play.yml -i racks.json -e @given.json {'--syntax-check' if kind == 'hook' else ''}")
    reader.at_rest()
    print(ran.output)
    assert did_its_work(ran)
    assert kind == "hook" or re.search(r"ok=[1-9]", ran.output)
    assert [ELSEWHERE[name].check(arguments) for name, *arguments in ran.calls if name in ELSEWHERE and ELSEWHERE[name].check(arguments)] == []
    assert [rack.name for rack in reader.racks.values() if reader.logins().get(rack.host, rack.key) not in rack.accepted_keys] == []


def prepared(reader: Reader, direct: Direct) -> dict[str, Any]:
    """What an example has from elsewhere: variables that it reads, and what was done before."""
    given: dict[str, Any] = {}
    machine = reader.machine
    if "noted_head" in reader.text:
        given["noted_head"] = machine.run("ledger_info", ledger_path=str(machine.home / "srv/convox/ledger.jsonl"))["head"]
    if "kind='instance_key'" in reader.text:
        reader.log_in_to_console()
        assert [direct("instance_keyroll", host=reader.console.host, rack=f"acme/{name}").msg for name in reader.racks] == [None] * len(reader.racks)
    return given


@of_kind("json")
def test_json_is_json(block: Block) -> None:
    """And what it allows or denies in AWS, AWS knows."""
    data = json.loads(block.text)
    for action in data.get("Action", []) if "Effect" in data else []:
        service, dummy, operation = action.partition(":")
        assert operation in botocore.session.get_session().get_service_model(service).operation_names


@of_kind("python")
def test_python_runs(block: Block) -> None:
    exec(compile(block.text, str(block), "exec"), {"boto3": boto3, "requests": requests})  # noqa: S102 (of our own page)


@of_kind("others")
def test_others_files_are_yaml(block: Block) -> None:
    assert block.data
