# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""To whom a key is sent: to nobody whose certificate does not verify or is not the pinned one, nor where a reply points."""
from __future__ import annotations

import hashlib
import json
import re
import socket
import ssl
import time
from typing import TYPE_CHECKING, Any

import pytest

from ansible_collections.convox.credentials.plugins.module_utils import files
from tests.connect_proxy import ConnectProxy
from tests.integration.plays import Fleet, in_force, times_set
from tests.integration.test_inventory import PLUGIN, Inventory
from tests.integration.watching import asked, nothing_changes
from tests.places import ROOT
from tests.reports import read_report
from tests.standin.rack import Rack

if TYPE_CHECKING:
    from tests.integration.ansible import Result
    from tests.integration.conftest import NewRack
    from tests.integration.machine import Machine
    from tests.standin.console import Console


def certificate_of(host: str) -> str:
    """The SHA-256 of the certificate that it shows now."""
    name, dummy, port = host.partition(":")
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate((name, int(port))))).hexdigest()


@pytest.fixture
def stranger(new_rack: NewRack) -> Rack:
    """A rack whose certificate nobody vouches for."""
    return new_rack(certificate="self_signed")


# -- every module -------------------------------------------------------------------------------------------------
# What each that asks a rack or a Console needs beside host and key; each is tried with these alone.
MODULES: dict[str, dict[str, Any]] = {
    "app_promote": {},
    "console_api_key": {"email": "ops@example.com", "account_password": "correct horse battery staple"},
    "convox_login": {},
    "instance_keyroll": {},
    "rack_access": {"return_key": True},
    "rack_info": {},
    "rack_keyroll": {},
}
# It has its own tests below, for it fails for no rack.
AUDIT = "credential_audit"
ASKS_NOBODY = ("ledger_info", "wait_for_rolls")


def test_no_module_is_forgotten() -> None:
    """wait_for_rolls is an action, which goes on with what the module before it was told: a playbook below has it."""
    there = {path.stem for path in (ROOT / "plugins" / "modules").glob("[a-z]*.py")}
    assert there == {*MODULES, AUDIT, *ASKS_NOBODY}


class Asking:
    """One module, and somebody that it asks whose certificate nobody vouches for: a rack, or for some the Console."""

    def __init__(self, machine: Machine, module: str, subject: Rack | Console) -> None:
        self.machine, self.module, self.subject = machine, module, subject
        self.host = subject.host
        self.options = {"host": self.host, "api_key": subject.key if isinstance(subject, Rack) else subject.api_key, **MODULES[module]}
        self.server = f"rack {subject.name}" if isinstance(subject, Rack) else "console"
        self.pins = machine.config / "tls-fingerprints"
        self.before = len(self.asked())

    def asked(self) -> list[dict[str, Any]]:
        return asked(self.machine.convox, self.server)

    def run(self, **more: Any) -> Result:
        result = self.machine.run(self.module, **self.options, **more)
        if "rack_url" in result.data:
            # The token is in the output by the test's own wish.
            self.machine.returned.add(result["rack_url"].partition("jwt:")[2].partition("@")[0])
        return result

    def refused(self, *words: str, **more: Any) -> None:
        """It fails with these words, has changed nothing, and has sent nothing at all."""
        with nothing_changes(self.machine, locks=False):
            said = self.machine.fail(self.module, **self.options, **more).msg
        assert [word for word in words if word not in said] == [], said
        assert len(self.asked()) == self.before


@pytest.fixture(params=MODULES)
def asking(request: pytest.FixtureRequest, machine: Machine, stranger: Rack, console: Console) -> Asking:
    if request.param != "console_api_key":
        return Asking(machine, request.param, stranger)
    # Without its authority, nobody vouches for the Console's either.
    machine.defaults = {}
    return Asking(machine, request.param, console)


def pin_of(host: str) -> str:
    """As openssl prints it, with colons and capitals."""
    digits = certificate_of(host).upper()
    return ":".join(digits[i : i + 2] for i in range(0, len(digits), 2))


