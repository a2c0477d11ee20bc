# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Console that demands a session (convox-protocol, 6.1)."""
from __future__ import annotations

import typing as t

import pytest

from ansible_collections.convox.credentials.plugins.module_utils.cli_config import CliConfig, Layout
from ansible_collections.convox.credentials.plugins.module_utils.errors import BadReply, NoAnswer, Refused
from ansible_collections.convox.credentials.plugins.module_utils.keys import Secrets
from ansible_collections.convox.credentials.plugins.module_utils.transport import Credential, Transport
from tests.standin.console import Console as StandinConsole
from tests.standin.rack import Rack as StandinRack
from tests.unit.plugins.module_utils.conftest import Asked
from tests.unit.plugins.module_utils.support import failing

NewTransport = t.Callable[..., Transport]


@pytest.fixture(autouse=True)
def challenging(console: StandinConsole, rack: StandinRack) -> None:
    """Console demands a session, and knows a rack."""
    console.import_rack(rack)
    console.set(challenge=True)


@pytest.fixture
def cli(tmp_path: t.Any) -> CliConfig:
    return CliConfig([Layout(str(tmp_path))])


@pytest.fixture
def way(console: StandinConsole, transport: NewTransport, cli: CliConfig) -> Transport:
    return transport(console.host, sessions=cli)


def paths(asked: Asked) -> list[tuple[str, str, int]]:
    return [(each["method"], each["path"], each["status"]) for each in asked("console")]


def test_a_session_is_opened_kept_and_used(console: StandinConsole, way: Transport, cli: CliConfig, asked: Asked, transport: NewTransport) -> None:
    assert console.user_id in way.get("/auth", Credential(console.api_key)).text
    assert paths(asked) == [("GET", "/auth", 401), ("POST", "/session", 200), ("GET", "/auth", 200)]
    assert {cli.session(console.host)} == console.sessions
    # The next request, and the next run, have it.
    way.get("/auth", Credential(console.api_key))
    transport(console.host, sessions=cli).get("/auth", Credential(console.api_key))
    assert paths(asked)[3:] == [("GET", "/auth", 200)] * 2


def test_the_one_that_the_cli_opened_is_used(console: StandinConsole, way: Transport, cli: CliConfig, asked: Asked) -> None:
    console.sessions.add("of-the-cli")
    cli.set_session(console.host, "of-the-cli")
    way.get("/auth", Credential(console.api_key))
    assert paths(asked) == [("GET", "/auth", 200)]


def test_one_that_has_ended_is_opened_anew(console: StandinConsole, way: Transport, cli: CliConfig) -> None:
    cli.set_session(console.host, "long gone")
    way.get("/auth", Credential(console.api_key))
    console.forget_sessions()
    way.get("/auth", Credential(console.api_key))
    assert {cli.session(console.host)} == console.sessions


def test_without_a_place_to_keep_it(console: StandinConsole, transport: NewTransport, asked: Asked) -> None:
    way = transport(console.host)
    for _turn in range(2):
        way.get("/auth", Credential(console.api_key))
    assert len(asked("console", "POST", "/session")) == 1


def test_a_write_acts_once(console: StandinConsole, rack: StandinRack, way: Transport, asked: Asked) -> None:
    """The refused challenge has not acted, so that it is sent again with the session."""
    way.send("PUT", "/system", Credential(console.api_key), {"parameters": "InstanceCount=4"}, {"Rack": f"acme/{rack.name}"})
    assert paths(asked) == [("PUT", "/system", 401), ("POST", "/session", 200), ("PUT", "/system", 200)]
    assert len(asked(rack, "PUT")) == 1


def test_a_hardware_token_is_the_end(console: StandinConsole, way: Transport, cli: CliConfig, asked: Asked) -> None:
    console.set(hardware_token=True)
    with failing(Refused, console.host, "hardware token", "deploy key", hiding=[console.api_key]):
        way.get("/auth", Credential(console.api_key))
    assert paths(asked) == [("GET", "/auth", 401)]
    assert cli.session(console.host) is None


def test_a_deploy_key_is_asked_for_none(console: StandinConsole, way: Transport) -> None:
    console.set(hardware_token=True)
    console.spec.deploy_keys = ("DeployKeyDeployKeyDeployKey",)
    way.get("/auth", Credential("DeployKeyDeployKeyDeployKey"))


def test_a_challenge_without_end_is_refused(console: StandinConsole, way: Transport, asked: Asked) -> None:
    challenge = {"WWW-Authenticate": 'Session path="/session" token="false"'}
    console.fault("status", status=401, body="session required", headers=challenge, path="/auth", times=None)
    with failing(Refused, "401 session required", hiding=[console.api_key]):
        way.get("/auth", Credential(console.api_key))
    assert [path for _method, path, _status in paths(asked)] == ["/auth", "/session", "/auth"]


@pytest.mark.parametrize(
    "header", ['Session path="https://elsewhere/session" token="false"', 'Session token="false"', 'Session path=""', "Session", 'Basic realm="x"', ""]
)
def test_a_challenge_that_leads_elsewhere_is_a_refusal(console: StandinConsole, way: Transport, asked: Asked, header: str) -> None:
    console.fault("status", status=401, body="invalid authentication", headers={"WWW-Authenticate": header}, times=None)
    with failing(Refused, "invalid authentication", hiding=[console.api_key]):
        way.get("/auth", Credential(console.api_key))
    assert len(paths(asked)) == 1


def test_two_slashes_lead_nowhere_else(console: StandinConsole, way: Transport, rack: StandinRack, asked: Asked) -> None:
    console.fault("status", status=401, headers={"WWW-Authenticate": f'Session path="//{rack.host}/session" token="false"'})
    with failing(BadReply, console.host, hiding=[console.api_key]):
        way.get("/auth", Credential(console.api_key))
    assert asked(rack) == []


@pytest.mark.parametrize("body", ["{}", '{"id": 7}', "[]", "null", "ok"])
def test_a_session_without_an_id(console: StandinConsole, way: Transport, cli: CliConfig, body: str) -> None:
    console.fault("status", status=200, body=body, content_type="application/json", path="/session")
    with failing(BadReply, console.host, hiding=[console.api_key]):
        way.get("/auth", Credential(console.api_key))
    assert cli.session(console.host) is None


def test_a_session_that_can_not_be_opened(console: StandinConsole, way: Transport, cli: CliConfig) -> None:
    console.fault("drop_before", path="/session")
    with failing(NoAnswer, console.host, "/session", hiding=[console.api_key]):
        way.get("/auth", Credential(console.api_key))
    assert cli.session(console.host) is None


def test_an_id_is_a_secret(console: StandinConsole, transport: NewTransport, cli: CliConfig) -> None:
    secrets = Secrets()
    way = transport(console.host, sessions=cli, secrets=secrets)
    way.get("/auth", Credential(console.api_key))
    session = cli.session(console.host) or ""
    assert secrets.redact(f"{session} {console.api_key}") == "******** ********"
    console.fault("status", status=500, body=f"bad session {session}")
    with failing(BadReply, "bad session", hiding=[session]):
        way.get("/auth", Credential(console.api_key))


def test_an_expired_key_is_named(console: StandinConsole, way: Transport) -> None:
    console.set(expired=True)
    with failing(Refused, console.host, "expired", "rotate_console_api_key", hiding=[console.api_key]):
        way.get("/auth", Credential(console.api_key))
