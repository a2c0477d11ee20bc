# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The key that the stack holds is not the key that a container accepts (convox-protocol.md, 3.2)."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Callable

import pytest
import requests

from tests.standin.spec import TOKENS_SINCE

if TYPE_CHECKING:
    from tests.standin import Standin
    from tests.standin.rack import Rack

NEW = "NewKeyNewKeyNewKeyNewKeyNewKey"
Ask = Callable[..., requests.Response]


@pytest.fixture
def accepted(ask: Ask) -> Callable[..., list[bool]]:
    """Tries a key on so many new connections."""

    def accepted(rack: Rack, key: str, times: int = 4) -> list[bool]:
        return [ask(rack, "GET", "/auth", key).status_code == 200 for _number in range(times)]

    return accepted


def test_changed_password_is_latent(rack: Rack, ask: Ask, accepted: Callable[..., list[bool]]) -> None:
    """The update ends well, the status says running, and the old key is the one that works."""
    old = rack.key
    assert ask(rack, "PUT", "/system", data={"parameters": f"Password={NEW}"}).text == "ok\n"
    rack.wait_at_rest()
    assert rack.stack.status == "UPDATE_COMPLETE"
    assert ask(rack, "GET", "/system", old).json()["status"] == "running"
    assert (rack.key, rack.secret().value) == (NEW, NEW)
    assert accepted(rack, old) == [True] * 4
    assert accepted(rack, NEW) == [False] * 4


def test_forced_deployment_activates_it(
    rack: Rack, aws: Callable[[str], Any], accepted: Callable[..., list[bool]]
) -> None:
    """By way of AWS."""
    old = rack.key
    rack.set_password(NEW)
    rack.wait_at_rest()
    aws("ecs").update_service(cluster=rack.cluster.name, service=rack.web.arn, forceNewDeployment=True)
    rack.wait_at_rest()
    assert accepted(rack, NEW) == [True] * 4
    assert accepted(rack, old) == [False] * 4


def test_rotating_the_signing_key_activates_it(rack: Rack, ask: Ask, accepted: Callable[..., list[bool]]) -> None:
    """Without AWS; the signing key changes, too."""
    old, version = rack.key, rack.truth()["signing_key_version"]
    rack.set_password(NEW)
    rack.wait_at_rest()
    assert ask(rack, "PUT", "/system/jwt/rotate", old).text == "ok\n"
    rack.wait_at_rest()
    assert accepted(rack, NEW) == [True] * 4
    assert rack.truth()["signing_key_version"] == version + 1


def test_signing_key_is_the_accounts(new_rack: Callable[..., Rack], ask: Ask) -> None:
    """Rolled on one rack, it takes the tokens of another at that one's next restart, and not before."""
    one, other = new_rack(), new_rack()
    form = {"role": "read", "durationInHour": "1"}
    token = ask(other, "POST", "/system/jwt/token", data=form).json()["token"]
    ask(one, "PUT", "/system/jwt/rotate")
    one.wait_at_rest()
    assert ask(other, "GET", "/system", auth=("jwt", token)).status_code == 200
    other.restart()
    other.wait_at_rest()
    reply = ask(other, "GET", "/system", auth=("jwt", token))
    assert (reply.status_code, reply.text) == (401, "invalid authentication: signature is invalid\n")


def test_either_key_in_turn_while_containers_restart(new_rack: Callable[..., Rack], ask: Ask) -> None:
    """New connections go to the containers in turn; a kept one stays with its own."""
    rack = new_rack(restart_seconds=0.2, drain_seconds=0.3)
    old = rack.key
    rack.set_password(NEW)
    rack.wait_at_rest()
    rack.deploy("test")
    rounds = []
    while not rack.service.quiet():
        tried = {key: {ask(rack, "GET", "/auth", key).status_code for _number in range(3)} for key in (old, NEW)}
        rounds.append((tried[old], tried[NEW]))
    assert rounds[0] == ({200}, {401})
    assert ({200, 401}, {200, 401}) in rounds
    assert ask(rack, "GET", "/auth", NEW).status_code == 200


def test_kept_connection_stays_with_its_container(rack: Rack, convox: Standin) -> None:
    """So that successes over one connection prove one container only; it ends with the container."""
    old = rack.key
    rack.set_password(NEW)
    rack.wait_at_rest()
    rack.set(drain_seconds=0.4)
    with requests.Session() as session:
        session.trust_env = False
        session.verify = convox.ca_path
        session.auth = ("convox", old)

        def ask() -> int:
            return session.get(f"https://{rack.host}/auth").status_code

        before = convox.truth()["requests"]
        assert ask() == 200
        rack.deploy("test")
        while not rack.service.settled():
            assert ask() == 200
        mine = [each["container"] for each in convox.truth()["requests"][len(before) :] if "rack" in each["server"]]
        assert len(set(mine)) == 1
        rack.wait_at_rest()
        # The next request finds another container.
        assert ask() == 401


