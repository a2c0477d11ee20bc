# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said of a certificate that is not to be trusted: which one the connection showed, and where a pin of it is written."""
from __future__ import annotations

import typing as t
import warnings

import pytest

from ansible_collections.convox.credentials.plugins.module_utils import tls
from ansible_collections.convox.credentials.plugins.module_utils.errors import BadInput, Untrusted
from ansible_collections.convox.credentials.plugins.module_utils.target import Reach, find_target
from ansible_collections.convox.credentials.plugins.module_utils.transport import Credential, Transport
from tests.standin.rack import Rack as StandinRack
from tests.unit.plugins.module_utils.conftest import Asked, Tasks
from tests.unit.plugins.module_utils.support import failing

NewRack = t.Callable[..., StandinRack]
NewTransport = t.Callable[..., Transport]
FILE = "the file tls-fingerprints of the CLI's directory"


def shown(rack: StandinRack) -> str:
    return tls.look_at(rack.host, 5).fingerprint


# -- which one ----------------------------------------------------------------------------------------------------
def test_what_the_failing_connection_showed_is_told(new_rack: NewRack, transport: NewTransport, asked: Asked) -> None:
    """Two containers answer in turn, each with a certificate of its own: a second look would meet the pinned one."""
    rack = new_rack(certificate="api")
    other, pinned = shown(rack), shown(rack)
    way = transport(rack.host, tls.Trust(fingerprint=pinned))
    own = "(the API's own, O=convox, CN=api, which each container makes for itself at its start)"
    with failing(Untrusted, f"pinned {pinned}, seen {other} {own}", hiding=[rack.key]) as caught:
        way.get("/auth", Credential(rack.key))
    assert (caught.value.fingerprint, caught.value.pinned, caught.value.sent) == (other, True, False)
    assert way.certificate is not None
    assert (way.certificate.fingerprint, way.certificate.api_own) == (other, True)
    assert shown(rack) == pinned, "nobody has looked in between"
    assert asked(rack) == []


def test_it_is_told_of_each_connection_anew(new_rack: NewRack, transport: NewTransport) -> None:
    """Also by a transport that the pinned one has answered before."""
    rack = new_rack(certificate="api")
    pinned, other = shown(rack), shown(rack)
    way = transport(rack.host, tls.Trust(fingerprint=pinned))
    assert way.get("/auth", Credential(rack.key)).text == "ok\n"
    fresh = way.fresh()
    with failing(Untrusted, f"pinned {pinned}, seen {other}"):
        fresh.get("/auth", Credential(rack.key))
    assert fresh.get("/auth", Credential(rack.key)).text == "ok\n", "that connection is not used again"
    fresh.close()


def test_a_connection_that_is_opened_again_is_held_to_the_pin_again(new_rack: NewRack, transport: NewTransport, asked: Asked) -> None:
    """The library keeps the same object for it."""
    rack = new_rack(certificate="api")
    pinned, other = shown(rack), shown(rack)
    way = transport(rack.host, tls.Trust(fingerprint=pinned))
    rack.fault("status", status=200, body="bye", headers={"Connection": "close"})
    assert way.get("/auth", Credential(rack.key)).text == "bye"
    with failing(Untrusted, f"pinned {pinned}, seen {other}", hiding=[rack.key]):
        way.get("/auth", Credential(rack.key))
    assert len(asked(rack)) == 1


def test_what_an_earlier_connection_showed_is_not_told(new_rack: NewRack, transport: NewTransport) -> None:
    """It was vouched for, and the next one is not."""
    rack, stranger = new_rack(), new_rack(certificate="self_signed")
    way = transport(rack.host)
    rack.fault("status", status=200, body="bye", headers={"Connection": "close"})
    assert way.get("/auth", Credential(rack.key)).text == "bye"
    before, rack._certificate = shown(rack), stranger._certificate
    with failing(Untrusted, f"it shows SHA-256 {shown(stranger)}", hiding=[before]):
        way.get("/auth", Credential(rack.key))


