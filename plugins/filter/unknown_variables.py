# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which variables look like this collection's, and are read by nothing of it."""

from __future__ import annotations

import difflib
import typing as t

from ansible.parsing.dataloader import DataLoader
from ansible.utils.vars import load_extra_vars

from ansible_collections.convox.credentials.plugins.plugin_utils.variables import PREFIX, known

DOCUMENTATION = r"""
name: unknown_variables
short_description: Misspelt variables of this collection
version_added: 0.1.0
author:
  - The convox.credentials developers (@convox-credentials)
description:
  - Of names of variables those that begin with C(convox_), that no role and no playbook of this collection reads, and that are
    near one that is read.
options:
  _input:
    description: Names of variables, of any kind.
    type: list
    elements: str
    required: true
"""

EXAMPLES = r"""
- name: Show what is misspelt
  ansible.builtin.debug:
    msg: "{{ hostvars[inventory_hostname] | list | convox.credentials.unknown_variables }}"
"""

RETURN = r"""
_value:
  description:
    - For each a dictionary of its C(name), the C(nearest) known one, and whether it is C(given) by an extra var, and not by the
      inventory alone.
  type: list
  elements: dict
"""

_NEAR = 0.75


def unknown_variables(names: t.Iterable[str]) -> list[dict[str, t.Any]]:
    """See DOCUMENTATION."""
    # Ansible has them already, and reads no file again.
    given = load_extra_vars(DataLoader())
    told = sorted(name[len(PREFIX) :] for name in known())
    found = []
    for name in sorted({str(each) for each in names}):
        if name.startswith(PREFIX) and name not in known():
            nearest = difflib.get_close_matches(name[len(PREFIX) :], told, 1, _NEAR)
            found += [{"name": name, "nearest": PREFIX + each, "given": name in given} for each in nearest]
    return found


class FilterModule:
    """What Ansible asks for."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"unknown_variables": unknown_variables}
