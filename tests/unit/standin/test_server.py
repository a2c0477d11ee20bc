# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses, certificates, the control address and the command."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable

import pytest
import requests
from cryptography import x509

from tests.standin import RackSpec, Standin

if TYPE_CHECKING:
    from tests.standin.rack import Rack

    Ask = Callable[..., requests.Response]

ROOT = Path(__file__).parents[3]


def certificate(rack: Rack) -> x509.Certificate:
    """The certificate that a new connection is shown."""
    pem = ssl.get_server_certificate((rack.host.partition(":")[0], rack.listener.port))
    return x509.load_pem_x509_certificate(pem.encode())


def refuses(port: int) -> bool:
    """Whether nobody listens there."""
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) != 0


def test_verified_by_either_name(rack: Rack, convox: Standin) -> None:
    """127.0.0.1 is the rack's domain, localhost another name of it, and a third is not known (3)."""
    for name in ("127.0.0.1", "localhost"):
        url = f"https://{name}:{rack.listener.port}/auth"
        assert requests.get(url, auth=("convox", rack.key), verify=convox.ca_path, timeout=10).text == "ok\n"
    reply = requests.get(
        f"https://{rack.host}/auth", headers={"Host": "other.example"}, verify=convox.ca_path, timeout=10
    )
    assert (reply.status_code, reply.text) == (404, "unknown host")


def test_self_signed_certificate_stays(new_rack: Callable[..., Rack], ask: Ask) -> None:
    """Over restarts; nobody vouches for it."""
    rack = new_rack(certificate="self_signed")
    with pytest.raises(requests.exceptions.SSLError):
        ask(rack, "GET", "/auth")
    before = certificate(rack)
    rack.deploy("test")
    rack.wait_at_rest()
    assert certificate(rack) == before
    assert "api" not in before.subject.rfc4514_string()


def test_api_certificate_is_each_containers_own(new_rack: Callable[..., Rack]) -> None:
    """So two connections in turn are shown two, and after a restart two others (3)."""
    rack = new_rack(certificate="api")
    two = {certificate(rack) for _number in range(4)}
    assert len(two) == 2
    subject = {attribute.rfc4514_attribute_name: attribute.value for attribute in two.pop().subject}
    assert subject == {"O": "convox", "CN": "api"}
    rack.deploy("test")
    rack.wait_at_rest()
    assert not two & {certificate(rack) for _number in range(4)}


def test_requests_are_noted_without_keys(rack: Rack, convox: Standin, ask: Ask) -> None:
    """By fingerprint."""
    ask(rack, "GET", "/auth", auth=("somebody", rack.key))
    noted = convox.truth(requests=1)["requests"][0]
    assert (noted["server"], noted["user"], noted["status"]) == (f"rack {rack.name}", "somebody", 200)
    assert noted["key_fingerprint"] == hashlib.sha256(rack.key.encode()).hexdigest()[:12]
    assert noted["container"] in {each["container"] for each in rack.truth()["accepts"]}


def test_control(convox: Standin, ask: Ask) -> None:
    """The same over HTTP."""

    def control(method: str, path: str, **values: Any) -> Any:
        reply = requests.request(method, f"{convox.control_url}{path}", json=values or None, timeout=10)
        return reply.status_code, reply.json()

    assert control("POST", "/racks", name="controlled", console=True)[0] == 200
    rack = convox.racks["controlled"]
    try:
        assert control("POST", "/racks/controlled/settings", update_seconds=60, drain_seconds=0)[0] == 200
        assert (rack.settings.update_seconds, rack.settings.drain_seconds) == (60.0, 0.0)
        assert control("POST", "/racks/controlled/password", key="NewKey" * 5)[0] == 200
        status, refused = control("POST", "/racks/controlled/password", key="Another" * 5)
        assert (status, refused["error"].partition(":")[0]) == (409, "ValidationError")
        assert control("POST", "/racks/controlled/settings", update_seconds=0.1)[0] == 200
        assert control("POST", "/racks/controlled/wait", seconds=10)[0] == 200
        assert control("POST", "/racks/controlled/restart", container=None)[0] == 200
        assert control("POST", "/racks/controlled/wait")[0] == 200
        assert control("POST", "/racks/controlled/faults", action="status", status=418, times=None)[0] == 200
        assert ask(rack, "GET", "/auth").status_code == 418
        assert control("DELETE", "/faults")[0] == 200
        assert ask(rack, "GET", "/auth").text == "ok\n"
        assert control("POST", "/console/copies", rack="acme/controlled", key="stale")[0] == 200
        assert control("POST", "/console/settings", challenge=True)[0] == 200
        truth = control("GET", "/truth?requests=1")[1]
        assert truth["racks"]["controlled"]["accepts"][0]["key"] == "NewKey" * 5
        assert truth["console"]["racks"]["acme/controlled"]["key"] == "stale"
        assert len(truth["requests"]) == 1
        assert control("POST", "/racks/controlled/settings", update_secs=1)[0] == 400
        assert control("POST", "/racks/controlled/settings", mask_no_echo="no")[0] == 400
        assert control("GET", "/racks/none")[0] == 404
    finally:
        assert control("DELETE", "/racks/controlled")[0] == 200
    assert refuses(rack.listener.port)


