# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""The rotation of a Rack API key as a pure state machine: what was seen goes in, the next step comes out.

It follows convox-protocol 3.2 and 4: stage, apply, activate, confirm, commit. Nothing here asks, writes or sleeps:
``next_step`` says what to do, somebody does it (rack_roll.py, or the model in the tests), and ``absorb`` takes in what
came of it. ``Pending`` (records.py) is what outlives a crash; ``Run`` is what this run alone has seen.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.convox.credentials.plugins.module_utils.records import Pending
from ansible_collections.convox.credentials.plugins.module_utils.ways import (
    API,
    CLOUDFORMATION,
    ECS,
    LATENT_SINCE,
    NONE,
    REFUSALS_S,
    SIGNING_KEY,
    SIGNING_KEY_SINCE,
    STACK,
)

# A restart that can't be watched is taken to be over after this many seconds.
RESTART_WINDOW_S = 300.0
MOST_RESTARTS = 3
MOST_DOUBTFUL_SENDS = 2

ACCEPTED, REFUSED, NO_ANSWER, UNKNOWN = "accepted", "refused", "no answer", "unknown"


# -- what a run is asked ------------------------------------------------------------------------------------------
@dataclasses.dataclass(frozen=True)
class Plan:
    """``means``: ways to activate, the best first; (STACK,) where the stack does it; () for ``activate: none``.

    ``rounds`` in a row over at least ``period`` seconds, ``interval`` apart. ``deadline``: seconds of the run's clock.
    ``fallback``: whether refusals may lead from the API to CloudFormation.
    """

    means: tuple[str, ...]
    rounds: int = 6
    period: float = 35.0
    interval: float = 1.0
    deadline: float = 1800.0
    wait: bool = True
    fallback: bool = False


# -- what can be seen ---------------------------------------------------------------------------------------------
REST, BUSY, STUCK = "at rest", "busy", "stuck"


@dataclasses.dataclass(frozen=True)
class Looked:
    """One look at the rack. None where it could not be asked.

    ``restarting``: containers are being replaced. ``restart_age``: seconds since the restart was noted.
    ``fresh``: every container started after the key changed. ``ours``: the stack's parameter holds the pending key.
    """

    stack: str
    rolled_back: bool = False
    restarting: bool | None = None
    restart_age: float | None = None
    fresh: bool | None = None
    ours: bool | None = None

    def restart_under_way(self) -> bool:
        if self.restarting is not None:
            return self.restarting
        return self.restart_age is not None and self.restart_age < RESTART_WINDOW_S


@dataclasses.dataclass(frozen=True)
class Sent:
    """What came of sending the new key to the stack."""

    outcome: str


RECEIVED, THERE, DOUBTFUL, TURNED_AWAY, DENIED, REJECTED = (
    "received",  # 200: it is being set now
    "there",  # "No updates": the stack holds it already
    "doubtful",  # a lost reply or a server's error: it may be set
    "turned away",  # the stack is busy: it was not set
    "denied",  # AWS, or an option of the run, denies the change
    "rejected",  # a definite no of another kind
)


@dataclasses.dataclass(frozen=True)
class Restarted:
    """What came of asking for a restart: ``asked`` (it may have been), ``denied`` (not by this means); ``turned away`` (throttled:
    it was not done, and can be later), ``rejected`` (a definite no of another kind)."""

    outcome: str


ASKED = "asked"


@dataclasses.dataclass(frozen=True)
class Rounded:
    """One round of questions on fresh connections; ``old`` is UNKNOWN where no former key is known."""

    new: str
    old: str

    @property
    def good(self) -> bool:
        return self.new == ACCEPTED and self.old in (REFUSED, UNKNOWN)

    @property
    def latent(self) -> bool:
        """A container said that it has another key in force."""
        return self.new == REFUSED or self.old == ACCEPTED


@dataclasses.dataclass(frozen=True)
class Noted:
    """A note on the pending rotation is durable: APPLYING, ACTIVATING or CONFIRMED."""

    what: str


@dataclasses.dataclass(frozen=True)
class Waited:
    """Some time went by."""


