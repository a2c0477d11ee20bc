# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What answers is not what was expected: said in one line, with nothing changed; and what a moment's trouble is worth."""
from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.watching import asked, nothing_changes
from tests.standin.journal import fingerprint

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.integration.conftest import NewRack
    from tests.integration.machine import Machine
    from tests.standin.console import Console
    from tests.standin.rack import Rack

RACK_MODULES = ("convox_login", "rack_keyroll", "instance_keyroll")


@pytest.fixture
def unchanged(machine: Machine, rack: Rack) -> Iterator[Machine]:  # the rack is there before, to be compared
    """A machine on which the whole test changes nothing, and no AWS helps out."""
    machine.aws = False
    with nothing_changes(machine, locks=False):
        yield machine


def test_unknown_host(machine: Machine) -> None:
    """At once, also where AWS could help against a lost key."""
    with nothing_changes(machine):
        for module in RACK_MODULES:
            refused = machine.fail(module, host="nowhere.invalid", api_key="k" * 30, retries=0)
            assert "there is no such host name; check host" in refused.msg


def test_nobody_answers(unchanged: Machine) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        refused = unchanged.fail("convox_login", host=f"127.0.0.1:{taken.getsockname()[1]}", api_key="k" * 30, retries=0)
    assert "the connection is refused" in refused.msg


def test_the_balancer_knows_no_such_rack(unchanged: Machine, rack: Rack) -> None:
    """Reached by a name that is not the rack's: the load balancer's own reply, which has no Request-Id."""
    rack.fault("status", status=404, body="unknown host", times=None)
    for module in RACK_MODULES:
        refused = unchanged.fail(module, host=rack.host, api_key=rack.key)
        assert "404 unknown host" in refused.msg
        assert "Request-Id" not in refused.msg


def test_wrong_key(unchanged: Machine, rack: Rack) -> None:
    wrong = "Wrong123" * 4
    assert "invalid authentication" in unchanged.fail("convox_login", host=rack.host, api_key=wrong).msg
    for module in RACK_MODULES[1:]:
        refused = unchanged.fail(module, host=rack.host, api_key=wrong)
        assert "invalid authentication" in refused.msg
        assert "nothing was changed" in refused.msg
    assert asked(unchanged.convox, f"rack {rack.name}", "PUT") == asked(unchanged.convox, f"rack {rack.name}", "POST") == []


def test_a_refused_key_gives_way_to_the_next(machine: Machine, rack: Rack) -> None:
    machine.log_in(rack.host, rack.key)
    result = machine.run("rack_keyroll", host=rack.host, api_key="Wrong123" * 4)
    assert "from api_key is refused; trying the next one" in result.warnings
    assert rack.accepted_keys == {machine.auth()[rack.host]}


def test_a_rack_that_accepts_any_key(machine: Machine, new_rack: NewRack) -> None:
    rack = new_rack(key="")
    with nothing_changes(machine, locks=False):
        assert "accepts any key" in machine.fail("rack_keyroll", host=rack.host, api_key="k" * 30).msg
    assert asked(machine.convox, f"rack {rack.name}", "PUT") == []


@pytest.mark.parametrize("fault", [{"action": "html"}, {"action": "status", "status": 200, "body": "[]", "content_type": "application/json"}])
def test_not_a_rack(unchanged: Machine, rack: Rack, fault: dict[str, Any]) -> None:
    rack.fault(**fault, path="^/system$", times=None)
    for module in RACK_MODULES:
        refused = unchanged.fail(module, host=rack.host, api_key=rack.key)
        assert "check" in refused.msg
        assert "host" in refused.msg


def test_a_console_where_a_rack_was_meant(unchanged: Machine, console: Console) -> None:
    """Without the rack's name a Console answers 200 with its page."""
    for module in RACK_MODULES[1:]:
        refused = unchanged.fail(module, host=console.host, api_key=console.api_key)
        assert "web page" in refused.msg
        assert "rack for a Console" in refused.msg


def test_a_rack_that_the_console_does_not_know(unchanged: Machine, console: Console) -> None:
    for module in RACK_MODULES:
        assert "rack not found" in unchanged.fail(module, host=console.host, api_key=console.api_key, rack="acme/nothing").msg


def test_an_account_with_a_hardware_token(unchanged: Machine, console: Console) -> None:
    console.set(hardware_token=True)
    for module in ("convox_login", "rack_keyroll"):
        refused = unchanged.fail(module, host=console.host, api_key=console.api_key, rack="acme/any")
        assert "hardware token" in refused.msg
        assert "deploy key" in refused.msg


def test_an_expired_console_key(unchanged: Machine, console: Console) -> None:
    console.set(expired=True)
    refused = unchanged.fail("convox_login", host=console.host, api_key=console.api_key)
    assert "the Console API key is expired; roll it with rotate_console_api_key" in refused.msg


def test_a_session_challenge(machine: Machine, console: Console) -> None:
    """Answered once; the session is kept where the CLI keeps it, and used until the Console forgets it."""
    console.set(challenge=True)
    sessions = len(asked(machine.convox, "console", "POST", "/session"))
    machine.run("convox_login", host=console.host, api_key=console.api_key)
    (session,) = console.sessions
    assert machine.read_json(machine.config / "session") == {console.host: session}
    assert oct((machine.config / "session").stat().st_mode & 0o777) == "0o600"
    machine.run("convox_login", host=console.host)
    assert len(asked(machine.convox, "console", "POST", "/session")) == sessions + 1
    console.forget_sessions()
    machine.run("convox_login", host=console.host)
    assert machine.read_json(machine.config / "session") == {console.host: next(iter(console.sessions))} != {console.host: session}
    # Check mode needs one too, and keeps it for itself.
    console.forget_sessions()
    with nothing_changes(machine):
        machine.run("convox_login", host=console.host, check_mode=True)