def test_no_key_is_sent_to_a_stranger(asking: Asking) -> None:
    """The message has what was seen, and what pinning it means."""
    asking.refused("can't be verified, so no key was sent", certificate_of(asking.host), "tls_fingerprint", "ca_path")


def test_a_pinned_certificate_is_trusted(asking: Asking) -> None:
    """And in check mode what is new is trusted, and not kept."""
    for pin in (pin_of(asking.host), "accept_new"):
        with nothing_changes(asking.machine):
            asking.run(tls_fingerprint=pin, check_mode=True)
    assert len(asking.asked()) > asking.before


def test_any_other_is_refused(asking: Asking) -> None:
    """Both are shown. What was kept stays, whatever is said, and counts where nothing else is verified."""
    both = ("another than the pinned one", "ab" * 32, certificate_of(asking.host))
    asking.refused(*both, tls_fingerprint="AB" * 32)
    asking.machine.write(asking.pins, json.dumps({asking.host: "ab" * 32}))
    for more in ({}, {"tls_fingerprint": "accept_new"}, {"validate_certs": False}):
        asking.refused(*both, **more)


def test_what_was_accepted_once_is_kept(asking: Asking) -> None:
    """From then on nothing needs to be said, and nobody else is trusted in its place."""
    asking.run(tls_fingerprint="accept_new")
    assert asking.machine.read_json(asking.pins) == {asking.host: certificate_of(asking.host)}
    assert oct(asking.pins.stat().st_mode & 0o777) == "0o600"
    asking.options.pop("api_key")
    if asking.module != "console_api_key":
        asking.machine.log_in(asking.host, asking.subject.key)
    asking.run(check_mode=True)


def test_pins_that_can_t_be_read(asking: Asking) -> None:
    """Whoever meant to pin a host does not want it asked without. (More of such files are in test_bad_files.py.)"""
    for content, more in (('{"HOST": "ab', {}), ('{"HOST": 7}', {"tls_fingerprint": "accept_new"}), ('{"HOST": "ab:cd"}', {"validate_certs": False})):
        asking.machine.write(asking.pins, content.replace("HOST", asking.host))
        asking.refused("tls-fingerprints", **more)


def test_nobody_is_there_to_be_accepted(asking: Asking) -> None:
    # With AWS a roll has patience.
    asking.machine.aws = False
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        asking.options["host"] = f"127.0.0.1:{taken.getsockname()[1]}"
        asking.refused("shows no certificate", tls_fingerprint="accept_new", retries=0)
    assert not asking.pins.exists()


# -- more of it ---------------------------------------------------------------------------------------------------
def test_a_key_is_rolled_as_on_any_other_rack(machine: Machine, stranger: Rack) -> None:
    """By a pin of the task, and by one that a login kept."""
    machine.run("convox_login", host=stranger.host, api_key=stranger.key, tls_fingerprint="accept_new")
    for more in ({"tls_fingerprint": pin_of(stranger.host)}, {}):
        assert machine.run("rack_keyroll", host=stranger.host, **more)["phase"] == "committed"
        assert stranger.accepted_keys == {machine.auth()[stranger.host]}


def test_a_pin_on_the_certificate_of_the_api_itself(machine: Machine, new_rack: NewRack) -> None:
    """It changes with each container: a roll could never be proven, and is refused."""
    rack = new_rack(certificate="api", high_availability=False)
    with nothing_changes(machine, locks=False):
        refused = machine.fail("rack_keyroll", host=rack.host, api_key=rack.key, tls_fingerprint=certificate_of(rack.host))
    assert "O=convox, CN=api" in refused.msg


def test_unverified_by_the_callers_own_word(machine: Machine, stranger: Rack) -> None:
    result = machine.run("convox_login", host=stranger.host, api_key=stranger.key, validate_certs=False)
    assert "not verified" in result.warnings


