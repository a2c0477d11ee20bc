# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The roles offer what their modules offer, under names that follow one rule."""
from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any
from unittest import mock

import pytest
import yaml

from tests.places import ROOT

MODULES = {
    "login": "convox_login",
    "console_api_key": "console_api_key",
    "rack_api_key": "rack_keyroll",
    "instance_key": "instance_keyroll",
    "audit": "credential_audit",
}
# A key is not handed on by a role; a Console API key belongs to no rack.
NOT_OFFERED = {"return_key"}
NOT_OFFERED_BY = {"console_api_key": {"rack"}}
# The same names mean something else in another module.
OWN = {("login", "state"), ("login", "activate"), ("console_api_key", "state"), ("audit", "racks")}
# What is the role's alone.
ROLE_ONLY = {"instance_key": {"enabled"}, "rack_api_key": {"after_roll", "after_roll_content"}}
# These begin without waiting, wait for a whole batch at once, and commit.
IN_STEPS = ("rack_api_key", "instance_key")


def read(path: str) -> Any:
    return yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))


def options_of(role: str) -> dict[str, Any]:
    """What the role's module takes."""
    module = importlib.import_module(f"ansible_collections.convox.credentials.plugins.modules.{MODULES[role]}")
    with mock.patch.object(module.adapter, "run") as run:
        module.main()
    options: dict[str, Any] = run.call_args.args[1]
    return {name: option for name, option in options.items() if name not in NOT_OFFERED | NOT_OFFERED_BY.get(role, set())}


def tasks_of(role: str) -> list[dict[str, Any]]:
    return [task for path in sorted((ROOT / "roles" / role / "tasks").iterdir()) for task in yaml.safe_load(path.read_text(encoding="utf-8"))]


def arguments_of(role: str) -> dict[str, Any]:
    """What every task of the role's module gives it; of a roll in steps without ``wait``, which each step has of its own."""
    name = f"convox.credentials.{MODULES[role]}"
    first, *others = ({**task.get("args", {}), **task[name]} for task in tasks_of(role) if name in task)
    own = {"wait"} if role in IN_STEPS else set()
    given = {option: value for option, value in first.items() if option not in own}
    assert len(others) == len(own)
    assert all({option: value for option, value in each.items() if option not in own} == given for each in others)
    return given


def test_every_role_is_looked_at() -> None:
    assert {path.name for path in (ROOT / "roles").iterdir()} == set(MODULES)


@pytest.mark.parametrize("role", MODULES)
def test_every_option_is_offered(role: str) -> None:
    for entry_point in read(f"roles/{role}/meta/argument_specs.yml")["argument_specs"].values():
        assert set(entry_point["options"]) == {f"{role}_{name}" for name in set(options_of(role)) | ROLE_ONLY.get(role, set())}
    assert set(arguments_of(role)) | ({"wait"} if role in IN_STEPS else set()) == set(options_of(role))


@pytest.mark.parametrize("role", MODULES)
def test_options_are_what_the_module_takes(role: str) -> None:
    spec = read(f"roles/{role}/meta/argument_specs.yml")["argument_specs"]["main"]["options"]
    for name, option in options_of(role).items():
        offered = spec[f"{role}_{name}"]
        assert offered["description"]
        assert offered["type"] == option["type"], name
        assert bool(offered.get("no_log")) == bool(option.get("no_log")), name
        assert offered.get("choices") == option.get("choices"), name
        assert offered.get("elements") == option.get("elements"), name
        suboptions = option.get("options", {})
        assert set(offered.get("options", ())) == set(suboptions), name
        for suboption, spec_of_it in suboptions.items():
            assert bool(offered["options"][suboption].get("no_log")) == bool(spec_of_it.get("no_log")), (name, suboption)


@pytest.mark.parametrize("role", MODULES)
def test_no_spec_can_print_a_secret(role: str) -> None:
    """Ansible prints a value of a wrong type at -vvv, and the choices and the default of any option (architecture 7)."""
    for entry_point in read(f"roles/{role}/meta/argument_specs.yml")["argument_specs"].values():
        for option in in_all(entry_point["options"]):
            if option.get("no_log"):
                assert option["type"] == "str"
                assert not {"choices", "default", "required"} & set(option)


def in_all(options: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Options and suboptions."""
    for option in options.values():
        yield option
        yield from in_all(option.get("options", {}))


@pytest.mark.parametrize("role", MODULES)
def test_the_role_comes_first_and_the_shared_variable_second(role: str) -> None:
    for name, lines in arguments_of(role).items():
        value = " ".join(lines.split())
        assert f"{role}_{name} | default(" in value
        assert (f"convox_{name} | default(" in value) == ((role, name) not in OWN)
        assert "default(omit" in value


@pytest.mark.parametrize("role", MODULES)
def test_the_result_has_the_name_of_the_role(role: str) -> None:
    named = [name for task in tasks_of(role) for name in (task.get("register"), *task.get("ansible.builtin.set_fact", ()))]
    assert named.count(f"{role}_result") == 1
    assert f"{role}_result" in (ROOT / "roles" / role / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("role", IN_STEPS)
def test_a_batch_is_waited_for_as_a_whole(role: str) -> None:
    """A condition would be the first rack's alone."""
    (task,) = (task for task in tasks_of(role) if "convox.credentials.wait_for_rolls" in task)
    assert task["run_once"] is True
    assert "when" not in task
    assert task["convox.credentials.wait_for_rolls"]["wait_variables"] == [f"{role}_waits"]
    # Host variables are all that the first host's task sees of the others: what the play or the caller says must become one.
    (noted,) = (task["ansible.builtin.set_fact"] for task in tasks_of(role) if f"{role}_waits" in task.get("ansible.builtin.set_fact", {}))
    assert f"{role}_wait | default(convox_wait" in noted[f"{role}_waits"]
