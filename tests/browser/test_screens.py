# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the report stands on a screen: pictures of it are kept in .cache/browser, for people to look at."""
from __future__ import annotations

import typing as t

import pytest

from tests.browser.conftest import KEPT, SCREEN, Open, reported

if t.TYPE_CHECKING:
    from playwright.sync_api import Page

FLEETS = [(3, ""), (3, "clean"), (40, ""), (1000, ""), (12, "hostile")]
RECTANGLES = "(all) => all.map((each) => each.getBoundingClientRect().toJSON())"
# What is wider than its place, though the page as a whole may hide it.
TOO_WIDE = """() => [...document.querySelectorAll("main *, header *")].filter((each) => {
  const box = each.getBoundingClientRect();
  return box.width > 0 && !each.closest(".sr, svg") && (box.right > innerWidth + 1 || box.left < -1);
}).map((each) => each.outerHTML.slice(0, 120))"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("racks", [3, 1000])
def test_a_picture_is_kept(open_report: Open, racks: int, scheme: t.Literal["light", "dark"]) -> None:
    page = open_report(racks, color_scheme=scheme)
    path = KEPT / f"{racks}-racks-{scheme}.png"
    page.screenshot(path=path)
    assert path.read_bytes().startswith(b"\x89PNG")
    colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
    brightness = sum(int(part) for part in colour.removeprefix("rgb(").removesuffix(")").split(","))
    assert (brightness > 600) == (scheme == "light")


@pytest.mark.parametrize(("racks", "kind"), FLEETS)
def test_the_summary_fits_one_screen(open_report: Open, racks: int, kind: str) -> None:
    page = open_report(racks, kind)
    for part in ("#summary", "#verdict", ".numbers", ".ages", ".legend", ".side"):
        box = page.locator(part).first.bounding_box()
        assert box
        assert box["y"] >= 0
        assert box["y"] + box["height"] <= SCREEN["height"], part
        assert box["x"] + box["width"] <= SCREEN["width"], part
    # Nothing in it is cut off, and no two of its parts lie on each other.
    assert page.evaluate("[...document.querySelectorAll('.side, .card, .numbers a')].filter((each) => each.scrollHeight > each.clientHeight + 1).length") == 0
    chart, side, after = (page.locator(part).first.bounding_box() for part in (".card", ".side", "#racks"))
    assert chart
    assert side
    assert after
    assert chart["x"] + chart["width"] <= side["x"]
    assert max(box["y"] + box["height"] for box in (chart, side)) <= after["y"]


@pytest.mark.parametrize(("racks", "kind"), FLEETS)
@pytest.mark.parametrize("width", [400, 700, 1024])
def test_a_narrow_screen_scrolls_down_only(open_report: Open, racks: int, kind: str, width: int) -> None:
    page = open_report(racks, kind, viewport={"width": width, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
    assert page.evaluate(TOO_WIDE) == []
    if racks == 3 and not kind:
        page.screenshot(path=KEPT / f"3-racks-{width}-wide.png")


def test_marks_in_the_chart_are_the_keys_in_force(open_report: Open) -> None:
    page, document = open_report(3), reported(3)
    known = [each for each in document["credentials"] if each["state"] == "in_force" and each["age_days"] is not None]
    boxes = _boxes(page, ".plot use")
    assert len(boxes) == len(known)
    over = _boxes(page, ".plot use[href^='#mo']")
    line = _boxes(page, ".plot .line")[0]
    assert len(over) == sum(each["over"] is True for each in known)
    assert all(box["x"] > line["x"] for box in over)
    assert sum(box["x"] > line["x"] for box in boxes) == len(over)
    # In each row the older stand further to the right, measured by what each may be.
    for kind, row in zip(("rack_api_key", "console_api_key", "instance_key", "signing_key"), page.locator(".ages tbody tr").all(), strict=True):
        shares = [each["age_days"] / each["max_age_days"] for each in known if each["kind"] == kind]
        places = sorted(box["x"] + box["width"] / 2 for box in row.locator("use").evaluate_all(RECTANGLES))
        plot = row.locator(".plot").evaluate_all(RECTANGLES)[0]
        end = (line["x"] - plot["x"]) / plot["width"]
        for share, place in zip(sorted(shares), places, strict=True):
            assert (place - plot["x"]) / plot["width"] == pytest.approx(share * end, abs=1 / 40)


def test_columns_stay_in_their_plot(open_report: Open) -> None:
    page = open_report(1000)
    plots = _boxes(page, ".plot")
    bars = _boxes(page, ".plot rect:not(.beyond), .plot use")
    assert len(bars) > 100
    for column in bars:
        assert any(plot["y"] - 1 <= column["y"] and column["y"] + column["height"] <= plot["y"] + plot["height"] + 1 for plot in plots)


def _boxes(page: Page, selector: str) -> list[dict[str, float]]:
    return t.cast("list[dict[str, float]]", page.locator(selector).evaluate_all(RECTANGLES))


def test_without_the_script_all_is_there(open_report: Open) -> None:
    page, document = open_report(40, java_script_enabled=False), reported(40)
    assert page.locator("#racks tbody tr:visible").count() == 40
    assert page.locator("#credentials tbody tr").count() == len(document["credentials"])
    assert page.locator(".found > tbody > tr").count() == len(document["findings"])
    assert page.locator(".bar:visible, th button").count() == 0
    page.locator(".group summary").nth(0).click()
    page.locator("#racks tbody a").nth(0).click()
    assert page.locator("tr:target").count() == 1
