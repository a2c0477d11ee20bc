# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""To whom a key is sent: to nobody whose certificate does not verify or is not the pinned one, nor where a reply points."""
from __future__ import annotations

import hashlib
import ssl
from typing import TYPE_CHECKING

import pytest

from tests.integration.watching import asked, nothing_changes

if TYPE_CHECKING:
    from tests.integration.conftest import NewRack
    from tests.integration.machine import Machine
    from tests.standin.console import Console
    from tests.standin.rack import Rack


def certificate_of(rack: Rack) -> str:
    """The SHA-256 of the certificate that it shows now."""
    name, dummy, port = rack.host.partition(":")
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate((name, int(port))))).hexdigest()


@pytest.fixture
def stranger(new_rack: NewRack) -> Rack:
    """A rack whose certificate nobody vouches for."""
    return new_rack(certificate="self_signed")


def test_no_key_is_sent_to_a_stranger(machine: Machine, stranger: Rack) -> None:
    with nothing_changes(machine):
        for module in ("convox_login", "rack_keyroll", "instance_keyroll"):
            refused = machine.fail(module, host=stranger.host, api_key=stranger.key)
            assert "can't be verified, so no key was sent" in refused.msg
            assert certificate_of(stranger) in refused.msg
            assert "tls_fingerprint" in refused.msg
    assert asked(machine.convox, f"rack {stranger.name}") == []


def test_a_pinned_certificate(machine: Machine, stranger: Rack) -> None:
    """Colons and capitals as openssl prints them; with it a key is rolled as on any other rack."""
    digits = certificate_of(stranger).upper()
    pin = ":".join(digits[i : i + 2] for i in range(0, len(digits), 2))
    assert machine.run("convox_login", host=stranger.host, api_key=stranger.key, tls_fingerprint=pin).changed
    assert machine.run("rack_keyroll", host=stranger.host, tls_fingerprint=pin)["phase"] == "committed"
    assert stranger.accepted_keys == {machine.auth()[stranger.host]}
    before = len(asked(machine.convox, f"rack {stranger.name}"))
    other = machine.fail("convox_login", host=stranger.host, tls_fingerprint="0" * 64)
    for word in ("0" * 64, certificate_of(stranger), "another than the pinned one"):
        assert word in other.msg
    assert len(asked(machine.convox, f"rack {stranger.name}")) == before


def test_accept_new_trusts_what_is_seen_first(machine: Machine, stranger: Rack, new_rack: NewRack) -> None:
    pins = machine.config / "tls-fingerprints"
    assert machine.run("convox_login", host=stranger.host, api_key=stranger.key, tls_fingerprint="accept_new", check_mode=True).changed
    assert not pins.exists()
    machine.run("convox_login", host=stranger.host, api_key=stranger.key, tls_fingerprint="accept_new")
    assert machine.read_json(pins) == {stranger.host: certificate_of(stranger)}
    assert oct(pins.stat().st_mode & 0o777) == "0o600"
    # Every module reads it, without being told to.
    assert machine.run("rack_keyroll", host=stranger.host)["phase"] == "committed"

    # Somebody else answers there now: not trusted, and not kept, whatever is said.
    impostor = new_rack(certificate="self_signed")
    machine.write(pins, '{"%s": "%s"}' % (impostor.host, certificate_of(stranger)))
    for more in ({}, {"tls_fingerprint": "accept_new"}):
        assert "another than the pinned one" in machine.fail("convox_login", host=impostor.host, api_key=impostor.key, **more).msg
    assert machine.read_json(pins) == {impostor.host: certificate_of(stranger)}
    assert asked(machine.convox, f"rack {impostor.name}") == []


def test_a_pin_on_the_certificate_of_the_api_itself(machine: Machine, new_rack: NewRack) -> None:
    """It changes with each container: a roll could never be proven, and is refused."""
    rack = new_rack(certificate="api", high_availability=False)
    with nothing_changes(machine, locks=False):
        refused = machine.fail("rack_keyroll", host=rack.host, api_key=rack.key, tls_fingerprint=certificate_of(rack))
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
