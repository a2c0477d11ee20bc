# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""Whether a Rack API key is to be rolled at all, and what is reported where it is not."""

from __future__ import annotations

import functools
import typing as t
import uuid

from ansible_collections.convox.credentials.plugins.module_utils import rack_kinds
from ansible_collections.convox.credentials.plugins.module_utils.errors import BadInput
from ansible_collections.convox.credentials.plugins.module_utils.keys import digest, fingerprint
from ansible_collections.convox.credentials.plugins.module_utils.rack import REFUSED
from ansible_collections.convox.credentials.plugins.module_utils.rack_subject import Subject
from ansible_collections.convox.credentials.plugins.module_utils.records import RACK_API_KEY, Record
from ansible_collections.convox.credentials.plugins.module_utils.stores import StoreSet
from ansible_collections.convox.credentials.plugins.module_utils.target import Reach
from ansible_collections.convox.credentials.plugins.module_utils.task import Task
from ansible_collections.convox.credentials.plugins.module_utils.times import parse_duration
from ansible_collections.convox.credentials.plugins.module_utils.transport import TOKEN_USER
from ansible_collections.convox.credentials.plugins.module_utils.ways import REIMPORT


def refuse_third_generation(subject: Subject) -> None:
    possible = rack_kinds.api_key(subject.system.generation if subject.system is not None else "")
    if possible.rollable is False:
        raise BadInput(
            f"{subject.label} is a v3 rack ({subject.version}), whose API key can't be rolled here: {possible.reason}; nothing was changed",
            by_hand=possible.reason,
        )


def difference(old: str | None, new: str | None) -> dict[str, dict[str, str | None]]:
    """For diff mode: fingerprints in place of keys."""
    return {"before": {"fingerprint": old}, "after": {"fingerprint": new}}


class RackKey:
    """A rack's key as one task finds it, and what the stores know of it: ``record``, where they were asked already. Writes nothing."""

    def __init__(
        self, task: Task, reach: Reach, stores: StoreSet, subject: Subject, started: float, record: Record | None = None
    ) -> None:
        self._task = task
        self._reach = reach
        self._stores = stores
        self._subject = subject
        self._started = started
        self._id = task.options.get("rotation_id") or uuid.uuid4().hex
        self._record = record or stores.load(RACK_API_KEY, subject.identity)
        self._resumed = self._record.pending is not None
        self._begun_by = next(iter(self._record.pending.rotation_ids if self._record.pending else ()), self._id)
        self._console_access = "unknown"

    @property
    def record(self) -> Record:
        return self._record

    def overtaken(self) -> bool:
        """Whether another run has ended since the first look, and the key with it: each leaves its mark in the stores."""
        return self._stores.load(RACK_API_KEY, self._subject.identity) != self._record

    def settled(self) -> bool:
        """Nothing is pending, and it is committed by this rotation already, or young enough, or the key asked for."""
        if self._resumed:
            return False
        options, key = self._task.options, self._own_key()
        if options.get("rotation_id") in self._record.rotation_ids:
            return True
        if key is not None and options.get("new_key") == key:
            return True
        limit = parse_duration("max_age", options.get("max_age"))
        if limit is None or key is None or self._record.rolled_at is None or self._record.digest != digest(key):
            return False
        return self._task.clock.age(self._record.rolled_at) <= limit

    def _own_key(self) -> str | None:
        """The rack's key in force, where it is known: the one the rack was asked with, unless that was a Console's or a token."""
        target = self._reach.target
        return self._subject.key if target.via is None and target.user != TOKEN_USER else self._kept[0]

    @functools.cached_property
    def _kept(self) -> tuple[str | None, tuple[str, ...]]:
        """The stores' key that the rack does not refuse, after those that it does: others may have rolled it and told the Console."""
        host = self._subject.host
        refused: list[str] = []
        for key in dict.fromkeys(key for key, dummy in self._stores.keys(RACK_API_KEY, self._subject.identity)):
            if not host or self._reach.direct(host, key).probe(self._subject.name) != REFUSED:
                return key, tuple(refused)
            refused.append(key)
        return None, tuple(refused)

    def _was_refused(self, key: str | None) -> bool:
        """Whether the server refused a key before anything was rolled."""
        return key in self._subject.refused or (self._reach.target.via is not None and key in self._kept[1])

    def _own_host(self) -> str:
        """What the rack's own entry goes by: the host as given, unless that is a Console."""
        return self._reach.target.host if self._reach.target.via is None else self._subject.identity

    def settled_report(self) -> dict[str, t.Any]:
        """Nothing is to be rolled."""
        self._task.name_other_login(self._subject.label, self._own_host(), self._own_key())
        return self._report("committed", changed=False)

    @property
    def renews(self) -> bool:
        """Whether a Console's copy of the key is to be renewed, also where the key is left as it is."""
        return bool(self._task.options["console_sync"] == REIMPORT)

    def _report(self, phase: str, changed: bool) -> dict[str, t.Any]:
        record = self._record
        pending = record.pending
        old = record.old if pending else (record.superseded[0] if record.superseded and changed else None)
        new = pending.key if pending else (record.current or self._own_key())
        result: dict[str, t.Any] = {
            "changed": changed,
            "host": self._reach.target.host,
            "rack": self._subject.name,
            "rack_domain": self._subject.identity,
            "phase": phase,
            "resumed": self._resumed,
            "rotation_id": self._id,
            "begun_by": self._begun_by if changed else None,
            "of_this_rotation": phase == "committed" and self._id in record.rotation_ids,
            "fingerprint": fingerprint(new) if new else None,
            "old_fingerprint": fingerprint(old) if old else None,
            "rolled_at": record.rolled_at,
            "waited_s": round(self._task.clock.now() - self._started, 1),
            "console_access": self._console_access,
        }
        if changed:
            result["diff"] = difference(result["old_fingerprint"], result["fingerprint"])
        return result
