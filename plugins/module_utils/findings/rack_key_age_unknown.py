# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""A Rack API key in force of which nobody knows when it was made: SSM's date alone is that of a rollback, too."""

from __future__ import annotations

import typing as t

from ansible_collections.convox.credentials.plugins.module_utils import records
from ansible_collections.convox.credentials.plugins.module_utils.audit_evidence import DAY, Evidence, days
from ansible_collections.convox.credentials.plugins.module_utils.audit_finding import ROLL_RACKS, Finding, Kind
from ansible_collections.convox.credentials.plugins.module_utils.audit_policy import Policy

KIND = Kind(
    id="rack_key_age_unknown",
    severity="low",
    title="Rack API key of unknown age",
    why="Neither a store nor the ledger has noted when the key was made, so nobody can show that it is within the policy.",
    mend="Roll the rack's key; from then on its age is known.",
    playbook=ROLL_RACKS,
    mend_by_hand="Terraform made it, and no store notes when. Accept this where somebody knows it; `terraform apply -replace=` makes a new key.",
)


def find(seen: Evidence, policy: Policy) -> t.Iterator[Finding]:
    for rack in seen.racks:
        made, most = rack.made, policy.max_age(records.RACK_API_KEY, rack.label, rack.id)
        if rack.in_force is None or (made and (made.exact or seen.age(made.at) > most)):
            continue
        least = f"; SSM says at least {days(seen.age(made.at))}" if made and seen.age(made.at) >= DAY else ""
        yield KIND.of(rack, f"nobody has noted when its key was made{least}", fingerprint=rack.in_force.fingerprint, at_least_since=made.at if made else None)
