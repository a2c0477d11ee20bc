# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose key is rolled: a rack's or a person's at the Console, and what the stand-in knows to be true of it."""

from __future__ import annotations

import typing as t

from tests.integration.watching import new_keys_of

if t.TYPE_CHECKING:
    from tests.standin.console import Console
    from tests.standin.rack import Rack


class RackKey:
    """A rack's API key."""

    module, kind = "rack_keyroll", "rack_api_key"

    def __init__(self, rack: Rack) -> None:
        self._rack = rack
        self.host, self.identity = rack.host, rack.rack_domain
        self.address = f"racks/{rack.name}"
        self.first = rack.key
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


class ConsoleKey:
    """A person's API key at the Console: made by it, shown once, and the former one is dead at once."""

    module, kind = "console_api_key", "console_api_key"
    address = "console"

    def __init__(self, console: Console) -> None:
        self._console = console
        self.host, self.identity = console.host, f"{console.email}@{console.host}"
        self.first = console.api_key
        self.options: dict[str, t.Any] = {"host": console.host, "email": console.email, "account_password": console.password}

    @property
    def key(self) -> str:
        return self._console.api_key

    def accepted(self) -> set[str]:
        return {self.key}

    alive = accepted

    def made(self) -> list[str]:
        """None is counted: a reply that was lost is made up for by another key, by contract."""
        return []

    def fault(self, **values: t.Any) -> None:
        self._console.fault(**values)

    def mend(self) -> None:
        self._console.faults.clear()

    def restart(self) -> None:
        """Nothing."""
