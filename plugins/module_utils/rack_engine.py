# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""Takes the steps that rotation.py asks for, and tells it what came of each: the only file where a roll meets the world."""

from __future__ import annotations

import contextlib
import datetime
import typing as t

from ansible_collections.convox.credentials.plugins.module_utils import rack_preflight as preflight
from ansible_collections.convox.credentials.plugins.module_utils import rotation, ways
from ansible_collections.convox.credentials.plugins.module_utils.aws import Task as Container
from ansible_collections.convox.credentials.plugins.module_utils.errors import (
    BadInput,
    BadReply,
    ConvoxError,
    Denied,
    NoAnswer,
    Refused,
    RequestFailed,
)
from ansible_collections.convox.credentials.plugins.module_utils.keys import fingerprint
from ansible_collections.convox.credentials.plugins.module_utils.rack import (
    Rack,
    System,
    nothing_to_change,
    outcome_unknown,
    stack_busy,
)
from ansible_collections.convox.credentials.plugins.module_utils.rack_subject import Subject, of_aws
from ansible_collections.convox.credentials.plugins.module_utils.records import Pending, Record
from ansible_collections.convox.credentials.plugins.module_utils.stack_watch import StackWatch
from ansible_collections.convox.credentials.plugins.module_utils.stores import StoreSet
from ansible_collections.convox.credentials.plugins.module_utils.target import Reach
from ansible_collections.convox.credentials.plugins.module_utils.task import Standing, Task
from ansible_collections.convox.credentials.plugins.module_utils.times import parse_date

# So often each key is tried before all count as refused.
_TURNS = 4

# Why a run stopped: what happened, and what to do next. The rack's name comes before, the key's whereabouts after.
_WHY = {
    rotation.STOPPED_STUCK: "its stack is stuck ({status}): continue or mend that update in CloudFormation, then run again",
    rotation.STOPPED_ROLLED_BACK: "AWS rolled the update back, so the old key {old} still stands: see the stack's events, then run again",
    rotation.STOPPED_DOUBTFUL: "it could not be learned whether the key {new} was set ({detail}): run again to find out and go on",
    rotation.STOPPED_LOCKED_OUT: (
        "neither the old key {old} nor the new key {new} is accepted by its API: run again with AWS credentials and "
        "method: cloudformation, which sets {new} anew"
    ),
    rotation.STOPPED_DENIED: "{detail}; then run again",
    rotation.STOPPED_REJECTED: "the new key was not taken ({detail}): mend that, then run again",
    rotation.STOPPED_NO_MEANS: "the new key {new} is set but not in force, and no restart of the API is allowed ({detail}): allow it, then run again",
    rotation.STOPPED_NOT_RESTARTED: "the new key {new} is set but not in force, and its API was not restarted ({detail}): mend that, then run again",
    rotation.STOPPED_NOT_IN_FORCE: (
        "the old key {old} is still in force after {restarts} restarts of the API, so the update was probably rolled back: "
        "see the stack's events, then run again"
    ),
    rotation.STOPPED_OVERWRITTEN: "somebody else set another key meanwhile ({found}, kept as superseded): run again to set {new} anew",
    rotation.STOPPED_PAST_STACK: (
        "its stack holds the new key {new} already, and the parameter in SSM was set past the stack to another ({found}, kept as superseded): set the "
        "stack's Password to any other value, or put the pending key back into the parameter, then run again"
    ),
    rotation.STOPPED_LATE: "wait_timeout is over while waiting for {waiting} ({status}): run again to go on from here",
    rotation.STOPPED_LATENT: (
        "the new key {new} is set but latent (activate: none): it comes into force whenever the API restarts; "
        "run again with activate: auto before that surprises anybody"
    ),
    rotation.STOPPED_NO_WAIT: "phase {phase} is reached without waiting: run again to go on",
}


