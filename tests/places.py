# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where things are: the checkout, what the tools keep in it, and the collection under its public name."""
from __future__ import annotations

import atexit
import hashlib
import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / ".cache"
COLLECTIONS = CACHE / "collections"


def link_collection() -> None:
    """Make this checkout, whatever its folder is called, importable as ansible_collections.convox.credentials."""
    link = COLLECTIONS / "ansible_collections" / "convox" / "credentials"
    link.parent.mkdir(parents=True, exist_ok=True)
    if link.is_symlink() and link.resolve() == ROOT:
        return
    # Several workers may come here at once: each makes its own link and moves it into place, which is atomic.
    mine = link.with_name(f".credentials.{os.getpid()}")
    mine.symlink_to(ROOT, target_is_directory=True)
    mine.replace(link)


def short_way(place: Path) -> Path:
    """To a directory, by a name that leaves room for a socket in it, whose path can't be longer than 107 bytes (unix(7)).

    ansible-core 2.21 has one in TMPDIR. It is gone with this process.
    """
    way = CACHE / "tmp" / f"cx{hashlib.sha256(str(place).encode()).hexdigest()[:10]}"
    owner = os.getpid()

    def remove() -> None:
        if os.getpid() == owner:
            way.unlink(missing_ok=True)

    if not way.is_symlink():
        way.parent.mkdir(parents=True, exist_ok=True)
        way.symlink_to(place, target_is_directory=True)
        atexit.register(remove)
    return way


if __name__ == "__main__":
    link_collection()
