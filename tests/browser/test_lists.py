# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the report's script does: it sorts, filters and leads from a rack to its findings, with the mouse and with the keyboard alone."""
from __future__ import annotations

import re
import typing as t

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Open, reported

SEVERITIES = ("critical", "high", "medium", "low", "info")
LABELS = {"in force": "in_force", "latent": "latent", "refused": "refused", "takes any key": "open", "unknown": "unknown"}
VISIBLE = "(of) => [...document.querySelectorAll(of)].filter((each) => each.checkVisibility()).map((each) => each.id)"

Item = dict[str, t.Any]


@pytest.fixture(name="page")
def _page(open_report: Open) -> Page:
    return open_report(40)


def rack_rows() -> dict[str, Item]:
    """The racks of the document by the ids of their rows, with their open findings."""
    document = reported(40)
    rows = {}
    for at, rack in enumerate(document["racks"]):
        found = [each for each in document["findings"] if each["rack"] == rack["id"] and each["accepted"] is None]
        rows[f"r{at}"] = {**rack, "label": f"{rack['organization']}/{rack['name']}", "found": found}
    return rows


def shown(page: Page, selector: str) -> list[str]:
    """The ids of what can be seen, in the order of the page."""
    return t.cast("list[str]", page.evaluate(VISIBLE, selector))


# -- sorting ------------------------------------------------------------------------------------------------------
def natural(text: str) -> list[t.Any]:
    """As people sort: numbers by their value, whatever the case."""
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in re.split(r"(\d+)", text.casefold()) if part]


RACK_ORDER: dict[str, t.Callable[[Item], t.Any]] = {
    "Rack": lambda rack: natural(rack["label"]),
    "Region": lambda rack: rack["region"],
    "Release": lambda rack: natural(rack["version"]),
    "Key": lambda rack: {state: label for label, state in LABELS.items()}[rack["key"]],
    "Key\u2019s age": lambda rack: rack["key_age_days"],
    "Console\u2019s copy": lambda rack: {"ok": "good", "none": None}.get(rack["console_copy"], rack["console_copy"]),
    "Worst": lambda rack: SEVERITIES.index(rack["worst"]) if rack["worst"] else len(SEVERITIES),
    "Findings": lambda rack: rack["findings"],
}
GREATEST_FIRST = {"Key\u2019s age", "Findings"}


def in_order(values: list[t.Any], down: bool) -> bool:
    """What is not known stands last, either way."""
    known = [value for value in values if value is not None]
    return values[: len(known)] == sorted(known, reverse=down) and all(value is None for value in values[len(known) :])


@pytest.mark.parametrize("column", RACK_ORDER)
def test_each_column_sorts_both_ways(page: Page, column: str) -> None:
    racks, head = rack_rows(), page.locator("#racks thead th", has=page.get_by_role("button", name=column, exact=True))
    for down in (column in GREATEST_FIRST, column not in GREATEST_FIRST):
        head.get_by_role("button").click()
        assert head.get_attribute("aria-sort") == ("descending" if down else "ascending")
        assert page.locator("#racks th[aria-sort]").count() == 1
        rows = shown(page, "#racks tbody tr")
        assert sorted(rows) == sorted(racks)
        values = [RACK_ORDER[column](racks[row]) for row in rows]
        assert len({str(value) for value in values}) > 1
        assert in_order(values, down)


def test_other_lists_sort_too(page: Page) -> None:
    for head in page.locator("#credentials th, #sources th").all():
        head.get_by_role("button").click()
        expect(head).to_have_attribute("aria-sort", re.compile("ascending|descending"))
    page.locator("#credentials th").get_by_role("button", name="Age", exact=True).click()
    ages = page.evaluate("[...document.querySelectorAll('#credentials td:nth-child(7)')].map((each) => each.dataset.v)")
    assert in_order([float(age) if age else None for age in ages], down=True)
    assert float(ages[0]) > 365
    page.locator("#sources th").get_by_role("button", name="State").click()
    states = page.locator("#sources td:nth-child(3)").all_inner_texts()
    assert states == sorted(states, reverse=states[0] > states[-1])


