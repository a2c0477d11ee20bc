# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""rack_access: tokens that work are issued and shown once, and the end of all of them is proven by old ones."""
from __future__ import annotations

import base64
import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.plays import token_of
from tests.integration.watching import asked, busy_until_another_key_is_set, nothing_changes, wait_until
from tests.leaks import found_in
from tests.standin import tokens

if TYPE_CHECKING:
    from tests.integration.ansible import Result
    from tests.integration.conftest import NewRack
    from tests.integration.direct import Direct
    from tests.integration.machine import Machine
    from tests.standin import Standin
    from tests.standin.console import Console
    from tests.standin.rack import Rack

TOKEN, ROTATE = "/system/jwt/token", "/system/jwt/rotate"
BEFORE_TOKENS = "20230704162932"
ROLLED = {"state": "signing_key_rolled", "confirm_period": 0, "confirm_interval": 0}
NO_TOKENS: list[tuple[Any, str]] = [({"token": ""}, "empty token"), ({"token": "short"}, "no token"), ({"token": 7}, "no token"), ([], "no token")]


def secret_of(token: str) -> str:
    """Its signature: what it says of itself, all tokens of that second say."""
    return token.rpartition(".")[2]


def token_in(machine: Machine, made: Result) -> str:
    """The token of a result, which nothing else may show."""
    user, dummy, rest = made["rack_url"].removeprefix("https://").partition(":")
    token, dummy, host = rest.partition("@")
    assert (user, host) == ("jwt", made["rack_domain"])
    machine.typed.add(secret_of(token))
    machine.returned.add(secret_of(token))
    return str(token)


def rack_url(machine: Machine, rack: Rack, token: str) -> str:
    machine.typed.add(secret_of(token))
    return f"https://jwt:{token}@{rack.host}"


def claims_of(token: str) -> dict[str, Any]:
    body = token.split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return claims


def takers(rack: Rack, token: str) -> list[bool]:
    """Of each container that a request could reach now, whether it takes the token."""
    taken = []
    for each in rack.service.answering():
        try:
            taken.append(bool(tokens.role_of(each.signing_key, token)))
        except tokens.BadToken:
            taken.append(False)
    return taken


def signing_keys(rack: Rack) -> set[str]:
    """Those by which a request could be judged now."""
    return {each.signing_key for each in rack.service.answering()}


def sent(rack: Rack, convox: Standin, path: str) -> int:
    return len(asked(convox, f"rack {rack.name}", path=path))


def says(said: str, *words: str) -> None:
    assert [word for word in words if word not in said] == [], said


# -- issued -------------------------------------------------------------------------------------------------------
def test_a_token_is_issued(machine: Machine, convox: Standin, rack: Rack) -> None:
    machine.log_in(rack.host, rack.key)
    with nothing_changes(machine):
        made = machine.run("rack_access", host=rack.host, hours=3, return_key=True, diff=True)
    token = token_in(machine, made)
    assert takers(rack, token) == [True, True]
    assert (made.changed, made["host"], made["rack"], made["role"]) == (True, rack.host, rack.name, "read")
    assert claims_of(token)["role"] == "r"
    ends = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(claims_of(token)["expiresAt"]))
    # Never later than the token's own word; the server's date has whole seconds, and a request takes some time.
    assert time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(claims_of(token)["expiresAt"] - 3)) <= made["expires_at"] <= ends
    assert made["diff"] == {"before": {}, "after": {"role": "read", "expires_at": made["expires_at"], "fingerprint": made["fingerprint"]}}
    says(made.warnings, rack.name, "every v2 rack of the account in us-east-1")
    # Then it is asked with: more often than there are containers, and each of them.
    (number,) = [number for number, each in enumerate(asked(convox, f"rack {rack.name}")) if each["path"] == TOKEN]
    checks = [each["container"] for each in asked(convox, f"rack {rack.name}")[number + 1 :] if each["path"] == "/system"]
    assert (len(checks) >= 6, len(set(checks))) == (True, 2)


