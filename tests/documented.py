# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The examples of the documentation: what stands in fences on its pages, and what in it is to be typed.

How a page writes them: commands in ``console``, each after ``$ `` and going on after a backslash; what is printed without a
prompt, or in ``text``. YAML that is a file begins with a comment that names it (``# inventory.yml``). The racks are
``rack.production.convox.site`` and ``rack.staging.convox.site``, the Console is ``console.example.com``, with the
organization ``acme``; the region is ``us-east-1``. A page of docs/guides is followed from its beginning to its end.
"""
from __future__ import annotations

import functools
import re
import textwrap
from dataclasses import dataclass
from typing import Any

import yaml

from tests.places import ROOT

# Where people find examples. A new page is found by itself.
PLACES = ("README.md", "docs/**/*.md", "playbooks/README.md", "roles/*/README.md", "awx/**/*.md", "tests/standin/README.md")
_FENCE = re.compile(r"^( *)```+ *(\S*) *$")
_PROMPT = "$ "


@dataclass(frozen=True)
class Command:
    """What is typed after one prompt, lines that go on with a backslash and all."""

    line: int
    text: str

    @property
    def plain(self) -> str:
        """Without what the shell does not see either: two that differ in this alone are one."""
        return " ".join(re.sub(r"\\\n", " ", re.sub(r"\s# .*$", "", self.text, flags=re.MULTILINE)).split())


@dataclass(frozen=True)
class Block:
    """One fence of a page. ``line``: where it begins."""

    page: str
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def file(self) -> str:
        """The file that it is, as one of its first comments says; empty for a part of one."""
        for line in self.text.splitlines():
            if not line.startswith("#"):
                return ""
            named = re.match(r"# ([\w./-]+\.(?:yml|yaml|cfg))\b", line)
            if named:
                return named[1]
        return ""

    @property
    def data(self) -> Any:
        """What a block of YAML says."""
        return yaml.safe_load(self.text)

    def commands(self) -> list[Command]:
        """What is typed; lines without a prompt are what is printed."""
        found: list[Command] = []
        goes_on = False
        for number, line in enumerate(self.text.splitlines(), self.line + 1):
            if goes_on:
                found[-1] = Command(found[-1].line, f"{found[-1].text}\n{line}")
            elif line.startswith(_PROMPT):
                found.append(Command(number, line[len(_PROMPT) :]))
            else:
                continue
            goes_on = line.endswith("\\")
        return found


def blocks_in(page: str, text: str) -> list[Block]:
    """Those of one page; also in a list's entries, whose indentation is not theirs."""
    found: list[Block] = []
    language, begin = "", 0
    inside: list[str] | None = None
    for number, line in enumerate(text.splitlines(), 1):
        fence = _FENCE.match(line)
        if inside is None:
            if fence:
                language, begin, inside = fence[2], number, []
        elif fence and not fence[2]:
            found.append(Block(page, begin, language, textwrap.dedent("\n".join([*inside, ""]))))
            inside = None
        else:
            inside.append(line)
    if inside is not None:
        raise ValueError(f"{page}:{begin}: the fence has no end")
    return found


@functools.cache
def blocks_of(page: str) -> list[Block]:
    return blocks_in(page, (ROOT / page).read_text(encoding="utf-8"))


def pages() -> list[str]:
    return sorted({str(path.relative_to(ROOT)) for place in PLACES for path in ROOT.glob(place)})


def blocks() -> list[Block]:
    """All of them."""
    return [block for page in pages() for block in blocks_of(page)]


def files_of(page: str) -> dict[str, str]:
    """The files that a page shows, by their names."""
    return {block.file: block.text for block in blocks_of(page) if block.file}