# -- filtering racks ----------------------------------------------------------------------------------------------
def filters(page: Page, section: str) -> Locator:
    return page.locator(f"#{section} .bar")


def test_racks_by_text(page: Page) -> None:
    racks = rack_rows()
    for text in ("web", "us-east-1", "RACK-7", "latent rack", "acme eu-west", "no such rack"):
        filters(page, "racks").get_by_label("Search").fill(text)
        wanted = {
            row
            for row, rack in racks.items()
            if all(word in _text(rack) for word in text.lower().split())
        }
        assert set(shown(page, "#racks tbody tr")) == wanted
        assert len(wanted) < 40
        expect(filters(page, "racks").locator("output")).to_have_text(f"{len(wanted)} of 40 racks")
    filters(page, "racks").get_by_role("button", name="Show all").click()
    assert len(shown(page, "#racks tbody tr")) == 40
    expect(filters(page, "racks").locator("output")).to_have_text("40 racks")


def _text(rack: Item) -> str:
    """All that its row says."""
    names = ("label", "id", "region", "account", "version", "generation", "status")
    says = [*(rack[name] for name in names if rack[name] != "running"), *(each["title"] for each in rack["found"])]
    return "\n".join([*says, {state: label for label, state in LABELS.items()}[rack["key"]], rack["worst"] or "clean"]).lower()


@pytest.mark.parametrize("severity", SEVERITIES[:4])
def test_racks_by_severity(page: Page, severity: str) -> None:
    wanted = {row for row, rack in rack_rows().items() if severity in {each["severity"] for each in rack["found"]}}
    filters(page, "racks").get_by_label("Severity").select_option(severity)
    assert set(shown(page, "#racks tbody tr")) == wanted
    assert 0 < len(wanted) < 40


def test_racks_by_key(page: Page) -> None:
    racks, choice = rack_rows(), filters(page, "racks").get_by_label("Key")
    labels = choice.locator("option").all_inner_texts()[1:]
    assert {LABELS[label] for label in labels} == {rack["key"] for rack in racks.values()}
    for label in labels:
        choice.select_option(label)
        assert set(shown(page, "#racks tbody tr")) == {row for row, rack in racks.items() if rack["key"] == LABELS[label]}


def test_racks_with_findings(page: Page) -> None:
    filters(page, "racks").get_by_label("only with findings").check()
    assert set(shown(page, "#racks tbody tr")) == {row for row, rack in rack_rows().items() if rack["findings"]}
    filters(page, "racks").get_by_label("only with findings").uncheck()
    assert len(shown(page, "#racks tbody tr")) == 40


def test_filters_are_one_after_the_other_and_outlive_sorting(page: Page) -> None:
    filters(page, "racks").get_by_label("Search").fill("acme")
    filters(page, "racks").get_by_label("Severity").select_option("high")
    old = {row: rack for row, rack in rack_rows().items() if rack["organization"] == "acme" and "high" in {each["severity"] for each in rack["found"]}}
    assert set(shown(page, "#racks tbody tr")) == set(old)
    filters(page, "racks").get_by_label("Key").select_option("in force")
    wanted = {row for row, rack in old.items() if rack["key"] == "in_force"}
    assert 0 < len(wanted) < len(old)
    assert set(shown(page, "#racks tbody tr")) == wanted
    page.locator("#racks th").get_by_role("button", name="Rack", exact=True).click()
    rows = shown(page, "#racks tbody tr")
    assert set(rows) == wanted
    assert in_order([natural(rack_rows()[row]["label"]) for row in rows], down=False)


