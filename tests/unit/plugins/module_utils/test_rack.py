# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A rack's API in its own words (convox-protocol, 3), asked directly and through a Console."""
from __future__ import annotations

import json
import typing as t

import pytest

from ansible_collections.convox.credentials.plugins.module_utils import rack as racks
from ansible_collections.convox.credentials.plugins.module_utils.errors import BadReply, NoAnswer, Refused, Untrusted
from ansible_collections.convox.credentials.plugins.module_utils.rack import ACCEPTED, NO_ANSWER, REFUSED, Rack
from ansible_collections.convox.credentials.plugins.module_utils.transport import Credential, Transport
from tests.standin.console import Console as StandinConsole
from tests.standin.rack import Rack as StandinRack
from tests.unit.plugins.module_utils.conftest import Asked
from tests.unit.plugins.module_utils.support import NEW, OTHER, failing

NewTransport = t.Callable[..., Transport]
NewRack = t.Callable[..., StandinRack]
Client = t.Callable[..., Rack]


@pytest.fixture
def client(transport: NewTransport) -> Client:
    """Makes clients of a rack, with its own key."""
    return lambda rack, key=None, **more: Rack(transport(rack.host, **more), Credential(key or rack.key))


def answers(rack: StandinRack, value: t.Any, **more: t.Any) -> None:
    """The rack's next reply."""
    rack.fault("status", status=200, body=json.dumps(value), content_type="application/json", **more)


# -- describing itself --------------------------------------------------------------------------------------------
def test_a_rack_describes_itself(new_rack: NewRack, client: Client) -> None:
    rack = new_rack(rack_domain="rack.example.com", domain="apps.example.com", instances=4)
    system = client(rack).system()
    assert (system.name, system.status, system.rack_domain, system.domain, system.count) == (rack.name, "running", "rack.example.com", "apps.example.com", 4)
    assert (system.version, system.generation, system.provider, system.region) == (rack.version, "v2", "aws", "us-east-1")
    assert system.parameters["InstanceCount"] == "4"


def test_secret_parameters_stay_inside(new_rack: NewRack, client: Client) -> None:
    """A rack in development mode has its key among the outputs; a proxy's address can have one in it."""
    rack = new_rack(mask_no_echo=False)
    assert rack.key not in repr(client(rack).system())
    proxy = f"http://user:{OTHER}@proxy.example.com"
    answers(rack, {"name": rack.name, "parameters": {"Password": rack.key, "HttpProxy": proxy, "Key": "k"}, "outputs": {"Password": rack.key, "Domain": "d"}})
    system = client(rack).system()
    assert system.safe()["parameters"] == {"Key": "k"}
    assert system.safe()["outputs"] == {"Domain": "d"}
    assert not {rack.key, OTHER} & set(json.dumps(system.safe()).split('"'))


def test_secret_parameters_of_v3_stay_inside(rack: StandinRack, client: Client) -> None:
    """By their names, or by what they look like."""
    secret = {"docker_hub_password": "a", "secret_key": "b", "token": "c", "syslog": f"tcp://user:{OTHER}@logs:1"}
    answers(rack, {"name": rack.name, "parameters": {**secret, "node_type": "t3.small"}, "outputs": {"ApiToken": "d", "Domain": "d"}, "version": "3.18.2"})
    system = client(rack).system()
    assert (system.parameters, system.outputs) == ({"node_type": "t3.small"}, {"Domain": "d"})


@pytest.mark.parametrize(
    ("data", "domain"),
    [({"rack-domain": "a"}, "a"), ({"outputs": {"RackDomain": "b"}}, "b"), ({"rack-domain": "", "outputs": {"RackDomain": "b"}}, "b"), ({}, "")],
)
def test_its_domain(rack: StandinRack, client: Client, data: dict[str, t.Any], domain: str) -> None:
    answers(rack, {"name": "alpha", **data})
    assert client(rack).system().rack_domain == domain


@pytest.mark.parametrize(
    ("version", "generation"),
    [("20260326150533", "v2"), ("3.18.2", "v3"), ("3.0.0-rc1", "v3"), ("30000101000000", "v2"), ("20180708231844", "classic"), ("", "")],
)
def test_its_generation(rack: StandinRack, client: Client, version: str, generation: str) -> None:
    answers(rack, {"name": "alpha", "version": version})
    assert client(rack).system().generation == generation


@pytest.mark.parametrize(
    "value", [None, [], "ok", 7, {}, {"name": None}, {"name": 7}, {"id": "of-a-console"}, {"name": "a", "count": "many"}, {"name": "a", "count": [1]}]
)
def test_what_is_no_rack(rack: StandinRack, client: Client, value: t.Any) -> None:
    answers(rack, value)
    with failing(BadReply, rack.host, "check host and rack", hiding=[rack.key]):
        client(rack).system()


