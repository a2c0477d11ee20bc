# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the stand-in knows, in the words of the tests: whether anything was changed, and what was asked."""
from __future__ import annotations

import contextlib
import json
import time
from typing import TYPE_CHECKING, Any, Callable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.integration.ansible import Result
    from tests.integration.machine import Machine
    from tests.standin import Standin
    from tests.standin.faults import Faults
    from tests.standin.rack import Rack


def new_keys_of(rack: Rack) -> list[str]:
    """The keys that the stack was given after its first, one for each update of the key."""
    return [each["to"] for each in rack.stack.password_updates]


def beside_the_key(rack: Rack) -> dict[str, Any]:
    """Everything that a roll of the key has to leave as it is."""
    truth = rack.truth()
    parameters = {name: value for name, value in rack.parameters.items() if name != "Password"}
    return {"parameters": parameters, **{name: truth[name] for name in ("tags", "key_pairs", "private_key_of", "instances")}}


def state_of(machine: Machine, *, with_locks: bool) -> dict[str, Any]:
    """All that a run could change: the machine's files, the racks, the Console."""
    console = machine.convox.console
    return {
        "files": machine.files(with_locks=with_locks),
        "console": (console.api_key, [vars(each).copy() for each in console.records]),
        "racks": {
            name: (beside_the_key(rack), rack.key, new_keys_of(rack), rack.service.restarts, rack.signing_key().version)
            for name, rack in machine.convox.racks.items()
        },
    }


@contextlib.contextmanager
def nothing_changes(machine: Machine, *, locks: bool = True) -> Iterator[None]:
    """Assert that the block changes nothing anywhere: no file, no stack, no Console; and with ``locks`` not even a lock."""
    before = state_of(machine, with_locks=locks)
    yield
    after = state_of(machine, with_locks=locks)
    # Racks that are there only since then were installed by the test.
    after["racks"] = {name: after["racks"].get(name) for name in before["racks"]}
    for what, state in before.items():
        assert after[what] == state


def asked(convox: Standin, server: str, method: str | None = None, path: str | None = None) -> list[dict[str, Any]]:
    """The requests that a server got, oldest first. AWS's paths are its operations."""
    return [each for each in convox.journal.entries() if each["server"] == server and method in (None, each["method"]) and path in (None, each["path"])]


def stages_of(convox: Standin, name: str, region: str = "us-east-1") -> dict[str, Any]:
    """What each stage of a secret in AWS holds, as somebody with the AWS CLI reads it; by its name before AWS's own alphabet."""
    stored = convox.cloud.backend("secretsmanager", region).secrets[name.replace(":", "_")]
    return {stage: json.loads(each["secret_string"]) for each in list(stored.versions.values()) for stage in each["version_stages"]}


def wait_until(ready: Callable[[], bool], seconds: float = 90.0) -> None:
    """Wait for something that the stand-in or a run brings about."""
    end = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.005)


def overtaken(machine: Machine, held_up: Faults, module: str, late: dict[str, Any], first: dict[str, Any]) -> tuple[Result, Result]:
    """One run is held up by a delay, and meanwhile another goes from begin to end. Returns what that one did, and how the first was refused."""
    running = machine.begin(module, **late)
    wait_until(lambda: held_up.list() == [])
    done = machine.run(module, **first)
    refused = running.end()
    assert refused.failed
    return done, refused


def busy_until_another_key_is_set(rack: Rack, latent: str) -> Callable[[], None]:
    """An update goes on; and what happens while it is waited for: its end, and somebody's key, which is not in force."""
    rack.fault("never_ends")
    rack.stack.change({"LogRetention": "30"})

    def meanwhile() -> None:
        rack.faults.clear()
        rack.wait_at_rest()
        rack.set_password(latent)
        rack.wait_at_rest()

    return meanwhile
