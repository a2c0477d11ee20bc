# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""rack_info: what it tells of one rack and of a Console's, that it changes nothing, and that no secret is in it."""
from __future__ import annotations

import json
import re
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.watching import asked, nothing_changes
from tests.leaks import found_in
from tests.standin.accounts import RackRecord
from tests.standin.tokens import issue

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.integration.ansible import Result
    from tests.integration.conftest import NewRack
    from tests.integration.machine import Machine
    from tests.standin.console import Console
    from tests.standin.rack import Rack

LAST_CLASSIC = "20180708231844"
POSSIBLE = ("api_key_rollable", "instance_key_rollable")


def read(machine: Machine, **options: Any) -> Result:
    """Twice, once in check mode: neither changes anything, and both tell the same."""
    with nothing_changes(machine):
        result, checked = machine.run("rack_info", **options), machine.run("rack_info", check_mode=True, **options)
    assert (result.changed, checked.changed) == (False, False)
    assert without_ids(result) == without_ids(checked)
    secrets = {key for rack in machine.convox.racks.values() for key in (rack.key, "proxy-secret")} | {machine.convox.console.api_key}
    assert found_in(json.dumps(result["racks"]), secrets) == []
    return result


def without_ids(result: Result) -> str:
    """What it tells of the racks, but for the names of requests."""
    return re.sub("Request-Id [0-9a-f-]+", "", json.dumps(result["racks"]))


def only(result: Result) -> dict[str, Any]:
    (entry,) = result["racks"]
    return entry


@pytest.fixture
def known(machine: Machine, console: Console) -> Iterator[Console]:
    """The Console, which the CLI is logged into, and what a test lists there."""
    machine.log_in(console.host, console.api_key)
    yield console
    console.records[:] = [each for each in console.records if not each.hostname.endswith("example.com")]


# -- one rack -----------------------------------------------------------------------------------------------------
def test_one_rack(machine: Machine, new_rack: NewRack) -> None:
    rack = new_rack(key_pair="one-keypair-5000", parameters={"Development": "Yes"})
    result = read(machine, host=rack.host, api_key=rack.key)
    entry = only(result)
    assert (result["host"], result["kind"]) == (rack.host, "rack")
    assert (entry["name"], entry["organization"], entry["host"], entry["rack"]) == (rack.name, None, rack.host, None)
    assert (entry["rack_domain"], entry["domain"]) == (rack.rack_domain, rack.domain)
    assert (entry["generation"], entry["version"], entry["provider"], entry["region"]) == ("v2", rack.version, "aws", rack.region)
    assert (entry["status"], entry["type"], entry["count"]) == ("running", "t3.small", 3)
    assert (entry["parameters"]["Key"], entry["outputs"]["RackDomain"]) == ("one-keypair-5000", rack.rack_domain)
    assert not {"Password", "HttpProxy"} & {*entry["parameters"], *entry["outputs"]}
    assert [entry[each] for each in POSSIBLE] == [True, True]
    assert (entry["reachable"], entry["why"]) == (True, None)


@pytest.mark.parametrize(
    ("spec", "generation", "possible", "word"),
    [
        ({"version": LAST_CLASSIC}, "classic", [True, True], "/parameters"),
        ({"version": "20180709000000"}, "v2", [True, True], "PUT /system"),
        ({"version": "3.18.2"}, "v3", [False, True], "terraform apply -replace="),
        ({"version": "3.18.2", "provider": "gcp"}, "v3", [False, False], "terraform apply -replace="),
    ],
    ids=["classic", "v2", "v3 on aws", "v3 elsewhere"],
)
def test_what_is_possible_with_each_kind(machine: Machine, new_rack: NewRack, spec: dict[str, Any], generation: str, possible: list[bool], word: str) -> None:
    rack = new_rack(**spec)
    entry = only(read(machine, host=rack.host, api_key=rack.key))
    assert (entry["generation"], entry["version"], entry["rack_domain"]) == (generation, rack.version, rack.rack_domain)
    assert [entry[each] for each in POSSIBLE] == possible
    assert word in entry["api_key_reason"]
    if spec.get("provider") == "gcp":
        assert "gcp" in entry["instance_key_reason"]


