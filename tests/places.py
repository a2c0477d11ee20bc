# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where things are: the checkout, what the tools keep in it, and the collection under its public name."""
from __future__ import annotations

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


if __name__ == "__main__":
    link_collection()
