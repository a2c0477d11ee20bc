# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which variables look like this collection's, and are read by nothing of it."""

from __future__ import annotations

import difflib
import functools
import pathlib
import typing as t

import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.utils.vars import load_extra_vars

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

_PREFIX = "convox_"
_NEAR = 0.75
# What is no option of a role: the playbooks' own, what they tell later jobs of a workflow, what the inventory plugin tells of a rack, and
# what is set for hooks.
OWN = frozenset(
    _PREFIX + name
    for name in (
        "hosts", "racks", "serial", "leaked", "leak_activate", "incident_path", "audit", "incident", "workflow_rotation_id",
        "account", "domain", "generation", "name", "organization", "provider", "status", "version",
        "after_roll_awx_credential", "after_roll_command", "after_roll_file",
        "fingerprint", "new_api_key", "rack_domain", "rack_host", "rack_name",
    )
)  # fmt: skip
# What a play has set by now.
_SET = frozenset(_PREFIX + name for name in ("fleet", "given", "record", "record_path", "resume", "rotation", "unknown"))


@functools.cache
def known() -> frozenset[str]:
    """The options of the roles, under the names that they share, and the others."""
    found = set(OWN | _SET)
    for path in (pathlib.Path(__file__).parents[2] / "roles").glob("*/meta/argument_specs.yml"):
        prefix = path.parents[1].name + "_"
        for entry_point in yaml.safe_load(path.read_text(encoding="utf-8"))["argument_specs"].values():
            found.update(_PREFIX + name[len(prefix) :] for name in entry_point["options"])
    return frozenset(found)


def unknown_variables(names: t.Iterable[str]) -> list[dict[str, t.Any]]:
    """See DOCUMENTATION."""
    # Ansible has them already, and reads no file again.
    given = load_extra_vars(DataLoader())
    told = sorted(name[len(_PREFIX) :] for name in known())
    found = []
    for name in sorted({str(each) for each in names}):
        if name.startswith(_PREFIX) and name not in known():
            nearest = difflib.get_close_matches(name[len(_PREFIX) :], told, 1, _NEAR)
            found += [{"name": name, "nearest": _PREFIX + each, "given": name in given} for each in nearest]
    return found


class FilterModule:
    """What Ansible asks for."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"unknown_variables": unknown_variables}
