# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong beside the racks: with people, files, the ledger, AWS, and the Console's own key."""
from __future__ import annotations

from typing import Callable

from ansible_collections.convox.credentials.plugins.module_utils.keys import digest
from ansible_collections.convox.credentials.plugins.module_utils.records import CONSOLE_API_KEY, Pending, Record
from ansible_collections.convox.credentials.plugins.module_utils.store_file import FileStore
from tests.audit_fleet.fleet import HERE, TABLES, THERE, Fleet, ago
from tests.audit_fleet.racks import write_line
from tests.standin.tables import Person, make_tables

AROUND: list[Callable[[Fleet], None]] = []
PEOPLE = (
    Person("ann@example.com", key_days=10, used_days=1),
    Person("old@example.com", key_days=200, used_days=1),
    Person("left@example.com", key_days=120),
    Person("robot@example.com", key_days=300, used_days=100),
    Person("new@example.com"),
)


def seed(make: Callable[[Fleet], None]) -> Callable[[Fleet], None]:
    AROUND.append(make)
    return make


def make_the_rest(fleet: Fleet) -> None:
    for make in AROUND:
        make(fleet)


@seed
def the_console_s_own_key(fleet: Fleet) -> None:
    """It is old, a roll of it was begun, and what the task is given in its place is dead."""
    console = fleet.convox.console
    pending = Pending(None, ago(4), ("summer",))
    record = Record(
        CONSOLE_API_KEY, f"{console.email}@{console.host}", host=console.host, current=console.api_key, digest=digest(console.api_key), rolled_at=ago(100)
    )
    FileStore(str(fleet.config / "rotations.json")).save(record)
    FileStore(str(fleet.store)).save(Record(record.kind, record.identity, host=record.host, pending=pending))


@seed
def people(fleet: Fleet) -> None:
    """One's key is old, another's was never used, a program has not used its own for long; and keys that belong to nobody."""
    make_tables(fleet.convox, TABLES, PEOPLE, deploy_keys=2, region=HERE)


@seed
def files(fleet: Fleet) -> None:
    """One that others can read, with a login for a rack that is no more; one that the CLI left empty; one with a comma too many.

    And one in which everybody could have named a host.
    """
    fleet.log_in("former.rack.invalid", fleet.other_key(), fleet.people / "bob" / ".convox").chmod(0o644)
    fleet.log_in("former.rack.invalid", fleet.other_key(), fleet.people / "carol" / ".config" / "convox2").write_text("", encoding="utf-8")
    fleet.log_in("anybody.rack.invalid", fleet.other_key(), fleet.people / "dave" / ".convox").chmod(0o666)
    auth = fleet.people / "eve" / ".convox" / "auth"
    auth.write_text(auth.read_text(encoding="utf-8").replace("\n}", ",\n}"), encoding="utf-8")


@seed
def signing_keys(fleet: Fleet) -> None:
    """That of one region is old."""
    fleet.convox.racks["clean-store"].set_dates(signing_key_days=400)
    fleet.convox.racks["clean-file"].set_dates(signing_key_days=300)


@seed
def a_line_less(fleet: Fleet) -> None:
    """Somebody took a line out of the ledger."""
    write_line(fleet, fleet.convox.racks["refused"])
    write_line(fleet, fleet.convox.racks["weak"])
    lines = fleet.ledger.read_text(encoding="utf-8").splitlines(keepends=True)
    fleet.ledger.write_text("".join(lines[:-2] + lines[-1:]), encoding="utf-8")


@seed
def what_may_not_be_asked(fleet: Fleet) -> None:
    """In one region the right to see task definitions is missing."""
    fleet.convox.aws_faults.add(action="ecs:ListTaskDefinitionFamilies", signed_for=THERE, times=None)
