# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which certificate is trusted, and that nothing is sent to any other."""
from __future__ import annotations

import base64
import hashlib
import socket
import ssl
import threading
import typing as t

import pytest
from cryptography import x509

from ansible_collections.convox.credentials.plugins.module_utils import tls
from ansible_collections.convox.credentials.plugins.module_utils.errors import BadInput, NoAnswer, Untrusted
from ansible_collections.convox.credentials.plugins.module_utils.transport import Credential, Transport
from tests.connect_proxy import ConnectProxy
from tests.standin.rack import Rack as StandinRack
from tests.standin.tls import api_certificate, self_signed
from tests.unit.plugins.module_utils.conftest import Asked
from tests.unit.plugins.module_utils.support import NO_PROXIES, failing

NewRack = t.Callable[..., StandinRack]
NewTransport = t.Callable[..., Transport]


def shown_by(rack: StandinRack) -> str:
    """The SHA-256 of what a rack shows, by other means than the collection's."""
    name, dummy, port = rack.host.partition(":")
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate((name, int(port))))).hexdigest()


def ask(transport: Transport, rack: StandinRack) -> str:
    return transport.get("/auth", Credential(rack.key)).text


@pytest.fixture
def self_signed_rack(new_rack: NewRack) -> StandinRack:
    return new_rack(certificate="self_signed")


def test_verified_by_an_authority(rack: StandinRack, transport: NewTransport) -> None:
    assert ask(transport(rack.host), rack) == "ok\n"


def test_not_verified_nothing_is_sent(self_signed_rack: StandinRack, transport: NewTransport, asked: Asked) -> None:
    """The message shows what was seen, and what pinning it means."""
    rack = self_signed_rack
    for send in (lambda each: ask(each, rack), lambda each: each.send("PUT", "/system", Credential(rack.key))):
        with failing(Untrusted, rack.host, shown_by(rack), "tls_fingerprint", "ca_path", hiding=[rack.key]) as caught:
            send(transport(rack.host))
        assert not caught.value.sent
    assert asked(rack) == []


def test_an_authority_of_somebody_else(rack: StandinRack, transport: NewTransport, asked: Asked) -> None:
    """The system's own do not know the stand-in's."""
    with failing(Untrusted, shown_by(rack), hiding=[rack.key]):
        ask(transport(rack.host, tls.Trust()), rack)
    assert asked(rack) == []


def test_another_name_than_the_certificates(rack: StandinRack, transport: NewTransport, asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    port = rack.host.partition(":")[2]
    real = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, *more, **named: real("127.0.0.1", *more, **named))
    with failing(Untrusted, shown_by(rack), hiding=[rack.key]):
        ask(transport(f"other.example.com:{port}"), rack)
    assert asked(rack) == []


def test_not_verified_because_the_caller_said_so(self_signed_rack: StandinRack, transport: NewTransport) -> None:
    assert ask(transport(self_signed_rack.host, tls.Trust(verify=False)), self_signed_rack) == "ok\n"


@pytest.mark.parametrize("verify", [True, False])
def test_pinned(self_signed_rack: StandinRack, transport: NewTransport, verify: bool) -> None:
    """Names are not compared, nor authorities."""
    pinned = tls.Trust(verify=verify, fingerprint=shown_by(self_signed_rack))
    assert ask(transport(self_signed_rack.host, pinned), self_signed_rack) == "ok\n"
    assert ask(transport(self_signed_rack.host, pinned).fresh(), self_signed_rack) == "ok\n"


@pytest.mark.parametrize("certificate", ["self_signed", "ca"])
def test_pinned_and_changed(new_rack: NewRack, transport: NewTransport, asked: Asked, certificate: str) -> None:
    """Also where an authority vouches for the new one: the pin alone counts."""
    rack = new_rack(certificate=certificate)
    with failing(Untrusted, "ab" * 32, shown_by(rack), "tls_fingerprint", hiding=[rack.key]) as caught:
        ask(transport(rack.host, tls.Trust(fingerprint="ab" * 32)), rack)
    assert not caught.value.sent
    assert asked(rack) == []


