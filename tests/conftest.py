# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every test needs before it is imported: the collection under its public name, and a home of its own."""
from __future__ import annotations

import os

from pytest_ansible.units import inject_only

from tests.places import CACHE, COLLECTIONS, link_collection

# Tests that measure.
pytest_plugins = ["tests.measured"]


def _own_environment() -> None:
    """Keep the tests away from the caller's credentials, and their traces inside the checkout."""
    for name in list(os.environ):
        if name.startswith(("CONVOX_", "AWS_", "ANSIBLE_")) or name in ("RACK_URL", "XDG_CONFIG_HOME"):
            del os.environ[name]
    places = {
        "HOME": CACHE / "home",
        "TMPDIR": CACHE / "tmp",
        "ANSIBLE_HOME": CACHE / "ansible",
        "ANSIBLE_LOCAL_TEMP": CACHE / "ansible" / "tmp",
        "ANSIBLE_REMOTE_TEMP": CACHE / "ansible" / "tmp",
        "ANSIBLE_COLLECTIONS_PATH": COLLECTIONS,
    }
    for name, place in places.items():
        place.mkdir(parents=True, exist_ok=True)
        os.environ[name] = str(place)
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"


link_collection()
_own_environment()
# The option --ansible-unit-inject-only does it too, but after the conftest files of folders that were named.
inject_only()
