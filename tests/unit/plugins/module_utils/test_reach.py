# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a target is reached: with which trust, and with what of the CLI's files."""
from __future__ import annotations

import json
import typing as t
from pathlib import Path

import pytest

from ansible_collections.convox.credentials.plugins.module_utils import tls
from ansible_collections.convox.credentials.plugins.module_utils.errors import BadInput, NoAnswer, Refused, Untrusted
from ansible_collections.convox.credentials.plugins.module_utils.target import Reach, Target, find_target
from ansible_collections.convox.credentials.plugins.module_utils.task import Task
from ansible_collections.convox.credentials.plugins.module_utils.transport import Credential
from tests.standin.console import Console as StandinConsole
from tests.standin.rack import Rack as StandinRack
from tests.unit.plugins.module_utils.conftest import Asked, Tasks
from tests.unit.plugins.module_utils.support import NEW, failing, listing

NewRack = t.Callable[..., StandinRack]
PIN = "ab" * 32


@pytest.fixture
def rack(new_rack: NewRack) -> StandinRack:
    """Nobody vouches for its certificate."""
    return new_rack(certificate="self_signed")


def reach(task: Task) -> Reach:
    return Reach(task, find_target(task))


def pins(tasks: Tasks) -> dict[str, str]:
    path = tasks.config_dir / "tls-fingerprints"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def keep(tasks: Tasks, **hosts: str) -> None:
    tasks.config_dir.mkdir(exist_ok=True)
    (tasks.config_dir / "tls-fingerprints").write_text(json.dumps(hosts), encoding="utf-8")


# -- trust --------------------------------------------------------------------------------------------------------
def test_verified_by_the_authority_that_was_named(tasks: Tasks, new_rack: NewRack) -> None:
    rack = new_rack()
    way = reach(tasks(host=rack.host))
    assert way.trust(rack.host) == tls.Trust(ca_path=tasks.standin.ca_path)
    assert way.rack(rack.key).probe(rack.name) == "accepted"