@pytest.mark.parametrize("certificate", ["ca", "self_signed"])
def test_what_was_shown_is_kept(new_rack: NewRack, transport: NewTransport, certificate: str) -> None:
    """Also of one that Python itself tells nothing of, because it did not verify it."""
    rack = new_rack(certificate=certificate)
    way = transport(rack.host, tls.Trust(fingerprint=shown_by(rack)) if certificate == "self_signed" else None)
    assert way.certificate is None
    ask(way, rack)
    end = x509.load_pem_x509_certificate(ssl.get_server_certificate(("127.0.0.1", rack.listener.port)).encode()).not_valid_after_utc
    assert way.certificate == tls.Certificate(shown_by(rack), False, end.strftime("%Y-%m-%dT%H:%M:%SZ"))


# -- looking ------------------------------------------------------------------------------------------------------
def test_looking_sends_nothing(self_signed_rack: StandinRack, asked: Asked) -> None:
    certificate = tls.look_at(self_signed_rack.host, 5)
    assert (certificate.fingerprint, certificate.api_own) == (shown_by(self_signed_rack), False)
    assert asked(self_signed_rack) == []


def test_the_api_s_own_certificate_is_told(new_rack: NewRack) -> None:
    rack = new_rack(certificate="api")
    assert tls.look_at(rack.host, 5).api_own


def serve_once(context: ssl.SSLContext) -> str:
    """A port that shows a certificate to the first who comes."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with listening, listening.accept()[0] as plain:
            try:
                context.wrap_socket(plain, server_side=True).close()
            except OSError:
                pass

    threading.Thread(target=serve, daemon=True).start()
    return "127.0.0.1:%d" % listening.getsockname()[1]


@pytest.mark.parametrize(
    ("organization", "name", "own"),
    [("convox", "api", True), ("convox", "apis", False), ("convox2", "api", False), ("", "api", False), ("api", "convox", False)],
)
def test_its_own_by_both_names(organization: str, name: str, own: bool) -> None:
    """Written as UTF-8 strings, as newer libraries do."""
    assert tls.look_at(serve_once(self_signed(name, organization)), 5).api_own is own


def test_its_own_as_go_writes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Go, which the API is written in, writes printable strings."""
    from cryptography.x509 import NameAttribute
    from cryptography.x509.name import _ASN1Type

    real = NameAttribute.__init__
    monkeypatch.setattr(NameAttribute, "__init__", lambda self, oid, value: real(self, oid, value, _ASN1Type.PrintableString))
    assert tls.look_at(serve_once(api_certificate()), 5).api_own


@pytest.mark.parametrize("host", ["127.0.0.1:1", "no-such-host.invalid", "127.0.0.1:99999", "a..b", "127.0.0.1:http"])
def test_looking_where_nobody_is(host: str) -> None:
    with failing(NoAnswer, host, "no certificate") as caught:
        tls.look_at(host, 5)
    assert not caught.value.sent


def test_looking_where_no_tls_is_spoken() -> None:
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with listening, listening.accept()[0] as plain:
            plain.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    threading.Thread(target=serve, daemon=True).start()
    with failing(NoAnswer, "no certificate"):
        tls.look_at("127.0.0.1:%d" % listening.getsockname()[1], 5)


