# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""Files of keys that can't be read whole, as the CLI leaves them when it is killed (convox-protocol 2)."""

from __future__ import annotations

import typing as t

from ansible_collections.convox.credentials.plugins.module_utils.audit_evidence import Evidence
from ansible_collections.convox.credentials.plugins.module_utils.audit_finding import Finding, Kind
from ansible_collections.convox.credentials.plugins.module_utils.audit_policy import Policy

KIND = Kind(
    id="file_damaged",
    severity="high",
    title="Damaged file of keys",
    why="The CLI takes an empty file for one without logins, and the next login drops all that were in it.",
    mend="Restore it from a copy, or complete it by hand, before anybody logs in.",
)


def find(seen: Evidence, policy: Policy) -> t.Iterator[Finding]:
    for file in seen.files:
        if file.damage:
            yield KIND.about(file.path, file.damage.removeprefix(f"{file.path}: "))