def test_it_is_returned_in_one_field_and_shown_nowhere_else(machine: Machine, rack: Rack) -> None:
    machine.verbosity = 3
    made = machine.run("rack_access", host=rack.host, api_key=rack.key, return_key=True, diff=True)
    token = token_in(machine, made)
    assert [name for name, value in made.data.items() if secret_of(token) in json.dumps(value)] == ["rack_url"]
    output = machine.close()
    assert output.count(f'"rack_url": "{made["rack_url"]}"') == 1
    assert found_in(output.replace(made["rack_url"], ""), [secret_of(token)]) == []


def test_a_token_that_issues_another_is_not_returned(machine: Machine, convox: Standin, rack: Rack) -> None:
    """Within one second a rack gives the same one twice."""
    machine.verbosity = 3
    given = token_of(rack, convox)
    rack.fault("status", path=TOKEN, skip=1, status=200, body=json.dumps({"token": given}), content_type="application/json")
    made = machine.run("rack_access", rack_url=rack_url(machine, rack, given), role="write", return_key=True)
    assert token_in(machine, made) != given
    assert found_in(machine.close(), [secret_of(given)]) == []
    # The test's own, the question whether it may write, and two.
    assert sent(rack, convox, TOKEN) == 4


def test_check_mode(machine: Machine, convox: Standin, rack: Rack) -> None:
    machine.log_in(rack.host, rack.key)
    with nothing_changes(machine):
        told = machine.run("rack_access", host=rack.host, return_key=True, check_mode=True)
    assert (told.changed, told["expires_at"], told["fingerprint"], "rack_url" in told.data) == (True, None, None, False)
    assert sent(rack, convox, TOKEN) == 0


def test_bad_input(machine: Machine, convox: Standin, rack: Rack) -> None:
    """Before anybody is asked."""
    given = {"host": rack.host, "api_key": rack.key}
    with nothing_changes(machine, locks=False):
        says(machine.fail("rack_access", **given).msg, "return_key: ", "nothing was asked")
        says(machine.fail("rack_access", **given, check_mode=True).msg, "return_key: ")
        says(machine.fail("rack_access", **given, return_key=True, hours=0).msg, "hours: 0", "1 or more")
        says(machine.fail("rack_access", **given, return_key=True, hours=169).msg, "hours: 169", "168 or less")
        says(machine.fail("rack_access", **given, return_key=True, role="admin").msg, "role", "read, write")
        says(machine.fail("rack_access", **given, state="signing_key_rolled", wait_timeout=0).msg, "wait_timeout: 0", "1 or more")
    assert asked(convox, f"rack {rack.name}") == []


def test_through_a_console(machine: Machine, convox: Standin, new_rack: NewRack, console: Console) -> None:
    """The Console has it issued, and it is for the rack itself, which is asked."""
    rack = new_rack(console=True)
    machine.log_in(console.host, console.api_key)
    before = len(asked(convox, "console", path=TOKEN))
    made = machine.run("rack_access", host=console.host, rack=f"acme/{rack.name}", role="write", return_key=True)
    token = token_in(machine, made)
    assert (made["host"], made["rack"], made["rack_domain"]) == (console.host, rack.name, rack.host)
    assert (takers(rack, token), claims_of(token)["role"]) == ([True, True], "rw")
    assert len(asked(convox, "console", path=TOKEN)) - before == 1


def test_through_a_console_where_the_rack_itself_is_out_of_reach(machine: Machine, new_rack: NewRack, console: Console) -> None:
    rack = new_rack(console=True, rack_domain="rack.nowhere.invalid")
    machine.log_in(console.host, console.api_key)
    given = {"host": console.host, "rack": f"acme/{rack.name}"}
    failed = machine.fail("rack_access", **given, return_key=True)
    says(failed.msg, rack.name, "rack.nowhere.invalid did not take it", "no such host name", "reachable from here")
    assert (failed["changed"], "rack_url" in failed.data) == (True, False)
    with nothing_changes(machine, locks=False):
        says(machine.fail("rack_access", **given, **ROLLED).msg, "rack.nowhere.invalid", "the signing key was not rolled", "reachable from here")


