#!/usr/bin/python

# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later


from __future__ import annotations

DOCUMENTATION = r"""
module: rack_keyroll
short_description: Roll the API key of a Convox rack, and prove that the new one is in force
version_added: 0.1.0
description:
  - Makes a new key, keeps it before anything else is done, sets it in the rack's CloudFormation stack, restarts the
    rack's API so that the key is in force, proves on fresh connections that every container accepts the new key and
    refuses the old one, and only then puts it in the place of the old one.
  - Since release 20230427130715 a changed key is latent until the API restarts, perhaps months later; setting it alone,
    as C(convox rack params set) does, leaves a key that locks everybody out one day.
  - A run that dies at any moment loses no key. The next one finds the pending rotation and finishes it.
author:
  - The convox.credentials developers (@convox-credentials)
extends_documentation_fragment:
  - convox.credentials.attributes
  - convox.credentials.reach
  - convox.credentials.confirmation
  - convox.credentials.rotation
  - convox.credentials.aws
notes:
  - The rack's API answers no requests for a while if the rack runs without HighAvailability.
  - Apps with C(RackUrl=Yes) carry the old key until they are promoted again; RV(also_affected) names them.
  - The API key of a v3 rack is in its Terraform state and can't be rolled here. The run fails, nothing is changed, and
    RV(by_hand) says how it is rolled.
options:
  method:
    description:
      - V(api) sets the key through the rack's own API; V(cloudformation) in its stack, with AWS credentials.
      - V(auto) is V(api) where a known key is accepted. Where all are refused for a minute, or none is known, it is
        V(cloudformation), if the stack says that it is this rack's.
    type: str
    choices: [auto, api, cloudformation]
    default: auto
  stack_name:
    description:
      - The name of the rack's stack, which is the rack's name.
    type: str
  new_key:
    description:
      - The new key, 24 to 50 letters and digits. Made at random when not given.
    type: str
  key_length:
    description:
      - The length of a key that is made, 24 to 50.
    type: int
    default: 40
  wait:
    description:
      - With V(false) the run takes every step that needs no waiting and returns the RV(phase) that it reached. A later run
        goes on from there.
    type: bool
    default: true
  wait_timeout:
    description:
      - Seconds from the task's start after which it stops waiting. The rotation stays pending for the next run.
    type: int
    default: 1800
  activate:
    description:
      - How the changed key is brought into force. V(ecs) asks AWS for a new deployment of the API's service;
        V(signing_key) asks the rack to roll the signing key of its tokens, which does the same restart and ends all
        tokens of the account's racks in the region. V(auto) takes the first of these that is possible; so, without
        credentials for AWS, it is V(signing_key).
      - V(none) leaves the key latent, and warns of it. Racks before 20230427130715 restart by themselves.
    type: str
    choices: [auto, ecs, signing_key, none]
    default: auto
  allow_replacements:
    description:
      - AWS resolves the newest machine image at each update of the stack, so a roll can also replace every instance.
        With AWS credentials a change set tells it before, and a warning names what would be replaced.
      - V(false) refuses to roll where that would happen or can't be known.
    type: bool
    default: true
  console_sync:
    description:
      - A Console keeps its own copy of the key of each of its racks. V(auto) refuses to roll the key of a rack that a
        Console is known to hold, since everybody who works through that Console would be locked out. So it does where a
        Console that the CLI's files name can not be asked.
      - V(reimport) rolls it, and renews the Console's record afterwards, which is the only way to give it the new key
        without a person. The rack is imported beside it, checked through the Console, and only then is the old record
        removed and the new one given its name. The new record has another id, so that workflows, webhooks and the history
        of updates of the old one are orphaned; a warning says so before anything is changed. It needs O(email) and
        O(account_password), and refuses racks that their Console could uninstall. A run that dies on the way is finished
        by the next, also where the key itself is left as it is.
      - V(none) rolls it all the same. The Console has to be given the new key by hand.
    type: str
    choices: [auto, reimport, none]
    default: auto
  email:
    description:
      - The account at the Console, an operator or administrator of the rack's organization, for O(console_sync=reimport).
      - Also what the Console's own API key is found by in a store of type V(aws_secretsmanager).
    type: str
  account_password:
    description:
      - Its password. Only used to open a session.
    type: str
  return_key:
    description:
      - Return the key that this run made, in RV(api_key). It is masked everywhere else.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Roll a rack's key when it is older than 90 days
  convox.credentials.rack_keyroll:
    host: rack.example.convox.site
    max_age: 90d

- name: Set a new key on a rack whose key is lost
  convox.credentials.rack_keyroll:
    host: rack.example.convox.site
    method: cloudformation
    stack_name: example
    region: us-east-1

- name: Begin on many racks at once, and finish in a later task
  convox.credentials.rack_keyroll:
    host: "{{ convox_host }}"
    rotation_id: 2026-q4
    wait: false

- name: Finish what was begun
  convox.credentials.rack_keyroll:
    host: "{{ convox_host }}"
    rotation_id: 2026-q4

- name: Roll the key of a rack that a Console holds, and give the Console the new one
  convox.credentials.rack_keyroll:
    host: rack.example.convox.site
    console_sync: reimport
    email: deploy@example.com
    account_password: "{{ console_account_password }}"

- name: Roll without AWS credentials
  convox.credentials.rack_keyroll:
    host: rack.example.convox.site
    method: api
    activate: signing_key
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
  description: The rack's own domain, by which stores know its key.
  returned: always
  type: str
  sample: rack.example.convox.site
phase:
  description: How far the rotation got, one of V(staged), V(applied), V(active), V(confirmed) and V(committed).
  returned: but in check mode
  type: str
  sample: committed
resumed:
  description: Whether an earlier run had begun it.
  returned: always
  type: bool
rotation_id:
  description: The name of this rotation.
  returned: always
  type: str
  sample: 2026-q4
begun_by:
  description: The rotation that made the new key. It is not RV(rotation_id) where this run has finished what another one had begun.
  returned: when something was done
  type: str
of_this_rotation:
  description:
    - Whether a key of this rack was committed under this RV(rotation_id), by this run or by an earlier one. Who hands new
      keys on does so where this is true, and misses none when a run died right after the commit.
  returned: but in check mode
  type: bool
method:
  description: How the key was set, V(api) or V(cloudformation).
  returned: when something was done
  type: str
  sample: api
activated_by:
  description: What brought it into force, one of V(ecs), V(signing_key), V(stack) and V(none); in check mode, what would.
  returned: when something was done, or would be
  type: str
  sample: ecs
fingerprint:
  description: The first 12 hex digits of the SHA-256 of the new key, or of the one in force where nothing was to do.
  returned: always
  type: str
  sample: 1f2e3d4c5b6a
old_fingerprint:
  description: That of the former key, where it is known.
  returned: always
  type: str
  sample: a1b2c3d4e5f6
old_refused:
  description: Whether the old key is refused, V(true), V(false) or V(unknown).
  returned: when something was done
  type: str
  sample: "true"
stored_in:
  description: The stores that hold the key.
  returned: when something was done
  type: list
  elements: str
  sample: [cli]
rolled_at:
  description: When the key was rolled last by this collection, ISO 8601 in UTC.
  returned: always
  type: str
  sample: "2026-11-23T10:15:00Z"
waited_s:
  description: Seconds that the run took.
  returned: but in check mode
  type: float
  sample: 212.4
console_access:
  description:
    - Whether a Console's copy of the key works, V(ok) or V(stale); V(none) where no Console that is known holds the rack.
    - V(unknown) where a Console could not be asked.
  returned: but in check mode
  type: str
  sample: none
by_hand:
  description: How the key of such a rack is rolled, where this module can't, as on v3. The run has failed, and nothing was changed.
  returned: on racks of v3
  type: str
  sample: it is random_string.password in the rack's Terraform state; run `terraform apply -replace=` of it where that state is
also_affected:
  description:
    - Who carries the old key (apps with C(RackUrl), builds in flight), and the instances that were replaced.
    - A list is empty, too, where the rack can't be asked for it, which a warning says.
  returned: when something was done, and in check mode
  type: dict
  sample: {"apps": ["api"], "builds": [], "instances": []}
api_key:
  description: The key that this run made.
  returned: when O(return_key=true) and a key was made
  type: str
"""

from ansible_collections.convox.credentials.plugins.module_utils import adapter, options, rack_keyroll


def main() -> None:
    adapter.run(
        lambda task: adapter.Made(*rack_keyroll.roll(task)),
        dict(
            method={"type": "str", "choices": ["auto", "api", "cloudformation"], "default": "auto"},
            stack_name={"type": "str"},
            new_key={"type": "str", "no_log": True},
            key_length={"type": "int", "default": 40, "no_log": False},
            wait={"type": "bool", "default": True},
            wait_timeout={"type": "int", "default": 1800},
            activate={"type": "str", "choices": ["auto", "ecs", "signing_key", "none"], "default": "auto"},
            allow_replacements={"type": "bool", "default": True},
            console_sync={"type": "str", "choices": ["auto", "reimport", "none"], "default": "auto"},
            email={"type": "str"},
            account_password={"type": "str", "no_log": True},
            return_key={"type": "bool", "default": False, "no_log": False},
            **options.confirmation(),
            **options.reach(),
            **options.rotation(),
            **options.aws(),
        ),
    )


if __name__ == "__main__":
    main()