def test_without_the_ca_nobody_is_trusted(machine: Machine, rack: Rack) -> None:
    machine.defaults = {}
    assert "no key was sent" in machine.fail("convox_login", host=rack.host, api_key=rack.key).msg
    assert asked(machine.convox, f"rack {rack.name}") == []


def test_a_redirect_is_not_followed(machine: Machine, rack: Rack, new_rack: NewRack) -> None:
    other = new_rack()
    rack.fault("status", status=302, headers={"Location": f"https://{other.host}/auth"}, times=None)
    with nothing_changes(machine):
        for module in ("convox_login", "rack_keyroll"):
            refused = machine.fail(module, host=rack.host, api_key=rack.key)
            assert f"redirected to https://{other.host}" in refused.msg
    assert asked(machine.convox, f"rack {other.name}") == []


def test_no_other_credential_is_sent(machine: Machine, rack: Rack, console: Console) -> None:
    """A ~/.netrc has one for every host; requests would put it in."""
    machine.write(machine.home / ".netrc", "machine 127.0.0.1 login me password fromnetrc\n")
    machine.run("convox_login", host=rack.host, api_key=rack.key)
    assert {each["user"] for each in asked(machine.convox, f"rack {rack.name}")} == {"convox"}
    machine.fail("console_api_key", host=console.host, email=console.email, account_password="not the password", api_key=console.api_key)
    assert {each["user"] for each in asked(machine.convox, "console", path="/graphql")} <= {None, "convox"}


# -- several hosts ------------------------------------------------------------------------------------------------
def test_through_a_console_the_option_is_about_the_console(machine: Machine, stranger: Rack, console: Console) -> None:
    """The rack's own host, where a roll is proven, has a certificate and a pin of its own."""
    record = console.import_rack(stranger)
    machine.defaults = {}
    way = {"host": console.host, "rack": f"acme/{stranger.name}", "api_key": console.api_key, "tls_fingerprint": pin_of(console.host)}
    told = machine.run("rack_info", **way)
    assert told["racks"][0]["rack_domain"] == stranger.rack_domain
    assert "another than the pinned one" in machine.fail("rack_info", **{**way, "tls_fingerprint": pin_of(stranger.host)}).msg
    roll = {**way, "console_sync": "none"}
    pins = machine.config / "tls-fingerprints"
    for pinned in ({}, {stranger.host: "ab" * 32}):
        machine.write(pins, json.dumps(pinned))
        with nothing_changes(machine, locks=False):
            refused = machine.fail("rack_keyroll", **roll).msg
        # What it shows, what it should, and where that is written for a host that is not the given one.
        for word in (stranger.host, certificate_of(stranger.host), *pinned.values(), "the file tls-fingerprints of the CLI's", "nothing was changed"):
            assert word in refused
        assert "tls_fingerprint" not in refused
        assert "does not answer" not in refused
    machine.write(pins, json.dumps({stranger.host: certificate_of(stranger.host)}))
    assert machine.run("rack_keyroll", **roll)["phase"] == "committed"
    assert stranger.accepted_keys == {stranger.key} != {record.key}


def test_two_runs_keep_what_they_accept_at_once(machine: Machine, stranger: Rack, new_rack: NewRack) -> None:
    """Both wait for the same file, and neither forgets what the other wrote."""
    racks, pins = [stranger, new_rack(certificate="self_signed")], machine.config / "tls-fingerprints"
    machine.write(pins, "{}")
    with files.locked(f"{pins}.lock", "the test"):
        before = machine.convox.journal.total
        plays = [machine.begin("rack_info", host=rack.host, api_key=rack.key, tls_fingerprint="accept_new") for rack in racks]
        time.sleep(3)
        assert machine.convox.journal.total == before, "nothing is sent before the pin is kept"
    assert [play.end().failed for play in plays] == [False, False]
    assert machine.read_json(pins) == {rack.host: certificate_of(rack.host) for rack in racks}


