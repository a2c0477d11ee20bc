#!/usr/bin/python

# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later


from __future__ import annotations

DOCUMENTATION = r"""
module: ledger_info
short_description: Read the ledger of rolled credentials, and verify that it is whole
version_added: 0.1.0
description:
  - Every roll that this collection finishes is a line in the ledger. Each line carries the hash of the one before, so that
    a line which is changed, taken out or put in later shows.
  - Reads the ledger from its first line to its last, says whether that is so, and returns the entries that are asked for.
  - A ledger that is not whole is no failure of the task; it says so in RV(whole).
author:
  - The convox.credentials developers (@convox-credentials)
extends_documentation_fragment:
  - convox.credentials.attributes
  - convox.credentials.reach
attributes:
  check_mode:
    description: Writes nothing anywhere, and never predicts a change.
    support: full
  diff_mode:
    description: Nothing is changed that could be shown.
    support: N/A
notes:
  - No server is asked. Of the options that all modules of the collection have, O(config_dir) and O(rack) count here; the
    others are taken so that C(module_defaults) can set them for all modules at once.
  - Others may append meanwhile; what they had written when this began is read.
options:
  ledger_path:
    description:
      - The ledger. Default is C(ledger.jsonl) in O(config_dir).
      - A file that is not there is a ledger without lines, with a warning.
    type: path
  head:
    description:
      - What RV(head) was at an earlier time, noted where whoever can write the ledger can't.
      - A ledger whose last lines were taken out looks like an older one. With this it does not, since the noted line has to
        be among its own.
    type: str
  rack:
    description:
      - Return the entries of this rack only, by its name, its C(rack-domain) or as C(organization/name).
      - For a Console API key it is C(email) or C(email@host).
      - Not taken from the environment.
    type: str
  kind:
    description:
      - Return the entries of this kind of credential only.
    type: str
    choices: [rack_api_key, instance_key, console_api_key]
  max_age:
    description:
      - Return the entries that are not older, as V(90d), V(12h) or V(30m).
    type: str
  max_returned:
    description:
      - Return so many entries, the last ones, and so many places that are damaged, the first ones.
    type: int
    default: 100
"""

EXAMPLES = r"""
- name: See what was rolled in the last 90 days
  convox.credentials.ledger_info:
    ledger_path: /srv/convox/ledger.jsonl
    max_age: 90d

- name: See when the key of one rack was rolled, and by which job
  convox.credentials.ledger_info:
    ledger_path: /srv/convox/ledger.jsonl
    rack: rack.example.convox.site
    kind: rack_api_key
    max_returned: 1

- name: Verify the ledger
  convox.credentials.ledger_info:
    ledger_path: /srv/convox/ledger.jsonl
    head: "{{ noted_head }}"
    max_returned: 10
  register: ledger

- name: Stop where it is not whole
  ansible.builtin.assert:
    that: ledger.whole
    fail_msg: "{{ ledger.damage }}"
"""

RETURN = r"""
ledger_path:
  description: The ledger that was read.
  returned: always
  type: str
  sample: /srv/convox/ledger.jsonl
whole:
  description: Whether every line is bound to the one before, and O(head) occurs where it is given.
  returned: always
  type: bool
damage:
  description: Where it is not as it was written, at most O(max_returned) places. V(null) for C(line) is the ledger as a whole.
  returned: always
  type: list
  elements: dict
  sample: [{"line": 7, "what": "not bound to what stands above it: that was changed, taken out or put in, or this line was"}]
torn:
  description: Lines that were cut short when a run died, and that the next line is bound to. They are no damage.
  returned: always
  type: list
  elements: int
  sample: []
lines:
  description: How many lines there are.
  returned: always
  type: int
  sample: 48
head:
  description: The hash that the next line will carry. Note it elsewhere, and give it as O(head) later.
  returned: always
  type: str
  sample: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
first_at:
  description: When the first entry was rolled, ISO 8601 in UTC. V(null) where there is none.
  returned: always
  type: str
  sample: "2026-01-12T09:00:00Z"
last_at:
  description: When the last entry was rolled.
  returned: always
  type: str
  sample: "2026-11-23T10:15:00Z"
matched:
  description: How many entries there are of those that were asked for.
  returned: always
  type: int
  sample: 4
entries:
  description: The last of them, oldest first, at most O(max_returned).
  returned: always
  type: list
  elements: dict
  contains:
    line:
      description: Its line in the ledger, from 1.
      type: int
      sample: 48
    what:
      description: The kind of credential, one of V(rack_api_key), V(instance_key) and V(console_api_key).
      type: str
      sample: rack_api_key
    identity:
      description: The rack's C(rack-domain), for a Console API key C(email@host).
      type: str
      sample: rack.example.convox.site
    rack:
      description: The rack's name, for a Console API key the person's C(email). V(null) where it was not known.
      type: str
      sample: production
    old:
      description: The former key's fingerprint, or the former pair's name. V(null) where it was not known.
      type: str
      sample: a1b2c3d4e5f6
    new:
      description: The new key's fingerprint, or the new pair's name.
      type: str
      sample: 1f2e3d4c5b6a
    at:
      description: When it was rolled, ISO 8601 in UTC.
      type: str
      sample: "2026-11-23T10:15:00Z"
    rotation_ids:
      description: The names of the rotation, of each run that took part.
      type: list
      elements: str
      sample: [2026-q4]
    seconds:
      description: How long it took from the moment that the new key was kept, over all runs that took part. V(null) where that is not known.
      type: float
      sample: 212.4
    job:
      description: The id of AWX's job. V(null) elsewhere.
      type: str
      sample: "4711"
    awx:
      description: The address of that AWX. V(null) elsewhere.
      type: str
      sample: https://awx.example.com
"""

from ansible_collections.convox.credentials.plugins.module_utils import adapter, ledger_info, options


def main() -> None:
    adapter.run(
        lambda task: adapter.Made(ledger_info.read(task)),
        {
            **options.reach(),
            "ledger_path": {"type": "path"},
            "head": {"type": "str"},
            "kind": {"type": "str", "choices": ["rack_api_key", "instance_key", "console_api_key"]},
            "max_age": {"type": "str"},
            "max_returned": {"type": "int", "default": 100},
        },
    )


if __name__ == "__main__":
    main()
