# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is tried: the systematic matrix, and as many random cases as wanted, each made of its name alone."""

from __future__ import annotations

import dataclasses
import random
import typing as t

from tests.chaos import faults as f
from tests.chaos.faults import AFTER, BEFORE, Fault, Place
from tests.chaos.setups import (
    ALL,
    CONSOLE,
    ECS,
    INSTANCE_KEY,
    INSTANCE_KEY_V3,
    INSTANCES,
    OTHERS,
    RECORD_RENEWED,
    RENEWED,
    SECRETS_MANAGER,
    SETUPS,
    SIGNING_KEY,
    Setup,
)

MANY, PLAYBOOK = "2 to 20 runs at once", "a real ansible-playbook"


@dataclasses.dataclass(frozen=True)
class Case:
    """``runs``: so many at once, of one rotation, or with ``apart`` each of its own and by age. ``playbook``: by a real ansible-playbook."""

    name: str
    setup: Setup
    faults: tuple[Fault, ...]
    runs: int = 1
    apart: bool = False
    playbook: bool = False

    @property
    def speed(self) -> float:
        """Of the faulted runs' clock."""
        return 1.0 if self.playbook else self.setup.speed

    @property
    def patience(self) -> float:
        """So many seconds the faulted run waits before it gives up."""
        return 1.0 if any(fault.endless for fault in self.faults) else 10.0

    @property
    def kinds(self) -> list[str]:
        how = [MANY] * (self.runs > 1) + [PLAYBOOK] * self.playbook
        return how + list(dict.fromkeys(fault.kind for fault in self.faults)) or ["none"]

    def __str__(self) -> str:
        runs = f", {self.runs} runs{' by age' if self.apart else ''}" if self.runs > 1 else ""
        how = ", by ansible-playbook" if self.playbook else ""
        return f"{self.name} ({self.setup}{runs}{how}: {'; '.join(map(str, self.faults)) or 'no fault'})"


def random_case(seed: str) -> Case:
    """The case of a seed: one to three faults, at any place."""
    chance = random.Random(seed)  # noqa: S311 - chance is no secret here
    setup = chance.choice(OTHERS if chance.random() < 0.3 else SETUPS)
    if chance.random() < 0.06:
        several = tuple(_random_fault(chance, setup) for dummy in range(chance.randrange(2)))
        return Case(seed, setup, several, runs=chance.randint(2, 20), apart=chance.random() < 0.5)
    count = chance.choice((1, 1, 2, 2, 3))
    return Case(seed, setup, tuple(_random_fault(chance, setup) for dummy in range(count)))


def playbook_case(seed: str) -> Case:
    """One of a whole playbook, by the machine's own clock: of what takes no minutes."""
    chance = random.Random(seed)  # noqa: S311 - chance is no secret here
    setup = chance.choice([setup for setup in ALL if setup.hasty])
    runs = chance.randint(2, 4) if chance.random() < 0.1 else 1
    return Case(seed, setup, (_fault_from_outside(chance, setup),), runs=runs, playbook=True)


def _fault_from_outside(chance: random.Random, setup: Setup) -> Fault:
    """What happens to a run without its process knowing: by the count of requests that the stand-in got."""
    draw = chance.random()
    place = Place(AFTER, None, chance.randrange(45))
    if draw < 0.4:
        return f.KILL.at(place)
    if draw < 0.5:
        return chance.choice(f.OF_THE_CONTAINERS).at(place)
    if draw < 0.7:
        return chance.choice((*f.CUT, *f.STATUS, f.GONE)).at(place)
    if draw < 0.85:
        return chance.choice(f.OF_AWS_REQUESTS).at(_place(chance, _aws(setup), BEFORE))
    return chance.choice(f.OF_THE_RACK)


