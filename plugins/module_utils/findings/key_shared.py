# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""One key for two hosts: who has the one has the other."""

from __future__ import annotations

import typing as t

from ansible_collections.convox.credentials.plugins.module_utils.audit_evidence import Evidence, words
from ansible_collections.convox.credentials.plugins.module_utils.audit_finding import ROLL_RACKS, Finding, Kind
from ansible_collections.convox.credentials.plugins.module_utils.audit_policy import Policy

KIND = Kind(
    id="key_shared",
    severity="high",
    title="Key shared by several hosts",
    why="Who gets the key of one has all of them, and rolling one alone leaves the others open.",
    mend="Roll the keys of all of them: each gets one of its own. A Console's is rolled by rotate_console_api_key.",
    playbook=ROLL_RACKS,
)


def find(seen: Evidence, policy: Policy) -> t.Iterator[Finding]:
    for key, holders in seen.holders().items():
        if len(holders) > 1:
            names = sorted(holders)
            yield KIND.about(names[0], f"its key is also that of {words(names[1:])}", ",".join(names[1:]), fingerprint=key.fingerprint, hosts=names)
