# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A rack's token routes (convox-protocol, 3): what is taken for a token, and what a role is told that it can't do."""
from __future__ import annotations

import json
import typing as t

import pytest

from ansible_collections.convox.credentials.plugins.module_utils.errors import BadReply, Refused
from ansible_collections.convox.credentials.plugins.module_utils.keys import MASK, Secrets
from ansible_collections.convox.credentials.plugins.module_utils.rack import ACCEPTED, NO_ANSWER, REFUSED, App, Rack
from ansible_collections.convox.credentials.plugins.module_utils.transport import TOKEN_USER, Credential, Transport
from tests.standin import tokens
from tests.standin.rack import Rack as StandinRack
from tests.unit.plugins.module_utils.conftest import Asked
from tests.unit.plugins.module_utils.support import OTHER, failing

NewTransport = t.Callable[..., Transport]
NewRack = t.Callable[..., StandinRack]
Client = t.Callable[..., Rack]


@pytest.fixture
def client(transport: NewTransport) -> Client:
    """Makes clients of a rack, with its own key or with a token."""
    return lambda rack, token=None: Rack(transport(rack.host), Credential(token, TOKEN_USER) if token else Credential(rack.key))


def issued(rack: StandinRack, role: str, hours: int = 1) -> str:
    return tokens.issue(rack.signing_key().value, role, hours)


@pytest.mark.parametrize("role", ["read", "write"])
def test_a_token_is_a_secret_from_the_start(rack: StandinRack, client: Client, role: str) -> None:
    secrets = Secrets()
    token = client(rack).issue_token(role, 2, secrets)
    assert tokens.role_of(rack.signing_key().value, token) == tokens.ROLES[role]
    assert secrets.redact(f"https://jwt:{token}@host") == f"https://jwt:{MASK}@host"
    assert client(rack, token).system().name == rack.name


def test_a_role_that_there_is_not(rack: StandinRack, client: Client) -> None:
    with failing(BadReply, rack.host, "empty token", "owner"):
        client(rack).issue_token("owner", 1, Secrets())


@pytest.mark.parametrize("token", [None, 7, [], "x", "a.b", "a.b.c d", "a.b.c@evil.example.com", f"{OTHER}.{OTHER}.{OTHER}/"])
def test_what_is_no_token(rack: StandinRack, client: Client, token: t.Any) -> None:
    """It would stand in a URL. Whatever it is, no message shows it."""
    rack.fault("status", status=200, body=json.dumps({"token": token}), content_type="application/json")
    with failing(BadReply, rack.host, "no token", hiding=[token] if isinstance(token, str) and len(token) > 8 else []):
        client(rack).issue_token("read", 1, Secrets())


def test_a_release_without_tokens(new_rack: NewRack, client: Client) -> None:
    rack = new_rack(version="20230704162932")
    with failing(BadReply, rack.host, "404") as caught:
        client(rack).issue_token("read", 1, Secrets())
    assert (caught.value.status, caught.value.text) == (404, "")


WRITES: list[t.Callable[[Rack], t.Any]] = [
    lambda rack: rack.set_parameter("InstanceCount", "4"),
    lambda rack: rack.roll_instance_key(),
    lambda rack: rack.rotate_signing_key(),
    lambda rack: rack.issue_token("read", 1, Secrets()),
    lambda rack: rack.promote(App("web", "RABCDEFGHI", True)),
]


@pytest.mark.parametrize("write", WRITES)
def test_a_token_that_may_only_read(new_rack: NewRack, client: Client, write: t.Callable[[Rack], t.Any]) -> None:
    rack = new_rack(apps=[{"name": "web", "release": "RABCDEFGHI"}])
    token = issued(rack, "read")
    words = (rack.host, "you are unauthorized", "the token's role does not allow that", "role: write")
    with failing(Refused, *words, hiding=[token.rpartition(".")[2]]) as caught:
        write(client(rack, token))
    assert "you are unauthorized" in caught.value.text


def test_whether_a_token_may_write(rack: StandinRack, client: Client, asked: Asked) -> None:
    may = {role: client(rack, issued(rack, role)).may_write() for role in ("read", "write")}
    assert may == {"read": False, "write": True}
    assert {each["path"] for each in asked(rack, "POST")} == {"/system/jwt/token"}
    with failing(Refused, "token is expired"):
        client(rack, issued(rack, "write", -1)).may_write()


def test_other_refusals_are_as_the_rack_says(rack: StandinRack, client: Client) -> None:
    with failing(Refused, "token is expired") as caught:
        client(rack, issued(rack, "write", -1)).rotate_signing_key()
    assert "role" not in str(caught.value)
    rack.fault("status", status=401, body="you are unauthorized to access this\n")
    with failing(Refused, "you are unauthorized") as caught:
        client(rack).rotate_signing_key()
    assert "token" not in str(caught.value)


def test_on_v3_no_token_rolls_the_signing_key(new_rack: NewRack, client: Client) -> None:
    rack = new_rack(version="3.18.2")
    version = rack.signing_key().version
    with failing(Refused, "the token's role does not allow that"):
        client(rack, issued(rack, "write")).rotate_signing_key()
    assert rack.signing_key().version == version
    client(rack).rotate_signing_key()
    assert rack.signing_key().version == version + 1


def test_what_a_probe_says_of_a_token(rack: StandinRack, client: Client) -> None:
    """Its end is a refusal, too: a witness must not come to it."""
    asked = {name: client(rack, token).probe(rack.name) for name, token in {"good": issued(rack, "read"), "ended": issued(rack, "read", -1)}.items()}
    assert asked == {"good": ACCEPTED, "ended": REFUSED}
    assert client(rack, "a.b.c").probe(rack.name) == REFUSED
    assert client(rack, issued(rack, "read")).probe("another") == NO_ANSWER