def test_draining_containers_may_take_no_new_connections(new_rack: Callable[..., Rack], ask: Ask) -> None:
    """As a stricter load balancer would have it."""
    rack = new_rack(drain_seconds=60.0, restart_seconds=0.0, draining_takes_connections=False)
    old = rack.key
    rack.set_password(NEW)
    rack.wait_at_rest()
    rack.deploy("test")
    rack.life.wait_until(rack.service.settled)
    assert "draining" in {each["state"] for each in rack.truth()["accepts"]}
    assert [ask(rack, "GET", "/auth", old).status_code for _number in range(4)] == [401] * 4


def test_old_release_restarts_by_itself(new_rack: Callable[..., Rack], accepted: Callable[..., list[bool]]) -> None:
    """Before 20230427130715 the key is in the task definition, and the update is done when the containers have it."""
    rack = new_rack(version="20230417000000", restart_seconds=0.2)
    old, began = rack.key, time.monotonic()
    rack.set_password(NEW)
    rack.life.wait_until(lambda: rack.stack.status == "UPDATE_COMPLETE")
    assert time.monotonic() - began > 0.4
    rack.wait_at_rest()
    assert accepted(rack, NEW) == [True] * 4
    assert accepted(rack, old) == [False] * 4
    assert rack.secret() is None


@pytest.mark.parametrize("version", ["20230427130715", "20230704162932"])
def test_release_without_tokens(new_rack: Callable[..., Rack], ask: Ask, version: str) -> None:
    """Before 20230704162933 there is no route to roll the signing key, and a user jwt is a user."""
    rack = new_rack(version=version)
    reply = ask(rack, "PUT", "/system/jwt/rotate")
    assert (reply.status_code, reply.text, "Request-Id" in reply.headers) == (404, "", False)
    assert ask(rack, "GET", "/auth", auth=("jwt", rack.key)).status_code == 200
    assert version < TOKENS_SINCE


@pytest.mark.parametrize(("outage", "seen"), [("refuse", "refused"), ("502", 502), ("503", 503)])
def test_one_container_means_an_outage(new_rack: Callable[..., Rack], ask: Ask, outage: str, seen: Any) -> None:
    """Without HighAvailability the rack is really away while its only container restarts."""
    rack = new_rack(high_availability=False, restart_seconds=60.0, outage=outage)
    old = rack.key
    rack.set_password(NEW)
    rack.wait_at_rest()
    rack.deploy("test")
    rack.life.wait_until(lambda: not rack.service.answering())
    try:
        found: Any = ask(rack, "GET", "/auth", old).status_code
    except requests.ConnectionError as error:
        found = "refused" if "refused" in str(error).lower() else str(error)
    assert found == seen
    rack.set(restart_seconds=0.0)
    rack.wait_at_rest()
    assert ask(rack, "GET", "/auth", NEW).status_code == 200


def test_unasked_restart_activates_a_latent_key(rack: Rack, accepted: Callable[..., list[bool]]) -> None:
    """One container dies: from then on each key is good for one of the two."""
    old = rack.key
    rack.set_password(NEW)
    rack.wait_at_rest()
    rack.restart(rack.truth()["accepts"][0]["container"])
    rack.wait_at_rest()
    assert sorted(accepted(rack, old, 2)) == sorted(accepted(rack, NEW, 2)) == [False, True]
    assert rack.accepted_keys == {old, NEW}


def test_key_is_taken_at_creation(new_rack: Callable[..., Rack]) -> None:
    """A container that is being started while the key changes comes up with the old one."""
    rack = new_rack(restart_seconds=60.0, update_seconds=0.0)
    old = rack.key
    rack.deploy("test")
    rack.life.wait_until(lambda: len(rack.truth()["accepts"]) == 3)
    rack.set_password(NEW)
    rack.life.wait_until(lambda: rack.stack.status == "UPDATE_COMPLETE")
    rack.set(restart_seconds=0.0)
    rack.wait_at_rest()
    first, second = rack.truth()["accepts"]
    assert (first["key"], second["key"]) == (old, NEW)
    assert first["created_at"] < rack.truth()["ssm_modified"] < first["started_at"]


def test_empty_key_accepts_any(new_rack: Callable[..., Rack], ask: Ask) -> None:
    """Which is why a random key is tried first."""
    rack = new_rack(key="")
    assert ask(rack, "GET", "/system", "whatever").status_code == 200


def test_truth_tells_who_accepts_what(rack: Rack) -> None:
    """And the changes that were really made."""
    old = rack.key
    rack.set_password(NEW)
    rack.wait_at_rest()
    truth = rack.truth()
    assert [(each["key"], each["state"]) for each in truth["accepts"]] == [(old, "running")] * 2
    assert (truth["stack_key"], truth["ssm_key"], truth["former_keys"]) == (NEW, NEW, [old])
    assert [(each["from"], each["to"], each["outcome"]) for each in truth["updates"]] == [(old, NEW, "complete")]
