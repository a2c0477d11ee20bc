# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """Where keys are looked for, and not kept: module_utils/options.py stores()."""

    DOCUMENTATION = r"""
options:
  stores:
    description:
      - Where keys are kept, as for M(convox.credentials.rack_keyroll). They are only read.
    type: list
    elements: dict
    default: [{type: cli}]
    suboptions:
      type:
        description:
          - V(cli) is the Convox CLI's C(auth) file with C(rotations.json) beside it, V(file) one JSON file,
            V(aws_secretsmanager) a secret in AWS.
        type: str
        required: true
        choices: [cli, file, aws_secretsmanager]
      path:
        description:
          - The file of a store of type V(file).
        type: path
      name:
        description:
          - The name of a secret in AWS. Default is C(convox/<rack-domain>).
        type: str
      kms_key_id:
        description:
          - Not used here.
        type: str
      tags:
        description:
          - Not used here.
        type: dict
      persistent:
        description:
          - Not used here.
        type: bool
        default: false
"""
