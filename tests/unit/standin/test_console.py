# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Console (convox-protocol.md, 6)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Callable

import pytest
import requests

from tests.standin import ConsoleSpec, Standin

if TYPE_CHECKING:
    from tests.standin.rack import Rack

    Ask = Callable[..., requests.Response]

NEW = "NewKeyNewKeyNewKeyNewKeyNewKey"


@pytest.fixture
def ask_console(convox: Standin, ask: Ask) -> Ask:
    """Asks Console with its present key."""

    def ask_console(method: str, path: str, key: str | None = None, **more: Any) -> requests.Response:
        return ask(convox.console, method, path, convox.console.api_key if key is None else key, **more)

    return ask_console


@pytest.fixture
def graphql(convox: Standin) -> Callable[..., dict[str, Any]]:
    """Asks for an operation, with a session's key or without."""

    def graphql(query: str, key: str = "", **variables: Any) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        reply = requests.post(
            f"{convox.console.url}/graphql",
            json={"query": query, "variables": variables},
            headers=headers,
            verify=convox.ca_path,
            timeout=10,
        )
        assert reply.status_code == 200
        return reply.json()

    return graphql


LOGIN = """mutation($email: String!, $password: String!) {
  login(email: $email, password: $password) { key session { id expires } user { id email } }
}"""
RESET = "mutation { user_cli_token_reset }"
ORGANIZATIONS = """{ organizations { id name access racks { id name provider status uninstallable }
  members { access user { email } } } }"""
IMPORT = """mutation($oid: ID!, $name: String!, $hostname: String!, $password: String!) {
  rack_import(oid: $oid, name: $name, hostname: $hostname, password: $password) { id name }
}"""
REMOVE = "mutation($oid: ID!, $id: ID!) { rack_remove(oid: $oid, id: $id) }"


@pytest.fixture
def session(convox: Standin, graphql: Callable[..., dict[str, Any]]) -> str:
    """The key of a session."""
    console = convox.console
    return graphql(LOGIN, email=console.email, password=console.password)["data"]["login"]["key"]


# As a proxy


def test_asks_the_rack_for_one(new_rack: Callable[..., Rack], ask_console: Ask) -> None:
    """With its own copy of the key, and passes on what it is told."""
    rack = new_rack(console=True)
    reply = ask_console("GET", "/system", headers={"Rack": f"acme/{rack.name}"})
    assert reply.json()["name"] == rack.name
    assert "Request-Id" in reply.headers
    form = {"parameters": f"Password={NEW}"}
    assert ask_console("PUT", "/system", headers={"Rack": f"acme/{rack.name}"}, data=form).text == "ok\n"
    assert rack.key == NEW


def test_stale_copy(new_rack: Callable[..., Rack], convox: Standin, ask_console: Ask) -> None:
    """A key rolled behind its back: every call fails in the rack's words, until the copy is replaced (6.3)."""
    rack = new_rack(console=True)
    rack.set_password(NEW)
    rack.wait_at_rest()
    headers = {"Rack": f"acme/{rack.name}"}
    assert ask_console("GET", "/auth", headers=headers).text == "ok\n"
    rack.deploy("test")
    rack.wait_at_rest()
    reply = ask_console("GET", "/system", headers=headers)
    assert (reply.status_code, reply.text) == (401, "invalid authentication\n")
    listed = {each["name"]: each["status"] for each in ask_console("GET", "/racks").json()}
    assert listed[rack.name] == "unknown"
    convox.console.set_copy(f"acme/{rack.name}", NEW)
    assert ask_console("GET", "/system", headers=headers).status_code == 200


def test_own_calls(new_rack: Callable[..., Rack], ask_console: Ask) -> None:
    """Who one is, and which racks there are."""
    rack = new_rack(console=True)
    assert set(ask_console("GET", "/auth").json()) == {"id"}
    (listed,) = ask_console("GET", "/racks").json()
    assert listed == {"name": rack.name, "organization": {"name": "acme"}, "provider": "aws", "status": "running"}
    assert ask_console("GET", f"/racks/acme/{rack.name}").json()["version"] == rack.version
    assert ask_console("GET", "/racks", "wrong").status_code == 401


