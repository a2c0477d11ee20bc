# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the site makes of the pages: where their links lead, and where they stand in the sidebar."""
from __future__ import annotations

import re

import pytest

from tests.places import ROOT
from tests.tools.docs import pages_among, sidebar, with_links
from tests.tools.sanity import source_files

FILES = {
    ".github/PULL_REQUEST_TEMPLATE.md", "Makefile", "README.md", "docs/audit.md", "docs/findings/README.md", "docs/pictures/house.svg",
    "docs/schemas/report-1.json",
}
REPOSITORY = "https://example.com/repository"


@pytest.mark.parametrize(
    ("page", "link", "expected"),
    [
        ("README.md", "docs/audit.md", "docs/audit.md"),
        ("README.md", "docs/audit.md#policy", "docs/audit.md#policy"),
        # The start page is called otherwise.
        ("docs/audit.md", "../README.md#two-commands", "../index.md#two-commands"),
        # A folder with a README, one without, and files that are no pages.
        ("README.md", "docs/findings/", "docs/findings/README.md"),
        ("README.md", "docs/schemas/", f"{REPOSITORY}/tree/main/docs/schemas"),
        ("docs/audit.md", "schemas/report-1.json", f"{REPOSITORY}/blob/main/docs/schemas/report-1.json"),
        ("docs/audit.md", "../Makefile#L3", f"{REPOSITORY}/blob/main/Makefile#L3"),
        ("README.md", ".github/PULL_REQUEST_TEMPLATE.md", f"{REPOSITORY}/blob/main/.github/PULL_REQUEST_TEMPLATE.md"),
        ("README.md", "docs/pictures/house.svg", "docs/pictures/house.svg"),
        # Left to Sphinx, which looks for it in vain.
        ("docs/audit.md", "gone.md", "gone.md"),
        ("docs/audit.md", "#policy", "#policy"),
        ("docs/audit.md", "https://example.org/x.md", "https://example.org/x.md"),
    ],
)
def test_where_links_lead(page: str, link: str, expected: str) -> None:
    assert with_links(f"See [it]({link}).\n", page, FILES, REPOSITORY) == f"See [it]({expected}).\n"


def test_code_is_left_as_it_is() -> None:
    text = "```text\n[x](docs/schemas/)\n```\n[x](docs/schemas/)\n"
    assert with_links(text, "README.md", FILES, REPOSITORY) == f"```text\n[x](docs/schemas/)\n```\n[x]({REPOSITORY}/tree/main/docs/schemas)\n"


def test_every_page_is_in_the_sidebar_once() -> None:
    pages = pages_among(source_files())
    listed = re.findall(r"^(?:Reference <)?/([^>\n]+)", "".join(sidebar([*pages, "docs/new_folder/page.md"]).values()), re.MULTILINE)
    assert sorted(listed) == sorted([*(page.removesuffix(".md") for page in pages if page != "README.md"), "docs/new_folder/page", "reference/index"])


def test_pages_are_plain_markdown() -> None:
    """They are read at GitHub too, which knows nothing of Sphinx."""
    directive = re.compile(r"^\s*(```+|:::+)\{|\{(?:ref|doc|term|py:\w+)\}`|^\.\. \w+::", re.MULTILINE)
    assert [page for page in pages_among(source_files()) if directive.search((ROOT / page).read_text(encoding="utf-8"))] == []
