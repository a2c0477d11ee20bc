#!/usr/bin/python

# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later


from __future__ import annotations

DOCUMENTATION = r"""
module: instance_keyroll
short_description: Roll the SSH key of a Convox rack's instances
version_added: 0.1.0
description:
  - Asks the rack once for a new key pair (C(POST /instances/keyroll)), waits until CloudFormation has replaced every
    instance, and proves that each of the stack's own instances has it.
  - Never asked for twice blindly. After an error or a lost reply, what happened is compared, and a pair that was made
    but not taken by the stack is set.
  - On v3 the rack tells the new pair's private key once. It is kept in the O(stores) before the rack's parameter
    C(key_pair_name) is set, by the Console that runs Terraform for the rack, else by the rack. Where only people can set it,
    the run fails with the command to do so in RV(by_hand), and the next one sees to the rest. A run that died goes on with
    the pair whose private key it kept; a reply that is lost costs a pair that nothing uses.
  - Refused while the rack's API key is latent or its rotation unfinished, since the restart that comes with a keyroll
    would bring that key into force.
author:
  - The convox.credentials developers (@convox-credentials)
extends_documentation_fragment:
  - convox.credentials.attributes
  - convox.credentials.reach
  - convox.credentials.rotation
  - convox.credentials.aws
notes:
  - On v2 and on classic racks the private key stays with the rack, which keeps it encrypted, and the O(stores) keep the
    rotation's state only. On v3 the O(stores) are the only place where it is. The lookup C(convox.credentials.api_key) has it
    with C(kind=instance_key).
  - On v3 the rack is best reached through the Console that has its Terraform state, with O(rack); or by its own host, where
    the CLI's files name that Console and have a key for it. A deploy key can't set parameters.
  - On v3 nodes are told by their pair where EC2 knows the pair that the rack names, which shows that the AWS credentials are
    for its account; else by when they began.
  - Convox has no such keys on other clouds than AWS. There the run fails, nothing is changed, and RV(by_hand) says so.
options:
  wait:
    description:
      - With V(false) the run asks for the new pair and returns. A later run goes on from there.
    type: bool
    default: true
  wait_timeout:
    description:
      - Seconds from the task's start after which it stops waiting.
      - Default is 6 minutes for each batch of instances, and 15 minutes. On v3 each node is a batch.
    type: int
  prune:
    description:
      - Delete the rack's former key pairs in EC2 after a roll that ended well. Never the current or the newest one, nor one
        that any instance names, or a launch template in its default or latest version.
      - On v3 also the pairs that were abandoned because their private key was lost with its reply; and none where EC2 does not
        know the pair that the rack names, which a warning says.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Roll the instance key of a rack when it is older than 180 days
  convox.credentials.instance_keyroll:
    host: rack.example.convox.site
    max_age: 180d

- name: Roll that of a rack that a Console runs Terraform for, and keep the private key in AWS Secrets Manager, too
  convox.credentials.instance_keyroll:
    host: console.example.com
    rack: acme/production
    region: us-east-1
    stores:
      - type: cli
      - type: aws_secretsmanager

- name: Roll it now, and delete the former pairs
  convox.credentials.instance_keyroll:
    host: rack.example.convox.site
    region: us-east-1
    prune: true
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
phase:
  description: V(applied) or V(committed). V(null) in check mode.
  returned: always
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
key_name:
  description: The pair that the stack, or on v3 the parameter C(key_pair_name), names now.
  returned: always
  type: str
  sample: production-keypair-4711
old_key_name:
  description: The pair that it named before. V(null) where there was none.
  returned: always
  type: str
  sample: production-keypair-1234
instances_total:
  description: The stack's own instances.
  returned: always
  type: int
  sample: 3
instances_on_new_key:
  description: How many of them have the pair.
  returned: always
  type: int
  sample: 3
others:
  description: Instances of the rack that are not in the stack's own groups, and so are not replaced.
  returned: always
  type: list
  elements: str
by_hand:
  description:
    - What people have to do, where no API can, as on v3 the command that sets the parameter. The run has failed, and nothing is
      wrong with the rack. The new pair's private key is kept, and the next run goes on from there.
  returned: where something is left to people
  type: str
  sample: "`convox rack params set key_pair_name=production-keypair-1795593732 -r production` where its Terraform is"
pruned:
  description: The former pairs that were deleted.
  returned: always
  type: list
  elements: str
rolled_at:
  description: When the key was rolled last by this collection, ISO 8601 in UTC.
  returned: always
  type: str
  sample: "2026-11-23T10:15:00Z"
stored_in:
  description: The stores that keep the rotation's state, and on v3 the private key.
  returned: always
  type: list
  elements: str
  sample: [cli]
waited_s:
  description: Seconds that the run took.
  returned: always
  type: float
  sample: 912.7
"""

from ansible_collections.convox.credentials.plugins.module_utils import adapter, instance_roll, options


def main() -> None:
    adapter.run(
        lambda task: adapter.Made(instance_roll.roll(task)),
        dict(
            wait={"type": "bool", "default": True},
            wait_timeout={"type": "int"},
            prune={"type": "bool", "default": False},
            **options.reach(),
            **options.rotation(),
            **options.aws(),
        ),
    )


if __name__ == "__main__":
    main()
