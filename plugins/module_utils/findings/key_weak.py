# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""A key that is too short to be safe."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.convox.credentials.plugins.module_utils.audit_evidence import Evidence
from ansible_collections.convox.credentials.plugins.module_utils.audit_finding import ROLL_CONSOLE, ROLL_RACKS, Finding, Kind
from ansible_collections.convox.credentials.plugins.module_utils.audit_policy import Policy

KIND = Kind(
    id="key_weak",
    severity="high",
    title="Weak key",
    why="A short key is found by trying, and faster from a hash of it.",
    mend="Roll it: rotate_rack_keys for a rack, rotate_console_api_key for a Console.",
    playbook=ROLL_RACKS,
)

_OF_CONSOLE = dataclasses.replace(KIND, playbook=ROLL_CONSOLE)


def find(seen: Evidence, policy: Policy) -> t.Iterator[Finding]:
    for rack in seen.racks:
        if rack.in_force and rack.in_force.weak:
            yield KIND.of(rack, "its key in force has fewer than 24 characters")
    for console in seen.consoles:
        if console.in_force and console.in_force.weak:
            yield _OF_CONSOLE.about(console.host, "the Console API key has fewer than 24 characters")
