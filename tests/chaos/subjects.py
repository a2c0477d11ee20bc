# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is rolled: a rack's key, its instances' or a person's at the Console, and what the stand-in knows to be true of it."""

from __future__ import annotations

import time
import typing as t

from tests.chaos import setups
from tests.integration.watching import new_keys_of

if t.TYPE_CHECKING:
    from tests.standin import Standin
    from tests.standin.accounts import RackRecord
    from tests.standin.console import Console
    from tests.standin.messages import Reply, Request
    from tests.standin.rack import Rack

ALIAS = "alias.example.com"
# What Console does with a rack by itself: with which account, and when.
RENEWED_WITH = ("runtime-1", "weekly", 3, 4)
Records = t.Sequence[t.Mapping[str, t.Any]]


class RackKey:
    """A rack's API key. ``own``: its entry in the CLI's auth. ``logins``: the CLI's, before anything happens. ``elsewhere``: keys that others hold.

    ``address``: its place at the stand-in's control address, ``asked``: those of the servers that requests go to, by host; "" for any other.
    """

    module, kind = "rack_keyroll", "rack_api_key"
    # Whether a key is in the reply only that makes it, so that it can be lost there.
    shown_once = False

    def __init__(self, convox: Standin, rack: Rack) -> None:
        self._convox = convox
        self._rack = rack
        self.host = self.own = rack.host
        self.identity = rack.rack_domain
        self.address = f"racks/{rack.name}"
        self.asked = {"": self.address}
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

    def logins_due(self) -> set[str]:
        """What its entry in the CLI's auth is to be."""
        return self.alive()

    def made(self) -> list[str]:
        """The keys that it was given after its first, each once."""
        return [key for key in dict.fromkeys(new_keys_of(self._rack)) if key != self.first]

    def out_of_place(self, records: Records, others: int) -> t.Iterator[str]:
        """What the stores say that is not so. ``others``: so many of them are not the CLI's files, which need no copy of the key."""
        yield from _other_keys(self.alive(), records, others)

    def never(self) -> t.Iterator[str]:
        """What must never be, and was."""
        yield from ()

    def fault(self, **values: t.Any) -> None:
        self._rack.fault(**values)

    @property
    def taken(self) -> bool:
        """Whether its Console took hold of it."""
        return False

    def take_hold(self, number: int) -> None:
        """Let its Console do so when it was asked so often."""
        raise NotImplementedError

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


class RackKeyRenewed(RackKeyThroughConsole):
    """The same, with ``console_sync: reimport``: Console has one record of the rack afterwards, by its name, with the key in force (6.3)."""

    def __init__(self, convox: Standin, rack: Rack) -> None:
        super().__init__(convox, rack)
        console = self._console = convox.console
        # What befalls a request befalls it at the server that it goes to.
        self.asked = {"": "console", rack.host: self.address, rack.rack_domain: self.address}
        self.options = {**self.options, "email": console.email, "account_password": console.password}
        record = self._record
        record.runtime, record.update_frequency, record.update_day, record.update_hour = RENEWED_WITH
        self._watch = _Watch(console, rack)

    @property
    def taken(self) -> bool:
        return self._watch.taken

    def never(self) -> t.Iterator[str]:
        if self._console.uninstalled:
            yield "Console has uninstalled a rack"
        if self._watch.without:
            yield "Console was without a record of the rack"

    def out_of_place(self, records: Records, others: int) -> t.Iterator[str]:
        yield from super().out_of_place(records, others)
        found = self._watch.records()
        if [record.name for record in found] != [self._rack.name]:
            yield f"Console has {len(found)} records of the rack, not one by its name"
        if {record.key for record in found} != self.alive():
            yield "Console's copy of the key is not the one in force everywhere"
        if {(each.runtime, each.update_frequency, each.update_day, each.update_hour) for each in found} != {RENEWED_WITH}:
            yield "Console's record has other settings than before"

    def take_hold(self, number: int) -> None:
        self._watch.left = number

    def mend(self) -> None:
        """Somebody has Console let go of the rack, too."""
        self._console.faults.clear()
        self._watch.let_go()
        super().mend()

    def forget(self) -> None:
        self._watch.close()
        self._console.uninstalled.clear()
        for record in self._watch.records():
            self._console.records.remove(record)


