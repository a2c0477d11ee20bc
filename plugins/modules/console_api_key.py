#!/usr/bin/python

# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later


from __future__ import annotations

DOCUMENTATION = r"""
module: console_api_key
short_description: Roll a person's Convox Console API key
version_added: 0.1.0
description:
  - Makes the Console make a new API key for an account, keeps it before anything else is done, proves it, and puts it in
    the place of the former one, which is dead from the moment the new one is made.
  - A run that was interrupted is finished by the next one, whenever that is.
author:
  - The convox.credentials developers (@convox-credentials)
extends_documentation_fragment:
  - convox.credentials.attributes
  - convox.credentials.reach
  - convox.credentials.rotation
  - convox.credentials.aws
notes:
  - An account with a hardware token can't be automated, by anybody. Use a deploy key there.
options:
  email:
    description:
      - The account.
    type: str
    required: true
  account_password:
    description:
      - The account's password, which opens the session that a new key needs. Not kept anywhere.
    type: str
  state:
    description:
      - V(rolled) makes a new key; V(valid) does so only when every known key is refused.
    type: str
    choices: [rolled, valid]
    default: rolled
  return_key:
    description:
      - Return the key that this run made, in RV(api_key). It is masked everywhere else.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Roll the Console API key when it is older than 90 days
  convox.credentials.console_api_key:
    host: console.example.com
    email: deploy@example.com
    account_password: "{{ console_account_password }}"
    max_age: 90d

- name: Make sure that the stored key works
  convox.credentials.console_api_key:
    email: deploy@example.com
    account_password: "{{ console_account_password }}"
    state: valid
    stores:
      - type: file
        path: /srv/keys/convox.json

- name: Keep the key where every controller finds it
  convox.credentials.console_api_key:
    host: console.example.com
    email: deploy@example.com
    account_password: "{{ console_account_password }}"
    region: us-east-1
    stores:
      - type: aws_secretsmanager
        name: convox/<rack-domain>
"""

RETURN = r"""
host:
  description: The Console.
  returned: always
  type: str
  sample: console.convox.com
rack:
  description: Always V(null); a Console API key belongs to an account.
  returned: always
  type: str
email:
  description: The account.
  returned: always
  type: str
  sample: deploy@example.com
id:
  description: The Console's id of the user.
  returned: always
  type: str
  sample: 7a8b9c0d
fingerprint:
  description: The first 12 hex digits of the SHA-256 of the key in force. V(null) in check mode, where none is made.
  returned: always
  type: str
  sample: 1f2e3d4c5b6a
old_fingerprint:
  description: That of the former key, where it was known.
  returned: always
  type: str
  sample: a1b2c3d4e5f6
old_refused:
  description: Whether the former key is refused, V(true), V(false) (then it is another login's) or V(unknown).
  returned: when it was rolled
  type: str
  sample: "true"
rotation_id:
  description: The name of this rotation.
  returned: always
  type: str
  sample: 2026-q4
resumed:
  description: Whether an earlier run had begun it.
  returned: always
  type: bool
rolled_at:
  description: When the key was rolled last by this collection, ISO 8601 in UTC.
  returned: always
  type: str
  sample: "2026-11-23T10:15:00Z"
stored_in:
  description: The stores that hold the key.
  returned: always
  type: list
  elements: str
  sample: [cli]
api_key:
  description: The key that this run made.
  returned: when O(return_key=true) and a key was made
  type: str
"""

from ansible_collections.convox.credentials.plugins.module_utils import adapter, console_roll, options


def main() -> None:
    adapter.run(
        lambda task: adapter.Made(*console_roll.roll(task)),
        dict(
            email={"type": "str", "required": True},
            account_password={"type": "str", "no_log": True},
            state={"type": "str", "choices": ["rolled", "valid"], "default": "rolled"},
            return_key={"type": "bool", "default": False, "no_log": False},
            **options.reach(),
            **options.rotation(),
            **options.aws(),
        ),
    )


if __name__ == "__main__":
    main()
