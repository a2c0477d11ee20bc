# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""A certificate that is over soon, or over."""

from __future__ import annotations

import typing as t

from ansible_collections.convox.credentials.plugins.module_utils.audit_evidence import Evidence, days
from ansible_collections.convox.credentials.plugins.module_utils.audit_finding import Finding, Kind
from ansible_collections.convox.credentials.plugins.module_utils.audit_policy import Policy

KIND = Kind(
    id="certificate_expiring",
    severity="medium",
    title="Certificate that expires",
    why="When it is over nobody who verifies can reach the rack.",
    mend="Renew it; where it is pinned, pin the new one.",
)


def find(seen: Evidence, policy: Policy) -> t.Iterator[Finding]:
    for rack in seen.racks:
        end = rack.certificate.expires_at if rack.certificate else None
        if end and -seen.age(end) < policy.expires_within:
            left = -seen.age(end)
            yield KIND.of(rack, f"its certificate expires in {days(left)}" if left > 0 else f"its certificate expired on {end}", expires_at=end)
