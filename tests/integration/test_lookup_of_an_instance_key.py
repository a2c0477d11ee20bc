# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lookup api_key with kind instance_key: the private key of a v3 rack, out of the stores and nowhere else."""
from __future__ import annotations

import stat
from typing import TYPE_CHECKING

import pytest

from tests.integration.test_consumers import look_up
from tests.integration.test_examples import examples
from tests.integration.watching import nothing_changes
from tests.places import ROOT

if TYPE_CHECKING:
    from tests.integration.conftest import NewRack
    from tests.integration.direct import Direct
    from tests.integration.machine import Machine
    from tests.standin.console import Console
    from tests.standin.rack import Rack


@pytest.fixture
def own_play(machine: Machine) -> Machine:
    """A lookup works in ansible-playbook itself, whose environment has to be this machine's; and at -vvv it shows what it can."""
    machine.verbosity = 3
    return machine


@pytest.fixture
def managed(machine: Machine, new_rack: NewRack, console: Console) -> Rack:
    """A v3 rack that Console runs Terraform for, and a machine that is logged in there."""
    machine.log_in(console.host, console.api_key)
    return new_rack(version="3.18.2", console=True, uninstallable=True, instances=2, key_pair="people-s-own", terminated_seconds=0)


def asking(rack: Rack, more: str = "") -> str:
    return f"lookup('convox.credentials.api_key', '{rack.rack_domain}', kind='instance_key'{more})"


def is_it(machine: Machine, asking: str, private_key: str) -> bool:
    """Whether that is what it returns, to the byte."""
    (machine.inputs / "key").write_text(private_key, encoding="utf-8")
    return not look_up(machine, f"{asking} == lookup('ansible.builtin.file', '{machine.inputs / 'key'}', rstrip=False)").failed


def says(machine: Machine, rack: Rack) -> str:
    """Why there is none."""
    with nothing_changes(machine):
        told = machine.done({"name": "look", "ansible.builtin.debug": {"msg": "{{ " + asking(rack) + " }}"}})
    assert told.failed
    assert "\n" not in told.msg
    return told.msg


def test_the_example_writes_it_to_a_file(own_play: Machine, direct: Direct, managed: Rack, console: Console) -> None:
    """To the byte as the rack told it, and readable by its owner alone; nothing shows it (the machine looks)."""
    machine = own_play
    done = direct("instance_keyroll", host=console.host, rack=f"acme/{managed.name}", region=managed.region)
    (example,) = [task for task in examples(ROOT / "plugins" / "lookup" / "api_key.py") if "ansible.builtin.copy" in task]
    place = machine.home / "production.pem"
    machine.stores.add(place)
    given = example["ansible.builtin.copy"]
    content = given["content"].replace("rack.example.convox.site", managed.rack_domain)
    task = {**example, "ansible.builtin.copy": {**given, "content": content, "dest": str(place)}, "diff": example["diff"]}
    assert machine.done(task).changed
    assert place.read_text(encoding="utf-8") == managed.private_keys_told[done["key_name"]]
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    assert not machine.done(task).changed
    # What the machine looks through after a test are stores' files, which are JSON.
    machine.stores.clear()
    place.unlink()


def test_by_whatever_store_and_name(own_play: Machine, direct: Direct, managed: Rack, console: Console) -> None:
    machine = own_play
    given = {"host": console.host, "rack": f"acme/{managed.name}", "region": managed.region}
    direct("instance_keyroll", stores=[{"type": "aws_secretsmanager"}], **given)
    stores = f", stores=[{{'type': 'aws_secretsmanager'}}], region='{managed.region}', endpoint_url='{machine.convox.aws_url}'"
    (private_key,) = managed.private_keys_told.values()
    assert is_it(machine, asking(managed, stores), private_key)
    assert "no private key is known for it in cli" in says(machine, managed), "no other store was named"


def test_while_another_is_under_way_it_is_the_one_in_force(own_play: Machine, direct: Direct, managed: Rack, console: Console) -> None:
    machine = own_play
    given = {"host": console.host, "rack": f"acme/{managed.name}", "region": managed.region}
    console.fault("drop_before", method="PUT", times=None)
    assert direct("instance_keyroll", **given).msg
    (first,) = managed.private_keys_told
    assert f"its first pair here, {first}, is not in force yet: run instance_keyroll again" in says(machine, managed)
    console.faults.clear()
    assert direct("instance_keyroll", **given)["key_name"] == first
    console.fault("drop_before", method="PUT", times=None)
    assert direct("instance_keyroll", speed=10, **given).msg
    assert len(managed.private_keys_told) == 2
    assert is_it(machine, asking(managed), managed.private_keys_told[first])


def test_where_the_rack_keeps_it_or_nobody_does(own_play: Machine, direct: Direct, rack: Rack) -> None:
    """The rack's API key, which the CLI's files have, is never taken for it."""
    machine = own_play
    machine.log_in(rack.host, rack.key)
    assert "racks before v3 keep it themselves, and `convox instances ssh` uses it" in says(machine, rack)
    done = direct("instance_keyroll", host=rack.host)
    assert f"the rack itself keeps the private key of {done['key_name']}" in says(machine, rack)
