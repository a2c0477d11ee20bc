#!/usr/bin/python

# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Documentation only: the work is done by the action plugin of the same name.

from __future__ import annotations

DOCUMENTATION = r"""
module: wait_for_rolls
short_description: Wait for all racks of a batch at once, and show where they stand
version_added: 0.1.0
description:
  - After M(convox.credentials.rack_keyroll) or M(convox.credentials.instance_keyroll) with O(convox.credentials.rack_keyroll#module:wait=false)
    has begun a roll on each rack of a batch, this takes every step that needs waiting, for all of them at once, up to
    the proof that the new key is in force. A rack's API key is then committed at once, where nothing but the stores is
    needed for that. What is left, the same module commits, again without waiting.
  - It holds one fork, however many racks there are, and one time-out for all of them.
  - Says at least every 15 seconds, without C(-v), which racks wait for what.
  - It never fails, and does not do what only a rack's own task can. RV(racks) says which were left to that, and what
    ended badly.
author:
  - The convox.credentials developers (@convox-credentials)
attributes:
  check_mode:
    description: In check mode nothing was begun, so that nothing is waited for.
    support: full
  diff_mode:
    description: The modules before and after it show what changes.
    support: none
notes:
  - Use it with C(run_once), with neither a condition nor C(become), in a play of strategy P(ansible.builtin.linear#strategy)
    whose connection is local.
options:
  kind:
    description:
      - What is rolled.
    type: str
    required: true
    choices: [rack_api_key, instance_key]
  result_variable:
    description:
      - The name of the variable in which each host of the batch has the result of its first task.
    type: str
    required: true
  wait_variables:
    description:
      - Names of variables. The first of them that a host has says whether to wait for it.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Begin on every rack
  convox.credentials.rack_keyroll:
    host: "{{ convox_host }}"
    rotation_id: 2026-q4
    wait: false
  register: begun

- name: Wait for all of them at once
  convox.credentials.wait_for_rolls:
    kind: rack_api_key
    result_variable: begun
  run_once: true
  register: waited

- name: Commit what is in force
  convox.credentials.rack_keyroll:
    host: "{{ convox_host }}"
    rotation_id: 2026-q4
    wait: "{{ waited.racks[inventory_hostname].reached == 'left' }}"
  when: waited.racks[inventory_hostname].reached | default('stopped') in ['ready', 'left']
"""

RETURN = r"""
racks:
  description:
    - By inventory host, each rack that something was to be waited for on.
  returned: always
  type: dict
  contains:
    reached:
      description:
        - V(committed) when nothing is left to be done, with what the module itself would have returned; V(ready) when the
          same module can commit it without waiting, V(stopped) when it ended badly, V(left) when the module has to wait
          by itself.
      type: str
    msg:
      description: What happened, and what to do next. Only where it ended badly.
      type: str
    waited_s:
      description: Seconds that were waited.
      type: float
  sample: {"production": {"reached": "committed", "phase": "committed", "waited_s": 213.0}}
"""
