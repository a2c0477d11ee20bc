# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""Files of keys that others than their owner can read or write."""

from __future__ import annotations

import typing as t

from ansible_collections.convox.credentials.plugins.module_utils.audit_evidence import Evidence
from ansible_collections.convox.credentials.plugins.module_utils.audit_finding import Finding, Kind
from ansible_collections.convox.credentials.plugins.module_utils.audit_policy import Policy

KIND = Kind(
    id="file_mode",
    severity="high",
    title="File that others can read",
    why="Who reads it has the keys; who can write it sends the next key to a host of his own.",
    mend="Take the rights of others off, as the finding says; then roll what was in it.",
)


def find(seen: Evidence, policy: Policy) -> t.Iterator[Finding]:
    for file in seen.files:
        if file.mode:
            who = "everybody can write there" if file.writable else "others than its owner can read or write it"
            yield KIND.about(file.path, f"{who} (mode {file.mode}); {file.mend}", mode=file.mode)
