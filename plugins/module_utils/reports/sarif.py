# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""The audit's report as SARIF 2.1.0, for code scanning and its dashboards. Pure.

Rules are the kinds of findings that this report has, with their severity in its policy: a dashboard asks for the rule of an alert
alone, and so a report says the same whichever release renders it. What is found is no code, and dashboards demand a file: a
finding's is its own path when it is one, else one named after what its key names, which no run changes. With ``compare``, mended
findings are results whose ``baselineState`` is absent; those of which nobody could tell are of the kind open.
"""

from __future__ import annotations

import collections
import hashlib
import json
import typing as t
import urllib.parse

from ansible_collections.convox.credentials.plugins.module_utils.audit_policy import SEVERITIES
from ansible_collections.convox.credentials.plugins.module_utils.report_text import borne, command, plain

REPOSITORY = "https://github.com/convox-credentials/convox.credentials"
_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS = {"critical": "error", "high": "error", "medium": "warning", "low": "note", "info": "note"}
# GitHub reads them as scores of CVSS: over 9 is critical, from 7 on high, from 4 on medium. What is only told has none.
_SCORES = {"critical": "9.5", "high": "8.0", "medium": "5.5", "low": "2.0"}
_NOTICES = {"silent": "error", "partly": "warning"}
_FLEET = "FLEET"
# Of a name in a URI; a key that many racks share names all of them.
_LONGEST = 120
_REGION = ("startLine", "startColumn", "endLine", "endColumn")
_TOLD = ("key", "severity", "subject", "rack", "racks", "playbook", "evidence")

_Item = t.Mapping[str, t.Any]


def render(report: t.Mapping[str, t.Any]) -> str:
    """JSON."""
    told = plain(report)
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [_run(told)]}, indent=2, sort_keys=True) + "\n"


def _run(told: _Item) -> dict[str, t.Any]:
    name, dummy, version = told["made_by"].partition(" ")
    changes = told["changes"] or {"mended": [], "unknown": []}
    kinds: dict[str, list[_Item]] = collections.defaultdict(list)
    for each in (*told["findings"], *changes["mended"], *changes["unknown"]):
        kinds[each["id"]].append(each)
    places = {kind: place for place, kind in enumerate(sorted(kinds))}
    driver = {"name": name, "informationUri": REPOSITORY, "rules": [_rule(kind, kinds[kind]) for kind in places]}
    compared = {"compared_with": {"at": changes["since"], "sha256": changes["sha256"]}} if told["changes"] else {}
    return {
        "tool": {"driver": {**driver, "version": version} if version else driver},
        "invocations": [{"executionSuccessful": True, "endTimeUtc": told["at"], "toolExecutionNotifications": _notices(told)}],
        "originalUriBaseIds": {_FLEET: {"description": {"text": "What was audited; no file of a repository."}}},
        "columnKind": "unicodeCodePoints",
        "results": [{**result, "ruleIndex": places[result["ruleId"]]} for result in _results(told["findings"], told["changes"])],
        "properties": {"policy": told["policy"], "summary": told["summary"], **compared},
    }


def _notices(told: _Item) -> list[dict[str, t.Any]]:
    """Of each source that did not tell all."""
    return [
        {
            "level": _NOTICES[source["state"]],
            "message": {"text": _unlinked(f"{source['kind']} {source['subject']}: {source['said']}")},
            "timeUtc": told["at"],
        }
        for source in told["sources"]
        if source["state"] in _NOTICES
    ]


# -- rules --------------------------------------------------------------------------------------------------------
def _rule(kind: str, found: t.Sequence[_Item]) -> dict[str, t.Any]:
    """A mended finding has no words of its kind: where there are but such, its name and its page have to do."""
    severity = min((each["severity"] for each in found), key=SEVERITIES.index)
    page = f"{REPOSITORY}/blob/main/docs/findings/{kind}.md"
    words = next((each for each in found if "why" in each), None)
    title = words["title"] if words else kind.replace("_", " ").capitalize()
    # On racks of some generations it is mended otherwise.
    ways = dict.fromkeys((each["mend"], command(each)) for each in found if "why" in each)
    mend = list(dict.fromkeys(text for text, dummy in ways))
    typed = next((line for dummy, line in ways if line), None)
    score = {"security-severity": _SCORES[severity]} if severity in _SCORES else {}
    return {
        "id": kind,
        "name": "".join(word.capitalize() for word in kind.split("_")),
        "shortDescription": {"text": title},
        "fullDescription": {"text": words["why"] if words else title},
        "help": {
            "text": " ".join([*mend, *([f"Run: {typed}."] if typed else []), f"See {page}"]),
            "markdown": "\n\n".join([*mend, *([f"`{typed}`"] if typed else []), f"[{title}]({page})"]),
        },
        "helpUri": page,
        "defaultConfiguration": {"level": _LEVELS[severity]},
        "properties": {"tags": ["credentials", "security"], "precision": "high", **score},
    }


# -- results ------------------------------------------------------------------------------------------------------
def _results(findings: t.Sequence[_Item], changes: _Item | None) -> list[dict[str, t.Any]]:
    if changes is None:
        return [_result(each) for each in findings]
    # Of accepted ones compare does not say whether they are new: only those that it calls new are.
    new = set(changes["new"])
    results = [{**_result(each), "baselineState": "new" if each["key"] in new else "unchanged"} for each in findings]
    results += [{**_result(each), "baselineState": "absent"} for each in changes["mended"]]
    return results + [{**_result(each), **_unsure(each)} for each in changes["unknown"]]


def _unsure(each: _Item) -> dict[str, t.Any]:
    """It is not found any more, and it is not mended: an alert of it stays open."""
    said = f"{each['what']} (not found now, but not all who could tell of it have answered)"
    return {"kind": "open", "level": "none", "message": {"text": _unlinked(said)}, "baselineState": "unchanged"}


def _result(told: _Item) -> dict[str, t.Any]:
    identity = told["key"].removeprefix(f"{told['id']}:")
    accepted = told.get("accepted")
    return {
        "ruleId": told["id"],
        "level": _LEVELS[told["severity"]],
        "message": {"text": _unlinked(told["what"])},
        "locations": [
            {
                # GitHub wants the whole region, though there are no lines in a rack.
                "physicalLocation": {"artifactLocation": _artifact(identity), "region": dict.fromkeys(_REGION, 1)},
                "logicalLocations": [{"name": told["subject"], "fullyQualifiedName": identity}],
            }
        ],
        # GitHub goes by this name alone.
        "partialFingerprints": {"primaryLocationLineHash": _digest(told["key"])},
        # All results have it or none, says the standard.
        "suppressions": [{"kind": "external", "status": "accepted", "justification": borne(accepted)}] if accepted else [],
        "properties": {name: told[name] for name in _TOLD if name in told},
    }


def _artifact(identity: str) -> dict[str, str]:
    """``identity``: what a finding's key says beside its kind; a path where it is about a file."""
    if identity.startswith("/"):
        return {"uri": f"file://{urllib.parse.quote(identity)}"}
    name = identity if len(identity) <= _LONGEST else f"{identity[:_LONGEST]}-{_digest(identity)[:12]}"
    return {"uri": f"fleet/{urllib.parse.quote(name, safe=':@')}", "uriBaseId": _FLEET}


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def _unlinked(text: str) -> str:
    """A message's text in which nothing is a link, as ``[here](https://elsewhere)`` would be."""
    return text.replace("](", "\\](")
