# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which secrets there are in a test, and whether one stands where none belongs."""
from __future__ import annotations

import urllib.parse
from typing import TYPE_CHECKING

from tests.leaks import found_in, found_in_file

if TYPE_CHECKING:
    from tests.integration.machine import Machine
    from tests.standin import Standin


def secrets_of(convox: Standin) -> set[str]:
    """Everything secret that the stand-in knows of, dead or alive."""
    console = convox.console
    found = {console.password, console.api_key, *console.former_keys, *console.sessions, *console.spec.deploy_keys}
    found |= {record.key for record in console.records}
    for rack in convox.racks.values():
        found |= {*rack.stack.keys_seen, proxy_password(rack.parameters), rack.signing_key().value}
        found |= {each.key for each in rack.service.snapshot()[0]}
        found |= {part for told in rack.private_keys_told.values() for part in parts_of(told)}
    return {each for each in found if each}


def proxy_password(parameters: dict[str, str]) -> str:
    """What a rack's parameters hold beside its key."""
    return urllib.parse.urlsplit(parameters["HttpProxy"]).password or ""


def parts_of(private_key: str) -> set[str]:
    """A private key as a whole, and some of its lines, each of which gives part of it away."""
    lines = [line for line in private_key.splitlines() if not line.startswith("-----")]
    return {private_key, lines[0], lines[len(lines) // 2], lines[-2]}


def all_secrets(machine: Machine) -> set[str]:
    """Those, what the machine's stores hold, and what was typed."""
    return secrets_of(machine.convox) | machine.held_keys() | machine.typed


def find_leaks(machine: Machine, text: str | bytes) -> list[str]:
    """The secrets that stand in a text."""
    return found_in(text, all_secrets(machine))


def leaks_in_files(machine: Machine) -> list[str]:
    """``file: secret`` for each that stands in a file which is not there to hold it."""
    known = all_secrets(machine)
    return [f"{path}: {secret}" for path in machine.left_behind() for secret in found_in_file(path, known)]
