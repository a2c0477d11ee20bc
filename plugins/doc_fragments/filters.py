# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """Which racks are wanted: module_utils/racks_found.py check_filters()."""

    DOCUMENTATION = r"""
options:
  filters:
    description:
      - Which racks are wanted. A rack is if it matches an entry of C(include), or there is none, and no entry of
        C(exclude). It matches an entry if each field in it is like its pattern, or like one of several.
      - The fields are C(name), C(organization), C(console), C(provider), C(status), C(version), C(region), C(domain),
        C(account) and C(generation). Patterns are as in shells, with C(*), C(?) and C([...]), and letters' case counts.
        What is not known of a rack is empty.
      - A pattern is a text, so that the number of an account stands in quotes. What is none is refused.
    type: dict
    default: {}
    suboptions:
      include:
        description:
          - The racks that are wanted.
        type: list
        elements: dict
      exclude:
        description:
          - The racks that are not wanted.
        type: list
        elements: dict
"""
