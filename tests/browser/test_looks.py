# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether everybody can read the report: contrast, names and structure by axe-core's rules, and what colour alone would say."""
from __future__ import annotations

import typing as t

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.browser.conftest import Open

if t.TYPE_CHECKING:
    from playwright.sync_api import Page

WIDE, NARROW = {"width": 1280, "height": 800}, {"width": 400, "height": 800}
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
OPENED = "for (const each of document.querySelectorAll('details')) each.open = true"


def violations(page: Page) -> list[str]:
    """What is against the rules, each with the places."""
    found = Axe().run(page, options=RULES).response
    assert len([each for each in found["passes"] if each["id"] == "color-contrast"]) == 1
    return [f"{each['id']}: {node['html'][:150]} {node['failureSummary'][:200]}" for each in found["violations"] for node in each["nodes"]]


# The colours are the same on a narrow screen.
@pytest.mark.parametrize(("scheme", "viewport"), [("light", WIDE), ("dark", WIDE), ("light", NARROW)], ids=["light", "dark", "narrow"])
@pytest.mark.parametrize(("racks", "kind"), [(12, "hostile"), (3, "clean")])
def test_nothing_is_against_the_rules(open_report: Open, racks: int, kind: str, scheme: t.Literal["light", "dark"], viewport: dict[str, int]) -> None:
    page = open_report(racks, kind, color_scheme=scheme, viewport=viewport)
    page.evaluate(OPENED)
    assert violations(page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_is_filtered_and_pointed_at_neither(open_report: Open, scheme: t.Literal["light", "dark"]) -> None:
    page = open_report(3, color_scheme=scheme)
    page.locator("#racks tbody a").first.click()
    page.locator("#racks tbody tr").nth(1).hover()
    page.locator("#racks th button").first.click()
    assert violations(page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_marks_and_edges_stand_out(open_report: Open, scheme: t.Literal["light", "dark"]) -> None:
    """What is no text has to have a contrast of 3 to what is behind it (WCAG 1.4.11)."""
    page = open_report(3, color_scheme=scheme)
    colour = "(of) => { const style = getComputedStyle(document.querySelector(of[0])); return style[of[1]]; }"
    card = page.evaluate(colour, [".card", "backgroundColor"])
    for place in (
        (".legend .mie, .mie", "fill"), (".moe", "fill"), (".mil", "stroke"), (".mol", "stroke"), (".line", "stroke"), (".meter rect + rect", "fill"),
        (".bar input[type=search]", "borderTopColor"), (".bar select", "borderTopColor"),
    ):  # fmt: skip
        assert ratio(page.evaluate(colour, place), card) >= 3, place


def ratio(one: str, other: str) -> float:
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    parts = [int(part) / 255 for part in colour.removeprefix("rgb(").removesuffix(")").split(",")]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_a_severity_is_a_word_and_a_number_of_bars(open_report: Open) -> None:
    page = open_report(40)
    bars = {}
    for rank, severity in enumerate(("critical", "high", "medium", "low", "info")):
        badge = page.locator(f".numbers .v{rank}")
        assert badge.inner_text() == severity
        drawn = badge.evaluate("(each) => ['--b1', '--b2', '--b3', '--b4'].filter((bar) => getComputedStyle(each).getPropertyValue(bar)).length")
        bars[severity] = drawn
    assert list(bars.values()) == [4, 3, 2, 1, 0]


def test_nothing_moves(open_report: Open) -> None:
    """So nobody has to ask that it does not."""
    page = open_report(3)
    # What is not drawn, as a title within a picture, has neither.
    moving = "(each) => !['0s', ''].includes(getComputedStyle(each).transitionDuration) || !['none', ''].includes(getComputedStyle(each).animationName)"
    assert page.evaluate(f"[...document.querySelectorAll('*')].filter({moving}).length") == 0
    assert page.evaluate("getComputedStyle(document.documentElement).scrollBehavior") == "auto"