# -- looking through a proxy --------------------------------------------------------------------------------------
@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> t.Iterator[ConnectProxy]:
    """The environment's, for every host."""
    proxy = ConnectProxy()
    for name in ("NO_PROXY", "no_proxy", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTPS_PROXY", f"http://user:proxy%2Dpassword@{proxy.address}")
    yield proxy
    proxy.close()


def test_looking_goes_the_way_that_requests_go(new_rack: NewRack, transport: NewTransport, proxy: ConnectProxy, asked: Asked) -> None:
    """With the proxy's credentials, and to a host that only the proxy can find."""
    rack = new_rack(certificate="self_signed", rack_domain="rack.invalid")
    host, proxy.leads_to = "rack.invalid", {"rack.invalid:443": rack.listener.port}
    seen = tls.look_at(host, 5)
    assert proxy.asked == [(f"{host}:443", "Basic " + base64.b64encode(b"user:proxy-password").decode())]
    assert asked(rack) == []
    with failing(Untrusted, seen.fingerprint, hiding=[rack.key, "proxy-password"]):
        ask(transport(host), rack)
    assert ask(transport(host, tls.Trust(fingerprint=seen.fingerprint)), rack) == "ok\n"
    assert {each for each, dummy in proxy.asked} == {f"{host}:443"}


@pytest.mark.parametrize("url", ["{0}", "http://{0}/", "http://user@{0}"])
def test_a_proxy_as_people_write_it(rack: StandinRack, proxy: ConnectProxy, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.delenv("HTTPS_PROXY")
    monkeypatch.setenv("ALL_PROXY", url.format(proxy.address))
    assert tls.look_at(rack.host, 5).fingerprint == shown_by(rack)
    assert [each for each, dummy in proxy.asked] == [rack.host]


@pytest.mark.parametrize("exempt", ["127.0.0.1", "*", "example.com, 127.0.0.0/8"])
def test_a_host_that_needs_no_proxy(rack: StandinRack, proxy: ConnectProxy, monkeypatch: pytest.MonkeyPatch, exempt: str) -> None:
    monkeypatch.setenv("NO_PROXY", exempt)
    assert tls.look_at(rack.host, 5).fingerprint == shown_by(rack)
    assert proxy.asked == []


def test_a_network_that_the_host_is_not_in(rack: StandinRack, proxy: ConnectProxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "10.0.0.0/8,127.0.0.1/none,/")
    tls.look_at(rack.host, 5)
    assert len(proxy.asked) == 1


def test_a_proxy_that_lets_nobody_through(rack: StandinRack, proxy: ConnectProxy) -> None:
    proxy.answer = "407 Proxy Authentication Required"
    with failing(NoAnswer, rack.host, "through the proxy", "407", hiding=["proxy-password"]) as caught:
        tls.look_at(rack.host, 5)
    assert not caught.value.sent


@pytest.mark.parametrize("url", [*NO_PROXIES, "https://user:proxy-password@127.0.0.1:1", "http://user:proxy-password@127.0.0.1:1"])
def test_a_proxy_that_is_none(rack: StandinRack, proxy: ConnectProxy, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """Nothing of its URL is in the message, whatever is wrong with it."""
    monkeypatch.setenv("HTTPS_PROXY", url)
    with failing(NoAnswer, rack.host, "proxy", hiding=["proxy-password"]) as caught:
        tls.look_at(rack.host, 5)
    assert not caught.value.sent


@pytest.mark.parametrize("kind", ["https", "socks5"])
def test_a_proxy_that_can_t_be_looked_through(rack: StandinRack, proxy: ConnectProxy, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """Requests may go through it, once the certificate is named."""
    monkeypatch.setenv("HTTPS_PROXY", f"{kind}://{proxy.address}")
    with failing(NoAnswer, rack.host, f"a proxy of {kind}", "tls_fingerprint"):
        tls.look_at(rack.host, 5)
    assert proxy.asked == []


# -- fingerprints -------------------------------------------------------------------------------------------------
def test_a_fingerprint_as_people_write_it() -> None:
    digits = "0123456789abcdef" * 4
    written = ":".join(digits[i : i + 2] for i in range(0, 64, 2)).upper()
    assert tls.parse_fingerprint(written) == tls.parse_fingerprint(digits) == digits


@pytest.mark.parametrize("text", ["", "ab", "g" * 64, "a" * 63, "a" * 65, "accept-new", "sha256:" + "a" * 64, "a" * 64 + "\n", "\u0661" * 64])
def test_what_is_no_fingerprint(text: str) -> None:
    with failing(BadInput, "tls_fingerprint", "64 hex digits"):
        tls.parse_fingerprint(text)
