# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can stand where a file is to be: no program can read or write it, and none may wait for it or go round in it."""
from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

OBSTACLES: dict[str, Callable[[Path], object]] = {
    "a directory": lambda path: path.mkdir(mode=0o700),
    "a pipe": os.mkfifo,
    "a link to itself": lambda path: path.symlink_to(path),
}
