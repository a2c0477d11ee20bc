# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""A Console whose own copy of a rack's key is dead (convox-protocol 6.3)."""

from __future__ import annotations

import typing as t

from ansible_collections.convox.credentials.plugins.module_utils.audit_evidence import COPY_STALE, Evidence
from ansible_collections.convox.credentials.plugins.module_utils.audit_finding import ROLL_RACKS, Finding, Kind
from ansible_collections.convox.credentials.plugins.module_utils.audit_policy import Policy

KIND = Kind(
    id="console_copy_stale",
    severity="high",
    title="Stale key in the Console",
    why="Whoever works with the rack through the Console is locked out.",
    mend="Run rotate_rack_keys for it with convox_console_sync=reimport, or enter the rack's present key in its settings at the Console.",
    playbook=ROLL_RACKS,
    mend_by_hand="Enter the rack's present key in its settings at the Console.",
)


def find(seen: Evidence, policy: Policy) -> t.Iterator[Finding]:
    for rack in seen.racks:
        if rack.console_copy == COPY_STALE:
            yield KIND.of(rack, f"it refuses the copy of its key that {rack.found.console} has", console=rack.found.console)
