# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""Pairs of former keyrolls that nothing uses and EC2 still keeps (convox-protocol 3.3)."""

from __future__ import annotations

import typing as t

from ansible_collections.convox.credentials.plugins.module_utils.audit_evidence import Evidence, words
from ansible_collections.convox.credentials.plugins.module_utils.audit_finding import ROLL_INSTANCES, Finding, Kind
from ansible_collections.convox.credentials.plugins.module_utils.audit_policy import Policy

KIND = Kind(
    id="key_pair_left",
    severity="low",
    title="Superseded key pairs in EC2",
    why="Each keyroll leaves one; they hide which pair is in use, and an instance could be started with one.",
    mend="Prune them with a roll of the instance key: convox_prune=true convox_max_age=0s.",
    playbook=ROLL_INSTANCES,
)


def find(seen: Evidence, policy: Policy) -> t.Iterator[Finding]:
    for rack in seen.racks:
        if rack.instances and rack.instances.left:
            left = rack.instances.left
            yield KIND.of(rack, f"superseded pairs that are left in EC2: {words(left)}", pairs=list(left))
