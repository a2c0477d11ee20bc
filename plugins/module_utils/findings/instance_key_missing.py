# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""A rack whose instances have no key pair, as after an install (convox-protocol 3.3)."""

from __future__ import annotations

import typing as t

from ansible_collections.convox.credentials.plugins.module_utils.audit_evidence import Evidence
from ansible_collections.convox.credentials.plugins.module_utils.audit_finding import ROLL_INSTANCES, Finding, Kind
from ansible_collections.convox.credentials.plugins.module_utils.audit_policy import Policy

KIND = Kind(
    id="instance_key_missing",
    severity="low",
    title="No instance key",
    why="Nobody can log into its instances when that is needed: convox instances ssh does not work before the first keyroll.",
    mend="Roll the instance key once.",
    playbook=ROLL_INSTANCES,
)


def find(seen: Evidence, policy: Policy) -> t.Iterator[Finding]:
    for rack in seen.racks:
        if rack.instances and not rack.instances.pair:
            yield KIND.of(rack, "its stack names no key pair, so that nobody can log into its instances")
