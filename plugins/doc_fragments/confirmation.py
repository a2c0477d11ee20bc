# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """How long a roll is confirmed: module_utils/options.py confirmation()."""

    DOCUMENTATION = r"""
options:
  confirmations:
    description:
      - How often in a row what was rolled must be refused and what counts now accepted, each time on a fresh connection.
        Never fewer than three for each container of the API; two containers are assumed where AWS can't be asked.
    type: int
    default: 3
  confirm_period:
    description:
      - Seconds over which these confirmations must go on. A container that stops still answers for half a minute.
    type: int
    default: 35
  confirm_interval:
    description:
      - Seconds between two of them.
    type: int
    default: 1
"""
