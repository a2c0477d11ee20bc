# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""One run over one rack's instance key, whatever the rack's generation: what is asked first, the loop, and what is told."""

from __future__ import annotations

import dataclasses
import math
import typing as t
import uuid

from ansible_collections.convox.credentials.plugins.module_utils import tokens
from ansible_collections.convox.credentials.plugins.module_utils.errors import BadInput, BadReply, ConvoxError, RequestFailed, allowed
from ansible_collections.convox.credentials.plugins.module_utils.instance_rotation import COMMIT, STOP, Step
from ansible_collections.convox.credentials.plugins.module_utils.instance_view import Count, InstanceView
from ansible_collections.convox.credentials.plugins.module_utils.rack import Rack, outcome_unknown
from ansible_collections.convox.credentials.plugins.module_utils.rack_subject import Subject
from ansible_collections.convox.credentials.plugins.module_utils.records import INSTANCE_KEY, RACK_API_KEY, Pending
from ansible_collections.convox.credentials.plugins.module_utils.rotation import REST
from ansible_collections.convox.credentials.plugins.module_utils.stack_watch import POLL_S, StackWatch
from ansible_collections.convox.credentials.plugins.module_utils.stores import StoreSet
from ansible_collections.convox.credentials.plugins.module_utils.target import Reach
from ansible_collections.convox.credentials.plugins.module_utils.task import Standing, Task
from ansible_collections.convox.credentials.plugins.module_utils.times import parse_duration

# Up to 5 minutes a batch (convox-protocol 3.3), and room for the API's own restart.
SECONDS_A_BATCH, SECONDS_BESIDE = 360, 900


