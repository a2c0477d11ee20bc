# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""A rack that answers and refuses every key that is known of it."""

from __future__ import annotations

import typing as t

from ansible_collections.convox.credentials.plugins.module_utils.audit_evidence import Evidence
from ansible_collections.convox.credentials.plugins.module_utils.audit_finding import ROLL_RACKS, Finding, Kind
from ansible_collections.convox.credentials.plugins.module_utils.audit_policy import Policy

KIND = Kind(
    id="rack_key_missing",
    severity="high",
    title="No working key is known",
    why="Nobody who was asked can work with the rack, or roll its key by its API.",
    mend="Roll it by CloudFormation, with stack_name and region: convox_method=cloudformation.",
    playbook=ROLL_RACKS,
    mend_by_hand="Read it where the rack's Terraform state is (random_string.password), and log in with it.",
)


def find(seen: Evidence, policy: Policy) -> t.Iterator[Finding]:
    for rack in seen.racks:
        if rack.lost:
            asked = [asked for asked in rack.asked if asked.key]
            what = f"it refuses all {len(asked)} keys that it was asked with" if len(asked) > 1 else "it refuses the only key that is known of it"
            yield KIND.of(rack, what, where=sorted({login.where for login in rack.logins}))
