# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""With nothing but a Console's key and the rack's name there: every module that asks a rack, and what a Console may say to it."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.watching import asked, nothing_changes
from tests.places import ROOT
from tests.standin.journal import fingerprint

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.integration.conftest import NewRack
    from tests.integration.machine import Machine
    from tests.standin.console import Console
    from tests.standin.rack import Rack

# Each with what it needs; and those that ask for no rack by its name at a Console.
MODULES: dict[str, dict[str, Any]] = {
    "app_promote": {},
    "convox_login": {},
    "instance_keyroll": {},
    "rack_access": {"return_key": True},
    "rack_info": {},
    "rack_keyroll": {"console_sync": "none"},
}
OTHERS = {"console_api_key", "credential_audit", "ledger_info", "wait_for_rolls"}
# What a deploy key must not do is refused by the Console, not by the module.
READING, OF_APPS = {"convox_login", "rack_info"}, {"app_promote"}
DEPLOY_KEY = "Deploy1" * 5


@pytest.fixture
def held(new_rack: NewRack) -> Rack:
    return new_rack(console=True, instances=1, apps=[{"name": "web", "release": "RABCDEFGHI", "parameters": {"RackUrl": "Yes"}}])


@pytest.fixture
def deploy_key(console: Console) -> Iterator[str]:
    console.spec.deploy_keys = (DEPLOY_KEY,)
    yield DEPLOY_KEY
    console.spec.deploy_keys = ()


def test_no_module_is_left_out() -> None:
    assert {path.stem for path in (ROOT / "plugins" / "modules").glob("[a-z]*.py")} == {*MODULES, *OTHERS}


def options(module: str, console: Console, rack: Rack) -> dict[str, Any]:
    return {"host": console.host, "rack": f"acme/{rack.name}", **MODULES[module]}


@pytest.mark.parametrize("module", MODULES)
def test_a_session_is_opened_and_kept(machine: Machine, held: Rack, console: Console, module: str) -> None:
    """The challenge is answered once, and the rack's own key is known to nobody here."""
    console.set(challenge=True)
    machine.log_in(console.host, console.api_key)
    machine.unknowable.add(held.key)
    before = len(asked(machine.convox, "console", "POST", "/session"))
    result = machine.run(module, **options(module, console, held))
    assert result["host"] == console.host
    if module == "rack_access":
        machine.returned.add(result["rack_url"].partition("jwt:")[2].partition("@")[0])
    assert machine.read_json(machine.config / "session") == {console.host: next(iter(console.sessions))}
    assert len(asked(machine.convox, "console", "POST", "/session")) == before + 1
    # As the CLI does, so that the Console passes it on.
    through = [each for each in asked(machine.convox, "console") if each["rack"] == f"acme/{held.name}"]
    assert through
    assert all(each["agent"].startswith("convox.go/") for each in through)


def test_a_key_that_was_rolled_into_a_secret(machine: Machine, held: Rack, console: Console) -> None:
    """The one that a job was given is dead since: the account's own is in the store, and is found by its email."""
    machine.environment = {"AWS_DEFAULT_REGION": "us-east-1"}
    old, given = console.api_key, {"stores": [{"type": "aws_secretsmanager"}], "email": console.email, "api_key": console.api_key}
    machine.unknowable.add(held.key)
    machine.run("console_api_key", host=console.host, account_password=console.password, **given)
    assert console.api_key != old
    done = machine.run("rack_keyroll", **given, **options("rack_keyroll", console, held))
    assert (done["phase"], done["rack"]) == ("committed", held.name)
    assert f"the key {fingerprint(old)} from api_key is refused" in done.warnings
    assert not (machine.config / "auth").exists()


@pytest.mark.parametrize("module", MODULES)
def test_a_deploy_key(machine: Machine, held: Rack, console: Console, deploy_key: str, module: str) -> None:
    machine.typed.add(deploy_key)
    machine.unknowable.add(held.key)
    # With AWS a key can be rolled all the same.
    machine.aws = False
    given = {**options(module, console, held), "api_key": deploy_key}
    if module in READING | OF_APPS:
        assert not machine.run(module, **given).failed
        assert held.carried_keys() == {"web": held.key}
        return
    refused = machine.fail(module, **given)
    assert "you are unauthorized to access this" in refused.msg
    assert (len(held.stack.keys_seen), held.key_pairs(), held.service.restarts) == (1, [], 0)


@pytest.mark.parametrize("module", MODULES)
def test_what_a_console_may_say(machine: Machine, held: Rack, console: Console, module: str) -> None:
    """An expired key, a page in place of an answer, and a name that only begins like a rack's."""
    given = {**options(module, console, held), "api_key": console.api_key}
    with nothing_changes(machine, locks=False):
        assert "rack not found" in machine.fail(module, **{**given, "rack": f"acme/{held.name[:-1]}"}).msg
        console.fault("html", times=None)
        assert "answered a web page" in machine.fail(module, **given).msg
        console.faults.clear()
        console.set(expired=True)
        assert "the Console API key is expired; roll it with rotate_console_api_key" in machine.fail(module, **given).msg
