# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lookup, and with it every hook, asks by the rack-domain, whatever name the rack was reached by."""
from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.integration.test_consumers import look_up

if TYPE_CHECKING:
    from tests.integration.machine import Machine
    from tests.standin.rack import Rack


@pytest.mark.parametrize("logged_in", [True, False], ids=["logged in", "by api_key"])
def test_a_rack_that_is_reached_by_an_alias(machine: Machine, rack: Rack, logged_in: bool) -> None:
    # A lookup works in ansible-playbook itself, whose environment has to be this machine's.
    machine.verbosity = 3
    alias = rack.host.replace("127.0.0.1", "localhost")
    if logged_in:
        machine.log_in(alias, rack.key)
    rolled = machine.run("rack_keyroll", host=alias, **({} if logged_in else {"api_key": rack.key}))
    assert machine.auth() == {alias: rack.key}, "one copy is enough"
    assert rolled["rack_domain"] == rack.host != alias
    for name in (rack.host, alias):
        key = f"lookup('convox.credentials.api_key', '{name}', fingerprint='{rolled['fingerprint']}')"
        assert not look_up(machine, f"({key}) | length > 0").failed
