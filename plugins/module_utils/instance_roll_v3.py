# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""The instance key of a v3 rack: a pair whose private key is kept here first, and then the parameter that names it (convox-protocol 5)."""

from __future__ import annotations

import dataclasses
import shlex
import typing as t

from ansible_collections.convox.credentials.plugins.module_utils import instance_rotation_v3 as machine
from ansible_collections.convox.credentials.plugins.module_utils import ledger, rack_kinds
from ansible_collections.convox.credentials.plugins.module_utils.errors import BadInput, BadReply, RequestFailed
from ansible_collections.convox.credentials.plugins.module_utils.instance_rotation import (
    COMMIT,
    NOTE,
    STOP,
    STOPPED_DOUBTFUL,
    STOPPED_LATE,
    STOPPED_REJECTED,
    STOPPED_STUCK,
    Step,
)
from ansible_collections.convox.credentials.plugins.module_utils.instance_run import InstanceRun
from ansible_collections.convox.credentials.plugins.module_utils.instance_view import InstanceView
from ansible_collections.convox.credentials.plugins.module_utils.instance_view_v3 import KEY_PAIR_NAME, InstanceViewV3
from ansible_collections.convox.credentials.plugins.module_utils.rack import takes_no_parameters
from ansible_collections.convox.credentials.plugins.module_utils.records import Pending
from ansible_collections.convox.credentials.plugins.module_utils.rotation import BUSY, REST
from ansible_collections.convox.credentials.plugins.module_utils.stack_watch import POLL_S, StackWatch
from ansible_collections.convox.credentials.plugins.module_utils.store import Promotion
from ansible_collections.convox.credentials.plugins.module_utils.terraform import find_terraform

_WHY = {
    STOPPED_STUCK: "its Terraform run failed ({status}): {pair}; mend that in the Console, then run again to go on from here",
    STOPPED_DOUBTFUL: "no new pair came ({detail}): nothing uses one yet; see that the rack is well, then run again",
    STOPPED_REJECTED: "{through} did not take it ({detail}): {pair}; mend that, then run again to go on from here",
    STOPPED_LATE: "wait_timeout is over, {on_new} of {total} instances have the new pair ({status}): run again to go on from here",
    machine.STOPPED_NOT_TAKEN: "{through} took {name}={new} and does not have it: {pair}; see its updates in the Console, then run again",
    machine.STOPPED_UNSEEN: (
        "neither the rack nor EC2 can be asked whether {name}={new} is set: {pair}; give AWS credentials, or rack: org/name to go through the "
        "Console, and run again"
    ),
    machine.STOPPED_BY_HAND: (
        "{pair}, but {name} is set by Terraform alone, and no Console is known to run it for this rack: {way}, then run again, which sees to the rest"
    ),
}


