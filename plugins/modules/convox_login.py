#!/usr/bin/python

# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later


from __future__ import annotations

DOCUMENTATION = r"""
module: convox_login
short_description: Log into a Convox Console or rack as the Convox CLI does
version_added: 0.1.0
description:
  - Proves a key (C(GET /auth), for a rack C(GET /system) too) and then writes what C(convox login) would write, in
    whichever of the CLI's three layouts is there. Each file is written whole or not at all.
  - Entries of other hosts stay as they are.
author:
  - The convox.credentials developers (@convox-credentials)
extends_documentation_fragment:
  - convox.credentials.attributes
  - convox.credentials.reach
options:
  state:
    description:
      - V(present) logs in; V(absent) takes the host out of all of the CLI's layouts, and nothing else.
    type: str
    choices: [present, absent]
    default: present
  activate:
    description:
      - Whether the host becomes the CLI's active one. The CLI's active rack is forgotten only when the active host changes.
    type: bool
    default: true
  switch_to:
    description:
      - The rack, as C(organization/name), that becomes the CLI's active one.
    type: str
"""

EXAMPLES = r"""
- name: Log into the Console with the key in CONVOX_PASSWORD
  convox.credentials.convox_login:

- name: Log into a rack directly
  convox.credentials.convox_login:
    host: rack.example.convox.site
    api_key: "{{ rack_api_key }}"
    activate: false

- name: Log into a Console and make one of its racks the active one
  convox.credentials.convox_login:
    host: console.example.com
    api_key: "{{ console_api_key }}"
    switch_to: acme/production

- name: Log out of a rack that is gone
  convox.credentials.convox_login:
    host: rack.example.convox.site
    state: absent
"""

RETURN = r"""
host:
  description: The host as it stands in the CLI's files.
  returned: always
  type: str
  sample: console.convox.com
rack:
  description: The rack's name; V(null) for a Console.
  returned: always
  type: str
  sample: production
kind:
  description: What answered at the host.
  returned: when O(state=present)
  type: str
  sample: console
id:
  description: The Console's id of the user.
  returned: always
  type: str
  sample: 7a8b9c0d
fingerprint:
  description: The first 12 hex digits of the key's SHA-256; V(weak) for keys shorter than 24 characters.
  returned: when O(state=present)
  type: str
  sample: 1f2e3d4c5b6a
system:
  description: What a rack says of itself, without what is secret.
  returned: for a rack
  type: dict
  sample: {"name": "production", "status": "running", "version": "20260326150533"}
config_dir:
  description: The directory whose files hold the login.
  returned: always
  type: str
  sample: /home/me/.config/convox
"""

from ansible_collections.convox.credentials.plugins.module_utils import adapter, login, options


def main() -> None:
    adapter.run(
        lambda task: adapter.Made(login.login(task)),
        dict(
            state={"type": "str", "choices": ["present", "absent"], "default": "present"},
            activate={"type": "bool", "default": True},
            switch_to={"type": "str"},
            **options.reach(),
        ),
    )


if __name__ == "__main__":
    main()
