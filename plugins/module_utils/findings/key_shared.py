# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""One key for two hosts: who has the one has the other."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.convox.credentials.plugins.module_utils.audit_evidence import Evidence, words
from ansible_collections.convox.credentials.plugins.module_utils.audit_finding import ROLL_CONSOLE, ROLL_RACKS, Finding, Kind
from ansible_collections.convox.credentials.plugins.module_utils.audit_policy import Policy

KIND = Kind(
    id="key_shared",
    severity="high",
    title="Key shared by several hosts",
    why="Who gets the key of one has all of them, and rolling one alone leaves the others open.",
    mend="Roll the keys of all of them: each gets one of its own. A Console's is rolled by rotate_console_api_key, a v3 rack's by `terraform apply -replace=`.",
    playbook=ROLL_RACKS,
)


def find(seen: Evidence, policy: Policy) -> t.Iterator[Finding]:
    called = seen.called()
    for key, holders in seen.holders().items():
        if len(holders) > 1:
            names = sorted(called.get(holder, holder) for holder in holders)
            what = f"its key is also that of {words(names[1:])}"
            finding = _kind(seen, holders).about(names[0], what, ",".join(names[1:]), fingerprint=key.fingerprint, hosts=names)
            yield dataclasses.replace(finding, several=tuple(rack for rack in seen.racks if rack.holds(key)))


def _kind(seen: Evidence, holders: t.Container[str]) -> Kind:
    """With the playbook that rolls at least one of these keys; a v3 rack's none does."""
    of_racks = {KIND.of(rack, "").playbook for rack in seen.racks if rack.id in holders}
    of_consoles = {ROLL_CONSOLE for console in seen.consoles if console.host in holders}
    return dataclasses.replace(KIND, playbook=next((each for each in (ROLL_RACKS, ROLL_CONSOLE) if each in of_racks | of_consoles), None))
