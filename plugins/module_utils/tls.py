# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""What certificate a server shows, looked at before any key is sent, and how it is trusted."""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import os
import re
import socket
import ssl
import typing as t

from ansible_collections.convox.credentials.plugins.module_utils.errors import BadInput, NoAnswer
from ansible_collections.convox.credentials.plugins.module_utils.times import UTC, format_date

ACCEPT_NEW = "accept_new"
# The DER of the attributes O=convox and CN=api: the certificate that an API process makes for itself at each start.
_API_ATTRIBUTES = (b"\x06\x03\x55\x04\x0a", b"convox"), (b"\x06\x03\x55\x04\x03", b"api")


@dataclasses.dataclass(frozen=True)
class Trust:
    """How a server is told from an impostor. ``fingerprint``: SHA-256, 64 hex digits: pinned, names not compared."""

    verify: bool = True
    ca_path: str | None = None
    fingerprint: str | None = None


@dataclasses.dataclass(frozen=True)
class Certificate:
    """``api_own``: made by the API process for itself. ``expires_at``: ISO 8601 in UTC; None where it can't be read."""

    fingerprint: str
    api_own: bool
    expires_at: str | None = None


def parse_fingerprint(text: str, source: str = "tls_fingerprint") -> str:
    digits = text.replace(":", "").lower()
    if not re.fullmatch("[0-9a-f]{64}", digits):
        other = f", or {ACCEPT_NEW}" if source == "tls_fingerprint" else ""
        raise BadInput(f"{source}: {text[:100]!r} is no SHA-256: 64 hex digits, colons allowed{other}")
    return digits


def check_authorities(path: str) -> None:
    # A pipe would be waited for, and a directory is not said to be none.
    if os.path.exists(path) and not os.path.isfile(path):
        raise BadInput(f"ca_path: {path}: no file; name a file of certificates in PEM")
    try:
        ssl.create_default_context(cafile=path)
    except OSError as exc:
        raise BadInput(f"ca_path: {path}: {exc.strerror or exc}; name a file of certificates in PEM") from None


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
    """The certificate that the server shows, unverified; nothing is sent to it. ``host``: name[:port]."""
    name, dummy, port = host.partition(":")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with socket.create_connection((name, int(port or 443)), timeout) as plain:
            with context.wrap_socket(plain, server_hostname=name) as secured:
                return shown_by(secured)
    except (OSError, ValueError, OverflowError) as exc:
        raise NoAnswer(f"{host} shows no certificate ({exc}); check the host and that it speaks TLS", sent=False) from exc


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
