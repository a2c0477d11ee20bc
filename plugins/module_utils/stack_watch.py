# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""Whether a rack's stack is at rest, asked of AWS where that is possible, else of the rack or its Console (3.1)."""

from __future__ import annotations

import typing as t

from ansible_collections.convox.credentials.plugins.module_utils.aws import RackResources
from ansible_collections.convox.credentials.plugins.module_utils.errors import ConvoxError, RequestFailed
from ansible_collections.convox.credentials.plugins.module_utils.rotation import BUSY, REST, STUCK
from ansible_collections.convox.credentials.plugins.module_utils.times import Clock

# A rack's word is up to 5 s old, and it says ``running`` before it says ``updating`` (architecture 4, Apply).
SETTLING_S = 10.0
QUIET_S = 10.0
POLL_S = 3.0

_AWS_AT_REST = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE")


class StackWatch:
    """``status``: the last word heard, for messages. ``rolled_back``: the last update was, as far as can be told."""

    def __init__(self, aws: RackResources | None, ask_status: t.Callable[[], str], clock: Clock) -> None:
        self._aws = aws
        self._ask_status = ask_status
        self._clock = clock
        self._written: float | None = None
        self._running_since: float | None = None
        self.status = "unknown"
        self.rolled_back = False

    def wrote(self) -> None:
        """A change was sent, or may have been: what the rack says next may be older than that."""
        self._written = self._clock.now()
        self._running_since = None
        self.rolled_back = False

    def look(self) -> str:
        """REST, BUSY or STUCK. A rack that can't be asked is busy: it is being restarted, or will be asked again."""
        return self._by_aws(self._aws) if self._aws is not None else self._by_rack()

    def await_rest(self, label: str, deadline: float, wait: bool, dry: bool = False) -> None:
        """Look until the stack is at rest. Raises where it is stuck, or busy for too long; ``dry``: only where stuck."""
        while True:
            state = self.look()
            if state == STUCK:
                raise ConvoxError(f"{label}: its stack is stuck ({self.status}): nothing was changed; continue or mend that update in CloudFormation first")
            if state == REST or dry:
                return
            if not wait or self._clock.now() >= deadline:
                raise ConvoxError(f"{label}: its stack is busy ({self.status}): nothing was changed; run again when that is done", needs_wait=True)
            self._clock.sleep(POLL_S)

    def _by_aws(self, aws: RackResources) -> str:
        try:
            self.status = aws.stack().status
        except RequestFailed as exc:
            self.status = str(exc)
            return BUSY
        self.rolled_back = self.status == "UPDATE_ROLLBACK_COMPLETE"
        if self.status in _AWS_AT_REST:
            return REST
        return BUSY if self.status.endswith("_IN_PROGRESS") else STUCK

    def _by_rack(self) -> str:
        now = self._clock.now()
        try:
            self.status = self._ask_status()
        except RequestFailed as exc:
            self.status = str(exc)
        if self.status == "rollback":
            self.rolled_back = True
        if self.status != "running":
            self._running_since = None
            return STUCK if self.status == "failed" else BUSY
        if self._written is None:
            return REST
        if now - self._written < SETTLING_S:
            return BUSY
        if self._running_since is None:
            self._running_since = now
        return REST if now - self._running_since >= QUIET_S else BUSY
