# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""The audit's report as CSV (RFC 4180): a line a finding, accepted ones too, below a line of column names. Pure.

Names of racks, people and files come from others, and a spreadsheet runs a cell that begins with ``=``, ``+``, ``-`` or ``@`` as a
formula. So such a cell gets a ``'`` put before it, by which spreadsheets know text, also where spaces or a ``'`` are before the sign
already. What follows a ``;`` is treated alike, for where that is the separator it is a cell of its own. A program that reads the
file takes one ``'`` off at these places. Tabs and ends of lines, with which formulas can begin too, are shown by their code
(``\\u000d``), so that each line of the file is a finding.
"""

from __future__ import annotations

import csv
import io
import json
import re
import typing as t

from ansible_collections.convox.credentials.plugins.module_utils.report_text import plain, racks_of

# Programs go by these names: they stay, and new ones come last.
COLUMNS = (
    *("audited_at", "severity", "id", "subject", "rack", "title", "what", "why", "mend", "playbook"),
    *("status", "accepted_by", "accepted_until", "accepted_reason", "change", "evidence", "key"),
)
# The wide ones of East Asian keyboards are formulas, too; spaces before them do not help.
_FORMULA = re.compile(r"(?:^|(?<=;))(?=[\s']*[=+\-@\uff1d\uff0b\uff0d\uff20])")


def render(report: t.Mapping[str, t.Any]) -> str:
    """Columns: ``status`` is open or accepted; ``change`` is new or open where the report was compared; ``evidence`` is JSON.

    ``rack`` has all racks that it is about, with commas between.
    """
    told = plain(report)
    changes = {key: name for name in ("new", "open") for key in (told["changes"] or {}).get(name, ())}
    file = io.StringIO(newline="")
    writer = csv.writer(file, quoting=csv.QUOTE_ALL)
    writer.writerow(COLUMNS)
    for finding in told["findings"]:
        cells = _cells(finding, told["at"], changes.get(finding["key"]))
        writer.writerow([_FORMULA.sub("'", cells[name] or "") for name in COLUMNS])
    return file.getvalue()


def _cells(finding: t.Mapping[str, t.Any], at: str, change: str | None) -> dict[str, str | None]:
    accepted = finding["accepted"] or {}
    return {
        **finding,
        "rack": ", ".join(racks_of(finding)),
        "audited_at": at,
        "status": "accepted" if accepted else "open",
        "accepted_by": accepted.get("owner"),
        "accepted_until": accepted.get("until"),
        "accepted_reason": accepted.get("reason"),
        "change": change,
        "evidence": json.dumps(finding["evidence"], ensure_ascii=False, sort_keys=True),
    }
