# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/threat_model.md names code and tests: each is there, and so is each page that it leads to."""
from __future__ import annotations

import ast
import collections
import re

import pytest

from tests.places import ROOT

PAGE = (ROOT / "docs" / "threat_model.md").read_text(encoding="utf-8")
TESTS = sorted(set(re.findall(r"`(test_\w+\.py)::(\w+)`", PAGE)))
FILES = collections.defaultdict(list)
for _path in [*(ROOT / "tests").rglob("test_*.py"), *(ROOT / "plugins").rglob("*.py")]:
    FILES[_path.name].append(_path)


@pytest.mark.parametrize(("file", "name"), TESTS)
def test_each_test_is_there(file: str, name: str) -> None:
    """In one of the files of that name."""
    bodies = [ast.parse(path.read_text(encoding="utf-8")).body for path in FILES[file]]
    assert name in {node.name for body in bodies for node in body if isinstance(node, ast.FunctionDef)}


def test_each_file_is_there() -> None:
    """Those of the collection; what stands in brackets is the code that a row is about."""
    named = {name for name in re.findall(r"`([\w/]+\.py)`", PAGE) if not name.startswith("tests/")}
    assert len(named) > 20
    assert [name for name in sorted(named) if not any(str(path).endswith(f"/{name}") for path in FILES[name.rpartition("/")[2]])] == []


def test_each_row_that_protects_names_its_proof() -> None:
    """Or says plainly that nothing does."""
    part = PAGE.partition("## Secrets that get out")[2].partition("## What was done, and by whom")[0]
    tables = re.findall(r"^\|.*\|\n\|[-|]+\|\n((?:\|.*\|\n)+)", part, re.MULTILINE)
    rows = [row for table in tables for row in table.splitlines()]
    assert (len(tables), len(rows) > 45) == (6, True)
    assert [row for row in rows if "::test_" not in row and not re.search(r"\*\*not|\*\*nothing\*\*|nothing: for such|stays as superseded", row)] == []


def test_each_link_leads_somewhere() -> None:
    for target in re.findall(r"\]\(([^)]+)\)", PAGE):
        path, _hash, anchor = target.partition("#")
        there = (ROOT / "docs" / path).resolve() if path else ROOT / "docs" / "threat_model.md"
        assert there.is_file(), target
        headings = re.findall(r"^#+ (.*)$", there.read_text(encoding="utf-8"), re.MULTILINE)
        assert not anchor or anchor in [re.sub(r"[^a-z0-9_-]", "", heading.lower().replace(" ", "-")) for heading in headings], target
