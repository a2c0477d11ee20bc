# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Roll every credential of a small fleet that runs on loopback, by plain ansible-playbook commands, and check the truth."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import threading
import time
from pathlib import Path
from typing import Any

import yaml

from tests.places import ROOT, short_way

from . import checks, leaks, processes
from .fleet import CONFIRM_PERIOD, EMAIL, Fleet
from .screen import BOLD, Screen

PLACE = ROOT / ".demo"
BIN = Path(sys.executable).parent
AWS = {"AWS_ACCESS_KEY_ID": "standin", "AWS_SECRET_ACCESS_KEY": "standin"}


class Demo:
    """The story, step by step."""

    def __init__(self, screen: Screen, place: Path, verbosity: int, fast: bool) -> None:
        self.screen = screen
        self.place = place
        self.more = ["-" + "v" * verbosity] if verbosity else []
        if fast:
            self.more += ["-e", "convox_confirm_period=1"]
        self.config = place / "home" / ".config" / "convox"
        self.environment = self._environment()
        self.failed = False

    def run(self) -> None:
        """From the artifact to the verdict."""
        self._prepare()
        fleet = self._start()
        self._roll(fleet)
        fleet.wait_at_rest()
        after = fleet.truth()
        self._compare(fleet, after)
        self._check(fleet, after)
        fleet.stop()
        self._look_for_leaks(fleet.before, after)

    def _environment(self) -> dict[str, str]:
        """Nothing of the caller's but where programs are and how the terminal is; every place is in the checkout."""
        places = {
            "HOME": "home",
            "ANSIBLE_HOME": "ansible",
            "ANSIBLE_LOCAL_TEMP": "ansible/tmp",
            "ANSIBLE_REMOTE_TEMP": "ansible/tmp",
            "ANSIBLE_COLLECTIONS_PATH": "collections",
        }
        more = {
            "LC_ALL": "C.UTF-8",
            "PATH": f"{BIN}:{os.environ.get('PATH', os.defpath)}",
            "ANSIBLE_CALLBACK_RESULT_FORMAT": "yaml",
            "ANSIBLE_LOCALHOST_WARNING": "false",
            "AWS_EC2_METADATA_DISABLED": "true",
            # What modules were given, of which no secret may be to be seen: from ansible-core 2.21 on it has to be asked for.
            "ANSIBLE_INJECT_INVOCATION": "true",
        }
        if self.screen.colours:
            more["ANSIBLE_FORCE_COLOR"] = "true"
        more["TMPDIR"] = str(short_way(self.place / "tmp"))
        return {**more, **{name: str(self.place / path) for name, path in places.items()}}

    # The steps

    def _prepare(self) -> None:
        screen = self.screen
        screen.title("convox.credentials rolls every credential of a small Convox fleet")
        screen.say("All of it runs on this machine, and nothing is written outside of the checkout.")
        screen.step("Build the collection, and install it from the built artifact")
        for path in ("home", "tmp", "ansible/tmp", "collections", "artifact"):
            (self.place / path).mkdir(parents=True)
        self._command(["ansible-galaxy", "collection", "build", "--output-path", "artifact", str(ROOT)])
        (artifact,) = (self.place / "artifact").iterdir()
        self._command(
            ["ansible-galaxy", "collection", "install", "--offline", "--collections-path", "collections", f"artifact/{artifact.name}"]
        )

    def _start(self) -> Fleet:
        screen = self.screen
        screen.step("Start a Convox that runs on loopback")
        fleet = Fleet(self.place, {**self.environment, "PYTHONPATH": str(ROOT)}, self.place / "standin.log")
        inventory = yaml.safe_dump(fleet.inventory(), sort_keys=False, width=200)
        (self.place / "inventory.yml").write_text(inventory, encoding="utf-8")
        screen.say("A Console and three racks, with an emulated AWS behind them. Each rack's key is rolled in a way of its own:")
        screen.table(
            ("rack", "its key", "is set by", "and brought into force by"),
            (
                ("alpha", "known", "the rack's own API", "a new ECS deployment"),
                ("beta", "lost", "CloudFormation", "a new ECS deployment"),
                ("gamma", "known", "the rack's own API", "a new signing key: no AWS credentials"),
            ),
        )
        screen.say("")
        screen.say("They are hosts in an inventory that nobody logs into, inventory.yml:")
        for line in inventory.splitlines():
            screen.write("    " + line)
        screen.say("")
        screen.say("The credentials before, by the first digits of their SHA-256:")
        screen.table(("credential", "before"), checks.credentials(fleet.before).items())
        screen.say("beta's key is known to nobody any more.")
        return fleet

    def _roll(self, fleet: Fleet) -> None:
        screen, addresses = self.screen, fleet.addresses
        console, racks = addresses["console"], addresses["racks"]
        screen.step("Log in, as `convox login` does")
        self._playbook(
            "login",
            CONVOX_HOST=console["host"],
            CONVOX_PASSWORD=console["api_key"],
            ALPHA_KEY=racks["alpha"]["key"],
            GAMMA_KEY=racks["gamma"]["key"],
        )
        screen.step("Roll the Console API key")
        self._playbook("rotate_console_api_key", "-e", f"convox_email={EMAIL}", CONVOX_ACCOUNT_PASSWORD=console["password"])
        screen.step("Roll the keys of all three racks at once")
        screen.say(
            "A changed key is latent until the containers of the rack's API start anew. Watch each rack: its stack holds the new "
            "key while its containers still accept the old one; then either is accepted; then the new one only. It takes a minute: "
            f"for {CONFIRM_PERIOD} s the new key must be accepted and the old one refused, each time on a fresh connection."
        )
        aws = {**AWS, "AWS_ENDPOINT_URL": addresses["aws_url"]}
        with Watcher(screen, fleet):
            self._playbook("rotate_rack_keys", "-e", "convox_serial=100%", "-e", "convox_rotation_id=demo", **aws)
        screen.step("Start the same rotation again: nothing is rolled twice")
        self._playbook("rotate_rack_keys", "-e", "convox_serial=100%", "-e", "convox_rotation_id=demo", **aws)
        screen.step("Roll the instance key of alpha")
        self._playbook("rotate_instance_keys", "--limit", "alpha", **aws)

    def _compare(self, fleet: Fleet, after: dict[str, Any]) -> None:
        self.screen.step("Before and after")
        old, new = checks.credentials(fleet.before), checks.credentials(after)
        self.screen.table(("credential", "before", "after"), ((name, old[name], new[name]) for name in old))

    def _check(self, fleet: Fleet, after: dict[str, Any]) -> None:
        screen, before = self.screen, fleet.before
        screen.step("Is it true? What containers really accept, and what is stored")
        stored = json.loads((self.config / "auth").read_text(encoding="utf-8"))
        found = list(checks.console(before, after, stored.get(fleet.addresses["console"]["host"])))
        for name, rack in fleet.addresses["racks"].items():
            found += checks.rack(name, before, after, stored.get(rack["host"]))
        found += checks.instances("alpha", before, after)
        for check in found:
            self._verdict(check.good, check.text)

    def _look_for_leaks(self, *truths: dict[str, Any]) -> None:
        secrets = leaks.secrets_of(*truths)
        places = leaks.leaks_in(self.place, "\n".join(self.screen.shown), secrets)
        what = f"none of {len(secrets)} secrets is in the output or in any file of {self.place.name}, but for the key stores"
        self._verdict(not places, what if not places else f"{what}: found in {', '.join(places)}")

    # What they are made of

    def _verdict(self, good: bool, text: str) -> None:
        self.failed |= not good
        self.screen.verdict(good, text)

    def _playbook(self, name: str, *arguments: str, **variables: str) -> None:
        self._command(["ansible-playbook", f"convox.credentials.{name}", "-i", "inventory.yml", *arguments, *self.more], **variables)

    def _command(self, command: list[str], **variables: str) -> None:
        """Show a command, run it, and end the demonstration if it fails."""
        secret = ("PASSWORD", "_KEY")
        shown = [f"{name}={'****' if name.endswith(secret) else value}" for name, value in variables.items()]
        self.screen.command(shown + [".." if part == str(ROOT) else part for part in command])
        program = [str(BIN / command[0]), *command[1:]]
        status = processes.run(program, {**self.environment, **variables}, self.place, self.screen.write)
        if status != 0:
            raise SystemExit(f"{command[0]} ended with status {status}")