def test_page_where_no_call_is(ask_console: Ask) -> None:
    """A path of the rack's API, without saying which rack: 200, and HTML (6.1)."""
    reply = ask_console("GET", "/system")
    assert (reply.status_code, reply.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    reply = ask_console("GET", "/system", headers={"Rack": "acme/none"})
    assert (reply.status_code, reply.headers["Content-Type"]) == (404, "text/plain; charset=utf-8")


def test_rack_that_is_away(new_rack: Callable[..., Rack], ask_console: Ask) -> None:
    """Is an error of Console's."""
    rack = new_rack(console=True)
    rack.fault("refuse_all", seconds=5)
    assert ask_console("GET", "/system", headers={"Rack": f"acme/{rack.name}"}).status_code == 502


# Sessions


def test_challenge(convox: Standin, ask_console: Ask) -> None:
    """A session is asked for, given, and good from then on (6.1)."""
    convox.console.set(challenge=True)
    refused = ask_console("GET", "/auth")
    assert refused.status_code == 401
    challenge = re.fullmatch(r'Session path="([^"]+)" token="false"', refused.headers["WWW-Authenticate"])
    assert challenge
    session = ask_console("POST", challenge[1]).json()["id"]
    assert ask_console("GET", "/auth", headers={"Session": session}).status_code == 200
    convox.console.forget_sessions()
    assert ask_console("GET", "/auth", headers={"Session": session}).status_code == 401


def test_hardware_token(convox: Standin, ask_console: Ask, graphql: Callable[..., dict[str, Any]]) -> None:
    """No automation gets through: not by a challenge, and not by a login (6.1, 6.2)."""
    convox.console.set(hardware_token=True)
    refused = ask_console("GET", "/auth")
    assert refused.headers["WWW-Authenticate"].endswith(' token="true"')
    login = graphql(LOGIN, email=convox.console.email, password=convox.console.password)["data"]["login"]
    assert login["session"] is None
    assert graphql(RESET, login["key"])["errors"] == [{"message": "invalid authentication"}]


def test_expired_key(convox: Standin, ask_console: Ask) -> None:
    """Until another is made."""
    convox.console.set(expired=True)
    refused = ask_console("GET", "/auth")
    assert (refused.status_code, refused.text) == (401, "cli token is expired\n")
    convox.console.reset_api_key()
    assert ask_console("GET", "/auth").status_code == 200


def test_deploy_key_is_not_challenged() -> None:
    """No person stands behind it."""
    with Standin(console=ConsoleSpec(deploy_keys=("deploy" * 5,), challenge=True)) as convox:

        def ask(key: str) -> requests.Response:
            return requests.get(f"{convox.console.url}/auth", auth=("convox", key), verify=convox.ca_path, timeout=10)

        assert ask("deploy" * 5).status_code == 200
        assert ask(convox.console.api_key).status_code == 401


# The account


def test_reset(convox: Standin, ask_console: Ask, graphql: Callable[..., dict[str, Any]], session: str) -> None:
    """The old key is dead at once, and the session can reset again (6.2)."""
    old = convox.console.api_key
    new = graphql(RESET, session)["data"]["user_cli_token_reset"]
    assert re.fullmatch("[0-9a-f]{32}", new)
    assert [ask_console("GET", "/auth", key).status_code for key in (old, new)] == [401, 200]
    again = graphql(RESET, session)["data"]["user_cli_token_reset"]
    assert [ask_console("GET", "/auth", key).status_code for key in (new, again)] == [401, 200]
    truth = convox.truth()["console"]
    assert (truth["api_key"], truth["former_keys"][-2:]) == (again, [old, new])


def test_errors_have_status_200(convox: Standin, graphql: Callable[..., dict[str, Any]], session: str) -> None:
    """And a message."""
    wrong = graphql(LOGIN, email=convox.console.email, password="wrong")
    assert (wrong["data"], wrong["errors"]) == (None, [{"message": "invalid authentication"}])
    assert graphql(RESET)["errors"] == [{"message": "invalid authentication"}]
    assert "Cannot query field" in graphql("{ nonsense }", session)["errors"][0]["message"]


def test_racks_of_the_organization(
    new_rack: Callable[..., Rack], convox: Standin, graphql: Callable[..., dict[str, Any]], session: str
) -> None:
    """Removed, imported with another key; a record imported anew has a new id."""
    rack = new_rack(console=True)
    (organization,) = graphql(ORGANIZATIONS, session)["data"]["organizations"]
    (before,) = organization["racks"]
    assert (organization["name"], before["status"], before["uninstallable"]) == ("acme", "running", False)
    rack.set_password(NEW)
    rack.deploy("test")
    rack.wait_at_rest()
    oid = organization["id"]
    assert graphql(REMOVE, session, oid=oid, id=before["id"])["data"]["rack_remove"]
    asked = {"oid": oid, "name": rack.name, "hostname": rack.host}
    assert graphql(IMPORT, session, **asked, password="wrong")["errors"] == [{"message": "invalid authentication"}]
    after = graphql(IMPORT, session, **asked, password=NEW)["data"]["rack_import"]
    assert after["id"] != before["id"]
    assert "already in use" in graphql(IMPORT, session, **asked, password=NEW)["errors"][0]["message"]
    assert convox.truth()["console"]["racks"][f"acme/{rack.name}"]["key"] == NEW
    assert convox.truth()["console"]["uninstalled"] == []


def test_removing_an_uninstallable_rack(
    new_rack: Callable[..., Rack], convox: Standin, graphql: Callable[..., dict[str, Any]], session: str
) -> None:
    """Is noted as what it would have been (6.2)."""
    rack = new_rack(console=True, uninstallable=True)
    record = convox.console.record(f"acme/{rack.name}")
    assert record
    graphql(REMOVE, session, oid=convox.console.organization_id, id=record.id)
    assert convox.truth()["console"]["uninstalled"] == [f"acme/{rack.name}"]


def test_saved_settings(
    new_rack: Callable[..., Rack], convox: Standin, graphql: Callable[..., dict[str, Any]], session: str
) -> None:
    """The key is not among them."""
    rack = new_rack(console=True)
    record = convox.console.record(f"acme/{rack.name}")
    assert record
    query = """mutation($oid: ID!, $id: ID!) { rack_update(oid: $oid, id: $id, name: "renamed", runtime: "r",
      update_day: 1, update_frequency: weekly, update_hour: 2) }"""
    assert graphql(query, session, oid=convox.console.organization_id, id=record.id)["data"]["rack_update"]
    assert (record.name, record.update_frequency, record.key) == ("renamed", "weekly", rack.key)
