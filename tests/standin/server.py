# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP/1.1 on loopback, with what a test needs to hold in its own hand: the connection.

The usual Python servers close every connection after one reply and can't refuse one. Here a connection is kept, knows
who answers it, can be dropped at any moment, and a port can be made to refuse connections without being lost.
"""

from __future__ import annotations

import select
import socket
import sys
import threading
import traceback
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any, Callable

from .life import Stopped
from .messages import Reply, Request

if TYPE_CHECKING:
    import ssl

HOST = "127.0.0.1"
_HANDSHAKE_SECONDS = 10
_IDLE_SECONDS = 120


class Dropped(Exception):
    """Close the connection without a reply."""


class Connection:
    """One TCP connection: who answers it, with which certificate, and whether it is to end."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.tls: ssl.SSLContext | None = None
        self.guest: Any = None
        self.requests = 0
        self._lock = threading.Lock()
        self._busy = False
        self._ending = False

    def begin(self) -> bool:
        """Note that a request is being answered; false when the connection is to end."""
        with self._lock:
            self._busy = not self._ending
            self.requests += self._busy
            return self._busy

    def finish(self) -> bool:
        """Note that the reply was sent; false when the connection is to end."""
        with self._lock:
            self._busy = False
            return not self._ending

    def retire(self) -> None:
        """End it as a stopping server does: at once when idle, else after the reply that is being made.

        A new one, over which nothing was asked yet, is left to whoever answers the first request.
        """
        with self._lock:
            self._ending = self.requests > 0
            if self._busy or not self._ending:
                return
        self.cut()

    def cut(self) -> None:
        """End it now, whatever it is doing."""
        try:
            # Not SSLSocket's own: that one takes the TLS state from under the thread that reads.
            socket.socket.shutdown(self.sock, socket.SHUT_RDWR)
        except OSError:
            pass


class _Handler(BaseHTTPRequestHandler):
    """Reads requests off one connection and sends the replies."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1
    timeout = _IDLE_SECONDS
    disable_nagle_algorithm = True

    def __init__(self, connection: Connection, answer: Callable[[Request], Reply]) -> None:
        self._connection = connection
        self._answer = answer
        super().__init__(connection.sock, (HOST, 0), None)  # type: ignore[arg-type]

    def _exchange(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        # Who died while sending has asked nothing.
        if len(body) < length or not self._connection.begin():
            self.close_connection = True
            return
        request = Request(self.command, self.path, self.headers, body, self._connection)
        try:
            reply = self._answer(request)
        except (Dropped, Stopped):
            self.close_connection = True
            return
        except Exception as error:  # noqa: BLE001 - a fault of the stand-in itself must be seen, by whoever asked
            traceback.print_exc(file=sys.stderr)
            reply = Reply.text(f"stand-in: {error!r}\n", 599)
        self._send(reply)
        if not self._connection.finish():
            self.close_connection = True

    def _send(self, reply: Reply) -> None:
        self.send_response_only(reply.status)
        headers = {"Date": formatdate(usegmt=True), **reply.headers}
        if reply.content_type is not None:
            headers["Content-Type"] = reply.content_type
        headers["Content-Length"] = str(len(reply.body))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(reply.body[: len(reply.body) // 2] if reply.cut else reply.body)
        self.wfile.flush()
        if reply.cut:
            self.close_connection = True
            self._connection.cut()

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _exchange  # noqa: N815

    def log_message(self, *args: Any) -> None:
        """Say nothing on stderr: the journal has it."""


class Listener:
    """A port on loopback that answers, or really refuses."""

    def __init__(
        self, answer: Callable[[Request], Reply], admit: Callable[[Connection], None] = lambda connection: None
    ) -> None:
        self._answer = answer
        self._admit = admit
        self._lock = threading.Lock()
        self._open: set[Connection] = set()
        self._listening: socket.socket | None = None
        # Bound but never listening: while the port refuses, nobody else can get it. Only then, for ten thousand racks are as many files.
        self._hold: socket.socket | None = self._bind(0)
        self.port: int = self._hold.getsockname()[1]
        self.address = f"{HOST}:{self.port}"

    @staticmethod
    def _bind(port: int) -> socket.socket:
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.bind((HOST, port))
        return sock

    def listen(self) -> None:
        """Answer from now on."""
        with self._lock:
            if self._listening is not None:
                return
            sock = self._listening = self._bind(self.port)
            sock.listen(256)
            self._let_go()
            # shutdown() wakes who waits on Linux, where a thousand racks that look twice a second would have no time for else.
            sock.settimeout(None if sys.platform.startswith("linux") else 0.5)
        threading.Thread(target=self._accept, args=(sock,), name=f"standin-{self.port}", daemon=True).start()

    def refuse(self) -> None:
        """Refuse new connections from now on; those that are open stay."""
        with self._lock:
            sock, self._listening = self._listening, None
            if sock is not None:
                self._hold = self._bind(self.port)
        if sock is not None:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            sock.close()

    def close(self) -> None:
        """Give the port back and cut every connection."""
        self.refuse()
        with self._lock:
            connections = list(self._open)
            self._let_go()
        for connection in connections:
            connection.cut()

    def _let_go(self) -> None:
        if self._hold is not None:
            self._hold.close()
            self._hold = None

    def _accept(self, listening: socket.socket) -> None:
        ready = select.poll()
        ready.register(listening, select.POLLIN)
        while self._listening is listening:
            # accept() would keep a file free for as long as it waits: one more for each of ten thousand racks.
            ready.poll(listening.timeout and listening.timeout * 1000)
            try:
                sock, _address = listening.accept()
            except TimeoutError:
                continue
            except OSError:
                return
            threading.Thread(target=self._serve, args=(Connection(sock),), daemon=True).start()

    def _serve(self, connection: Connection) -> None:
        with self._lock:
            self._open.add(connection)
        try:
            self._admit(connection)
            if connection.tls is not None:
                connection.sock.settimeout(_HANDSHAKE_SECONDS)
                connection.sock = connection.tls.wrap_socket(connection.sock, server_side=True)
            _Handler(connection, self._answer)
        except (Dropped, OSError, ValueError):
            pass
        finally:
            with self._lock:
                self._open.discard(connection)
            connection.cut()
            connection.sock.close()