def own_ports() -> set[int]:
    """The ports that this process has, also those that it holds without listening."""
    found = set()
    for handle in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError), contextlib.ExitStack() as opened:
            copy = os.dup(int(handle))
            opened.callback(os.close, copy)
            sock = socket.socket(fileno=copy)
            opened.callback(sock.detach)
            name = sock.getsockname()
            found |= {name[1]} if sock.family == socket.AF_INET else set()
    return found


def test_stop_leaves_nothing() -> None:
    """No port, no thread, no file; in the midst of everything."""
    convox = Standin([RackSpec(name="one", update_seconds=60.0), RackSpec(name="two", restart_seconds=60.0)])
    untouched, *ports = [rack.listener.port for rack in convox.racks.values()]
    ports += [int(url.rpartition(":")[2]) for url in (convox.console.url, convox.aws_url, convox.control_url)]
    convox.racks["one"].set_password("NewKey" * 5)
    convox.racks["two"].deploy("test")
    assert not any(refuses(port) for port in ports)
    assert {untouched, *ports} <= own_ports()
    with requests.Session() as session:
        session.get(f"{convox.control_url}/addresses", timeout=10)
        listening = [each for each in threading.enumerate() if each.name in {f"standin-{port}" for port in ports}]
        assert len(listening) == len(ports)
        began = time.monotonic()
        convox.stop()
        assert time.monotonic() - began < 10
        with pytest.raises(requests.ConnectionError):
            session.get(f"{convox.control_url}/addresses", timeout=10)
    for thread in listening:
        thread.join(2)
        assert not thread.is_alive()
    assert all(refuses(port) for port in ports)
    # Not by binding it again: on a busy machine somebody else has it at once.
    end = time.monotonic() + 2
    while {untouched, *ports} & own_ports() and time.monotonic() < end:
        time.sleep(0.01)
    assert not {untouched, *ports} & own_ports()
    assert not convox.directory.exists()
    convox.stop()


def test_adding_a_rack_is_cheap(new_rack: Callable[..., Rack]) -> None:
    """So that each test can have its own."""
    began = time.process_time()
    new_rack(certificate="api", console=True)
    assert time.process_time() - began < 0.5


def test_command(tmp_path: Path) -> None:
    """Tells its addresses in one line, serves, and is gone when it is told to stop, or its input ends."""
    fleet = tmp_path / "fleet.json"
    racks = [{"name": "alpha", "console": True}, {"name": "beta", "version": "20230101000000"}]
    fleet.write_text(json.dumps({"racks": racks, "console": {"organization": "other"}}))
    more = ["--fleet", str(fleet), "--until-eof", "--dir"]
    with (
        _command([sys.executable, "-m", "tests.standin", *more, str(tmp_path / "one")], ROOT) as module,
        _command([sys.executable, str(ROOT / "tests" / "standin"), *more, str(tmp_path / "two")], tmp_path) as folder,
    ):
        for process in (module, folder):
            assert process.stdout
            told = json.loads(process.stdout.readline())
            alpha = told["racks"]["alpha"]
            reply = requests.get(f"{alpha['url']}/system", verify=told["ca_path"], timeout=10)
            assert (reply.json()["name"], told["console"]["organization"]) == ("alpha", "other")
            assert (alpha["stack_name"], alpha["region"], told["region"]) == ("alpha", "us-east-1", "us-east-1")
        module.send_signal(signal.SIGTERM)
        assert module.wait(10) == 0
        # Ends its input, and reads what it still says.
        assert folder.communicate(timeout=10)[0] == ""
        assert folder.returncode == 0
    assert refuses(int(alpha["host"].rpartition(":")[2]))


def test_half_a_request_asks_nothing(rack: Rack, convox: Standin) -> None:
    """Who dies while sending has asked nothing: the request's length tells."""
    before = convox.journal.total
    context = ssl.create_default_context(cafile=convox.ca_path)
    with (
        socket.create_connection(("127.0.0.1", rack.listener.port), 10) as sock,
        context.wrap_socket(sock, server_hostname="127.0.0.1") as tls,
    ):
        tls.sendall(f"PUT /system HTTP/1.1\r\nHost: {rack.host}\r\nContent-Length: 40\r\n\r\ncount=5".encode())
        tls.shutdown(socket.SHUT_WR)
        # Until the server closes: from here on this side reads what is on the wire, session tickets too.
        while tls.recv(4096):
            pass
    assert convox.journal.total == before


def _command(arguments: list[str], directory: Path) -> subprocess.Popen[Any]:
    return subprocess.Popen(arguments, cwd=directory, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
