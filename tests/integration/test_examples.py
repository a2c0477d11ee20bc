# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The examples that ansible-doc shows: each works, word for word but for what is the reader's own."""
from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.places import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.conftest import NewRack
    from tests.integration.machine import Machine
    from tests.standin.console import Console

# An action's begins with other modules: test_fleet.py plays it as a whole.
ACTIONS = {path.name for path in (ROOT / "plugins" / "action").glob("[a-z]*.py")}
MODULES = sorted(path for path in (ROOT / "plugins" / "modules").glob("[a-z]*.py") if path.name not in ACTIONS)


def examples(module: Path) -> list[dict[str, Any]]:
    """The tasks of a module's EXAMPLES."""
    for node in ast.parse(module.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == "EXAMPLES":
            tasks: list[dict[str, Any]] = yaml.safe_load(ast.literal_eval(node.value))
            return tasks
    return []


def owned(value: Any, own: dict[str, str]) -> Any:
    """An example's value with the reader's own in place of what stands for it."""
    if isinstance(value, dict):
        return {name: owned(each, own) for name, each in value.items()}
    if isinstance(value, list):
        return [owned(each, own) for each in value]
    return own.get(value, value) if isinstance(value, str) else value


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.stem)
def test_each_works(machine: Machine, console: Console, new_rack: NewRack, module: Path) -> None:
    rack = new_rack(console=True, apps=[{"name": "web", "release": "RABCDEFGHI"}])
    file = machine.home / "keys.json"
    machine.stores.add(file)
    ledger = machine.home / "ledger.jsonl"
    own = {
        "rack.example.convox.site": rack.host,
        "{{ convox_host }}": rack.host,
        "{{ rack_api_key }}": rack.key,
        "example": rack.name,
        "acme/production": f"acme/{rack.name}",
        "console.example.com": console.host,
        "{{ console_api_key }}": console.api_key,
        "{{ console_account_password }}": console.password,
        "deploy@example.com": console.email,
        "/srv/keys/convox.json": str(file),
        "/srv/convox/ledger.jsonl": str(ledger),
        "/srv/convox/audit.json": str(machine.home / "audit.json"),
        "/srv/convox/audit-new.json": str(machine.home / "audit-new.json"),
        "/home/*": str(machine.root / "ho*"),
    }
    tasks = examples(module)
    assert len(tasks) >= 2
    machine.log_in(rack.host, rack.key)
    if module.stem == "ledger_info":
        machine.run("rack_keyroll", host=rack.host, ledger_path=str(ledger))
        own["{{ noted_head }}"] = machine.run("ledger_info", ledger_path=str(ledger))["head"]
    if module.stem in ("credential_audit", "instance_keyroll"):
        # Where a host is named, the variable does not count.
        machine.log_in(console.host, console.api_key)
    machine.environment = {"CONVOX_HOST": console.host, "CONVOX_PASSWORD": console.api_key}
    for task in tasks:
        # What a task hides is looked at here all the same.
        (name,) = set(task) - {"name", "register", "no_log"}
        if name.startswith("ansible.builtin."):
            assert not machine.done(task).failed, task["name"]
            continue
        assert name == f"convox.credentials.{module.stem}"
        options = owned(task[name] or {}, own)
        assert not any(word in str(options) for word in ("{{", "convox.site", "/srv/", "console.example"))
        keywords = {"register": task["register"]} if "register" in task else {}
        assert "changed" in machine.run(module.stem, **options, **keywords).data, task["name"]
    if module.stem == "rack_keyroll":
        assert rack.accepted_keys == {machine.auth()[rack.host]}
