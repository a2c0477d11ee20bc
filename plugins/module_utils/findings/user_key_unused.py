# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""A person's key at a self-hosted Console that nobody works with."""

from __future__ import annotations

import typing as t

from ansible_collections.convox.credentials.plugins.module_utils.audit_evidence import Evidence, days
from ansible_collections.convox.credentials.plugins.module_utils.audit_finding import Finding, Kind
from ansible_collections.convox.credentials.plugins.module_utils.audit_policy import Policy

KIND = Kind(
    id="user_key_unused",
    severity="medium",
    title="Unused key of a person",
    why="A key that nobody misses is one whose theft nobody sees.",
    mend="Ask the person; take the account off the Console if it is not needed.",
)


def find(seen: Evidence, policy: Policy) -> t.Iterator[Finding]:
    for user in seen.users:
        # A key that was made after the last use is another one than was used.
        since = max(filter(None, (user.last_used_at, user.key_made_at)), default=None)
        if since and seen.age(since) > policy.max_unused:
            used = f"was last used {days(seen.age(since))} ago" if since == user.last_used_at else f"was made {days(seen.age(since))} ago and never used"
            yield KIND.about(user.email, f"the key {used}", last_used_at=user.last_used_at, made_at=user.key_made_at)
