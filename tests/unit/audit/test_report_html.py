# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The audit's HTML report as text: all of the document is in it, and nothing else that a browser would act on.

What a browser makes of it is looked at in tests/browser.
"""
from __future__ import annotations

import base64
import copy
import hashlib
import html.parser
import re
import typing as t

import pytest

from ansible_collections.convox.credentials.plugins.module_utils.report_page.chart import chart
from ansible_collections.convox.credentials.plugins.module_utils.report_text import command
from ansible_collections.convox.credentials.plugins.module_utils.reports.html import render
from tests.browser.fleets import HOSTILE, Report, clean, report
from tests.unit.audit import documents

VOID = {"meta", "link", "input", "br"}


class Page(html.parser.HTMLParser):
    """Its elements in their order, its text, and what is in its style and script."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.texts: list[str] = []
        self.raw: dict[str, list[str]] = {"style": [], "script": []}
        self._within = ""
        self.feed(source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        self._within = tag if tag in self.raw else ""

    def handle_endtag(self, tag: str) -> None:
        self._within = ""

    def handle_data(self, data: str) -> None:
        if self._within:
            self.raw[self._within].append(data)
        else:
            self.texts.append(data)

    @property
    def shape(self) -> list[tuple[str, list[str]]]:
        return [(tag, sorted(attributes)) for tag, attributes in self.elements]

    @property
    def text(self) -> str:
        return " ".join(self.texts).replace("\xa0", " ")

    def all(self, tag: str, **attributes: str) -> list[dict[str, str]]:
        return [own for name, own in self.elements if name == tag and attributes.items() <= own.items()]


@pytest.fixture(scope="module")
def forty() -> Report:
    return report(40)


def summary_of(document: Report) -> str:
    source = render(document)
    return Page(source[source.index('<section id="summary"') : source.index('<section id="racks"')]).text


# -- a single file, which takes nothing from its values -----------------------------------------------------------
def test_nothing_outside_is_referred_to(forty: Report) -> None:
    source = render(forty)
    page = Page(source)
    for tag, attributes in page.elements:
        assert not {"src", "srcset", "style", "action", "background", "xlink:href"} & set(attributes), tag
        assert not [name for name in attributes if name.startswith("on")], tag
        assert attributes.get("href", "#").startswith("#") or (tag, attributes["href"]) == ("link", "data:,")
    for asks in ("@import", "url(", "http:", "https:", "fetch", "XMLHttpRequest", "import(", "innerHTML", "eval"):
        assert asks not in "".join(page.raw["style"] + page.raw["script"]), asks


def test_only_its_own_style_and_script_may_run(forty: Report) -> None:
    page = Page(render(forty))
    allowed = page.all("meta", **{"http-equiv": "Content-Security-Policy"})[0]["content"]
    assert "default-src 'none'" in allowed
    assert "unsafe" not in allowed
    for kind in ("style", "script"):
        assert len(page.all(kind)) == 1
        digest = base64.b64encode(hashlib.sha256("".join(page.raw[kind]).encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in allowed


def test_the_policy_stands_before_what_it_is_about(forty: Report) -> None:
    tags = [tag for tag, dummy in Page(render(forty)).elements]
    assert tags[:4] == ["html", "head", "meta", "meta"]


def test_each_link_leads_somewhere(forty: Report) -> None:
    page = Page(render(forty))
    ids = [attributes["id"] for dummy, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    targets = {attributes["href"][1:] for dummy, attributes in page.elements if attributes.get("href", "").startswith("#")}
    labels = {name for dummy, attributes in page.elements for name in attributes.get("aria-labelledby", "").split()}
    assert (targets | labels) - set(ids) == set()


# -- hostile values -----------------------------------------------------------------------------------------------
# Of these the schema says what they can be.
FIXED = {
    *("at", "since", "sha256", "made_at", "last_used_at", "severity", "worst", "state", "kind", "key", "fail_on", "age_known_by", "id", "rack", "racks"),
    *("console_copy", "generation", "playbook", "version", "status", "new", "open"),
}


def with_all_texts(value: t.Any, text: str, name: str = "") -> t.Any:
    """The document with each text that somebody may have chosen replaced; names of evidence too."""
    if isinstance(value, dict):
        if name == "evidence":
            return dict.fromkeys([text] if value else [], with_all_texts(next(iter(value.values()), None), text))
        return {key: with_all_texts(each, text, key) for key, each in value.items()}
    if isinstance(value, list):
        return [with_all_texts(each, text, name) for each in value]
    return text if isinstance(value, str) and value and name not in FIXED else value


@pytest.mark.parametrize("text", HOSTILE)
def test_a_value_is_never_more_than_text(forty: Report, text: str) -> None:
    harmless, hostile = Page(render(with_all_texts(forty, "word"))), Page(render(with_all_texts(forty, text)))
    assert hostile.shape == harmless.shape
    assert hostile.raw == harmless.raw
    # As far as it can be seen it is seen as it is.
    if text.isprintable():
        assert hostile.texts.count(text) == harmless.texts.count("word") > 500


@pytest.mark.parametrize("name", ["id", "generation", "status", "version", "console_copy", "playbook", "state"])
def test_not_even_one_that_the_schema_is_about(forty: Report, name: str) -> None:
    """A report is made of what a rack and AWS said; no slip elsewhere is to open the page."""
    documents = []
    for text in ("word", '"><img src=x onerror=alert(1)><!--'):
        document = copy.deepcopy(forty)
        for each in (*document["racks"], *document["credentials"], *document["sources"]):
            if name in each and not (name == "state" and each in document["sources"]):
                each[name] = text if name != "id" else f"{text}{each[name]}"
        for finding in document["findings"]:
            finding["id"] = text if name == "id" else finding["id"]
            finding["playbook"] = text if name == "playbook" else finding["playbook"]
        documents.append(Page(render(document)))
    assert [tag for tag, dummy in documents[0].elements] == [tag for tag, dummy in documents[1].elements]
    assert all("onerror" not in attributes for dummy, attributes in documents[1].elements)


def test_what_cannot_be_seen_is_shown(forty: Report) -> None:
    document = with_all_texts(forty, "a\u202eb\u2066c\u200bd\x00e\x1bf\ud800g\nh\U000e0041")
    source = render(document)
    assert not re.search("[\u202a-\u202e\u2066-\u2069\u200b-\u200f\x00-\x09\x0b-\x1f\ud800-\udfff\U000e0000-\U000e007f]", source)
    assert "a\\u202eb\\u2066c\\u200bd\\u0000e\\u001bf\\ud800g\\u000ah\\U000e0041" in Page(source).texts
    source.encode()


# -- all of it is there -------------------------------------------------------------------------------------------
def test_everything_is_on_the_page(forty: Report) -> None:
    text = Page(render(forty)).text
    for rack in forty["racks"]:
        assert f"{rack['organization']}/{rack['name']}" in text
        assert rack["id"] in text
    for finding in forty["findings"]:
        assert finding["subject"] in text
        assert finding["what"].removeprefix(f"{finding['subject']}: ") in text
        for value in finding["evidence"].values():
            assert not isinstance(value, str) or value in text
    for credential in forty["credentials"]:
        assert credential["fingerprint"] is None or credential["fingerprint"] in text
        assert all(where in text for where in credential["where"])
    for source in forty["sources"]:
        assert source["subject"] in text
        assert source["said"] in text
    for gone in forty["changes"]["unknown"]:
        assert gone["what"] in text


def test_what_a_kind_has_in_common_is_said_once(forty: Report) -> None:
    page = Page(render(forty))
    for accepted in (False, True):
        those = [each for each in forty["findings"] if (each["accepted"] is not None) == accepted]
        assert len({each["id"] for each in those}) == len(page.all("article")) - len({each["id"] for each in forty["findings"] if each not in those})
    kinds = {(each["id"], each["accepted"] is None): each for each in forty["findings"]}
    for why in {each["why"] for each in forty["findings"]}:
        assert page.texts.count(why) == sum(each["why"] == why for each in kinds.values())


def test_a_playbook_is_named_where_one_mends(forty: Report) -> None:
    page = Page(render(forty))
    said = [text for text in page.texts if text.startswith("ansible-playbook")]
    ways = {(each["id"], each["accepted"] is None, each["mend"], each["playbook"]) for each in forty["findings"]}
    limited = {"rotate_rack_keys", "rotate_instance_keys"}
    limits = {way: " --limit '<rack-in-your-inventory>'" if way[3] and way[3].rpartition(".")[2] in limited else "" for way in ways}
    # Of a rack's key that is refused, a login mends it; of the Console's, too.
    limits.update({way: " --limit '<rack-in-your-inventory>'" for way in ways if way[0] in ("rack_key_refused", "certificate_unverified")})
    assert sorted(said) == sorted(f"ansible-playbook {way[3]}{limit}" for way, limit in limits.items() if way[3])
    assert len(said) < len(ways)
    assert len({way[0] for way, limit in limits.items() if not limit and way[3]}) > 2


def test_that_a_command_takes_an_inventory_is_said_once(forty: Report) -> None:
    said = "Each command takes your inventory, by"
    assert Page(render(forty)).text.count(said) == 1
    assert said not in Page(render(clean(3))).text


@pytest.mark.parametrize("name", ["signing_key_old", "key_shared", "instance_key_old"])
def test_no_command_rolls_all_racks_of_an_inventory(name: str) -> None:
    """Be the finding about an account, whose key any of its racks makes anew, or about several racks."""
    account = documents.Account("123456789012", "us-east-1", documents.ago(400))
    worn = documents.rack("worn", instances=documents.Instances("pair", documents.ago(400), 3, (), ()))
    report_of_all = documents.document(worn, documents.twin("one"), documents.twin("two"), accounts=(account,))
    (finding,) = [each for each in report_of_all["findings"] if each["id"] == name]
    assert command(finding) == f"ansible-playbook {finding['playbook']} --limit '<rack-in-your-inventory>'"


def test_who_accepted_and_until_when(forty: Report) -> None:
    source = render(forty)
    before, after = source.split('<h2 id="accepted">')
    assert before.count('class="borne"') == 0
    assert after.count('class="borne"') == forty["summary"]["accepted"] > 0
    assert "Accepted by platform@example.com until 2027-03-31 : snapshots of 2024 need them" in re.sub(r"\s+", " ", Page(after).text)


def test_racks_stand_in_the_order_of_what_is_wrong_with_them(forty: Report) -> None:
    source = render(forty)
    table = source[source.index('<section id="racks"') : source.index('<section id="findings"')]
    ranks = [int(rank) for rank in re.findall(r'<td data-v="(\d)"><b class="v', table)]
    assert ranks == sorted(ranks)
    assert len(ranks) == 40
    assert len(set(ranks)) > 3


def test_a_rack_that_was_not_asked_is_not_called_clean() -> None:
    document = clean(3)
    document["racks"][0].update({"answered": None, "key": "unknown"})
    source = render(document)
    table = source[source.index('<section id="racks"') : source.index('<section id="findings"')]
    assert table.count(">clean</b>") == 2
    assert table.count("not asked") == 1


def test_a_finding_about_several_racks_and_each_of_them_lead_to_each_other() -> None:
    source = render(documents.twins())
    (row,) = re.findall(r'<tr id="f0" data-r="([^"]*)"[^>]*><td>(.*?)<td>', source)
    assert row == ("1 2", '<a href="#r1">acme/one</a><br><a href="#r2">acme/two</a>')
    for at, severity in enumerate(("clean", "high", "high")):
        shown = source.partition(f'<tr id="r{at}"')[2].partition("<tr ")[0]
        assert f">{severity}</b>" in shown
        assert ('href="#f0"' in shown) == (severity == "high")


def test_one_with_a_console_leads_to_its_rack() -> None:
    (row,) = re.findall(r'<tr id="f0" data-r="0"[^>]*><td>(.*?)<td>', render(documents.twin_of_the_console()))
    assert row == '<b>a.console.test</b><br><a href="#r0">acme/one</a>'


def test_changes_are_told_when_there_was_something_to_compare_with(forty: Report) -> None:
    assert 'id="changes"' in render(forty)
    three = report(3)
    text = re.sub(r"\s+", " ", summary_of(three))
    assert "Since 24 October 2026, 12:00 UTC" in text
    assert f"{len(three['changes']['new'])} new" in text
    assert "1 mended" in text
    three["changes"] = None
    assert 'id="changes"' not in render(three)
    assert "No earlier report was compared." in summary_of(three)
    assert "<em>new</em>" not in render(three)


# -- the summary --------------------------------------------------------------------------------------------------
def verdict(**change: t.Any) -> str:
    document = clean(3)
    document["summary"].update({name: value for name, value in change.items() if name in document["summary"]})
    document["policy"]["fail_on"] = change.get("fail_on", "high")
    source = render(document)
    return re.sub(r"\s+", " ", Page(source[source.index('<div class="verdict') : source.index('<ul class="numbers"')]).text).strip()


def severities(**counts: int) -> dict[str, int]:
    return {severity: counts.get(severity, 0) for severity in ("critical", "high", "medium", "low", "info")}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, "3 racks, all clean: the audit passes. No open finding is high or worse, from which on the policy would fail."),
        ({"racks": 1, "racks_clean": 1}, "1 rack, and it is clean: the audit passes."),
        ({"racks": 0, "racks_clean": 0}, "No racks were seen: the audit passes."),
        (
            {"racks": 1000, "racks_clean": 0, "failed": True, "by_severity": severities(critical=1, high=1200, low=7)},
            "1,000 racks, none clean: the audit fails. 1,201 open findings are high or worse, from which on the policy fails.",
        ),
        (
            {"racks_clean": 2, "failed": True, "by_severity": severities(critical=1, high=1), "fail_on": "critical"},
            "3 racks, 2 clean: the audit fails. 1 open finding is critical, from which on the policy fails.",
        ),
        (
            {"racks_clean": 2, "open": 2, "by_severity": severities(critical=2), "fail_on": "never"},
            "3 racks, 2 clean: the policy lets nothing fail. 2 open findings; fail_on is never.",
        ),
    ],
)
def test_the_verdict(change: dict[str, t.Any], said: str) -> None:
    assert verdict(**change).startswith(said)


def test_when_it_was_made_and_how_long_it_took() -> None:
    assert verdict().endswith("Made 24 November 2026, 12:00 UTC , asked in 12.3 s.")


def test_who_did_not_tell_is_named_first(forty: Report) -> None:
    text = re.sub(r"\s+", " ", summary_of(forty))
    assert "7 of 9 answered in full." in text
    assert "aws 210987654321/us-east-1 did not answer: AWS denies cloudformation:DescribeStacks" in text
    assert "aws 210987654321/eu-west-1 told only a part: 4 racks; not told: ecs:ListTaskDefinitionFamilies" in text
    assert "All 2 answered in full." in summary_of(clean(3))
    many = copy.deepcopy(forty)
    many["sources"] *= 4
    assert "and 5 more" in summary_of(many)


def test_counts_are_those_of_the_document_whatever_its_order(forty: Report) -> None:
    document = copy.deepcopy(forty)
    document["summary"]["by_severity"] = dict(sorted(forty["summary"]["by_severity"].items()))
    assert render(document) == render(forty)


# -- the chart ----------------------------------------------------------------------------------------------------
def credential(age: float | None, limit: float = 90.0, **change: t.Any) -> dict[str, t.Any]:
    return {
        "kind": "rack_api_key", "subject": "acme/a", "rack": None, "fingerprint": "0" * 12, "where": [], "state": "in_force", "made_at": None,
        "age_days": age, "age_known_by": "store", "last_used_at": None, "max_age_days": limit, "over": None if age is None else age > limit, **change,
    }


def drawn(*credentials: dict[str, t.Any]) -> Page:
    document = clean(3)
    document["credentials"] = list(credentials)
    return Page(chart(document))


def marks(page: Page) -> list[tuple[str, float]]:
    """Their kind (mi, mo: within, over; e, l: exactly, at least so old) and their place, in percent."""
    return [(own["href"][1:], float(own["x"].rstrip("%"))) for own in page.all("use") if own["x"].endswith("%")]


def line(page: Page) -> float:
    return float(page.all("line", **{"class": "line"})[0]["x1"].rstrip("%"))


def test_each_key_in_force_whose_age_is_known_is_a_mark() -> None:
    page = drawn(
        credential(9), credential(100), credential(80, age_known_by="ssm", over=None), credential(130, age_known_by="ssm"), credential(None),
        credential(500, state="refused"), credential(500, state="latent"), credential(500, state="unknown"), credential(370, 365, kind="signing_key"),
    )  # fmt: skip
    assert sorted(mark for mark, dummy in marks(page)) == ["mie", "mil", "moe", "moe", "mol"]
    assert all((at > line(page)) == (mark[1] == "o") for mark, at in marks(page))
    assert "2 keys within the limit, 2 over it; 2 may be older" in page.text
    assert "acme/a: at least 130 d of 90 d" in page.text


@pytest.mark.parametrize(
    ("age", "by", "said"),
    [
        (0.2, "store", "under 1 d"),
        (0.2, "ssm", "under 1 d, maybe older"),
        (1.0, "ssm", "at least 1 d"),
        (3.9, "ssm", "at least 3 d"),
        (3.9, "store", "3 d"),
        (1234.0, "ledger", "1,234 d"),
    ],
)
def test_an_age_is_said_as_it_is_known(age: float, by: str, said: str) -> None:
    """In the chart, and in both tables."""
    assert f"acme/a: {said} of 90 d" in drawn(credential(age, age_known_by=by)).text
    document = clean(1)
    document["racks"][0]["key_age_days"] = age
    document["credentials"] = [credential(age, age_known_by=by, rack=document["racks"][0]["id"], over=None)]
    source = render(document)
    assert [Page(cell).text for cell in re.findall(rf'<td class="n" data-v="{age:g}">([^<]*)<', source)] == [said] * 2


@pytest.mark.parametrize("most", [1.4, 1.9, 2.9, 9.0])
def test_the_scale_has_room_for_the_oldest_and_one_line_for_all(most: float) -> None:
    page = drawn(credential(90 * most), credential(89.9), credential(90.0), credential(7, 10), credential(8.5, 10))
    places = [at for dummy, at in sorted(marks(page), key=lambda mark: mark[1])]
    assert 0 < places[0] < places[1] < places[2] == places[3] < line(page) < places[4] < 100
    assert len({own["x1"] for own in page.all("line", **{"class": "line"})}) == 1


def test_who_is_over_is_decided_by_the_document() -> None:
    """Ages are rounded to hundredths of a day there, the judgement is not."""
    page = drawn(credential(90.0, over=True), credential(90.0, over=False), credential(90.0, age_known_by="ssm", over=None))
    assert {mark: at > line(page) for mark, at in marks(page)} == {"moe": True, "mie": False, "mil": False}


def test_many_keys_are_columns_as_high_as_they_are_many() -> None:
    page = drawn(*[credential(45)] * 400, *[credential(100)] * 100, *[credential(46, age_known_by="ssm")] * 50)
    heights = {own["class"]: float(own["height"]) for own in page.all("rect") if own["class"] in ("mie", "moe", "mil")}
    assert heights["mie"] == pytest.approx(4 * heights["moe"], rel=0.02)
    assert heights["mie"] == pytest.approx(8 * heights["mil"], rel=0.02)
    assert marks(page) == []


def test_what_is_not_known_is_counted() -> None:
    source = chart({**clean(3), "credentials": [credential(None), credential(None), credential(3), credential(95)]})
    row = source[source.index("Rack API key") :].partition("<tr>")[0]
    assert Page(row).text.startswith("Rack API key 4 in force limit 90 d")
    assert re.findall(r'<td class="n[^"]*">(\d+)', row) == ["1", "2"]
    assert source.count("none was seen") == 3


def test_limits_of_their_own_are_told_of() -> None:
    assert "limit 90 d (1 has its own)" in drawn(credential(3), credential(3, 30)).text
    assert "limit 90 d (2 have their own)" in drawn(credential(3), credential(3, 30), credential(3, 30)).text


# -- a large fleet ------------------------------------------------------------------------------------------------
def test_a_thousand_racks_make_no_large_file() -> None:
    assert len(render(report(1000)).encode()) < 3_000_000
