# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""The HTML report's first screen: how the fleet stands, in a sentence, in numbers and drawn. Pure."""

from __future__ import annotations

import typing as t

from ansible_collections.convox.credentials.plugins.module_utils.audit_evidence import ANSWERED
from ansible_collections.convox.credentials.plugins.module_utils.audit_policy import NEVER, SEVERITIES
from ansible_collections.convox.credentials.plugins.module_utils.report_page.chart import chart
from ansible_collections.convox.credentials.plugins.module_utils.report_page.text import (
    Report,
    badge,
    length,
    limit,
    many,
    moment,
    number,
    rank,
    text,
)

# Sources that did not tell all; who wants to know of more looks into their table.
_SHOWN = 3
_SIGNS = {
    "failed": '<path d="m10 10 12 12m0-12-12 12"/>',
    "passed": '<path d="m9 16.5 5 5 9-11"/>',
    "told": '<path d="M16 14.5v8m0-13.5v.01"/>',
}


def summary(report: Report) -> str:
    return (
        f'<section id="summary" aria-labelledby="verdict">{_verdict(report)}{_numbers(report)}<div class="both"><div class="card">'
        f'<h2 id="ages-title">Ages of the keys in force <small>as a share of what the policy allows</small></h2>{chart(report)}</div>'
        f'<div class="card side">{_changes(report)}{_sources(report)}{_policy(report)}</div></div></section>'
    )


# -- in a sentence ------------------------------------------------------------------------------------------------
def _verdict(report: Report) -> str:
    counts, fail_on = report["summary"], report["policy"]["fail_on"]
    how = "told" if fail_on == NEVER else "failed" if counts["failed"] else "passed"
    sign = f'<svg class="sign" width="44" height="44" viewBox="0 0 32 32" aria-hidden="true"><circle cx="16" cy="16" r="15"/>{_SIGNS[how]}</svg>'
    verdict = {"told": "the policy lets nothing fail", "failed": "the audit fails", "passed": "the audit passes"}[how]
    return (
        f'<div class="verdict {how}">{sign}<div><h1 id="verdict">{_racks(counts)}: {verdict}.</h1><p>{_reason(counts, fail_on)} '
        f'<span class="made">Made {moment(report["at"])}, asked in {length(report["seconds"])}.</span></p></div></div>'
    )


def _racks(counts: t.Mapping[str, t.Any]) -> str:
    racks, clean = counts["racks"], counts["racks_clean"]
    if not racks:
        return "No racks were seen"
    return f"{many(racks, 'rack')}, {'none' if not clean else number(clean) if clean < racks else 'all' if racks > 1 else 'and it is'} clean"


def _reason(counts: t.Mapping[str, t.Any], fail_on: str) -> str:
    if fail_on == NEVER:
        return f"{many(counts['open'], 'open finding')}; fail_on is never."
    worse = _worse(fail_on)
    failing = sum(counts["by_severity"][severity] for severity in SEVERITIES[: SEVERITIES.index(fail_on) + 1])
    if not failing:
        return f"No open finding is {worse}, from which on the policy would fail."
    return f"{many(failing, 'open finding')} {'is' if failing == 1 else 'are'} {worse}, from which on the policy fails."


def _worse(fail_on: str) -> str:
    return fail_on if fail_on == SEVERITIES[0] else f"{fail_on} or worse"


# -- in numbers ---------------------------------------------------------------------------------------------------
def _numbers(report: Report) -> str:
    counts = report["summary"]
    share = counts["racks_clean"] / counts["racks"] if counts["racks"] else 0
    meter = f'<svg class="meter" height="6" aria-hidden="true"><rect width="100%" height="6" rx="3"/><rect width="{share:.2%}" height="6" rx="3"/></svg>'
    clean = f'<li><a href="#racks"><b>{number(counts["racks_clean"])}<small> of {number(counts["racks"])}</small></b><span>racks clean</span>{meter}</a>'
    found = "".join(_severity(severity, counts["by_severity"][severity]) for severity in SEVERITIES)
    accepted = f'<li{" class=none" if not counts["accepted"] else ""}><a href="#accepted"><b>{number(counts["accepted"])}</b><span>accepted</span></a>'
    return f'<ul class="numbers">{clean}{found}{accepted}</ul>'


def _severity(severity: str, count: int) -> str:
    none = " class=none" if not count else ""
    return f'<li{none}><a href="#findings" data-severity="{rank(severity)}"><b>{number(count)}</b>{badge(severity)}</a>'


# -- beside the chart ---------------------------------------------------------------------------------------------
def _changes(report: Report) -> str:
    changes = report["changes"]
    if changes is None:
        return "<h2>Changes</h2><p>No earlier report was compared.</p>"
    told = (("new", "new"), ("open", "still open"), ("mended", "mended"), ("unknown", "unknown"))
    counts = "".join(f'<li class="{name}"><b>{number(len(changes[name]))}</b> {word}' for name, word in told)
    return f'<h2>Since {moment(changes["since"])}</h2><ul class="changed">{counts}</ul><p><a href="#changes">What changed</a>'


def _sources(report: Report) -> str:
    sources = report["sources"]
    poor = [each for each in sources if each["state"] != ANSWERED]
    if not sources:
        return "<h2>Sources</h2><p>None was asked.</p>"
    if not poor:
        said = "It answered in full." if len(sources) == 1 else f"All {number(len(sources))} answered in full."
    else:
        said = f"{number(len(sources) - len(poor))} of {number(len(sources))} answered in full."
    shown = "".join(f"<li><b>{text(each['kind'])} {text(each['subject'])}</b> {_STATES[each['state']]}: {text(each['said'])}" for each in poor[:_SHOWN])
    more = f"<li>and {number(len(poor) - _SHOWN)} more" if len(poor) > _SHOWN else ""
    return f'<h2>Sources</h2><p>{said} <a href="#sources">All sources</a>{f"""<ul class="poor">{shown}{more}</ul>""" if poor else ""}'


_STATES = {"partly": "told only a part", "silent": "did not answer"}


def _policy(report: Report) -> str:
    policy = report["policy"]
    return (
        f"<h2>Policy</h2><p>{_fails_on(policy['fail_on'])} A key of a person may lie unused for {limit(policy['max_unused_days'])}. "
        f"Certificates are told of {limit(policy['expires_within_days'])} before they end."
    )


def _fails_on(fail_on: str) -> str:
    return "It fails on nothing." if fail_on == NEVER else f"It fails on what is {_worse(fail_on)}."
