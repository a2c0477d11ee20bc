# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""boto3's clients of one process. Apart from what is asked with them, which tasks without AWS do not load."""

from __future__ import annotations

import threading
import typing as t


class Clients:
    """boto3's sessions and clients, each made once: that takes longer than most requests. Threads may share them."""

    def __init__(self) -> None:
        self._made: dict[t.Hashable, t.Any] = {}
        self._lock = threading.RLock()

    def get(self, key: t.Hashable, make: t.Callable[[], t.Any]) -> t.Any:
        with self._lock:
            if key not in self._made:
                self._made[key] = make()
            return self._made[key]