def test_a_rack_that_does_not_tell_its_domain(machine: Machine, new_rack: NewRack, console: Console) -> None:
    """The token must not go to the Console in its place."""
    rack = new_rack(console=True, version="3.0.0", terse=True)
    machine.log_in(console.host, console.api_key)
    given = {"host": console.host, "rack": f"acme/{rack.name}"}
    with nothing_changes(machine, locks=False):
        for more in ({"return_key": True}, ROLLED):
            says(machine.fail("rack_access", **given, **more).msg, rack.name, "does not tell its own domain", "by its own host")
    assert (sent(rack, machine.convox, TOKEN), sent(rack, machine.convox, ROTATE)) == (0, 0)


@pytest.mark.parametrize(("reply", "words"), NO_TOKENS)
def test_what_is_no_token(machine: Machine, rack: Rack, reply: Any, words: str) -> None:
    rack.fault("status", path=TOKEN, status=200, body=json.dumps(reply), content_type="application/json", times=None)
    with nothing_changes(machine, locks=False):
        for more in ({"return_key": True}, ROLLED):
            failed = machine.fail("rack_access", host=rack.host, api_key=rack.key, **more)
            says(failed.msg, rack.name, words, "nothing was changed")
            assert (failed["changed"], "rack_url" in failed.data) == (False, False)


@pytest.mark.parametrize("more", [{"return_key": True}, ROLLED], ids=["issued", "signing_key_rolled"])
def test_a_release_without_tokens(machine: Machine, convox: Standin, new_rack: NewRack, more: dict[str, Any]) -> None:
    rack = new_rack(version=BEFORE_TOKENS)
    with nothing_changes(machine, locks=False):
        for check_mode in (True, False):
            failed = machine.fail("rack_access", host=rack.host, api_key=rack.key, check_mode=check_mode, **more)
            says(failed.msg, rack.name, BEFORE_TOKENS, "since 20230704162933", "nothing was changed", "update the rack")
    assert (sent(rack, convox, TOKEN), sent(rack, convox, ROTATE)) == (0, 0)


def test_a_v3_release_without_tokens(machine: Machine, new_rack: NewRack) -> None:
    """Its number does not tell."""
    rack = new_rack(version="3.2.1")
    rack.fault("status", path=TOKEN, status=404, body="", times=None)
    failed = machine.fail("rack_access", host=rack.host, api_key=rack.key, return_key=True)
    says(failed.msg, "its release 3.2.1 has no tokens", "nothing was changed")


def with_two_signing_keys(new_rack: NewRack) -> Rack:
    """Another rack of the account has rolled it, and one container of this one has started anew since."""
    rack, other = new_rack(), new_rack()
    other.rotate_signing_key()
    rack.restart(rack.service.answering()[0].id)
    rack.wait_at_rest()
    assert len(signing_keys(rack)) == 2
    return rack


def test_containers_that_have_different_signing_keys(machine: Machine, new_rack: NewRack) -> None:
    rack = with_two_signing_keys(new_rack)
    given = {"host": rack.host, "api_key": rack.key}
    failed = machine.fail("rack_access", **given, return_key=True)
    says(failed.msg, rack.name, "did not take it", "state: signing_key_rolled")
    assert "rack_url" not in failed.data

    of_each = [tokens.issue(each.signing_key, "read", 1) for each in rack.service.answering()]
    assert machine.run("rack_access", **given, **ROLLED)["old_refused"] == "true"
    assert [takers(rack, token) for token in of_each] == [[False, False]] * 2
    assert takers(rack, token_in(machine, machine.run("rack_access", **given, return_key=True))) == [True, True]


