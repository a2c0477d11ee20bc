# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The end of a rotation in the stores and the CLI's files (architecture, 4: Commit), cut short anywhere and done again."""
from __future__ import annotations

import dataclasses
import json
import typing as t
from pathlib import Path

import pytest

from ansible_collections.convox.credentials.plugins.module_utils import files
from ansible_collections.convox.credentials.plugins.module_utils.cli_config import CliConfig, Layout
from ansible_collections.convox.credentials.plugins.module_utils.errors import StoreFailed
from ansible_collections.convox.credentials.plugins.module_utils.keys import Secrets
from ansible_collections.convox.credentials.plugins.module_utils.records import RACK_API_KEY, Pending, Record
from ansible_collections.convox.credentials.plugins.module_utils.store import Promotion
from ansible_collections.convox.credentials.plugins.module_utils.stores import StoreSet
from tests.unit.plugins.module_utils.support import NEW, OLD, OTHER, failing, no_aws

DOMAIN, HOST, ALIAS = "rack.example.com", "host.example.com", "alias.example.com:443"
WHEN, LATER = "2026-11-23T12:00:00Z", "2026-11-23T13:00:00Z"
STAGED = Record(RACK_API_KEY, DOMAIN, host=HOST, current=OLD, superseded=("former",), pending=Pending(NEW, WHEN, ("id",), confirmed=WHEN, found=("found",)))


class Died(BaseException):
    """What SIGKILL is to a process."""


@dataclasses.dataclass
class World:
    """Two layouts of the CLI, and the stores of a run."""

    directory: Path
    stores: tuple[str, ...] = ("cli",)

    @property
    def cli(self) -> CliConfig:
        return CliConfig([Layout(str(self.directory / name)) for name in ("one", "two")])

    def set(self) -> StoreSet:
        kinds = [{"type": "cli"} if name == "cli" else {"type": "file", "path": str(self.directory / name)} for name in self.stores]
        return StoreSet(kinds, self.cli, Secrets(), no_aws)

    def auth(self, **layouts: dict[str, t.Any]) -> None:
        """Fill the layouts."""
        for name, content in layouts.items():
            files.write_json(str(self.directory / name / "auth"), content)

    def commit(self, own: str | None = HOST, own_was_refused: bool = False) -> None:
        """As a run does that finds the rotation confirmed."""
        stores = self.set()
        record = stores.load(RACK_API_KEY, DOMAIN)
        if record.pending is not None:
            promoted = record.promoted(LATER)
            stores.promote(promoted, Promotion(own, record.old, record.pending.key or "", own_was_refused))

    def content(self) -> dict[str, t.Any]:
        """Every file, by its name, but for the locks."""
        paths = [path for path in self.directory.rglob("*") if path.is_file() and path.suffix != ".lock"]
        return {str(path.relative_to(self.directory)): json.loads(path.read_text(encoding="utf-8")) for path in paths}


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


# -- whose entries ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("own", "there", "refused", "after"),
    [
        (HOST, {}, False, {HOST: NEW}),
        (HOST, {HOST: OLD}, False, {HOST: NEW}),
        (HOST, {HOST: OTHER}, True, {HOST: NEW}),
        (HOST, {HOST: OTHER}, False, {HOST: OTHER}),
        (DOMAIN, {HOST: OLD}, False, {HOST: NEW, DOMAIN: NEW}),
        (DOMAIN, {"console.example.com": OTHER}, False, {"console.example.com": OTHER, DOMAIN: NEW}),
        (None, {HOST: OLD, ALIAS: OTHER}, False, {HOST: NEW, ALIAS: OTHER}),
        (None, {}, False, {}),
    ],
)
def test_the_rack_s_own_entry(world: World, own: str | None, there: dict[str, str], refused: bool, after: dict[str, str]) -> None:
    """It takes the new key when it is absent, equals the old one, or was refused before anything was rolled."""
    world.auth(one=there)
    world.set().save(STAGED)
    world.commit(own, refused)
    assert world.content()["one/auth"] == after


def test_every_other_entry_that_is_the_old_key(world: World) -> None:
    """In all layouts and under all aliases; others are left."""
    world.auth(one={ALIAS: OLD, "other": OTHER}, two={HOST: OLD, ALIAS: OLD, "else": "e", "list": [OLD]})
    world.set().save(STAGED)
    world.commit()
    content = world.content()
    assert content["one/auth"] == {ALIAS: NEW, "other": OTHER}
    assert content["two/auth"] == {HOST: NEW, ALIAS: NEW, "else": "e", "list": [OLD]}


def test_but_those_of_another_rack(world: World) -> None:
    """It was given the same key; in one layout it is the only one with it."""
    promotion = Promotion(HOST, OLD, NEW, others=frozenset({ALIAS}))
    world.auth(one={HOST: OLD, ALIAS: OLD}, two={ALIAS: OLD})
    before = (world.directory / "two" / "auth").stat().st_mtime_ns
    world.set().promote(STAGED.promoted("2026-11-23T12:30:00Z"), promotion)
    content = world.content()
    assert content["one/auth"] == {HOST: NEW, ALIAS: OLD}
    assert content["two/auth"] == {ALIAS: OLD}
    assert (world.directory / "two" / "auth").stat().st_mtime_ns == before, "what is not changed is not written"


def test_without_the_cli_as_store_nothing_new_is_entered(tmp_path: Path) -> None:
    """But who had logged in with the old key goes on with the new one."""
    world = World(tmp_path, ("keys.json",))
    world.auth(one={ALIAS: OLD})
    world.set().save(STAGED)
    world.commit()
    assert world.content()["one/auth"] == {ALIAS: NEW}
    assert world.content()["keys.json"][RACK_API_KEY][DOMAIN]["current"] == NEW