class Engine:
    """One rack's staged rotation being driven. ``record`` is what the stores hold."""

    def __init__(self, task: Task, reach: Reach, stores: StoreSet, subject: Subject, record: Record, plan: rotation.Plan) -> None:
        self._task = task
        self._reach = reach
        self._stores = stores
        self._subject = subject
        self._plan = plan
        self._watch = StackWatch(subject.aws, lambda: self._system().status, task.clock)
        self._run: rotation.Run | None = None
        self._detail = "no detail"
        self._last_round: rotation.Rounded | None = None
        self._replacements_told = False
        self.record = record

    # -- the drive ------------------------------------------------------------------------------------------------
    def await_rest(self, dry: bool) -> None:
        """Before anything is staged: the stack is at rest, or the run ends with nothing changed."""
        self._watch.await_rest(self._subject.label, 0 if dry else self._plan.deadline, self._plan.wait, dry)

    def drive(self, method: str, received: bool = False, replacements_told: bool = False) -> rotation.Commit | rotation.Stop:
        """Take steps until the rotation can be committed, or this run ends.

        ``received``: the key was sent for this run already. Without AWS that is asked again, for then a rollback that is over
        has left no trace. ``replacements_told``: what AWS would replace beside the key was asked a moment ago.
        """
        self._replacements_told = replacements_told
        now = self._task.clock.now
        if self._pending.applying is not None and self._pending.confirmed is None:
            # An earlier run may have written a moment ago; one that confirmed the key has seen the stack at rest since.
            self._watch.wrote()
        self._run = rotation.Run.start(self._pending, method, now(), received and self._subject.aws is not None)
        while True:
            step = rotation.next_step(self._pending, self._run, self._plan)
            if isinstance(step, (rotation.Commit, rotation.Stop)):
                return step
            event = self._perform(step)
            self._run = rotation.absorb(self._run, self._plan, step, event, now())

    def _perform(self, step: rotation.Step) -> rotation.Event:
        if isinstance(step, rotation.Look):
            return self._look()
        if isinstance(step, rotation.Note):
            return self._note(step)
        if isinstance(step, rotation.Send):
            outcome = self._send(step.method) if self._may_send() else rotation.DENIED
            # Where every key was refused, it is sent again in a moment.
            self._replacements_told = outcome == rotation.REFUSED
            return rotation.Sent(outcome)
        if isinstance(step, rotation.Restart):
            return rotation.Restarted(self._restart(step.means))
        if isinstance(step, rotation.Round):
            return self._round()
        if isinstance(step, rotation.Wait):
            # An update that goes on for an hour leaves time for a newer image.
            self._replacements_told &= step.for_what != rotation.FOR_STACK
            # Another run may have sent the key, of which this one is sure only after it has asked.
            sent = self.phase == "staged" and self._pending.applying is not None
            self._task.show(Standing("applied" if sent else self.phase, step.for_what, self._watch.status))
            self._task.clock.sleep(step.seconds)
            return rotation.Waited()
        raise TypeError(f"no such step: {step!r}")

    # -- the steps ------------------------------------------------------------------------------------------------
    def _look(self) -> rotation.Looked:
        state = self._watch.look()
        age = self._task.clock.age(self._pending.activating) if self._pending.activating else None
        if state != rotation.REST or self._subject.aws is None:
            return rotation.Looked(state, rolled_back=self._watch.rolled_back, restart_age=age)
        aws = self._subject.aws
        stored = of_aws(self._task, self._subject, aws.stored_key) if self._subject.version >= ways.LATENT_SINCE else None
        if stored is not None:
            self._hold(stored.key)
        service = of_aws(self._task, self._subject, aws.service)
        containers = of_aws(self._task, self._subject, aws.tasks) if service is not None else None
        changed = stored.modified if stored is not None else self._noted_change()
        return rotation.Looked(
            state,
            rolled_back=self._watch.rolled_back,
            restarting=_restarting(service.deploying, containers) if service is not None else None,
            restart_age=age,
            fresh=_all_since(containers, changed),
            ours=None if stored is None else stored.key == self._pending.key,
        )

    def stored_key(self) -> str | None:
        """What a container would take up at its next start, where AWS lets it be read."""
        if self._subject.aws is None or self._subject.version < ways.LATENT_SINCE:
            return None
        stored = of_aws(self._task, self._subject, self._subject.aws.stored_key)
        return None if stored is None else stored.key

    def _hold(self, key: str) -> None:
        """A key that a container could take up is kept before anything else is done (architecture 4)."""
        if key not in self.record.secrets():
            self.record = self.record.note(found=self._pending.found + (key,))
            self._stores.save(self.record)
            self._task.warn_once(f"{self._subject.label}: somebody else set the key {fingerprint(key)}, which this roll replaces; it is kept as superseded")

    def _note(self, note: rotation.Note) -> rotation.Noted:
        stamp = self._task.clock.stamp()
        changes: dict[str, t.Any] = {note.what: stamp}
        if note.what == rotation.ACTIVATING:
            changes["activated_by"] = note.means
        self.record = self.record.note(**changes)
        self._stores.save(self.record)
        return rotation.Noted(note.what)

    def _may_send(self) -> bool:
        """``allow_replacements: false`` counts each time that the key is sent: an update that was rolled back is a new one."""
        if self._replacements_told or self._task.options["allow_replacements"]:
            return True
        try:
            preflight.refuse_replacements(self._task, self._subject)
        except BadInput as exc:
            self._detail = str(exc)
            return False
        return True

    def _send(self, method: str) -> str:
        key = self._pending.key or ""
        self._watch.wrote()
        try:
            if method == ways.CLOUDFORMATION:
                self._aws_required().set_parameter("Password", key)
            else:
                self._by_any_key(lambda rack: rack.set_parameter("Password", key, self._subject.classic_name))
            return rotation.RECEIVED
        except Refused as exc:
            self._detail = str(exc)
            return rotation.REFUSED
        except Denied as exc:
            self._detail = str(exc)
            return rotation.DENIED
        except BadReply as exc:
            self._detail = str(exc)
            if nothing_to_change(exc):
                return rotation.THERE
            if stack_busy(exc) or _throttled(exc):
                return rotation.TURNED_AWAY
            return rotation.DOUBTFUL if outcome_unknown(exc) else rotation.REJECTED
        except NoAnswer as exc:
            self._detail = str(exc)
            return rotation.DOUBTFUL if exc.sent else rotation.TURNED_AWAY

    def _restart(self, means: str) -> str:
        try:
            if means == ways.ECS:
                self._aws_required().restart_api()
            else:
                self._by_any_key(Rack.rotate_signing_key)
        except (Denied, Refused) as exc:
            # Only then another means may do: the signing key's roll ends the tokens of every rack of the account.
            self._detail = str(exc)
            self._task.warn_once(f"{self._subject.label}: not restarted by {means}: {exc}")
            return rotation.DENIED
        except RequestFailed as exc:
            if outcome_unknown(exc):
                return rotation.ASKED
            self._detail = str(exc)
            return rotation.TURNED_AWAY if isinstance(exc, NoAnswer) or _throttled(exc) else rotation.REJECTED
        return rotation.ASKED

    def _round(self) -> rotation.Rounded:
        new = self._reach.direct(self._subject.host, self._pending.key or "").probe(self._subject.name)
        old = rotation.UNKNOWN
        if self.record.old is not None:
            old = self._reach.direct(self._subject.host, self.record.old).probe(self._subject.name)
        self._last_round = rotation.Rounded(new, old)
        return self._last_round

    # -- small helpers --------------------------------------------------------------------------------------------
    @property
    def _pending(self) -> Pending:
        if self.record.pending is None:
            raise ValueError("nothing is pending")
        return self.record.pending

    def _ways(self) -> list[Rack]:
        """The rack by each key that it may accept at this moment, the likeliest first.

        A Console's copy of the key is dead as soon as the new key is in force: then the rack is asked itself.
        """
        reach, subject = self._reach, self._subject
        first = [reach.rack(subject.key)] if subject.key else []
        known = (self.record.old, self.record.pending.key if self.record.pending else None)
        own = dict.fromkeys(key for key in known if key and (reach.target.via or key != subject.key))
        return first + [reach.direct(subject.host, key) for key in own]

    def _attempts(self) -> t.Generator[Rack, None, None]:
        """The rack by each key, then again on new connections: while containers restart, any key may meet one that refuses it."""
        ways = self._ways()
        yield from ways
        for turn in range(1, _TURNS if len(ways) > 1 else 1):
            # Forth and back: where a balancer deals its containers out in turn, each key meets each of them.
            for way in ways[::-1] if turn % 2 else ways:
                with contextlib.closing(way.afresh()) as rack:
                    yield rack

    def _by_any_key(self, ask: t.Callable[[Rack], t.Any]) -> t.Any:
        """Ask with each key until one is not refused."""
        refusal: Refused | None = None
        with contextlib.closing(self._attempts()) as attempts:
            for rack in attempts:
                try:
                    return ask(rack)
                except Refused as exc:
                    refusal = exc
        raise refusal or Refused("no key is known; give api_key", 401)

    def _system(self) -> System:
        return self._by_any_key(Rack.system)

    def _aws_required(self) -> t.Any:
        if self._subject.aws is None:
            raise Denied("AWS can't be asked: give AWS credentials", "cloudformation:UpdateStack")
        return self._subject.aws

    def _noted_change(self) -> datetime.datetime | None:
        return parse_date(self._pending.applying) if self._pending.applying else None

    def instance_ids(self) -> set[str]:
        """The rack's instances as it knows them; empty where it can't be asked, which nothing depends on."""
        try:
            return {instance.id for instance in self._by_any_key(Rack.instances)}
        except ConvoxError:
            return set()

    # -- what came of it ------------------------------------------------------------------------------------------
    @property
    def method(self) -> str | None:
        return self._run.method if self._run else None

    @property
    def sent(self) -> bool:
        """Whether this run has sent the key, and the stack is taking it."""
        return self._run is not None and self._run.received

    @property
    def phase(self) -> str:
        return rotation.phase(self._pending, self._run) if self._run else "staged"

    @property
    def activated_by(self) -> str:
        if self._plan.means == (ways.STACK,):
            return ways.STACK
        return self.record.pending.activated_by or ways.NONE if self.record.pending else ways.NONE

    @property
    def old_refused(self) -> str:
        """true, false or unknown, by the last round."""
        if self._last_round is None:
            return "unknown"
        return {rotation.REFUSED: "true", rotation.ACCEPTED: "false"}.get(self._last_round.old, "unknown")

    def explain(self, stop: rotation.Stop) -> str:
        pending, old = self._pending, self.record.old
        text = _WHY[stop.why].format(
            old=fingerprint(old) if old else "(unknown)",
            new=fingerprint(pending.key) if pending.key else "(unknown)",
            found=", ".join(fingerprint(key) for key in pending.found) or "unknown",
            status=self._watch.status,
            waiting=stop.for_what,
            detail=self._detail,
            restarts=self._run.restarts if self._run else 0,
            phase=self.phase,
        )
        return f"{self._subject.label}: {text}; the new key is kept as pending in {self._stores.named}"


def _throttled(exc: RequestFailed) -> bool:
    """Whether it was too much at a time, and nothing else is wrong with it."""
    return isinstance(exc, BadReply) and (exc.status == 429 or any(code in exc.text for code in ("Throttling", "RequestLimitExceeded", "TooManyRequests")))


def _restarting(deploying: bool, containers: list[Container] | None) -> bool:
    return deploying or any(container.draining for container in containers or [])


def _all_since(containers: list[Container] | None, changed: datetime.datetime | None) -> bool | None:
    """Whether every container was made after the key changed; None where one of the two is not known."""
    if not containers or changed is None:
        return None
    return all(container.created is not None and container.created > changed for container in containers)
