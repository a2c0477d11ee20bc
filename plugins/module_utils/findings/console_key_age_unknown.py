# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""A Console API key of which nobody knows when it was made."""

from __future__ import annotations

import typing as t

from ansible_collections.convox.credentials.plugins.module_utils.audit_evidence import Evidence
from ansible_collections.convox.credentials.plugins.module_utils.audit_finding import ROLL_CONSOLE, Finding, Kind
from ansible_collections.convox.credentials.plugins.module_utils.audit_policy import Policy

KIND = Kind(
    id="console_key_age_unknown",
    severity="low",
    title="Console API key of unknown age",
    why="Neither a store nor the ledger has noted when the key was made, so nobody can show that it is within the policy.",
    mend="Roll it; from then on its age is known. A deploy key is made anew at the Console.",
    playbook=ROLL_CONSOLE,
)


def find(seen: Evidence, policy: Policy) -> t.Iterator[Finding]:
    for console in seen.consoles:
        if console.in_force and console.made is None:
            yield KIND.about(console.host, "nobody has noted when the Console API key was made", fingerprint=console.in_force.fingerprint)
