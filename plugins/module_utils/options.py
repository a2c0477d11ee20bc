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
_AWS: dict[str, t.Any] = {
    "region": {"type": "str"},
    "profile": {"type": "str"},
    "endpoint_url": {"type": "str"},
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


def aws() -> dict[str, t.Any]:
    """Named as in amazon.aws."""
    return dict(_AWS)
