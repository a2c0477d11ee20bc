# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""A Rack API key that is older than the policy allows."""

from __future__ import annotations

import typing as t

from ansible_collections.convox.credentials.plugins.module_utils import records
from ansible_collections.convox.credentials.plugins.module_utils.audit_evidence import Evidence, days, too_old
from ansible_collections.convox.credentials.plugins.module_utils.audit_finding import ROLL_RACKS, Finding, Kind
from ansible_collections.convox.credentials.plugins.module_utils.audit_policy import Policy

KIND = Kind(
    id="rack_key_old",
    severity="high",
    title="Old Rack API key",
    why="The longer a key is in use, the more people, machines and logs have seen it.",
    mend="Roll the rack's key.",
    playbook=ROLL_RACKS,
)


def find(seen: Evidence, policy: Policy) -> t.Iterator[Finding]:
    for rack in seen.racks:
        made, most = rack.made, policy.max_age(records.RACK_API_KEY, rack.label, rack.id)
        if made and seen.age(made.at) > most:
            what = f"its key is {too_old(seen.age(made.at), most, made.exact)}"
            yield KIND.of(rack, what, made_at=made.at, known_by=made.by, max_age=days(most))
