# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: api_key
short_description: A Rack API key or Console API key, from a store or the Convox CLI's files
version_added: 0.1.0
description:
  - Returns the current key of each host, from the first of O(stores) that has one, then from the CLI's C(auth) file.
  - A key that is pending is not returned, since nobody has seen it in force yet.
  - Nobody is asked but the stores, and nothing is written.
  - It works in C(ansible-playbook) itself, in its environment; the C(environment) of a play or task is for modules.
  - The value is a secret. A task that takes it needs C(no_log), and it belongs neither into a fact nor into a registered
    variable nor into an argument of a command, which every user of the machine can read.
author:
  - The convox.credentials developers (@convox-credentials)
extends_documentation_fragment:
  - convox.credentials.aws
options:
  _terms:
    description:
      - The racks' domains, or the hosts as the CLI knows them.
    type: list
    elements: str
    required: true
  kind:
    description:
      - Which kind of key.
    type: str
    choices: [rack_api_key, console_api_key]
    default: rack_api_key
  fingerprint:
    description:
      - The first 12 hex digits of the key's SHA-256, as the modules return it. Another key is then an error.
    type: str
  config_dir:
    description:
      - The directory of the Convox CLI's files.
      - Taken from E(CONVOX_CONFIG) when not given. Else all existing of C($XDG_CONFIG_HOME/convox2),
        C($XDG_CONFIG_HOME/convox) and C(~/.convox) are read, in that order.
    type: path
  stores:
    description:
      - Where keys are kept, as for M(convox.credentials.rack_keyroll). Default is the files of the Convox CLI.
    type: list
    elements: dict
"""

EXAMPLES = r"""
- name: Hand a rack's key to a program on its standard input
  ansible.builtin.command:
    argv: [/usr/local/bin/take-key, production]
    stdin: "{{ lookup('convox.credentials.api_key', 'rack.example.convox.site') }}"
  changed_when: true
  no_log: true

- name: The same from a secret in AWS
  ansible.builtin.command:
    argv: [/usr/local/bin/take-key, production]
    stdin: "{{ lookup('convox.credentials.api_key', 'rack.example.convox.site', stores=[{'type': 'aws_secretsmanager'}], region='us-east-1') }}"
  changed_when: true
  no_log: true
"""

RETURN = r"""
_raw:
  description: The keys, one for each host.
  type: list
  elements: str
"""

import os
import traceback
import typing as t

from ansible.errors import AnsibleError
from ansible.module_utils.basic import missing_required_lib
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.plugins.lookup import LookupBase
from ansible.utils.display import Display

from ansible_collections.convox.credentials.plugins.module_utils import keys, options
from ansible_collections.convox.credentials.plugins.module_utils.errors import BadInput, ConvoxError
from ansible_collections.convox.credentials.plugins.module_utils.target import parse_host
from ansible_collections.convox.credentials.plugins.module_utils.task import Task

display = Display()
_OWN = ("kind", "fingerprint", "config_dir")


class LookupModule(LookupBase):
    """Thin: options in, the stores' word out, errors in one line."""

    def run(self, terms: list[t.Any], variables: t.Mapping[str, t.Any] | None = None, **kwargs: t.Any) -> list[str]:
        self.set_options(var_options=variables, direct=kwargs)
        secrets = keys.Secrets()
        try:
            task = Task(self._given(), os.environ, secrets, display.warning)
            return [_key(task, parse_host(str(term))) for term in terms]
        except ConvoxError as exc:
            failure = str(exc)
        except ModuleNotFoundError as exc:
            failure = missing_required_lib(str(exc.name))
        except Exception as exc:  # noqa: BLE001 - Ansible would show it unmasked
            display.vvv(secrets.redact(traceback.format_exc()))
            failure = f"internal error, please report it: {type(exc).__name__}: {' '.join(str(exc).split())}"
        # Out here, where no exception is being handled: Ansible would show what it says, too.
        raise AnsibleError(secrets.redact(failure))

    def _given(self) -> dict[str, t.Any]:
        spec = {**{name: {"type": "str"} for name in _OWN}, **options.stores(), **options.aws()}
        values = {name: self.get_option(name) for name in spec}
        validated = ArgumentSpecValidator(spec).validate({name: value for name, value in values.items() if value is not None})
        if validated.error_messages:
            raise BadInput("; ".join(validated.error_messages))
        return {"timeout": options.reach()["timeout"]["default"], **validated.validated_parameters}


def _key(task: Task, host: str) -> str:
    stores = task.stores_to_read()
    found = [key for key, dummy in stores.keys(task.options["kind"], host)] + [key for key in (task.cli.key(host),) if key]
    for key in found:
        task.secrets.add(key)
    if not found:
        raise BadInput(f"{host}: no key is known for it in {stores.named} and the CLI's auth: log in with convox_login, or name the store in stores")
    wanted = task.options.get("fingerprint")
    if wanted and keys.fingerprint(found[0]) != wanted:
        raise BadInput(f"{host}: its key is {keys.fingerprint(found[0])}, and not {wanted}: it was rolled by somebody else meanwhile; run again")
    return found[0]
