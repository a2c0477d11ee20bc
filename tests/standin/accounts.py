# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Console's account calls: GraphQL, as its front end asks them (convox-protocol.md, 6.2)."""

from __future__ import annotations

import json
import secrets
import time
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from graphql import GraphQLError, build_schema, graphql_sync

from .messages import Reply, Request

if TYPE_CHECKING:
    from .console import Console

_SESSION_SECONDS = 86400

_SCHEMA = build_schema("""
  type Query { organizations: [Organization!]! }
  type Mutation {
    login(email: String!, password: String!): Authentication!
    rack_import(oid: ID!, name: String!, hostname: String!, password: String!): Rack!
    rack_remove(oid: ID!, id: ID!): String!
    rack_update(
      oid: ID!, id: ID!, name: String!, runtime: String!,
      update_day: Int!, update_frequency: UpdateFrequency!, update_hour: Int!
    ): String!
    user_cli_token_reset: String!
  }
  enum Access { developer operator administrator }
  enum UpdateFrequency { never hourly daily weekly }
  type Authentication { key: String!  session: Session  user: User! }
  type Member { access: Access!  user: User! }
  type Organization { access: Access!  id: ID!  members: [Member!]!  name: String!  racks: [Rack!]! }
  type Rack {
    id: ID!  name: String!  provider: String!  runtime: ID  status: String!  uninstallable: Boolean!
    update_day: Int!  update_frequency: UpdateFrequency!  update_hour: Int!
  }
  type Session { expires: Int!  id: ID! }
  type User { email: String!  id: ID! }
""")


@dataclass(eq=False)
class RackRecord:
    """What Console knows of a rack: its own copy of the key among it (6.3)."""

    organization: str
    name: str
    hostname: str
    key: str
    uninstallable: bool = False
    runtime: str = ""
    update_day: int = 0
    update_frequency: str = "never"
    update_hour: int = 0
    id: str = field(default_factory=lambda: str(uuid.uuid4()))

    @property
    def full_name(self) -> str:
        """As people write it."""
        return f"{self.organization}/{self.name}"


class Accounts:
    """Answers POST /graphql; its methods are the operations, by name."""

    def __init__(self, console: Console) -> None:
        self._console = console
        # Keys of sessions; they outlive a reset of the API key (6.2).
        self._keys: set[str] = set()

    def answer(self, request: Request) -> Reply:
        """Answer one query; errors come with status 200."""
        asked = request.json
        if not isinstance(asked, dict) or "query" not in asked:
            return Reply.text("invalid request\n", 400)
        result = graphql_sync(
            _SCHEMA,
            asked["query"],
            root_value=_Root(self, request.bearer in self._keys),
            variable_values=asked.get("variables") or {},
            operation_name=asked.get("operationName"),
        )
        value: dict[str, Any] = {"data": result.data}
        if result.errors:
            value = {"errors": [{"message": each.message} for each in result.errors], "data": result.data}
        return Reply(200, json.dumps(value).encode(), "application/json")

    def login(self, email: str, password: str) -> dict[str, Any]:
        """A session, unless the account has a hardware token."""
        console = self._console
        if (email, password) != (console.email, console.password):
            raise GraphQLError("invalid authentication")
        key = secrets.token_hex(16)
        session = None
        if not console.settings.hardware_token:
            self._keys.add(key)
            session = {"id": secrets.token_hex(16), "expires": int(time.time()) + _SESSION_SECONDS}
        return {"key": key, "session": session, "user": self._user()}

    def organizations(self) -> list[dict[str, Any]]:
        """The one organization."""
        console = self._console
        return [
            {
                "id": console.organization_id,
                "name": console.organization,
                "access": console.settings.access,
                "members": [{"access": console.settings.access, "user": self._user()}],
                "racks": [self._rack(each) for each in console.records],
            }
        ]

    def rack_import(self, oid: str, name: str, hostname: str, password: str) -> dict[str, Any]:
        """Let Console know a rack; it asks the rack first whether the key is good."""
        console = self._console
        self._check_organization(oid)
        if console.record(f"{console.organization}/{name}") is not None:
            raise GraphQLError(f"rack name already in use: {name}")
        record = RackRecord(console.organization, name, hostname, password)
        rack = console.rack_of(record)
        if rack is None:
            raise GraphQLError(f"could not reach rack: {hostname}")
        if not rack.accepted_keys & {"", password}:
            raise GraphQLError("invalid authentication")
        console.records.append(record)
        return self._rack(record)

    def rack_update(self, oid: str, id: str, **values: Any) -> str:  # noqa: A002 - the field's name
        """Save the settings of a rack; its key is not among them."""
        record = self._record(oid, id)
        for name, value in values.items():
            setattr(record, name, value)
        return record.id

    def rack_remove(self, oid: str, id: str) -> str:  # noqa: A002 - the field's name
        """Forget a rack, and uninstall it if Console can: DANGER (6.2)."""
        record = self._record(oid, id)
        if record.uninstallable:
            self._console.uninstalled.append(record.full_name)
        self._console.records.remove(record)
        return record.id

    def user_cli_token_reset(self) -> str:
        """A new API key, told once."""
        return self._console.reset_api_key()

    def _user(self) -> dict[str, str]:
        return {"id": self._console.user_id, "email": self._console.email}

    def _check_organization(self, oid: str) -> None:
        if oid != self._console.organization_id:
            raise GraphQLError("organization not found")

    def _record(self, oid: str, rack_id: str) -> RackRecord:
        self._check_organization(oid)
        for each in self._console.records:
            if each.id == rack_id:
                return each
        raise GraphQLError("rack not found")

    def _rack(self, record: RackRecord) -> dict[str, Any]:
        names = ("id", "name", "runtime", "uninstallable", "update_day", "update_frequency", "update_hour")
        return {
            **{name: getattr(record, name) for name in names},
            "provider": "aws",
            "status": self._console.status_of(record),
        }


class _Root:
    """What the operations are looked up in: only login is for everybody."""

    def __init__(self, accounts: Accounts, authenticated: bool) -> None:
        self._accounts = accounts
        self._authenticated = authenticated

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._accounts, name)
        if name != "login" and not self._authenticated:
            raise GraphQLError("invalid authentication")
        return lambda _info, **arguments: method(**arguments)