class _Watch:
    """Looks on at what Console does with its records of a rack.

    ``without``: there was none for a moment. ``left``: so many requests after the key was rolled, Console takes hold of the rack.
    """

    def __init__(self, console: Console, rack: Rack) -> None:
        self._console, self._rack = console, rack
        self.without = self.taken = False
        self.left: int | None = None
        accounts = self._accounts = console._accounts
        remove, look, proxy = accounts.rack_remove, accounts.organizations, console._proxy

        def removed(**values: t.Any) -> str:
            said = remove(**values)
            self.without = self.without or not self.records()
            return said

        # Not as a record is removed: what comes after the last look can be known to nobody.
        def looked() -> list[dict[str, t.Any]]:
            self._count()
            return look()

        def passed_on(request: Request) -> Reply:
            self._count()
            return proxy(request)

        for thing, name, instead in ((accounts, "rack_remove", removed), (accounts, "organizations", looked), (console, "_proxy", passed_on)):
            setattr(thing, name, instead)

    def records(self) -> list[RackRecord]:
        return [record for record in self._console.records if record.hostname in (self._rack.host, self._rack.rack_domain)]

    def _count(self) -> None:
        if self.left is None or not self._rack.stack.password_updates:
            return
        self.left -= 1
        if self.left < 0:
            self.taken = True
            for record in self.records():
                record.uninstallable = True

    def let_go(self) -> None:
        self.left = None
        for record in self.records():
            record.uninstallable = False

    def close(self) -> None:
        for thing, name in ((self._accounts, "rack_remove"), (self._accounts, "organizations"), (self._console, "_proxy")):
            delattr(thing, name)


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


class InstanceKeyOfV3(InstanceKey):
    """The pair that the nodes of a v3 rack have, whose private key is told once (5). Console runs Terraform for the rack, and passes requests on."""

    def __init__(self, convox: Standin, rack: Rack) -> None:
        super().__init__(convox, rack)
        self._console = convox.console
        self._record = self._console.import_rack(rack)
        self.host = self.own = self._console.host
        self.asked = {"": "console"}
        self.logins = {self.host: self._console.api_key}
        self.options = {"host": self.host, "rack": self._record.full_name}

    @property
    def key(self) -> str:
        """The pair that the rack names: nobody but its owner knows the private key of one that people made."""
        return self._rack.parameters["Key"]

    def accepted(self) -> set[str]:
        return {each.key_name for each in self._rack.instances.members()}

    def alive(self) -> set[str]:
        """The private keys of the pairs that nodes have, or start with. A pair that nothing names is no loss."""
        told = self._rack.private_keys_told
        return {told[pair] for pair in self.accepted() | {self.key} if pair in told}

    def logins_due(self) -> set[str]:
        """Nobody is logged in with it, and the login that it is rolled by stays."""
        return {self._console.api_key}

    def out_of_place(self, records: Records, others: int) -> t.Iterator[str]:
        pair = self.key
        private_key = self._rack.private_keys_told.get(pair)
        if private_key is None or self.accepted() != {pair}:
            yield "the nodes have not taken a pair that was made here"
        if self._rack.key != self.first:
            yield "the API's key is another"
        if {record.get("key_name") for record in records} - {pair} or len(records) < max(others, 1):
            yield "a store names another pair than the one in force"
        if {record.get("current") for record in records} - {private_key}:
            yield "a store has another private key than that of the pair in force"

    def mend(self) -> None:
        """Somebody sees to a Terraform run that failed, with another one; and the rack's next pair can have a name of its own again."""
        self._console.faults.clear()
        super().mend()
        if "ROLLBACK" in self._rack.stack.status:
            self._rack.stack.change({"LogRetention": str(int(self._rack.parameters["LogRetention"] or 0) + 1)})
            self._rack.wait_at_rest()
        while any(pair.endswith(f"-{int(time.time())}") for pair in self._rack.private_keys_told):
            time.sleep(0.01)

    def forget(self) -> None:
        self._console.records.remove(self._record)


class InstanceKeyOfV3Behind(InstanceKeyOfV3):
    """The same, where what befalls a request befalls it between Console and the rack."""

    def __init__(self, convox: Standin, rack: Rack) -> None:
        super().__init__(convox, rack)
        self.asked = {"": self.address}


class ConsoleKey:
    """A person's API key at the Console: made by it, shown once, and the former one is dead at once."""

    module, kind = "console_api_key", "console_api_key"
    address = "console"
    asked: t.ClassVar = {"": address}
    taken = False
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

    alive = logins_due = accepted

    def out_of_place(self, records: Records, others: int) -> t.Iterator[str]:
        yield from _other_keys(self.alive(), records, others)

    def made(self) -> list[str]:
        """None is counted: a reply that was lost is made up for by another key, by contract."""
        return []

    def never(self) -> t.Iterator[str]:
        yield from ()

    def fault(self, **values: t.Any) -> None:
        self._console.fault(**values)

    def take_hold(self, number: int) -> None:
        raise NotImplementedError

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
    setups.RENEWED: RackKeyRenewed,
    setups.INSTANCES: InstanceKey,
    setups.INSTANCES_V3: InstanceKeyOfV3,
    setups.INSTANCES_V3_BEHIND: InstanceKeyOfV3Behind,
    setups.CONSOLE_KEY: ConsoleKey,
}
