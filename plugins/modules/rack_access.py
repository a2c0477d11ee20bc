#!/usr/bin/python

# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later


from __future__ import annotations

DOCUMENTATION = r"""
module: rack_access
short_description: Issue temporary credentials for a Convox rack, or end all of them
version_added: 0.1.0
description:
  - Has a rack issue a token that may read, or read and write, for some hours, and proves that the rack takes it before it
    is returned.
  - Or rolls the key that signs the tokens, which ends all of them at once, and proves that old ones are refused.
  - Racks have tokens since release 20230704162933.
author:
  - The convox.credentials developers (@convox-credentials)
extends_documentation_fragment:
  - convox.credentials.attributes
  - convox.credentials.reach
  - convox.credentials.confirmation
  - convox.credentials.stores_to_read
  - convox.credentials.aws
notes:
  - A token is used as O(rack_url), by every module and, as E(RACK_URL), by the Convox CLI.
  - Set C(no_log) on the task, for callbacks and fact caches show what a task returns.
  - A token lives until its hours are over. It survives a roll of the rack's API key, and nobody can take it back alone.
  - The v2 racks of an account and region share one signing key. A token of one of them is good for all of them, and a roll
    on one of them ends the tokens of the others as soon as their API restarts. A warning says so.
  - Rolling the signing key restarts the rack's API, which answers no requests for a while if the rack runs without
    HighAvailability.
  - The ledger has no line for either, since no key of it is known to anybody but the rack.
options:
  state:
    description:
      - V(issued) issues a token.
      - V(signing_key_rolled) rolls the signing key, in each run. It needs the rack's own key, or that of a Console.
    type: str
    choices: [issued, signing_key_rolled]
    default: issued
  role:
    description:
      - What the token may do, V(read) all that changes nothing, V(write) everything that the rack's key may. On v3 racks
        the roll of the signing key is beyond V(write).
    type: str
    choices: [read, write]
    default: read
  hours:
    description:
      - How long the token is good, 1 to 168, which is a week.
    type: int
    default: 1
  return_key:
    description:
      - Return the token, in RV(rack_url). It is masked everywhere else. Has to be V(true) for O(state=issued).
    type: bool
    default: false
  wait:
    description:
      - With V(false) the roll of the signing key is sent, and nobody confirms it.
    type: bool
    default: true
  wait_timeout:
    description:
      - Seconds from the task's start after which the roll of the signing key stops waiting.
    type: int
    default: 1800
"""

EXAMPLES = r"""
- name: Have a token issued that may read for two hours
  convox.credentials.rack_access:
    host: rack.example.convox.site
    hours: 2
    return_key: true
  register: access
  no_log: true

- name: Have one issued through a Console
  convox.credentials.rack_access:
    host: console.example.com
    api_key: "{{ console_api_key }}"
    rack: acme/production
    role: write
    return_key: true
  register: access
  no_log: true

- name: End all tokens
  convox.credentials.rack_access:
    host: rack.example.convox.site
    state: signing_key_rolled
"""

RETURN = r"""
host:
  description: The host that was asked.
  returned: always
  type: str
  sample: rack.example.convox.site
rack:
  description: The rack's name.
  returned: always
  type: str
  sample: production
rack_domain:
  description: The rack's own domain.
  returned: always
  type: str
  sample: rack.example.convox.site
rack_url:
  description: Where the rack is reached, with the token in it. Through a Console too it is the rack's own host.
  returned: when O(state=issued) and O(return_key=true), but in check mode
  type: str
  sample: https://jwt:TOKEN@rack.example.convox.site
role:
  description: What the token may do.
  returned: when O(state=issued)
  type: str
  sample: read
expires_at:
  description: When the token ends, by the rack's clock, ISO 8601 in UTC. V(null) in check mode.
  returned: when O(state=issued)
  type: str
  sample: "2026-11-23T12:15:00Z"
fingerprint:
  description: The first 12 hex digits of the token's SHA-256. V(null) in check mode.
  returned: when O(state=issued)
  type: str
  sample: 1f2e3d4c5b6a
old_refused:
  description:
    - Whether tokens of before the roll are refused, V(true), V(false) or V(unknown). V(true) is said when it is confirmed.
  returned: when O(state=signing_key_rolled)
  type: str
  sample: "true"
waited_s:
  description: Seconds that the run took.
  returned: when O(state=signing_key_rolled)
  type: float
  sample: 96.5
"""

from ansible_collections.convox.credentials.plugins.module_utils import adapter, options, rack_access


def main() -> None:
    adapter.run(
        lambda task: adapter.Made(*rack_access.access(task)),
        dict(
            state={"type": "str", "choices": ["issued", "signing_key_rolled"], "default": "issued"},
            role={"type": "str", "choices": ["read", "write"], "default": "read"},
            hours={"type": "int", "default": 1},
            return_key={"type": "bool", "default": False, "no_log": False},
            wait={"type": "bool", "default": True},
            wait_timeout={"type": "int", "default": 1800},
            **options.confirmation(),
            **options.reach(),
            **options.stores(),
            **options.aws(),
        ),
    )


if __name__ == "__main__":
    main()
