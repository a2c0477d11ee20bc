# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""What a Console can do for credentials (convox-protocol 6): the hosted service may move on, so all of it is here."""

from __future__ import annotations

import dataclasses
import json
import typing as t
import urllib.parse

from ansible_collections.convox.credentials.plugins.module_utils.console_sync import RackRecord, Settings
from ansible_collections.convox.credentials.plugins.module_utils.errors import BadReply, Refused
from ansible_collections.convox.credentials.plugins.module_utils.keys import Secrets, without_secrets
from ansible_collections.convox.credentials.plugins.module_utils.transport import Credential, Reply, Transport

_LOGIN = "mutation ($email: String!, $password: String!) { login(email: $email, password: $password) { key session { id } user { id email } } }"
_RESET = "mutation { user_cli_token_reset }"
_ORGANIZATIONS = (
    "query { organizations { id name access racks { id name uninstallable runtime update_day update_frequency update_hour } } }"
)
_IMPORT = (
    "mutation ($oid: ID!, $name: String!, $hostname: String!, $password: String!) "
    "{ rack_import(oid: $oid, name: $name, hostname: $hostname, password: $password) { id } }"
)
_UPDATE = (
    "mutation ($oid: ID!, $id: ID!, $name: String!, $runtime: String!, $day: Int!, $frequency: UpdateFrequency!, $hour: Int!) "
    "{ rack_update(oid: $oid, id: $id, name: $name, runtime: $runtime, update_day: $day, update_frequency: $frequency, update_hour: $hour) }"
)
_REMOVE = "mutation ($oid: ID!, $id: ID!) { rack_remove(oid: $oid, id: $id) }"


@dataclasses.dataclass(frozen=True)
class ConsoleRack:
    name: str
    organization: str
    provider: str
    status: str
    version: str = ""

    @property
    def full_name(self) -> str:
        return f"{self.organization}/{self.name}"


@dataclasses.dataclass(frozen=True)
class Organization:
    """``access``: what this person may do there."""

    id: str
    name: str
    access: str
    racks: tuple[RackRecord, ...]


@dataclasses.dataclass(frozen=True)
class ManagedRack:
    """``by_terraform``: Console has its state, and changes it (v3). ``parameters``: then the rack's, without secrets."""

    status: str
    version: str
    by_terraform: bool
    parameters: t.Mapping[str, str]


class Console:
    """A Console, asked with a Console API key or a deploy key."""

    def __init__(self, transport: Transport, credential: Credential) -> None:
        self._transport = transport
        self._credential = credential

    def racks(self) -> list[ConsoleRack]:
        """Raises BadReply where one of them can't be read: what is looked for may be that one."""
        reply, data = self._list()
        try:
            return [ConsoleRack(str(r["name"]), str(r["organization"]["name"]), str(r.get("provider", "")), str(r.get("status", ""))) for r in data]
        except (TypeError, KeyError, AttributeError):
            raise _unknown_list(reply) from None

    def each_rack(self) -> list[ConsoleRack | None]:
        """In the Console's order; None for one that can't be read, which is no reason to lose the others."""
        return [_read(item) for item in self._list()[1]]

    def managed(self, full_name: str) -> ManagedRack:
        """One rack (``org/name``), without the state that holds its key in clear (6.1)."""
        reply = self._transport.get(_path(full_name), self._credential)
        data = reply.json()
        if not isinstance(data, dict) or not isinstance(data.get("parameters") or {}, dict):
            raise BadReply(f"{reply.about}: the rack's record has another shape than known; please report it", reply.status)
        return ManagedRack(
            status=str(data.get("status") or "unknown"),
            version=str(data.get("version") or ""),
            # Null where the rack is not Console's to change.
            by_terraform=bool(data.get("state")),
            parameters=without_secrets(data.get("parameters") or {}),
        )

    def set_parameter(self, full_name: str, name: str, value: str) -> None:
        """Of a rack whose Terraform state Console has (5). The release goes along: another than the present one would be an update."""
        version = self.managed(full_name).version
        if not version:
            raise BadReply(
                f"{self._transport.host}: does not tell the release of {full_name}, which has to go along with a parameter; "
                "look at that rack in the Console, then run again",
                200,
            )
        form = {"params": json.dumps({name: value}), "version": version, "force": "false"}
        self._transport.send("PUT", _path(full_name), self._credential, form)

    def _list(self) -> tuple[Reply, list[t.Any]]:
        reply = self._transport.get("/racks", self._credential)
        data = reply.json()
        if not isinstance(data, list):
            raise _unknown_list(reply)
        return reply, data


def _path(full_name: str) -> str:
    return "/racks/" + urllib.parse.quote(full_name)


def _unknown_list(reply: Reply) -> BadReply:
    return BadReply(f"{reply.about}: the list of racks has another shape than known; please report it", reply.status)