@pytest.mark.parametrize("value", [{"name": "a", "parameters": None, "outputs": []}, {"name": "a", "count": None}, {"name": "a", "count": "3"}])
def test_what_may_be_missing(rack: StandinRack, client: Client, value: t.Any) -> None:
    answers(rack, value)
    assert client(rack).system().name == "a"


# -- lists --------------------------------------------------------------------------------------------------------
def test_instances(rack: StandinRack, client: Client) -> None:
    found = client(rack).instances()
    assert {each.id for each in found} == {each["id"] for each in rack.truth()["instances"]}
    assert all(each.status == "active" and each.started for each in found)


def test_who_carries_the_key(new_rack: NewRack, client: Client) -> None:
    apps = [
        {"name": "api", "parameters": {"RackUrl": "Yes"}, "builds": [{"id": "B1", "status": "running"}, {"id": "B2", "status": "complete"}]},
        {"name": "web", "parameters": {"RackUrl": "No"}, "builds": [{"id": "B3", "status": "created"}, {"id": "B4", "status": "failed"}]},
        {"name": "old"},
    ]
    rack = new_rack(apps=apps)
    assert client(rack).apps_with_rack_url() == ["api"]
    assert client(rack).builds_in_flight() == ["api/B1", "web/B3"]


def test_an_app_s_name_is_one_part_of_a_path(rack: StandinRack, client: Client, asked: Asked) -> None:
    answers(rack, [{"name": "../system?x=/y"}], path="^/apps$")
    with pytest.raises(BadReply):
        client(rack).builds_in_flight()
    assert asked(rack)[-1]["path"] == "/apps/../system?x=/y/builds", "decoded by the server"


@pytest.mark.parametrize("value", [None, {}, "ok", ["a"], [1], [None]])
def test_what_is_no_list(rack: StandinRack, client: Client, value: t.Any) -> None:
    answers(rack, value)
    with failing(BadReply, "no list", rack.host):
        client(rack).instances()


# -- changing -----------------------------------------------------------------------------------------------------
def test_a_parameter_is_set(rack: StandinRack, client: Client) -> None:
    """Encoded twice, else nothing changes."""
    before = rack.parameters
    client(rack).set_parameter("Password", NEW)
    rack.wait_at_rest()
    assert (rack.key, rack.parameters) == (NEW, {**before, "Password": NEW})


def test_a_value_of_any_letters_is_set(rack: StandinRack, client: Client) -> None:
    client(rack).set_parameter("Password", "a&b=c %41+\xe9")
    assert rack.key == "a&b=c %41+\xe9"


def test_nothing_to_change_and_a_busy_stack(new_rack: NewRack, client: Client) -> None:
    rack = new_rack(update_seconds=60.0)
    with failing(BadReply, "No updates", hiding=[rack.key]) as same:
        client(rack).set_parameter("Password", rack.key)
    old = rack.key
    client(rack).set_parameter("Password", NEW)
    with failing(BadReply, "UPDATE_IN_PROGRESS", hiding=[old, OTHER]) as busy:
        client(rack, old).set_parameter("Password", OTHER)
    telling = [(racks.nothing_to_change(each.value), racks.stack_busy(each.value), racks.outcome_unknown(each.value)) for each in (same, busy)]
    assert telling == [(True, False, True), (False, True, False)]


def test_the_keyrolls(rack: StandinRack, client: Client) -> None:
    before = rack.truth()
    client(rack).roll_instance_key()
    rack.wait_at_rest()
    client(rack).rotate_signing_key()
    rack.wait_at_rest()
    after = rack.truth()
    assert (len(after["key_pairs"]) - len(before["key_pairs"]), after["key_pair"]) == (1, after["key_pairs"][-1])
    assert after["signing_key_version"] == before["signing_key_version"] + 1


@pytest.mark.parametrize(
    ("error", "unknown"),
    [
        (NoAnswer("cut"), True),
        (NoAnswer("refused", sent=False), False),
        (BadReply("m", 500, "oops"), True),
        (BadReply("m", 502), True),
        (BadReply("m", 500, "Stack:x is in UPDATE_IN_PROGRESS state and can not be updated."), False),
        (BadReply("m", 400, "no"), False),
        (Refused("m", 401), False),
    ],
)
def test_whether_a_write_may_have_acted(error: t.Any, unknown: bool) -> None:
    assert racks.outcome_unknown(error) is unknown


