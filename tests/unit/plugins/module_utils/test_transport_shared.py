# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connections to many hosts share what is made of the same authorities, and nothing else: no trust goes from one to another."""
from __future__ import annotations

import concurrent.futures
import ssl
import typing as t
from pathlib import Path

import pytest

from ansible_collections.convox.credentials.plugins.module_utils import tls
from ansible_collections.convox.credentials.plugins.module_utils import transport as transports
from ansible_collections.convox.credentials.plugins.module_utils.errors import NoAnswer, Untrusted
from ansible_collections.convox.credentials.plugins.module_utils.transport import Credential, Transport
from tests.standin import Standin
from tests.standin.rack import Rack as StandinRack
from tests.standin.tls import Authority

NewRack = t.Callable[..., StandinRack]
NewTransport = t.Callable[..., Transport]


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[ssl.SSLContext]:
    """The contexts that are made, of which none was made before."""
    contexts: list[ssl.SSLContext] = []
    make = transports.urllib3.util.ssl_.create_urllib3_context

    def note(*args: t.Any, **named: t.Any) -> ssl.SSLContext:
        contexts.append(make(*args, **named))
        return contexts[-1]

    monkeypatch.setattr(transports.urllib3.util.ssl_, "create_urllib3_context", note)
    monkeypatch.setattr(transports.urllib3.connection, "create_urllib3_context", note)
    transports._made_context.cache_clear()
    return contexts


def ask(way: Transport, rack: StandinRack) -> str:
    return way.get("/auth", Credential(rack.key)).text


def other_authority(directory: Path) -> Authority:
    directory.mkdir()
    return Authority(directory)


def test_authorities_are_read_once(convox: Standin, new_rack: NewRack, transport: NewTransport, made: list[ssl.SSLContext]) -> None:
    """Whoever is first, and however many want them at the same time."""
    ways = [(transport(rack.host), rack) for rack in (new_rack() for _number in range(4)) for _connection in range(4)]
    with concurrent.futures.ThreadPoolExecutor(len(ways)) as pool:
        assert set(pool.map(lambda each: ask(*each), ways)) == {"ok\n"}
    assert len(made) == 1


def test_each_trust_stands_by_itself(new_rack: NewRack, transport: NewTransport, made: list[ssl.SSLContext]) -> None:
    """In whatever order a host is pinned, verified and not verified, and others are, over whose connections it was before."""
    rack, vouched = new_rack(certificate="self_signed"), new_rack()
    pin = tls.look_at(rack.host, 5).fingerprint
    for _round in range(2):
        assert ask(transport(vouched.host), vouched) == "ok\n"
        assert ask(transport(rack.host, tls.Trust(fingerprint=pin)), rack) == "ok\n"
        assert ask(transport(rack.host, tls.Trust(verify=False)), rack) == "ok\n"
        for host, trust in ((rack.host, None), (vouched.host, tls.Trust(fingerprint=pin)), (vouched.host, tls.Trust())):
            with pytest.raises(Untrusted):
                transport(host, trust).get("/auth", Credential(rack.key))
    assert len(made) == 3, "one verifies by the stand-in's authority, one by those of the world, and one nothing itself"


def test_a_name_is_compared_every_time(convox: Standin, new_rack: NewRack, transport: NewTransport) -> None:
    good, other = new_rack(), new_rack()
    other._certificate = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    convox._authority._ca.issue_cert("other.example.com").configure_cert(other._certificate)
    for _round in range(2):
        assert ask(transport(good.host), good) == "ok\n"
        with pytest.raises(Untrusted):
            ask(transport(other.host), other)


def test_authorities_that_change_are_read_again(convox: Standin, rack: StandinRack, transport: NewTransport, tmp_path: Path) -> None:
    path = tmp_path / "ca.pem"
    ours = Path(convox.ca_path).read_text(encoding="utf-8")
    others = other_authority(tmp_path / "other").path.read_text(encoding="utf-8")
    trust = tls.Trust(ca_path=str(path))
    for content in (ours, others, ours + others, others):
        path.write_text(content, encoding="utf-8")
        if ours in content:
            assert ask(transport(rack.host, trust), rack) == "ok\n"
        else:
            with pytest.raises(Untrusted):
                ask(transport(rack.host, trust), rack)


def test_authorities_that_can_t_be_read(rack: StandinRack, transport: NewTransport, tmp_path: Path) -> None:
    """Not for the first connection, and not for the second."""
    path = tmp_path / "ca.pem"
    path.write_text("none\n", encoding="utf-8")
    for _round in range(2):
        with pytest.raises(NoAnswer):
            ask(transport(rack.host, tls.Trust(ca_path=str(path))), rack)


def test_what_is_shared_is_not_changed(convox: Standin) -> None:
    """As the library does before each handshake, while another thread's may read it."""
    context = tls.shared(ssl.create_default_context(cafile=convox.ca_path))
    set_by_the_library = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ssl.SSLContext, "set_alpn_protocols", lambda self, protocols: set_by_the_library.append(protocols))
        context.set_alpn_protocols(["http/1.1"])
    assert set_by_the_library == []
    assert (context.check_hostname, context.verify_mode) == (True, ssl.CERT_REQUIRED)
