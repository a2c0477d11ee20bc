# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""rotation.py, broken in one place: what a careless change could make of it."""

from __future__ import annotations

import dataclasses
import inspect
import sys
import types

from ansible_collections.convox.credentials.plugins.module_utils import rotation

SOURCE = inspect.getsource(rotation)


def broken(source: str, sound: str, instead: str) -> str:
    """The source with another thing in the place of what stands in it once."""
    if source.count(sound) != 1:
        raise ValueError(f"not once in the source: {sound!r}")
    return source.replace(sound, instead)


@dataclasses.dataclass(frozen=True)
class Mutant:
    """``sound`` occurs once in rotation.py; ``broken`` takes its place. ``explored``: a small exploration finds it out."""

    name: str
    sound: str
    broken: str = ""
    explored: bool = False

    def __str__(self) -> str:
        return self.name

    def module(self) -> types.ModuleType:
        source = broken(SOURCE, self.sound, self.broken)
        module = types.ModuleType(f"broken_{self.name.replace(' ', '_')}")
        # dataclasses look their own module up.
        sys.modules[module.__name__] = module
        exec(compile(source, module.__name__, "exec"), module.__dict__)  # noqa: S102
        return module


ROUND_IF_NONE = """    if run.round is None:
        return Round()
"""
BUSY_BEFORE_ROUND = """    if run.looked.stack == BUSY:
        return _wait(FOR_STACK, run, plan)
"""

MUTANTS = (
    Mutant("commits while the old key is accepted", "self.new == ACCEPTED and self.old in (REFUSED, UNKNOWN)", "self.new == ACCEPTED"),
    Mutant("takes no answer for a refusal", "return self.new == ACCEPTED and", "return self.new != REFUSED and"),
    Mutant("sends without a note", "    if pending.applying is None:\n        return Note(APPLYING)\n", explored=True),
    Mutant("takes a noted send for one that was received", "placed=trusted or received,", "placed=trusted or pending.applying is not None,", explored=True),
    Mutant("asks and restarts while the stack is busy", BUSY_BEFORE_ROUND, explored=True),
    Mutant("trusts the status", ROUND_IF_NONE, "    return Note(CONFIRMED) if pending.confirmed is None else Commit()\n", explored=True),
    Mutant("is content with one round", "return run.streak >= plan.rounds and", "return run.streak >= 1 and", explored=True),
    Mutant("does not take its time", " and run.now - run.streak_since >= plan.period"),
    Mutant("commits what was rolled back", "return Stop(STOPPED_ROLLED_BACK)", "return Commit()", explored=True),
    Mutant("does not see a rollback", "run.received and run.looked.rolled_back", "False and run.looked.rolled_back"),
    Mutant("spends its last doubt on an API that restarts", "if run.doubtful and run.method == API and looked.restarting:", "if False:"),
    Mutant("takes a doubtful send for a received one", "if outcome == RECEIVED:", "if outcome in (RECEIVED, DOUBTFUL):", explored=True),
    Mutant("takes a busy stack for one that has the key", "if outcome == THERE:", "if outcome in (THERE, TURNED_AWAY):"),
    Mutant("sends again after a received 200", "placed=True, received=True, looked=None)", "received=True, looked=None)", explored=True),
    Mutant("forgets an earlier run's send", "doubtful=1 if pending.applying else 0", "doubtful=0"),
    Mutant("leaves older containers be", "if run.looked.fresh is False:", "if False:"),
    Mutant("leaves another key in the stack be", "if run.looked.ours is False:", "if False:"),
    Mutant("sends again what the stack has already", "STOPPED_PAST_STACK if run.answer == THERE else STOPPED_OVERWRITTEN", "STOPPED_OVERWRITTEN"),
    Mutant("takes another key in the stack for one set past it", "if run.answer == THERE else", "if not run.received else"),
    Mutant("does not look after the last round", "if not run.checked:", "if False:"),
    Mutant("trusts a confirmation whatever it sees", "if run.on_trust and event.latent:", "if False:"),
    Mutant("sends again for want of an answer", "if run.on_trust and event.latent:", "if run.on_trust:"),
    Mutant("trusts a confirmation over another key", "if run.on_trust and event.ours is False:", "if False:", explored=True),
    Mutant("restarts while a restart is under way", " or looked.restart_under_way()", explored=True),
    Mutant("restarts on old evidence", "if not run.calm:", "if False:", explored=True),
    Mutant("counts rounds from before a restart", "round=None, streak=0)", "round=None)"),
    Mutant("counts good rounds across bad ones", "run, round=event, streak=0,", "run, round=event,", explored=True),
    Mutant("restarts for ever", "if run.restarts >= MOST_RESTARTS:", "if False:"),
    Mutant("asks again for what is denied", " if means not in run.denied", explored=True),
    Mutant("asks again at once for a restart that was turned away", "    if run.answer is not None:\n        return _wait(FOR_RESTART, run, plan)\n"),
    Mutant("asks again for a restart after a definite no", "    if run.answer == REJECTED:\n        return Stop(STOPPED_NOT_RESTARTED)\n"),
    Mutant("restarts an old release", "plan.means == (STACK,) or "),
    Mutant("restarts without a note", "return Note(ACTIVATING, left[0])", "return Restart(left[0])", explored=True),
    Mutant("goes to CloudFormation unasked", "if plan.fallback and run.now", "if run.now"),
    Mutant("waits although it must not", "    if not plan.wait:\n        return Stop(STOPPED_NO_WAIT, failed=False)\n"),
    Mutant("waits for ever", "    if run.now >= plan.deadline:\n        return Stop(STOPPED_LATE, for_what=for_what)\n"),
    Mutant("commits without a durable confirmation", "return Note(CONFIRMED) if pending.confirmed is None else Commit()", "return Commit()"),
)