def _read(item: t.Any) -> ConsoleRack | None:
    """One entry of the list, if it is a rack and every word of it a text; what it does not say is empty."""
    organization = item.get("organization") if isinstance(item, dict) else None
    if not isinstance(organization, dict):
        return None
    said = [item.get("name"), organization.get("name"), *(item.get(name) or "" for name in ("provider", "status", "version"))]
    return ConsoleRack(*said) if all(isinstance(text, str) for text in said) else None


def _organization(data: t.Mapping[str, t.Any]) -> Organization:
    return Organization(_text(data["id"]), _text(data["name"]), _text(data["access"]), tuple(_rack_record(each) for each in data["racks"]))


def _rack_record(data: t.Mapping[str, t.Any]) -> RackRecord:
    if not isinstance(data["uninstallable"], bool):
        raise TypeError("uninstallable")
    settings = Settings(_text(data["runtime"] or ""), int(data["update_day"]), _text(data["update_frequency"]), int(data["update_hour"]))
    return RackRecord(_text(data["id"]), _text(data["name"]), data["uninstallable"], settings)


def _text(value: t.Any) -> str:
    if not isinstance(value, str):
        raise TypeError("no text")
    return value


class Account:
    """A session of one person, opened by email and account password: what a Console API key may not do (6.2)."""

    def __init__(self, transport: Transport, secrets: Secrets) -> None:
        self._transport = transport
        self._secrets = secrets
        self._bearer: str | None = None

    def log_in(self, email: str, password: str) -> None:
        """Raises Refused for a wrong password and for an account with a hardware token, before anything is changed."""
        data = self._ask(_LOGIN, {"email": email, "password": password}).get("login")
        if not isinstance(data, dict) or "session" not in data:
            raise self._other_shape("login")
        key, session = data.get("key"), data["session"]
        if session is None:
            raise Refused(
                f"{self._transport.host}: the account {email} has a hardware token, which no automation can answer; nothing was rolled; "
                "roll its key in the Console, or use a deploy key",
                401,
            )
        if not isinstance(session, dict) or not isinstance(session.get("id"), str) or not isinstance(key, str):
            raise self._other_shape("login")
        self._secrets.add(key)
        self._secrets.add(session["id"])
        self._bearer = key

    def reset_key(self) -> str:
        """A new Console API key; the former one is dead at once. A lost reply can't be had again, but reset can."""
        key = self._ask(_RESET, {}).get("user_cli_token_reset")
        if not isinstance(key, str) or not key:
            raise self._other_shape("user_cli_token_reset")
        self._secrets.add(key)
        return key

    def organizations(self) -> list[Organization]:
        """With their records of racks. Raises BadReply where one word of them is not as it is known: much depends on it."""
        try:
            return [_organization(each) for each in self._ask(_ORGANIZATIONS, {})["organizations"]]
        except (TypeError, KeyError, ValueError):
            raise self._other_shape("organizations") from None

    def import_rack(self, organization: Organization, name: str, hostname: str, key: str) -> None:
        """A new record; Console asks the rack first whether the key is good."""
        self._ask(_IMPORT, {"oid": organization.id, "name": name, "hostname": hostname, "password": key})

    def update_rack(self, organization: Organization, record: RackRecord, name: str, settings: Settings) -> None:
        """Console saves the whole record, but for its copy of the key."""
        self._ask(
            _UPDATE,
            {
                "oid": organization.id,
                "id": record.id,
                "name": name,
                "runtime": settings.runtime,
                "day": settings.update_day,
                "frequency": settings.update_frequency,
                "hour": settings.update_hour,
            },
        )

    def remove_rack(self, organization: Organization, record: RackRecord) -> None:
        """Forget a record. Never one that Console could uninstall, nor one that has an account to do anything with."""
        if record.uninstallable is not False or record.settings.runtime != "":
            raise ValueError("a record that its Console could uninstall is never removed")
        self._ask(_REMOVE, {"oid": organization.id, "id": record.id})

    def _ask(self, query: str, variables: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
        reply = self._transport.post_json("/graphql", {"query": query, "variables": dict(variables)}, self._bearer)
        data = reply.json()
        if not isinstance(data, dict):
            raise self._other_shape("graphql")
        errors = data.get("errors")
        if errors:
            said = [str(e.get("message", e)) if isinstance(e, dict) else str(e) for e in (errors if isinstance(errors, list) else [errors])]
            text = self._secrets.redact(" ".join("; ".join(said).split()))
            if "invalid authentication" in text and self._bearer is not None:
                raise Refused(f"{self._transport.host}: the Console says: {text}", 401, text)
            if "invalid authentication" in text:
                raise Refused(f"{self._transport.host}: email or account_password is wrong ({text}); nothing was changed", 401, text)
            raise BadReply(f"{self._transport.host}: the Console says: {text}", reply.status, text)
        result = data.get("data")
        if not isinstance(result, dict):
            raise self._other_shape("graphql")
        return result

    def _other_shape(self, what: str) -> BadReply:
        return BadReply(f"{self._transport.host}: the reply to {what} has another shape than known; please report it", 200)
