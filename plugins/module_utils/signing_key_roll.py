# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""Rolling the key that signs a rack's tokens: sent once, then confirmed by tokens that it had signed before.

Nobody but the rack has either key, so nothing is kept of it. The rack stores the new one first and restarts its API then
(convox-protocol 3): a reply that is an error can still mean that it did.
"""

from __future__ import annotations

import contextlib
import typing as t

from ansible_collections.convox.credentials.plugins.module_utils import rotation, tokens
from ansible_collections.convox.credentials.plugins.module_utils.errors import BadInput, ConvoxError, Refused, RequestFailed
from ansible_collections.convox.credentials.plugins.module_utils.latent_key import refuse_latent_key
from ansible_collections.convox.credentials.plugins.module_utils.rack import ACCEPTED, NO_ANSWER, REFUSED, Rack, outcome_unknown
from ansible_collections.convox.credentials.plugins.module_utils.rack_lock import rack_lock
from ansible_collections.convox.credentials.plugins.module_utils.rack_preflight import rounds_of
from ansible_collections.convox.credentials.plugins.module_utils.rack_subject import Subject, find_way, of_aws
from ansible_collections.convox.credentials.plugins.module_utils.records import RACK_API_KEY
from ansible_collections.convox.credentials.plugins.module_utils.stack_watch import StackWatch
from ansible_collections.convox.credentials.plugins.module_utils.stores import StoreSet
from ansible_collections.convox.credentials.plugins.module_utils.target import Reach, find_target
from ansible_collections.convox.credentials.plugins.module_utils.task import Task
from ansible_collections.convox.credentials.plugins.module_utils.transport import TOKEN_USER, Credential

_POLL_S = 2.0
_HOUR_S = 3600
_AGAIN = "run again, which rolls it once more"


def roll(task: Task) -> dict[str, t.Any]:
    """The result of the module rack_access with ``state: signing_key_rolled``."""
    started = task.clock.now()
    stores = task.stores_to_read()
    reach, subject = find_way(task, Reach(task, find_target(task)), stores)
    own = SigningKeyRoll(task, reach, stores, subject, started)
    if task.check_mode:
        return own.predict()
    with rack_lock(task, subject.identity, subject.label):
        return own.run()


class SigningKeyRoll:
    """One run over one rack's signing key. Holds the lock, unless it writes nothing."""

    def __init__(self, task: Task, reach: Reach, stores: StoreSet, subject: Subject, started: float) -> None:
        if subject.key is None or reach.credential(subject.key).user == TOKEN_USER:
            raise BadInput(
                f"{subject.label}: a token ends with the signing key, and could not confirm that it is rolled: nothing was changed; give the rack's own key"
            )
        self._task = task
        self._reach = reach
        self._stores = stores
        self._subject = subject
        self._started = started
        self._deadline = started + task.options["wait_timeout"]
        self._rack: Rack = reach.rack(subject.key)
        self._witnesses: list[Rack] = []
        # The latest round that was not as it should be.
        self._bad: rotation.Rounded | None = None

    def predict(self) -> dict[str, t.Any]:
        self._preflight()
        return self._report()

    def run(self) -> dict[str, t.Any]:
        self._preflight()
        aws = self._subject.aws
        connections = rounds_of(of_aws(self._task, self._subject, aws.service) if aws is not None else None)
        self._call_witnesses(connections)
        self._refuse_latent_key()
        doubt = self._send()
        return self._confirm(max(self._task.options["confirmations"], connections), doubt)

    # -- before anything is changed -------------------------------------------------------------------------------
    def _preflight(self) -> None:
        task, subject = self._task, self._subject
        tokens.refuse_without(subject)
        self._refuse_latent_key()
        watch = StackWatch(subject.aws, lambda: self._rack.system().status, task.clock)
        watch.await_rest(subject.label, self._deadline, bool(task.options["wait"]), dry=task.check_mode)
        self._warn_of_other_racks()

    def _refuse_latent_key(self) -> None:
        refuse_latent_key(self._task, self._reach, self._subject, self._stores.load(RACK_API_KEY, self._subject.identity), "the roll")

    def _call_witnesses(self, connections: int) -> None:
        """Tokens of each container, for they can have different keys where another rack of the account has rolled it."""
        # They must not end before this run does, or their refusal would prove nothing.
        hours = int(self._task.options["wait_timeout"]) // _HOUR_S + 1
        issued: dict[str, None] = {}
        for dummy in range(connections):
            with contextlib.closing(self._rack.afresh()) as fresh:
                issued[tokens.issue(self._task, fresh, self._subject, tokens.READ, hours)] = None
        for token in issued:
            self._see_accepted(token, connections)
            self._witnesses.append(Rack(self._reach.transport(self._subject.host), Credential(token, TOKEN_USER)))

    def _see_accepted(self, token: str, connections: int) -> None:
        why = ""
        for dummy in range(connections):
            try:
                tokens.ask_with(self._reach, self._subject, token)
                return
            except Refused as exc:
                why = str(exc)
            except RequestFailed as exc:
                why = str(exc)
                break
        raise ConvoxError(
            f"{self._subject.label}: {self._subject.host} does not take a token that was just issued, so that the roll could not be confirmed ({why}): "
            "the signing key was not rolled; make that host reachable from here"
        )

    # -- the roll -------------------------------------------------------------------------------------------------
    def _send(self) -> str | None:
        """Once. Returns why it is not known whether it was taken, None where it was; raises where it was not."""
        try:
            self._rack.rotate_signing_key()
        except RequestFailed as exc:
            if not outcome_unknown(exc):
                raise ConvoxError(f"{self._subject.label}: the signing key was not rolled: {exc}: nothing was changed; mend that, then run again") from None
            return str(exc)
        return None

    def _confirm(self, rounds: int, doubt: str | None) -> dict[str, t.Any]:
        options, now = self._task.options, self._task.clock.now
        sent, streak, since, refused_once = now(), 0, 0.0, False
        while True:
            seen = self._round()
            self._bad = self._bad if seen.good else seen
            refused_once = refused_once or seen.old == REFUSED
            since = since if streak else now()
            streak = streak + 1 if seen.good else 0
            if streak >= rounds and now() - since >= options["confirm_period"]:
                return self._report(confirmed=True)
            if not options["wait"]:
                self._task.warn_once(f"{self._subject.label}: the signing key was sent to be rolled, and nobody has confirmed that old tokens are refused")
                return self._report()
            if doubt and not refused_once and now() - sent >= rotation.RESTART_WINDOW_S:
                raise self._failed(
                    f"it is not known whether the signing key was rolled ({doubt}): old tokens are accepted, and come to their end at its API's next "
                    f"restart if it was; {_AGAIN}"
                )
            if now() >= self._deadline:
                raise self._failed(f"the signing key was sent to be rolled, and wait_timeout is over: {self._what_is_wrong()}")
            self._task.clock.sleep(options["confirm_interval"] if streak else _POLL_S)

    def _round(self) -> rotation.Rounded:
        """The rack's own key and every witness, each on a fresh connection."""
        answers = {witness.probe(self._subject.name) for witness in self._witnesses}
        old = next((answer for answer in (ACCEPTED, NO_ANSWER) if answer in answers), REFUSED)
        return rotation.Rounded(self._rack.probe(self._subject.name), old)

    def _what_is_wrong(self) -> str:
        bad = self._bad
        if bad is None:
            return f"the confirmations were still going on; raise wait_timeout, and {_AGAIN}"
        if bad.new == REFUSED:
            return "its own key is refused, so that a latent one has come into force with the restart; find that one with rotate_rack_keys and AWS credentials"
        if bad.old == ACCEPTED:
            return f"some container still accepts old tokens; see that its API restarts, then {_AGAIN}"
        return f"it does not answer as it should; see that its API runs, then {_AGAIN}"

    # -- what the user gets ---------------------------------------------------------------------------------------
    def _failed(self, what: str) -> ConvoxError:
        return ConvoxError(f"{self._subject.label}: {what}", **self._report())

    def _warn_of_other_racks(self) -> None:
        """Architecture 3. With AWS they are named."""
        subject = self._subject
        if not tokens.shared(subject):
            return
        aws = subject.aws
        names = of_aws(self._task, subject, lambda: sorted(stack.name for stack in aws.aws.rack_stacks())) if aws is not None else None
        others = [name for name in names or [] if name != subject.name]
        told = f" ({', '.join(others)})" if others else ""
        region = subject.system.region if subject.system else "its region"
        self._task.warn_once(
            f"{subject.label}: its signing key, convox-jwt-key, is that of all v2 racks of the account in {region}{told}: tokens of the others "
            "are refused from their API's next restart on, and accepted until then"
        )

    def _report(self, confirmed: bool = False) -> dict[str, t.Any]:
        living = self._bad is not None and self._bad.old == ACCEPTED
        return {
            "changed": True,
            "host": self._reach.target.host,
            "rack": self._subject.name,
            "rack_domain": self._subject.identity,
            "old_refused": "true" if confirmed else "false" if living else "unknown",
            "waited_s": round(self._task.clock.now() - self._started, 1),
            "diff": {"before": {"signing_key": "the one in force"}, "after": {"signing_key": "a new one"}},
        }