def test_through_a_console(machine: Machine, new_rack: NewRack, known: Console) -> None:
    """Its own name can be another one than the Console's."""
    rack = new_rack()
    known.import_rack(rack).name = "production"
    result = read(machine, host=known.host, rack="acme/production")
    entry = only(result)
    assert (result["host"], result["kind"]) == (known.host, "rack")
    assert (entry["name"], entry["organization"], entry["host"], entry["rack"]) == ("production", "acme", known.host, "acme/production")
    assert (entry["rack_domain"], entry["version"]) == (rack.rack_domain, rack.version)


def test_a_token_that_may_only_read_is_enough(machine: Machine, rack: Rack) -> None:
    token = issue(rack.signing_key().value, "read", 1)
    machine.typed.add(token)
    entry = only(read(machine, rack_url=f"https://jwt:{token}@{rack.host}"))
    assert (entry["name"], entry["parameters"]["InstanceCount"]) == (rack.name, "3")
    assert {each["user"] for each in asked(machine.convox, f"rack {rack.name}")} == {"jwt"}


def test_a_key_that_is_in_a_store_alone(machine: Machine, rack: Rack, console: Console) -> None:
    """A rack's, and a Console's, which stores keep apart."""
    file = machine.home / "keys.json"
    machine.stores.add(file)
    console_key = {"console_api_key": {f"{console.email}@{console.host}": {"current": console.api_key, "host": console.host}}}
    machine.write(file, json.dumps({"rack_api_key": {rack.rack_domain: {"current": rack.key, "host": rack.host}}, **console_key}))
    stores = [{"type": "file", "path": str(file)}]
    assert only(read(machine, host=rack.host, stores=stores))["name"] == rack.name
    assert read(machine, host=console.host, stores=stores)["kind"] == "console"


def test_what_has_the_name_or_the_look_of_a_secret_is_left_out(machine: Machine, rack: Rack) -> None:
    """As racks of other clouds have it, whose parameters nobody lists."""
    named = dict.fromkeys(["docker_hub_password", "secret_key", "token", "access_id"], "a")
    secret = {**named, "syslog": "tcp+tls://user:hidden@logs:1", "Registry": "https://t@h"}
    shown = {"node_type": "t3.small", "key_pair_name": "one", "SubnetPublic0": "subnet-1", "whitelist": "10.0.0.0/8", "mail": "ops@example.com"}
    said = {"name": rack.name, "parameters": {**secret, **shown}, "outputs": {"ApiToken": "a", "Domain": "d"}, "version": "3.18.2"}
    rack.fault("status", status=200, body=json.dumps(said), content_type="application/json", path="^/system$", times=None)
    entry = only(read(machine, host=rack.host, api_key=rack.key))
    assert (entry["parameters"], entry["outputs"]) == (shown, {"Domain": "d"})
    # What it did not say.
    assert (entry["rack_domain"], entry["provider"], entry["region"], entry["count"]) == (None, None, None, 0)
    assert [entry[each] for each in POSSIBLE] == [False, None]


def test_who_can_t_be_asked_fails(machine: Machine, rack: Rack, console: Console) -> None:
    with nothing_changes(machine):
        assert "no key is known for it; give api_key" in machine.fail("rack_info", host=rack.host).msg
        assert "no key is known for it; give api_key" in machine.fail("rack_info", host=console.host, rack="acme/any").msg
        assert "every known key is refused" in machine.fail("rack_info", host=rack.host, api_key="Wrong123" * 4).msg
        assert "rack not found" in machine.fail("rack_info", host=console.host, rack="acme/nothing", api_key=console.api_key).msg
        assert "every known key is refused" in machine.fail("rack_info", host=console.host, api_key="Wrong123" * 4).msg
        rack.fault("status", status=404, body="unknown host", times=None)
        assert "GET /system: 404 unknown host" in machine.fail("rack_info", host=rack.host, api_key=rack.key).msg


