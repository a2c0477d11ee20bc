# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two rotations in a row, and everything that can go wrong in them, without a gap.

The numbers of states are printed, and must not shrink unseen: a model that lost a move proves less. ``EXPLORE_MORE=1``
lets one more thing go wrong everywhere; that takes many minutes and some gigabytes.
"""

from __future__ import annotations

import dataclasses
import os
import typing as t

import pytest

from tests.measured import MEASURED
from tests.unit.rotation import setups
from tests.unit.rotation.exploration import Exploration
from tests.unit.rotation.model import Model
from tests.unit.rotation.state import Setup

MORE = 1 if os.environ.get("EXPLORE_MORE") else 0


@dataclasses.dataclass(frozen=True)
class Case:
    """How much goes wrong: runs that die, other faults, keys that somebody else sets. ``least``: states there are."""

    setup: Setup
    crashes: int
    faults: int
    meddling: int
    least: int

    def __str__(self) -> str:
        return f"{self.setup.name}, {self.crashes} crashes, {self.faults} faults, {self.meddling} meddling"


CASES = (
    Case(setups.BY_API, 2, 0, 0, 5000),
    Case(setups.BY_API, 2, 1, 0, 40000),
    Case(setups.BY_API, 1, 0, 1, 40000),
    Case(setups.WITH_AWS, 2, 0, 0, 5000),
    Case(setups.WITH_AWS, 2, 1, 0, 30000),
    Case(setups.WITH_AWS, 0, 0, 1, 10000),
    Case(setups.WITHOUT_PARAMETER, 1, 1, 0, 20000),
    Case(setups.WITHOUT_PARAMETER, 0, 0, 1, 10000),
    Case(setups.WITHOUT_SERVICE, 1, 1, 0, 15000),
    Case(setups.KEY_LOST, 1, 1, 0, 18000),
    Case(setups.KEY_LOST_BLIND, 0, 0, 1, 15000),
    Case(setups.FALLBACK, 0, 0, 1, 12000),
    Case(setups.SELF_RESTARTING, 2, 2, 0, 10000),
    Case(setups.SELF_RESTARTING, 1, 0, 1, 4500),
    Case(setups.SELF_RESTARTING_AWS, 2, 2, 0, 10000),
    Case(setups.SELF_RESTARTING_AWS, 1, 0, 1, 4500),
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_no_key_is_lost_and_every_rotation_ends(case: Case, record_property: t.Callable[[str, object], None]) -> None:
    setup = dataclasses.replace(case.setup, crashes=case.crashes + MORE, faults=case.faults + MORE, meddling=case.meddling)
    found = Exploration(Model(setup)).run()
    line = f"{case}: {found.states} states, {found.transitions} transitions, {found.fair_states} states without more faults"
    print(line)
    record_property(MEASURED, line)
    assert found.states >= case.least
    assert found.commits > 0
