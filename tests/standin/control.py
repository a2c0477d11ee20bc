# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The control address: plain JSON over HTTP, for whoever is not in this process. See README.md for the verbs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable

from moto.core.exceptions import ServiceException

from .messages import Reply, Request
from .spec import RackSpec
from .truth import rack_truth

if TYPE_CHECKING:
    from .fleet import Standin
    from .rack import Rack

Verb = Callable[["dict[str, Any]"], Any]


class Control:
    """Answers for a stand-in."""

    def __init__(self, standin: Standin) -> None:
        self._standin = standin

    def answer(self, request: Request) -> Reply:
        """Do one thing."""
        verb = self._verb(request.method, request.path.strip("/").split("/"))
        if verb is None:
            return Reply.json({"error": f"no such verb: {request.method} {request.path}"}, 404)
        values = request.json or dict(request.query)
        try:
            result = verb(values)
        except (KeyError, TypeError, ValueError) as error:
            return Reply.json({"error": f"{type(error).__name__}: {error}"}, 400)
        except ServiceException as error:
            return Reply.json({"error": f"{error.code}: {error.message}"}, 409)
        return Reply.json({"ok": True} if result is None else result)

    def _verb(self, method: str, parts: list[str]) -> Verb | None:
        standin = self._standin
        if parts[0] == "racks" and len(parts) > 1:
            rack = standin.racks.get(parts[1])
            if rack is None:
                return None
            return self._rack_verbs(rack).get((method, "/".join(parts[2:])))
        verbs: dict[tuple[str, str], Verb] = {
            ("GET", "truth"): lambda values: standin.truth(int(values["requests"]) if "requests" in values else None),
            ("GET", "addresses"): lambda _values: standin.addresses(),
            ("POST", "racks"): self._add_rack,
            ("POST", "console/settings"): lambda values: standin.console.set(**values),
            ("POST", "console/copies"): lambda values: standin.console.set_copy(values["rack"], values["key"]),
            ("POST", "console/sessions/forget"): lambda _values: standin.console.forget_sessions(),
            ("POST", "console/faults"): lambda values: standin.console.faults.add(**values),
            ("DELETE", "console/faults"): lambda _values: standin.console.faults.clear(),
            ("POST", "aws/faults"): lambda values: standin.aws_faults.add(**values),
            ("DELETE", "aws/faults"): lambda _values: standin.aws_faults.clear(),
            ("DELETE", "faults"): lambda _values: standin.clear_faults(),
        }
        return verbs.get((method, "/".join(parts)))

    def _rack_verbs(self, rack: Rack) -> dict[tuple[str, str], Verb]:
        return {
            ("GET", ""): lambda _values: rack_truth(rack),
            ("DELETE", ""): lambda _values: self._standin.remove_rack(rack.name),
            ("POST", "settings"): lambda values: rack.set(**values),
            ("POST", "password"): lambda values: rack.set_password(values["key"]),
            ("POST", "update"): rack.stack.change,
            ("POST", "dates"): lambda values: rack.set_dates(**values),
            ("POST", "restart"): lambda values: rack.restart(values.get("container")),
            ("POST", "instances/replace"): lambda values: rack.replace_instance(values.get("instance")),
            ("POST", "wait"): lambda values: rack.wait_at_rest(**values),
            ("POST", "faults"): lambda values: rack.faults.add(**values),
            ("DELETE", "faults"): lambda _values: rack.faults.clear(),
        }

    def _add_rack(self, values: dict[str, Any]) -> dict[str, Any]:
        rack = self._standin.add_rack(RackSpec(**values))
        return self._standin.addresses()["racks"][rack.name]
