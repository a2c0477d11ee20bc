# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs of rack_keyroll that meet each other, or that are killed: one key is made, and none is lost."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable

import pytest

from tests.integration.watching import new_keys_of, nothing_changes, wait_until
from tests.standin.journal import fingerprint

if TYPE_CHECKING:
    from tests.integration.conftest import NewRack
    from tests.integration.machine import Machine
    from tests.standin.rack import Rack


def test_two_at_once(machine: Machine, rack: Rack) -> None:
    machine.log_in(rack.host, rack.key)
    rack.fault("never_ends")
    first = machine.begin("rack_keyroll", host=rack.host)
    wait_until(lambda: new_keys_of(rack) != [])
    lock = machine.read_json(machine.config / "locks" / rack.rack_domain)
    with nothing_changes(machine):
        for module in ("rack_keyroll", "instance_keyroll"):
            refused = machine.fail(module, host=rack.host)
            assert f"pid {lock['pid']}, since {lock['since']}" in refused.msg
            assert "nothing was changed" in refused.msg
        # What only looks needs no lock.
        assert machine.run("rack_keyroll", host=rack.host, check_mode=True)["resumed"]
    rack.faults.clear()
    assert first.end()["phase"] == "committed"
    assert rack.accepted_keys == {machine.auth()[rack.host]} == set(new_keys_of(rack))
    assert len(new_keys_of(rack)) == 1


def staged(machine: Machine, rack: Rack) -> bool:
    path = machine.config / "rotations.json"
    return path.exists() and '"pending"' in path.read_text(encoding="utf-8")


MOMENTS: dict[str, tuple[dict[str, Any], Callable[[Machine, Rack], bool]]] = {
    # What happens to the rack's requests or updates, and when the run is killed.
    "staged, and nothing sent": ({"action": "delay", "seconds": 5, "path": "^/instances$"}, staged),
    "sent, and no reply seen": ({"action": "delay", "seconds": 1, "method": "PUT"}, lambda machine, rack: rack.faults.list() == []),
    "the update under way": ({"action": "never_ends"}, lambda machine, rack: new_keys_of(rack) != []),
    "the restart under way": ({"action": "container_never_starts", "times": 20}, lambda machine, rack: len(rack.service.deployments) > 1),
    "being confirmed": ({}, lambda machine, rack: rack.accepted_keys == {rack.key} and new_keys_of(rack) != []),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_killed(machine: Machine, new_rack: NewRack, moment: str) -> None:
    """As by a power cut; the next run finds how far it got, and goes on with the same key."""
    fault, reached = MOMENTS[moment]
    rack = new_rack(restart_seconds=0.1)
    old = rack.key
    if fault:
        rack.fault(**fault)
    first = machine.begin("rack_keyroll", host=rack.host, api_key=old, confirm_period=30)
    wait_until(lambda: reached(machine, rack))
    first.kill()
    assert machine.lost_keys() == set()
    pending = machine.record("rack_api_key", rack.rack_domain)["pending"]["key"]
    rack.faults.clear()

    second = machine.run("rack_keyroll", host=rack.host)
    assert (second["phase"], second["resumed"], second["fingerprint"]) == ("committed", True, fingerprint(pending))
    assert rack.accepted_keys == {pending} == {machine.auth()[rack.host]} == set(new_keys_of(rack))
    assert len(new_keys_of(rack)) == 1
    assert machine.record("rack_api_key", rack.rack_domain)["superseded"] == [old]
