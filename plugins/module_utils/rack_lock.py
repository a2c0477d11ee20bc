# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""One run a rack on this machine, whichever of its credentials is rolled (architecture 4)."""

from __future__ import annotations

import os
import typing as t

from ansible_collections.convox.credentials.plugins.module_utils import files
from ansible_collections.convox.credentials.plugins.module_utils.task import Task


def rack_lock(task: Task, identity: str, label: str) -> t.ContextManager[None]:
    """Raises Held, naming who holds it. The identity is the rack-domain: one rack has several host names."""
    return files.locked(_path(task, identity), label)


def was_rolled_here(task: Task, identity: str) -> bool:
    """Whether a run on this machine has ever had to do with a rack of that domain."""
    return os.path.exists(_path(task, identity))


def _path(task: Task, identity: str) -> str:
    return task.cli.home.file(os.path.join("locks", identity.replace("/", "_")))
