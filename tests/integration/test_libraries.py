# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Without a library: what needs it names it, and the rest works."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable

import pytest

from tests.integration.watching import nothing_changes

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.machine import Machine
    from tests.standin.console import Console
    from tests.standin.rack import Rack

Without = Callable[[str], "Path"]


@pytest.fixture
def without(machine: Machine, tmp_path: Path) -> Without:
    """Has Python not find a library. Returns the file that is there once it was looked for."""

    def hide(name: str) -> Path:
        hidden, looked_for = tmp_path / "hidden", machine.inputs / f"{name} was looked for"
        hidden.mkdir()
        (hidden / f"{name}.py").write_text(
            f"open({str(looked_for)!r}, 'w').close()\nraise ModuleNotFoundError('none of that name', name={name!r})\n", encoding="utf-8"
        )
        machine.environment["PYTHONPATH"] = str(hidden)
        return looked_for

    return hide


@pytest.mark.parametrize("module", ["convox_login", "console_api_key", "rack_keyroll", "instance_keyroll"])
def test_requests_is_needed_always(machine: Machine, rack: Rack, without: Without, module: str) -> None:
    without("requests")
    more: dict[str, Any] = {"email": "me@example.com"} if module == "console_api_key" else {}
    refused = machine.fail(module, host=rack.host, api_key=rack.key, **more)
    assert "(requests)" in refused.msg


def test_boto3_only_where_aws_is_wanted(machine: Machine, rack: Rack, without: Without) -> None:
    without("boto3")
    machine.log_in(rack.host, rack.key)
    with nothing_changes(machine, locks=False):
        for wish in ({"method": "cloudformation"}, {"activate": "ecs"}, {"region": rack.region}):
            assert "(boto3)" in machine.fail("rack_keyroll", host=rack.host, **wish).msg
        assert "(boto3)" in machine.fail("instance_keyroll", host=rack.host, prune=True).msg
        assert machine.run("rack_keyroll", host=rack.host, check_mode=True).changed


def test_boto3_is_left_alone_by_what_needs_no_aws(machine: Machine, rack: Rack, console: Console, without: Without) -> None:
    """Loading it takes longer than a rack takes to answer. There are AWS credentials all the while."""
    machine.log_in(rack.host, rack.key)
    machine.run("rack_keyroll", host=rack.host)
    looked_for = without("boto3")
    account = {"email": console.email, "account_password": console.password}
    machine.typed.add(console.password)
    assert not machine.run("convox_login", host=rack.host, activate=False).changed
    assert not machine.run("rack_keyroll", host=rack.host, max_age="90d").changed
    machine.run("rack_info", host=rack.host)
    machine.run("app_promote", host=rack.host)
    machine.run("ledger_info")
    machine.run("console_api_key", host=console.host, api_key=console.api_key, state="valid", **account)
    machine.run("credential_audit")
    assert not looked_for.exists()
    machine.run("rack_keyroll", host=rack.host, check_mode=True)
    assert looked_for.exists(), "else nothing of this could fail"
