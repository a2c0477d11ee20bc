# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/troubleshooting/ has every message that the code can give, word for word, and none that it can't.

An entry is a line of a fenced block of ``text``, or the code span that an item of a list begins with.
"""
from __future__ import annotations

import re
from collections import Counter
from typing import NamedTuple

import pytest

from tests import messages
from tests.messages import normal
from tests.places import ROOT

PAGES = sorted((ROOT / "docs" / "troubleshooting").glob("*.md"))
_ITEM = re.compile(r"- (`+) ?(.+?) ?\1(.*)")
_LINK = re.compile(r"\[[^]]*\]\(([^)#]*)(?:#([^)]*))?\)")


class Entry(NamedTuple):
    """``text``: as ``normal`` has it. ``answer``: what stands below it."""

    where: str
    text: str
    answer: str


def entries_of(text: str, name: str) -> list[Entry]:
    found: list[Entry] = []
    # Those of the same block share what stands below it.
    block: list[tuple[int, str]] = []
    below: list[str] = []
    fenced = False

    def close() -> None:
        found.extend(Entry(f"{name}:{number}", normal(each), " ".join(below)) for number, each in block)
        block.clear()
        below.clear()

    for number, line in enumerate(text.splitlines(), 1):
        item = _ITEM.fullmatch(line)
        if line.startswith("```"):
            fenced = line == "```text"
            if fenced:
                close()
        elif fenced:
            block.append((number, line))
        elif item:
            close()
            block.append((number, item[2]))
            below.append(item[3].strip(" :"))
        elif line.startswith("#"):
            close()
        else:
            below.append(line.strip())
    close()
    return found


def anchors_of(text: str) -> set[str]:
    """As GitHub makes them of headings."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


ENTRIES = [entry for page in PAGES for entry in entries_of(page.read_text(encoding="utf-8"), page.name)]


def missing(found: list[messages.Message], entries: list[Entry]) -> list[str]:
    known = {entry.text for entry in entries}
    return [str(message) for message in found if message.text not in known]


def stale(found: list[messages.Message], entries: list[Entry]) -> list[str]:
    said = {message.text for message in found}
    return [f"{entry.where}: {entry.text}" for entry in entries if entry.text not in said]


def test_every_message_is_found() -> None:
    assert "\n".join(missing(messages.of_collection(), ENTRIES)) == ""


def test_nothing_else_is() -> None:
    assert "\n".join(stale(messages.of_collection(), ENTRIES)) == ""


def test_each_is_found_once_and_says_more_than_the_message() -> None:
    assert [text for text, count in Counter(entry.text for entry in ENTRIES).items() if count > 1] == []
    assert [entry.where for entry in ENTRIES if len(entry.answer.split()) < 3] == []


def test_what_is_left_out_is_there() -> None:
    assert messages.useless_exceptions() == []


def test_links_lead_somewhere() -> None:
    broken = []
    for page in PAGES:
        for path, anchor in _LINK.findall(page.read_text(encoding="utf-8")):
            if "://" in path:
                continue
            target = (page.parent / path).resolve() if path else page
            if not target.exists() or (anchor and anchor not in anchors_of(target.read_text(encoding="utf-8"))):
                broken.append(f"{page.name}: {path}#{anchor}")
    assert broken == []


def test_the_index_names_every_page() -> None:
    index = (ROOT / "docs" / "troubleshooting" / "README.md").read_text(encoding="utf-8")
    assert sorted({path for path, dummy in _LINK.findall(index) if "/" not in path and path}) == [page.name for page in PAGES if page.name != "README.md"]


# -- whether a message would be missed --------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("code", "said"),
    [
        ('raise BadInput(f"{host}: it is gone; look for it")', ["…: it is gone; look for it"]),
        ('raise BadInput(f"{a}{b} is gone, "\n    "and so am I")', ["… is gone, and so am I"]),
        ('raise BadInput(what + "; it is gone")', ["…; it is gone".strip("; ")]),
        ('raise BadInput("%s: it is gone (%d)" % (host, number))', ["…: it is gone (…)"]),
        ('_WHY = {1: "the key {old} is gone, as in {a: b}"}', ["the key … is gone, as in {a: b}"]),
        ('raise BadInput(f"{host}: {\'it is gone\' if gone else \'it is there\'}")', ["it is gone", "it is there"]),
        ('def work(self):\n    """It is gone."""\n    if "it is gone" in text or re.search("it is gone", text):\n        pass', []),
        ('DOCUMENTATION = """It is gone."""\nname: "t.Optional[a b c]" = None\nt.cast("a b c", name)', []),
        ('warn("gone")', []),
    ],
)
def test_texts_of_python_are_read(code: str, said: list[str]) -> None:
    assert [message.text for message in messages.of_python(code, "x.py")] == said


def test_texts_of_tasks_are_read() -> None:
    tasks = """
- name: Not this one, and not that
  ansible.builtin.fail:
    msg: >-
      {{ name }} is
      gone{{ ', and so is %s' % other if other else '' }}. Look for it
  when: "'it is there' in text"
  vars:
    note: the task "{{ name }}" failed
"""
    assert [message.text for message in messages.of_yaml(tasks, "x.yml")] == ["… is gone…. Look for it", "and so is …", 'the task "…" failed']


def test_texts_of_templates_are_read() -> None:
    template = "{%- if gone == 'it is gone' -%}\n{{ name }}: it is gone{{ ' for %d days' % days }}\n{%- endif -%}\n{{ '\\n' }}It is {{ there }}"
    assert [message.text for message in messages.of_template(template, "x.j2")] == ["…: it is gone…", "for … days", "It is …"]


def test_a_new_message_and_an_old_entry_are_told() -> None:
    new = messages.Message("x.py", 1, "", "it is gone for good")
    assert missing([new], ENTRIES) == ["x.py:1: it is gone for good"]
    old = entries_of("```text\n…: it was here; look for it\n```\n\nIt was here once.\n\n- `a part of it`: of that one.\n", "page.md")
    assert [(entry.text, entry.answer.strip()) for entry in old] == [("…: it was here; look for it", "It was here once."), ("a part of it", "of that one.")]
    assert stale([], old) == ["page.md:2: …: it was here; look for it", "page.md:7: a part of it"]
