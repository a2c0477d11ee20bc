# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""The variables that the playbooks and roles take."""

from __future__ import annotations

import functools
import pathlib

import yaml

PREFIX = "convox_"
# What hands a key on: no option of a role, for each hook takes its own.
HOOKS = frozenset(PREFIX + name for name in ("after_roll_awx_credential", "after_roll_command", "after_roll_file"))
# The playbooks' own.
PLAYBOOKS = frozenset(PREFIX + name for name in ("hosts", "serial", "leaked", "leak_activate", "incident_path"))
# What is told to later jobs of a workflow, what the inventory plugin tells of a rack, and what is set for hooks.
_TOLD = frozenset(
    PREFIX + name
    for name in (
        "racks", "audit", "incident", "workflow_rotation_id",
        "account", "domain", "generation", "name", "organization", "provider", "status", "version",
        "fingerprint", "new_api_key", "rack_domain", "rack_host", "rack_name",
    )
)  # fmt: skip
# What a play has set by now.
_SET = frozenset(PREFIX + name for name in ("fleet", "given", "record", "record_path", "resume", "rotation", "unknown"))


@functools.cache
def options() -> dict[str, bool]:
    """Of each option of a role, by its own name and by the one that roles share, whether it is secret."""
    found: dict[str, bool] = {}
    for path in (pathlib.Path(__file__).parents[2] / "roles").glob("*/meta/argument_specs.yml"):
        prefix = path.parents[1].name + "_"
        for entry_point in yaml.safe_load(path.read_text(encoding="utf-8"))["argument_specs"].values():
            for name, option in entry_point["options"].items():
                suboptions = option.get("options", {}).values()
                secret = any(each.get("no_log", False) for each in (option, *suboptions))
                for called in (name, PREFIX + name[len(prefix) :]):
                    found[called] = secret or found.get(called, False)
    return found


@functools.cache
def known() -> frozenset[str]:
    """All that begin as this collection's do."""
    return frozenset(name for name in options() if name.startswith(PREFIX)) | HOOKS | PLAYBOOKS | _TOLD | _SET
