# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""The audit's report as JUnit XML, which CI servers show as tests. Pure.

A test for each rack, and one for each other subject that has findings: Consoles, accounts, people, files, sources. It fails where
an open finding is as severe as the policy's ``fail_on``; other findings are its output. No schema is official: this keeps to what
Jenkins, GitLab and the readers for GitHub have in common. Of several failures in a test they show one, so there is only one. The
time stamp is in UTC, and has no zone, as Ant writes it.
"""

from __future__ import annotations

import typing as t
import xml.etree.ElementTree as ET

from ansible_collections.convox.credentials.plugins.module_utils.audit_policy import SEVERITIES, fails
from ansible_collections.convox.credentials.plugins.module_utils.report_text import borne, plain, racks_of

_Finding = t.Mapping[str, t.Any]
_RACKS, _OTHERS = "convox.credentials.racks", "convox.credentials.others"


def render(report: t.Mapping[str, t.Any]) -> str:
    """XML 1.0, UTF-8."""
    told = plain(report)
    cases = [_case(classname, name, findings, told["policy"]["fail_on"]) for (classname, name), findings in _tests(told).items()]
    failures = sum(case.find("failure") is not None for case in cases)
    counts = {"tests": str(len(cases)), "failures": str(failures), "errors": "0", "time": f"{told['seconds']:.3f}"}
    root = ET.Element("testsuites", {"name": told["made_by"], **counts})
    suite = ET.SubElement(root, "testsuite", {"name": "credential audit", **counts, "skipped": "0", "timestamp": told["at"].rstrip("Z")})
    ET.SubElement(ET.SubElement(suite, "properties"), "property", {"name": "fail_on", "value": told["policy"]["fail_on"]})
    suite.extend(cases)
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _tests(told: t.Mapping[str, t.Any]) -> dict[tuple[str, str], list[_Finding]]:
    """Each test's findings, by its class and name. Of two with one name GitLab drops one, so they are one test."""
    # A rack's credentials and findings call it as people do.
    labels = {each["rack"]: each["subject"] for each in (*told["credentials"], *told["findings"])}
    names = {rack["id"]: _name(labels.get(rack["id"], rack["id"]), rack["id"]) for rack in told["racks"]}
    tests: dict[tuple[str, str], list[_Finding]] = {(_RACKS, name): [] for name in names.values()}
    for finding in told["findings"]:
        # What is about several is told in the test of each.
        those = dict.fromkeys((_RACKS, names[rack]) for rack in racks_of(finding) if rack in names)
        for test in those or [(_OTHERS, finding["subject"])]:
            tests.setdefault(test, []).append(finding)
    return tests


def _name(label: str, rack: str) -> str:
    return label if label == rack else f"{label} ({rack})"


def _case(classname: str, name: str, findings: t.Sequence[_Finding], fail_on: str) -> ET.Element:
    case = ET.Element("testcase", {"name": name, "classname": classname, "time": "0"})
    failed: list[_Finding] = []
    others: list[_Finding] = []
    for finding in findings:
        (failed if finding["accepted"] is None and fails(fail_on, finding["severity"]) else others).append(finding)
    if failed:
        worst = min(failed, key=lambda finding: SEVERITIES.index(finding["severity"]))
        ET.SubElement(case, "failure", {"message": worst["what"], "type": worst["id"]}).text = "\n\n".join(map(_explained, failed))
    if others:
        # GitLab would make links of [[ATTACHMENT|...]].
        ET.SubElement(case, "system-out").text = "\n".join(map(_line, others)).replace("[[", "[ [")
    return case


def _line(finding: _Finding) -> str:
    said = f"{finding['severity']} {finding['id']}: {finding['what']}"
    return f"{said} ({borne(finding['accepted'])})" if finding["accepted"] else said


def _explained(finding: _Finding) -> str:
    lines = [_line(finding), f"Why: {finding['why']}", f"Mend: {finding['mend']}"]
    return "\n".join([*lines, f"Playbook: {finding['playbook']}"] if finding["playbook"] else lines)
