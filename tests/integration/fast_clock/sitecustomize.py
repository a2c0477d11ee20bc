# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Python reads this first where PYTHONPATH names its folder: the collection's waits go by a clock that runs fast, everybody else's by the real one."""
from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import SupportsIndex

SPEED = 30
_OURS = "ansible_collections.convox.credentials.plugins.module_utils.times"
_sleep, _monotonic = time.sleep, time.monotonic


def _speed() -> int:
    """Of whoever asks."""
    return SPEED if sys._getframe(2).f_globals.get("__name__") == _OURS else 1


def sleep(seconds: float | SupportsIndex) -> None:
    _sleep(float(seconds) / _speed())


def monotonic() -> float:
    return _monotonic() * _speed()


time.sleep, time.monotonic = sleep, monotonic