class Watcher:
    """Shows, while a command runs, what the containers of each rack accept: a line whenever that changes."""

    def __init__(self, screen: Screen, fleet: Fleet) -> None:
        self._screen = screen
        self._fleet = fleet
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._said: dict[str, str] = {}

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_exc: object) -> None:
        self._over.set()
        self._thread.join(timeout=5)

    def _watch(self) -> None:
        began = time.monotonic()
        while not self._over.wait(0.5):
            for name, rack in self._fleet.truth()["racks"].items():
                state = self._state(name, rack)
                if self._said.setdefault(name, state) != state:
                    self._said[name] = state
                    self._screen.say(f"    {time.monotonic() - began:3.0f} s  {name:5}  {state}")

    def _state(self, name: str, rack: dict[str, Any]) -> str:
        old = self._fleet.before["racks"][name]["stack_key"]
        word = {True: "old", False: "new"}
        keys = [word[each["key"] == old] for each in rack["accepts"] if each["state"] != "starting"]
        stack = f"{word[rack['stack_key'] == old]} ({rack['stack_status']})"
        return f"stack: {stack}, containers: {', '.join(keys) or 'none'}"


def main() -> int:
    """Nothing is left running, whatever happens; what was written stays to be looked at."""
    parser = argparse.ArgumentParser(prog="make demo ARGS=...", description=__doc__)
    parser.add_argument("-v", "--verbose", action="count", default=0, help="ansible-playbook's own: -v to -vvvv")
    parser.add_argument("--fast", action="store_true", help="confirm new keys for a second only: for tests")
    parser.add_argument("--place", type=Path, default=PLACE, help="where to write (default: .demo); what is there is removed")
    arguments = parser.parse_args()
    screen = Screen()
    began = time.monotonic()
    processes.adopt_orphans()
    processes.interrupt_on_signals()
    try:
        shutil.rmtree(arguments.place, ignore_errors=True)
        demo = Demo(screen, arguments.place, arguments.verbose, arguments.fast)
        demo.run()
    except processes.Interrupted as interruption:
        print("\ninterrupted", flush=True)
        return 128 + interruption.signum
    except SystemExit as end:
        screen.write()
        screen.verdict(False, str(end.code))
        return 1
    finally:
        processes.end_all()
    screen.write()
    verdict = "Something is not as it should be." if demo.failed else "All as it should be."
    screen.write(screen.paint(f"{verdict} {time.monotonic() - began:.0f} s.", BOLD))
    return int(demo.failed)


if __name__ == "__main__":
    sys.exit(main())
