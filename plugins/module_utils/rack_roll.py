# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""Rolling a Rack API key: finds out where a rotation stands, takes the steps that rotation.py says, and reports."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.convox.credentials.plugins.module_utils import ledger, rack_namesakes, rotation, tokens, ways
from ansible_collections.convox.credentials.plugins.module_utils import rack_preflight as preflight
from ansible_collections.convox.credentials.plugins.module_utils.console_holder import Holder, console_access, find_holder, key_of
from ansible_collections.convox.credentials.plugins.module_utils.console_reimport import Reimport
from ansible_collections.convox.credentials.plugins.module_utils.console_sync import OK, UNKNOWN
from ansible_collections.convox.credentials.plugins.module_utils.errors import BadInput, ConvoxError
from ansible_collections.convox.credentials.plugins.module_utils.keys import fingerprint, make_key
from ansible_collections.convox.credentials.plugins.module_utils.rack import ACCEPTED
from ansible_collections.convox.credentials.plugins.module_utils.rack_due import RackKey, difference
from ansible_collections.convox.credentials.plugins.module_utils.rack_engine import Engine
from ansible_collections.convox.credentials.plugins.module_utils.rack_lock import rack_lock
from ansible_collections.convox.credentials.plugins.module_utils.rack_subject import find_way
from ansible_collections.convox.credentials.plugins.module_utils.records import RACK_API_KEY, Pending, Record
from ansible_collections.convox.credentials.plugins.module_utils.store import Promotion
from ansible_collections.convox.credentials.plugins.module_utils.target import Reach, find_target
from ansible_collections.convox.credentials.plugins.module_utils.task import Task

Outcome = tuple[dict[str, t.Any], t.Optional[str]]


def wait(task: Task, started: float, sent_for: str | None = None, commit: bool = False) -> dict[str, t.Any]:
    """The waiting parts of a rotation that was begun without waiting, up to where a run without waiting commits it.

    ``started``: when its patience begins. ``sent_for``: the rotation_id that the new key was sent for, None where it was not.
    ``commit``: to its end, unless a Console is to be given the key, by an account whose password only a task has.
    The result's ``phase`` is None where nothing was begun: then the rack is only waited for, until it could be. Where it ends
    badly, ``phase`` says that the rotation was gone on with, ``needs_key`` that a key which no store has could have helped.
    """
    stores = task.stores()
    reach, subject = find_way(task, Reach(task, find_target(task)), stores)
    with rack_lock(task, subject.identity, subject.label):
        return RackRoll(task, reach, stores, subject, started).wait(sent_for, commit)