Event = t.Union[Looked, Sent, Restarted, Rounded, Noted, Waited]


@dataclasses.dataclass(frozen=True)
class Run:
    """What this run has seen so far; lost when it dies, and nothing is lost with it.

    ``placed``: the stack is known to hold the key, or to be taking it; ``received``: by this run's own doing;
    ``on_trust``: by an earlier run's confirmation only, which a bad round or another key in the stack voids.
    ``answer``: of the last send that set nothing (THERE only where another key had been seen in the stack's parameter), or
    request that restarted nothing. ``looked``: the last look while it holds good; ``checked``: it is younger than the last
    round. ``noted``: a restart is noted and not yet asked for. ``calm``: no restart was under way when the last round was begun.
    """

    method: str
    placed: bool
    on_trust: bool
    doubtful: int
    now: float = 0.0
    received: bool = False
    answer: str | None = None
    refused_since: float | None = None
    looked: Looked | None = None
    checked: bool = False
    noted: bool = False
    restarts: int = 0
    denied: tuple[str, ...] = ()
    round: Rounded | None = None
    calm: bool = False
    streak: int = 0
    streak_since: float = 0.0

    @classmethod
    def start(cls, pending: Pending, method: str, now: float = 0.0, received: bool = False) -> Run:
        """A run that finds ``applying`` noted can't know what came of it: it counts as one doubtful send.

        ``received``: it goes on where another process of the same run has just sent the key, and been told so.
        """
        trusted = pending.confirmed is not None
        return cls(
            method=method,
            placed=trusted or received,
            on_trust=trusted,
            doubtful=1 if pending.applying else 0,
            now=now,
            received=received,
        )


# -- what to do next ----------------------------------------------------------------------------------------------
@dataclasses.dataclass(frozen=True)
class Look:
    """Look at stack, restart, containers and parameter."""


@dataclasses.dataclass(frozen=True)
class Note:
    """Note durably, before the deed: APPLYING, ACTIVATING (by ``means``) or CONFIRMED."""

    what: str
    means: str | None = None


APPLYING, ACTIVATING, CONFIRMED = "applying", "activating", "confirmed"


@dataclasses.dataclass(frozen=True)
class Send:
    """Set the stack's key by ``method``."""

    method: str


@dataclasses.dataclass(frozen=True)
class Restart:
    """Restart the API's containers by ``means``."""

    means: str


@dataclasses.dataclass(frozen=True)
class Round:
    """Ask on fresh connections whether the new key is accepted and the old one refused."""


@dataclasses.dataclass(frozen=True)
class Wait:
    """Let some time go by: for what, and how many seconds before the next question."""

    for_what: str
    seconds: float


@dataclasses.dataclass(frozen=True)
class Commit:
    """Promote the pending key in all stores, and take its mark off last."""


@dataclasses.dataclass(frozen=True)
class Stop:
    """The run ends here, and the rotation stays pending. ``failed`` is False where that was asked for.

    ``for_what``: what it would have waited for, had there been time.
    """

    why: str
    failed: bool = True
    for_what: str = ""


Step = t.Union[Look, Note, Send, Restart, Round, Wait, Commit, Stop]

# Why a run stops.
STOPPED_STUCK = "stuck"
STOPPED_ROLLED_BACK = "rolled back"
STOPPED_DOUBTFUL = "doubtful"
STOPPED_LOCKED_OUT = "locked out"
STOPPED_DENIED = "denied"
STOPPED_REJECTED = "rejected"
STOPPED_NO_MEANS = "no means"
STOPPED_NOT_RESTARTED = "not restarted"
STOPPED_NOT_IN_FORCE = "not in force"
STOPPED_OVERWRITTEN = "overwritten"
STOPPED_PAST_STACK = "past the stack"
STOPPED_LATE = "late"
STOPPED_LATENT = "latent"
STOPPED_NO_WAIT = "no wait"

