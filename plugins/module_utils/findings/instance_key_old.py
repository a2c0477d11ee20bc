# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""An instance key that is older than the policy allows."""

from __future__ import annotations

import typing as t

from ansible_collections.convox.credentials.plugins.module_utils import records
from ansible_collections.convox.credentials.plugins.module_utils.audit_evidence import Evidence, too_old
from ansible_collections.convox.credentials.plugins.module_utils.audit_finding import ROLL_INSTANCES, Finding, Kind
from ansible_collections.convox.credentials.plugins.module_utils.audit_policy import Policy

KIND = Kind(
    id="instance_key_old",
    severity="medium",
    title="Old instance key",
    why="Who ever had the private key can log into the instances.",
    mend="Roll the instance key.",
    playbook=ROLL_INSTANCES,
)


def find(seen: Evidence, policy: Policy) -> t.Iterator[Finding]:
    for rack in seen.racks:
        made, most = rack.instances and rack.instances.pair_made_at, policy.max_age(records.INSTANCE_KEY, rack.label, rack.id)
        if rack.instances and made and seen.age(made) > most:
            what = f"its pair {rack.instances.pair} is {too_old(seen.age(made), most)}"
            yield KIND.of(rack, what, pair=rack.instances.pair, made_at=made)
