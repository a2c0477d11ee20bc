# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""Deploy keys of a self-hosted Console, which never expire."""

from __future__ import annotations

import typing as t

from ansible_collections.convox.credentials.plugins.module_utils.audit_evidence import Evidence
from ansible_collections.convox.credentials.plugins.module_utils.audit_finding import Finding, Kind
from ansible_collections.convox.credentials.plugins.module_utils.audit_policy import Policy

KIND = Kind(
    id="deploy_key_age_unknown",
    severity="low",
    title="Deploy keys of unknown age",
    why="A deploy key opens racks for machines, and nothing that can be asked tells how old it is.",
    mend="Make a new one at the Console for each machine that needs it, and delete the others.",
)


def find(seen: Evidence, policy: Policy) -> t.Iterator[Finding]:
    if seen.deploy_keys:
        yield KIND.about(f"{seen.tables}-deploy-keys", f"it has {seen.deploy_keys} deploy keys, whose age nothing tells", deploy_keys=seen.deploy_keys)
