# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""Keys that ECS task definitions carry in clear (convox-protocol 4.4)."""

from __future__ import annotations

import typing as t

from ansible_collections.convox.credentials.plugins.module_utils.audit_evidence import Evidence, words
from ansible_collections.convox.credentials.plugins.module_utils.audit_finding import Finding, Kind
from ansible_collections.convox.credentials.plugins.module_utils.audit_policy import Policy

KIND = Kind(
    id="rack_key_in_task_definition",
    severity="low",
    title="Keys readable in task definitions",
    why="Who has ecs:DescribeTaskDefinition reads the key out of the monitor's environment, and former ones out of old revisions.",
    mend="Deny ecs:DescribeTaskDefinition to roles that do not need it; then accept this finding.",
)


def find(seen: Evidence, policy: Policy) -> t.Iterator[Finding]:
    for account in seen.accounts:
        if account.defined:
            names = account.defined
            yield KIND.about(account.label, f"task definitions carry the keys of {len(names)} racks in clear: {words(names)}", racks=list(names))
