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
    from tests.standin.rack import Rack

Without = Callable[[str], None]


@pytest.fixture
def without(machine: Machine, tmp_path: Path) -> Without:
    """Has Python not find a library."""

    def hide(name: str) -> None:
        hidden = tmp_path / "hidden"
        hidden.mkdir()
        (hidden / f"{name}.py").write_text(f"raise ModuleNotFoundError('none of that name', name={name!r})\n", encoding="utf-8")
        machine.environment["PYTHONPATH"] = str(hidden)

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
