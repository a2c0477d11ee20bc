# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What comes back, and what is said of it: errors in one line, with the Request-Id and without any secret."""
from __future__ import annotations

import base64
import datetime
import json
import socket
import threading
import typing as t
from pathlib import Path

import pytest

from ansible_collections.convox.credentials.plugins.module_utils import transport as transport_module
from ansible_collections.convox.credentials.plugins.module_utils.errors import BadReply, NoAnswer, Refused
from ansible_collections.convox.credentials.plugins.module_utils.keys import Secrets
from ansible_collections.convox.credentials.plugins.module_utils.times import Clock
from ansible_collections.convox.credentials.plugins.module_utils.transport import CLIENT_VERSION, Credential, Transport
from tests.standin import Standin
from tests.standin.messages import Request
from tests.standin.rack import Rack as StandinRack
from tests.unit.plugins.module_utils.conftest import Asked
from tests.unit.plugins.module_utils.support import NEW, NO_PROXIES, OTHER, StillClock, failing

NewTransport = t.Callable[..., Transport]


@pytest.fixture
def way(rack: StandinRack, transport: NewTransport) -> Transport:
    return transport(rack.host)


@pytest.fixture
def heard(rack: StandinRack, monkeypatch: pytest.MonkeyPatch) -> list[Request]:
    """The requests as the rack got them."""
    got: list[Request] = []
    real = rack.listener._answer

    def answer(request: Request) -> t.Any:
        got.append(request)
        return real(request)

    monkeypatch.setattr(rack.listener, "_answer", answer)
    return got


# -- what is sent -------------------------------------------------------------------------------------------------
def test_as_the_cli_asks(rack: StandinRack, way: Transport, heard: list[Request]) -> None:
    way.get("/auth", Credential(rack.key))
    with failing(BadReply, "No updates", hiding=[rack.key]):
        way.send("PUT", "/system", Credential(rack.key, "someone"), {"parameters": "A=b"}, {"Rack": "acme/alpha"})
    read, write = heard
    assert (read.basic, write.basic) == (("convox", rack.key), ("someone", rack.key))
    assert read.headers["User-Agent"] == f"convox.go/{CLIENT_VERSION}"
    assert (read.headers["Version"], read.headers["Rack"], write.headers["Rack"]) == (CLIENT_VERSION, None, "acme/alpha")
    assert (write.headers["Content-Type"], write.body) == ("application/x-www-form-urlencoded", b"parameters=A%3Db")
    assert read.headers["Session"] is None


def test_json_with_a_bearer_or_none(way: Transport, heard: list[Request]) -> None:
    for bearer in (None, NEW):
        with pytest.raises(BadReply):
            way.post_json("/graphql", {"query": "q"}, bearer)
    assert [request.headers["Authorization"] for request in heard] == [None, f"Bearer {NEW}"]
    assert heard[0].json == {"query": "q"}


def test_a_key_with_any_letter_arrives(rack: StandinRack, way: Transport, heard: list[Request]) -> None:
    with failing(Refused, "invalid authentication", hiding=["k\xe9y:\n\u4e2d%41"]):
        way.get("/auth", Credential("k\xe9y:\n\u4e2d%41"))
    assert heard[0].basic == ("convox", "k\xe9y:\n\u4e2d%41")


