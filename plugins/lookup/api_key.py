# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: api_key
short_description: A Rack API key, Console API key or instance key, from a store or the Convox CLI's files
version_added: 0.1.0
description:
  - Returns the current key of each host, from the first of O(stores) that has one, then from the CLI's C(auth) file, then
    from the v3 CLI's files C(racks/<name>).
  - An instance key is the private key, in PEM, of the pair in force of a v3 rack. It is in the O(stores) alone, since
    M(convox.credentials.instance_keyroll) put it there; v2 and classic racks keep theirs themselves.
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
    choices: [rack_api_key, console_api_key, instance_key]
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

- name: Have the private key of a v3 rack's instances in a file, for ssh
  ansible.builtin.copy:
    content: "{{ lookup('convox.credentials.api_key', 'rack.example.convox.site', kind='instance_key') }}"
    dest: ~/.ssh/production.pem
    mode: "0600"
  diff: false
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

from ansible.errors import AnsibleLookupError
from ansible.module_utils.basic import missing_required_lib
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.plugins.lookup import LookupBase
from ansible.utils.display import Display

from ansible_collections.convox.credentials.plugins.module_utils import keys, options, records
from ansible_collections.convox.credentials.plugins.module_utils.errors import BadInput, ConvoxError
from ansible_collections.convox.credentials.plugins.module_utils.target import parse_host
from ansible_collections.convox.credentials.plugins.module_utils.task import Task, conceal_urls

display = Display()
_OWN = ("kind", "fingerprint", "config_dir")


class LookupModule(LookupBase):
    """Thin: options in, the stores' word out, errors in one line."""

    def run(self, terms: list[t.Any], variables: t.Mapping[str, t.Any] | None = None, **kwargs: t.Any) -> list[str]:
        self.set_options(var_options=variables, direct=kwargs)
        secrets = keys.Secrets()
        try:
            given = self._given()
            conceal_urls(secrets, given, os.environ)
            task = Task(given, os.environ, secrets, display.warning)
            return [_key(task, parse_host(str(term))) for term in terms]
        except ConvoxError as exc:
            failure = str(exc)
        except ModuleNotFoundError as exc:
            failure = missing_required_lib(str(exc.name))
        except Exception as exc:  # noqa: BLE001 - Ansible would show it unmasked
            display.vvv(secrets.redact(traceback.format_exc()))
            failure = f"internal error, please report it: {type(exc).__name__}: {' '.join(str(exc).split())}"
        # Out here, where no exception is being handled: Ansible would show what it says, too.
        raise AnsibleLookupError(secrets.redact(failure))

    def _given(self) -> dict[str, t.Any]:
        spec = {**{name: {"type": "str"} for name in _OWN}, **options.stores(), **options.aws()}
        values = {name: self.get_option(name) for name in spec}
        validated = ArgumentSpecValidator(spec).validate({name: value for name, value in values.items() if value is not None})
        if validated.error_messages:
            raise BadInput("; ".join(validated.error_messages))
        return {"timeout": options.reach()["timeout"]["default"], **validated.validated_parameters}


def _key(task: Task, host: str) -> str:
    found = _instance_key(task, host) if task.options["kind"] == records.INSTANCE_KEY else _api_key(task, host)
    wanted = task.options.get("fingerprint")
    if wanted and keys.fingerprint(found) != wanted:
        raise BadInput(f"{host}: its key is {keys.fingerprint(found)}, and not {wanted}: it was rolled by somebody else meanwhile; run again")
    return found


def _api_key(task: Task, host: str) -> str:
    stores = task.stores_to_read()
    found = [key for key, dummy in stores.keys(task.options["kind"], host)]
    found += [key for key in (task.cli.key(host), *(key for key, dummy in task.cli.rack_keys(host))) if key]
    for key in found:
        task.secrets.add(key)
    if not found:
        raise BadInput(f"{host}: no key is known for it in {stores.named} and the CLI's files: log in with convox_login, or name the store in stores")
    return found[0]


def _instance_key(task: Task, host: str) -> str:
    """The private key of the pair in force; of one that is pending, nobody has seen that the rack took it."""
    stores = task.stores_to_read()
    record = stores.load(records.INSTANCE_KEY, host)
    if record.current:
        return record.current
    if record.pending is not None and record.pending.key:
        raise BadInput(f"{host}: its first pair here, {record.pending.key_name}, is not in force yet: run instance_keyroll again, which finishes that")
    if record.key_name:
        raise BadInput(f"{host}: the rack itself keeps the private key of {record.key_name}, as those before v3 do: `convox instances ssh` uses it")
    raise BadInput(
        f"{host}: no private key is known for it in {stores.named}: on v3 roll it with instance_keyroll, or name the store in stores; "
        "racks before v3 keep it themselves, and `convox instances ssh` uses it"
    )
