# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is rolled: a rack's key, its instances' or a person's at the Console, and what the stand-in knows to be true of it."""

from __future__ import annotations

import typing as t

from tests.chaos import setups
from tests.integration.watching import new_keys_of

if t.TYPE_CHECKING:
    from tests.standin import Standin
    from tests.standin.rack import Rack

ALIAS = "alias.example.com"
Records = t.Sequence[t.Mapping[str, t.Any]]


class RackKey:
    """A rack's API key. ``own``: its entry in the CLI's auth. ``logins``: the CLI's, before anything happens. ``elsewhere``: keys that others hold."""

    module, kind = "rack_keyroll", "rack_api_key"
    # Whether a key is in the reply only that makes it, so that it can be lost there.
    shown_once = False

    def __init__(self, convox: Standin, rack: Rack) -> None:
        self._convox = convox
        self._rack = rack
        self.host = self.own = rack.host
        self.identity = rack.rack_domain
        self.address = f"racks/{rack.name}"
        self.first = rack.key
        self.logins = {self.host: rack.key, ALIAS: rack.key}
        self.elsewhere: set[str] = set()
        self.options: dict[str, t.Any] = {"host": rack.host}

    @property
    def key(self) -> str:
        """The one that counts in the end."""
        return self._rack.key

    def accepted(self) -> set[str]:
        return {each.key for each in self._rack.service.snapshot()[0] if each.state in ("running", "draining")}

    def alive(self) -> set[str]:
        """Keys that a container accepts, or would after a restart."""
        secret = self._rack.secret()
        return {each.key for each in self._rack.service.snapshot()[0] if each.state != "stopped"} | {self.key} | ({secret.value} if secret else set())

    def made(self) -> list[str]:
        """The keys that it was given after its first, each once."""
        return [key for key in dict.fromkeys(new_keys_of(self._rack)) if key != self.first]

    def out_of_place(self, records: Records, others: int) -> t.Iterator[str]:
        """What the stores say that is not so. ``others``: so many of them are not the CLI's files, which need no copy of the key."""
        yield from _other_keys(self.alive(), records, others)

    def fault(self, **values: t.Any) -> None:
        self._rack.fault(**values)

    def mend(self) -> None:
        """Let everything go well again, and end well what went on."""
        self._rack.faults.clear()
        self._rack.wait_at_rest()
        if self._rack.stack.status == "UPDATE_ROLLBACK_FAILED":
            self._rack.stack.continue_rollback()
            self._rack.wait_at_rest()

    def restart(self) -> None:
        self._rack.restart()
        self._rack.wait_at_rest()

    def forget(self) -> None:
        """Nothing of it stays where other cases meet it."""


class RackKeyThroughConsole(RackKey):
    """The same, where the person is logged in to the Console only: its copy of the key is dead afterwards (6.3)."""

    def __init__(self, convox: Standin, rack: Rack) -> None:
        super().__init__(convox, rack)
        console = convox.console
        self._record = console.import_rack(rack)
        self.host, self.own = console.host, self.identity
        # Nobody here has the rack's key, and without AWS it can't be learnt; the Console has it.
        self.logins = {console.host: console.api_key}
        self.elsewhere = {rack.key}
        self.options = {"host": console.host, "rack": self._record.full_name}

    def forget(self) -> None:
        self._convox.console.records.remove(self._record)


class InstanceKey(RackKey):
    """The key pair of a rack's instances. The API's own key is to stay as it is."""

    module, kind = "instance_keyroll", "instance_key"

    def made(self) -> list[str]:
        """None is counted: the rack makes the pairs, and a request that is repeated on the way makes two."""
        return []

    def out_of_place(self, records: Records, others: int) -> t.Iterator[str]:
        rack = self._rack
        pair = rack.parameters["Key"]
        if {rack.key_pair_in_settings, *(each.key_name for each in rack.instances.members())} != {pair}:
            yield "the rack holds another private key than its instances take"
        if self.key != self.first:
            yield "the API's key is another"
        if {record.get("key_name") for record in records} - {pair} or len(records) < others:
            yield "a store names another pair than the one in force"


class ConsoleKey:
    """A person's API key at the Console: made by it, shown once, and the former one is dead at once."""

    module, kind = "console_api_key", "console_api_key"
    address = "console"
    shown_once = True

    def __init__(self, convox: Standin, dummy_rack: Rack) -> None:
        console = self._console = convox.console
        self.host = self.own = console.host
        self.identity = f"{console.email}@{console.host}"
        self.first = console.api_key
        self.logins = {self.host: console.api_key, ALIAS: console.api_key}
        self.elsewhere: set[str] = set()
        self.options: dict[str, t.Any] = {"host": console.host, "email": console.email, "account_password": console.password}

    @property
    def key(self) -> str:
        return self._console.api_key

    def accepted(self) -> set[str]:
        return {self.key}

    alive = accepted

    def out_of_place(self, records: Records, others: int) -> t.Iterator[str]:
        yield from _other_keys(self.alive(), records, others)

    def made(self) -> list[str]:
        """None is counted: a reply that was lost is made up for by another key, by contract."""
        return []

    def fault(self, **values: t.Any) -> None:
        self._console.fault(**values)

    def mend(self) -> None:
        self._console.faults.clear()

    def restart(self) -> None:
        """Nothing."""

    forget = restart


def _other_keys(alive: set[str], records: Records, others: int) -> t.Iterator[str]:
    current = [record["current"] for record in records if record.get("current")]
    if (current and set(current) != alive) or len(current) < others:
        yield "the key in a store is not the one in force everywhere"


Subject = t.Union[RackKey, ConsoleKey]
KINDS: dict[str, type[RackKey] | type[ConsoleKey]] = {
    setups.RACK: RackKey,
    setups.THROUGH_CONSOLE: RackKeyThroughConsole,
    setups.INSTANCES: InstanceKey,
    setups.CONSOLE_KEY: ConsoleKey,
}
