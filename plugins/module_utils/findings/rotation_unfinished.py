# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""A rotation that was begun and not committed."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.convox.credentials.plugins.module_utils.audit_evidence import Evidence
from ansible_collections.convox.credentials.plugins.module_utils.audit_finding import ROLL_CONSOLE, ROLL_INSTANCES, ROLL_RACKS, Finding, Kind
from ansible_collections.convox.credentials.plugins.module_utils.audit_policy import Policy
from ansible_collections.convox.credentials.plugins.module_utils.records import INSTANCE_KEY, RACK_API_KEY

KIND = Kind(
    id="rotation_unfinished",
    severity="high",
    title="Unfinished rotation",
    why="A new key is set or about to be, and nobody works with it yet: the rack may be one restart away from it.",
    mend="Run the playbook of its kind again (rotate_rack_keys, rotate_instance_keys, rotate_console_api_key): it goes on, or says what is left to you.",
    playbook=ROLL_RACKS,
)

# By the kind of key that is rolled.
_NAMES = {RACK_API_KEY: "Rack API key", INSTANCE_KEY: "instance key"}
_KINDS = {RACK_API_KEY: KIND, INSTANCE_KEY: dataclasses.replace(KIND, playbook=ROLL_INSTANCES)}
_OF_CONSOLE = dataclasses.replace(KIND, playbook=ROLL_CONSOLE)


def find(seen: Evidence, policy: Policy) -> t.Iterator[Finding]:
    for rack in seen.racks:
        for each in rack.unfinished:
            name = _NAMES[each.kind]
            what = f"the roll of its {name} stands at {each.step} since {each.since}"
            finding = _KINDS[each.kind].of(rack, what, step=each.step, since=each.since, where=each.where)
            yield dataclasses.replace(finding, detail=each.kind)
    for console in seen.consoles:
        for each in console.unfinished:
            yield _OF_CONSOLE.about(console.host, f"the roll of the Console API key stands at {each.step} since {each.since}", where=each.where)