@pytest.mark.parametrize("content", [None, "", "no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_an_authority_that_is_none(tasks: Tasks, rack: StandinRack, tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    with failing(BadInput, "ca_path", str(path)):
        reach(tasks(host=rack.host, ca_path=str(path))).rack(NEW)


def test_a_bundle_of_the_environment_that_is_none(tasks: Tasks, rack: StandinRack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/no/such/bundle")
    with failing(NoAnswer, "REQUESTS_CA_BUNDLE", "/no/such/bundle", hiding=[rack.key]):
        reach(tasks(host=rack.host, ca_path=None)).rack(rack.key).auth()


def test_pinned_by_the_option(tasks: Tasks, rack: StandinRack) -> None:
    """Which beats what was kept, and is not kept itself."""
    seen = tls.look_at(rack.host, 5).fingerprint
    keep(tasks, **{rack.host: PIN})
    assert reach(tasks(host=rack.host, tls_fingerprint=seen.upper())).rack(rack.key).probe(None) == "accepted"
    assert pins(tasks) == {rack.host: PIN}


def test_pinned_by_what_was_kept(tasks: Tasks, rack: StandinRack) -> None:
    """Also where nothing else is verified."""
    keep(tasks, **{rack.host: PIN})
    for more in ({}, {"validate_certs": False}, {"tls_fingerprint": "accept_new"}):
        with failing(Untrusted, PIN, tls.look_at(rack.host, 5).fingerprint, hiding=[rack.key]):
            reach(tasks(host=rack.host, **more)).rack(rack.key).auth()
    assert tasks.warnings == []


def test_accept_new_keeps_what_it_saw_first(tasks: Tasks, rack: StandinRack, asked: Asked) -> None:
    way = reach(tasks(host=rack.host, tls_fingerprint="accept_new"))
    assert way.trust(rack.host).fingerprint == tls.look_at(rack.host, 5).fingerprint
    assert pins(tasks) == {rack.host: tls.look_at(rack.host, 5).fingerprint}
    assert asked(rack) == [], "nothing was sent for it"
    assert reach(tasks(host=rack.host)).rack(rack.key).probe(None) == "accepted", "every later task has it"


def test_accept_new_in_check_mode_keeps_nothing(tasks: Tasks, rack: StandinRack) -> None:
    way = reach(tasks(host=rack.host, tls_fingerprint="accept_new", check_mode=True))
    assert way.rack(rack.key).probe(None) == "accepted"
    assert not tasks.config_dir.exists()


def test_accept_new_does_not_outdo_a_pin(tasks: Tasks, rack: StandinRack) -> None:
    """Of an audit, which takes both: whoever is seen first is not who was named."""
    way = reach(tasks(host=rack.host, tls_fingerprint="accept_new", tls_fingerprints={rack.host: "0" * 64}))
    assert way.trust(rack.host).fingerprint == "0" * 64
    assert not tasks.config_dir.exists()


def test_the_option_is_the_target_s_only(tasks: Tasks, rack: StandinRack, new_rack: NewRack) -> None:
    """Another host of the same task, as a rack behind a Console, has its own certificate."""
    other = new_rack()
    way = reach(tasks(host=rack.host, tls_fingerprint=tls.look_at(rack.host, 5).fingerprint))
    assert way.direct(other.host, other.key).probe(other.name) == "accepted"
    assert way.trust(other.host) == tls.Trust(ca_path=tasks.standin.ca_path)


def test_what_was_kept_is_nonsense(tasks: Tasks, rack: StandinRack) -> None:
    keep(tasks, **{rack.host: "nonsense"})
    with failing(BadInput, "tls-fingerprints", "nonsense", "64 hex digits"):
        reach(tasks(host=rack.host)).rack(rack.key)


def test_not_verified_is_said_once_a_host(tasks: Tasks, rack: StandinRack) -> None:
    way = reach(tasks(host=rack.host, validate_certs=False))
    for _turn in range(2):
        assert way.rack(rack.key).probe(rack.name) == "accepted"
    (warning,) = tasks.warnings
    assert rack.host in warning
    assert "validate_certs" in warning


# -- ways ---------------------------------------------------------------------------------------------------------
def test_a_token_is_sent_as_one(tasks: Tasks, rack: StandinRack) -> None:
    """And a key that is not the one that was given, as a key."""
    way = Reach(tasks(), Target(rack.host, None, NEW, "jwt"))
    assert [way.credential(key).user for key in (NEW, rack.key)] == ["jwt", "convox"]


def test_through_a_console_and_directly(tasks: Tasks, new_rack: NewRack, console: StandinConsole, asked: Asked) -> None:
    rack = new_rack()
    console.import_rack(rack)
    way = reach(tasks(host=console.host, rack=f"acme/{rack.name}"))
    assert way.rack(console.api_key).system().name == rack.name
    assert len(asked("console")) == 1
    assert way.direct(rack.host, rack.key).system().name == rack.name
    assert len(asked("console")) == 1


def test_a_session_is_kept_but_in_check_mode(tasks: Tasks, console: StandinConsole) -> None:
    console.set(challenge=True)
    reach(tasks(host=console.host, check_mode=True)).rack(console.api_key).auth()
    assert not tasks.config_dir.exists()
    reach(tasks(host=console.host)).rack(console.api_key).auth()
    assert listing(tasks.config_dir) == {"session", "session.lock"}


def test_options_are_the_transport_s(tasks: Tasks, new_rack: NewRack, asked: Asked) -> None:
    rack = new_rack()
    rack.fault("status", status=503, times=1)
    assert reach(tasks(host=rack.host, retries=1)).rack(rack.key).auth().text == "ok\n"
    assert len(asked(rack)) == 2
    rack.fault("delay", seconds=60)
    with failing(NoAnswer, "within 1 s", hiding=[rack.key]):
        reach(tasks(host=rack.host, timeout=1)).rack(rack.key).auth()


def test_a_key_is_a_secret_when_it_is_sent(tasks: Tasks, rack: StandinRack) -> None:
    task = tasks(host=rack.host, validate_certs=False)
    with failing(Refused, hiding=[NEW]):
        reach(task).rack(NEW).auth()
    assert task.secrets.redact(NEW) == "********"


def test_nobody_vouches_for_hosts_that_are_asked_beside_it(tasks: Tasks, rack: StandinRack) -> None:
    """``validate_certs: false`` was said of the task's own host."""
    way = reach(tasks(host=rack.host, validate_certs=False))
    assert way.transport_beside(rack.host) is way.transport(rack.host)
    assert way.trust(rack.host) == tls.Trust(verify=False)
    other = f"localhost:{rack.host.rpartition(':')[2]}"
    with failing(Untrusted, hiding=[rack.key]):
        way.transport_beside(other).get("/auth", Credential(rack.key))
    keep(tasks, **{other: tls.look_at(rack.host, 5).fingerprint})
    again = reach(tasks(host=rack.host, validate_certs=False))
    assert again.transport_beside(other).get("/auth", Credential(rack.key)).status == 200
