# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """What each module of the collection supports."""

    DOCUMENTATION = r"""
options: {}
attributes:
  action_group:
    description: Use C(group/convox.credentials.convox) in C(module_defaults) to set an option for all modules at once.
    support: full
    membership:
      - convox.credentials.convox
  check_mode:
    description: Asks the same questions, writes nothing anywhere, and predicts C(changed).
    support: full
  diff_mode:
    description: Shows fingerprints in place of keys.
    support: full
"""
