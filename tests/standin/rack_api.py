# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rack's API, v2, to the letter of convox-protocol.md, 3, and of the recorded exchanges."""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING, Any, Callable
from urllib.parse import parse_qsl

from moto.core.exceptions import ServiceException

from . import tokens
from .messages import TEXT, Reply, Request
from .spec import CLASSIC, TOKENS_SINCE, V3
from .stack import MASK

if TYPE_CHECKING:
    from .containers import Container
    from .rack import Rack

Handler = Callable[[Request, "Container"], Reply]

OK = "ok\n"
REFUSED = "invalid authentication"
UNAUTHORIZED = "you are unauthorized to access this"
_READING = ("GET", "HEAD")
_TERSE = ("domain", "name", "provider", "status", "version")

# A stack's status in the rack's words (3.1). UPDATE_ROLLBACK_COMPLETE is "running": that is the trap.
STATUS = {
    "CREATE_IN_PROGRESS": "creating",
    "CREATE_COMPLETE": "running",
    "DELETE_FAILED": "running",
    "ROLLBACK_COMPLETE": "failed",
    "UPDATE_COMPLETE": "running",
    "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS": "updating",
    "UPDATE_IN_PROGRESS": "updating",
    "UPDATE_ROLLBACK_COMPLETE": "running",
    "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS": "rollback",
    "UPDATE_ROLLBACK_FAILED": "failed",
    "UPDATE_ROLLBACK_IN_PROGRESS": "rollback",
}


