# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The demonstration's verdicts: each thing that could be wrong is seen."""
from __future__ import annotations

from typing import Any

import pytest

from tests.demo import checks

OLD, NEW = "o" * 30, "n" * 40


def rack_truth(key: str, pair: str) -> dict[str, Any]:
    return {
        "accepts": [{"key": key, "state": "running"}, {"key": key, "state": "running"}],
        "containers_desired": 2,
        "settled": True,
        "stack_key": key,
        "ssm_key": key,
        "stack_status": "UPDATE_COMPLETE",
        "parameters": {"Password": key, "Key": pair, "Tags": "", "InstanceCount": "2"},
        "key_pair": pair,
        "private_key_of": pair,
        "instances": [{"id": "i-1", "key_name": pair}, {"id": "i-2", "key_name": pair}],
    }


def truth(key: str, pair: str) -> dict[str, Any]:
    return {"console": {"api_key": key, "former_keys": [OLD] if key == NEW else []}, "racks": {"alpha": rack_truth(key, pair)}}


def verdicts(after: dict[str, Any], stored: str = NEW) -> list[bool]:
    before = truth(OLD, "alpha-keypair-1000")
    found = [*checks.console(before, after, stored), *checks.rack("alpha", before, after, stored), *checks.instances("alpha", before, after)]
    return [check.good for check in found]


def test_all_is_well() -> None:
    assert all(verdicts(truth(NEW, "alpha-keypair-2000")))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("console", "api_key"), OLD),
        (("racks", "alpha", "accepts", 1, "key"), OLD),
        (("racks", "alpha", "accepts", 1, "key"), "x" * 40),
        (("racks", "alpha", "accepts"), []),
        (("racks", "alpha", "settled"), False),
        (("racks", "alpha", "stack_key"), "x" * 40),
        (("racks", "alpha", "ssm_key"), OLD),
        (("racks", "alpha", "stack_status"), "UPDATE_ROLLBACK_COMPLETE"),
        (("racks", "alpha", "parameters", "InstanceCount"), "3"),
        (("racks", "alpha", "key_pair"), "alpha-keypair-1000"),
        (("racks", "alpha", "instances", 0, "key_name"), "alpha-keypair-1000"),
        (("racks", "alpha", "instances"), []),
        (("racks", "alpha", "private_key_of"), "alpha-keypair-1000"),
    ],
)
def test_what_is_wrong_is_seen(path: tuple[Any, ...], value: Any) -> None:
    after: Any = truth(NEW, "alpha-keypair-2000")
    place = after
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value
    assert not all(verdicts(after))


def test_another_key_in_the_store_is_seen() -> None:
    assert not all(verdicts(truth(NEW, "alpha-keypair-2000"), stored=OLD))
