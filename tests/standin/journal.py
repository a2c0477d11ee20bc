# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was asked of the stand-in, without any key."""

from __future__ import annotations

import collections
import datetime
import hashlib
import threading
from typing import TYPE_CHECKING, Any, Callable

if TYPE_CHECKING:
    from .messages import Reply, Request

_KEPT = 50_000


def now() -> datetime.datetime:
    """The present time, with its zone."""
    return datetime.datetime.now(datetime.timezone.utc)


def fingerprint(key: str) -> str | None:
    """The first 12 hex digits of a key's SHA-256."""
    return hashlib.sha256(key.encode()).hexdigest()[:12] if key else None


class Journal:
    """The requests, oldest first; the oldest are forgotten. ``total``: how many there were."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: collections.deque[dict[str, Any]] = collections.deque(maxlen=_KEPT)
        self.total = 0

    def watch(self, server: str, request: Request, act: Callable[[], Reply], **more: str | None) -> Reply:
        """Note one request and what came of it; the status is None when there was no reply."""
        status = None
        try:
            reply = act()
            status = reply.status
            return reply
        finally:
            self._note(server, request, status, **more)

    def _note(
        self, server: str, request: Request, status: int | None, container: str | None = None, path: str | None = None
    ) -> None:
        user, password = request.basic
        entry = {
            "at": now().isoformat(),
            "server": server,
            "method": request.method,
            "path": path or request.path,
            # With these, all that a server's own access log would have.
            "target": request.target,
            "agent": request.headers.get("User-Agent"),
            "status": status,
            # At Console: the rack that it was asked about.
            "rack": request.headers.get("Rack"),
            "user": user or None,
            "key_fingerprint": fingerprint(password),
            "container": container,
        }
        with self._lock:
            self._entries.append(entry)
            self.total += 1

    def entries(self, latest: int | None = None) -> list[dict[str, Any]]:
        """All that is still known, or so many, the latest."""
        with self._lock:
            entries = list(self._entries)
        return entries if latest is None else entries[len(entries) - min(latest, len(entries)) :]
