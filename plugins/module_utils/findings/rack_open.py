# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""A rack whose own key is empty takes any (convox-protocol 3)."""

from __future__ import annotations

import typing as t

from ansible_collections.convox.credentials.plugins.module_utils.audit_evidence import Evidence
from ansible_collections.convox.credentials.plugins.module_utils.audit_finding import Finding, Kind
from ansible_collections.convox.credentials.plugins.module_utils.audit_policy import Policy

KIND = Kind(
    id="rack_open",
    severity="critical",
    title="Rack that takes any key",
    why="Everybody who reaches its address can deploy to it, read its secrets and run commands in it.",
    mend="Close the way to it, give it a key in CloudFormation, restart its API; then roll that key. A roll alone is refused.",
)


def find(seen: Evidence, policy: Policy) -> t.Iterator[Finding]:
    for rack in seen.racks:
        if rack.open:
            yield KIND.of(rack, "it accepted a key that was made up for this question: it takes any")
