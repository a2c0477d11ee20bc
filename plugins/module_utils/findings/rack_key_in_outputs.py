# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""A rack in development mode shows its key in its stack's outputs (convox-protocol 3)."""

from __future__ import annotations

import typing as t

from ansible_collections.convox.credentials.plugins.module_utils.audit_evidence import Evidence
from ansible_collections.convox.credentials.plugins.module_utils.audit_finding import ROLL_RACKS, Finding, Kind
from ansible_collections.convox.credentials.plugins.module_utils.audit_policy import Policy

KIND = Kind(
    id="rack_key_in_outputs",
    severity="high",
    title="Key in the stack's outputs",
    why="Who may describe stacks, as many read-only roles may, reads the key.",
    mend="Set the rack's parameter Development to No, then roll its key.",
    playbook=ROLL_RACKS,
)


def find(seen: Evidence, policy: Policy) -> t.Iterator[Finding]:
    for rack in seen.racks:
        if rack.key_in_outputs:
            yield KIND.of(rack, "its stack's output Password holds the key (development mode)")
