# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""The ledger: what was rolled, when and by which job, one JSON line each, without secrets.

Each line carries the SHA-256 of the one before (without its end), so that a line taken out or changed later shows.
"""

from __future__ import annotations

import hashlib
import json
import os
import typing as t

from ansible_collections.convox.credentials.plugins.module_utils import files
from ansible_collections.convox.credentials.plugins.module_utils.errors import Held, StoreFailed
from ansible_collections.convox.credentials.plugins.module_utils.records import Pending, Record
from ansible_collections.convox.credentials.plugins.module_utils.task import Task

# AWX's own words for the job that runs; absent elsewhere.
_JOB_VARIABLES = {"JOB_ID": "job", "AWX_HOST": "awx"}


def record(task: Task, committed: Record, pending: Pending, old: str | None, new: str, started: float) -> None:
    """One rotation that was committed. ``old`` and ``new``: fingerprints, or names of key pairs."""
    entry = {
        "what": committed.kind,
        "identity": committed.identity,
        "rack": committed.name,
        "old": old,
        "new": new,
        "at": committed.rolled_at,
        "rotation_ids": list(pending.rotation_ids),
        "seconds": round(task.clock.now() - started, 1),
    }
    path = task.options.get("ledger_path") or task.cli.home.file("ledger.jsonl")
    try:
        append(path, entry, task.environ)
    except (StoreFailed, Held) as exc:
        # The rotation is committed: saying that it failed would be untrue.
        task.warn_once(f"{committed.identity}: rolled, but the ledger has no line for it: {exc}")


def append(path: str, entry: t.Mapping[str, t.Any], environ: t.Mapping[str, str]) -> None:
    """Add one line, durably. ``entry`` holds names, fingerprints, dates and seconds, never a key."""
    job = {name: environ[variable] for variable, name in _JOB_VARIABLES.items() if environ.get(variable)}
    path = os.path.realpath(os.path.expanduser(path))
    files.make_directory(os.path.dirname(path))
    if os.path.exists(path) and not os.path.isfile(path):
        raise StoreFailed(f"{path}: no file; name another in ledger_path")
    with files.locked(path + ".lock", path, files.LOCK_PATIENCE_S), files.translated("append to", path):
        before = _last_line(path)
        line = json.dumps({**entry, **job, "before": hashlib.sha256(before.rstrip(b"\n")).hexdigest()}, sort_keys=True)
        with open(path, "ab", opener=lambda name, flags: os.open(name, flags, files.FILE_MODE)) as file:
            # A line that a crash cut short stays as it is, and ends here.
            file.write((b"" if before.endswith(b"\n") or not before else b"\n") + line.encode("utf-8") + b"\n")
            file.flush()
            os.fsync(file.fileno())


def _last_line(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read().splitlines(keepends=True)[-1:][0]
    except (FileNotFoundError, IndexError):
        return b""
