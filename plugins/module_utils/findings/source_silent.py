# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""A source that was to be asked and did not tell, or not all."""

from __future__ import annotations

import typing as t

from ansible_collections.convox.credentials.plugins.module_utils.audit_evidence import PARTLY, SILENT, Evidence
from ansible_collections.convox.credentials.plugins.module_utils.audit_finding import Finding, Kind
from ansible_collections.convox.credentials.plugins.module_utils.audit_policy import Policy

KIND = Kind(
    id="source_silent",
    severity="medium",
    title="Source that did not answer",
    why="What only it could have told is unknown, and counts as neither good nor bad.",
    mend="See to what the message says, then audit again; or leave the source out.",
)


def find(seen: Evidence, policy: Policy) -> t.Iterator[Finding]:
    for source in seen.sources:
        if source.state in (SILENT, PARTLY):
            yield KIND.about(f"{source.kind} {source.subject}".strip(), source.said, state=source.state)
