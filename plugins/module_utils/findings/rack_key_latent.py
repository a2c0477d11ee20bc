# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""A changed key that the API has not taken up: it locks everybody out when a container next starts (convox-protocol 3.2)."""

from __future__ import annotations

import typing as t

from ansible_collections.convox.credentials.plugins.module_utils.audit_evidence import Evidence
from ansible_collections.convox.credentials.plugins.module_utils.audit_finding import ROLL_RACKS, Finding, Kind
from ansible_collections.convox.credentials.plugins.module_utils.audit_policy import Policy

KIND = Kind(
    id="rack_key_latent",
    severity="critical",
    title="Latent Rack API key",
    why="The next restart of the rack's API, whatever its cause, brings another key into force, and who has the present one is locked out.",
    mend="Restart nothing. Roll the rack's key with convox_max_age=0s: that brings a new one into force, proves it and hands it to the stores.",
    playbook=ROLL_RACKS,
)


def find(seen: Evidence, policy: Policy) -> t.Iterator[Finding]:
    for rack in seen.racks:
        stored = rack.stored
        if not rack.latent or not stored:
            continue
        what = f"the key that its stack holds since {stored.modified_at} is not the one in force; the next restart of its API makes it so"
        if rack.in_doubt:
            what = f"its API runs since {stored.oldest_task}, and its stack's key was changed at {stored.modified_at}; the next restart takes that one up"
        yield KIND.of(
            rack,
            what,
            in_force=rack.in_force.fingerprint if rack.in_force else None,
            latent=stored.key.fingerprint if stored.key else None,
            changed_at=stored.modified_at,
            running_since=stored.oldest_task,
        )
