#!/usr/bin/python

# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later


from __future__ import annotations

DOCUMENTATION = r"""
module: app_promote
short_description: Promote apps of a Convox rack again, so that they carry the rack's key that is in force
version_added: 0.1.0
description:
  - An app with the parameter C(RackUrl=Yes) carries the rack's key from its last promotion. After the key was rolled the
    app is dead to the rack until it is promoted again.
  - This promotes the release again that each app runs. Nothing else of the app changes, but its processes start anew.
  - Whether an app carries the new key already can't be asked, so that each run promotes all of them.
author:
  - The convox.credentials developers (@convox-credentials)
extends_documentation_fragment:
  - convox.credentials.attributes
  - convox.credentials.reach
  - convox.credentials.aws
  - convox.credentials.stores_to_read
notes:
  - Call it when the new key is in force, as after M(convox.credentials.rack_keyroll) has committed it. An API that still
    runs with the old key would give the apps that one.
  - It does not wait for the apps; C(convox apps) shows when they run.
options:
  apps:
    description:
      - The apps. By default all that have C(RackUrl=Yes).
    type: list
    elements: str
"""

EXAMPLES = r"""
- name: Promote all apps again that carry the rack's key
  convox.credentials.app_promote:
    host: rack.example.convox.site

- name: Promote one app again
  convox.credentials.app_promote:
    host: rack.example.convox.site
    apps: [web]
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
apps:
  description: The apps that are meant, of those that have a release.
  returned: always
  type: list
  elements: str
  sample: [api, web]
never_promoted:
  description: Those that have none, so that there is nothing to promote and they carry no key.
  returned: always
  type: list
  elements: str
promoted:
  description: Those that were promoted again.
  returned: always
  type: list
  elements: str
  sample: [api]
not_promoted:
  description: Those that were not, each with the reason.
  returned: always
  type: dict
  sample: {"web": "it is being updated; promote it when that is over"}
builds:
  description: Builds that are under way, as app/build. They began with the key of their start and can't report with a new one.
  returned: always
  type: list
  elements: str
"""

from ansible_collections.convox.credentials.plugins.module_utils import adapter, app_promote, options


def main() -> None:
    adapter.run(
        lambda task: adapter.Made(app_promote.promote(task)),
        dict(
            apps={"type": "list", "elements": "str"},
            **options.reach(),
            **options.stores(),
            **options.aws(),
        ),
    )


if __name__ == "__main__":
    main()
