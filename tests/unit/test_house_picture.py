# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The picture in docs/architecture.md is true: every file is on it once, and every import runs downwards."""
from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.house_picture import MODULES, PICTURE, ROOF, STOREYS, WORLDS, draw
from tests.places import ROOT
from tests.unit.plugins.module_utils.test_house import FILES, OUTSIDE, PRIVATE, UTILS, full_name, imported, place

AT = {name.rstrip("/"): number for number, storey in enumerate(STOREYS) for name in storey.files}
GUIDE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")


def test_it_is_drawn_as_it_is_said() -> None:
    assert PICTURE.read_text(encoding="utf-8") == draw(), "draw it anew: python -m tests.house_picture"
    ET.fromstring(draw())  # noqa: S314 (it is ours)


def test_every_file_is_on_it_once() -> None:
    assert sum(len(storey.files) for storey in STOREYS) == len(AT)
    assert sorted(AT) == sorted({place(full_name(path)) for path in FILES})
    assert {name for storey in STOREYS for name in storey.files if name.endswith("/")} == {f"{name}/" for name in AT if (UTILS / name).is_dir()}
    assert [name for name in (*ROOF.files, *MODULES.files) if not any((ROOT / folder / name).is_dir() for folder in (".", "plugins"))] == []


@pytest.mark.parametrize("path", FILES, ids=full_name)
def test_no_import_runs_upwards(path: Path) -> None:
    own = AT[place(full_name(path))]
    below = {place(name.removeprefix(f"{PRIVATE}.")) for name in imported(path) if name.startswith(f"{PRIVATE}.")}
    assert [name for name in sorted(below) if AT[name] < own] == []


def test_what_is_outside_is_met_where_the_picture_says() -> None:
    """The disk is no library; of the others the house's own test knows who may."""
    met = {"ansible": "adapter", "requests": "transport", "cryptography": "tls", "boto3": "aws"}
    assert {package: OUTSIDE[package] for package in met} == {package: {name} for package, name in met.items()}
    assert set(WORLDS) == {*met.values(), "files"}


def test_the_page_tells_of_each_storey() -> None:
    assert re.findall(r"^\| \*\*(.+?)\*\* \|", GUIDE, re.MULTILINE) == [storey.title for storey in (ROOF, MODULES, *STOREYS)]


def test_every_file_that_the_page_names_is_there() -> None:
    """By its name alone, or from the root of the checkout."""
    known = {path.name for path in ROOT.glob("plugins/**/*.py")} | {path.name for path in ROOT.glob("tests/**/*.py")}
    named = set(re.findall(r"`([\w./-]+\.(?:py|yml|md|json))`", GUIDE))
    assert len(named) > 20
    assert [name for name in sorted(named) if not (ROOT / name).exists() and name not in known] == []
