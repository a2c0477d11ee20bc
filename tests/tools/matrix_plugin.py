# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""For pytest, in each run of the matrix: tests that bring an ansible-core of their own would be the same in all of them."""
from __future__ import annotations

from typing import TYPE_CHECKING

from tests.tools.cores import PYTHONS

if TYPE_CHECKING:
    import pytest


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave these out."""
    own = [item for item in items if getattr(getattr(item, "callspec", None), "params", {}).get("core") in PYTHONS]
    if own:
        config.hook.pytest_deselected(items=own)
        items[:] = [item for item in items if item not in own]
