# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""For pytest, in each run of the matrix: what would be the same in all of them is left out, and what a pair can't run is skipped."""
from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.tools.cores import PYTHONS


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out tests that bring an ansible-core of their own; skip those by awx.awx where Ansible's package has it no more."""
    own = [item for item in items if getattr(getattr(item, "callspec", None), "params", {}).get("core") in PYTHONS]
    if own:
        config.hook.pytest_deselected(items=own)
        items[:] = [item for item in items if item not in own]
    if not any(Path(each, "ansible_collections", "awx", "awx").is_dir() for each in sys.path):
        for item in items:
            if item.get_closest_marker("awx_collection"):
                item.add_marker(pytest.mark.skip(reason="this pair's Ansible package has no awx.awx (from 14 on)"))
