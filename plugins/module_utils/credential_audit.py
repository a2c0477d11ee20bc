# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""The audit as one task: what is known is gathered, judged by the policy, and written as a report."""

from __future__ import annotations

import hashlib
import json
import os
import typing as t

from ansible_collections.convox.credentials.plugins.module_utils import audit, audit_gather, audit_report, files
from ansible_collections.convox.credentials.plugins.module_utils.audit_report import Document
from ansible_collections.convox.credentials.plugins.module_utils.errors import BadInput
from ansible_collections.convox.credentials.plugins.module_utils.task import Task

# A report of thousands of racks.
_LARGEST = 256 << 20


def run(task: Task) -> dict[str, t.Any]:
    policy = audit.policy_of(*_policy(task))
    began = task.clock.now()
    seen = audit_gather.gather(task)
    report = audit_report.document(seen, policy, audit.judge(seen, policy), task.clock.now() - began)
    earlier = task.options.get("compare")
    if earlier:
        report["changes"] = _changes(earlier, report)
    result = {
        "changed": False,
        "summary": report["summary"],
        "failed_policy": report["summary"]["failed"],
        "lines": audit_report.summary(report),
        "findings": report["findings"][: task.options["max_returned"]],
        "dest": None,
        "sha256": None,
    }
    dest = task.options.get("dest")
    return {**result, **_write(task, dest, report)} if dest else result


def _policy(task: Task) -> tuple[t.Any, str]:
    """What was given, and what messages call it."""
    path = task.options.get("policy_file")
    if not path:
        return task.options.get("policy"), "policy"
    text = files.read(path)
    if text is None:
        raise BadInput(f"policy_file: {path}: there is no such file")
    import yaml

    try:
        return yaml.safe_load(text), path
    except yaml.YAMLError as exc:
        raise BadInput(f"policy_file: {path}: no YAML: {' '.join(str(exc).split())}") from None


def _changes(path: str, report: Document) -> Document:
    text = files.read(path, _LARGEST)
    if text is None:
        raise BadInput(f"compare: {path}: there is no such file; name the JSON file of an earlier audit, or leave it out")
    try:
        earlier = json.loads(text)
    except ValueError:
        raise BadInput(f"compare: {path}: it is no JSON; name the JSON file of an earlier audit") from None
    return audit_report.changes(earlier, hashlib.sha256(text.encode("utf-8")).hexdigest(), report)


def _write(task: Task, dest: str, report: Document) -> dict[str, t.Any]:
    path = os.path.abspath(os.path.expanduser(dest))
    text = task.secrets.redact(json.dumps(report, indent=2, sort_keys=True) + "\n")
    if not task.check_mode:
        files.write(path, text)
    return {"changed": True, "dest": path, "sha256": hashlib.sha256(text.encode("utf-8")).hexdigest()}
