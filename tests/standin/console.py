# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Console: an account's API key, a proxy to the racks, and a page (convox-protocol.md, 6)."""

from __future__ import annotations

import base64
import http.client
import json
import secrets
import ssl
import uuid
from typing import TYPE_CHECKING, Any, Callable

from .accounts import Accounts, RackRecord
from .faults import PAGE, Faults
from .life import Life
from .messages import HTML, Reply, Request
from .rack_api import UNAUTHORIZED
from .server import Connection, Listener
from .spec import V3, ConsoleSettings, ConsoleSpec, change, settings_of

if TYPE_CHECKING:
    from .journal import Journal
    from .rack import Rack
    from .tls import Authority

SESSION_PATH = "/session"
_FAILED = ("UPDATE_ROLLBACK_COMPLETE", "UPDATE_ROLLBACK_FAILED")
_PROXY_SECONDS = 60
# What is meant for one connection only.
_HOP_BY_HOP = {
    "connection",
    "keep-alive",
    "content-length",
    "transfer-encoding",
    "host",
    "authorization",
    "rack",
    "session",
}


class Console:
    """A Console that runs, with one user."""

    def __init__(
        self, spec: ConsoleSpec, authority: Authority, journal: Journal, find_rack: Callable[[str], Rack | None]
    ) -> None:
        self.spec = spec
        self.settings: ConsoleSettings = settings_of(ConsoleSettings, spec)
        self.email, self.password, self.organization = spec.email, spec.password, spec.organization
        self.user_id = str(uuid.uuid4())
        self.organization_id = str(uuid.uuid4())
        self.api_key = spec.api_key
        self.former_keys: list[str] = []
        self.records: list[RackRecord] = []
        self.uninstalled: list[str] = []
        self.sessions: set[str] = set()
        self.life = Life()
        self.faults = Faults(self.life, self._refuse_for)
        self.listener = Listener(self._answer, self._admit)
        self.host = self.listener.address
        self.url = f"https://{self.host}"
        self._tls = authority.context()
        self._journal = journal
        self._find_rack = find_rack
        self._accounts = Accounts(self)
        self.listener.listen()

    # What others do to it

    def set(self, **values: Any) -> None:
        """Change settings while it runs."""
        change(self.settings, values)

    def fault(self, action: str, **values: Any) -> None:
        """Let something go wrong; see faults.Fault."""
        self.faults.add(action=action, **values)

    def import_rack(self, rack: Rack, key: str | None = None) -> RackRecord:
        """Let it know a rack, without its asking the rack."""
        record = RackRecord(
            self.organization, rack.name, rack.host, rack.key if key is None else key, rack.spec.uninstallable
        )
        self.records.append(record)
        return record

    def set_copy(self, full_name: str, key: str) -> None:
        """Change its copy of a rack's key: somebody saved the settings, or an old save came late (6.2)."""
        record = self.record(full_name)
        if record is None:
            raise ValueError(f"Console does not know {full_name}")
        record.key = key

    def forget_sessions(self) -> None:
        """End every session that a challenge gave."""
        self.sessions.clear()

    def stop(self) -> None:
        """Close its address."""
        self.life.stop()
        self.listener.close()

    # What it does

    def record(self, full_name: str) -> RackRecord | None:
        """What it knows of a rack, by org/name."""
        return next((each for each in self.records if each.full_name == full_name), None)

    def reset_api_key(self) -> str:
        """A new API key; the old one is dead at once (6.2)."""
        self.former_keys.append(self.api_key)
        self.api_key = secrets.token_hex(16)
        self.settings.expired = False
        return self.api_key

    def rack_of(self, record: RackRecord) -> Rack | None:
        """The rack behind a record, if it is one of the stand-in's."""
        return self._find_rack(record.hostname)

    def status_of(self, record: RackRecord) -> str:
        """A rack's status, which Console can only tell while its copy of the key is good."""
        rack = self.rack_of(record)
        if rack is not None and self._manages(record, rack):
            # By its own runs of Terraform, of which one can have failed.
            return "failed" if rack.stack.status in _FAILED else rack.status()
        return rack.status() if rack is not None and record.key in rack.accepted_keys else "unknown"

    # Requests

    def _admit(self, connection: Connection) -> None:
        connection.tls = self._tls

    def _answer(self, request: Request) -> Reply:
        return self._journal.watch(
            "console", request, lambda: self.faults.around(request, request.path, lambda: self._reply(request))
        )

    def _reply(self, request: Request) -> Reply:
        if request.path == "/graphql" and request.method == "POST":
            return self._accounts.answer(request)
        act = self._route(request)
        if act is None:
            # Without Rack, a path of the rack's API is a path of the page's (6.1).
            return Reply(200, PAGE.encode(), HTML) if self.settings.dashboard else Reply(404)
        return self._refusal(request) or act(request)

    def _route(self, request: Request) -> Callable[[Request], Reply] | None:
        if (request.method, request.path) == ("POST", SESSION_PATH):
            return self._session
        if request.headers.get("Rack"):
            return self._proxy
        if request.method == "GET" and request.path == "/auth":
            return lambda request: Reply.json({"id": self.user_id})
        if request.method == "GET" and request.path == "/racks":
            return lambda request: Reply.json([self._listed(each) for each in self.records])
        if request.path.startswith("/racks/"):
            return {"GET": self._one_rack, "PUT": self._update_rack}.get(request.method)
        return None

    def _refusal(self, request: Request) -> Reply | None:
        key = request.basic[1]
        if key != self.api_key and key not in self.spec.deploy_keys:
            return Reply.text("invalid authentication\n", 401)
        # A deploy key's rights end at apps: what it must not do is said in a rack's words.
        if key in self.spec.deploy_keys and request.method != "GET" and not request.path.startswith(("/apps/", SESSION_PATH)):
            return Reply.text(f"{UNAUTHORIZED}\n", 401)
        if self.settings.expired and key == self.api_key:
            return Reply.text("cli token is expired\n", 401)
        # A deploy key has no person behind it who could be asked for a token (6.1).
        challenged = (self.settings.challenge or self.settings.hardware_token) and key not in self.spec.deploy_keys
        if not challenged or request.path == SESSION_PATH or request.headers.get("Session", "") in self.sessions:
            return None
        token = "true" if self.settings.hardware_token else "false"
        reply = Reply.text("session required\n", 401)
        reply.headers["WWW-Authenticate"] = f'Session path="{SESSION_PATH}" token="{token}"'
        return reply

    def _session(self, _request: Request) -> Reply:
        if self.settings.hardware_token:
            return Reply.text("invalid token\n", 401)
        session = secrets.token_hex(16)
        self.sessions.add(session)
        return Reply.json({"id": session})

    def _listed(self, record: RackRecord) -> dict[str, Any]:
        rack = self.rack_of(record)
        return {
            "name": record.name,
            "organization": {"name": record.organization},
            "provider": rack.spec.provider if rack else "aws",
            "status": self.status_of(record),
        }

    def _one_rack(self, request: Request) -> Reply:
        record = self.record(request.path.removeprefix("/racks/"))
        if record is None:
            return Reply.text("rack not found\n", 404)
        rack = self.rack_of(record)
        managed = rack is not None and self._manages(record, rack)
        return Reply.json(
            {
                **self._listed(record),
                "parameters": rack.variables if rack is not None and managed else None,
                "state": _state(record) if managed else None,
                "version": rack.version if rack else "",
            }
        )

    @staticmethod
    def _manages(record: RackRecord, rack: Rack) -> bool:
        """Whether it has the Terraform state of a v3 rack (6.1)."""
        return record.uninstallable and rack.generation == V3

    def _update_rack(self, request: Request) -> Reply:
        """Have Terraform set parameters; the release that comes with them is taken for the one that is wanted (5)."""
        record = self.record(request.path.removeprefix("/racks/"))
        rack = self.rack_of(record) if record is not None else None
        if record is None or rack is None:
            return Reply.text("rack not found\n", 404)
        if not self._manages(record, rack):
            return Reply.text("rack is not managed by console\n", 400)
        if rack.stack.status.endswith("IN_PROGRESS"):
            return Reply.text("rack is already updating\n", 400)
        wanted = {**json.loads(request.form.get("params") or "{}"), "release": request.form["version"]}
        if any(rack.variables.get(name) != value for name, value in wanted.items()):
            rack.apply_terraform(wanted)
        return Reply.text("ok\n")

    def _proxy(self, request: Request) -> Reply:
        """Ask the rack, over a new connection, with its own copy of the key (6.3)."""
        full_name = request.headers["Rack"]
        record = self.record(full_name)
        if record is None:
            return Reply.text(f"rack not found: {full_name}\n", 404)
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _HOP_BY_HOP}
        upstream = http.client.HTTPSConnection(
            record.hostname,
            timeout=_PROXY_SECONDS,
            # As the CLI does, and as the API's own certificates make necessary: verified is nothing (3).
            context=ssl._create_unverified_context(),  # noqa: S323
        )
        try:
            upstream.request(
                request.method, request.target, request.body or None, {**headers, "Authorization": _basic(record.key)}
            )
            reply = upstream.getresponse()
            body = reply.read()
        except (OSError, http.client.HTTPException) as error:
            return Reply.text(f"could not reach rack: {type(error).__name__}\n", 502)
        finally:
            upstream.close()
        kept = {"Request-Id": reply.headers["Request-Id"]} if reply.headers["Request-Id"] else {}
        return Reply(reply.status, body, reply.headers["Content-Type"], kept)

    def _refuse_for(self, seconds: float) -> None:
        self.listener.refuse()
        self.life.spawn(self._answer_again, seconds)

    def _answer_again(self, seconds: float) -> None:
        self.life.pause(seconds)
        self.listener.listen()


def _state(record: RackRecord) -> str:
    """A v3 rack's Terraform state, which has its key in clear, as Go writes bytes."""
    resource = {"type": "random_string", "name": "password", "instances": [{"attributes": {"result": record.key}}]}
    return base64.b64encode(json.dumps({"version": 4, "resources": [resource]}).encode()).decode()


def _basic(key: str) -> str:
    return "Basic " + base64.b64encode(f"convox:{key}".encode()).decode()
