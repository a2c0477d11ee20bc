# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""A rack that shows another certificate than the pinned one."""

from __future__ import annotations

import typing as t

from ansible_collections.convox.credentials.plugins.module_utils.audit_evidence import CHANGED, Evidence
from ansible_collections.convox.credentials.plugins.module_utils.audit_finding import Finding, Kind
from ansible_collections.convox.credentials.plugins.module_utils.audit_policy import Policy

KIND = Kind(
    id="certificate_changed",
    severity="high",
    title="Another certificate than the pinned one",
    why="It was renewed, or somebody stands between.",
    mend="Find out which; compare the new one at the server, then put it where the old one is, by hand: accept_new never replaces a pin.",
)


def find(seen: Evidence, policy: Policy) -> t.Iterator[Finding]:
    for rack in seen.racks:
        shown = rack.certificate
        if shown and shown.state == CHANGED:
            yield KIND.of(
                rack, "it shows another certificate than the pinned one; no key was sent", sha256=shown.fingerprint, pinned_sha256=shown.pinned
            )
