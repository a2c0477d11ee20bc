# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one search for secrets where none belongs: in each form in which a program could have written one."""

from __future__ import annotations

import base64
import functools
import gzip
import html
import io
import json
import urllib.parse
import zipfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# Half of a shorter secret is a word that stands anywhere.
SHORTEST_HALF = 10


@functools.cache
def forms_of(secret: str) -> frozenset[bytes]:
    """All of these stand in whatever gives away the secret or either half of it, as an error that was cut short does.

    No form of the whole is needed beside those of its halves, for each encoding goes on from character to character.
    """
    middle = len(secret) // 2
    parts = (secret[:middle], secret[middle:]) if middle >= SHORTEST_HALF else (secret,)
    return frozenset(form for part in parts for form in _encoded(part))


def _encoded(part: str) -> Iterator[bytes]:
    plain = part.encode()
    yield from (text.encode() for text in (part, json.dumps(part)[1:-1], json.dumps(part, ensure_ascii=False)[1:-1], html.escape(part)))
    yield from (text.encode() for text in (urllib.parse.quote(part), urllib.parse.quote(part, safe=""), urllib.parse.quote_plus(part)))
    yield from (plain.hex().encode(), plain.hex().upper().encode())
    # In base64 of anything, as of convox:<key>, it begins at one of three places.
    for offset in range(3):
        encoded = base64.b64encode(b"\0" * offset + plain).rstrip(b"=")
        # The characters at both ends depend on what stands beside it.
        inner = encoded[(offset * 8 + 5) // 6 : (offset + len(plain)) * 8 // 6]
        yield from (inner, inner.replace(b"+", b"-").replace(b"/", b"_"))


def found_in(content: str | bytes, secrets: Iterable[str]) -> list[str]:
    """The secrets that a text or a file's content gives away."""
    raw = content.encode("utf-8", "replace") if isinstance(content, str) else content
    return sorted(secret for secret in set(secrets) if secret and any(form in raw for form in forms_of(secret)))


def found_in_file(path: Path, secrets: Iterable[str]) -> list[str]:
    """The secrets that a file gives away: by its name, its content, or what is packed in that."""
    known = set(secrets)
    return sorted({secret for content in (str(path).encode(), *_contents(path)) for secret in found_in(content, known)})


def _contents(path: Path) -> Iterator[bytes]:
    if not path.is_file():
        return
    content = path.read_bytes()
    yield content
    if zipfile.is_zipfile(io.BytesIO(content)):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            yield from (archive.read(name) for name in archive.namelist())
    elif content[:2] == b"\x1f\x8b":
        try:
            yield gzip.decompress(content)
        except (OSError, EOFError, zlib.error):
            return
