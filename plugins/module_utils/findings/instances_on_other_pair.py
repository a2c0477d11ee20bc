# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""Instances that another key opens than the rack's present one."""

from __future__ import annotations

import typing as t

from ansible_collections.convox.credentials.plugins.module_utils.audit_evidence import Evidence, words
from ansible_collections.convox.credentials.plugins.module_utils.audit_finding import ROLL_INSTANCES, Finding, Kind
from ansible_collections.convox.credentials.plugins.module_utils.audit_policy import Policy

KIND = Kind(
    id="instances_on_other_pair",
    severity="high",
    title="Instances on another key pair",
    why="Who holds a former private key can still log into them.",
    mend="Roll the instance key, which replaces them; instances outside of the rack's groups are to be replaced by hand.",
    playbook=ROLL_INSTANCES,
)


def find(seen: Evidence, policy: Policy) -> t.Iterator[Finding]:
    for rack in seen.racks:
        if rack.instances and rack.instances.pair and rack.instances.others:
            others, total = rack.instances.others, rack.instances.total
            yield KIND.of(rack, f"{len(others)} of {total} instances are not on the pair {rack.instances.pair}: {words(others)}", instances=list(others))
