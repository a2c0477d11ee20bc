# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""What the API of a rack can do, in its own words (convox-protocol 3, 5); nothing about Ansible."""

from __future__ import annotations

import dataclasses
import re
import typing as t
import urllib.parse

from ansible_collections.convox.credentials.plugins.module_utils import rack_kinds
from ansible_collections.convox.credentials.plugins.module_utils.errors import BadReply, NoAnswer, Refused, RequestFailed
from ansible_collections.convox.credentials.plugins.module_utils.keys import Secrets, without_secrets
from ansible_collections.convox.credentials.plugins.module_utils.transport import TOKEN_USER, Credential, Reply, Transport

# What a probe of a key says.
ACCEPTED, REFUSED, NO_ANSWER = "accepted", "refused", "no answer"
# Its own word for a credential that is good, but not for this.
_UNAUTHORIZED = "you are unauthorized"
# Three parts of base64url, so that it can stand in a URL as it is.
_TOKEN = re.compile("[A-Za-z0-9_-]+([.][A-Za-z0-9_-]+){2}")


@dataclasses.dataclass(frozen=True)
class System:
    """``GET /system`` without what is secret. ``status`` is the stack's, translated, up to 5 s old (3.1)."""

    name: str
    status: str
    version: str
    provider: str
    region: str
    rack_domain: str
    domain: str
    count: int
    type: str
    parameters: t.Mapping[str, str]
    outputs: t.Mapping[str, str]

    @property
    def generation(self) -> str:
        """As rack_kinds.py tells them apart."""
        return rack_kinds.generation(self.version)

    def safe(self) -> dict[str, t.Any]:
        """The fields that may be shown."""
        return {k: dict(v) if isinstance(v, t.Mapping) else v for k, v in vars(self).items()}


@dataclasses.dataclass(frozen=True)
class Instance:
    id: str
    status: str
    started: str


@dataclasses.dataclass(frozen=True)
class KeyPair:
    """``private_key``: in PEM."""

    name: str
    private_key: str


@dataclasses.dataclass(frozen=True)
class App:
    """``release``: the one that is promoted, empty for none. ``with_rack_url``: it carries the rack's key (convox-protocol 3.2)."""

    name: str
    release: str
    with_rack_url: bool


def user_id(auth_reply_text: str) -> str | None:
    """The ``id`` of a Console's ``GET /auth``; a rack answers ``ok``."""
    match = re.search(r'"id"\s*:\s*"([^"]*)"', auth_reply_text)
    return match.group(1) if match else None


