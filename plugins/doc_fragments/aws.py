# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """AWS, where it is asked: module_utils/options.py aws()."""

    DOCUMENTATION = r"""
options:
  region:
    description:
      - The AWS region. Default is the region that the rack says it is in, then boto3's own configuration.
    type: str
  profile:
    description:
      - A profile of the AWS configuration. Credentials come from boto3's own environment and files otherwise.
    type: str
  endpoint_url:
    description:
      - Another address for all AWS services, by C(https), or on this machine. boto3 itself reads E(AWS_ENDPOINT_URL).
    type: str
requirements:
  - boto3 (where AWS is asked)
"""
