# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The audit's report as JUnit XML: what CI servers take, and what they make of it."""
from __future__ import annotations

import re
import typing as t
import xml.etree.ElementTree as ET

import pytest

from ansible_collections.convox.credentials.plugins.module_utils.reports import junit as report_junit
from tests.unit.audit import documents

# What Jenkins' xUnit plugin takes of each element: what may be in it, attributes that it needs, and others. GitLab reads a part of it.
NAMED, COUNTS = {"name"}, {"tests", "failures", "errors"}
ELEMENTS: dict[str, tuple[set[str], set[str], set[str]]] = {
    "testsuites": ({"testsuite"}, set(), NAMED | COUNTS | {"time"}),
    "testsuite": ({"properties", "testcase", "system-out", "system-err"}, NAMED | COUNTS, {"skipped", "time", "timestamp", "hostname", "id"}),
    "properties": ({"property"}, set(), set()),
    "property": (set(), {"name", "value"}, set()),
    "testcase": ({"skipped", "error", "failure", "system-out", "system-err"}, NAMED, {"classname", "time"}),
    "failure": (set(), set(), {"message", "type"}),
    "system-out": (set(), set(), set()),
}
VALUES = {"tests": r"\d+", "failures": r"\d+", "errors": "0", "skipped": "0", "time": r"\d+(\.\d+)?", "timestamp": r"\d{4}(-\d\d){2}T\d\d(:\d\d){2}"}
TEXT_IN = {"failure", "system-out"}
ALLOWED = re.compile("[\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]*")

RACKS, OTHERS = "convox.credentials.racks", "convox.credentials.others"
LATENT, BORNE, NOWHERE, WORN, CALM = (
    "acme/latent (latent.rack.test)", "acme/borne (borne.rack.test)", "acme/nowhere", "acme/worn (worn.rack.test)", "acme/calm (calm.rack.test)",
)  # fmt: skip
ACCOUNT, CONSOLE_S = "123456789012/us-east-1", {"aws eu-west-1", "stores vault"}


def read(report: documents.Document) -> ET.Element:
    return ET.fromstring(report_junit.render(report))  # noqa: S314 - it is our own


def failed(report: documents.Document) -> set[str]:
    return {case.attrib["name"] for case in read(report).iter("testcase") if case.find("failure") is not None}


def case_of(report: documents.Document, name: str) -> ET.Element:
    (case,) = (case for case in read(report).iter("testcase") if case.attrib["name"] == name)
    return case


def parts(case: ET.Element) -> tuple[str, str]:
    """The failure's text and the output."""
    return case.findtext("failure", ""), case.findtext("system-out", "")


# -- what readers take --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("build", documents.ALL.values(), ids=documents.ALL)
def test_ci_servers_take_it(build: t.Callable[[], documents.Document]) -> None:
    report = build()
    text = report_junit.render(report)
    assert text.startswith('<?xml version="1.0" encoding="UTF-8"?>\n')
    assert ALLOWED.fullmatch(text)
    for element in (root := read(report)).iter():
        inside, needed, others = ELEMENTS[element.tag]
        assert {child.tag for child in element} <= inside
        assert needed <= set(element.attrib) <= needed | others
        assert all(re.fullmatch(VALUES[name], value) for name, value in element.attrib.items() if name in VALUES)
        assert element.tag in TEXT_IN or not (element.text or "").strip()
    cases = list(root.iter("testcase"))
    names = [(case.attrib["classname"], case.attrib["name"]) for case in cases]
    assert len(set(names)) == len(names)
    assert all(name.isprintable() for pair in names for name in pair)
    assert all([child.tag for child in case] in ([], ["failure"], ["system-out"], ["failure", "system-out"]) for case in cases)
    for counted in (root, *root):
        assert [counted.attrib[name] for name in ("tests", "failures", "time")] == [str(len(cases)), str(len(failed(report))), "1.500"]
    assert root[0].attrib.keys() >= {"skipped", "timestamp"}
    assert text.count("\n    <testcase ") == len(cases), "people read it, too"
    documents.check_pure(report_junit.render, report)


def test_when_it_was() -> None:
    (suite,) = read(documents.nothing())
    assert (suite.attrib["timestamp"], len(list(suite.iter("testcase")))) == ("2026-11-24T12:00:00", 0)


def test_nothing_is_lost_in_hostile_texts() -> None:
    report = documents.hostile()
    report["policy"]["fail_on"] = "medium"
    said = "".join(text for case in read(report).iter("testcase") for text in parts(case))
    whole = said.replace("[ [", "[[")
    assert [finding["what"] for finding in report["findings"] if documents.shown(finding["what"]) not in whole] == []