# -- a token in place of the rack's key ---------------------------------------------------------------------------
def test_what_a_token_may_do(machine: Machine, new_rack: NewRack) -> None:
    rack = new_rack(apps=[{"name": "web", "release": "RABCDEFGHI", "parameters": {"RackUrl": "Yes"}}])
    given = {"host": rack.host, "api_key": rack.key, "return_key": True}
    read, write = (machine.run("rack_access", role=role, **given) for role in ("read", "write"))
    for each in (read, write):
        token_in(machine, each)
        assert machine.run("rack_info", rack_url=each["rack_url"]).failed is False
    with nothing_changes(machine, locks=False):
        says(machine.fail("app_promote", rack_url=read["rack_url"]).msg, "web", "the token's role does not allow that", "role: write")
        for check_mode in (True, False):
            failed = machine.fail("rack_access", rack_url=read["rack_url"], return_key=True, check_mode=check_mode)
            says(failed.msg, rack.name, "the token may only read", "role: write", "nothing was changed")
        assert machine.run("rack_access", rack_url=write["rack_url"], return_key=True, check_mode=True).changed
        for each in (read, write):
            failed = machine.fail("rack_access", rack_url=each["rack_url"], **ROLLED)
            says(failed.msg, rack.name, "a token ends with the signing key", "nothing was changed", "the rack's own key")
        for module in ("rack_keyroll", "instance_keyroll"):
            says(machine.fail(module, rack_url=read["rack_url"]).msg, rack.name, "the token may only read", "nothing was changed", "role: write")
        for each in (read, write):
            says(machine.fail("convox_login", rack_url=each["rack_url"]).msg, rack.host, "a token can't be logged in with", "nothing was written", "RACK_URL")
    assert machine.run("app_promote", rack_url=write["rack_url"])["promoted"] == ["web"]
    assert rack.carried_keys() == {"web": rack.key}


def test_a_token_that_has_ended(machine: Machine, rack: Rack) -> None:
    ended = tokens.issue(rack.signing_key().value, "write", -1)
    failed = machine.fail("rack_access", rack_url=rack_url(machine, rack, ended), return_key=True)
    says(failed.msg, "every known key is refused", "token is expired", "nothing was changed")


@pytest.mark.parametrize("activate", ["ecs", "signing_key"])
def test_a_rack_s_key_is_rolled_with_a_token(machine: Machine, rack: Rack, activate: str) -> None:
    """Tokens survive a roll of the rack's key, but not one of their own."""
    token = token_of(rack, machine.convox)
    rolled = machine.run("rack_keyroll", rack_url=rack_url(machine, rack, token), activate=activate)
    assert rolled["phase"] == "committed"
    assert rack.accepted_keys == {machine.auth()[rack.host]} == {rack.key}
    assert takers(rack, token) == [activate == "ecs"] * 2


# -- signing_key_rolled -------------------------------------------------------------------------------------------
def test_the_signing_key_is_rolled(machine: Machine, convox: Standin, new_rack: NewRack) -> None:
    rack, other = new_rack(restart_seconds=0.3, drain_seconds=1.0), new_rack()
    machine.log_in(rack.host, rack.key)
    old, key, version = [token_of(each, convox) for each in (rack, other)], rack.key, rack.signing_key().version
    with nothing_changes(machine):
        told = machine.run("rack_access", host=rack.host, check_mode=True, **ROLLED)
    assert (told.changed, told["old_refused"]) == (True, "unknown")
    assert (sent(rack, convox, ROTATE), sent(rack, convox, TOKEN)) == (0, 1)

    done = machine.run("rack_access", host=rack.host, **ROLLED, diff=True)
    # At this very moment, when containers that drain could still answer.
    assert takers(rack, old[0]) == [False] * len(rack.service.answering())
    assert (done.changed, done["old_refused"], done["rack"], done["rack_domain"]) == (True, "true", rack.name, rack.host)
    assert (rack.signing_key().version, sent(rack, convox, ROTATE)) == (version + 1, 1)
    assert rack.accepted_keys == {key} == {rack.key}
    for result in (told, done):
        says(result.warnings, "convox-jwt-key", "all v2 racks of the account in us-east-1", other.name, "next restart")
    assert takers(other, old[1]) == [True, True]
    other.restart()
    other.wait_at_rest()
    assert takers(other, old[1]) == [False, False]


def test_rounds_go_on_while_a_container_drains(machine: Machine, convox: Standin, direct: Direct, new_rack: NewRack) -> None:
    """By default as long as one may drain, however many rounds that takes."""
    rack = new_rack(drain_seconds=0.6)
    machine.log_in(rack.host, rack.key)
    token = token_of(rack, convox)
    began = len(asked(convox, f"rack {rack.name}", "GET", "/system"))
    done = direct("rack_access", host=rack.host, state="signing_key_rolled", confirm_period=35, confirm_interval=1)
    assert (done.msg, done["old_refused"]) == (None, "true")
    assert takers(rack, token) == [False, False]
    assert done["waited_s"] >= 35
    after = [each for each in asked(convox, f"rack {rack.name}", "GET", "/system")[began:] if each["status"] == 401]
    assert len(after) >= 6


