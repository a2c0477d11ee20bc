# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fixed sample of ``make chaos``, and what that is worth: it tells each way in which the collection could be broken."""
from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.chaos.cases import case_of
from tests.chaos.mutants import MUTANTS, Mutant
from tests.chaos.workers import Workers

if TYPE_CHECKING:
    from collections.abc import Iterator

SAMPLE = (
    "matrix: by ECS: SIGKILL, after rename rotations.json#1",
    "matrix: by ECS: power cut, after sync the directory#3",
    "matrix: by ECS: reply dropped after it acted, before PUT /system#0",
    "matrix: by ECS: AWS: reply dropped after it acted, before ecs:UpdateService#0",
    "matrix: by ECS: AWS: ExpiredToken, before ssm:GetParameter#1",
    "matrix: by ECS: somebody else rolls the key, after PUT /system#0",
    "matrix: by ECS: disk full, before rename auth#0",
    "matrix: by ECS: clock jumps a day back, after rename rotations.json#1",
    "matrix: by ECS: UPDATE_ROLLBACK_FAILED",
    "matrix: by ECS: update never ends",
    "matrix: without AWS: SIGKILL, after PUT /system/jwt/rotate#0",
    "matrix: without AWS: request duplicated, before PUT /system#0",
    "matrix: without AWS: status 503, before PUT /system/jwt/rotate#0",
    "matrix: without AWS: a container dies, after PUT /system#0",
    "matrix: without AWS: a second container never comes up",
    "matrix: Console API key: SIGKILL, after POST /graphql#1",
    "matrix: Console API key: reply dropped after it acted, before POST /graphql#1",
    "matrix: by ECS: power cut, before sync ledger.jsonl#0",
    "matrix: Secrets Manager: AWS: reply dropped after it acted, before secretsmanager:PutSecretValue#1",
    "matrix: Secrets Manager: SIGKILL, after secretsmanager:UpdateSecretVersionStage#1",
    "matrix: instance key: SIGKILL, after POST /instances/keyroll#0",
    "matrix: instance key: update rolls back",
    "matrix: instance key of v3, through its Console: SIGKILL, after POST /instances/keyroll#0",
    "matrix: instance key of v3, through its Console: power cut, after rename rotations.json#2",
    "matrix: instance key of v3, through its Console: reply dropped after it acted, before POST /instances/keyroll#0",
    "matrix: instance key of v3, through its Console: reply dropped after it acted, before PUT /racks/org/name#0",
    "matrix: instance key of v3, through its Console: disk full for good, before create rotations.json#2",
    "matrix: instance key of v3, through its Console: update rolls back",
    "matrix: through its Console, record renewed: SIGKILL, after POST /graphql#7",
    "matrix: through its Console, record renewed: reply dropped after it acted, before POST /graphql#10",
    "matrix: through its Console, record renewed: SIGKILL, after POST /graphql#10",
    "matrix: through its Console, record renewed: Console takes hold of the rack, before request to Console#12",
    "sample:playbook:3",
    *(f"sample:{number}" for number in range(10)),
)


@pytest.fixture(scope="module")
def workers() -> Iterator[Workers]:
    with Workers() as workers:
        yield workers


@pytest.mark.parametrize("name", SAMPLE, ids=str)
def test_nothing_is_lost(workers: Workers, name: str) -> None:
    (played,) = workers.play([case_of(name)])
    assert played.findings.found == []
    assert name.startswith("sample:") or played.fired, "the fault did not happen"


@pytest.mark.parametrize("mutant", MUTANTS, ids=str)
def test_what_is_broken_shows(workers: Workers, mutant: Mutant) -> None:
    """And what is not broken does not, in the same case."""
    (sound,) = workers.play([next(mutant.cases())])
    assert sound.findings.found == []
    assert any(mutant.count in dict(played.findings.found) for played in workers.play(mutant.cases(), mutant.name))