def test_who_saw_a_host_first_is_believed(machine: Machine, stranger: Rack, new_rack: NewRack) -> None:
    """Two runs find no pin; by the time that the second one looked, the first has kept another certificate."""
    pins = machine.config / "tls-fingerprints"
    machine.write(pins, "{}")
    with files.locked(f"{pins}.lock", "the test"):
        play = machine.begin("rack_info", host=stranger.host, api_key=stranger.key, tls_fingerprint="accept_new")
        time.sleep(3)
        machine.write(pins, json.dumps({stranger.host: "ab" * 32}))
    refused = play.end()
    assert refused.failed
    assert "ab" * 32 in refused.msg
    assert certificate_of(stranger.host) in refused.msg
    assert machine.read_json(pins) == {stranger.host: "ab" * 32}
    assert asked(machine.convox, f"rack {stranger.name}") == []


def test_what_is_seen_is_what_the_connection_showed(machine: Machine, new_rack: NewRack) -> None:
    """Each container makes a certificate for itself: what another one shows is no word on the one that was refused."""
    rack = new_rack(certificate="api")
    pinned = certificate_of(rack.host)
    seen = set()
    for dummy in range(4):
        result = machine.result("rack_info", host=rack.host, api_key=rack.key, tls_fingerprint=pinned)
        if result.failed:
            assert "O=convox, CN=api, which each container makes for itself" in result.msg
            seen.add(re.findall("seen ([0-9a-f]{64})", result.msg)[0])
    assert len(seen) == 1
    assert pinned not in seen
    assert "is another one after each restart" in machine.result("rack_info", host=rack.host, api_key=rack.key, tls_fingerprint="accept_new").warnings


def test_a_host_that_only_a_proxy_can_find(machine: Machine, new_rack: NewRack) -> None:
    """It is looked at the way that requests go."""
    rack, proxy = new_rack(certificate="self_signed", rack_domain="rack.invalid"), ConnectProxy()
    proxy.leads_to["rack.invalid:443"] = rack.listener.port
    machine.environment = {"HTTPS_PROXY": f"http://{proxy.address}", "NO_PROXY": ""}
    try:
        stranger = machine.fail("rack_info", host="rack.invalid", api_key=rack.key).msg
        assert certificate_of(rack.host) in stranger
        assert asked(machine.convox, f"rack {rack.name}") == []
        machine.run("convox_login", host="rack.invalid", api_key=rack.key, tls_fingerprint="accept_new")
        assert machine.read_json(machine.config / "tls-fingerprints") == {"rack.invalid": certificate_of(rack.host)}
        assert machine.run("rack_info", host="rack.invalid")["racks"][0]["name"] == rack.name
    finally:
        proxy.close()


# -- who asks many ------------------------------------------------------------------------------------------------
def audit(machine: Machine, **options: Any) -> dict[str, Any]:
    dest = machine.inputs / "audit.json"
    machine.run(AUDIT, dest=str(dest), formats=[], **options)
    return read_report(dest)


def test_the_audit_asks_no_stranger(machine: Machine, stranger: Rack, new_rack: NewRack) -> None:
    """Each rack by what is kept for it; that one is not trusted is a finding, and no end of the audit."""
    pinned, changed, vouched = new_rack(certificate="self_signed"), new_rack(certificate="self_signed"), new_rack()
    for rack in (stranger, pinned, changed, vouched):
        machine.log_in(rack.host, rack.key)
    pins = {pinned.host: certificate_of(pinned.host), changed.host: "ab" * 32}
    machine.write(machine.config / "tls-fingerprints", json.dumps(pins))
    report = audit(machine, racks=[rack.host for rack in (stranger, pinned, changed, vouched)])
    answered = {each["id"]: each["key"] for each in report["racks"]}
    assert answered == {stranger.host: "unknown", pinned.rack_domain: "in_force", changed.host: "unknown", vouched.rack_domain: "in_force"}
    findings = {each["id"]: each["evidence"] for each in report["findings"] if each["id"].startswith("certificate")}
    assert findings["certificate_unverified"]["sha256"] == certificate_of(stranger.host)
    assert findings["certificate_changed"] == {"sha256": certificate_of(changed.host), "pinned_sha256": "ab" * 32}
    assert len(findings) == 2
    assert asked(machine.convox, f"rack {stranger.name}") == asked(machine.convox, f"rack {changed.name}") == []


