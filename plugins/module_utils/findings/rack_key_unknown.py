# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""A rack that answers, and of which the audit was given no key: what is unknown of it is not good."""

from __future__ import annotations

import typing as t

from ansible_collections.convox.credentials.plugins.module_utils.audit_evidence import Evidence
from ansible_collections.convox.credentials.plugins.module_utils.audit_finding import Finding, Kind
from ansible_collections.convox.credentials.plugins.module_utils.audit_policy import Policy

KIND = Kind(
    id="rack_key_unknown",
    severity="low",
    title="Rack of which no key was seen",
    why="Whether its key is in force, latent or older than the policy allows, nobody can show.",
    mend="Log into it, name the store that has its key, or let the audit read it in SSM; else accept that its key is not audited from here.",
)


def find(seen: Evidence, policy: Policy) -> t.Iterator[Finding]:
    for rack in seen.racks:
        if rack.keyless:
            who = "its stack" if rack.backed else rack.found.console or "its host"
            what = f"{who} is known, and nobody who was asked has a key of it"
            if rack.kept_unseen:
                what = "a secret of AWS has its key, which an audit does not read"
            yield KIND.of(rack, what, ssm_changed_at=rack.stored.modified_at if rack.stored else None)
