# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Of which generation a rack is, and which of its keys can be rolled."""
from __future__ import annotations

import pytest

from ansible_collections.convox.credentials.plugins.module_utils import rack_kinds


@pytest.mark.parametrize(
    ("version", "generation"),
    [
        ("20150911205755", "classic"),
        ("20180708231844", "classic"),
        ("20180708231844-dev", "classic"),
        ("20180708231845", "v2"),
        ("20180709000000", "v2"),
        ("20260326150533", "v2"),
        ("20260326150533-test", "v2"),
        ("dev", "v2"),
        ("3.0.1", "v3"),
        ("3.18.2", "v3"),
        ("30180708231844", "v2"),
        ("", ""),
    ],
)
def test_by_the_release(version: str, generation: str) -> None:
    assert rack_kinds.generation(version) == generation


@pytest.mark.parametrize(
    ("generation", "rollable", "word"),
    [("classic", True, "/parameters"), ("v2", True, "PUT /system"), ("v3", False, "terraform"), ("", None, "release")],
)
def test_the_api_key(generation: str, rollable: bool | None, word: str) -> None:
    possible = rack_kinds.api_key(generation)
    assert possible.rollable is rollable
    assert word in possible.reason


@pytest.mark.parametrize(
    ("generation", "provider", "rollable", "word"),
    [
        ("classic", "aws", True, "keyroll"),
        ("v2", "aws", True, "keyroll"),
        ("v2", "", True, "keyroll"),
        ("v3", "aws", True, "key_pair_name"),
        ("v3", "gcp", False, "this one is on gcp"),
        ("v3", "", None, "provider"),
        ("", "aws", None, "release"),
    ],
)
def test_the_instance_key(generation: str, provider: str, rollable: bool | None, word: str) -> None:
    possible = rack_kinds.instance_key(generation, provider)
    assert possible.rollable is rollable
    assert word in possible.reason


def test_reasons_are_one_line() -> None:
    said = [rack_kinds.api_key(each).reason for each in ("classic", "v2", "v3", "")]
    said += [rack_kinds.instance_key(each, provider).reason for each in ("classic", "v2", "v3", "") for provider in ("aws", "do", "")]
    assert [each for each in said if "\n" in each or not each] == []