# What a run waits for.
FOR_STACK, FOR_RESTART, FOR_ROUNDS, FOR_KEY = "the stack", "the restart", "the rounds", "a working key"
_POLL_S = {FOR_STACK: 3.0, FOR_RESTART: 2.0, FOR_KEY: 3.0}


def means_of_activation(version: str, wish: str, ecs: bool, working_key: bool) -> tuple[str, ...]:
    """The ways to bring a changed key into force on a release (3.2), best first; () where there is none.

    ``wish``: the option ``activate``. ``ecs``: DescribeServices answers. ``working_key``: one is known.
    """
    if version < LATENT_SINCE:
        return (STACK,)
    by_key = (SIGNING_KEY,) if working_key and version >= SIGNING_KEY_SINCE else ()
    by_ecs = (ECS,) if ecs else ()
    return {"auto": by_ecs + by_key, ECS: by_ecs, SIGNING_KEY: by_key, NONE: ()}[wish]


def next_step(pending: Pending, run: Run, plan: Plan) -> Step:
    """The one next step of a staged rotation."""
    if run.looked is None:
        return Look()
    if run.looked.stack == STUCK:
        return Stop(STOPPED_STUCK)
    if not run.placed:
        return _apply(pending, run, run.looked, plan)
    if run.received and run.looked.rolled_back and not run.looked.ours:
        return Stop(STOPPED_ROLLED_BACK)
    if run.looked.stack == BUSY:
        return _wait(FOR_STACK, run, plan)
    if run.looked.ours is False:
        return Stop(STOPPED_PAST_STACK if run.answer == THERE else STOPPED_OVERWRITTEN)
    if run.round is None:
        return Round()
    if run.round.latent:
        return _activate(run, run.looked, plan)
    if not run.round.good:
        return _wait(FOR_RESTART, run, plan)
    if not _enough(run, plan):
        return _wait(FOR_ROUNDS, run, plan)
    if not run.checked:
        return Look()
    if run.looked.fresh is False:
        return _activate(run, run.looked, plan)
    return Note(CONFIRMED) if pending.confirmed is None else Commit()


def _enough(run: Run, plan: Plan) -> bool:
    """Whether the good rounds in a row are enough; one is, where an earlier run had confirmed."""
    if run.on_trust:
        return run.streak >= 1
    return run.streak >= plan.rounds and run.now - run.streak_since >= plan.period


def _apply(pending: Pending, run: Run, looked: Looked, plan: Plan) -> Step:
    if run.answer in (DENIED, REJECTED):
        return Stop(STOPPED_DENIED if run.answer == DENIED else STOPPED_REJECTED)
    if looked.stack == BUSY or run.answer == TURNED_AWAY:
        return _wait(FOR_STACK, run, plan)
    if run.answer == REFUSED:
        lasting = run.refused_since is not None and run.now - run.refused_since >= REFUSALS_S
        return Stop(STOPPED_LOCKED_OUT) if lasting else _wait(FOR_KEY, run, plan)
    if pending.applying is None:
        return Note(APPLYING)
    if run.doubtful >= MOST_DOUBTFUL_SENDS:
        return Stop(STOPPED_DOUBTFUL)
    if run.doubtful and run.method == API and looked.restarting:
        # Whoever answers there may be stopped before its reply, which would be the last doubt.
        return _wait(FOR_RESTART, run, plan)
    return Send(run.method)


def _activate(run: Run, looked: Looked, plan: Plan) -> Step:
    """Some container still has another key: restart them, unless that is under way."""
    left = tuple(means for means in plan.means if means not in run.denied)
    if run.noted:
        return Restart(left[0])
    if plan.means == (STACK,) or looked.restart_under_way():
        return _wait(FOR_RESTART, run, plan)
    if run.answer == REJECTED:
        return Stop(STOPPED_NOT_RESTARTED)
    if run.answer is not None:
        return _wait(FOR_RESTART, run, plan)
    if not left:
        return Stop(STOPPED_NO_MEANS) if plan.means else Stop(STOPPED_LATENT, failed=False)
    if not run.calm:
        # The restart may have ended between the round and this look: what the round met can be gone.
        return Round()
    if run.restarts >= MOST_RESTARTS:
        return Stop(STOPPED_NOT_IN_FORCE)
    return Note(ACTIVATING, left[0])


