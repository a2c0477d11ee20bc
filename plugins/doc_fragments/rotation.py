# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """Where a new key is kept, and whether it is due: module_utils/options.py rotation()."""

    DOCUMENTATION = r"""
options:
  stores:
    description:
      - Where the key is kept, before anything else is done with it and from then on.
      - The first store is written first; all of them take the new key when it is proven to be in force.
      - Under AWX and ansible-runner, which delete a job's files at its end, a store is refused unless it says
        C(persistent=true). They are told by E(AWX_HOST), E(TOWER_HOST), E(AWX_PRIVATE_DATA_DIR),
        E(AWX_ISOLATED_DATA_DIR) and E(RUNNER_OMIT_EVENTS).
    type: list
    elements: dict
    default:
      - type: cli
    suboptions:
      type:
        description:
          - V(cli) is the Convox CLI's C(auth) file for the key in force, and C(rotations.json) beside it for pending and
            superseded keys.
          - V(file) is one JSON file for all of them.
          - V(aws_secretsmanager) is one secret for each credential in AWS Secrets Manager, which several controllers can
            share; with boto3 and the AWS options. The key in force is C(AWSCURRENT), the one on its way C(AWSPENDING),
            the former one C(AWSPREVIOUS), each as C({"host", "api_key"}).
        type: str
        required: true
        choices: [cli, file, aws_secretsmanager]
      path:
        description:
          - The file of a store of type V(file).
        type: path
      name:
        description:
          - The secret's name, for a store of type V(aws_secretsmanager). C(<rack-domain>) in it stands for the rack's own
            domain, and for a Console API key for C(email@host).
          - Default is C(convox/<rack-domain>). What is not allowed in names, as the colon before a port, becomes C(_).
        type: str
      kms_key_id:
        description:
          - The KMS key that encrypts a secret that is made, for a store of type V(aws_secretsmanager).
        type: str
      tags:
        description:
          - Tags of the secret, for a store of type V(aws_secretsmanager), beside this collection's own C(convox:...).
        type: dict
      persistent:
        description:
          - Says that the store outlives the job, where that can't be taken for granted.
        type: bool
        default: false
  max_age:
    description:
      - Roll only when the key is older, as V(90d), V(12h) or V(30m). A key of unknown age is rolled.
      - Without it and without O(rotation_id) each run rolls.
      - A key that is young enough is left without a question to AWS. That somebody set another one, which is latent yet,
        tells M(convox.credentials.credential_audit).
    type: str
  rotation_id:
    description:
      - A name for this campaign. A run with the name of a rotation that was committed changes nothing, so that a campaign
        that was interrupted and started again rolls each credential once.
      - Made when not given, and returned.
    type: str
  ledger_path:
    description:
      - The file that gets a line for each rotation, without secrets. M(convox.credentials.ledger_info) reads it.
      - Default is C(ledger.jsonl) in O(config_dir). Under AWX and ansible-runner that is lost with the job, and a warning
        says so, unless a store of type V(cli) says C(persistent=true).
    type: path
"""
