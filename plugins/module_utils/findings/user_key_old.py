# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""A person's key at a self-hosted Console that is older than the policy allows."""

from __future__ import annotations

import typing as t

from ansible_collections.convox.credentials.plugins.module_utils import records
from ansible_collections.convox.credentials.plugins.module_utils.audit_evidence import Evidence, too_old
from ansible_collections.convox.credentials.plugins.module_utils.audit_finding import ROLL_CONSOLE, Finding, Kind
from ansible_collections.convox.credentials.plugins.module_utils.audit_policy import Policy

KIND = Kind(
    id="user_key_old",
    severity="medium",
    title="Old key of a person",
    why="It opens all of the person's racks, and nobody but the person can roll it.",
    mend="Have the person roll it, with rotate_console_api_key or at the Console.",
    playbook=ROLL_CONSOLE,
)


def find(seen: Evidence, policy: Policy) -> t.Iterator[Finding]:
    for user in seen.users:
        most = policy.max_age(records.CONSOLE_API_KEY, user.email)
        if user.key_made_at and seen.age(user.key_made_at) > most:
            yield KIND.about(user.email, f"the key is {too_old(seen.age(user.key_made_at), most)}", made_at=user.key_made_at)