def test_no_netrc(rack: StandinRack, way: Transport, heard: list[Request], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A credential of its own would go to a Console that was to be asked without one."""
    netrc = tmp_path / "netrc"
    netrc.write_text(f"machine 127.0.0.1 login somebody password {OTHER}\n", encoding="utf-8")
    monkeypatch.setenv("NETRC", str(netrc))
    way.get("/auth", Credential(rack.key))
    for bearer in (None, NEW):
        with pytest.raises(BadReply):
            way.post_json("/graphql", {}, bearer)
    with pytest.raises(Refused):
        way.get("/auth", None)
    assert [request.headers["Authorization"] for request in heard[1:]] == [None, f"Bearer {NEW}", None]
    assert heard[0].basic == ("convox", rack.key)


# -- what comes back ----------------------------------------------------------------------------------------------
def test_a_reply(rack: StandinRack, way: Transport) -> None:
    reply = way.get("/auth?x=1", Credential(rack.key))
    assert (reply.status, reply.text, reply.content_type, reply.about) == (200, "ok\n", "text/plain", f"{rack.host} GET /auth")
    assert reply.request_id


def test_refused_with_the_request_id(rack: StandinRack, way: Transport) -> None:
    rack.fault("status", status=401, body="invalid authentication\n", headers={"Request-Id": "id-1234"})
    with failing(Refused, rack.host, "GET /auth", "401 invalid authentication", "id-1234", hiding=[NEW]) as caught:
        way.get("/auth", Credential(NEW))
    assert (caught.value.status, caught.value.text) == (401, "invalid authentication")


@pytest.mark.parametrize(
    ("body", "content_type", "said"),
    [
        ("ValidationError: No updates.\n\tstatus code: 400, request id: 1", "text/plain", "ValidationError: No updates. status code: 400"),
        ('{"error": "no such\\napp"}', "application/json", "500 no such app"),
        ('{"other": 1}', "application/json", '{"other": 1}'),
        ("not json", "application/json", "500 not json"),
        ('["a"]', "application/json; charset=utf-8", '["a"]'),
        ("", "text/plain", "500 without a text"),
        ("x" * 5000, "text/plain", "xxx\u2026"),
    ],
)
def test_an_error_in_one_line(rack: StandinRack, way: Transport, body: str, content_type: str, said: str) -> None:
    rack.fault("status", status=500, body=body, content_type=content_type)
    with failing(BadReply, said, hiding=[rack.key]) as caught:
        way.get("/auth", Credential(rack.key))
    assert len(str(caught.value)) < 450


def test_a_long_error_is_known_to_its_end(rack: StandinRack, way: Transport) -> None:
    """Only what people read is cut: what AWS says last may be what counts."""
    rack.fault("status", status=500, body="x" * 1000 + " can not be updated")
    with failing(BadReply) as caught:
        way.get("/auth", Credential(rack.key))
    assert caught.value.text.endswith("can not be updated")


@pytest.mark.parametrize("content_type", ["text/html", "text/html; charset=utf-8", "Text/HTML;charset=UTF-8"])
@pytest.mark.parametrize("status", [200, 404, 502])
def test_a_page_is_no_answer(rack: StandinRack, way: Transport, status: int, content_type: str) -> None:
    rack.fault("status", status=status, body="<html></html>", content_type=content_type)
    with failing(BadReply, "web page", str(status), "host", hiding=[rack.key]) as caught:
        way.get("/system", Credential(rack.key))
    assert caught.value.status == status


@pytest.mark.parametrize(("body", "content_type"), [("ok\n", "text/plain"), ("", ""), ('{"a": ', "application/json"), ("\x00", "application/octet-stream")])
def test_json_that_is_none(rack: StandinRack, way: Transport, body: str, content_type: str) -> None:
    rack.fault("status", status=200, body=body, content_type=content_type)
    with failing(BadReply, rack.host, "JSON was expected", hiding=[rack.key]):
        way.get("/system", Credential(rack.key)).json()


def test_json_without_end_is_none(rack: StandinRack, way: Transport) -> None:
    rack.fault("status", status=200, body="[" * 100_000, content_type="application/json")
    with failing(BadReply, "JSON was expected"):
        way.get("/system", Credential(rack.key)).json()


def test_a_reply_without_end(rack: StandinRack, way: Transport, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither memory nor time is given to it without end."""
    monkeypatch.setattr(transport_module, "LARGEST_REPLY", 100_000)
    rack.fault("status", status=200, body="x" * 300_000, times=None)
    for path in ("/system", "/auth"):
        with failing(NoAnswer, rack.host, f"GET {path}", "a reply without end", "check that the host"):
            way.get(path, Credential(rack.key))
    monkeypatch.setattr(transport_module, "LARGEST_REPLY", 300_000)
    assert len(way.get("/auth", Credential(rack.key)).text) == 300_000


def test_a_byte_now_and_then(rack: StandinRack, transport: NewTransport) -> None:
    class Hours(Clock):
        """On which an hour passes between any two looks."""

        def now(self) -> float:
            self._hours = getattr(self, "_hours", 0) + 1
            return 3600.0 * self._hours

    rack.fault("status", status=200, body="x" * 300_000)
    with failing(NoAnswer, "a reply without end"):
        transport(rack.host, clock=Hours()).get("/system", Credential(rack.key))


@pytest.mark.parametrize("charset", ["no-such", "hex", "ascii"])
def test_any_word_for_an_encoding(rack: StandinRack, way: Transport, charset: str) -> None:
    rack.fault("status", status=200, body="{}", content_type=f"application/json; charset={charset}")
    assert way.get("/system", Credential(rack.key)).json() == {}


def test_what_a_terminal_would_obey(rack: StandinRack, way: Transport) -> None:
    rack.fault("status", status=500, body="\x1b]0;owned\x07\x1b[2Jgone \u202ebackwards\x9b31m", times=None)
    with pytest.raises(BadReply) as caught:
        way.get("/system", Credential(rack.key))
    assert str(caught.value).isprintable()
    assert "gone" in str(caught.value)


def test_a_rack_that_repeats_the_key_in_its_error(rack: StandinRack, transport: NewTransport) -> None:
    secrets = Secrets()
    secrets.add(OTHER)
    way = transport(rack.host, secrets=secrets)
    rack.fault("status", status=400, body=json.dumps({"error": f"bad {rack.key} and {OTHER}"}), content_type="application/json")
    with failing(BadReply, "bad ******** and ********", hiding=[rack.key, OTHER]):
        way.get("/auth", Credential(rack.key))


@pytest.mark.parametrize("user", ["convox", "jwt", "who"])
def test_a_gateway_that_repeats_the_header_in_its_error(rack: StandinRack, way: Transport, user: str) -> None:
    """The key is in it, for whoever decodes it."""
    sent = base64.b64encode(f"{user}:{rack.key}".encode()).decode()
    rack.fault("status", status=400, body=f"bad header Authorization: Basic {sent}")
    with failing(BadReply, "bad header Authorization: Basic ********", hiding=[rack.key, sent, sent.rstrip("=")]):
        way.get("/auth", Credential(rack.key, user))


# -- redirects ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(
    rack: StandinRack, new_rack: t.Callable[..., StandinRack], transport: NewTransport, asked: Asked, status: int
) -> None:
    """Neither to another host nor to another path: the key would go along."""
    other = new_rack()
    for method in ("GET", "PUT"):
        rack.fault("status", status=status, headers={"Location": f"https://{other.host}/auth?key={rack.key}"})
        with failing(BadReply, "redirected to", other.host, "never sent on", hiding=[rack.key]):
            transport(rack.host)._send(method, "/auth", Credential(rack.key), {}, None)
    assert asked(other) == []
    assert len(asked(rack)) == 2