def test_a_rack_of_version_3(machine: Machine, convox: Standin, new_rack: NewRack) -> None:
    rack = new_rack(version="3.18.2")
    machine.log_in(rack.host, rack.key)
    made = machine.run("rack_access", host=rack.host, return_key=True)
    token = token_in(machine, made)
    assert takers(rack, token) == [True, True]
    done = machine.run("rack_access", host=rack.host, **ROLLED)
    assert (done["old_refused"], takers(rack, token)) == ("true", [False, False])
    assert [word for word in ("account", "latent") if word in made.warnings + done.warnings] == []
    assert sent(rack, convox, ROTATE) == 1


def test_a_key_that_the_restart_would_bring_into_force(machine: Machine, convox: Standin, direct: Direct, rack: Rack) -> None:
    old = rack.key
    machine.log_in(rack.host, old)
    machine.run("rack_keyroll", host=rack.host, activate="none")
    with nothing_changes(machine, locks=False):
        for check_mode in (True, False):
            pending = machine.fail("rack_access", host=rack.host, check_mode=check_mode, **ROLLED)
            says(pending.msg, rack.name, "unfinished rotation", "nothing was changed", "rotate_rack_keys")
        elsewhere = direct("rack_access", host=rack.host, api_key=old, config_dir=str(machine.home / "other"), **ROLLED)
        says(str(elsewhere.msg), rack.name, "is latent", "nothing was changed", "rotate_rack_keys")
    assert (sent(rack, convox, ROTATE), sent(rack, convox, TOKEN), rack.accepted_keys) == (0, 0, {old})
    assert machine.run("rack_keyroll", host=rack.host)["phase"] == "committed"
    assert machine.run("rack_access", host=rack.host, **ROLLED)["old_refused"] == "true"
    assert rack.accepted_keys == {rack.key}


def test_a_key_that_is_set_while_the_stack_is_waited_for(machine: Machine, convox: Standin, direct: Direct, rack: Rack) -> None:
    """What was asked before the wait says nothing after it."""
    old, latent = rack.key, "N" * 30
    machine.unknowable = {latent}
    meanwhile = busy_until_another_key_is_set(rack, latent)
    refused = direct("rack_access", host=rack.host, api_key=old, meanwhile=meanwhile, **ROLLED)
    says(str(refused.msg), rack.name, "is latent", "nothing was changed", "rotate_rack_keys")
    assert (sent(rack, convox, ROTATE), rack.accepted_keys, rack.key) == (0, {old}, latent)


def test_without_aws_a_latent_key_comes_into_force_and_is_said(machine: Machine, direct: Direct, rack: Rack) -> None:
    """Nobody could know; before, there is a warning."""
    old = rack.key
    machine.aws = False
    rack.set_password("N" * 30)
    machine.unknowable = {"N" * 30}
    rack.wait_at_rest()
    done = direct("rack_access", host=rack.host, api_key=old, wait_timeout=60, **ROLLED)
    says(str(done.msg), rack.name, "its own key is refused", "rotate_rack_keys")
    says("\n".join(done.warnings), "lies latent")
    assert done["changed"] is True
    assert rack.accepted_keys == {"N" * 30}


# -- signing_key_rolled: what becomes of the request --------------------------------------------------------------
@pytest.mark.parametrize("fault", [{"action": "drop_after"}, {"action": "cut"}, {"action": "duplicate"}])
def test_a_reply_that_is_lost(machine: Machine, convox: Standin, direct: Direct, rack: Rack, fault: dict[str, Any]) -> None:
    token = token_of(rack, convox)
    rack.fault(path=ROTATE, **fault)
    done = direct("rack_access", host=rack.host, api_key=rack.key, **ROLLED)
    assert (done.msg, done["old_refused"], takers(rack, token)) == (None, "true", [False, False])
    assert sent(rack, convox, ROTATE) == 1