def _wait(for_what: str, run: Run, plan: Plan) -> Step:
    if not plan.wait:
        return Stop(STOPPED_NO_WAIT, failed=False)
    if run.now >= plan.deadline:
        return Stop(STOPPED_LATE, for_what=for_what)
    return Wait(for_what, _POLL_S.get(for_what, plan.interval))


def absorb(run: Run, plan: Plan, step: Step, event: Event, now: float) -> Run:
    """The run after a step and what came of it, at ``now`` seconds of its clock."""
    run = dataclasses.replace(run, now=now)
    if isinstance(event, Looked):
        return _absorb_look(run, event)
    if isinstance(event, Sent):
        return _absorb_sent(run, plan, event.outcome)
    if isinstance(event, Noted):
        return dataclasses.replace(run, noted=event.what == ACTIVATING)
    if isinstance(event, Restarted) and isinstance(step, Restart):
        if event.outcome == DENIED:
            return dataclasses.replace(run, noted=False, denied=run.denied + (step.means,))
        if event.outcome in (TURNED_AWAY, REJECTED):
            return dataclasses.replace(run, noted=False, answer=event.outcome)
        # Good rounds before a restart say nothing of the containers that it brings.
        return dataclasses.replace(run, noted=False, restarts=run.restarts + 1, looked=None, round=None, streak=0)
    if isinstance(event, Rounded):
        return _absorb_round(run, event)
    # Time went by: what was seen is old, but for a row of good rounds that goes on. A busy stack is what was waited for.
    kept = run.looked if run.streak and run.looked is not None and run.looked.stack == REST else None
    return dataclasses.replace(run, looked=kept, round=None, answer=None)


def _absorb_look(run: Run, event: Looked) -> Run:
    run = dataclasses.replace(run, looked=event, checked=True)
    if run.on_trust and event.ours is False:
        # The stack was set to another key since it was confirmed: no run would ever set ours again on trust.
        return dataclasses.replace(run, on_trust=False, placed=False)
    return run


def _absorb_sent(run: Run, plan: Plan, outcome: str) -> Run:
    if outcome == REFUSED:
        since = run.now if run.refused_since is None else run.refused_since
        if plan.fallback and run.now - since >= REFUSALS_S:
            return dataclasses.replace(run, method=CLOUDFORMATION, refused_since=None, looked=None)
        return dataclasses.replace(run, answer=outcome, refused_since=since)
    run = dataclasses.replace(run, refused_since=None)
    if outcome == THERE:
        # What the stack has set already it does not set again, whatever others have set its parameter to.
        past_stack = run.looked is not None and run.looked.ours is False
        return dataclasses.replace(run, placed=True, answer=outcome if past_stack else None)
    if outcome == RECEIVED:
        return dataclasses.replace(run, placed=True, received=True, looked=None)
    if outcome == DOUBTFUL:
        return dataclasses.replace(run, doubtful=run.doubtful + 1, looked=None)
    return dataclasses.replace(run, answer=outcome)


def _absorb_round(run: Run, event: Rounded) -> Run:
    run = dataclasses.replace(run, calm=run.looked is not None and not run.looked.restart_under_way())
    if event.good:
        since = run.streak_since if run.streak else run.now
        return dataclasses.replace(run, round=event, streak=run.streak + 1, streak_since=since, checked=False)
    run = dataclasses.replace(run, round=event, streak=0, looked=None)
    if run.on_trust and event.latent:
        # What an earlier run had confirmed is not so any more: ask the stack again. No answer says nothing of it.
        return dataclasses.replace(run, on_trust=False, placed=False)
    return run


def phase(pending: Pending, run: Run) -> str:
    """How far the rotation got, in the words of the return value ``phase``."""
    if pending.confirmed is not None and (run.on_trust or run.streak):
        return "confirmed"
    if pending.activating is not None or run.streak:
        return "active"
    return "applied" if run.placed else "staged"
