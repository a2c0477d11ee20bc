# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a process of the harness needs before it imports the collection: its public name, and nothing of the caller's."""

from __future__ import annotations

import os
import sys
import warnings

from tests.places import COLLECTIONS, link_collection


def prepare() -> None:
    link_collection()
    if str(COLLECTIONS) not in sys.path:
        sys.path.insert(0, str(COLLECTIONS))
    for name in list(os.environ):
        if name.startswith(("CONVOX_", "AWS_", "ANSIBLE_")) or name in ("RACK_URL", "XDG_CONFIG_HOME"):
            del os.environ[name]
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
    warnings.filterwarnings("ignore")
