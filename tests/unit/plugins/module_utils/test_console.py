# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Console's account calls and its racks (convox-protocol, 6)."""
from __future__ import annotations

import json
import typing as t

import pytest

from ansible_collections.convox.credentials.plugins.module_utils.console import Account, Console
from ansible_collections.convox.credentials.plugins.module_utils.errors import BadReply, NoAnswer, Refused
from ansible_collections.convox.credentials.plugins.module_utils.keys import Secrets
from ansible_collections.convox.credentials.plugins.module_utils.rack import user_id
from ansible_collections.convox.credentials.plugins.module_utils.transport import Credential, Transport
from tests.standin.console import Console as StandinConsole
from tests.standin.rack import Rack as StandinRack
from tests.unit.plugins.module_utils.conftest import Asked
from tests.unit.plugins.module_utils.support import OTHER, failing

NewTransport = t.Callable[..., Transport]


@pytest.fixture
def secrets() -> Secrets:
    return Secrets()


@pytest.fixture
def account(console: StandinConsole, transport: NewTransport, secrets: Secrets) -> Account:
    return Account(transport(console.host, secrets=secrets), secrets)


def answers(console: StandinConsole, value: t.Any, path: str = "/graphql") -> None:
    console.fault("status", status=200, body=json.dumps(value), content_type="application/json", path=path)


# -- racks --------------------------------------------------------------------------------------------------------
def test_its_racks(console: StandinConsole, rack: StandinRack, transport: NewTransport) -> None:
    console.import_rack(rack)
    (found,) = Console(transport(console.host), Credential(console.api_key)).racks()
    assert (found.full_name, found.provider, found.status) == (f"acme/{rack.name}", "aws", "running")


@pytest.mark.parametrize(
    "value", [None, {}, {"racks": []}, "ok", "", 7, [1], [{"name": "a"}], [{"name": "a", "organization": None}], [{"organization": {"name": "a"}}]]
)
def test_racks_of_another_shape(console: StandinConsole, transport: NewTransport, value: t.Any) -> None:
    answers(console, value, "/racks")
    with failing(BadReply, console.host, "shape", hiding=[console.api_key]):
        Console(transport(console.host), Credential(console.api_key)).racks()


def test_secrets_of_a_managed_rack_stay_inside(console: StandinConsole, transport: NewTransport) -> None:
    """Terraform's variables, as the Console keeps them."""
    secret = {"docker_hub_password": OTHER, "token": OTHER, "syslog": f"tcp://user:{OTHER}@logs:1"}
    answers(console, {"name": "a", "state": "{}", "parameters": {**secret, "key_pair_name": "one", "node_disk": 20}}, "/racks/acme/a")
    managed = Console(transport(console.host), Credential(console.api_key)).managed("acme/a")
    assert managed.parameters == {"key_pair_name": "one", "node_disk": "20"}


@pytest.mark.parametrize(("text", "found"), [('{"id": "u-1"}', "u-1"), ('{\n "x": 1, "id":"u-2" }', "u-2"), ("ok\n", None), ("", None), ('{"id": 7}', None)])
def test_who_the_user_is(text: str, found: str | None) -> None:
    assert user_id(text) == found


# -- the account --------------------------------------------------------------------------------------------------
def test_a_new_key_is_made(console: StandinConsole, account: Account, secrets: Secrets) -> None:
    old = console.api_key
    account.log_in(console.email, console.password)
    assert console.api_key == old, "logging in changes nothing"
    key = account.reset_key()
    assert (console.api_key, console.former_keys) == (key, [old])
    assert secrets.redact(key) == "********"
    assert account.reset_key() == console.api_key, "the same session can reset again"


@pytest.mark.parametrize(("email", "password"), [("nobody@example.com", "correct horse battery staple"), ("ops@example.com", "wrong password")])
def test_a_wrong_password(console: StandinConsole, account: Account, secrets: Secrets, email: str, password: str) -> None:
    secrets.add(password)
    with failing(Refused, console.host, "account_password", "nothing was changed", hiding=[password]):
        account.log_in(email, password)


def test_a_hardware_token(console: StandinConsole, account: Account, asked: Asked) -> None:
    console.set(hardware_token=True)
    with failing(Refused, console.email, "hardware token", "deploy key", "nothing was rolled", hiding=[console.password]):
        account.log_in(console.email, console.password)
    assert len(asked("console")) == 1


def test_nothing_without_a_session(console: StandinConsole, account: Account) -> None:
    with failing(Refused, console.host):
        account.reset_key()
    assert console.former_keys == []


def test_a_lost_reply(console: StandinConsole, account: Account, asked: Asked) -> None:
    """The old key is dead and nobody has the new one: not asked for twice here."""
    account.log_in(console.email, console.password)
    console.fault("drop_after", path="/graphql")
    with failing(NoAnswer, console.host, hiding=[console.api_key]) as caught:
        account.reset_key()
    assert caught.value.sent
    assert len(console.former_keys) == 1


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        "ok",
        {},
        {"data": None},
        {"data": []},
        {"data": {"login": None}},
        {"data": {"login": []}},
        {"data": {"login": {"key": OTHER}}},
        {"data": {"login": {"key": OTHER, "session": "s"}}},
        {"data": {"login": {"key": 7, "session": {"id": "s"}}}},
        {"data": {"login": {"session": {"id": "s"}}}},
        {"data": {"login": {"key": OTHER, "session": {}}}},
    ],
)
def test_a_login_of_another_shape(console: StandinConsole, account: Account, value: t.Any) -> None:
    answers(console, value)
    with failing(BadReply, console.host, "shape", hiding=[OTHER, console.password]):
        account.log_in(console.email, console.password)


@pytest.mark.parametrize("data", [None, {}, {"user_cli_token_reset": None}, {"user_cli_token_reset": ""}, {"user_cli_token_reset": 7}])
def test_a_reset_of_another_shape(console: StandinConsole, account: Account, data: t.Any) -> None:
    account.log_in(console.email, console.password)
    answers(console, {"data": data})
    with failing(BadReply, console.host, "shape"):
        account.reset_key()


@pytest.mark.parametrize(
    "errors", [[{"message": "rack is locked\nfor now"}], ["rack is locked for now"], [{"text": "rack is locked for now"}], {"a": "rack is locked for now"}]
)
def test_errors_come_with_status_200(console: StandinConsole, account: Account, errors: t.Any) -> None:
    answers(console, {"errors": errors, "data": None})
    with failing(BadReply, console.host, "the Console says", "rack is locked"):
        account.log_in(console.email, console.password)


def test_a_page_in_place_of_json(console: StandinConsole, account: Account) -> None:
    console.fault("html", path="/graphql")
    with failing(BadReply, "web page", hiding=[console.password]):
        account.log_in(console.email, console.password)
