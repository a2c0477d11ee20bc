# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""The audit's report as a page for people: the JSON document in, one HTML file out that needs nothing beside it. Pure.

All of it is there without JavaScript; the script sorts, filters and opens. What the document says, which others may have
chosen, is only ever text: it is escaped, no script or style holds any of it, and the page allows none but its own two.
"""

from __future__ import annotations

import base64
import hashlib
import typing as t

from ansible_collections.convox.credentials.plugins.module_utils.report_page.findings import changes, findings
from ansible_collections.convox.credentials.plugins.module_utils.report_page.lists import credentials, racks, sources
from ansible_collections.convox.credentials.plugins.module_utils.report_page.script import SCRIPT
from ansible_collections.convox.credentials.plugins.module_utils.report_page.style import STYLE
from ansible_collections.convox.credentials.plugins.module_utils.report_page.summary import summary
from ansible_collections.convox.credentials.plugins.module_utils.report_page.text import moment, number, text


def _hash(source: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()}'"


# The empty icon is for browsers that ask for one unless told.
_POLICY = f"default-src 'none'; style-src {_hash(STYLE)}; script-src {_hash(SCRIPT)}; img-src data:; base-uri 'none'; form-action 'none'"


def render(report: t.Mapping[str, t.Any]) -> str:
    """``report``: as docs/schemas/report-1.json says."""
    places = {each["key"]: place for place, each in enumerate(report["findings"])}
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<link rel="icon" href="data:,">
<title>Credential audit, {text(report["at"][:10])}</title>
<style>{STYLE}</style>
</head>
<body>
<a class="skip" href="#racks">Go to the racks</a>
{_top(report)}
<main>
{summary(report)}
{racks(report, places)}
{findings(report, places)}
{changes(report, places)}
{credentials(report)}
{sources(report)}
</main>
<footer>Made {moment(report["at"])} by {text(report["made_by"])}.
No key is in this report: a fingerprint is the first 12 hex digits of a key&rsquo;s SHA-256.</footer>
<script>{SCRIPT}</script>
</body>
</html>
"""


def _top(report: t.Mapping[str, t.Any]) -> str:
    counts = {name: len(report[name]) for name in ("racks", "findings", "credentials", "sources")}
    links = "".join(f'<li><a href="#{name}">{name.capitalize()} <small>{number(count)}</small></a>' for name, count in counts.items())
    more = '<li><a href="#changes">Changes</a>' if report["changes"] else ""
    parts = f'<nav aria-label="Parts of the report"><ul>{links}{more}</ul></nav>'
    return f'<header class="top"><a class="brand" href="#summary">Credential audit</a>{parts}</header>'
