# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The oldest and the newest ansible-core that the collection is for, each in an environment of its own."""
from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.locks import locked
from tests.places import ROOT
from tests.tools.sanity import real_interpreters

# The Pythons that each runs on and that tests/tools/venv takes, the likeliest to be found first.
PYTHONS = {"oldest": ("3.11", "3.12"), "newest": ("3.13", "3.12", "3.14")}


def ansible_playbook(core: str) -> Path | None:
    """Where its ansible-playbook is; None where this machine has no Python for it."""
    found = real_interpreters()
    python = next((found[version] for version in PYTHONS[core] if version in found), None)
    if python is None:
        return None
    name = f".venv-{core}"
    command = [str(ROOT / "tests" / "tools" / "venv"), name, f"requirements/core-{core}.txt"]
    with locked(name):
        subprocess.run(command, cwd=ROOT, env={**os.environ, "PYTHON": python}, check=True)
    return ROOT / name / "bin" / "ansible-playbook"