class InstanceRunV3(InstanceRun):
    """Nothing uses the new pair before its private key is held by every store."""

    _seen = machine.Seen(BUSY, None)

    def _make_view(self) -> InstanceView:
        task, subject = self._task, self._subject
        aws = task.aws()
        told = any(task.options.get(name) for name in ("region", "profile", "endpoint_url", "prune"))
        region = subject.system.region if subject.system is not None else ""
        self._terraform = find_terraform(task, self._reach, subject, self._rack)
        self._nodes = InstanceViewV3(task, subject, self._rack, aws.in_region(region) if aws.usable(told) else None, self._terraform)
        return self._nodes

    def _make_watch(self) -> StackWatch:
        return StackWatch(None, self._terraform.status, self._task.clock)

    def _refuse(self) -> None:
        system = self._subject.system
        possible = rack_kinds.instance_key(rack_kinds.V3, system.provider if system is not None else "")
        if possible.rollable is False:
            raise BadInput(f"{self._subject.label}: its instance key can't be rolled here: {possible.reason}; nothing was changed", by_hand=possible.reason)

    def _stage(self) -> None:
        if self._record.pending is None:
            pending = Pending(
                key=None,
                staged_at=self._task.clock.stamp(),
                rotation_ids=(self._id,),
                old_key_name=self._key_name or None,
            )
            self._record = dataclasses.replace(
                self._record,
                name=self._subject.name,
                host=self._reach.target.host if self._reach.target.via is None else self._subject.identity,
                console=self._reach.target.console or self._record.console,
                pending=pending,
            )
        self._record = self._record.joined(self._id)
        self._stores.save(self._record)

    def _drive(self, sent: bool = False) -> Step:
        run = machine.Run(wait=bool(self._task.options["wait"]))
        self._nodes.know(self._pending.key_name)
        if self._pending.activating is not None and self._pending.confirmed is None:
            # Another run may have set it a moment ago.
            self._settle()
        while True:
            self._seen = self._look()
            step = machine.next_step(self._pending, dataclasses.replace(run, late=self._late()), self._seen)
            if step.do in (COMMIT, STOP):
                return step
            if step.do == NOTE:
                self._note(applying=self._task.clock.stamp())
            elif step.do == machine.MAKE:
                run = dataclasses.replace(run, made=run.made + 1, rejected=not self._make_pair(again=run.made > 0))
            elif step.do == machine.NOTE_SET:
                self._note(activating=self._task.clock.stamp())
            elif step.do == machine.SET:
                run = self._set(run)
            else:
                self._pause(self._seen.stack)

    def _make_pair(self, again: bool) -> bool:
        """Whether it may be asked for again. What comes is durable before anything else is done."""
        if again:
            # Pairs are named by the second.
            self._task.clock.sleep(POLL_S)
        try:
            pair = self._rack.make_key_pair(self._task.secrets)
        except RequestFailed as exc:
            self._detail = str(exc)
            return not isinstance(exc, BadReply) or exc.status >= 500
        self._note(key=pair.private_key, key_name=pair.name)
        self._nodes.know(pair.name)
        return True

    def _set(self, run: machine.Run) -> machine.Run:
        """It may be set twice: the second time changes nothing."""
        self._settle()
        try:
            self._terraform.set(KEY_PAIR_NAME, self._pending.key_name or "")
        except RequestFailed as exc:
            self._detail = str(exc)
            by_hand = isinstance(exc, BadReply) and takes_no_parameters(exc)
            return dataclasses.replace(run, sent=True, by_hand=by_hand, rejected=isinstance(exc, BadReply) and exc.status < 500)
        self._sent = True
        return dataclasses.replace(run, sent=True)

    def _settle(self) -> None:
        """What is said next may be older than what was set."""
        if self._terraform.tells:
            self._watch.wrote()

    def _look(self) -> machine.Seen:
        state = self._watch.look()
        if state != REST:
            return dataclasses.replace(self._seen, stack=state)
        try:
            self._key_name = self._view.key_name()
        except RequestFailed as exc:
            self._detail = str(exc)
            return dataclasses.replace(self._seen, stack=BUSY)
        self._count_instances()
        return machine.Seen(state, self._key_name, self._count.by_pair, self._count.on_new, self._count.total)

    def _commit(self) -> None:
        pending = self._pending
        record = self._record.promoted(self._task.clock.stamp())
        # Nobody is logged in with it: no login is exchanged.
        self._stores.promote(record, Promotion(own=None, old=None, new=record.current or ""))
        self._record = record.committed()
        self._key_name = pending.key_name
        self._old_key_name = pending.old_key_name
        ledger.record(self._task, self._record, pending, pending.old_key_name, pending.key_name or "")

    def _reason_not_to_prune(self) -> str | None:
        return None if self._view.pairs() is not None else "EC2 of this account does not know the rack's pair; set region or profile"

    def _left_to_people(self, end: Step) -> dict[str, t.Any]:
        return {"by_hand": self._way()} if end.what == machine.STOPPED_BY_HAND else {}

    def _way(self) -> str:
        # People paste it into a shell, and the names are the rack's own words.
        pair, rack = map(shlex.quote, (self._pending.key_name or "", self._subject.name))
        return f"`convox rack params set {KEY_PAIR_NAME}={pair} -r {rack}` where its Terraform is"

    def _explain(self, why: str) -> str:
        pending = self._pending
        pair = f"the pair {pending.key_name} is made, its private key is kept in {self._stores.named}" if pending.key else "no pair was made"
        return _WHY[why].format(
            status=self._watch.status,
            through=self._terraform.through,
            name=KEY_PAIR_NAME,
            new=pending.key_name,
            pair=pair,
            way=self._way(),
            detail=self._detail,
            on_new=self._count.on_new,
            total=self._count.total,
        )
