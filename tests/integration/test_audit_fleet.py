# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fleet in which everything is wrong that can be found: the audit finds exactly that, and changes nothing.

What it is to find is in tests/audit_fleet/expected.yml, which was written by hand.
"""
from __future__ import annotations

import collections
import csv
import hashlib
import html
import io
import json
import subprocess
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.audit_fleet.around import make_the_rest
from tests.audit_fleet.fleet import Fleet
from tests.audit_fleet.racks import RACKS, make_racks
from tests.iam import actions_of
from tests.integration.ansible import PATIENCE_S, PROGRAM, environment_in
from tests.leaks import found_in
from tests.places import ROOT
from tests.reports import read_report
from tests.standin import AWS_CREDENTIALS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

EXPECTED = yaml.safe_load((ROOT / "tests" / "audit_fleet" / "expected.yml").read_text(encoding="utf-8"))
READS = actions_of("audit", "audit_take_role")
FORMATS = ["html", "csv", "junit", "sarif"]


class Audit:
    """The playbook ``audit``, and what the fleet saw of it."""

    def __init__(self, fleet: Fleet, place: Path, status: int, *arguments: str, **variables: Any) -> None:
        self.fleet = fleet
        self.dest = place / "report.json"
        self.before = _state(fleet)
        told = fleet.convox.journal.total
        run = subprocess.run(
            [str(PROGRAM), "convox.credentials.audit", *arguments, "-i", "localhost,", "-e", json.dumps({**variables, "audit_dest": str(self.dest)})],
            cwd=place,
            env={
                **environment_in(place),
                **{name.upper(): value for name, value in AWS_CREDENTIALS.items()},
                **_LIKE_A_JOB,
                "BUILDER_S_KEY": fleet.convox.console.spec.deploy_keys[0],
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_S,
        )
        self.output = run.stdout + run.stderr
        assert run.returncode == status, self.output
        self.after = _state(fleet)
        self.asked = fleet.convox.journal.entries(fleet.convox.journal.total - told)
        self.report = read_report(self.dest)
        self.files = {path.suffix: path for path in place.glob("report.*")}

    def found(self, *, accepted: bool) -> list[tuple[str, str, str, str]]:
        """Finding, subject, severity and text, with names in place of what is another one each time."""
        plain = self.fleet.plain
        findings = [each for each in self.report["findings"] if bool(each["accepted"]) == accepted]
        return [(each["id"], plain(each["subject"]), each["severity"], plain(each["what"])) for each in findings]


_LIKE_A_JOB = {"ANSIBLE_SHOW_CUSTOM_STATS": "1", "ANSIBLE_NOCOLOR": "1"}


def _state(fleet: Fleet) -> dict[str, Any]:
    """All that an audit could have changed: racks, copies, stacks' keys, and every file."""
    racks = {name: (rack.truth()["accepts"], rack.key, rack.stack.status) for name, rack in fleet.convox.racks.items()}
    roots = (fleet.home, fleet.people, fleet.store.parent)
    files = {path: (path.read_bytes(), path.stat().st_mode) for root in roots for path in sorted(root.rglob("*")) if path.is_file()}
    return {"racks": racks, "copies": [record.key for record in fleet.convox.console.records], "files": files}


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in AWS_CREDENTIALS.items():
            patch.setenv(name.upper(), value)
        fleet = Fleet(tmp_path_factory.mktemp("fleet"))
        try:
            make_racks(fleet)
            make_the_rest(fleet)
            yield fleet
        finally:
            fleet.stop()


def variables(fleet: Fleet, **more: Any) -> dict[str, Any]:
    """As people give them to the playbook."""
    options = {**fleet.options(), "config_dir": str(fleet.config), "formats": FORMATS, **more}
    return {f"audit_{name}": value for name, value in options.items()}