@pytest.mark.parametrize("stored", [False, True])
def test_an_error_after_which_old_tokens_live_on(machine: Machine, convox: Standin, direct: Direct, rack: Rack, stored: bool) -> None:
    """Nobody can tell whether the new key is stored, so that it is sent again by the next run only."""
    token, version = token_of(rack, convox), rack.signing_key().version
    if stored:
        rack.fault("refuse_restart", error="ServerException", message="try again")
    else:
        rack.fault("status", path=ROTATE, status=502, body="Bad Gateway\n")
    done = direct("rack_access", host=rack.host, api_key=rack.key, **ROLLED)
    says(str(done.msg), rack.name, "it is not known whether the signing key was rolled", "502" if not stored else "try again", "run again")
    assert (done["changed"], done["old_refused"]) == (True, "false")
    assert (sent(rack, convox, ROTATE), rack.signing_key().version, takers(rack, token)) == (1, version + stored, [True, True])
    done = direct("rack_access", host=rack.host, api_key=rack.key, **ROLLED)
    assert (done.msg, takers(rack, token), sent(rack, convox, ROTATE)) == (None, [False, False], 2)


def test_a_definite_no(machine: Machine, convox: Standin, rack: Rack) -> None:
    rack.fault("status", path=ROTATE, status=401, body="you are unauthorized to access this\n")
    with nothing_changes(machine, locks=False):
        failed = machine.fail("rack_access", host=rack.host, api_key=rack.key, **ROLLED)
    says(failed.msg, rack.name, "the signing key was not rolled", "you are unauthorized", "nothing was changed")
    assert (failed["changed"], sent(rack, convox, ROTATE)) == (False, 1)


def test_containers_that_do_not_start(machine: Machine, convox: Standin, direct: Direct, rack: Rack) -> None:
    token = token_of(rack, convox)
    rack.fault("container_never_starts", times=None)
    done = direct("rack_access", host=rack.host, api_key=rack.key, wait_timeout=60, **ROLLED)
    says(str(done.msg), rack.name, "wait_timeout is over", "some container still accepts old tokens", "run again")
    assert (done["changed"], done["old_refused"], sent(rack, convox, ROTATE)) == (True, "false", 1)
    rack.faults.clear()
    rack.wait_at_rest()
    assert takers(rack, token) == [False, False]


@pytest.mark.parametrize("others", [0, 1])
def test_each_container_has_a_witness(machine: Machine, convox: Standin, direct: Direct, new_rack: NewRack, others: int) -> None:
    """Whichever of two that have different signing keys does not start anew: it still takes the tokens of its own."""
    rack = with_two_signing_keys(new_rack)
    for _number in range(others):
        # Each new connection reaches the next container.
        token_of(rack, convox)
    rack.fault("container_never_starts", skip=1, times=None)
    done = direct("rack_access", host=rack.host, api_key=rack.key, wait_timeout=300, **ROLLED)
    says(str(done.msg), rack.name, "some container still accepts old tokens")
    assert len(signing_keys(rack)) == 2
    rack.faults.clear()
    rack.wait_at_rest()
    assert signing_keys(rack) == {rack.signing_key().value}


def test_without_waiting(machine: Machine, convox: Standin, new_rack: NewRack) -> None:
    rack = new_rack(restart_seconds=1.0)
    done = machine.run("rack_access", host=rack.host, api_key=rack.key, wait=False, **ROLLED)
    says(done.warnings, rack.name, "nobody has confirmed")
    assert (done.changed, done["old_refused"], sent(rack, convox, ROTATE)) == (True, "false", 1)


def test_two_at_once_and_one_that_was_killed(machine: Machine, convox: Standin, new_rack: NewRack) -> None:
    """There is nothing to resume: the next run rolls it once more."""
    rack = new_rack(restart_seconds=2.0)
    machine.log_in(rack.host, rack.key)
    token = token_of(rack, convox)
    began = machine.begin("rack_access", host=rack.host, **ROLLED)
    wait_until(lambda: sent(rack, convox, ROTATE) == 1)
    for module, more in (("rack_access", ROLLED), ("rack_keyroll", {})):
        says(machine.fail(module, host=rack.host, **more).msg, rack.name, "pid")
    began.kill()
    rack.set(restart_seconds=0.0)
    assert machine.run("rack_access", host=rack.host, **ROLLED)["old_refused"] == "true"
    assert (takers(rack, token), sent(rack, convox, ROTATE)) == ([False] * len(rack.service.answering()), 2)