# -- no reply -----------------------------------------------------------------------------------------------------
@pytest.fixture
def broken(convox: Standin) -> t.Iterator[t.Callable[[bytes], str]]:
    """A host that shows a good certificate, reads the request, and then sends such bytes in place of TLS."""
    context = convox._authority.context()
    open_sockets: list[socket.socket] = []

    def serve(listening: socket.socket, answer: bytes) -> None:
        plain, _address = listening.accept()
        secured = context.wrap_socket(plain, server_side=True)
        secured.recv(65536)
        with socket.socket(fileno=secured.detach()) as raw:
            raw.sendall(answer)
            raw.shutdown(socket.SHUT_WR)

    def start(answer: bytes) -> str:
        listening = socket.create_server(("127.0.0.1", 0))
        open_sockets.append(listening)
        threading.Thread(target=serve, args=(listening, answer), daemon=True).start()
        return "127.0.0.1:%d" % listening.getsockname()[1]

    yield start
    for each in open_sockets:
        each.close()


@pytest.mark.parametrize("answer", [b"HTTP/1.1 502 Bad Gateway\r\n\r\n", b"\x15\x03\x03\x00\x02\x02\x50", b"\x17\x03\x03\x00\x20" + b"x" * 32, b""])
def test_tls_that_breaks_after_the_request(broken: t.Callable[[bytes], str], transport: NewTransport, answer: bytes) -> None:
    """The request was read, so that it may have acted; and no certificate is to blame."""
    with failing(NoAnswer, hiding=[NEW]) as caught:
        transport(broken(answer)).send("PUT", "/system", Credential(NEW))
    assert caught.value.sent
    assert "certificate" not in str(caught.value)


def test_a_host_that_speaks_no_tls(transport: NewTransport) -> None:
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with listening, listening.accept()[0] as plain:
            plain.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    threading.Thread(target=serve, daemon=True).start()
    with failing(NoAnswer, "TLS", hiding=[NEW]) as caught:
        transport("127.0.0.1:%d" % listening.getsockname()[1]).get("/auth", Credential(NEW))
    assert "SHA-256" not in str(caught.value)