RACK_STEPS = (
    *(("GET /system", 30),) * 3,
    *(("PUT /system", 1),) * 3,
    ("GET /instances", 2),
    ("GET /apps", 2),
)
AWS_STEPS = (
    *(("cloudformation:UpdateStack", 1), ("ecs:UpdateService", 1)) * 3,
    ("cloudformation:DescribeStacks", 8),
    ("cloudformation:DescribeStackResource", 2),
    ("ecs:DescribeServices", 5),
    ("ecs:ListTasks", 8),
    ("ecs:DescribeTasks", 4),
    ("ssm:GetParameter", 5),
)
SECRETS_STEPS = (
    *(("secretsmanager:PutSecretValue", 10),) * 3,
    *(("secretsmanager:UpdateSecretVersionStage", 2),) * 2,
    ("secretsmanager:CreateSecret", 1),
    ("secretsmanager:DescribeSecret", 15),
    ("secretsmanager:GetSecretValue", 30),
    ("secretsmanager:TagResource", 5),
)
INSTANCE_STEPS = (("GET /system", 10), *(("POST /instances/keyroll", 1),) * 3, ("PUT /system", 1), ("GET /instances", 2))
INSTANCE_AWS_STEPS = (
    ("cloudformation:DescribeStacks", 6),
    ("ec2:DescribeInstances", 4),
    ("ec2:DescribeKeyPairs", 4),
    ("ssm:GetParameter", 1),
)
V3_STEPS = (
    *(("POST /instances/keyroll", 1),) * 3,
    *(("PUT /racks/org/name", 1),) * 3,
    ("GET /racks/org/name", 19),
    ("GET /system", 1),
    ("POST /system/jwt/token", 1),
    ("GET /instances", 2),
)
V3_AWS_STEPS = (("ec2:DescribeInstances", 5), ("ec2:DescribeKeyPairs", 7))
# Of which one looks, or two do, before each change of a record.
RECORD_STEPS = (*(("POST /graphql", 17),) * 4, ("GET /auth", 5))
CONSOLE_STEPS = (("POST /graphql", 3), ("GET /auth", 4))
KEY_STEPS = (("PUT /system/jwt/rotate", 1),) * 3
# A line was written just before it, to a file that is there already.
APPENDED = "sync ledger.jsonl"
DISK_STEPS = tuple(
    (f"{what} {name}", number)
    for name, number in (("rotations.json", 9), ("auth", 2), ("keys.json", 9), ("rotations.json.lock", 1), ("auth.lock", 1))
    for what in ("create", "sync", "rename")
) + (("sync the directory", 14), ("append ledger.jsonl", 1), (APPENDED, 1))


def _random_fault(chance: random.Random, setup: Setup) -> Fault:
    draw = chance.random()
    steps = _requests(setup)
    if draw < 0.12:
        return f.killed_after(chance.uniform(0.0, 0.5))
    if draw < 0.40:
        return chance.choice(_anything(setup)).at(_anywhere(chance, setup))
    if draw < 0.52:
        return chance.choice(f.DISK).at(_place(chance, DISK_STEPS, BEFORE))
    if draw < 0.72 or not setup.waits:
        fault = chance.choice(f.OF_RACK_REQUESTS)
        return fault.at(_place(chance, steps, fault.values.get("when", BEFORE)))
    if draw < 0.84 and setup.aws:
        return chance.choice(f.OF_AWS_REQUESTS).at(_place(chance, _aws(setup), BEFORE))
    return chance.choice(f.OF_THE_RACK)


def _anywhere(chance: random.Random, setup: Setup) -> Place:
    when = chance.choice((BEFORE, AFTER))
    if chance.random() < 0.5:
        return Place(when, None, chance.randrange(160))
    return _place(chance, DISK_STEPS + _requests(setup) + _aws(setup), when)


def _anything(setup: Setup) -> tuple[Fault, ...]:
    """What can happen between any two steps."""
    return f.OF_THE_RUN + (f.OF_THE_CONTAINERS if setup.waits else ()) + (f.OF_OTHERS if setup.contested else ())


def _requests(setup: Setup) -> tuple[tuple[str, int], ...]:
    if not setup.waits:
        return CONSOLE_STEPS
    if setup.subject == INSTANCES:
        return INSTANCE_STEPS
    if setup.of_v3:
        return V3_STEPS
    return RACK_STEPS + (() if setup.aws else KEY_STEPS) + (RECORD_STEPS if setup.subject == RENEWED else ())


def _aws(setup: Setup) -> tuple[tuple[str, int], ...]:
    if not setup.aws:
        return ()
    of_the_store = SECRETS_STEPS if "aws_secretsmanager" in setup.stores else ()
    return of_the_store + (V3_AWS_STEPS if setup.of_v3 else INSTANCE_AWS_STEPS if setup.subject == INSTANCES else AWS_STEPS)


def _place(chance: random.Random, steps: t.Sequence[tuple[str, int]], when: str) -> Place:
    step, numbers = chance.choice(steps)
    return Place(when, step, chance.randrange(numbers))