# -- filtering findings and credentials ---------------------------------------------------------------------------
def test_findings_by_severity_and_text(page: Page) -> None:
    found = reported(40)["findings"]
    for severity in ("critical", "medium", "low"):
        filters(page, "findings").get_by_label("Severity").select_option(severity)
        wanted = {f"f{at}" for at, each in enumerate(found) if each["severity"] == severity}
        assert set(shown(page, ".found > tbody > tr")) == wanted
        groups = page.locator(".group:visible").count()
        assert groups == len({(each["id"], each["accepted"] is None) for each in found if each["severity"] == severity})
        assert page.locator(".contents a:visible").count() == groups
    filters(page, "findings").get_by_role("button", name="Show all").click()
    # Two words: a kind of finding, and a part of some subjects.
    filters(page, "findings").get_by_label("Search").fill("rack_key_old payments")
    old = {f"f{at}": each for at, each in enumerate(found) if each["id"] == "rack_key_old"}
    wanted = {row for row, each in old.items() if "payments" in each["subject"]}
    assert 0 < len(wanted) < len(old)
    assert set(shown(page, ".found > tbody > tr")) == wanted
    expect(page.locator("#g-rack_key_old > details > summary")).to_have_text(f"{len(wanted)} of {len(old)} findings")


def test_findings_that_are_new(page: Page) -> None:
    document = reported(40)
    filters(page, "findings").get_by_label("Since then").select_option("new")
    assert set(shown(page, ".found > tbody > tr")) == {f"f{at}" for at, each in enumerate(document["findings"]) if each["key"] in document["changes"]["new"]}
    assert all("new" in text for text in page.locator(".found > tbody > tr:visible td:first-child").all_inner_texts())


def test_credentials(page: Page) -> None:
    known = reported(40)["credentials"]
    where = filters(page, "credentials")
    for choose, fits in (
        (lambda: where.get_by_label("Kind").select_option("Instance key"), lambda each: each["kind"] == "instance_key"),
        (lambda: where.get_by_label("State").select_option("latent"), lambda each: each["state"] == "latent"),
        (lambda: where.get_by_label("only over the limit").check(), lambda each: each["over"] is True),
        (lambda: where.get_by_label("Search").fill("person7@"), lambda each: each["subject"] == "person7@example.com"),
    ):
        choose()
        count = sum(map(fits, known))
        assert page.locator("#credentials tbody tr:visible").count() == count > 0
        where.get_by_role("button", name="Show all").click()
    assert page.locator("#credentials tbody tr:visible").count() == len(known)


def test_a_number_of_the_summary_leads_to_its_findings(page: Page) -> None:
    page.locator(".numbers a", has_text="critical").click()
    wanted = {f"f{at}" for at, each in enumerate(reported(40)["findings"]) if each["severity"] == "critical"}
    assert set(shown(page, ".found > tbody > tr")) == wanted
    expect(page.locator("#findings-title")).to_be_in_viewport()


# -- from a rack to its findings, and back ------------------------------------------------------------------------
def busiest() -> tuple[str, Item]:
    """The rack with the most findings."""
    return max(rack_rows().items(), key=lambda item: len(item[1]["found"]))


def places(rack: Item) -> set[str]:
    """The rows of all of its findings, accepted ones too."""
    return {f"f{at}" for at, each in enumerate(reported(40)["findings"]) if each["rack"] == rack["id"]}


def test_a_rack_leads_to_its_findings(page: Page) -> None:
    row, rack = busiest()
    page.locator(f"#{row} td:first-child a").click()
    assert set(shown(page, ".found > tbody > tr")) == places(rack)
    first = page.locator(f"#f{reported(40)['findings'].index(rack['found'][0])}")
    expect(first).to_be_in_viewport()
    expect(first).to_be_focused()
    page.get_by_role("button", name=f"Only {rack['label']}").click()
    assert page.locator(".group:visible").count() > len(places(rack))


def test_each_finding_of_a_rack_is_a_link_to_it(page: Page) -> None:
    row, rack = busiest()
    tags = page.locator(f"#{row} .tags a")
    assert tags.all_inner_texts() == [each["title"] for each in rack["found"]]
    for at, each in enumerate(rack["found"]):
        tags.nth(at).click()
        target = page.locator(f"#f{reported(40)['findings'].index(each)}")
        expect(target).to_be_in_viewport()
        expect(target).to_contain_text(rack["label"])