class Rack:
    """One rack, asked with one credential: directly, or through a Console with ``via`` as ``org/name``."""

    def __init__(self, transport: Transport, credential: Credential, via: str | None = None) -> None:
        self.transport = transport
        self.credential = credential
        self.via = via
        self._headers = {"Rack": via} if via else {}

    def afresh(self) -> Rack:
        """The same rack on connections of its own, which may reach another container."""
        return Rack(self.transport.fresh(), self.credential, self.via)

    def close(self) -> None:
        self.transport.close()

    def auth(self) -> Reply:
        """Raises Refused for a wrong key."""
        return self.transport.get("/auth", self.credential, self._headers)

    def system(self) -> System:
        reply = self.transport.get("/system", self.credential, self._headers)
        data = reply.json()
        if not isinstance(data, dict) or not isinstance(data.get("name"), str) or not str(data.get("count") or 0).isdecimal():
            raise BadReply(f"{reply.about}: the reply is not a rack's; check host and rack", reply.status)
        return System(
            name=data["name"],
            status=str(data.get("status", "unknown")),
            version=str(data.get("version", "")),
            provider=str(data.get("provider", "")),
            region=str(data.get("region", "")),
            rack_domain=str(data.get("rack-domain") or _mapping(data, "outputs").get("RackDomain") or ""),
            domain=str(data.get("domain", "")),
            count=int(data.get("count") or 0),
            type=str(data.get("type", "")),
            parameters=without_secrets(_mapping(data, "parameters")),
            outputs=without_secrets(_mapping(data, "outputs")),
        )

    def instances(self) -> list[Instance]:
        data = self._list("/instances")
        return [Instance(str(i.get("id")), str(i.get("status", "")), str(i.get("started") or "")) for i in data]

    def apps_with_rack_url(self) -> list[str]:
        """The apps that carry this rack's key since their last promotion (convox-protocol 3.2)."""
        return [app.name for app in self.apps() if app.with_rack_url]

    def apps(self) -> list[App]:
        return [
            App(str(app.get("name")), str(app.get("release") or ""), _mapping(app, "parameters").get("RackUrl") == "Yes") for app in self._list("/apps")
        ]

    def promote(self, app: App) -> None:
        """Promote the release that is promoted already: its services start anew, with the key that this API runs with."""
        name, release = (urllib.parse.quote(each, safe="") for each in (app.name, app.release))
        self._send("POST", f"/apps/{name}/releases/{release}/promote")

    def builds_in_flight(self) -> list[str]:
        """``app/build`` for each build that runs: it got its key at its start and can't report with a new one."""
        return [
            f"{app.get('name')}/{build.get('id')}"
            for app in self._list("/apps")
            for build in self._list(f"/apps/{urllib.parse.quote(str(app.get('name')), safe='')}/builds")
            if build.get("status") in ("created", "running")
        ]

    def set_parameter(self, name: str, value: str, classic_name: str | None = None) -> None:
        """``PUT /system``: the form is encoded twice, as the server reads it. Success says received, not in force.

        ``classic_name``: of a rack of the classic generation, which takes parameters as its apps do.
        """
        if classic_name is not None:
            self._send("POST", f"/apps/{urllib.parse.quote(classic_name, safe='')}/parameters", {name: value})
            return
        pair = urllib.parse.urlencode({name: value})
        self._send("PUT", "/system", {"parameters": pair})

    def roll_instance_key(self) -> None:
        self._send("POST", "/instances/keyroll")

    def make_key_pair(self, secrets: Secrets) -> KeyPair:
        """On v3 (5): a pair in EC2, whose private half is told this once; nothing else changes. Raises BadReply on other clouds."""
        reply = self._send("POST", "/instances/keyroll")
        data = reply.json()
        name, private_key = (data.get(field) if isinstance(data, dict) else None for field in ("name", "private-key"))
        secrets.add(private_key if isinstance(private_key, str) else None)
        if not isinstance(name, str) or not isinstance(private_key, str) or not name or not private_key:
            raise BadReply(f"{reply.about}: the reply is no key pair; please report it", reply.status)
        return KeyPair(name, private_key)

    def rotate_signing_key(self) -> None:
        """From 20230704162933. Stores a new token key and restarts the API; an error can still mean that it did."""
        self._send("PUT", "/system/jwt/rotate")

    def issue_token(self, role: str, hours: int, secrets: Secrets) -> str:
        """From 20230704162933: a temporary key, for the user TOKEN_USER. Raises BadReply where it is empty, as for a role that there is not.

        The rack knows nothing of it afterwards: within one second the same role and hours give the same token.
        """
        reply = self._send("POST", "/system/jwt/token", {"role": role, "durationInHour": str(hours)})
        data = reply.json()
        token = data.get("token") if isinstance(data, dict) else None
        secrets.add_unless_short(token if isinstance(token, str) else None)
        if token == "":
            raise BadReply(f"{reply.about}: gave an empty token, as for a role that it does not know ({role}); see that its release is current", reply.status)
        if not isinstance(token, str) or not _TOKEN.fullmatch(token):
            raise BadReply(f"{reply.about}: the reply is no token; please report it", reply.status)
        return token

    def may_write(self) -> bool:
        """Whether a token's role allows changes: none is made, for a role that there is not gets no token. Raises RequestFailed."""
        try:
            self._send("POST", "/system/jwt/token", {"role": "none", "durationInHour": "1"})
        except Refused as exc:
            if _UNAUTHORIZED in exc.text:
                return False
            raise
        return True

    def probe(self, expected_name: str | None) -> str:
        """What a fresh connection says of the credential: ACCEPTED, REFUSED or NO_ANSWER.

        Accepted is a rack of the expected name describing itself; refused is its own word for it; a balancer's error,
        a page, another rack and silence are no answer.
        """
        try:
            return self.verdict(expected_name)
        except RequestFailed:
            return NO_ANSWER

    def verdict(self, expected_name: str | None) -> str:
        """As ``probe``, for who wants to know why there is no answer: raises RequestFailed then."""
        fresh = self.afresh()
        try:
            system = fresh.system()
            return ACCEPTED if expected_name in (None, system.name) else NO_ANSWER
        except Refused as exc:
            if "invalid authentication" not in exc.text:
                raise
            return REFUSED
        finally:
            fresh.close()

    def _send(self, method: str, path: str, form: t.Mapping[str, str] | None = None) -> Reply:
        """A write. Raises Refused that says why where it is beyond the role of a token."""
        try:
            return self.transport.send(method, path, self.credential, form, self._headers)
        except Refused as exc:
            if self.credential.user != TOKEN_USER or _UNAUTHORIZED not in exc.text:
                raise
            raise Refused(f"{exc}; the token's role does not allow that; use one with role: write, or the rack's own key", exc.status, exc.text) from None

    def _list(self, path: str) -> list[t.Mapping[str, t.Any]]:
        reply = self.transport.get(path, self.credential, self._headers)
        data = reply.json()
        if not isinstance(data, list) or not all(isinstance(item, dict) for item in data):
            raise BadReply(f"{reply.about}: the reply is no list; check host and rack", reply.status)
        return data


def nothing_to_change(exc: BadReply) -> bool:
    """AWS's word that the stack holds the value already (convox-protocol 3)."""
    return "No updates are to be performed" in exc.text


def stack_busy(exc: BadReply) -> bool:
    """AWS's word that the stack is being changed; the request did nothing."""
    return "can not be updated" in exc.text and "_IN_PROGRESS" in exc.text


def takes_no_parameters(exc: BadReply) -> bool:
    """A v3 rack's word that its parameters are Terraform's business."""
    return "self update not supported" in exc.text


def outcome_unknown(exc: RequestFailed) -> bool:
    """Whether a write that failed so can have acted all the same: a lost reply, a gateway's or the server's error."""
    if isinstance(exc, NoAnswer):
        return exc.sent
    return isinstance(exc, BadReply) and exc.status >= 500 and not stack_busy(exc)


def _mapping(data: t.Mapping[str, t.Any], name: str) -> t.Mapping[str, t.Any]:
    value = data.get(name)
    return value if isinstance(value, dict) else {}
