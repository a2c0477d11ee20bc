# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""A key in somebody's files or stores that its rack does not accept."""

from __future__ import annotations

import typing as t

from ansible_collections.convox.credentials.plugins.module_utils.audit_evidence import REFUSED, Evidence, words
from ansible_collections.convox.credentials.plugins.module_utils.audit_finding import LOGIN, Finding, Kind
from ansible_collections.convox.credentials.plugins.module_utils.audit_policy import Policy

KIND = Kind(
    id="rack_key_refused",
    severity="medium",
    title="Refused Rack API key",
    why="Whoever works with this login is locked out, and a dead key in a file hides which one is the right one.",
    mend="Log in anew with the key in force, or take the login out.",
    playbook=LOGIN,
)


def find(seen: Evidence, policy: Policy) -> t.Iterator[Finding]:
    for rack in seen.racks:
        dead = [login for login in rack.logins if rack.said_to(login.key) == REFUSED]
        # Where no key is good, that one is missing says it all.
        if dead and not rack.lost:
            where = sorted({login.where for login in dead})
            prints = sorted({login.key.fingerprint for login in dead})
            yield KIND.of(rack, f"it refuses the key in {words(where)}", where=where, fingerprints=prints)
