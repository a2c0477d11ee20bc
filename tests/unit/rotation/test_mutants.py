# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the other tests are worth: each breaks over a state machine that is broken in one place."""

from __future__ import annotations

import dataclasses
import random
import types

import pytest

from ansible_collections.convox.credentials.plugins.module_utils import rotation
from tests.unit.rotation import setups
from tests.unit.rotation.exploration import Exploration, TraceError
from tests.unit.rotation.model import Model
from tests.unit.rotation.mutants import MUTANTS, Mutant
from tests.unit.rotation.state import ViolationError
from tests.unit.rotation.witness import Witnessed

RUNS = 10_000
SMALL = [
    dataclasses.replace(setup, crashes=crashes, faults=faults, meddling=meddling, containers=containers, rotations=1)
    for setup, crashes, faults, meddling, containers in (
        (setups.SELF_RESTARTING, 1, 1, 0, 2),
        (setups.BY_API, 1, 0, 0, 2),
        (setups.WITHOUT_PARAMETER, 0, 1, 0, 2),
        (setups.BY_API, 0, 2, 0, 1),
        (setups.WITHOUT_SERVICE, 1, 0, 1, 1),
    )
]
# It is within the rules that a single run can be shown: what is wrong with it is that the world went on meanwhile.
UNSEEN = "restarts on old evidence"


@pytest.mark.parametrize("mutant", [mutant for mutant in MUTANTS if mutant.name != UNSEEN], ids=str)
def test_the_witness_tells(mutant: Mutant) -> None:
    engine = mutant.module()
    with pytest.raises(ViolationError):
        witness(engine)


def witness(engine: types.ModuleType) -> None:
    for seed in range(RUNS):
        Witnessed(engine, random.Random(seed)).go()  # noqa: S311 - chance is no secret here


@pytest.mark.parametrize("mutant", [mutant for mutant in MUTANTS if mutant.explored], ids=str)
def test_an_exploration_tells(mutant: Mutant) -> None:
    engine = mutant.module()
    with pytest.raises(TraceError):
        explore(engine)


def explore(engine: types.ModuleType) -> None:
    for setup in SMALL:
        Exploration(Model(setup, engine)).run()


def test_neither_tells_anything_of_what_is_sound() -> None:
    witness(rotation)
    explore(rotation)
