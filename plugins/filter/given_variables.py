# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What was given to a playbook by extra vars, and can be shown."""

from __future__ import annotations

import re
import typing as t

from ansible.parsing.dataloader import DataLoader
from ansible.utils.unsafe_proxy import wrap_var
from ansible.utils.vars import load_extra_vars

from ansible_collections.convox.credentials.plugins.plugin_utils.variables import HOOKS, PLAYBOOKS, PREFIX, options

DOCUMENTATION = r"""
name: given_variables
short_description: Extra vars of this collection that hold no secret
version_added: 0.1.0
author:
  - The convox.credentials developers (@convox-credentials)
description:
  - Of names of variables those that an extra var gives to a role or playbook of this collection, with their values as they were
    given.
  - Left out is what is secret or can carry a secret, and the name of the rotation.
options:
  _input:
    description: Names of variables, of any kind.
    type: list
    elements: str
    required: true
"""

EXAMPLES = r"""
- name: Show what was given
  ansible.builtin.debug:
    msg: "{{ hostvars['localhost'] | list | convox.credentials.given_variables }}"
"""

RETURN = r"""
_value:
  description: Each value by its variable's name.
  type: dict
"""

_PLAIN = (str, int, float, type(None))
# A credential of AWX has inputs that are secrets.
_LEFT_OUT = PREFIX + "after_roll_awx_credential", PREFIX + "rotation_id"
_WITH_PASSWORD = re.compile("(//|:)[^@\\s]*@")


def given_variables(names: t.Iterable[str]) -> dict[str, t.Any]:
    """See DOCUMENTATION."""
    open_names = HOOKS.union(PLAYBOOKS, (name for name, secret in options().items() if not secret)).difference(_LEFT_OUT)
    # Ansible has them already, and reads no file again.
    given = load_extra_vars(DataLoader())
    found = {str(name): given[name] for name in sorted({str(each) for each in names} & open_names & given.keys())}
    return {name: wrap_var(value) for name, value in found.items() if _open(value)}


def _open(value: t.Any) -> bool:
    """Whether it can be shown: a text without what a URL has before its host, or what is made of such; nothing of a vault's."""
    if isinstance(value, t.Mapping):
        return all(_open(each) for pair in value.items() for each in pair)
    if isinstance(value, (list, tuple)):
        return all(_open(each) for each in value)
    return isinstance(value, _PLAIN) and not (isinstance(value, str) and _WITH_PASSWORD.search(value))


class FilterModule:
    """What Ansible asks for."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"given_variables": given_variables}
