# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One stand-in for all tests of a worker; for each test a machine of its own, and fresh racks."""
from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, Callable

import pytest

from tests.integration.ansible import SharedPlaybook
from tests.integration.leaks import find_leaks, leaks_in_files
from tests.integration.machine import Machine
from tests.standin import AT_ONCE, RackSpec, Standin

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.integration.direct import Direct
    from tests.standin.console import Console
    from tests.standin.rack import Rack

    NewRack = Callable[..., Rack]

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def convox() -> Iterator[Standin]:
    """A stand-in without racks."""
    with Standin() as standin:
        yield standin


@pytest.fixture
def new_rack(convox: Standin) -> Iterator[NewRack]:
    """Makes racks, which are gone after the test."""
    made: list[Rack] = []

    def make(**values: Any) -> Rack:
        rack = convox.add_rack(RackSpec(**{"name": f"rack{next(_numbers)}", **AT_ONCE, **values}))
        made.append(rack)
        return rack

    yield make
    convox.aws_faults.clear()
    convox.vault.clear()
    for rack in made:
        convox.remove_rack(rack.name)
        convox.console.records[:] = [each for each in convox.console.records if each.hostname != rack.host]


@pytest.fixture
def rack(new_rack: NewRack) -> Rack:
    """A rack of the latest release, with two containers."""
    return new_rack()


@pytest.fixture
def console(convox: Standin) -> Iterator[Console]:
    """The Console; what a test sets there is undone."""
    yield convox.console
    convox.console.faults.clear()
    convox.console.set(challenge=False, hardware_token=False, expired=False, dashboard=True, access="administrator")
    convox.console.forget_sessions()


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharedPlaybook]:
    """The ansible-playbook that runs most tasks."""
    shared = SharedPlaybook(tmp_path_factory.mktemp("ansible"))
    yield shared
    shared.close()


@pytest.fixture
def machine(convox: Standin, new_rack: NewRack, shared: SharedPlaybook, tmp_path: Path) -> Iterator[Machine]:
    """Where Ansible runs. After the test, whatever it did, no secret is outside of the stores and no key is lost.

    Racks (new_rack) are still there then, to be asked.
    """
    machine = Machine(convox, tmp_path, shared)
    before = results_below(shared.inputs)
    try:
        yield machine
        machine.close()
    finally:
        machine.kill()
    assert leaks_in_files(machine) == []
    results = {**results_below(shared.inputs), **results_below(machine.inputs)}
    said = b"".join(content[len(before.get(path, b"")) :] for path, content in results.items())
    assert set(find_leaks(machine, said)) - machine.returned == set()
    assert machine.lost_keys() == set()


def results_below(inputs: Path) -> dict[Path, bytes]:
    """What each task of the plays there returned, its options included: that is what callbacks get, and print at -vvv."""
    return {path: path.read_bytes() for path in inputs.glob("*/results")}


@pytest.fixture
def direct(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> Direct:
    """The modules' work in this process, by a fast clock."""
    # Not at the top: the collection has its public name only when conftest.py has been read.
    from tests.integration.direct import Direct

    return Direct(machine, monkeypatch)
