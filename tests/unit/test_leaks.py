# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The search for secrets sees each form of one, and nothing else."""
from __future__ import annotations

import base64
import gzip
import html
import io
import json
import urllib.parse
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.demo.leaks import leaks_in
from tests.leaks import found_in, found_in_file

KEY = "Zr8Qm2Lw5Tk1Vx9Np4Hc7Bs3Fd6Jg"
PASSWORD = "a quote \", & <tag> + per%cent/ü"

ENCODINGS = {
    "plain": lambda text: text.encode(),
    "the first half": lambda text: text[: len(text) // 2].encode(),
    "the second half": lambda text: text[len(text) // 2 :].encode(),
    "base64": lambda text: base64.b64encode(text.encode()),
    "base64 of Basic": lambda text: base64.b64encode(f"convox:{text}".encode()),
    "base64 for URLs": lambda text: base64.urlsafe_b64encode(text.encode()),
    "base64 of a half": lambda text: base64.b64encode(text[: len(text) // 2].encode()),
    "a URL's path": lambda text: urllib.parse.quote(text).encode(),
    "a URL's password": lambda text: urllib.parse.quote(text, safe="").encode(),
    "a form": lambda text: urllib.parse.quote_plus(text).encode(),
    "JSON": lambda text: json.dumps({"key": text}).encode(),
    "JSON in UTF-8": lambda text: json.dumps({"key": text}, ensure_ascii=False).encode(),
    "XML": lambda text: html.escape(text).encode(),
    "hex": lambda text: text.encode().hex().encode(),
}


@pytest.mark.parametrize("secret", [KEY, PASSWORD], ids=["key", "password"])
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_each_form_is_found(encoding: str, secret: str) -> None:
    assert found_in(b"before " + ENCODINGS[encoding](secret) + b" after", [secret]) == [secret]


@given(before=st.binary(max_size=40), after=st.binary(max_size=40))
def test_base64_is_found_wherever_the_secret_stands_in_it(before: bytes, after: bytes) -> None:
    assert found_in(base64.b64encode(before + KEY.encode() + after), [KEY]) == [KEY]


@given(st.text(alphabet="Zr8Qm2Lw5Tk1Vx9Np", max_size=200))
def test_what_is_found_is_there(text: str) -> None:
    assert (found_in(text, [KEY]) == [KEY]) == (KEY[:15] in text)


def test_parts_that_are_no_half_are_not_found() -> None:
    assert found_in(KEY[3:-3], [KEY]) == []
    assert found_in("short", ["shortened", ""]) == []


def test_files(tmp_path: Path) -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packing:
        packing.writestr("inside", KEY * 3)
    plain = KEY.encode()
    for name, content in {"gzip": gzip.compress(plain), "zip": archive.getvalue(), "plain": plain, "auth": plain, "innocent": b"x"}.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / f"named-{KEY}").mkdir()
    assert leaks_in(tmp_path, f"shown: {KEY}", [KEY]) == ["the output", "gzip", f"named-{KEY}", "plain", "zip"]
    (tmp_path / "cut.gz").write_bytes(gzip.compress(KEY.encode())[:-9])
    assert found_in_file(tmp_path / "cut.gz", [KEY]) == []
