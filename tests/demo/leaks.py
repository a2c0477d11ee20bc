# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a secret stands where none may: in what was shown, and in every file of the demonstration."""

from __future__ import annotations

import urllib.parse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.leaks import found_in, found_in_file

if TYPE_CHECKING:
    from collections.abc import Iterable

# Where keys are kept on purpose.
KEY_STORES = {"auth", "rotations.json"}


def secrets_of(*truths: dict[str, Any]) -> set[str]:
    """Every secret that the stand-in tells of."""
    found: set[str] = set()
    for truth in truths:
        found |= {truth["console"]["api_key"], *truth["console"]["former_keys"]}
        for rack in truth["racks"].values():
            found |= {rack["stack_key"], rack["ssm_key"], *rack["former_keys"]}
            found |= {each["key"] for each in rack["accepts"]}
            proxy = urllib.parse.urlsplit(rack["parameters"]["HttpProxy"])
            found |= {proxy.password or ""}
    return {each for each in found if each}


def leaks_in(directory: Path, output: str, secrets: Iterable[str]) -> list[str]:
    """Where a secret was found: names of files, and what was shown; never the secret."""
    known = set(secrets)
    paths = (path for path in sorted(directory.rglob("*")) if path.name not in KEY_STORES)
    files = [str(path.relative_to(directory)) for path in paths if found_in_file(path, known)]
    return [*(["the output"] if found_in(output, known) else []), *files]
