# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""The instance key of a v2 rack: one post, which makes a pair, keeps its private key and updates the stack (convox-protocol 3.3)."""

from __future__ import annotations

import dataclasses

from ansible_collections.convox.credentials.plugins.module_utils import instance_rotation as machine
from ansible_collections.convox.credentials.plugins.module_utils import ledger
from ansible_collections.convox.credentials.plugins.module_utils.errors import BadInput, RequestFailed
from ansible_collections.convox.credentials.plugins.module_utils.instance_run import InstanceRun
from ansible_collections.convox.credentials.plugins.module_utils.instance_view import InstanceView
from ansible_collections.convox.credentials.plugins.module_utils.instance_view_v2 import InstanceViewV2
from ansible_collections.convox.credentials.plugins.module_utils.latent_key import refuse_latent_key
from ansible_collections.convox.credentials.plugins.module_utils.records import RACK_API_KEY, Pending
from ansible_collections.convox.credentials.plugins.module_utils.rotation import BUSY, REST
from ansible_collections.convox.credentials.plugins.module_utils.stack_watch import StackWatch
from ansible_collections.convox.credentials.plugins.module_utils.store import Promotion

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


class InstanceRunV2(InstanceRun):
    """Asked once, only at rest, and after an error or silence what happened is compared."""

    _seen = machine.Seen(BUSY, "")

    def _make_view(self) -> InstanceView:
        return InstanceViewV2(self._task, self._subject, self._rack)

    def _make_watch(self) -> StackWatch:
        return StackWatch(self._subject.aws, lambda: self._rack.system().status, self._task.clock)

    def _refuse(self) -> None:
        api_key = self._stores.load(RACK_API_KEY, self._subject.identity)
        refuse_latent_key(self._task, self._reach, self._subject, api_key, "the keyroll")

    def _refuse_restart(self) -> None:
        """Directly before what restarts the API: what was asked before the stack was waited for can be an hour old."""
        try:
            self._refuse()
        except BadInput as exc:
            raise BadInput(str(exc), **{**self._report("applied", changed=True), "changed": self._has_acted()}) from None

    def _stage(self) -> None:
        if self._record.pending is None:
            pairs = self._view.pairs()
            if pairs is None:
                self._task.warn_once(
                    f"{self._subject.label}: EC2 can't be asked for key pairs: a keyroll that fails half-way can't be told from one that never began; "
                    "give AWS credentials that may call ec2:DescribeKeyPairs"
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
        run = machine.Run(wait=bool(self._task.options["wait"]), asked=sent)
        self._received = sent
        if self._pending.applying is not None and self._pending.confirmed is None:
            # Another run may have asked a moment ago; one that confirmed the pair has seen the stack at rest since.
            self._watch.wrote()
        while True:
            self._seen = self._look()
            run = dataclasses.replace(run, late=self._late())
            step = machine.next_step(self._pending, run, self._seen)
            if step.do in (machine.COMMIT, machine.STOP):
                return step
            if step.do == machine.NOTE:
                self._note(applying=self._task.clock.stamp())
            elif step.do == machine.POST:
                self._refuse_restart()
                run = dataclasses.replace(run, asked=True, rejected=not self._ask(self._rack.roll_instance_key))
                self._sent = not run.rejected
            elif step.do == machine.ADOPT:
                self._refuse_restart()
                self._ask(self._rack.set_parameter, "Key", step.what or "", self._subject.classic_name)
                run = dataclasses.replace(run, adopted=True)
                self._sent = True
            else:
                self._pause(self._seen.stack)

    def _look(self) -> machine.Seen:
        state = self._watch.look()
        if state != REST:
            return dataclasses.replace(self._seen, stack=state, rolled_back=self._rolled_back)
        try:
            name, pairs = self._view.key_name() or "", self._view.pairs()
        except RequestFailed as exc:
            # The rack or AWS is away for a moment; a wait of an hour must outlive that.
            self._detail = str(exc)
            return dataclasses.replace(self._seen, stack=BUSY)
        self._key_name = name
        if name != (self._pending.old_key_name or "") and name != self._pending.key_name:
            self._note(key_name=name)
        self._count_instances()
        return machine.Seen(
            stack=state,
            key_name=name,
            pairs=None if pairs is None else tuple(pair.name for pair in pairs),
            youngest=tuple(pair.name for pair in pairs if pair.created == pairs[-1].created) if pairs else (),
            rolled_back=self._rolled_back,
            on_new=self._count.on_new,
            total=self._count.total,
        )

    @property
    def _rolled_back(self) -> bool:
        """An update that this run asked for: AWS says the same of one of last year, which stands until the next is received."""
        return self._watch.rolled_back and (self._received or self._subject.aws is None)

    def _commit(self) -> None:
        record = self._record.note(key_name=self._seen.key_name).promoted(self._task.clock.stamp())
        # Nobody is logged in with it, and its private key is the rack's; the mark is taken off wherever a rotation is looked for.
        self._stores.promote(record, Promotion(own=None, old=None, new=""))
        pending = self._pending
        self._record = record.committed()
        ledger.record(self._task, self._record, pending, pending.old_key_name, self._seen.key_name)
        self._old_key_name = pending.old_key_name

    def _reason_not_to_prune(self) -> str | None:
        return None if self._watch.status == "UPDATE_COMPLETE" else f"the stack is at {self._watch.status}"

    def _explain(self, why: str) -> str:
        return _WHY[why].format(
            status=self._watch.status,
            old=self._pending.old_key_name or "of their making",
            new=self._pending.key_name or (machine.new_pairs(self._pending, self._seen) or ("unknown",))[-1],
            both=" and ".join(self._seen.youngest),
            detail=self._detail,
            on_new=self._seen.on_new,
            total=self._seen.total,
        )
