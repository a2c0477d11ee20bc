# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Convox that runs on loopback: a Console and any number of racks. See README.md."""

from __future__ import annotations

from .fleet import AWS_CREDENTIALS, Standin
from .spec import AT_ONCE, ConsoleSpec, RackSpec

__all__ = ["AT_ONCE", "AWS_CREDENTIALS", "ConsoleSpec", "RackSpec", "Standin"]
