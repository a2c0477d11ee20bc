# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A proxy on loopback, as companies have one: the only way to hosts that nobody else can find."""
from __future__ import annotations

import contextlib
import selectors
import socket
import threading


class ConnectProxy:
    """``leads_to``: the port of loopback behind each ``host:port``; else it is that port. ``asked``: each, with its credentials."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.leads_to: dict[str, int] = {}
        self.answer = "200 OK"
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self._listening.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        # Shut down, for closed alone it would still be waited at.
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=self._tunnel, args=(self._listening.accept()[0],), daemon=True).start()

    def _tunnel(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            request = b""
            while b"\r\n\r\n" not in request:
                request += client.recv(4096)
            lines = request.decode("latin-1").split("\r\n")
            headers = dict(line.split(": ", 1) for line in lines[1:] if ": " in line)
            target = lines[0].split(" ")[1]
            self.asked.append((target, headers.get("Proxy-Authorization", "")))
            client.sendall(f"HTTP/1.1 {self.answer}\r\n\r\n".encode())
            if self.answer.startswith("200"):
                with socket.create_connection(("127.0.0.1", self.leads_to.get(target) or int(target.rpartition(":")[2]))) as server:
                    _pass_on(client, server)


def _pass_on(client: socket.socket, server: socket.socket) -> None:
    """Both ways, until one of them ends."""
    # select() itself knows no file descriptor above 1023.
    with selectors.DefaultSelector() as ready:
        ready.register(client, selectors.EVENT_READ, server)
        ready.register(server, selectors.EVENT_READ, client)
        while True:
            for key, dummy in ready.select():
                data = key.fileobj.recv(65536)  # type: ignore[union-attr]
                if not data:
                    return
                key.data.sendall(data)