def test_the_audit_and_the_pins_that_it_is_given(machine: Machine, stranger: Rack, new_rack: NewRack) -> None:
    """Each is about one host, and counts before what is kept for that."""
    changed, kept = new_rack(certificate="self_signed"), new_rack(certificate="self_signed")
    for rack in (stranger, changed, kept):
        machine.log_in(rack.host, rack.key)
    machine.write(machine.config / "tls-fingerprints", json.dumps({stranger.host: "ab" * 32, kept.host: certificate_of(kept.host)}))
    pins = {f"https://{stranger.host}": pin_of(stranger.host), changed.host: "cd" * 32}
    report = audit(machine, racks=[stranger.host, f"https://{changed.host}", kept.host], tls_fingerprints=pins)
    answered = {each["id"]: each["key"] for each in report["racks"]}
    assert answered == {stranger.rack_domain: "in_force", changed.host: "unknown", kept.rack_domain: "in_force"}
    (finding,) = [each for each in report["findings"] if each["id"].startswith("certificate")]
    assert (finding["id"], finding["evidence"]["pinned_sha256"]) == ("certificate_changed", "cd" * 32)
    assert asked(machine.convox, f"rack {changed.name}") == []
    no_pin, no_host = "tls_fingerprints: 'accept_new' is no SHA-256: 64 hex digits, colons allowed", "tls_fingerprints: 'a b' is no host"
    for wrong, words in (({stranger.host: "accept_new"}, no_pin), ({"a b": "ab" * 32}, no_host)):
        assert words in machine.fail(AUDIT, dest=str(machine.inputs / "audit.json"), tls_fingerprints=wrong).msg


def test_the_audit_and_a_pinned_host_of_which_nothing_but_a_login_is_known(machine: Machine, stranger: Rack) -> None:
    """Whoever pinned it wants to hear of it, with both certificates: it is no login for an unknown host."""
    machine.log_in(stranger.host, stranger.key)
    machine.write(machine.config / "tls-fingerprints", json.dumps({stranger.host: "ab" * 32}))
    report = audit(machine)
    (finding,) = [each for each in report["findings"] if each["id"] in ("certificate_changed", "login_stray")]
    assert (finding["id"], finding["severity"], finding["subject"]) == ("certificate_changed", "high", stranger.host)
    assert finding["evidence"] == {"sha256": certificate_of(stranger.host), "pinned_sha256": "ab" * 32}
    assert asked(machine.convox, f"rack {stranger.name}") == []


def test_the_audit_and_the_rack_of_rack_url(machine: Machine, stranger: Rack, console: Console, new_rack: NewRack) -> None:
    """The option is about that rack, as in other modules, and not about the Console that is asked beside it."""
    listed = new_rack(console=True)
    machine.log_in(console.host, console.api_key)
    machine.write(machine.config / "host", console.host)
    way = {"rack_url": stranger.url, "console": True}
    report = audit(machine, **way, tls_fingerprint="ab" * 32)
    (finding,) = [each for each in report["findings"] if each["id"] in ("certificate_changed", "certificate_unverified")]
    assert (finding["id"], finding["subject"]) == ("certificate_changed", stranger.host)
    assert finding["evidence"] == {"sha256": certificate_of(stranger.host), "pinned_sha256": "ab" * 32}
    assert asked(machine.convox, f"rack {stranger.name}") == []
    for pin in (pin_of(stranger.host), "accept_new"):
        report = audit(machine, **way, tls_fingerprint=pin)
        answered = {each["id"]: (each["key"], each["console_copy"]) for each in report["racks"]}
        assert answered == {stranger.rack_domain: ("in_force", "none"), listed.rack_domain: ("unknown", "ok")}
    assert not (machine.config / "tls-fingerprints").exists()


