# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""What certificate a server shows, looked at before any key is sent, and how it is trusted."""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import datetime
import hashlib
import http.client
import ipaddress
import os
import re
import socket
import ssl
import typing as t
import urllib.parse
import urllib.request

from ansible_collections.convox.credentials.plugins.module_utils.errors import BadInput, NoAnswer
from ansible_collections.convox.credentials.plugins.module_utils.times import UTC, format_date

ACCEPT_NEW = "accept_new"
# Where pins are written: the option is about the host that is named, the audit's other one and the file about every host.
OPTION, BY_HOST, FILE = "tls_fingerprint", "tls_fingerprints", "the file tls-fingerprints of the CLI's directory"
# The DER of the attributes O=convox and CN=api: the certificate that an API process makes for itself at each start.
_API_ATTRIBUTES = (b"\x06\x03\x55\x04\x0a", b"convox"), (b"\x06\x03\x55\x04\x03", b"api")


@dataclasses.dataclass(frozen=True)
class Trust:
    """How a server is told from an impostor. ``fingerprint``: SHA-256, 64 hex digits: pinned, names not compared.

    ``pin_in``: where a pin of this host is written, as messages name it.
    """

    verify: bool = True
    ca_path: str | None = None
    fingerprint: str | None = None
    pin_in: str = dataclasses.field(default=OPTION, compare=False)


@dataclasses.dataclass(frozen=True)
class Certificate:
    """``api_own``: made by the API process for itself. ``expires_at``: ISO 8601 in UTC; None where it can't be read."""

    fingerprint: str
    api_own: bool
    expires_at: str | None = None


def parse_fingerprint(text: str, source: str = OPTION) -> str:
    digits = text.replace(":", "").lower()
    if not re.fullmatch("[0-9a-f]{64}", digits):
        other = f", or {ACCEPT_NEW}" if source == OPTION else ""
        raise BadInput(f"{source}: {text[:100]!r} is no SHA-256: 64 hex digits, colons allowed{other}")
    return digits


class _Shared(ssl.SSLContext):
    def set_alpn_protocols(self, alpn_protocols: t.Iterable[str]) -> None:
        """Nothing: they are set. The HTTP library sets them before each handshake, and OpenSSL may be reading them for another."""


def shared(context: ssl.SSLContext) -> ssl.SSLContext:
    """The same, complete, for connections of several threads at a time."""
    context.set_alpn_protocols(["http/1.1"])
    context.__class__ = _Shared
    return context


def stamp(path: str | None) -> t.Hashable:
    """Another one when a file was changed; None where there is none."""
    try:
        status = os.stat(path or "")
    except (OSError, ValueError):
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns


def look_at(host: str, timeout: float) -> Certificate:
    """The certificate that the server shows, unverified; nothing is sent to it. ``host``: name[:port].

    By the way that requests to it take: through the environment's proxy, if there is one.
    """
    name, dummy, port = host.partition(":")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    proxy = _proxy_for(host)
    try:
        with _connected(name, int(port or 443), timeout, proxy) as plain:
            with context.wrap_socket(plain, server_hostname=name) as secured:
                return shown_by(secured)
    except (OSError, ValueError, OverflowError, http.client.HTTPException) as exc:
        # Of a proxy, what is not the system's word can have its password in it.
        what = str(exc) if proxy is None else f"through the proxy: {exc if isinstance(exc, OSError) else type(exc).__name__}"
        raise NoAnswer(f"{host} shows no certificate ({what}); check the host and that it speaks TLS", sent=False) from (None if proxy else exc)


def shown_alike(one: str, other: str, timeout: float) -> bool | None:
    """Whether two hosts show the same certificate; None where that can't be told: one shows none, or an API process's own."""
    try:
        seen = look_at(one, timeout), look_at(other, timeout)
    except NoAnswer:
        return None
    return None if seen[0].api_own or seen[1].api_own else seen[0].fingerprint == seen[1].fingerprint


class _Proxy(t.NamedTuple):
    name: str
    port: int
    headers: dict[str, str]


def _connected(name: str, port: int, timeout: float, proxy: _Proxy | None) -> socket.socket:
    if proxy is None:
        return socket.create_connection((name, port), timeout)
    way = http.client.HTTPConnection(proxy.name, proxy.port, timeout=timeout)
    way.set_tunnel(name, port, proxy.headers)
    way.connect()
    return t.cast(socket.socket, way.sock)


def _proxy_for(host: str) -> _Proxy | None:
    """Raises NoAnswer for one that can't be looked through: a proxy that is itself spoken to by TLS, or by SOCKS."""
    name, proxies = host.partition(":")[0], urllib.request.getproxies()
    url = proxies.get("https") or proxies.get("all")
    if not url or urllib.request.proxy_bypass(name) or any(_within(name, each.strip()) for each in proxies.get("no", "").split(",")):
        return None
    proxy = parts = None
    # An error's text can hold a part of the password.
    with contextlib.suppress(ValueError):
        parts = urllib.parse.urlsplit(url if "://" in url else f"http://{url}")
        user, password = (urllib.parse.unquote(each or "") for each in (parts.username, parts.password))
        basic = base64.b64encode(f"{user}:{password}".encode("utf-8", "surrogatepass")).decode()
        proxy = _Proxy(parts.hostname or "", parts.port or 80, {"Proxy-Authorization": f"Basic {basic}"} if parts.username else {})
    if proxy is None or parts is None or not proxy.name:
        raise NoAnswer(f"{host} is not looked at: the proxy's URL is none that can be used; set HTTPS_PROXY as http://name:port", sent=False)
    if parts.scheme != "http":
        raise NoAnswer(f"{host} can't be looked at through a proxy of {parts.scheme}; name the SHA-256 of its certificate in tls_fingerprint", sent=False)
    return proxy


def _within(name: str, network: str) -> bool:
    """An address in a network of NO_PROXY, as 10.0.0.0/8, which the HTTP library knows too."""
    try:
        return "/" in network and ipaddress.ip_address(name) in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False


def shown_by(secured: ssl.SSLSocket) -> Certificate:
    """What the other end of a connection has shown."""
    der = secured.getpeercert(binary_form=True) or b""
    return Certificate(hashlib.sha256(der).hexdigest(), all(_has(der, *attribute) for attribute in _API_ATTRIBUTES), _end_of(secured, der))


def _end_of(secured: ssl.SSLSocket, der: bytes) -> str | None:
    """Python tells it of a verified certificate only; of another, the library that Ansible itself needs does."""
    verified = (secured.getpeercert() or {}).get("notAfter")
    if isinstance(verified, str):
        return format_date(datetime.datetime.fromtimestamp(ssl.cert_time_to_seconds(verified), UTC))
    try:
        from cryptography import x509

        certificate = x509.load_der_x509_certificate(der)
    except (ImportError, ValueError):
        return None
    end = getattr(certificate, "not_valid_after_utc", None) or certificate.not_valid_after.replace(tzinfo=UTC)
    return format_date(end)


def _has(der: bytes, oid: bytes, text: bytes) -> bool:
    """An attribute is: its id, the string's type (printable or UTF-8), its length, the string."""
    return any(oid + kind + bytes([len(text)]) + text in der for kind in (b"\x13", b"\x0c"))
