# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""A ledger that is not as it was written."""

from __future__ import annotations

import typing as t

from ansible_collections.convox.credentials.plugins.module_utils.audit_evidence import Evidence, words
from ansible_collections.convox.credentials.plugins.module_utils.audit_finding import Finding, Kind
from ansible_collections.convox.credentials.plugins.module_utils.audit_policy import Policy

KIND = Kind(
    id="ledger_damaged",
    severity="high",
    title="Damaged ledger",
    why="It is no evidence of what was rolled any more. If only its last line is cut, a run may have died there; the next roll mends that.",
    mend="Compare it with a copy (ledger_info shows the places), find out who can write it, then put the copy back or begin a new one.",
)


def find(seen: Evidence, policy: Policy) -> t.Iterator[Finding]:
    for ledger in seen.ledgers:
        if not ledger.whole:
            yield KIND.about(ledger.path, f"it is not whole: {words(ledger.damage, 2)}", damage=list(ledger.damage))