# -- all of a Console ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize("dashboard", [True, False], ids=["a page", "no page"])
def test_all_of_a_console(machine: Machine, new_rack: NewRack, known: Console, dashboard: bool) -> None:
    """Of each kind, in its order; those that can't be asked are told of, and the rest is not lost."""
    known.set(dashboard=dashboard)
    kinds: dict[str, dict[str, Any]] = {
        "classic": {"version": LAST_CLASSIC},
        "v2": {},
        "v3": {"version": "3.18.2", "uninstallable": True},
        "elsewhere": {"version": "3.18.2", "provider": "do"},
    }
    racks = {kind: new_rack(console=True, **spec) for kind, spec in kinds.items()}
    known.records.insert(len(known.records) - 2, RackRecord("big-corp", "gone", "nowhere.example.com", "k" * 30))
    stale = new_rack(console=True, console_key="k" * 30)
    before = len(machine.convox.journal.entries())
    result = read(machine, host=known.host)
    assert (result["host"], result["kind"]) == (known.host, "console")
    entries = {each["rack"]: each for each in result["racks"]}
    assert list(entries) == [each.full_name for each in known.records]
    assert {(each["host"], f"{each['organization']}/{each['name']}" == each["rack"]) for each in result["racks"]} == {(known.host, True)}
    told = {kind: entries[f"acme/{rack.name}"] for kind, rack in racks.items()}
    assert {kind: (each["generation"], each["rack_domain"]) for kind, each in told.items()} == {
        kind: ("v3" if kind == "elsewhere" else kind, rack.rack_domain) for kind, rack in racks.items()
    }
    assert {kind: [each[name] for name in POSSIBLE] for kind, each in told.items()} == {
        "classic": [True, True], "v2": [True, True], "v3": [False, True], "elsewhere": [False, False]
    }  # fmt: skip
    assert {(each["reachable"], each["why"]) for each in told.values()} == {(True, None)}

    silent = entries["big-corp/gone"]
    assert (silent["reachable"], silent["organization"], silent["provider"], silent["status"]) == (False, "big-corp", "aws", "unknown")
    assert "502" in silent["why"]
    assert "copy" not in silent["why"]
    assert (silent["generation"], silent["parameters"], *(silent[each] for each in POSSIBLE)) == (None, None, None, None)
    dead = entries[f"acme/{stale.name}"]
    assert dead["reachable"] is False
    assert "invalid authentication" in dead["why"]
    assert "the Console's copy of the rack's key is another" in dead["why"]
    # The record of a v3 rack, with its key in clear, is not even asked for.
    paths = {each["path"] for each in machine.convox.journal.entries()[before:] if each["server"] == "console"}
    assert paths == {"/system", "/racks", "/auth"}


def test_a_console_without_racks(machine: Machine, known: Console) -> None:
    known.fault("status", status=200, body="[]", content_type="application/json", path="^/racks$", times=None)
    assert read(machine, host=known.host)["racks"] == []


def test_entries_that_are_none(machine: Machine, new_rack: NewRack, known: Console) -> None:
    """And names that no header can carry."""
    rack = new_rack(console=True)
    listed = [7, {"name": rack.name, "organization": {"name": "acme"}}, {"name": "a\r\nX: y", "organization": {"name": "acme"}}]
    known.fault("status", status=200, body=json.dumps(listed), content_type="application/json", path="^/racks$", times=None)
    result = read(machine, host=known.host)
    good, bad = result["racks"]
    assert (good["reachable"], good["rack"]) == (True, f"acme/{rack.name}")
    assert (bad["reachable"], "is not org/name" in bad["why"]) == (False, True)
    assert "entry 1 of its racks is left out" in result.warnings


def test_they_are_asked_at_the_same_time(machine: Machine, new_rack: NewRack, known: Console) -> None:
    """And one session is enough for all of them."""
    for dummy in range(12):
        new_rack(console=True, high_availability=False)
    known.set(challenge=True)
    machine.run("rack_info", host=known.host)
    assert len(known.sessions) == 1
    known.fault("delay", seconds=1.0, path="^/system$", times=None)
    before = time.monotonic()
    assert [each["reachable"] for each in machine.run("rack_info", host=known.host)["racks"]] == [True] * 12
    # The Console itself is asked for /system once, too.
    assert time.monotonic() - before < 6


def test_a_deploy_key_is_enough(machine: Machine, new_rack: NewRack, console: Console) -> None:
    rack = new_rack(console=True)
    key = "DeployDeployDeployDeployDeploy"
    machine.typed.add(key)
    console.spec.deploy_keys = (key,)
    try:
        assert only(read(machine, host=console.host, api_key=key))["rack_domain"] == rack.rack_domain
    finally:
        console.spec.deploy_keys = ()
