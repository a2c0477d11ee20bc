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
    mend="Reach it by its rack-domain, or pin its certificate: tls_fingerprint.",
    playbook=LOGIN,
)


def find(seen: Evidence, policy: Policy) -> t.Iterator[Finding]:
    for rack in seen.racks:
        if rack.certificate and rack.certificate.state == UNVERIFIED:
            own = ", which its API makes anew at each start" if rack.certificate.own else ""
            sent = "no key was sent" if rack.answered is False else "keys were sent all the same (validate_certs: false)"
            yield KIND.of(rack, f"its certificate can't be verified and is not pinned{own}; {sent}", sha256=rack.certificate.fingerprint)