@pytest.fixture(scope="module")
def audit(fleet: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Audit:
    """All of it, from a machine that can ask everybody."""
    return Audit(fleet, tmp_path_factory.mktemp("audit"), 2, **variables(fleet))


@pytest.fixture(scope="module")
def from_a_builder(fleet: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Audit:
    """The same fleet from a machine that builds: it has a deploy key, asks the Console alone, and may see no tables."""
    place = tmp_path_factory.mktemp("builder")
    options = {
        **variables(fleet, config_dir=str(place / "convox"), homes=[str(place)], aws=[], stores=[{"type": "cli"}], ask_racks=False, formats=[]),
        # At -vvvv Ansible shows what stands in -e.
        "audit_api_key": "{{ lookup('ansible.builtin.env', 'BUILDER_S_KEY') }}",
        "audit_tables": {"prefix": "nowhere", "region": "us-east-1"},
        "audit_fail_on": "never",
    }
    # Whatever Ansible can say of it.
    return Audit(fleet, place, 0, "-vvvv", **options)


def mismatches(found: list[tuple[str, str, str, str]], expected: list[list[str]]) -> list[Any]:
    """What was found and not expected, or expected and not found, or with other words."""
    seen = collections.Counter((name, subject) for name, subject, *dummy in found)
    wanted = {(name, subject): (severity, words) for name, subject, severity, words in expected}
    assert len(wanted) == len(expected), "two lines say the same"
    wrong: list[Any] = [("not expected, or twice", each) for each in (seen - collections.Counter(wanted.keys()))]
    wrong += [("not found", each) for each in wanted if each not in seen]
    said = [(wanted.get((name, subject)), severity, text) for name, subject, severity, text in found]
    return wrong + [(want, severity, text) for want, severity, text in said if want and (want[0] != severity or want[1] not in text)]


# -- what is found ------------------------------------------------------------------------------------------------
def test_there_are_forty_two_racks(fleet: Fleet, audit: Audit) -> None:
    assert len(RACKS) == 42
    assert audit.report["summary"]["racks"] == 42


def test_exactly_what_is_wrong_is_found(audit: Audit) -> None:
    assert mismatches(audit.found(accepted=False), EXPECTED["open"]) == []


def test_what_is_accepted_is_told_apart(audit: Audit) -> None:
    assert mismatches(audit.found(accepted=True), EXPECTED["accepted"]) == []


def test_racks_in_order_have_no_finding(audit: Audit) -> None:
    named = {each["id"]: each["name"] for each in audit.report["racks"]}
    found = {named.get(each["rack"]) for each in audit.report["findings"] if not each["accepted"]}
    clean = {make.__name__.replace("_", "-") for make in RACKS if make.__name__.startswith("clean_")}
    assert len(clean) >= 10
    assert clean & found == set()


def test_a_rack_counts_as_clean_where_a_key_of_it_is_good(audit: Audit, from_a_builder: Audit) -> None:
    """Be it that the Console alone has it. From a machine that asks no rack, none is."""
    clean = {each["name"]: each["console_copy"] for each in audit.report["racks"] if not each["findings"]}
    assert {"clean-v3", "clean-gcp"} == {name for name, copy in clean.items() if name in ("named", "unread", "clean-v3", "clean-gcp")}
    assert audit.report["summary"]["racks_clean"] == len(clean)
    assert from_a_builder.report["summary"]["racks"] > 30
    assert from_a_builder.report["summary"]["racks_clean"] == 0


def test_what_racks_share_counts_for_each(audit: Audit) -> None:
    racks = {each["name"]: each for each in audit.report["racks"]}
    (shared,) = [each for each in audit.report["findings"] if each["id"] == "key_shared"]
    assert sorted(shared["racks"]) == sorted(racks[name]["id"] for name in ("twin-a", "twin-b"))
    assert (racks["twin-a"]["worst"], racks["twin-a"]["findings"]) == ("high", 1)
    assert (racks["twin-b"]["worst"], racks["twin-b"]["findings"]) == ("high", 2)


def test_how_each_key_stands(audit: Audit) -> None:
    expected = {name: standing for standing, names in EXPECTED["keys"].items() for name in names}
    names = {each["rack"]: audit.fleet.plain(each["subject"]) for each in audit.report["credentials"] if each["rack"]}
    assert {names[each["id"]]: each["key"] for each in audit.report["racks"]} == expected


def test_from_a_machine_that_may_ask_less(from_a_builder: Audit) -> None:
    assert mismatches(from_a_builder.found(accepted=False), EXPECTED["from_a_builder"]) == []


def test_everything_that_can_be_found_is_there(audit: Audit, from_a_builder: Audit) -> None:
    """The kinds of findings are counted by the files that find them."""
    kinds = {path.stem for path in (ROOT / "plugins/module_utils/findings").glob("[a-z]*.py")} | {"acceptance_expired"}
    found = {each[0] for run in (audit, from_a_builder) for accepted in (False, True) for each in run.found(accepted=accepted)}
    assert found == kinds


# -- and nothing else happens -------------------------------------------------------------------------------------
def test_nothing_is_changed(audit: Audit) -> None:
    assert audit.before == audit.after


def test_nothing_but_reads_is_asked(audit: Audit) -> None:
    assert {each["method"] for each in audit.asked if each["server"] != "aws"} == {"GET"}
    assert {each["path"] for each in audit.asked if each["server"] == "aws"} <= READS


def test_a_rack_is_asked_three_times_at_most(audit: Audit) -> None:
    """The Console's question included, which it hands on; another name that a rack goes by costs one more."""
    asked = collections.Counter(each["server"].removeprefix("rack ") for each in audit.asked if each["server"].startswith("rack "))
    assert asked.pop("clean-alias") == 4
    assert max(asked.values()) == 3, asked
    # The Console has sent its copy of the key, we have sent nothing.
    assert asked["certificate-own"] == asked["certificate-other"] == 1


def test_no_key_gets_out(audit: Audit, from_a_builder: Audit) -> None:
    secrets = audit.fleet.secrets()
    assert len(secrets) > 60
    assert found_in(audit.output + from_a_builder.output, secrets) == []
    assert "invocation" in from_a_builder.output
    assert {path.suffix for path in audit.files.values()} == {".json", ".html", ".csv", ".xml", ".sarif"}
    for path in audit.files.values():
        assert found_in(path.read_bytes(), secrets) == [], path.name
        assert path.stat().st_mode & 0o777 == 0o600


# -- what is said of it -------------------------------------------------------------------------------------------
def test_each_format_has_all_of_it(audit: Audit) -> None:
    """Formats are tried closely in tests/unit/audit; here, that they are made of this very report."""
    text = {ending: path.read_text(encoding="utf-8") for ending, path in audit.files.items()}
    findings, racks = audit.report["findings"], audit.report["racks"]
    assert [each["id"] for each in csv.DictReader(io.StringIO(text[".csv"]))] == [each["id"] for each in findings]
    (results,) = (run["results"] for run in json.loads(text[".sarif"])["runs"])
    assert [each["ruleId"] for each in results] == [each["id"] for each in findings]
    cases = ET.fromstring(text[".xml"]).iter("testcase")  # noqa: S314 (it is ours)
    failed = {str(each.get("name")).partition(" (")[0] for each in cases if each.find("failure") is not None}
    assert failed == {each["subject"] for each in findings if each["severity"] in ("critical", "high") and not each["accepted"]}
    assert [each["id"] for each in racks if html.escape(each["id"]) not in text[".html"]] == []
    assert [each["subject"] for each in findings if html.escape(each["subject"]) not in text[".html"]] == []


def test_the_summary_fits_a_screen(audit: Audit) -> None:
    shown = audit.output.partition("TASK [convox.credentials.audit : What was found]")[2].partition("TASK [")[0]
    lines = json.loads(shown[shown.index("{") :])["msg"]
    summary = [line for line in lines if not line.startswith("Report: ")]
    assert "Audit of 42 racks" in summary[0]
    assert 20 < len(summary) <= 25
    assert len(lines) - len(summary) == 5


def test_the_exit_status_follows_the_policy(audit: Audit) -> None:
    """The other one ended with 0, and has findings of low severity."""
    said = " ".join(audit.output.split())
    counts = audit.report["summary"]["by_severity"]
    assert f"(fail_on: high) by open findings: {counts['critical']} critical, {counts['high']} high." in said
    assert str(audit.dest) in said


def test_the_summary_is_an_artifact(audit: Audit) -> None:
    text = audit.output.partition("CUSTOM STATS:")[2]
    kept = json.JSONDecoder().raw_decode(text[text.index("{") :])[0]["convox_audit"]
    assert kept["summary"] == audit.report["summary"]
    assert kept["sha256"] == hashlib.sha256(audit.dest.read_bytes()).hexdigest()
    assert [each["id"] for each in kept["findings"]] == [each["id"] for each in audit.report["findings"] if not each["accepted"]][:20]
    assert set(kept["findings"][0]) == {"id", "severity", "subject", "what", "playbook"}
    assert len(json.dumps(kept)) < 10_000
