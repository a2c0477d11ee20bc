# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a command that somebody typed has to have done, by the stand-in's own word."""
from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import boto3
import yaml
from ansible.parsing.splitter import parse_kv

from tests.integration.plays import in_force
from tests.places import ROOT
from tests.reports import read_report
from tests.standin import AWS_CREDENTIALS

if TYPE_CHECKING:
    from tests.integration.reader import Ran, Reader
    from tests.standin.rack import Rack

COLLECTION = "convox.credentials."
CONSOLE, RACKS, INSTANCES = PARTS = ("console", "racks", "instances")
# What each playbook rolls.
ROLLS = {
    "rotate_console_api_key": {CONSOLE},
    "rotate_rack_keys": {RACKS},
    "rotate_instance_keys": {INSTANCES},
    "rotate_all": set(PARTS),
    "respond_to_leak": set(PARTS),
}
OTHERS = {"login", "audit"}
SUFFIXES = {"html": ".html", "csv": ".csv", "junit": ".xml", "sarif": ".sarif"}


def variables() -> set[str]:
    """Those that inventories and extra vars may set: what playbooks, roles and AWX's definitions read."""
    paths = [path for folder in ("playbooks", "roles", "awx") for path in (ROOT / folder).rglob("*") if path.suffix in (".yml", ".j2")]
    text = "".join(path.read_text(encoding="utf-8") for path in paths)
    return set(re.findall(r"\b(?:convox|awx|login|audit|rack_api_key|instance_key|console_api_key)_\w+", text)) | {
        "ansible_connection",
        "ansible_python_interpreter",
    }


VARIABLES = variables()


class Play:
    """What an ``ansible-playbook`` was told."""

    def __init__(self, reader: Reader, arguments: list[str]) -> None:
        self.name = arguments[0].removeprefix(COLLECTION)
        self.given: dict[str, Any] = {}
        self._options: dict[str, str] = {}
        for option, value in zip(arguments[1:], [*arguments[2:], ""]):
            if option in ("-e", "--extra-vars"):
                text = (reader.place / value[1:]).read_text(encoding="utf-8") if value.startswith("@") else value
                self.given.update(yaml.safe_load(text) if value[0] in "@{" else parse_kv(value))
            elif option.startswith("-"):
                self._options[option.partition("=")[0]] = option.partition("=")[2] or value
        self.checks = bool({"--check", "-C"} & set(self._options))
        self._racks = set(reader.racks)

    def named(self) -> set[str]:
        limit = self._options.get("--limit", self._options.get("-l", "")) or str(self.given.get("convox_hosts", ""))
        return set(re.split("[:,]", limit)) & self._racks

    def racks(self) -> set[str]:
        """Where it works: those that it names, else all."""
        return self.named() or self._racks

    def parts(self) -> set[str]:
        """Which of its plays are played."""
        tags, skipped = (set(self._options.get(name, "").split(",")) - {""} for name in ("--tags", "--skip-tags"))
        return (tags or set(PARTS)) - skipped

    def option(self, name: str) -> str:
        return str(self.given.get(f"convox_{name}", ""))


