# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which processes there are, and whose they are, as Linux tells it in /proc (proc(5))."""
from __future__ import annotations

import contextlib
from pathlib import Path


def stat_of(pid: int) -> list[str]:
    """State (Z for one that has ended and waits to be reaped), parent and so on; OSError where there is no such process."""
    # The name, in parentheses before them, may hold anything.
    return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()


def descendants(pid: int) -> list[int]:
    """A process and all that it started, directly or not; itself first."""
    parents: dict[int, int] = {}
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, ValueError, IndexError):
            parents[int(path.name)] = int(stat_of(int(path.name))[1])
    found = [pid]
    for each in found:
        found += [child for child, parent in parents.items() if parent == each]
    return found