# -- proxies ------------------------------------------------------------------------------------------------------
def test_a_proxy_that_is_away(rack: StandinRack, way: Transport, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://user:proxy-password@127.0.0.1:1")
    monkeypatch.delenv("NO_PROXY", raising=False)
    with failing(NoAnswer, "proxy", "HTTPS_PROXY", "NO_PROXY", hiding=[rack.key]) as caught:
        way.get("/auth", Credential(rack.key))
    assert "proxy-password" not in str(caught.value)
    assert not caught.value.sent


@pytest.mark.parametrize("proxy", NO_PROXIES)
def test_a_proxy_that_is_no_url(rack: StandinRack, way: Transport, monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    monkeypatch.delenv("NO_PROXY", raising=False)
    with failing(NoAnswer, "the proxy's URL", "HTTPS_PROXY", hiding=[rack.key, "proxy-password"]) as caught:
        way.get("/auth", Credential(rack.key))
    assert (caught.value.sent, caught.value.lasting) == (False, True)
    # Where it is not asked it does no harm.
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    assert way.get("/auth", Credential(rack.key)).text == "ok\n"


@pytest.mark.parametrize("exempt", ["127.0.0.1", "*", "127.0.0.0/8"])
def test_a_host_that_needs_no_proxy(rack: StandinRack, way: Transport, monkeypatch: pytest.MonkeyPatch, exempt: str) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", exempt)
    assert way.get("/auth", Credential(rack.key)).text == "ok\n"


END_OF_TIME = [(f"Fri, 31 Dec 9999 23:59:59 {zone}", 2100) for zone in ("GMT", "-0100", "+1200")]


# -- time ---------------------------------------------------------------------------------------------------------
def test_the_server_s_date_is_heard(rack: StandinRack, transport: NewTransport) -> None:
    """This machine's clock may be wrong by hours; nonsense is passed over."""
    clock = Clock()
    way = transport(rack.host, clock=clock)
    for header, year in (("Fri, 01 Jan 2100 00:00:00 GMT", 2100), ("soon", 2100), ("", 2100), *END_OF_TIME):
        rack.fault("status", status=200, headers={"Date": header})
        way.get("/auth", Credential(rack.key))
        assert clock.date().year == year
    way.get("/auth", Credential(rack.key))
    assert abs(clock.date() - datetime.datetime.now(datetime.timezone.utc)) < datetime.timedelta(seconds=5)


def test_an_error_s_date_is_heard_too(rack: StandinRack, transport: NewTransport) -> None:
    clock = Clock()
    rack.fault("status", status=500, headers={"Date": "Fri, 01 Jan 2100 00:00:00 GMT"})
    with pytest.raises(BadReply):
        transport(rack.host, clock=clock).get("/auth", Credential(rack.key))
    assert clock.date().year == 2100


# -- connections --------------------------------------------------------------------------------------------------
def test_kept_and_fresh_connections(rack: StandinRack, way: Transport, asked: Asked) -> None:
    """A kept one always meets the same container; fresh ones meet each in turn."""
    for _turn in range(4):
        way.get("/auth", Credential(rack.key))
    assert len({each["container"] for each in asked(rack)}) == 1
    met = []
    for _turn in range(4):
        fresh = way.fresh()
        fresh.get("/auth", Credential(rack.key))
        fresh.close()
        met.append(asked(rack)[-1]["container"])
    assert (met[:2], len(set(met))) == (met[2:], 2)


def test_fresh_ones_are_never_tried_again(rack: StandinRack, transport: NewTransport, asked: Asked) -> None:
    rack.fault("status", status=503, times=1)
    with pytest.raises(BadReply):
        transport(rack.host, retries=3).fresh().get("/auth", Credential(rack.key))
    assert len(asked(rack)) == 1


def test_warnings_of_the_library_are_not_shown(rack: StandinRack, transport: NewTransport, recwarn: pytest.WarningsRecorder) -> None:
    from ansible_collections.convox.credentials.plugins.module_utils import tls

    for trust in (tls.Trust(verify=False), tls.Trust(fingerprint=tls.look_at(rack.host, 5).fingerprint)):
        transport(rack.host, trust, clock=StillClock()).get("/auth", Credential(rack.key))
    assert [str(each.message) for each in recwarn] == []


def test_a_context_that_could_show_more_is_not_kept(rack: StandinRack, way: Transport) -> None:
    """The library's errors carry the whole request along."""
    rack.fault("drop_before")
    with failing(NoAnswer, hiding=[rack.key]) as caught:
        way.get("/auth", Credential(rack.key))
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)


def test_a_session_id_that_no_header_can_carry(rack: StandinRack, transport: NewTransport) -> None:
    class Odd:
        def session(self, host: str) -> str:
            return "\u4e2d\u6587-session"

        def set_session(self, host: str, session: str) -> None:
            raise AssertionError

    with failing(NoAnswer, rack.host, hiding=[rack.key, "\u4e2d\u6587-session"]) as caught:
        transport(rack.host, sessions=Odd()).get("/auth", Credential(rack.key))
    assert not caught.value.sent
