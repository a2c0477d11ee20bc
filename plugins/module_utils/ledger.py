# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""The ledger: what was rolled, when and by which job, one JSON line each, without secrets.

Each line carries the hash of what stands above it (ledger_chain.py), so that a line taken out or changed later shows.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
import typing as t

from ansible_collections.convox.credentials.plugins.module_utils import files, ledger_chain
from ansible_collections.convox.credentials.plugins.module_utils.errors import Held, StoreFailed
from ansible_collections.convox.credentials.plugins.module_utils.ledger_chain import Line
from ansible_collections.convox.credentials.plugins.module_utils.records import Pending, Record
from ansible_collections.convox.credentials.plugins.module_utils.stores import job_variable
from ansible_collections.convox.credentials.plugins.module_utils.task import Task
from ansible_collections.convox.credentials.plugins.module_utils.times import parse_date

# What AWX says in the job's environment; its workflow and who launched it are variables of the play only.
_JOB_VARIABLES = {"JOB_ID": "job", "AWX_HOST": "awx"}


def path_of(task: Task) -> str:
    """Where a task's ledger is, behind whatever link."""
    return os.path.realpath(os.path.expanduser(task.options.get("ledger_path") or task.cli.home.file("ledger.jsonl")))


def record(task: Task, committed: Record, pending: Pending, old: str | None, new: str) -> None:
    """One rotation that was committed. ``old`` and ``new``: fingerprints, or names of key pairs."""
    entry = {
        "what": committed.kind,
        "identity": committed.identity,
        "rack": committed.name,
        "old": old,
        "new": new,
        "at": committed.rolled_at,
        "rotation_ids": list(pending.rotation_ids),
        "seconds": _seconds(pending.staged_at, committed.rolled_at),
    }
    path = path_of(task)
    try:
        append(path, entry, task.environ)
    except (StoreFailed, Held) as exc:
        # The rotation is committed: saying that it failed would be untrue.
        task.warn_once(f"{committed.identity}: rolled, but the ledger has no line for it: {exc}")
    _warn_of_its_end(task, path)


def _warn_of_its_end(task: Task, path: str) -> None:
    """Without a rack's name, so that the warning is shown once for a fleet."""
    job = job_variable(task.environ)
    kept = any(store["type"] == "cli" and store.get("persistent") for store in task.options["stores"])
    if job and not kept and not task.options.get("ledger_path"):
        task.warn_once(f"the ledger {path} is lost with this job ({job} is set): name a file on a volume that outlives the job in ledger_path")


def _seconds(staged_at: str, rolled_at: str | None) -> float | None:
    """From the stage to the commit, for several runs can take part. None where a date is missing, or a server set its clock back."""
    if not staged_at or not rolled_at:
        return None
    seconds = (parse_date(rolled_at) - parse_date(staged_at)).total_seconds()
    return seconds if seconds >= 0 else None


def append(path: str, entry: t.Mapping[str, t.Any], environ: t.Mapping[str, str]) -> None:
    """Add one line, durably. ``entry`` holds names, fingerprints, dates and seconds, never a key."""
    job = {name: environ[variable] for variable, name in _JOB_VARIABLES.items() if environ.get(variable)}
    files.make_directory(os.path.dirname(path))
    if os.path.exists(path) and not os.path.isfile(path):
        raise StoreFailed(f"{path}: no regular file; name another in ledger_path")
    with files.locked(_lock_of(path), path, files.LOCK_PATIENCE_S), files.translated("append to", path):
        above, new = _above(path), not os.path.exists(path)
        line = json.dumps({**entry, **job, "before": ledger_chain.digest(above[: len(above) - above.endswith(b"\n")])}, sort_keys=True)
        with open(path, "ab", opener=lambda name, flags: os.open(name, flags, files.FILE_MODE)) as file:
            # A line that a crash cut short stays as it is, and ends here.
            file.write((b"" if above.endswith(b"\n") or not above else b"\n") + line.encode("utf-8") + b"\n")
            file.flush()
            os.fsync(file.fileno())
        if new:
            files.sync_directory(os.path.dirname(path))


def _lock_of(path: str) -> str:
    return path + ".lock"


def _above(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return ledger_chain.tail(file)
    except FileNotFoundError:
        return b""


@contextlib.contextmanager
def reading(path: str) -> t.Iterator[t.Iterator[Line]]:
    """The lines of a ledger, none where there is no file, while others go on writing.

    Its length is taken when none of them is in the middle of a line; what was written by then never changes.
    """
    with files.reading(path) as file:
        if file is None:
            yield iter(())
            return
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise StoreFailed(f"{path}: no regular file; name another in ledger_path")
        with files.at_rest(_lock_of(path), path, files.LOCK_PATIENCE_S):
            size = os.fstat(file.fileno()).st_size
        yield ledger_chain.walk(file, size)
