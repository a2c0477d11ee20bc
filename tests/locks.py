# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the processes of one test run take turns at; a lock ends with the process that holds it."""
from __future__ import annotations

import contextlib
import fcntl
from typing import TYPE_CHECKING

from tests.places import CACHE

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def locked(name: str, shared: bool = False) -> Iterator[None]:
    """Hold the lock of that name: alone, or with others that share it."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f"{name}.lock").open("w", encoding="ascii") as file:
        fcntl.flock(file, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
        yield
