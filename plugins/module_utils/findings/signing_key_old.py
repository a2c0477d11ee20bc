# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""The key that signs temporary tokens, one for an account and region (convox-protocol 3)."""

from __future__ import annotations

import typing as t

from ansible_collections.convox.credentials.plugins.module_utils.audit_evidence import Evidence, too_old
from ansible_collections.convox.credentials.plugins.module_utils.audit_finding import ROLL_RACKS, Finding, Kind
from ansible_collections.convox.credentials.plugins.module_utils.audit_policy import Policy

KIND = Kind(
    id="signing_key_old",
    severity="medium",
    title="Old signing key of temporary tokens",
    why="Tokens survive a roll of the rack's key; only another signing key ends those that leaked.",
    mend="Roll it with a rack's key: convox_activate=signing_key convox_max_age=0s. Other racks honour old tokens until their next restart.",
    playbook=ROLL_RACKS,
)


def find(seen: Evidence, policy: Policy) -> t.Iterator[Finding]:
    for account in seen.accounts:
        since, most = account.signing_key_modified_at, policy.max_age("signing_key", account.label)
        if since and seen.age(since) > most:
            yield KIND.about(account.label, f"the signing key of its racks' tokens is {too_old(seen.age(since), most)}", changed_at=since)