class RackRoll(RackKey):
    """One run over one rack. Holds the lock, unless it writes nothing."""

    _holder: Holder | None = None
    _reimport: Reimport | None = None
    # What AWS would replace was told by this run, and nothing was sent or waited for since.
    _replacements_told = False

    def run(self) -> Outcome:
        if self.settled():
            return self.settled_report(), None
        self._refuse_second_key()
        plan, affected = self._preflight()
        if self._task.check_mode:
            return self._prediction(plan, affected), None
        made = self._stage(affected["builds"]) if not self._resumed else None
        if self._resumed:
            self._join()
        return self._rotate(plan, affected), made

    def wait(self, sent_for: str | None, commit: bool) -> dict[str, t.Any]:
        pending = self._record.pending
        if pending is None:
            self._engine_for(self._plan()).await_rest(dry=False)
            return {"phase": None}
        # Before this run joins it: another run may have ended that one, and begun its own.
        sent = sent_for in pending.rotation_ids
        if commit and not self.renews:
            plan, affected = self._preflight()
            self._join()
            return self._rotate(plan, affected, sent)
        engine, end = self._drive(self._plan(), sent)
        lacking = isinstance(end, rotation.Stop) and end.why in (rotation.STOPPED_LOCKED_OUT, rotation.STOPPED_NO_MEANS)
        return self._ended(engine, end, engine.phase, **({"needs_key": True} if lacking else {}))

    # -- what it goes by and by which key -------------------------------------------------------------------------
    def _named(self, record: Record) -> Record:
        """With all that it goes by, beside its identity."""
        return dataclasses.replace(record, name=self._subject.name, host=self._own_host(), console=self._reach.target.console or record.console)

    def _refuse_second_key(self) -> None:
        wanted, pending = self._task.options.get("new_key"), self._record.pending
        if wanted and pending is not None and pending.key and wanted != pending.key:
            raise BadInput(
                f"new_key: {fingerprint(wanted)}, but the key {fingerprint(pending.key)} is pending on {self._subject.label}: "
                "nothing was changed; run without new_key to finish that first"
            )

    # -- before anything is changed -------------------------------------------------------------------------------
    def _preflight(self) -> tuple[rotation.Plan, dict[str, list[str]]]:
        task, subject = self._task, self._subject
        tokens.refuse_read_only(self._reach, subject)
        self._holder = self._find_holder()
        self._reimport = self._reimport_at(self._holder)
        if not self._resumed:
            if subject.aws is None or task.options["method"] == ways.API:
                tokens.refuse_deploy_key(self._reach, subject)
            preflight.refuse_to_lock_out(task, subject, self._holder)
            if self.renews and self._holder is None:
                task.warn_once(
                    f"{subject.label}: console_sync: {ways.REIMPORT}, but no Console that is logged in to here is known to hold it; "
                    "log in there, or leave console_sync out"
                )
            if self._reimport is not None:
                self._reimport.refuse()
            preflight.prove_direct_way(self._reach, subject)
        plan = self._plan()
        if not self._resumed:
            self._engine_for(plan).await_rest(dry=task.check_mode)
        if self._record.pending is None or self._record.pending.applying is None:
            preflight.tell_replacements(task, subject)
            self._replacements_told = True
        self._stores.prove(self._named(self._proven()), dry=task.check_mode)
        affected = preflight.also_affected(task, subject, self._reach.rack(subject.key) if subject.key else None)
        pending = self._record.pending
        if pending is not None and pending.activating is not None:
            # Those that began since have the new key.
            affected["builds"] = [build for build in affected["builds"] if build in pending.builds]
        return plan, affected

    def _proven(self) -> Record:
        """With the key in force, where the rack has just accepted it; a resumed one's old key is what it replaces, whichever that is by now."""
        own = self._own_key()
        accepted = own is not None and own == self._subject.key
        return self._record if self._resumed else self._record.knowing(own if accepted else self._record.current or own)

    def _plan(self) -> rotation.Plan:
        return preflight.plan(self._task, self._subject, self._started, self._resumed)

    # -- stage ----------------------------------------------------------------------------------------------------
    def _stage(self, builds: t.Sequence[str]) -> str | None:
        """One durable write a store: the new key, the rotation's id, and every other key that is known."""
        task, subject = self._task, self._subject
        key = task.options.get("new_key") or make_key(task.options["key_length"])
        task.secrets.add(key)
        old = self._own_key()
        engine = self._engine_for(None)
        stored = engine.stored_key()
        if old is None and stored and self._reach.direct(subject.host, stored).probe(subject.name) == ACCEPTED:
            old = stored
        staged = Record(
            kind=RACK_API_KEY,
            identity=subject.identity,
            console=self._record.console,
            current=old,
            digest=self._record.digest,
            rolled_at=self._record.rolled_at,
            rotation_ids=self._record.rotation_ids,
            superseded=self._record.superseded,
            pending=Pending(
                key=key,
                staged_at=task.clock.stamp(),
                rotation_ids=(self._id,),
                found=_unlike((stored, self._record.current, *subject.refused), (old, key)),
                instances=tuple(sorted(engine.instance_ids())),
                builds=tuple(builds),
            ),
        )
        # Another controller knows nothing of this one's lock, and may have been at work all through the preflight.
        self._stores.refuse_overtaken(self._record, old)
        self._record = self._named(staged)
        self._stores.save(self._record)
        return None if task.options.get("new_key") else key

    def _join(self) -> None:
        """A run that finds a pending rotation finishes it, with its own id among the rotation's, and holds what it knows."""
        record = self._record.joined(self._id)
        if record.pending is not None:
            known = _unlike((self._own_key(), *self._subject.refused), record.secrets())
            record = record.note(found=record.pending.found + known)
        self._record = record
        self._stores.save(record)

    # -- the Console's copy -----------------------------------------------------------------------------------------
    def _find_holder(self) -> Holder | None:
        found = find_holder(self._task, self._reach, self._subject)
        if found is None and self.renews and self._record.console:
            # It was reached through that one once, which may not list it for the key that is known now.
            name, dummy, host = self._record.console.rpartition("@")
            return Holder(host, name)
        return found

    def _reimport_at(self, holder: Holder | None) -> Reimport | None:
        if holder is None or not self.renews:
            return None
        return Reimport(self._task, self._reach, self._subject, holder, key_of(self._task, self._reach, self._subject, holder))

    def _renewed(self, result: dict[str, t.Any]) -> dict[str, t.Any]:
        """The key is in force and kept, whatever becomes of the Console."""
        if self._reimport is None or self._record.current is None:
            raise ValueError("nothing is committed that a Console could be given")
        try:
            self._reimport.run(self._record.current)
        except ConvoxError as exc:
            raise ConvoxError(str(exc), **{**result, **exc.result, "console_access": UNKNOWN}) from None
        return {**result, "console_access": OK}

    def settled_report(self) -> dict[str, t.Any]:
        """The run that rolled it may have died before the Console had the key."""
        report = super().settled_report()
        holder = self._find_holder() if self.renews else None
        reimport, key = self._reimport_at(holder), self._own_key()
        if reimport is None or key is None:
            return report
        access = console_access(self._task, self._reach, self._subject, holder)
        if access == OK:
            return {**report, "console_access": OK}
        reimport.refuse()
        diff = {"before": {"console_access": access}, "after": {"console_access": OK}}
        if self._task.check_mode:
            return {**report, "console_access": access, "changed": True, "diff": diff}
        return {**report, "changed": reimport.run(key), "console_access": OK, "diff": diff}

    # -- the steps ------------------------------------------------------------------------------------------------
    def _engine_for(self, plan: rotation.Plan | None) -> Engine:
        return Engine(self._task, self._reach, self._stores, self._subject, self._record, plan or rotation.Plan(means=()))

    def _rotate(self, plan: rotation.Plan, affected: dict[str, list[str]], sent: bool = False) -> dict[str, t.Any]:
        before = set(self._record.pending.instances if self._record.pending else ())
        engine, end = self._drive(plan, sent)
        committed = isinstance(end, rotation.Commit)
        if committed:
            self._commit()
            self._task.name_other_login(self._subject.label, self._own_host(), self._record.current)
            if engine.old_refused == "unknown":
                self._task.warn_once(f"{self._subject.label}: the old key is unknown, so that nobody could ask whether it is refused now")
            self._name_lost_tokens(engine.activated_by)
            self._name_who_is_left(affected)
        renewed = committed and self._reimport is not None
        if not renewed:
            self._console_access = console_access(self._task, self._reach, self._subject, self._holder)
        after = engine.instance_ids() if before and committed else set()
        replaced = sorted(before - after) if after else []
        result = self._ended(engine, end, "committed" if committed else engine.phase, also_affected={**affected, "instances": replaced})
        return self._renewed(result) if renewed else result

    def _drive(self, plan: rotation.Plan, sent: bool = False) -> tuple[Engine, rotation.Commit | rotation.Stop]:
        method = self._task.options["method"]
        if method == "auto":
            method = ways.API if self._subject.key is not None else ways.CLOUDFORMATION
        engine = self._engine_for(plan)
        try:
            return engine, engine.drive(method, sent, self._replacements_told)
        finally:
            self._record = engine.record

    def _ended(self, engine: Engine, end: rotation.Commit | rotation.Stop, phase: str, **more: t.Any) -> dict[str, t.Any]:
        """The result, or what is to be said of a run that had to stop."""
        result = {
            **self._report(phase, changed=True),
            "method": engine.method,
            "sent": engine.sent,
            "activated_by": engine.activated_by,
            "old_refused": engine.old_refused,
            "stored_in": self._stores.labels,
            **more,
        }
        if isinstance(end, rotation.Stop) and end.failed:
            raise ConvoxError(engine.explain(end), **{**result, "changed": self._record.pending is not None})
        if isinstance(end, rotation.Stop) and end.why == rotation.STOPPED_LATENT:
            self._task.warn_once(engine.explain(end))
        return result

    def _name_lost_tokens(self, means: str) -> None:
        """Whoever asked for it knows (convox-protocol 3)."""
        if means == ways.SIGNING_KEY and self._task.options["activate"] != ways.SIGNING_KEY:
            verb = "would be" if self._task.check_mode else "was"
            self._task.warn_once(
                f"{self._subject.label}: its API {verb} restarted by rolling the signing key, which ends its temporary tokens, and those of the account's "
                "other racks from their next restart on; to keep tokens, give AWS credentials that may call ecs:UpdateService"
            )

    def _name_who_is_left(self, affected: dict[str, list[str]]) -> None:
        """Who had the old key from the rack and is dead to it now (convox-protocol 3.2)."""
        if affected["apps"]:
            self._task.warn_once(f"{self._subject.label}: apps that carry the old key until promoted again: {', '.join(affected['apps'])}")
        if affected["builds"]:
            self._task.warn_once(f"{self._subject.label}: builds that began with the old key and can't report their end: {', '.join(affected['builds'])}")

    def _commit(self) -> None:
        """The stores first, the pending mark last, then the ledger; a crash on the way is finished by the next run."""
        task, record = self._task, self._record.promoted(self._task.clock.stamp())
        pending = record.pending
        if pending is None or pending.key is None:
            raise ValueError("nothing is pending")
        promotion = Promotion(
            own=self._own_host(),
            old=self._record.old,
            new=pending.key,
            own_was_refused=self._was_refused(task.cli.key(self._own_host())),
            others=rack_namesakes.hosts_of_others(task, self._reach, record, self._record.old, self._subject.label),
        )
        self._stores.promote(record, promotion)
        self._record = record.committed()
        old = fingerprint(promotion.old) if promotion.old else None
        ledger.record(task, self._record, pending, old, fingerprint(promotion.new))

    # -- what the user gets ---------------------------------------------------------------------------------------
    def _prediction(self, plan: rotation.Plan, affected: dict[str, list[str]]) -> dict[str, t.Any]:
        means = next(iter(plan.means), ways.NONE)
        self._name_lost_tokens(means)
        pending, own = self._record.pending, self._own_key()
        wanted = self._task.options.get("new_key") or (pending.key if pending else None)
        old = fingerprint(own) if own else None
        return {
            "changed": True,
            "host": self._reach.target.host,
            "rack": self._subject.name,
            "rack_domain": self._subject.identity,
            "resumed": self._resumed,
            "rotation_id": self._id,
            "activated_by": means,
            "fingerprint": fingerprint(wanted) if wanted else None,
            "old_fingerprint": old,
            "rolled_at": self._record.rolled_at,
            "also_affected": {**affected, "instances": []},
            "diff": difference(old, fingerprint(wanted) if wanted else "a new key"),
        }


def _unlike(keys: t.Iterable[str | None], known: t.Collection[str | None]) -> tuple[str, ...]:
    """The keys, each once, that are not known yet."""
    return tuple(dict.fromkeys(key for key in keys if key and key not in known))