def test_nobody_makes_an_attachment_of_a_text() -> None:
    """GitLab does, of what is in a test's output."""
    (case,) = (case for case in read(documents.hostile()).iter("testcase") if "ATTACHMENT" in case.attrib["name"] and case.attrib["classname"] == RACKS)
    assert "[[ATTACHMENT" not in parts(case)[1]
    assert "[ [ATTACHMENT|/etc/passwd]]" in parts(case)[1]


# -- what they make of it -----------------------------------------------------------------------------------------
def test_a_test_for_each_rack_and_each_other_subject() -> None:
    tests = [(case.attrib["classname"], case.attrib["name"]) for case in read(documents.mixed()).iter("testcase")]
    assert {name for classname, name in tests if classname == RACKS} == {LATENT, BORNE, NOWHERE, WORN, CALM}
    assert {name for classname, name in tests if classname == OTHERS} == {ACCOUNT, documents.FILE, documents.LEDGER, documents.LEFT, *CONSOLE_S}
    assert len(tests) == 11
    assert {case.attrib["classname"] for case in read(documents.no_racks()).iter("testcase")} == {OTHERS}


def test_what_is_about_several_racks_is_in_the_test_of_each() -> None:
    assert failed(documents.twins()) == {"acme/one (one.rack.test)", "acme/two (two.rack.test)"}
    assert [case.attrib["classname"] for case in read(documents.twins()).iter("testcase")] == [RACKS] * 3
    assert failed(documents.twin_of_the_console()) == {"acme/one (one.rack.test)"}


HIGH = {LATENT, documents.FILE, documents.LEDGER}
MEDIUM = HIGH | {WORN, NOWHERE, ACCOUNT, documents.LEFT, *CONSOLE_S}


@pytest.mark.parametrize(
    ("fail_on", "expected"),
    [("never", set()), ("critical", {LATENT}), ("high", HIGH), ("medium", MEDIUM), ("low", MEDIUM), ("info", MEDIUM | {BORNE})],
)
def test_what_fails(fail_on: str, expected: set[str]) -> None:
    report = documents.mixed(policy={"fail_on": fail_on})
    assert failed(report) == expected
    assert bool(expected) == report["summary"]["failed"]
    assert [each.attrib["value"] for each in read(report).iter("property") if each.attrib["name"] == "fail_on"] == [fail_on]


@pytest.mark.parametrize("turned", [False, True])
def test_a_failure_names_all_that_fail_and_the_worst_first_of_all(turned: bool) -> None:
    report = documents.mixed()
    found = {finding["id"]: finding for finding in report["findings"] if finding["rack"] == "latent.rack.test"}
    if turned:
        report["findings"].reverse()
    case = case_of(report, LATENT)
    (failure,) = case.findall("failure")
    assert failure.attrib == {"message": found["rack_key_latent"]["what"], "type": "rack_key_latent"}
    explained, output = parts(case)
    for name in ("rack_key_latent", "rotation_unfinished"):
        finding = found.pop(name)
        assert f"{finding['severity']} {name}: {finding['what']}\nWhy: {finding['why']}\nMend: {finding['mend']}" in explained
        assert name not in output
    assert explained.count("Playbook: convox.credentials.rotate_rack_keys") == 2
    assert sorted(found) == ["key_pair_left", "rack_not_in_console"]
    assert sorted(output.splitlines()) == sorted(f"{finding['severity']} {name}: {finding['what']}" for name, finding in found.items())
    assert not any(name in explained for name in found)


def test_what_no_playbook_mends_names_none() -> None:
    assert "Playbook" not in parts(case_of(documents.mixed(), documents.LEDGER))[0]


def test_what_is_accepted_never_fails_and_says_who_bears_it() -> None:
    explained, output = parts(case_of(documents.mixed(policy={"fail_on": "info"}), BORNE))
    assert explained.startswith("info rack_not_in_console: acme/borne: ")
    assert "rack_key_in_outputs" not in explained
    assert output.startswith("high rack_key_in_outputs: acme/borne: ")
    assert output.endswith(" (accepted by ops@example.com until 2026-12-31: moved in June)")


def test_a_clean_rack_has_nothing_to_say() -> None:
    assert list(case_of(documents.mixed(), CALM)) == []


def test_no_name_hides_a_failure() -> None:
    """Of two tests with one name GitLab takes the first."""
    report = documents.document(documents.rack("x", domain="y"), documents.latent("x (y)", domain=""))
    assert failed(report) == {"acme/x (y)"}


def test_a_finding_of_a_rack_that_is_not_listed_is_not_lost() -> None:
    report = documents.mixed()
    report["racks"] = []
    assert {(case.attrib["classname"], case.attrib["name"]) for case in read(report).iter("testcase")} >= {(OTHERS, "acme/latent")}
    assert "acme/latent" in failed(report)