# What is the same as in another one is left out: of a roll by ECS into Secrets Manager, all but what the store changes.
SECRETS_CHANGES = tuple(f"secretsmanager:{verb}" for verb in ("Create", "Put", "Update", "Tag"))
# Of a roll by ECS through a Console, whatever the account's session asks, and what else is asked once the rotation is committed:
# so often Console itself.
RECORD_CHANGES = ("POST /graphql", "GET /")
ASKED_SINCE = 24
MATRIX = (
    (ECS, ("",)),
    (SIGNING_KEY, ("",)),
    (SECRETS_MANAGER, SECRETS_CHANGES),
    (INSTANCE_KEY, ("",)),
    (INSTANCE_KEY_V3, ("",)),
    (RECORD_RENEWED, RECORD_CHANGES),
    (CONSOLE, ("",)),
)


def matrix(setup: Setup, steps: tuple[str, ...], places: t.Sequence[Place]) -> t.Iterator[Case]:
    """Every fault at every place of one roll that was watched. ``steps``: how the names of those begin that are tried."""
    for fault in f.OF_THE_RACK if setup.waits else ():
        yield Case(f"matrix: {setup}: {fault}", setup, (fault,))
    for number in range(ASKED_SINCE) if setup.subject == RENEWED else ():
        taken = f.TAKEN.at(Place(BEFORE, f.WHEN_ASKED, number))
        yield Case(f"matrix: {setup}: {taken}", setup, (taken,))
    for place in [place for place in _of_its_own(setup, places) if (place.step or "").startswith(steps)]:
        for fault in _faults_of(setup, place):
            placed = fault.at(place)
            yield Case(f"matrix: {setup}: {placed}", setup, (placed,))


def _of_its_own(setup: Setup, places: t.Sequence[Place]) -> t.Iterator[Place]:
    """All, but for what a roll through a Console has in common with another one."""
    committed = setup.subject != RENEWED
    for place in places:
        committed = committed or place.step == APPENDED
        if committed or (place.step or "").startswith("POST /graphql"):
            yield place


def _faults_of(setup: Setup, place: Place) -> t.Iterator[Fault]:
    """Between the end of a step and the beginning of the next nothing happens, so that one of the two is enough."""
    step = place.step or ""
    if place.when == AFTER:
        yield f.KILL
    if ":" in step or "/" in step:
        if place.when == BEFORE:
            yield from _of_request(step, place.number)
        else:
            yield from () if ":" in step else (f.TLS[1],)
            yield from _of_the_world(setup, place.number)
        return
    if place.when == BEFORE:
        # One after the other: which error it is makes no difference to the file.
        yield from f.DISK[place.number % 3 * 2 :][:2]
        if step == APPENDED:
            yield f.POWER_CUT
    else:
        yield f.POWER_CUT
        yield f.CLOCK[place.number % 2]


def _of_the_world(setup: Setup, number: int) -> t.Sequence[Fault]:
    """Between the first and the second of a kind of request, everything; between later ones, in turn."""
    each = [fault for fault in (f.RESTART, f.SOMEBODY, f.DEATH, f.SOMEBODY_ACTIVE) if fault in _anything(setup)]
    half = len(each) // 2
    return each if number == 0 else each[number % 2 * half :][:half]


def _of_request(step: str, number: int) -> t.Iterator[Fault]:
    """Every one for a write and for the first of a kind of read; later reads meet them in turn."""
    cuts, errors, rest = (f.AWS_CUT, f.AWS_ERRORS, ()) if ":" in step else (f.CUT, f.STATUS, (f.TLS[0], f.GONE))
    later = number > 0 and (step.startswith("GET ") or any(verb in step for verb in (":Describe", ":List", ":Get")))
    for faults in (cuts, errors, rest):
        yield from [faults[number % len(faults)]] if later and faults else faults


def matrix_case(name: str) -> Case:
    """The case of a name that a matrix printed."""
    dummy, setup_name, what = name.split(": ", 2)
    setup = next(each for each in ALL if each.name == setup_name)
    if what in f.BY_KIND:
        return Case(name, setup, (f.BY_KIND[what],))
    kind, where = what.rsplit(", ", 1)
    when, rest = where.split(" ", 1)
    step, number = rest.rsplit("#", 1)
    return Case(name, setup, (f.BY_KIND[kind].at(Place(when, step, int(number))),))


def case_of(name: str) -> Case:
    if name.startswith("matrix: "):
        return matrix_case(name)
    return playbook_case(name) if ":playbook:" in name else random_case(name)
