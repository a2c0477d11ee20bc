# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""Rolling a v2 rack's instance SSH key: preflight, one post, waiting for the instances, and pruning of old pairs."""

from __future__ import annotations

import dataclasses
import math
import typing as t
import uuid

from ansible_collections.convox.credentials.plugins.module_utils import instance_rotation as machine
from ansible_collections.convox.credentials.plugins.module_utils import ledger
from ansible_collections.convox.credentials.plugins.module_utils.errors import BadInput, BadReply, ConvoxError, RequestFailed
from ansible_collections.convox.credentials.plugins.module_utils.instance_view import InstanceView
from ansible_collections.convox.credentials.plugins.module_utils.rack import ACCEPTED, REFUSED, Rack, outcome_unknown
from ansible_collections.convox.credentials.plugins.module_utils.rack_lock import rack_lock
from ansible_collections.convox.credentials.plugins.module_utils.rack_subject import Subject, find_way
from ansible_collections.convox.credentials.plugins.module_utils.records import INSTANCE_KEY, RACK_API_KEY, Pending
from ansible_collections.convox.credentials.plugins.module_utils.rotation import BUSY, LATENT_SINCE, REST
from ansible_collections.convox.credentials.plugins.module_utils.stack_watch import POLL_S, StackWatch
from ansible_collections.convox.credentials.plugins.module_utils.stores import StoreSet
from ansible_collections.convox.credentials.plugins.module_utils.target import Reach, find_target
from ansible_collections.convox.credentials.plugins.module_utils.task import Standing, Task
from ansible_collections.convox.credentials.plugins.module_utils.times import parse_duration

# Up to 5 minutes a batch (convox-protocol 3.3), and room for the API's own restart.
SECONDS_A_BATCH, SECONDS_BESIDE = 360, 900

_WHY = {
    machine.STOPPED_STUCK: "its stack is stuck ({status}): continue or mend that update in CloudFormation, then run again",
    machine.STOPPED_ROLLED_BACK: (
        "AWS rolled the update back: the instances keep the pair {old}, and the rack's settings hold the private key of {new}: "
        "see the stack's events, then run again to set the new pair"
    ),
    machine.STOPPED_DOUBTFUL: "the keyroll left no trace ({detail}): see that the rack is well, then run again",
    machine.STOPPED_UNSURE: (
        "the request for a new pair was repeated on the way, and which of {both} the rack holds the private key of can't be told: "
        "run again, which makes another"
    ),
    machine.STOPPED_REJECTED: "the keyroll was not taken ({detail}): mend that, then run again",
    machine.STOPPED_LATE: ("wait_timeout is over, {on_new} of {total} instances have the new pair (stack {status}): run again to go on from here"),
}


def roll(task: Task) -> dict[str, t.Any]:
    """The result of the module instance_keyroll."""
    started = task.clock.now()
    parse_duration("max_age", task.options.get("max_age"))
    stores = task.stores()
    reach, subject = find_way(task, Reach(task, find_target(task)), stores)
    if subject.system is not None and subject.system.generation == 3:
        raise BadInput(f"{subject.label} is a v3 rack ({subject.version}), which this release can't keyroll: nothing was changed")
    first = InstanceRoll(task, reach, stores, subject, started)
    if task.check_mode or first.settled():
        return first.run()
    with rack_lock(task, subject.identity, subject.label):
        if first.overtaken():
            reach, subject = find_way(task, reach, stores)
            first = InstanceRoll(task, reach, stores, subject, started)
        return first.run()


def wait(task: Task, started: float, sent_for: str | None = None) -> dict[str, t.Any]:
    """The waiting part of a keyroll that was begun without waiting; what it is given and returns is as with rack_roll.wait."""
    stores = task.stores()
    reach, subject = find_way(task, Reach(task, find_target(task)), stores)
    with rack_lock(task, subject.identity, subject.label):
        return InstanceRoll(task, reach, stores, subject, started).wait(sent_for)


