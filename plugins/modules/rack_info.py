#!/usr/bin/python

# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later


from __future__ import annotations

DOCUMENTATION = r"""
module: rack_info
short_description: What a Convox rack says of itself, or each rack of a Console, and which of its keys can be rolled
version_added: 0.1.0
description:
  - Asks one rack, directly or through its Console, how it describes itself. Where O(host) is a Console and no O(rack) is
    given, each rack that the Console lists is asked through it, several at a time.
  - What is secret is left out, and so is a Console's own record of a rack, which can hold keys.
  - A rack of a Console that does not answer is an entry that says why. One rack that was named and does not answer fails
    the task, and so does a Console that does not list its racks.
author:
  - The convox.credentials developers (@convox-credentials)
extends_documentation_fragment:
  - convox.credentials.attributes
  - convox.credentials.reach
  - convox.credentials.aws
  - convox.credentials.stores_to_read
attributes:
  check_mode:
    description: Asks the same, and never predicts a change.
    support: full
  diff_mode:
    description: Nothing is changed that could be shown.
    support: N/A
notes:
  - A token that may only read is enough, given in O(rack_url) with the user C(jwt).
  - Nothing is changed. As for every module, the session that a Console demands and a certificate that O(tls_fingerprint)
    accepts are kept in O(config_dir), but in check mode.
"""

EXAMPLES = r"""
- name: See what a rack is
  convox.credentials.rack_info:
    host: rack.example.convox.site
  register: known

- name: Stop where its API key can't be rolled from here
  ansible.builtin.assert:
    that: known.racks[0].api_key_rollable
    fail_msg: "{{ known.racks[0].api_key_reason }}"

- name: See what a rack behind a Console is
  convox.credentials.rack_info:
    host: console.example.com
    api_key: "{{ console_api_key }}"
    rack: acme/production

- name: See all racks of a Console
  convox.credentials.rack_info:
    host: console.example.com
    api_key: "{{ console_api_key }}"
  register: all

- name: List those that do not answer
  ansible.builtin.debug:
    msg: "{{ all.racks | rejectattr('reachable') | items2dict(key_name='rack', value_name='why') }}"
"""

RETURN = r"""
host:
  description: The host that was asked.
  returned: always
  type: str
  sample: console.example.com
kind:
  description: V(console) where all racks of a Console were asked, else V(rack).
  returned: always
  type: str
  sample: console
racks:
  description:
    - The racks, those of a Console in its order. What is not known of one is V(null).
  returned: always
  type: list
  elements: dict
  contains:
    name:
      description: Its name, as its Console calls it where it was reached through one.
      type: str
      sample: production
    organization:
      description: Its organization at the Console. V(null) where it was asked directly.
      type: str
      sample: acme
    host:
      description: The host that it was asked by, as O(host) of the other modules.
      type: str
      sample: console.example.com
    rack:
      description: Its name at the Console, as O(rack) of the other modules. V(null) where it was asked directly.
      type: str
      sample: acme/production
    rack_domain:
      description: Its own host, which is its identity, whatever name it is reached by.
      type: str
      sample: rack.production.convox.site
    domain:
      description: The domain of its apps.
      type: str
      sample: production.convox.site
    generation:
      description: V(classic) up to release 20180708231844, V(v2) after that, V(v3) for releases like 3.18.2.
      type: str
      sample: v2
    version:
      description: Its release.
      type: str
      sample: "20260326150533"
    provider:
      description: The cloud that it is in.
      type: str
      sample: aws
    region:
      description: The region of that cloud.
      type: str
      sample: us-east-1
    status:
      description:
        - Its own word for its state, up to 5 seconds old. V(running) proves nothing about keys. It is also what a rack says
          whose update was rolled back, and one whose new key is not in force.
      type: str
      sample: running
    type:
      description: The type of its instances.
      type: str
      sample: t3.small
    count:
      description: How many instances it has.
      type: int
      sample: 3
    parameters:
      description: Its parameters, but for those that hold secrets, whole or in part.
      type: dict
      sample: {"HighAvailability": "Yes", "Key": "production-keypair-5000"}
    outputs:
      description: Its outputs, but for those that hold secrets.
      type: dict
      sample: {"RackDomain": "rack.production.convox.site"}
    api_key_rollable:
      description: Whether M(convox.credentials.rack_keyroll) can roll the API key of a rack of this kind.
      type: bool
      sample: true
    api_key_reason:
      description: How it is rolled, or why it can't be and what to do instead.
      type: str
      sample: rack_keyroll rolls it by PUT /system, or by CloudFormation
    instance_key_rollable:
      description: Whether M(convox.credentials.instance_keyroll) can roll the SSH key of its instances.
      type: bool
      sample: true
    instance_key_reason:
      description: How it is rolled, or why it can't be and what to do instead.
      type: str
      sample: instance_keyroll rolls it by POST /instances/keyroll, and the rack replaces its instances
    reachable:
      description: Whether it answered.
      type: bool
      sample: true
    why:
      description: Why it did not. V(null) where it did.
      type: str
"""

from ansible_collections.convox.credentials.plugins.module_utils import adapter, options, rack_info


def main() -> None:
    adapter.run(
        lambda task: adapter.Made(rack_info.read(task)),
        {
            **options.reach(),
            **options.stores(),
            **options.aws(),
        },
    )


if __name__ == "__main__":
    main()
