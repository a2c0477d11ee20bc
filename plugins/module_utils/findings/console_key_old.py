# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""A Console API key that is older than the policy allows."""

from __future__ import annotations

import typing as t

from ansible_collections.convox.credentials.plugins.module_utils import records
from ansible_collections.convox.credentials.plugins.module_utils.audit_evidence import Evidence, too_old
from ansible_collections.convox.credentials.plugins.module_utils.audit_finding import ROLL_CONSOLE, Finding, Kind
from ansible_collections.convox.credentials.plugins.module_utils.audit_policy import Policy

KIND = Kind(
    id="console_key_old",
    severity="high",
    title="Old Console API key",
    why="It opens all of the organization's racks, and the longer it is in use, the more machines have it.",
    mend="Roll it.",
    playbook=ROLL_CONSOLE,
)


def find(seen: Evidence, policy: Policy) -> t.Iterator[Finding]:
    for console in seen.consoles:
        most = policy.max_age(records.CONSOLE_API_KEY, console.host)
        if console.made and seen.age(console.made.at) > most:
            what = f"the Console API key is {too_old(seen.age(console.made.at), most)}"
            yield KIND.about(console.host, what, made_at=console.made.at, known_by=console.made.by)