class InstanceRoll:
    """One run over one rack's instance key."""

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
        self._resumed = self._record.pending is not None
        self._view = InstanceView(task, subject, self._rack)
        self._watch = StackWatch(subject.aws, self._rack.system, task.clock)
        self._detail = "no detail"
        self._old_key_name: str | None = None
        self._sent = False
        self._seen = machine.Seen(BUSY, self._view.key_name())

    def run(self) -> dict[str, t.Any]:
        if self.settled():
            self._count()
            return self._report("committed", changed=False)
        self._preflight()
        if self._task.check_mode:
            self._count()
            return self._report(None, changed=True)
        self._stage()
        end = self._drive()
        if end.do == machine.COMMIT:
            self._commit()
            return self._report("committed", changed=True, pruned=self._prune())
        return self._ended(end)

    def wait(self, sent_for: str | None) -> dict[str, t.Any]:
        if not self._resumed:
            self._watch.await_rest(self._subject.label, self._started + self._patience(), True)
            return {"phase": None}
        end = self._drive(sent=sent_for in self._pending.rotation_ids)
        if end.do == machine.COMMIT:
            self._record = self._record.note(confirmed=self._task.clock.stamp())
            self._stores.save(self._record)
        return self._ended(end)

    def _ended(self, end: machine.Step) -> dict[str, t.Any]:
        result = self._report("confirmed" if end.do == machine.COMMIT else "applied", changed=True)
        if end.failed:
            raise ConvoxError(self._explain(end.what or ""), **result)
        return result

    def overtaken(self) -> bool:
        """Whether another run has ended since the first look: each leaves its mark in the stores."""
        return (self._stores.load(INSTANCE_KEY, self._subject.identity), self._stores.load(RACK_API_KEY, self._subject.identity)) != (
            self._record,
            self._api_key,
        )

    # -- before anything is changed -------------------------------------------------------------------------------
    def settled(self) -> bool:
        """Nothing is pending, and it is committed by this rotation already, or the pair is young enough."""
        if self._resumed:
            return False
        options = self._task.options
        if options.get("rotation_id") in self._record.rotation_ids:
            return True
        limit = parse_duration("max_age", options.get("max_age"))
        made = self._view.made_at(self._seen.key_name, self._record)
        return limit is not None and made is not None and self._task.clock.age(made) <= limit

    def _preflight(self) -> None:
        task, subject = self._task, self._subject
        if self._api_key.pending is not None:
            raise BadInput(
                f"{subject.label}: its API key has an unfinished rotation, which the keyroll's restart would bring into force: "
                "nothing was changed; finish it with rotate_rack_keys first"
            )
        self._refuse_latent_key()
        if not self._resumed:
            wait = bool(task.options["wait"])
            self._watch.await_rest(subject.label, self._started + self._patience(), wait, dry=task.check_mode)
        self._stores.prove(self._record, dry=task.check_mode)

    def _refuse_latent_key(self) -> None:
        """A key in SSM that is not in force yet would be, after the restart that comes with a keyroll (3.3)."""
        subject = self._subject
        if subject.aws is None or subject.version < LATENT_SINCE:
            return
        stored = self._view.ask(subject.aws.stored_key)
        if stored is None:
            return
        answer = self._reach.direct(subject.host, stored.key).probe(subject.name)
        if answer == REFUSED:
            raise BadInput(
                f"{subject.label}: the key in {subject.name}RackApiSecret is latent, and the keyroll's restart would bring it into "
                "force: nothing was changed; run rotate_rack_keys first"
            )
        if answer != ACCEPTED:
            self._task.warn_once(f"{subject.label}: it could not be asked whether the key in SSM is the one in force")

    # -- the roll -------------------------------------------------------------------------------------------------
    def _stage(self) -> None:
        if self._record.pending is None:
            pairs = self._view.pairs()
            if pairs is None:
                self._task.warn_once(
                    f"{self._subject.label}: EC2 can't be asked for key pairs: a keyroll that fails half-way can't be told from one that never began"
                )
            pending = Pending(
                key=None,
                staged_at=self._task.clock.stamp(),
                rotation_ids=(self._id,),
                old_key_name=self._view.key_name() or None,
                pairs=tuple(pair.name for pair in pairs or []),
            )
            self._record = dataclasses.replace(self._record, name=self._subject.name, host=self._reach.target.host, pending=pending)
        self._record = self._record.joined(self._id)
        self._stores.save(self._record)

    def _drive(self, sent: bool = False) -> machine.Step:
        """``sent``: this run has asked for the pair already, in another process."""
        run = machine.Run(wait=bool(self._task.options["wait"]), asked=sent)
        if self._pending.applying is not None and self._pending.confirmed is None:
            # Another run may have asked a moment ago; one that confirmed the pair has seen the stack at rest since.
            self._watch.wrote()
        while True:
            self._seen = self._look()
            run = dataclasses.replace(run, late=self._task.clock.now() - self._started >= self._patience())
            step = machine.next_step(self._pending, run, self._seen)
            if step.do in (machine.COMMIT, machine.STOP):
                return step
            if step.do == machine.NOTE:
                self._record = self._record.note(applying=self._task.clock.stamp())
                self._stores.save(self._record)
            elif step.do == machine.POST:
                run = dataclasses.replace(run, asked=True, rejected=not self._ask(self._rack.roll_instance_key))
                self._sent = not run.rejected
            elif step.do == machine.ADOPT:
                self._ask(self._rack.set_parameter, "Key", step.what or "")
                run = dataclasses.replace(run, adopted=True)
                self._sent = True
            else:
                self._show()
                self._task.clock.sleep(POLL_S)

    def _show(self) -> None:
        seen = self._seen
        on = f", {seen.on_new} of {seen.total} instances on the new pair" if seen.stack == REST else ""
        self._task.show(Standing("applied", "the instances", f"{self._watch.status}{on}"))

    def _ask(self, question: t.Callable[..., None], *arguments: str) -> bool:
        """Whether the request was taken, or may have been; what came of it is compared afterwards."""
        self._watch.wrote()
        try:
            question(*arguments)
        except RequestFailed as exc:
            self._detail = str(exc)
            return outcome_unknown(exc) or (isinstance(exc, BadReply) and exc.status >= 500)
        return True

    def _look(self) -> machine.Seen:
        state = self._watch.look()
        if state != REST:
            return dataclasses.replace(self._seen, stack=state, rolled_back=self._watch.rolled_back)
        try:
            name, pairs = self._view.key_name(), self._view.pairs()
        except RequestFailed as exc:
            # The rack or AWS is away for a moment; a wait of an hour must outlive that.
            self._detail = str(exc)
            return dataclasses.replace(self._seen, stack=BUSY)
        if name != (self._pending.old_key_name or "") and name != self._pending.key_name:
            self._record = self._record.note(key_name=name)
            self._stores.save(self._record)
        self._seen = machine.Seen(
            stack=state,
            key_name=name,
            pairs=None if pairs is None else tuple(pair.name for pair in pairs),
            youngest=tuple(pair.name for pair in pairs if pair.created == pairs[-1].created) if pairs else (),
            rolled_back=self._watch.rolled_back,
        )
        self._count()
        return self._seen

    def _count(self) -> None:
        pending = self._record.pending
        since = pending.applying if pending else self._record.rolled_at
        on_new, total = self._view.count(self._seen.key_name, since)
        self._seen = dataclasses.replace(self._seen, on_new=on_new, total=total)

    def _commit(self) -> None:
        record = self._record.note(key_name=self._seen.key_name).promoted(self._task.clock.stamp())
        self._stores.save(record.committed())
        pending = self._pending
        self._record = record.committed()
        ledger.record(self._task, self._record, pending, pending.old_key_name, self._seen.key_name)
        self._old_key_name = pending.old_key_name

    # -- pruning --------------------------------------------------------------------------------------------------
    def _prune(self) -> list[str]:
        """Delete the rack's old pairs that nothing can need any more; the rack itself never does (3.3)."""
        aws = self._subject.aws
        if not self._task.options["prune"] or aws is None:
            return []
        if self._watch.status != "UPDATE_COMPLETE":
            self._task.warn_once(f"{self._subject.label}: old pairs are left: the stack is at {self._watch.status}")
            return []
        pairs = self._view.pairs() or []
        keep = {self._seen.key_name} | {pair.name for pair in pairs[-1:]}
        unneeded = {pair.name for pair in pairs} - keep
        if not unneeded:
            return []
        unneeded -= aws.aws.pairs_of_instances(unneeded) | aws.aws.launch_template_pairs()
        for name in sorted(unneeded):
            aws.aws.delete_pair(name)
        return sorted(unneeded)

    # -- small helpers --------------------------------------------------------------------------------------------
    @property
    def _pending(self) -> Pending:
        if self._record.pending is None:
            raise ValueError("no keyroll is pending")
        return self._record.pending

    def _patience(self) -> float:
        """wait_timeout, else by the number of batches."""
        given = self._task.options.get("wait_timeout")
        if given:
            return float(given)
        system = self._subject.system
        count = system.count if system else 1
        batch = int((system.parameters.get("InstanceUpdateBatchSize") if system else None) or 1)
        return math.ceil(count / max(1, batch)) * SECONDS_A_BATCH + SECONDS_BESIDE

    def _explain(self, why: str) -> str:
        text = _WHY[why].format(
            status=self._watch.status,
            old=self._pending.old_key_name or "of their making",
            new=self._pending.key_name or (machine.new_pairs(self._pending, self._seen) or ("unknown",))[-1],
            both=" and ".join(self._seen.youngest),
            detail=self._detail,
            on_new=self._seen.on_new,
            total=self._seen.total,
        )
        return f"{self._subject.label}: {text}"

    def _report(self, phase: str | None, changed: bool, pruned: t.Sequence[str] = ()) -> dict[str, t.Any]:
        pending = self._record.pending
        old = pending.old_key_name if pending else self._old_key_name
        current = self._seen.key_name or None
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
            "instances_total": self._seen.total,
            "instances_on_new_key": self._seen.on_new,
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
