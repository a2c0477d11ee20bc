# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kinds of rack and of caller that the tests are about; how much goes wrong is each test's to say."""

from __future__ import annotations

import dataclasses

from ansible_collections.convox.credentials.plugins.module_utils.rotation import Plan
from ansible_collections.convox.credentials.plugins.module_utils.ways import CLOUDFORMATION, ECS, SIGNING_KEY, STACK
from tests.unit.rotation import state
from tests.unit.rotation.state import Setup
from tests.unit.rotation.steps import LATE

EVERYTHING = frozenset([state.STACK, state.SERVICE, state.PARAMETER])


def plans(*means: str, rounds: int = 2, fallback: bool = False) -> tuple[Plan, ...]:
    """A run that waits, one that does not, and one that is not to activate, which an old release does not heed."""
    waits = Plan(means, rounds=rounds, period=0.0, deadline=LATE, fallback=fallback)
    others = (dataclasses.replace(waits, wait=False), dataclasses.replace(waits, means=()))
    return (waits, *others[: 1 if means == (STACK,) else 2])


BY_API = Setup("by the API alone", plans(SIGNING_KEY))
WITH_AWS = Setup("with AWS", plans(ECS, SIGNING_KEY), sees=EVERYTHING)
# The SSM parameter can't be read.
WITHOUT_PARAMETER = Setup("without the parameter", plans(ECS, SIGNING_KEY), sees=frozenset([state.STACK, state.SERVICE]))
# ECS can't be asked.
WITHOUT_SERVICE = Setup("without the service", plans(SIGNING_KEY), sees=frozenset([state.STACK, state.PARAMETER]))
KEY_LOST = Setup("the key is lost", plans(ECS), method=CLOUDFORMATION, sees=EVERYTHING, old_known=False)
KEY_LOST_BLIND = dataclasses.replace(KEY_LOST, name="the key is lost, and not in SSM", sees=WITHOUT_PARAMETER.sees)
FALLBACK = Setup("method auto", plans(ECS, SIGNING_KEY, fallback=True), sees=EVERYTHING)
SELF_RESTARTING = Setup("an old release", plans(STACK), self_restarting=True)
SELF_RESTARTING_AWS = Setup("an old release with AWS", plans(STACK), self_restarting=True, sees=WITHOUT_PARAMETER.sees)

ALL = (
    BY_API, WITH_AWS, WITHOUT_PARAMETER, WITHOUT_SERVICE, KEY_LOST, KEY_LOST_BLIND, FALLBACK, SELF_RESTARTING, SELF_RESTARTING_AWS,
)  # fmt: skip
