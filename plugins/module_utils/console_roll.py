# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""Rolling a Console API key: the Console makes it, shows it once, and kills the former one at once (6.2).

So the stores and the session are proven before the reset, the reply is durable before anything else, and a key that was
lost on the way is made anew by the same session.
"""

from __future__ import annotations

import dataclasses
import os
import uuid

from ansible_collections.convox.credentials.plugins.module_utils import files, ledger
from ansible_collections.convox.credentials.plugins.module_utils.console import Account
from ansible_collections.convox.credentials.plugins.module_utils.errors import BadInput, ConvoxError, Refused, RequestFailed, StoreFailed
from ansible_collections.convox.credentials.plugins.module_utils.keys import SHORTEST_MASKED, digest, fingerprint
from ansible_collections.convox.credentials.plugins.module_utils.rack import Rack, outcome_unknown, user_id
from ansible_collections.convox.credentials.plugins.module_utils.records import CONSOLE_API_KEY, Pending, Record
from ansible_collections.convox.credentials.plugins.module_utils.store import Promotion
from ansible_collections.convox.credentials.plugins.module_utils.stores import StoreSet
from ansible_collections.convox.credentials.plugins.module_utils.target import Reach, find_target
from ansible_collections.convox.credentials.plugins.module_utils.task import Task
from ansible_collections.convox.credentials.plugins.module_utils.times import parse_duration

MOST_RESETS = 3
CONFIRMATIONS = 2
CONFIRM_INTERVAL_S = 10.0


def roll(task: Task) -> tuple[dict[str, object], str | None]:
    """The result of the module console_api_key, and the key that this run made."""
    parse_duration("max_age", task.options.get("max_age"))
    if task.options.get("rack"):
        raise BadInput("rack: a Console API key belongs to an account, not to a rack; leave it out")
    # CONVOX_RACK is set in many a shell, for other commands.
    target = dataclasses.replace(find_target(task), via=None)
    identity = f"{task.options['email']}@{target.host}"
    if task.check_mode:
        return ConsoleRoll(task, Reach(task, target), identity).run()
    lock = task.cli.home.file(os.path.join("locks", identity.replace("/", "_")))
    with files.locked(lock, f"the Console API key of {identity}"):
        return ConsoleRoll(task, Reach(task, target), identity).run()


class ConsoleRoll:
    """One run over one person's key at one Console."""

    def __init__(self, task: Task, reach: Reach, identity: str) -> None:
        self._task = task
        self._reach = reach
        self._host = reach.target.host
        self._stores: StoreSet = task.stores()
        self._id = task.options.get("rotation_id") or uuid.uuid4().hex
        self._record: Record = self._stores.load(CONSOLE_API_KEY, identity)
        self._resumed = self._record.pending is not None
        self._user_id: str | None = None
        self._old_refused: str | None = None
        # A Console has one key an account: another account's record on the same host is not this one's.
        if self._record.identity != identity:
            self._record, self._resumed = Record(CONSOLE_API_KEY, identity), False

    def run(self) -> tuple[dict[str, object], str | None]:
        current = self._working_key()
        if not self._resumed and self._settled(current):
            self._task.name_other_login(self._host, self._host, current)
            return self._report(current, None, changed=False), None
        known = self._record if self._resumed else self._record.knowing(current)
        self._stores.prove(dataclasses.replace(known, host=self._host), dry=self._task.check_mode)
        if self._task.check_mode:
            self._check_password()
            return self._report(None, current or self._known_key(), changed=True), None
        old = known.old or current or self._known_key()
        begun = self._record.pending.key if self._record.pending else None
        key = self._finish_or_reset(old)
        old = self._commit(old, key)
        self._task.name_other_login(self._host, self._host, key)
        return self._report(key, old, changed=True), key if key != begun else None

    # -- whether there is anything to do --------------------------------------------------------------------------
    def _working_key(self) -> str | None:
        """The first known key that the Console accepts."""
        for key in self._keys():
            self._user_id = self._whose(key)
            if self._user_id is not None:
                return key
            self._task.warn_once(f"{self._host}: the key {fingerprint(key)} is refused")
        return None

    def _keys(self) -> list[str]:
        given = self._reach.target.key
        found = [given] + [key for key, dummy in self._stores.keys(CONSOLE_API_KEY, self._record.identity)] + [self._task.cli.key(self._host)]
        for key in found:
            self._task.secrets.add(key)
        return list(dict.fromkeys(key for key in found if key))

    def _known_key(self) -> str | None:
        return next(iter(self._keys()), None)

    def _whose(self, key: str) -> str | None:
        """The id of the user that the Console takes the key for; None where it refuses it."""
        try:
            reply = Rack(self._reach.transport(self._host), self._reach.credential(key)).auth()
        except Refused:
            return None
        found = user_id(reply.text)
        if found is None:
            raise BadInput(f"host: {self._host} is a rack, not a Console; roll a rack's key with rack_keyroll")
        return found

    def _settled(self, current: str | None) -> bool:
        options = self._task.options
        if options.get("rotation_id") in self._record.rotation_ids:
            return True
        if current is None:
            return False
        if options["state"] == "valid":
            return True
        limit = parse_duration("max_age", options.get("max_age"))
        if limit is None or self._record.rolled_at is None or self._record.digest != digest(current):
            return False
        return self._task.clock.age(self._record.rolled_at) <= limit

    def _check_password(self) -> None:
        password = self._task.options.get("account_password")
        if not password:
            raise BadInput(f"account_password: a new key of {self._record.identity} needs it: the Console opens a session by nothing else")
        if len(password) < SHORTEST_MASKED:
            raise BadInput(f"account_password: shorter than {SHORTEST_MASKED} characters; no Console takes such a password")

    # -- the roll -------------------------------------------------------------------------------------------------
    def _finish_or_reset(self, old: str | None) -> str:
        """A pending key that is accepted is finished; else the session makes a new one."""
        pending = self._record.pending
        if pending is not None and pending.key and self._confirmed(pending.key):
            self._save(self._record.joined(self._id))
            return pending.key
        self._check_password()
        account = Account(self._reach.transport(self._host), self._task.secrets)
        account.log_in(self._task.options["email"], self._task.options["account_password"])
        # Another controller knows nothing of this one's lock, and its key would be dead.
        self._stores.refuse_overtaken(self._record, old)
        for dummy in range(MOST_RESETS):
            key = self._reset(account, old)
            if self._confirmed(key):
                return key
        raise ConvoxError(
            f"{self._host}: the Console refused {MOST_RESETS} new keys in a row; the last is kept as pending in {self._stores.named}: run again later",
            changed=True,
        )

    def _reset(self, account: Account, old: str | None) -> str:
        """Note first that the key in force is about to die; then make the new one and keep it before anything else."""
        earlier = self._record.pending
        ids = dict.fromkeys((earlier.rotation_ids if earlier else ()) + (self._id,))
        stamp = self._task.clock.stamp()
        self._save(
            Record(
                kind=CONSOLE_API_KEY,
                identity=self._record.identity,
                name=self._task.options["email"],
                host=self._host,
                current=old,
                digest=self._record.digest,
                rolled_at=self._record.rolled_at,
                rotation_ids=self._record.rotation_ids,
                superseded=self._record.superseded if self._resumed else self._record.knowing(old).superseded,
                pending=Pending(key=None, staged_at=stamp, rotation_ids=tuple(ids), applying=stamp, found=_made_before(earlier)),
            )
        )
        try:
            key = account.reset_key()
        except RequestFailed as exc:
            if not outcome_unknown(exc):
                raise
            raise ConvoxError(f"{exc}; the former key may be dead already: run again, which makes another", changed=True) from None
        self._save(self._record.note(key=key))
        back = self._stores.load(CONSOLE_API_KEY, self._record.identity).pending
        if back is None or back.key != key:
            raise StoreFailed(f"{self._host}: the new key can't be read back from the stores; run again, which makes another")
        return key

    def _confirmed(self, key: str) -> bool:
        """Accepted twice, some time apart. Anything but that and a refusal says nothing: the rotation stays pending."""
        for turn in range(CONFIRMATIONS):
            if turn:
                self._task.clock.sleep(CONFIRM_INTERVAL_S)
            self._user_id = self._whose_now(key)
            if self._user_id is None:
                return False
        return True

    def _whose_now(self, key: str) -> str | None:
        """As ``_whose``, once there is a new key to be kept."""
        try:
            return self._whose(key)
        except RequestFailed as exc:
            raise ConvoxError(f"{exc}; the new key is kept as pending in {self._stores.named}: run again to confirm it", changed=True) from None

    def _save(self, record: Record) -> None:
        self._record = record
        self._stores.save(record)

    def _commit(self, old: str | None, new: str) -> str | None:
        """Returns the former key of the account, where it is known.

        A reset kills it: what the Console takes still, though another key is the account's now, is somebody else's login.
        """
        pending = self._record.pending
        if pending is None:
            raise ValueError("nothing is pending")
        there = self._task.cli.key(self._host)
        theirs = {key for key in (old, there) if key is not None and key != new and self._whose_now(key) is not None}
        self._old_refused = "unknown" if old is None else "false" if old in theirs else "true"
        old = None if old in theirs else old
        promoted = self._record.promoted(self._task.clock.stamp())
        self._stores.promote(promoted, Promotion(own=self._host, old=old, new=new, own_was_refused=there not in theirs))
        self._record = promoted.committed()
        ledger.record(self._task, self._record, pending, fingerprint(old) if old else None, fingerprint(new))
        return old

    def _report(self, new: str | None, old: str | None, changed: bool) -> dict[str, object]:
        prints = fingerprint(new) if new else None, fingerprint(old) if old else None
        result: dict[str, object] = {
            "changed": changed,
            "host": self._host,
            "rack": None,
            "email": self._task.options["email"],
            "id": self._user_id,
            "fingerprint": prints[0],
            "old_fingerprint": prints[1],
            "resumed": self._resumed,
            "rotation_id": self._id,
            "rolled_at": self._record.rolled_at,
            "stored_in": self._stores.labels,
        }
        if self._old_refused is not None:
            result["old_refused"] = self._old_refused
        if changed:
            result["diff"] = {"before": {"fingerprint": prints[1]}, "after": {"fingerprint": prints[0] or "a new key"}}
        return result


def _made_before(earlier: Pending | None) -> tuple[str, ...]:
    """Keys that this rotation made and the Console refused: held all the same, for it can bring an old value back (6.2)."""
    return earlier.found + ((earlier.key,) if earlier.key else ()) if earlier else ()