def test_what_a_link_leads_to_is_opened_and_no_filter_hides_it(page: Page) -> None:
    row, rack = busiest()
    target = page.locator(f"#f{reported(40)['findings'].index(rack['found'][0])}")
    filters(page, "findings").get_by_label("Search").fill("nothing like that")
    expect(target).to_be_hidden()
    page.locator(f"#{row} .tags a").first.click()
    expect(target).to_be_in_viewport()
    page.evaluate("for (const each of document.querySelectorAll('details')) each.open = false")
    page.locator(f"#{row} .tags a").first.click()
    expect(target).to_be_in_viewport()


def test_a_finding_leads_back_to_its_rack(page: Page) -> None:
    row, rack = busiest()
    filters(page, "racks").get_by_label("Search").fill("nothing like that")
    page.locator(f"#f{reported(40)['findings'].index(rack['found'][0])} td:first-child a").click()
    expect(page.locator(f"#{row}")).to_be_in_viewport()
    expect(page.locator(f"#{row}")).to_be_focused()


# -- the keyboard alone -------------------------------------------------------------------------------------------
FOCUSED = """() => {
  const each = document.activeElement, style = getComputedStyle(each), box = each.getBoundingClientRect();
  return {
    name: (each.labels?.[0]?.firstChild.textContent || each.labels?.[0]?.textContent || each.textContent).trim(),
    within: each.closest("section, header")?.id ?? "", tag: each.tagName,
    seen: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2 && box.width > 0 && box.bottom > 0 && box.top < innerHeight,
  };
}"""


def tab_to(page: Page, within: str, name: str, most: int = 80) -> None:
    """Press Tab until it is there; on the way the focus is seen wherever it is."""
    for dummy in range(most):
        page.keyboard.press("Tab")
        at = page.evaluate(FOCUSED)
        assert at["seen"], at
        if at["within"] == within and at["name"].startswith(name):
            return
    raise AssertionError(f"{name} is not reached")


def test_keys_alone_sort_filter_and_lead(page: Page) -> None:
    racks = rack_rows()
    page.keyboard.press("Tab")
    assert page.evaluate(FOCUSED)["name"] == "Go to the racks"
    page.keyboard.press("Enter")
    tab_to(page, "racks", "Search")
    page.keyboard.type("acme")
    wanted = {row for row, rack in racks.items() if rack["organization"] == "acme"}
    assert set(shown(page, "#racks tbody tr")) == wanted
    page.keyboard.press("Tab")
    page.keyboard.type("high")
    wanted &= {row for row, rack in racks.items() if "high" in {each["severity"] for each in rack["found"]}}
    assert set(shown(page, "#racks tbody tr")) == wanted
    tab_to(page, "racks", "only with findings")
    page.keyboard.press("Space")
    assert page.get_by_label("only with findings").is_checked()
    tab_to(page, "racks", "Rack")
    for key, down in (("Enter", False), ("Space", True)):
        page.keyboard.press(key)
        rows = shown(page, "#racks tbody tr")
        assert set(rows) == wanted
        assert in_order([natural(racks[row]["label"]) for row in rows], down)
    first = racks[rows[0]]
    tab_to(page, "racks", first["label"])
    page.keyboard.press("Enter")
    expect(page.locator(f"#f{reported(40)['findings'].index(first['found'][0])}")).to_be_focused()
    assert page.evaluate(FOCUSED)["seen"]
    assert set(shown(page, ".found > tbody > tr")) == places(first)
    page.keyboard.press("Shift+Tab")
    assert page.evaluate(FOCUSED)["tag"] == "SUMMARY"
    page.keyboard.press("Enter")
    assert shown(page, f"#f{reported(40)['findings'].index(first['found'][0])}") == []


def test_the_mouse_leaves_no_ring(page: Page) -> None:
    """Who points knows where he is."""
    page.locator("#racks th button").first.click()
    assert not page.evaluate(FOCUSED)["seen"]