def test_reads_are_tried_again(machine: Machine, rack: Rack) -> None:
    for status in (502, 503, 429):
        rack.fault("status", status=status, headers={"Retry-After": "0"}, path="^/auth$")
    assert machine.run("convox_login", host=rack.host, api_key=rack.key).changed
    rack.fault("status", status=503, body="Service Unavailable\n", path="^/auth$", times=None)
    before = len(asked(machine.convox, f"rack {rack.name}", path="/auth"))
    assert "503 Service Unavailable" in machine.fail("convox_login", host=rack.host, retries=1).msg
    assert len(asked(machine.convox, f"rack {rack.name}", path="/auth")) == before + 2


def test_a_slow_server(unchanged: Machine, rack: Rack) -> None:
    rack.fault("delay", seconds=3.0, times=None)
    assert "no reply within 1 s" in unchanged.fail("convox_login", host=rack.host, api_key=rack.key, timeout=1).msg


def test_a_request_id_is_quoted(unchanged: Machine, rack: Rack) -> None:
    rack.fault("status", status=500, body="oh no\nsecond line\n", headers={"Request-Id": "abc-123"}, times=None)
    refused = unchanged.fail("convox_login", host=rack.host, api_key=rack.key)
    assert "500 oh no second line (Request-Id abc-123)" in refused.msg


@pytest.fixture
def unfinished(machine: Machine, new_rack: NewRack) -> Rack:
    """A rack whose rotation is under way: its keys, old and new, are kept."""
    rack = new_rack(update_seconds=3600.0)
    machine.log_in(rack.host, rack.key)
    machine.run("rack_keyroll", host=rack.host, wait=False)
    return rack


@pytest.mark.parametrize("begun", [True, False], ids=["its keys are kept", "nothing is kept"])
@pytest.mark.parametrize("module", ["rack_keyroll", "instance_keyroll", "rack_access"])
def test_a_rack_that_calls_itself_another(machine: Machine, new_rack: NewRack, request: pytest.FixtureRequest, module: str, begun: bool) -> None:
    """It would be asked whether it takes the other's keys, or leave one of its own to be set there."""
    other = request.getfixturevalue("unfinished") if begun else new_rack()
    pretender = new_rack(rack_domain=other.host)
    machine.log_in(pretender.host, pretender.key)
    more = {"state": "signing_key_rolled"} if module == "rack_access" else {}
    with nothing_changes(machine, locks=False):
        refused = machine.fail(module, host=pretender.host, **more)
    assert f"answers as {other.host}, which does not take the key" in refused.msg
    assert keys_told(machine, pretender) == {fingerprint(pretender.key)}, "no key but its own"


@pytest.mark.parametrize("module", ["rack_keyroll", "instance_keyroll", "rack_access"])
def test_a_rack_behind_a_console_that_calls_itself_another(machine: Machine, console: Console, unfinished: Rack, new_rack: NewRack, module: str) -> None:
    pretender = new_rack(console=True, rack_domain=unfinished.host)
    machine.unknowable.add(pretender.key)
    machine.log_in(console.host, console.api_key)
    more = {"rack_access": {"state": "signing_key_rolled"}, "rack_keyroll": {"console_sync": "none"}}.get(module, {})
    before = len(asked(machine.convox, "console"))
    with nothing_changes(machine, locks=False):
        refused = machine.fail(module, host=console.host, rack=f"acme/{pretender.name}", **more)
    assert f"answers as {unfinished.host}, of which keys are kept" in refused.msg
    assert keys_told(machine, pretender) == {fingerprint(pretender.key)}, "no key but its own"
    assert {each["method"] for each in asked(machine.convox, "console")[before:]} == {"GET"}


def test_one_that_is_the_same_goes_on_through_a_console(machine: Machine, console: Console, new_rack: NewRack) -> None:
    """Begun by its own host, and gone on with by way of a Console that has it."""
    rack = new_rack(console=True)
    machine.log_in(rack.host, rack.key)
    machine.run("rack_keyroll", host=rack.host, activate="none")
    machine.log_in(console.host, console.api_key)
    done = machine.run("rack_keyroll", host=console.host, rack=f"acme/{rack.name}", console_sync="none")
    assert (done["phase"], done["resumed"]) == ("committed", True)


def keys_told(machine: Machine, rack: Rack) -> set[str]:
    return {each["key_fingerprint"] for each in asked(machine.convox, f"rack {rack.name}")}


def test_a_key_of_an_alias_that_nobody_kept(machine: Machine, rack: Rack) -> None:
    """As after a roll by hand: the rack takes it by its own name too."""
    machine.log_in(rack.host, rack.key)
    machine.run("rack_keyroll", host=rack.host)
    rack.set_password("ByHand42" * 4)
    rack.wait_at_rest()
    rack.restart()
    rack.wait_at_rest()
    alias = rack.host.replace("127.0.0.1", "localhost")
    assert machine.run("rack_keyroll", host=alias, api_key="ByHand42" * 4).changed
