# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report on paper: printed to PDF, it is light and whole, and has nothing to click on."""
from __future__ import annotations

import re
import typing as t
import unicodedata

import pypdfium2
import pytest
from playwright.sync_api import Page

from tests.browser.conftest import KEPT, Open, reported

Scheme = t.Literal["light", "dark"]


def printed(open_report: Open, racks: int) -> list[str]:
    """The text of each page, without any space: a name that is too long for its column is broken anywhere."""
    return saved(open_report(racks), f"{racks}-racks")


def saved(page: Page, name: str) -> list[str]:
    path = KEPT / f"{name}.pdf"
    page.pdf(path=path, format="A4")
    with pypdfium2.PdfDocument(path) as document:
        return [joined(each.get_textpage().get_text_range()) for each in document]


def joined(text: str) -> str:
    """Without spaces and ligatures. PDFium gives a hyphen at a line's end as U+FFFE."""
    return re.sub(r"\s", "", unicodedata.normalize("NFKC", text.replace("\ufffe", "-")))


@pytest.mark.parametrize(("scheme", "script"), [("light", True), ("dark", True), ("light", False)])
def test_all_of_it_is_printed(open_report: Open, scheme: Scheme, script: bool) -> None:
    page, document = open_report(100, color_scheme=scheme, java_script_enabled=script), reported(100)
    # On a screen some groups are closed, and long lists of evidence.
    for closed in (".group > details:not([open])", ".found td details:not([open])"):
        assert page.locator(closed).count() > 0
    text = "".join(saved(page, f"100-racks-{scheme}-{'script' if script else 'no-script'}"))
    for rack in document["racks"]:
        assert joined(f"{rack['organization']}/{rack['name']}") in text
    for finding in document["findings"]:
        assert joined(finding["subject"]) in text
        assert joined(finding["what"].removeprefix(f"{finding['subject']}: ")) in text
        for value in finding["evidence"].values():
            assert not isinstance(value, list) or joined(", ".join(value)) in text
    for credential in document["credentials"]:
        assert joined(credential["fingerprint"] or "") in text


@pytest.mark.parametrize("racks", [3, 40, 1000])
def test_the_first_page_is_the_summary(open_report: Open, racks: int) -> None:
    pages = printed(open_report, racks)
    for part in (f"{racks:,}racks,", "Agesofthekeysinforce", "stillopen", "Sources", "Policy"):
        assert part in pages[0]
    assert pages[1].startswith("Racks") or pages[1].startswith(f"2/{len(pages)}Racks")


def test_controls_are_not_printed_and_heads_are_on_each_page(open_report: Open) -> None:
    pages = printed(open_report, 40)
    text = "".join(pages)
    for control in ("Search", "onlywithfindings", "Showall", "Gototheracks"):
        assert control not in text
    heads = [at for at, each in enumerate(pages) if "RackRegionReleaseKey" in each]
    assert len(heads) >= 2
    assert heads == list(range(heads[0], heads[-1] + 1))
    assert [rack["id"] for rack in reported(40)["racks"] if rack["id"] not in "".join(pages[at] for at in heads)] == []
    assert sum("KindSubjectFingerprint" in each for each in pages) >= 3
    assert [f"{number}/{len(pages)}" in page for number, page in enumerate(pages, 1)] == [True] * len(pages)


def test_paper_is_light_even_where_the_screen_is_dark(open_report: Open) -> None:
    page = open_report(3, color_scheme="dark")
    colours = "[...document.querySelectorAll('body, .card, .group, td')].map((each) => getComputedStyle(each).color)"
    page.emulate_media(media="print", color_scheme="dark")
    dark_on_paper = page.evaluate(colours)
    page.emulate_media(media="print", color_scheme="light")
    assert dark_on_paper == page.evaluate(colours)


def test_no_row_is_cut(open_report: Open) -> None:
    page = open_report(40)
    page.emulate_media(media="print")
    assert page.evaluate("[...document.querySelectorAll('tr')].filter((each) => getComputedStyle(each).breakInside !== 'avoid').length") == 0


def test_a_filtered_list_says_so_on_paper(open_report: Open) -> None:
    page = open_report(40)
    page.locator("#racks").get_by_label("Search").fill("acme")
    count = page.locator("#racks tbody tr:visible").count()
    assert f"Only{count}of40racksareshown." in "".join(saved(page, "filtered"))


def test_a_thousand_racks_print(open_report: Open) -> None:
    pages, document = printed(open_report, 1000), reported(1000)
    text = "".join(pages)
    assert [rack["id"] for rack in document["racks"] if joined(rack["id"]) not in text] == []
    assert [each["subject"] for each in document["findings"] if joined(each["subject"]) not in text] == []


def test_after_printing_it_is_as_before(open_report: Open) -> None:
    page = open_report(40)
    opened = "[...document.querySelectorAll('details')].map((each) => each.open)"
    before = page.evaluate(opened)
    assert False in before
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert False not in page.evaluate(opened)
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.evaluate(opened) == before
