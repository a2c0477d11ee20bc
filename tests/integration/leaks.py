# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks for secrets where none belongs, in each form in which they could come there."""
from __future__ import annotations

import base64
import json
import urllib.parse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.integration.machine import Machine
    from tests.standin import Standin


def secrets_of(convox: Standin) -> set[str]:
    """Everything secret that the stand-in knows of, dead or alive."""
    console = convox.console
    found = {console.password, console.api_key, *console.former_keys, *console.sessions, *console.spec.deploy_keys}
    found |= {record.key for record in console.records}
    for rack in convox.racks.values():
        found |= {*rack.stack.keys_seen, rack.parameters["HttpProxy"], rack.signing_key().value}
        found |= {each.key for each in rack.service.snapshot()[0]}
    return {each for each in found if each}


def forms(secret: str) -> set[str]:
    """A secret as it is, and as requests and logs carry it."""
    return {
        secret,
        urllib.parse.quote(secret, safe=""),
        urllib.parse.quote_plus(secret),
        json.dumps(secret)[1:-1],
        *(base64.b64encode(text.encode()).decode() for text in (secret, f"convox:{secret}")),
    }


def find_leaks(machine: Machine, text: str) -> list[str]:
    """The secrets that stand in a text."""
    known = secrets_of(machine.convox) | machine.held_keys()
    return sorted(secret for secret in known if any(form in text for form in forms(secret)))


def leaks_in_files(machine: Machine) -> list[str]:
    """``file: secret`` for each that stands in a file which is not there to hold it."""
    return [
        f"{path}: {secret}"
        for path in machine.left_behind()
        for secret in find_leaks(machine, path.read_bytes().decode("utf-8", "replace"))
    ]