class Before:
    """How things stood before a command, to tell what it did."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._machine = reader.machine
        self._keys = {name: rack.key for name, rack in reader.racks.items()}
        self._pairs = {name: rack.parameters["Key"] for name, rack in reader.racks.items()}
        self._console_key = reader.console.api_key
        self._logins = reader.logins()
        self._state = self._unchanging()

    def _unchanging(self) -> Any:
        """The files, the racks' keys and pairs, and what the Console has."""
        racks = {name: (rack.key, sorted(rack.accepted_keys), rack.parameters["Key"], self._pairs_of(rack)) for name, rack in self._reader.racks.items()}
        console = self._reader.console
        return self._machine.files(with_locks=False), racks, console.api_key, [(each.id, each.name, each.key) for each in console.records]

    # -- whether it did what it is for --
    def kept(self, arguments: list[str], ran: Ran) -> None:
        """Of a playbook of the collection's."""
        play = Play(self._reader, arguments)
        unknown = sorted(name for name in play.given if name not in VARIABLES)
        assert unknown == [], "no playbook or role reads these"
        assert play.name in {*ROLLS, *OTHERS}, f"{play.name}: say in tests/integration/promises.py what it does"
        if play.checks:
            assert self._unchanging() == self._state
        elif play.name == "audit":
            self._audited(play)
        elif play.name == "login":
            self._logged_in(play)
        else:
            self._rolled(play)
        assert re.search(r"ok=[1-9]", ran.output), "it did nothing"

    def _rolled(self, play: Play) -> None:
        parts = ROLLS[play.name] & play.parts()
        if play.name == "respond_to_leak" and play.option("leaked") not in ("console_key", "auth_file"):
            parts -= {CONSOLE}
        names = play.racks()
        for name, rack in self._reader.racks.items():
            # The first time all is due, as the reader's keys are old; then what is asked for without an age.
            kept = play.option("max_age") not in ("", "0s") or play.option("rotation_id") in self._reader.rotations
            again = {part for part in parts if kept and (part, name) in self._reader.rolled}
            rolled = parts - again if name in names else set()
            assert rack.key == in_force(rack)
            assert (rack.key != self._keys[name]) == (RACKS in rolled), f"{name}: its API key"
            assert (rack.parameters["Key"] != self._pairs[name]) == (INSTANCES in rolled), f"{name}: its instance key"
            assert {each.key_name for each in rack.instances.members()} == {rack.parameters["Key"]}
            if RACKS in rolled:
                assert self._reader.logins()[rack.host] == rack.key
            if INSTANCES in rolled and (play.option("prune") or play.name == "respond_to_leak"):
                # Instances that have just ended still name the one before.
                assert not self._pairs_of(rack) & {f"{name}-keypair-{number}" for number in (1000, 1001)}, f"{name}: pairs are left"
            self._reader.rolled |= {(part, name) for part in rolled}
        if CONSOLE in parts:
            console = self._reader.console
            assert self._reader.logins()[console.host] == console.api_key != self._console_key
        self._reader.rotations |= {play.option("rotation_id")} - {""}
        if play.option("console_sync") == "reimport":
            copies = {record.hostname: record.key for record in self._reader.console.records}
            assert all(copies.get(rack.host, rack.key) == rack.key for rack in self._racks(names)), "a Console's copy is stale"

    def _racks(self, names: set[str]) -> list[Rack]:
        return [self._reader.racks[name] for name in sorted(names)]

    def _pairs_of(self, rack: Rack) -> set[str]:
        client = boto3.client("ec2", endpoint_url=self._machine.convox.aws_url, region_name=rack.region, **AWS_CREDENTIALS)
        pairs = {each["KeyName"] for each in client.describe_key_pairs()["KeyPairs"]}
        return {each for each in pairs if each.startswith(f"{rack.name}-keypair-")}

    def _logged_in(self, play: Play) -> None:
        if play.given.get("login_state") == "absent":
            return self.logged_out()
        new, parts = self.logged_in(), play.parts()
        assert parts != {CONSOLE} or new == {self._reader.console.host}
        assert RACKS not in parts or {rack.host for rack in self._racks(play.named())} <= new
        return None

    def logged_out(self) -> None:
        assert set(self._reader.logins()) < set(self._logins)

    def logged_in(self) -> set[str]:
        """Where nobody was: with the key in force, and somewhere."""
        keys = {rack.host: rack.key for rack in self._reader.racks.values()} | {self._reader.console.host: self._reader.console.api_key}
        new = {host: key for host, key in self._reader.logins().items() if key != self._logins.get(host)}
        assert new, "nobody was logged in"
        assert new == {host: keys[host] for host in new}
        return set(new)

    def _audited(self, play: Play) -> None:
        assert self._unchanging() == self._state
        if play.option("dest"):
            dest = self._reader.place / self._reader.own(play.option("dest"))
            report = read_report(dest)
            asked = {each["state"] for each in report["sources"] if each["kind"] == "racks"}
            assert report["racks"], "no rack was audited"
            assert asked <= {"answered"}, report["sources"]
            formats = play.given.get("convox_formats", ["html"])
            assert all(dest.with_suffix(SUFFIXES[each]).exists() for each in (formats.split(",") if isinstance(formats, str) else formats))
