# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""An instance key whose pair EC2 does not know."""

from __future__ import annotations

import typing as t

from ansible_collections.convox.credentials.plugins.module_utils.audit_evidence import Evidence
from ansible_collections.convox.credentials.plugins.module_utils.audit_finding import ROLL_INSTANCES, Finding, Kind
from ansible_collections.convox.credentials.plugins.module_utils.audit_policy import Policy

KIND = Kind(
    id="instance_key_age_unknown",
    severity="low",
    title="Instance key of unknown age",
    why="EC2 has no such pair, or no date for it. If it is gone, no new instance of the rack can start.",
    mend="Roll the instance key.",
    playbook=ROLL_INSTANCES,
)


def find(seen: Evidence, policy: Policy) -> t.Iterator[Finding]:
    for rack in seen.racks:
        if rack.instances and rack.instances.pair and not rack.instances.pair_made_at:
            yield KIND.of(rack, f"EC2 does not know when its pair {rack.instances.pair} was made", pair=rack.instances.pair)
