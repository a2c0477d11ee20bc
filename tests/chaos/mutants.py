# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The collection, broken in the ways in which rolls of keys usually are, and the cases that show it."""

from __future__ import annotations

import dataclasses
import importlib.util
import typing as t
from pathlib import Path

from tests.chaos import faults as f
from tests.chaos.broken import MODULE_UTILS
from tests.chaos.cases import Case
from tests.chaos.faults import AFTER, BEFORE, Fault, Place
from tests.chaos.setups import ECS, INSTANCE_KEY_V3, RECORD_RENEWED, SETUPS, SIGNING_KEY, Setup
from tests.unit.rotation.mutants import MUTANTS as OF_ROTATION
from tests.unit.rotation.mutants import ROUND_IF_NONE, broken


@dataclasses.dataclass(frozen=True)
class Mutant:
    """``changes``: module, what stands in it once, and what takes its place. ``count``: where the cases show it.

    ``tries``: how often the cases are played at most, where it takes some luck to meet the wrong container.
    """

    name: str
    changes: tuple[tuple[str, str, str], ...]
    count: str
    setup: Setup
    faults: tuple[Fault, ...] = ()
    tries: int = 1

    def __str__(self) -> str:
        return self.name

    def cases(self) -> t.Iterator[Case]:
        for number in range(self.tries):
            yield Case(f"mutant: {self.name} {number}", self.setup, self.faults)

    def sources(self) -> dict[str, str]:
        """The modules that it changes."""
        sources: dict[str, str] = {}
        for module, sound, instead in self.changes:
            sources[module] = broken(sources.get(module) or _source(module), sound, instead)
        return sources


def _source(module: str) -> str:
    spec = importlib.util.find_spec(f"{MODULE_UTILS}.{module}")
    if spec is None or spec.origin is None:
        raise ImportError(module)
    return Path(spec.origin).read_text(encoding="utf-8")


def _of_rotation(name: str) -> tuple[tuple[str, str, str], ...]:
    mutant = next(each for each in OF_ROTATION if each.name == name)
    return (("rotation", mutant.sound, mutant.broken),)


SENT = Place(AFTER, "PUT /system", 0)
ROLLED_BEFORE = next(setup for setup in SETUPS if setup.rolled_before)
BY_ECS_ONLY = Setup("by ECS only", options={"activate": "ecs"})
DRAINING = Setup("long draining, without AWS", rack={"restart_seconds": 0.4, "drain_seconds": 0.3}, aws=False, speed=200.0)
STOPPED = "        if isinstance(end, rotation.Stop) and end.failed:\n"
DROPS = STOPPED + "            if end.why == rotation.{}:\n                self._stores.save(self._record.committed())\n"
KEPT = "        self._note(key=pair.private_key, key_name=pair.name)\n"
ENDED = "        if end.do == STOP and end.failed:\n"
LOOKED_AGAIN = "        if len(own) == 2 and record in own:\n"
# By a roll through a Console, once the key is rolled: between the look that decides on the removal and the one just before it.
ASKED_BEFORE_REMOVAL = 12

MUTANTS = (
    Mutant(
        "commits before it has confirmed",
        (("rotation", ROUND_IF_NONE, "    if run.restarts:\n        return Note(CONFIRMED) if pending.confirmed is None else Commit()\n" + ROUND_IF_NONE),),
        "lockouts",
        ECS,
        (f.NEVER_UP[1],),
    ),
    Mutant(
        "stages after it has applied",
        (
            ("rack_roll", "        self._stores.save(self._record)\n        return None if", "        return None if"),
            (
                "rack_engine",
                "        self.record = self.record.note(**changes)\n        self._stores.save(self.record)\n",
                "        self.record = self.record.note(**changes)\n        if note.what != rotation.APPLYING:\n            self._stores.save(self.record)\n",
            ),
        ),
        "lost",
        ECS,
        (f.KILL.at(SENT),),
    ),
    Mutant("trusts the status", _of_rotation("trusts the status"), "lockouts", ECS),
    Mutant("is content with one confirmation", _of_rotation("is content with one round"), "lockouts", DRAINING, tries=3),
    Mutant(
        "drops what is pending when it is rolled back",
        (("rack_roll", STOPPED, DROPS.format("STOPPED_ROLLED_BACK")),),
        "double",
        ECS,
        (f.UPDATES[0],),
    ),
    Mutant(
        "drops what is pending when its activation is refused",
        (("rack_roll", STOPPED, DROPS.format("STOPPED_NO_MEANS")),),
        "lost",
        BY_ECS_ONLY,
        (f.REFUSED_RESTART[0],),
    ),
    Mutant("does not activate", (("rack_engine", "self._aws_required().restart_api()", "pass"),), "unfinished", ECS),
    Mutant(
        "asks for max_age before what is pending",
        (("rack_due", "        if self._resumed:\n            return False\n", ""),),
        "orphaned",
        ROLLED_BEFORE,
        (f.KILL.at(Place(AFTER, "PUT /system", 0)),),
    ),
    Mutant(
        "asks over one kept connection",
        (
            ("rack", "fresh = self.afresh()", "fresh = self"),
            ("rack", "            return REFUSED\n        finally:\n            fresh.close()\n", "            return REFUSED\n"),
        ),
        "lockouts",
        SIGNING_KEY,
        # What is cut is asked for over another connection, to the container that goes first.
        (f.NEVER_UP[2], f.CUT[0].at(Place(BEFORE, "GET /apps", 0))),
        tries=3,
    ),
    Mutant("does not sync files", (("files", "                os.fsync(file.fileno())\n", ""),), "corrupt", ECS, (f.POWER_CUT.at(SENT),)),
    Mutant(
        "does not sync directories",
        (("files", "            raise\n        sync_directory(directory)\n", "            raise\n"),),
        "lost",
        ECS,
        (f.POWER_CUT.at(SENT),),
    ),
    Mutant(
        "sets v3's parameter before the private key is kept",
        (("instance_roll_v3", KEPT, "        self._terraform.set(KEY_PAIR_NAME, pair.name)\n" + KEPT),),
        "lost",
        INSTANCE_KEY_V3,
        (f.KILL.at(Place(AFTER, "PUT /racks/org/name", 0)),),
    ),
    Mutant(
        "drops v3's pair when its Terraform run is late",
        (("instance_run", ENDED, ENDED + "            self._stores.save(self._record.committed())\n"),),
        "lost",
        INSTANCE_KEY_V3,
        (f.UPDATES[1],),
    ),
    Mutant(
        "removes a Console's record without another look",
        (("console_reimport", LOOKED_AGAIN, "        if True:\n"),),
        "lockouts",
        RECORD_RENEWED,
        (f.TAKEN.at(Place(BEFORE, f.WHEN_ASKED, ASKED_BEFORE_REMOVAL)),),
    ),
    Mutant(
        "removes a Console's record before there is another",
        (
            ("console_sync", "        return Step(IMPORT_BESIDE, named)\n", "        return _retire(named)\n"),
            ("console_reimport", LOOKED_AGAIN, "        if record in own:\n"),
        ),
        "lockouts",
        RECORD_RENEWED,
    ),
    Mutant("does not bind the ledger's lines", (("ledger", "above, new = _above(path), ", "above, new = b'', "),), "corrupt", ROLLED_BEFORE),
)
BY_NAME = {mutant.name: mutant for mutant in MUTANTS}
