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
    return files.locked(task.cli.home.file(os.path.join("locks", identity.replace("/", "_"))), label)