class InstanceRun:
    """Holds the rack's lock, unless it writes nothing. Each generation has a class of its own that knows the steps."""

    def __init__(self, task: Task, reach: Reach, stores: StoreSet, subject: Subject, started: float) -> None:
        if subject.key is None:
            raise BadInput(f"{subject.label}: a keyroll needs a working key: roll it first with rotate_rack_keys; nothing was changed")
        self._task = task
        self._stores = stores
        self._subject = subject
        self._reach = reach
        self._started = started
        self._rack: Rack = reach.rack(subject.key)
        self._id = task.options.get("rotation_id") or uuid.uuid4().hex
        self._record = stores.load(INSTANCE_KEY, subject.identity)
        self._api_key = stores.load(RACK_API_KEY, subject.identity)
        self._found = self._record.pending
        self._resumed = self._found is not None
        self._detail = "no detail"
        self._old_key_name: str | None = None
        self._sent = False
        # The latest request was taken for certain.
        self._received = False
        self._key_name: str | None = None
        self._count = Count(0, 0, False)
        self._view: InstanceView = self._make_view()
        self._watch: StackWatch = self._make_watch()
        self._key_name = self._view.key_name()

    # -- what each generation has of its own -----------------------------------------------------------------------
    def _make_view(self) -> InstanceView:
        raise NotImplementedError

    def _make_watch(self) -> StackWatch:
        raise NotImplementedError

    def _refuse(self) -> None:
        """Raises where a keyroll would do harm, or can't be done; nothing was changed."""
        raise NotImplementedError

    def _stage(self) -> None:
        """Make it durable that a keyroll is under way."""
        raise NotImplementedError

    def _drive(self, sent: bool = False) -> Step:
        """Take steps up to the one that ends the run. ``sent``: this run has asked for the pair already, in another process."""
        raise NotImplementedError

    def _commit(self) -> None:
        raise NotImplementedError

    def _reason_not_to_prune(self) -> str | None:
        raise NotImplementedError

    def _explain(self, why: str) -> str:
        """Why it stopped, without the rack's name."""
        raise NotImplementedError

    # -- a run ----------------------------------------------------------------------------------------------------
    def run(self) -> dict[str, t.Any]:
        if self.settled():
            self._count_instances()
            return self._report("committed", changed=False)
        tokens.refuse_read_only(self._reach, self._subject)
        if not self._resumed:
            tokens.refuse_deploy_key(self._reach, self._subject)
        self._refuse()
        dry = self._task.check_mode
        if not self._resumed:
            self._watch.await_rest(self._subject.label, self._started + self._patience(), bool(self._task.options["wait"]), dry=dry)
            # What was so before can be otherwise after a wait.
            self._refuse()
        self._stores.prove(self._record, dry=dry)
        if dry:
            self._count_instances()
            return self._report(None, changed=True)
        if not self._resumed:
            self._stores.refuse_overtaken(self._record, self._record.current)
        self._stage()
        end = self._drive()
        if end.do == COMMIT:
            self._commit()
            return self._report("committed", changed=True, pruned=self._prune())
        return self._ended(end)

    def wait(self, sent_for: str | None) -> dict[str, t.Any]:
        if not self._resumed:
            self._watch.await_rest(self._subject.label, self._started + self._patience(), True)
            return {"phase": None}
        end = self._drive(sent=sent_for in self._pending.rotation_ids)
        if end.do == COMMIT:
            self._record = self._record.note(confirmed=self._task.clock.stamp())
            self._stores.save(self._record)
        return self._ended(end)

    def _ended(self, end: Step) -> dict[str, t.Any]:
        result = self._report("confirmed" if end.do == COMMIT else "applied", changed=True)
        if end.do == STOP and end.failed:
            told = {**result, "changed": self._has_acted(), **self._left_to_people(end)}
            raise ConvoxError(f"{self._subject.label}: {self._explain(end.what or '')}", **told)
        return result

    def _has_acted(self) -> bool:
        """Whether this run did more than join the rotation that it found, and find it where it was."""
        joined = None if self._found is None else dataclasses.replace(self._found, rotation_ids=self._pending.rotation_ids)
        return self._sent or joined != self._pending

    def _left_to_people(self, end: Step) -> dict[str, t.Any]:
        """What the result says of a step that no API can do."""
        return {}

    def overtaken(self) -> bool:
        """Whether another run has ended since the first look: each leaves its mark in the stores."""
        identity = self._subject.identity
        return (self._stores.load(INSTANCE_KEY, identity), self._stores.load(RACK_API_KEY, identity)) != (self._record, self._api_key)

    def settled(self) -> bool:
        """Nothing is pending, and it is committed by this rotation already, or the pair is young enough."""
        if self._resumed:
            return False
        options = self._task.options
        if options.get("rotation_id") in self._record.rotation_ids:
            return True
        limit = parse_duration("max_age", options.get("max_age"))
        made = self._view.made_at(self._key_name, self._record)
        return limit is not None and made is not None and self._task.clock.age(made) <= limit

    # -- small helpers --------------------------------------------------------------------------------------------
    @property
    def _pending(self) -> Pending:
        if self._record.pending is None:
            raise ValueError("no keyroll is pending")
        return self._record.pending

    def _note(self, **changes: t.Any) -> None:
        self._record = self._record.note(**changes)
        self._stores.save(self._record)

    def _count_instances(self) -> None:
        """Those on the pair that is under way, else on the one that there is."""
        pending = self._record.pending
        since = (pending.activating or pending.applying) if pending else self._record.rolled_at
        name = pending.key_name if pending and pending.key_name else self._key_name
        self._count = self._view.count(name, since)

    def _late(self) -> bool:
        return self._task.clock.now() - self._started >= self._patience()

    def _pause(self, state: str) -> None:
        on = f", {self._count.on_new} of {self._count.total} instances on the new pair" if state == REST else ""
        self._task.show(Standing("applied", "the instances", f"{self._watch.status}{on}"))
        self._task.clock.sleep(POLL_S)

    def _patience(self) -> float:
        """wait_timeout, else by the number of batches."""
        given = self._task.options.get("wait_timeout")
        if given:
            return float(given)
        system = self._subject.system
        count = max(1, system.count if system else 1, self._count.total)
        batch = int((system.parameters.get("InstanceUpdateBatchSize") if system else None) or 1)
        return math.ceil(count / max(1, batch)) * SECONDS_A_BATCH + SECONDS_BESIDE

    def _ask(self, question: t.Callable[..., None], *arguments: str | None) -> bool:
        """Whether the request was taken, or may have been; what came of it is compared afterwards."""
        self._watch.wrote()
        self._received = False
        try:
            question(*arguments)
        except RequestFailed as exc:
            self._detail = str(exc)
            return outcome_unknown(exc) or (isinstance(exc, BadReply) and exc.status >= 500)
        self._received = True
        return True

    def _prune(self) -> list[str]:
        """Those that are deleted. The key is rolled by now, so what AWS denies here is a warning."""
        if not self._task.options["prune"] or self._view.aws is None:
            return []
        reason = self._reason_not_to_prune()
        if reason:
            self._leave(reason)
            return []
        pruned: list[str] = []
        allowed(lambda: self._view.prune(self._key_name, pruned.append), self._leave)
        return pruned

    def _leave(self, why: str) -> None:
        self._task.warn_once(f"{self._subject.label}: old pairs are left: {why}")

    def _report(self, phase: str | None, changed: bool, pruned: t.Sequence[str] = ()) -> dict[str, t.Any]:
        pending = self._record.pending
        old = pending.old_key_name if pending else self._old_key_name
        current = self._key_name or None
        result: dict[str, t.Any] = {
            "changed": changed,
            "host": self._reach.target.host,
            "rack": self._subject.name,
            "phase": phase,
            "sent": self._sent,
            "resumed": self._resumed,
            "rotation_id": self._id,
            "key_name": current,
            "old_key_name": old,
            "instances_total": self._count.total,
            "instances_on_new_key": self._count.on_new,
            "others": self._view.others,
            "pruned": list(pruned),
            "rolled_at": self._record.rolled_at,
            "stored_in": self._stores.labels,
            "waited_s": round(self._task.clock.now() - self._started, 1),
        }
        if changed:
            after = current if current != old else "a new pair"
            result["diff"] = {"before": {"key_name": old if self._record.pending is None else current}, "after": {"key_name": after}}
        return result
