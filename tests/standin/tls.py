# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The certificates that Console and racks show (convox-protocol.md, 3)."""

from __future__ import annotations

import datetime
import ssl
import tempfile
from pathlib import Path

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

LOOPBACK_NAMES = ("127.0.0.1", "localhost")
DAYS = 365


class Authority:
    """The certificate authority of one stand-in."""

    def __init__(self, directory: Path) -> None:
        self._ca = trustme.CA(organization_name="stand-in for Convox")
        self.path = directory / "ca.pem"
        self._ca.cert_pem.write_to_path(str(self.path))
        self._contexts: dict[tuple[str, int], ssl.SSLContext] = {}

    def context(self, extra_name: str = "", days: int = DAYS) -> ssl.SSLContext:
        """A certificate for loopback, and one more name, that the authority vouches for, and that expires in so many days."""
        if (extra_name, days) not in self._contexts:
            context = _server_context()
            names = (*LOOPBACK_NAMES, *([extra_name] if extra_name else []))
            begin, end = _lifetime(days)
            self._ca.issue_cert(*names, not_before=begin, not_after=end).configure_cert(context)
            self._contexts[(extra_name, days)] = context
        return self._contexts[(extra_name, days)]


def self_signed(
    name: str, organization: str = "", names: tuple[str, ...] = LOOPBACK_NAMES, days: int = DAYS
) -> ssl.SSLContext:
    """A certificate that nobody vouches for."""
    key = ec.generate_private_key(ec.SECP256R1())
    parts = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization)] if organization else []
    subject = x509.Name([*parts, x509.NameAttribute(NameOID.COMMON_NAME, name)])
    begin, end = _lifetime(days)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
        .add_extension(x509.SubjectAlternativeName([_general_name(each) for each in names]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    context = _server_context()
    # OpenSSL reads a server's certificate from a file only.
    with tempfile.TemporaryDirectory(prefix="standin-") as directory:
        path = Path(directory) / "server.pem"
        path.write_bytes(
            key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
            + certificate.public_bytes(pem)
        )
        context.load_cert_chain(path)
    return context


def api_certificate() -> ssl.SSLContext:
    """What the API makes for itself at each start: O=convox, CN=api, for the name "api" (3)."""
    return self_signed("api", "convox", ("api",))


def _lifetime(days: int) -> tuple[datetime.datetime, datetime.datetime]:
    """From when until when a certificate holds that expires in so many days, or did."""
    now = datetime.datetime.now(datetime.timezone.utc)
    end = now + datetime.timedelta(days=days)
    return min(now, end) - datetime.timedelta(days=1), end


def _general_name(name: str) -> x509.GeneralName:
    if name == LOOPBACK_NAMES[0]:
        import ipaddress

        return x509.IPAddress(ipaddress.ip_address(name))
    return x509.DNSName(name)


def _server_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