@pytest.mark.parametrize(("there", "after"), [({HOST: OTHER}, {HOST: NEW}), ({ALIAS: OTHER}, {ALIAS: OTHER}), ({}, None)])
def test_a_dead_login_is_exchanged_wherever_the_keys_are_kept(tmp_path: Path, there: dict[str, str], after: dict[str, str] | None) -> None:
    world = World(tmp_path, ("keys.json",))
    if there:
        world.auth(one=there)
    world.set().save(STAGED)
    world.commit(own_was_refused=True)
    assert world.content().get("one/auth") == after


@pytest.mark.parametrize("there", [{}, {HOST: OLD}, {HOST: OTHER}, {HOST: OTHER, ALIAS: OLD}])
def test_the_new_key_is_held_in_the_end_and_the_former_one_too(world: World, there: dict[str, str]) -> None:
    world.auth(one=there)
    world.set().save(STAGED)
    world.commit()
    text = json.dumps(world.content())
    assert (NEW in text, OLD in text, "found" in text, "former" in text) == (True, True, True, False)
    record = world.set().load(RACK_API_KEY, DOMAIN)
    assert (record.pending, record.rotation_ids, record.rolled_at, record.superseded) == (None, ("id",), LATER, (OLD, "found"))


@pytest.mark.parametrize("held", ["one/auth", "one/rotations.json"])
def test_a_file_that_another_program_has_locked(world: World, monkeypatch: pytest.MonkeyPatch, held: str) -> None:
    """The key is in force all the same, which a message of that file alone would not say; the next run ends it."""
    monkeypatch.setattr(files, "LOCK_PATIENCE_S", 0.05)
    world.auth(one={HOST: OLD})
    world.set().save(STAGED)
    with files.locked(str(world.directory / f"{held}.lock"), held):
        with failing(StoreFailed, f"{DOMAIN}: the new key is in force and kept as pending", held, "run again, which commits it", hiding=[OLD, NEW]) as caught:
            world.commit()
    assert caught.value.result == {"changed": True}
    world.commit()
    assert world.content()["one/auth"] == {HOST: NEW}


# -- cut short ----------------------------------------------------------------------------------------------------
@dataclasses.dataclass
class Case:
    """Stores, the CLI's entries, and what was staged."""

    stores: tuple[str, ...]
    record: Record = STAGED
    one: dict[str, str] = dataclasses.field(default_factory=lambda: {ALIAS: OLD, "other": OTHER})
    two: dict[str, str] = dataclasses.field(default_factory=lambda: {HOST: OLD, ALIAS: OLD})
    refused: bool = False
    elsewhere: tuple[str, ...] = ()

    def begin(self, directory: Path) -> World:
        world = World(directory, self.elsewhere or self.stores)
        world.auth(one=self.one, two=self.two)
        world.set().save(self.record)
        return World(directory, self.stores)


UNKNOWN_OLD = dataclasses.replace(STAGED, current=None, superseded=())
CASES = {
    "cli": Case(("cli",)),
    "cli, absent": Case(("cli",), one={}, two={}),
    "cli, refused": Case(("cli",), two={HOST: "refused"}, refused=True),
    "cli, left": Case(("cli",), two={HOST: "left"}),
    "cli and file": Case(("cli", "keys.json")),
    "file and cli": Case(("keys.json", "cli")),
    "two files": Case(("keys.json", "more.json")),
    "file, refused": Case(("keys.json",), two={HOST: "refused"}, refused=True),
    "file, begun in cli": Case(("keys.json",), elsewhere=("cli",)),
    "file, the first of two": Case(("keys.json", "more.json"), elsewhere=("keys.json",)),
    "old key unknown": Case(("cli", "keys.json"), record=UNKNOWN_OLD, one={"found one": "found"}),
}


def dying(monkeypatch: pytest.MonkeyPatch, after: int, before: bool) -> list[str]:
    """Die at the write of that number, before or after it was made; the writes, as they are made."""
    made: list[str] = []
    real = files.write

    def write(path: str, text: str) -> None:
        if before and len(made) == after:
            raise Died
        real(path, text)
        made.append(path)
        if not before and len(made) == after + 1:
            raise Died

    monkeypatch.setattr(files, "write", write)
    return made


def all_keys(content: t.Any) -> set[str]:
    text = json.dumps(content)
    return {key for key in (OLD, NEW, "found", "former") if key in text}


@pytest.mark.parametrize("name", CASES)
def test_cut_short_at_any_write_it_ends_the_same(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At no moment is a key lost, and the next run brings everything to the same end."""
    case = CASES[name]
    whole = case.begin(tmp_path / "whole")
    with monkeypatch.context() as patch:
        made = dying(patch, after=-1, before=True)
        whole.commit(own_was_refused=case.refused)
        writes = len(made)
    assert writes >= len(case.stores) * 2
    assert whole.set().load(RACK_API_KEY, DOMAIN).pending is None
    needed = {NEW, "found"} | ({OLD} if case.record.current else set())
    for number in range(writes):
        for before in (True, False):
            world = case.begin(tmp_path / f"{number}-{before}")
            with monkeypatch.context() as patch:
                dying(patch, number, before)
                with pytest.raises(Died):
                    world.commit(own_was_refused=case.refused)
            assert needed <= all_keys(world.content())
            world.commit(own_was_refused=case.refused)
            assert world.content() == whole.content()