# -- probing ------------------------------------------------------------------------------------------------------
def test_a_probe(rack: StandinRack, client: Client) -> None:
    assert client(rack).probe(rack.name) == client(rack).probe(None) == ACCEPTED
    assert client(rack, NEW).probe(rack.name) == REFUSED
    assert client(rack).probe("another") == NO_ANSWER


def test_a_rack_that_accepts_anything(new_rack: NewRack, client: Client) -> None:
    assert client(new_rack(key=""), NEW).probe(None) == ACCEPTED


@pytest.mark.parametrize(
    "fault",
    [
        {"action": "drop_before"},
        {"action": "drop_after"},
        {"action": "html"},
        {"action": "status", "status": 401, "body": "you are unauthorized to access this"},
        {"action": "status", "status": 401, "body": "<html>invalid authentication</html>", "content_type": "text/html"},
        {"action": "status", "status": 404, "body": "unknown host"},
        {"action": "status", "status": 403, "body": "invalid authentication"},
        {"action": "status", "status": 502},
        {"action": "status", "status": 200, "body": "ok\n"},
        {"action": "status", "status": 200, "body": '{"name": "a", "count": "many"}', "content_type": "application/json"},
        {"action": "status", "status": 302, "headers": {"Location": "https://elsewhere"}},
    ],
)
def test_anything_else_is_no_answer(rack: StandinRack, client: Client, asked: Asked, fault: dict[str, t.Any]) -> None:
    """And is not asked for twice."""
    rack.fault(**fault)
    assert client(rack, retries=3).probe(rack.name) == NO_ANSWER
    assert len(asked(rack)) == 1


def test_a_verdict_says_why_there_is_no_answer(rack: StandinRack, client: Client, new_rack: NewRack) -> None:
    assert (client(rack).verdict(rack.name), client(rack, NEW).verdict(None), client(rack).verdict("another")) == (ACCEPTED, REFUSED, NO_ANSWER)
    rack.fault("status", status=401, body="you are unauthorized to access this")
    with failing(Refused, "you are unauthorized", hiding=[rack.key]):
        client(rack).verdict(None)
    stranger = new_rack(certificate="self_signed")
    with failing(Untrusted, "can't be verified", hiding=[stranger.key]):
        client(stranger).verdict(None)
    assert client(stranger).probe(None) == NO_ANSWER


def test_nobody_there_is_no_answer(rack: StandinRack, client: Client) -> None:
    rack.listener.refuse()
    assert client(rack, retries=3).probe(rack.name) == NO_ANSWER


def test_probes_meet_every_container(rack: StandinRack, client: Client, asked: Asked) -> None:
    """Each on a connection of its own, also when they come from one client."""
    one = client(rack)
    for _turn in range(6):
        one.probe(rack.name)
    met = [each["container"] for each in asked(rack)]
    assert (len(set(met)), met[0:2] * 3) == (2, met)


def test_a_latent_key_that_one_container_has_taken_up(rack: StandinRack, client: Client) -> None:
    old = rack.key
    rack.set_password(NEW)
    rack.wait_at_rest()
    rack.restart(rack.truth()["accepts"][0]["container"])
    rack.wait_at_rest()
    assert [sorted(client(rack, key).probe(None) for _turn in range(2)) for key in (old, NEW)] == [[ACCEPTED, REFUSED]] * 2


# -- through a Console --------------------------------------------------------------------------------------------
@pytest.fixture
def via(console: StandinConsole, rack: StandinRack, transport: NewTransport) -> Rack:
    console.import_rack(rack)
    return Rack(transport(console.host), Credential(console.api_key), f"acme/{rack.name}")


def test_through_a_console(via: Rack, rack: StandinRack, console: StandinConsole) -> None:
    assert (via.system().name, via.auth().status, via.probe(rack.name)) == (rack.name, 200, ACCEPTED)
    via.set_parameter("Password", NEW)
    assert rack.key == NEW
    console.set_copy(f"acme/{rack.name}", OTHER)
    assert via.probe(rack.name) == REFUSED, "Console's copy is stale: the rack's own word comes through"


def test_a_rack_that_console_does_not_know(via: Rack, console: StandinConsole) -> None:
    console.records.clear()
    with failing(BadReply, "404 rack not found", hiding=[console.api_key]):
        via.system()


def test_a_console_asked_without_a_rack_shows_its_page(console: StandinConsole, transport: NewTransport) -> None:
    bare = Rack(transport(console.host), Credential(console.api_key))
    with failing(BadReply, "web page", hiding=[console.api_key]):
        bare.system()
    assert bare.probe(None) == NO_ANSWER
