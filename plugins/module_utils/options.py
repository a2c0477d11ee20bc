# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""The options that modules share, as argument specs; the doc fragments of the same names say what they mean."""

from __future__ import annotations

import typing as t

_REACH: dict[str, t.Any] = {
    "host": {"type": "str"},
    "api_key": {"type": "str", "no_log": True},
    "rack": {"type": "str"},
    "rack_url": {"type": "str", "no_log": True},
    "config_dir": {"type": "path"},
    "validate_certs": {"type": "bool", "default": True},
    "ca_path": {"type": "path"},
    "tls_fingerprint": {"type": "str"},
    "timeout": {"type": "int", "default": 30},
    "retries": {"type": "int", "default": 3},
}
_STORES: dict[str, t.Any] = {
    "stores": {
        "type": "list",
        "elements": "dict",
        "default": [{"type": "cli"}],
        "options": {
            "type": {"type": "str", "required": True, "choices": ["cli", "file", "aws_secretsmanager"]},
            "path": {"type": "path"},
            "name": {"type": "str"},
            "kms_key_id": {"type": "str", "no_log": False},
            "tags": {"type": "dict"},
            "persistent": {"type": "bool", "default": False},
        },
        "required_if": [("type", "file", ["path"])],
    },
}
_ROTATION: dict[str, t.Any] = {
    "max_age": {"type": "str"},
    "rotation_id": {"type": "str"},
    "ledger_path": {"type": "path"},
}
_CONFIRMATION: dict[str, t.Any] = {
    "confirmations": {"type": "int", "default": 3},
    "confirm_period": {"type": "int", "default": 35},
    "confirm_interval": {"type": "int", "default": 1},
}
_AWS: dict[str, t.Any] = {
    "region": {"type": "str"},
    "profile": {"type": "str"},
    "endpoint_url": {"type": "str"},
}
# As deep as a way to an AWS account goes where several are asked.
_ACCOUNT: dict[str, t.Any] = {"profile": {"type": "str"}, "role_arn": {"type": "str"}, "region": {"type": "str"}}
_AUDIT: dict[str, t.Any] = {
    "console": {"type": "bool"},
    "ask_racks": {"type": "bool", "default": True},
    "racks": {"type": "list", "elements": "str", "default": []},
    "api_keys": {
        "type": "list",
        "elements": "dict",
        "default": [],
        # The suboption is: hosts beside it are to be seen.
        "no_log": False,
        "options": {"host": {"type": "str", "required": True}, "api_key": {"type": "str", "required": True, "no_log": True}},
    },
    "tls_fingerprints": {"type": "dict", "default": {}},
    "filters": {
        "type": "dict",
        "default": {},
        "options": {"include": {"type": "list", "elements": "dict"}, "exclude": {"type": "list", "elements": "dict"}},
    },
    "aws": {"type": "list", "elements": "dict", "default": [], "options": {**_ACCOUNT, "regions": {"type": "list", "elements": "str"}}},
    "homes": {"type": "list", "elements": "str", "default": []},
    "tables": {"type": "dict", "options": {"prefix": {"type": "str", "required": True}, **_ACCOUNT}},
    "ledger_path": {"type": "path"},
    "policy": {"type": "dict"},
    "policy_file": {"type": "path"},
    "fail_on": {"type": "str", "choices": ["critical", "high", "medium", "low", "info", "never"]},
    "compare": {"type": "path"},
    "dest": {"type": "path"},
    "formats": {"type": "list", "elements": "str", "choices": ["html", "csv", "junit", "sarif"], "default": ["html"]},
    "max_returned": {"type": "int", "default": 100},
}
MUTUALLY_EXCLUSIVE = [("rack_url", "host"), ("rack_url", "rack"), ("rack_url", "api_key")]


def reach() -> dict[str, t.Any]:
    """Which rack or Console, and how it is trusted."""
    return dict(_REACH)


def stores() -> dict[str, t.Any]:
    """Where keys are kept."""
    return dict(_STORES)


def rotation() -> dict[str, t.Any]:
    """Where a new key is kept, and whether it is due."""
    return {**_STORES, **_ROTATION}


def confirmation() -> dict[str, t.Any]:
    """How long a roll is confirmed."""
    return dict(_CONFIRMATION)


def aws() -> dict[str, t.Any]:
    """Named as in amazon.aws."""
    return dict(_AWS)


def audit() -> dict[str, t.Any]:
    """Who is asked about a fleet, what is asked of it, and what is written."""
    return {**_REACH, **_STORES, **_AWS, **_AUDIT}
