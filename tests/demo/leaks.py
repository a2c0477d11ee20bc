# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a secret stands where none may: in any form that a program could have written it in."""

from __future__ import annotations

import base64
import gzip
import io
import urllib.parse
import zipfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# Where keys are kept on purpose.
KEY_STORES = {"auth", "rotations.json"}


def secrets_of(*truths: dict[str, Any]) -> set[str]:
    """Every secret that the stand-in tells of."""
    found: set[str] = set()
    for truth in truths:
        found |= {truth["console"]["api_key"], *truth["console"]["former_keys"]}
        for rack in truth["racks"].values():
            found |= {rack["stack_key"], rack["ssm_key"], *rack["former_keys"]}
            found |= {each["key"] for each in rack["accepts"]}
            proxy = urllib.parse.urlsplit(rack["parameters"]["HttpProxy"])
            found |= {proxy.password or ""}
    return {each for each in found if each}


def forms_of(secret: str) -> set[bytes]:
    """As it is, percent-encoded, and inside of base64 at each of the three places where it can begin there."""
    plain = secret.encode()
    forms = {plain, urllib.parse.quote(secret).encode(), plain.hex().encode()}
    for offset in range(3):
        encoded = base64.b64encode(b"\0" * offset + plain).rstrip(b"=")
        # The characters at both ends depend on what stands beside it.
        inner = encoded[(offset * 8 + 5) // 6 : (offset + len(plain)) * 8 // 6]
        forms |= {inner, inner.replace(b"+", b"-").replace(b"/", b"_")}
    return forms


def leaks_in(directory: Path, output: str, secrets: Iterable[str]) -> list[str]:
    """Where a secret was found: names of files, and what was shown; never the secret."""
    forms = {form for secret in secrets for form in forms_of(secret)}
    places = [("the output", output.encode()), *_files(directory)]
    return sorted({place for place, content in places if any(form in content for form in forms)})


def _files(directory: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted(directory.rglob("*")):
        name = str(path.relative_to(directory))
        yield f"the name {name}", name.encode()
        if path.is_file() and path.name not in KEY_STORES:
            content = path.read_bytes()
            yield name, content
            yield from ((name, unpacked) for unpacked in _unpacked(content))


def _unpacked(content: bytes) -> Iterator[bytes]:
    if zipfile.is_zipfile(io.BytesIO(content)):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            yield from (archive.read(name) for name in archive.namelist())
    elif content[:2] == b"\x1f\x8b":
        try:
            yield gzip.decompress(content)
        except (OSError, EOFError, zlib.error):
            return
