# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""A key in somebody's files or stores that its Console does not accept."""

from __future__ import annotations

import typing as t

from ansible_collections.convox.credentials.plugins.module_utils.audit_evidence import Evidence, words
from ansible_collections.convox.credentials.plugins.module_utils.audit_finding import LOGIN, Finding, Kind
from ansible_collections.convox.credentials.plugins.module_utils.audit_policy import Policy

KIND = Kind(
    id="console_key_refused",
    severity="medium",
    title="Refused Console API key",
    why="Whoever works with this login is locked out.",
    mend="Log in anew, or take the login out.",
    playbook=LOGIN,
)


def find(seen: Evidence, policy: Policy) -> t.Iterator[Finding]:
    for console in seen.consoles:
        where = sorted({login.where for login in console.logins if login.key in console.refused})
        if where:
            yield KIND.about(console.host, f"it refuses the key in {words(where)}", where=where)
