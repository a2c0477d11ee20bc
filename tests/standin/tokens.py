# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rack's temporary tokens: HS256, claims user, role, expiresAt (convox-protocol.md, 3)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time

ROLES = {"read": "r", "write": "rw"}


class BadToken(Exception):
    """Why a token is refused, in the rack's words."""


def issue(signing_key: str, role: str, hours: int) -> str:
    """A token for so many hours; an unknown role gives an empty one."""
    if role not in ROLES:
        return ""
    header = _encode(json.dumps({"alg": "HS256", "typ": "JWT"}).encode())
    claims = {"user": f"system-{role}", "role": ROLES[role], "expiresAt": int(time.time()) + hours * 3600}
    signed = f"{header}.{_encode(json.dumps(claims).encode())}"
    return f"{signed}.{_signature(signing_key, signed)}"


def role_of(signing_key: str, token: str) -> str:
    """What a token allows, or BadToken."""
    if token.count(".") != 2:
        raise BadToken("token contains an invalid number of segments")
    signed, dummy, signature = token.rpartition(".")
    if not hmac.compare_digest(signature.encode(), _signature(signing_key, signed).encode()):
        raise BadToken("signature is invalid")
    claims = json.loads(_decode(signed.partition(".")[2]))
    if claims["expiresAt"] <= time.time():
        raise BadToken("token is expired")
    return claims["role"]


def _signature(key: str, text: str) -> str:
    return _encode(hmac.new(key.encode(), text.encode(), hashlib.sha256).digest())


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