def test_the_audit_and_the_console(machine: Machine, console: Console, new_rack: NewRack) -> None:
    """The option is about the Console that it asks."""
    rack = new_rack(console=True)
    machine.log_in(console.host, console.api_key)
    machine.defaults = {}
    before = len(asked(machine.convox, "console"))
    for more, words in (({}, "can't be verified"), ({"tls_fingerprint": "ab" * 32}, "another than the pinned one")):
        report = audit(machine, host=console.host, **more)
        (said,) = [each["said"] for each in report["sources"] if each["kind"] == "console"]
        assert words in said
        assert certificate_of(console.host) in said
    assert len(asked(machine.convox, "console")) == before
    report = audit(machine, host=console.host, tls_fingerprint=pin_of(console.host))
    assert [(each["name"], each["console_copy"]) for each in report["racks"]] == [(rack.name, "ok")]
    audit(machine, host=console.host, tls_fingerprint="accept_new")
    assert not (machine.config / "tls-fingerprints").exists()


@pytest.mark.parametrize("pin", ["by the option", "accept_new", "kept before"])
def test_the_inventory_and_the_console(machine: Machine, console: Console, new_rack: NewRack, pin: str) -> None:
    """No key is sent before; and what it took reaches the roles, by a variable or by the file that they read."""
    rack = new_rack(console=True)
    machine.log_in(console.host, console.api_key)
    inventory, before = Inventory(machine), len(asked(machine.convox, "console"))
    inventory.options = {"plugin": PLUGIN, "host": console.host}
    for more, words in (({}, "can't be verified"), ({"tls_fingerprint": "ab" * 32}, "another than the pinned one")):
        inventory.options.update(more)
        assert inventory.hosts() == {}
        assert words in inventory.warnings
        assert certificate_of(console.host) in inventory.warnings
    assert len(asked(machine.convox, "console")) == before
    inventory.options.pop("tls_fingerprint")
    if pin == "kept before":
        machine.write(machine.config / "tls-fingerprints", json.dumps({console.host: certificate_of(console.host)}))
    else:
        inventory.options["tls_fingerprint"] = pin if pin == "accept_new" else pin_of(console.host)
    hosts = inventory.hosts()
    assert list(hosts) == [f"acme.{rack.name}"]
    assert hosts[f"acme.{rack.name}"].get("convox_tls_fingerprint") == (pin_of(console.host) if pin == "by the option" else None)
    machine.defaults = {}
    values = {name: value for name, value in hosts[f"acme.{rack.name}"].items() if name in ("convox_host", "convox_rack", "convox_tls_fingerprint")}
    assert machine.run("rack_info", **{name.partition("_")[2]: value for name, value in values.items()})["racks"][0]["name"] == rack.name


def test_a_fleet_of_strangers(machine: Machine, stranger: Rack, new_rack: NewRack) -> None:
    """What the first task of each accepted is what the whole batch is waited for by, and each later play."""
    fleet = Fleet(machine, [stranger, new_rack(certificate="self_signed")])
    fleet.everywhere["convox_tls_fingerprint"] = "accept_new"
    fleet.play("rotate_rack_keys")
    assert machine.read_json(machine.config / "tls-fingerprints") == {rack.host: certificate_of(rack.host) for rack in fleet.racks}
    assert [in_force(rack) == machine.auth()[rack.host] != fleet.former[rack.name] for rack in fleet.racks] == [True, True]
    del fleet.everywhere["convox_tls_fingerprint"]
    fleet.play("rotate_rack_keys")
    assert [times_set(rack) for rack in fleet.racks] == [2, 2]