def test_of_one_that_is_not_pinned_another_connection_tells(new_rack: NewRack, transport: NewTransport) -> None:
    for certificate, own in (("self_signed", False), ("api", True)):
        rack = new_rack(certificate=certificate, high_availability=False)
        way = transport(rack.host)
        with failing(Untrusted, f"it shows SHA-256 {shown(rack)}", hiding=[rack.key]) as caught:
            way.get("/auth", Credential(rack.key))
        assert ("(the API's own, O=convox, CN=api" in str(caught.value)) is own
        assert (caught.value.fingerprint, caught.value.pinned) == (shown(rack), False)


def test_a_pinned_certificate_is_not_warned_of(new_rack: NewRack, transport: NewTransport) -> None:
    """As the HTTP library does where nobody verifies."""
    rack = new_rack(certificate="self_signed")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert transport(rack.host, tls.Trust(fingerprint=shown(rack))).get("/auth", Credential(rack.key)).text == "ok\n"


# -- where it is written --------------------------------------------------------------------------------------------
def reach(tasks: Tasks, host: str, **options: t.Any) -> Reach:
    task = tasks(host=host, **options)
    return Reach(task, find_target(task))


def test_of_the_host_that_was_given_the_option_is_named(tasks: Tasks, new_rack: NewRack) -> None:
    rack = new_rack(certificate="self_signed")
    with failing(Untrusted, "pin it in tls_fingerprint (") as caught:
        reach(tasks, rack.host).rack(rack.key).auth()
    assert FILE not in str(caught.value)
    with failing(Untrusted, "before you change tls_fingerprint"):
        reach(tasks, rack.host, tls_fingerprint="ab" * 32).rack(rack.key).auth()


def test_of_any_other_host_the_file_is_named(tasks: Tasks, new_rack: NewRack) -> None:
    """As a rack's own, where it is reached through a Console: the option is about that."""
    given, rack = new_rack(), new_rack(certificate="self_signed")
    with failing(Untrusted, f"pin it in {FILE} (") as caught:
        reach(tasks, given.host, tls_fingerprint="accept_new").direct(rack.host, rack.key).auth()
    assert "tls_fingerprint" not in str(caught.value)


@pytest.mark.parametrize("named", [True, False])
def test_of_a_pin_that_is_in_the_file_the_file_is_named(tasks: Tasks, new_rack: NewRack, named: bool) -> None:
    rack, other = new_rack(certificate="self_signed"), new_rack()
    way = reach(tasks, rack.host if named else other.host)
    assert tasks().cli.pin(rack.host, "ab" * 32) == "ab" * 32
    with failing(Untrusted, "pinned " + "ab" * 32, f"before you change {FILE}"):
        way.direct(rack.host, rack.key).auth()


# -- what is kept ---------------------------------------------------------------------------------------------------
def test_the_first_that_was_seen_is_kept(tasks: Tasks) -> None:
    """Two runs have found no pin, and see different certificates."""
    first, second = tasks().cli, tasks().cli
    assert (first.pinned("h"), second.pinned("h")) == (None, None)
    assert (first.pin("h", "ab" * 32), second.pin("h", "cd" * 32)) == ("ab" * 32, "ab" * 32)
    assert second.pinned("h") == "ab" * 32


def test_an_empty_pin_is_none_that_counts(tasks: Tasks, new_rack: NewRack) -> None:
    """Whoever left it there meant something; it lets nobody in."""
    rack = new_rack(certificate="self_signed")
    tasks().cli.pin(rack.host, "")
    for more in ({}, {"tls_fingerprint": "accept_new"}, {"validate_certs": False}):
        with failing(BadInput, "tls-fingerprints: '' is no SHA-256"):
            reach(tasks, rack.host, **more).rack(rack.key)


@pytest.mark.parametrize(("certificate", "warned"), [("api", 1), ("self_signed", 0)])
def test_a_pin_that_will_not_last_is_warned_of(tasks: Tasks, new_rack: NewRack, certificate: str, warned: int) -> None:
    rack = new_rack(certificate=certificate)
    reach(tasks, rack.host, tls_fingerprint="accept_new").trust(rack.host)
    assert len(tasks.warnings) == warned
    for word in (rack.host, "O=convox, CN=api", "after each restart", "rack-domain"):
        assert all(word in each for each in tasks.warnings)
