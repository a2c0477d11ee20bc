# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""A rack whose certificate nobody vouches for, and that is not pinned."""

from __future__ import annotations

import typing as t

from ansible_collections.convox.credentials.plugins.module_utils.audit_evidence import UNVERIFIED, Evidence
from ansible_collections.convox.credentials.plugins.module_utils.audit_finding import LOGIN, Finding, Kind
from ansible_collections.convox.credentials.plugins.module_utils.audit_policy import Policy

KIND = Kind(
    id="certificate_unverified",
    severity="high",
    title="Certificate that can't be verified",
    why="Anybody between can take the key of whoever talks to it without verifying, as the CLI does.",
    mend="Reach it by its rack-domain; else name its CA (ca_path), or compare its certificate at the server and pin it: tls_fingerprint=accept_new.",
    playbook=LOGIN,
)


def find(seen: Evidence, policy: Policy) -> t.Iterator[Finding]:
    for rack in seen.racks:
        if rack.certificate and rack.certificate.state == UNVERIFIED:
            own = ", which its API makes anew at each start," if rack.certificate.own else ""
            can_t = f"its certificate{own} can't be verified and is not pinned; no key was sent"
            was_not = f"its certificate{own} was not verified; keys were sent all the same (validate_certs: false)"
            yield KIND.of(rack, was_not if rack.certificate.sent else can_t, sha256=rack.certificate.fingerprint)
