# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What clients ask, and what they are told."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

if TYPE_CHECKING:
    from email.message import Message

    from .server import Connection

TEXT = "text/plain; charset=utf-8"
HTML = "text/html; charset=utf-8"
JSON = "application/json"


@dataclass
class Request:
    """What a client asked."""

    method: str
    target: str
    headers: Message
    body: bytes
    connection: Connection

    @property
    def path(self) -> str:
        """The path without its query, decoded."""
        return unquote(urlsplit(self.target).path)

    @property
    def query(self) -> dict[str, str]:
        """The query's fields."""
        return _first_values(urlsplit(self.target).query)

    @property
    def form(self) -> dict[str, str]:
        """The body's fields, if it is a form."""
        return _first_values(self.body.decode("utf-8", "replace"))

    @property
    def json(self) -> Any:
        """The body, if it is JSON; else None."""
        try:
            return json.loads(self.body) if self.body else None
        except ValueError:
            return None

    @property
    def basic(self) -> tuple[str, str]:
        """User and password of Basic authentication; empty ones when there are none."""
        scheme, dummy, value = self.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "basic":
            return "", ""
        try:
            user, dummy, password = base64.b64decode(value).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return "", ""
        # Taken as it is: the CLI percent-encodes the key and a rack does not decode it (3).
        return user, password

    @property
    def bearer(self) -> str:
        """The token of Bearer authentication."""
        scheme, dummy, value = self.headers.get("Authorization", "").partition(" ")
        return value.strip() if scheme.lower() == "bearer" else ""


def _first_values(text: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(text, keep_blank_values=True).items()}


@dataclass
class Reply:
    """What a client is told. ``cut``: only a half of the body, and then the connection ends."""

    status: int = 200
    body: bytes = b""
    content_type: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False

    @classmethod
    def text(cls, text: str, status: int = 200) -> Reply:
        """Plain text, as a rack answers most things."""
        return cls(status, text.encode(), TEXT)

    @classmethod
    def json(cls, value: Any, status: int = 200) -> Reply:
        """JSON as Go writes it for people: two spaces, a newline at the end."""
        return cls(status, (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode(), JSON)
