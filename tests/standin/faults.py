# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Things that go wrong, on request: each for a while, or for ever, or only after so many calls went well."""

from __future__ import annotations

import re
import threading
from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any, Callable

from .messages import HTML, TEXT, Reply, Request
from .server import Dropped

if TYPE_CHECKING:
    from .life import Life

# What can befall one request.
_REQUEST_ACTIONS = {"status", "html", "drop_before", "drop_after", "delay", "duplicate", "cut", "refuse_all", "error"}
# What can befall something that the rack does by itself, and where it is asked for.
_EVENTS = {
    "rollback": "stack_update",
    "rollback_failed": "stack_update",
    "never_ends": "stack_update",
    "container_never_starts": "container_start",
    "refuse_restart": "restart",
}
PAGE = '<!DOCTYPE html>\n<html><head><title>Convox</title></head><body><div id="app"></div></body></html>\n'


@dataclass
class Fault:
    """One thing that goes wrong."""

    action: str
    method: str | None = None
    path: str | None = None
    body_matches: str | None = None
    signed_for: str | None = None
    times: int | None = 1
    skip: int = 0
    seconds: float = 0.0
    status: int = 500
    body: str = ""
    content_type: str = TEXT
    headers: dict[str, str] = field(default_factory=dict)
    error: str = "AccessDeniedException"
    message: str = ""
    hits: int = 0

    @classmethod
    def of(cls, values: dict[str, Any]) -> Fault:
        """Read one as the control address takes it; `ssm:GetParameter` as an action names an AWS operation."""
        values = dict(values)
        if ":" in str(values.get("action", "")):
            values["path"] = re.escape(values["action"]).replace(r"\*", ".*") + "$"
            values["action"] = values.pop("effect", "error")
            values.setdefault("status", 400)
        unknown = set(values) - {each.name for each in fields(cls)}
        if unknown or values.get("action") not in _REQUEST_ACTIONS | set(_EVENTS):
            raise ValueError(f"no such fault: {values.get('action')!r} {sorted(unknown)}")
        return cls(**values)

    def concerns(self, request: Request, path: str) -> bool:
        """Whether it is meant for this request."""
        return (
            self.action in _REQUEST_ACTIONS
            and self.method in (None, request.method)
            and (self.path is None or re.search(self.path, path) is not None)
            and (self.body_matches is None or re.search(self.body_matches.encode(), request.body) is not None)
            and (self.signed_for is None or self.signed_for in request.headers.get("Authorization", ""))
        )

    @property
    def over(self) -> bool:
        """Whether it has happened as often as it was to."""
        return self.times is not None and self.hits >= self.times


class Faults:
    """The faults of one server, in the order in which they were asked for."""

    def __init__(self, life: Life, refuse: Callable[[float], None] = lambda seconds: None) -> None:
        self._life = life
        self._refuse = refuse
        self._lock = threading.Lock()
        self._faults: list[Fault] = []

    def add(self, **values: Any) -> None:
        """Let something go wrong from now on."""
        fault = Fault.of(values)
        if fault.action == "refuse_all" and (fault.method, fault.path, fault.skip) == (None, None, 0):
            self._refuse(fault.seconds)
            return
        with self._lock:
            self._faults.append(fault)

    def clear(self) -> None:
        """Let everything go well again."""
        with self._lock:
            self._faults.clear()
        self._life.look_again()

    def list(self) -> list[dict[str, Any]]:
        """Those that are still to happen, or going on."""
        with self._lock:
            return [asdict(fault) for fault in self._faults if not fault.over]

    def _take(self, concerned: Callable[[Fault], bool]) -> Fault | None:
        with self._lock:
            for fault in self._faults:
                if not fault.over and concerned(fault):
                    if fault.skip > 0:
                        fault.skip -= 1
                        continue
                    fault.hits += 1
                    return fault
        return None

    def event(self, name: str) -> Fault | None:
        """The fault, if any, for something that the rack is about to do by itself."""
        return self._take(lambda fault: _EVENTS.get(fault.action) == name)

    def holds(self, fault: Fault) -> bool:
        """Whether a fault that was taken has not been cleared since."""
        with self._lock:
            return any(each is fault for each in self._faults)

    def around(
        self, request: Request, path: str, act: Callable[[], Reply], error: Callable[[Fault], Reply] | None = None
    ) -> Reply:
        """Answer a request, or let happen to it what was asked for."""
        fault = self._take(lambda each: each.concerns(request, path))
        if fault is None:
            return act()
        if fault.action == "error" and error is not None:
            return error(fault)
        return self._befall(fault, act)

    def _befall(self, fault: Fault, act: Callable[[], Reply]) -> Reply:
        if fault.action == "html":
            return Reply(200, (fault.body or PAGE).encode(), HTML)
        if fault.action in ("status", "error"):
            return Reply(fault.status, fault.body.encode(), fault.content_type, dict(fault.headers))
        if fault.action == "refuse_all":
            self._refuse(fault.seconds)
            raise Dropped
        if fault.action == "drop_before":
            raise Dropped
        if fault.action == "delay":
            self._life.pause(fault.seconds)
            return act()
        reply = act()
        if fault.action == "drop_after":
            raise Dropped
        if fault.action == "cut":
            reply.cut = True
            return reply
        # "duplicate": something on the way sent the request twice, and the second reply is the one that came through.
        del reply
        return act()