class RackApi:
    """Answers for one rack; which keys are good depends on the container that is asked."""

    def __init__(self, rack: Rack) -> None:
        self._rack = rack
        self._routes: dict[tuple[str, str], Handler] = {
            ("GET", "/auth"): lambda request, container: Reply.text(OK),
            ("GET", "/system"): self._system,
            ("PUT", "/system"): self._update,
            ("PUT", "/system/jwt/rotate"): self._rotate,
            ("POST", "/system/jwt/token"): self._token,
            ("GET", "/instances"): self._instances,
            ("POST", "/instances/keyroll"): self._keyroll,
            ("GET", "/apps"): self._apps,
        }

    def answer(self, request: Request, container: Container) -> Reply:
        """Answer one request."""
        if request.headers.get("Host", "") not in self._hosts():
            # The load balancer's own reply (3).
            return Reply.text("unknown host", 404)
        if request.path == "/check":
            return Reply.text("ok")
        handler = self._route(request)
        if handler is None:
            return Reply(404)
        refusal = self._refusal(request, container)
        try:
            reply = refusal or handler(request, container)
        except ServiceException as error:
            reply = self._aws_error(error)
        reply.headers["Request-Id"] = str(uuid.uuid4())
        return reply

    def _hosts(self) -> set[str]:
        port = self._rack.listener.port
        return {f"127.0.0.1:{port}", f"localhost:{port}", self._rack.rack_domain}

    def _route(self, request: Request) -> Handler | None:
        if request.path.startswith("/system/jwt/") and self._rack.version < TOKENS_SINCE:
            return None
        handler = self._routes.get((request.method, request.path))
        parts = request.path.strip("/").split("/")
        if handler is None and request.method == "GET" and parts[0] == "apps":
            if len(parts) == 2:
                return self._app
            if len(parts) == 3 and parts[2] == "builds":
                return self._builds
        if handler is None and request.method == "POST" and parts == ["apps", self._rack.name, "parameters"]:
            return self._update_classic if self._rack.generation == CLASSIC else None
        if handler is None and request.method == "POST" and parts[0] == "apps" and len(parts) == 5:
            return self._promote if (parts[2], parts[4]) == ("releases", "promote") else None
        return handler

    # Who may

    def _refusal(self, request: Request, container: Container) -> Reply | None:
        user, password = request.basic
        if user == "jwt" and self._rack.version >= TOKENS_SINCE:
            try:
                role = tokens.role_of(container.signing_key, password)
            except tokens.BadToken as error:
                return self._text(f"{REFUSED}: {error}", 401)
            return None if self._allows(role, request) else self._text(UNAUTHORIZED, 401)
        # The user's name is ignored, and a rack without a key accepts any (3).
        return None if container.key in ("", password) else self._text(REFUSED, 401)

    def _allows(self, role: str, request: Request) -> bool:
        """On v3 the signing key is for a role that no token has (3)."""
        if request.method in _READING:
            return True
        return ("a" if self._rack.generation == V3 and request.path == "/system/jwt/rotate" else "w") in role

    @staticmethod
    def _text(text: str, status: int) -> Reply:
        return Reply.text(f"{text}\n", status)

    @staticmethod
    def _aws_error(error: ServiceException) -> Reply:
        """AWS's errors come through with AWS's text (3)."""
        status = f"status code: 400, request id: {uuid.uuid4()}"
        return Reply.text(f"{error.code}: {error.message}\n\t{status}\n", 500)

    # The rack itself

    def _system(self, _request: Request, container: Container) -> Reply:
        settings = self._rack.settings
        seen = container.seen
        # Each process keeps a reply for up to 5 s (3.1).
        if not seen or time.monotonic() - seen["at"] > settings.status_cache_seconds:
            seen.update(at=time.monotonic(), system=self._describe())
        return Reply.json(seen["system"])

    def _describe(self) -> dict[str, Any]:
        rack = self._rack
        parameters = dict(rack.parameters)
        if rack.settings.mask_no_echo:
            parameters["Password"] = MASK
        if not rack.has_stack:
            parameters = rack.variables
        told = {
            "count": int(rack.parameters["InstanceCount"]),
            "domain": rack.domain,
            "name": rack.name,
            "outputs": dict(sorted(rack.stack.output_values().items())) if rack.has_stack else {},
            "parameters": dict(sorted(parameters.items())),
            "provider": rack.spec.provider,
            "rack-domain": rack.rack_domain,
            "region": rack.region,
            "status": self.status() if rack.has_stack else "running",
            "type": rack.parameters["InstanceType"],
            "version": rack.version,
        }
        if rack.generation == CLASSIC:
            del told["rack-domain"]
        return {name: told[name] for name in _TERSE} if rack.spec.terse else told

    def status(self) -> str:
        """The status in the rack's words (3.1)."""
        status = STATUS.get(self._rack.stack.status, "unknown")
        return "converging" if status == "running" and not self._rack.instances.all_in_service() else status

    def _update_classic(self, request: Request, container: Container) -> Reply:
        """A field a parameter (3)."""
        self._rack.update(request.form)
        container.seen.clear()
        return Reply.json({"success": True})

    def _update(self, request: Request, container: Container) -> Reply:
        if self._rack.generation == V3:
            return self._text("self update not supported", 500)
        # Encoded twice; a form of another kind is ignored, so that nothing changes (3).
        wanted = dict(parse_qsl(request.form.get("parameters", ""), keep_blank_values=True))
        if self._rack.generation == CLASSIC:
            wanted = {}
        if "version" in request.form:
            wanted["Version"] = request.form["version"]
        self._rack.update(wanted)
        container.seen.clear()
        return Reply.text(OK)

    def _rotate(self, _request: Request, _container: Container) -> Reply:
        self._rack.rotate_signing_key()
        return Reply.text(OK)

    def _token(self, request: Request, container: Container) -> Reply:
        try:
            hours = int(request.form.get("durationInHour", ""))
        except ValueError:
            return self._text("invalid duration", 404)
        return Reply.json({"token": tokens.issue(container.signing_key, request.form.get("role", ""), hours)})

    # Instances and apps

    def _instances(self, _request: Request, _container: Container) -> Reply:
        return Reply.json(
            [
                {
                    "agent": True,
                    "cpu": 0,
                    "id": each.id,
                    "memory": 0,
                    "private-ip": each.private_ip,
                    "processes": 0,
                    "public-ip": each.public_ip,
                    "status": "active",
                    "started": each.launch_time.strftime("%Y-%m-%dT%H:%M:%SZ"),
                }
                for each in self._rack.instances.members()
            ]
        )

    def _keyroll(self, _request: Request, container: Container) -> Reply:
        if self._rack.spec.provider != "aws":
            return self._text("unimplemented", 500)
        pair = self._rack.roll_key_pair()
        container.seen.clear()
        if self._rack.generation == V3:
            # Once, and nothing else has changed (5).
            return Reply.json({"name": pair.key_name, "private-key": pair.key_material})
        if self._rack.generation == CLASSIC:
            return Reply.json({"success": True})
        return Reply(200, OK.encode(), TEXT)

    def _apps(self, _request: Request, _container: Container) -> Reply:
        return Reply.json([self._shown(each) for each in self._rack.settings.apps])

    def _app(self, request: Request, _container: Container) -> Reply:
        app = self._find(request)
        return (
            self._text(f"no such app: {request.path.split('/')[2]}", 404)
            if app is None
            else Reply.json(self._shown(app))
        )

    def _builds(self, request: Request, _container: Container) -> Reply:
        app = self._find(request)
        if app is None:
            return self._text(f"no such app: {request.path.split('/')[2]}", 404)
        return Reply.json(
            [{"app": app["name"], "description": "", "release": "", **each} for each in app.get("builds", [])]
        )

    def _promote(self, request: Request, container: Container) -> Reply:
        """Its services start anew, with the key that the answering process runs with: not always the one in force."""
        app, release = self._find(request), request.path.split("/")[4]
        if app is None:
            return self._text(f"no such app: {request.path.split('/')[2]}", 404)
        if not app.get("release") or app["release"] != release:
            return self._text(f"release not found: {release}", 404)
        if app.get("status", "running") == "updating":
            stack = f"arn:aws:cloudformation:{self._rack.region}:stack/{self._rack.name}-{app['name']}"
            status = f"status code: 400, request id: {uuid.uuid4()}"
            text = f"ValidationError: Stack:{stack} is in UPDATE_IN_PROGRESS state and can not be updated."
            return Reply.text(f"{text}\n\t{status}\n", 500)
        self._rack.carry(app["name"], container.key)
        return Reply.text(OK)

    def _find(self, request: Request) -> dict[str, Any] | None:
        name = request.path.split("/")[2]
        return next((each for each in self._rack.settings.apps if each["name"] == name), None)

    @staticmethod
    def _shown(app: dict[str, Any]) -> dict[str, Any]:
        plain = {"generation": "2", "locked": False, "parameters": {}, "release": "", "status": "running"}
        return {**plain, **{name: value for name, value in app.items() if name != "builds"}}
