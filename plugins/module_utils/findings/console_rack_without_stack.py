# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""A rack at a Console that is in none of the accounts and regions that were asked."""

from __future__ import annotations

import typing as t

from ansible_collections.convox.credentials.plugins.module_utils.audit_evidence import Evidence
from ansible_collections.convox.credentials.plugins.module_utils.audit_finding import Finding, Kind
from ansible_collections.convox.credentials.plugins.module_utils.audit_policy import Policy

KIND = Kind(
    id="console_rack_without_stack",
    severity="medium",
    title="Console rack without a stack",
    why="It is in an account that nobody audits, or it is gone and the Console keeps its key.",
    mend="Add its account and region to the audit. If it is gone, take it off the Console, which uninstalls it where it holds its Terraform state: look first.",
)


def find(seen: Evidence, policy: Policy) -> t.Iterator[Finding]:
    for rack in seen.racks:
        if rack.listed and rack.backed is False:
            yield KIND.of(rack, f"{rack.found.console} lists it, and no stack in the accounts and regions that were asked is it")
