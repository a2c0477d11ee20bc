# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stores: what was written is found again, by rack and by host, whatever else is in them."""
from __future__ import annotations

import dataclasses
import errno
import json
import os
import typing as t
from pathlib import Path

import pytest

from ansible_collections.convox.credentials.plugins.module_utils.cli_config import CliConfig, Layout
from ansible_collections.convox.credentials.plugins.module_utils.errors import BadInput, Damaged, StoreFailed
from ansible_collections.convox.credentials.plugins.module_utils.keys import Secrets, fingerprint
from ansible_collections.convox.credentials.plugins.module_utils.records import CONSOLE_API_KEY, INSTANCE_KEY, RACK_API_KEY, Pending, Record
from ansible_collections.convox.credentials.plugins.module_utils.store import Promotion, Store
from ansible_collections.convox.credentials.plugins.module_utils.store_cli import CliStore
from ansible_collections.convox.credentials.plugins.module_utils.store_file import FileStore
from ansible_collections.convox.credentials.plugins.module_utils.store_secretsmanager import SecretsManagerStore
from ansible_collections.convox.credentials.plugins.module_utils.stores import JOB_VARIABLES, StoreSet
from tests.unit.plugins.module_utils.support import NEW, OLD, OTHER, failing, listing, no_aws, without_powers

DOMAIN, HOST = "rack.example.com", "alias.example.com"
WHEN, LATER = "2026-11-23T12:00:00Z", "2026-11-23T13:00:00Z"
STAGED = Record(RACK_API_KEY, DOMAIN, name="alpha", host=HOST, current=OLD, superseded=(OTHER,), pending=Pending(NEW, WHEN, ("first",)))


def options(*stores: str | dict[str, t.Any]) -> list[dict[str, t.Any]]:
    return [{"type": each} if isinstance(each, str) else each for each in stores]


@pytest.fixture
def cli(tmp_path: Path) -> CliConfig:
    """Two layouts, of which the first is home."""
    return CliConfig([Layout(str(tmp_path / name)) for name in ("one", "two")])


@pytest.fixture(params=["file", "cli"])
def store_on_disk(request: pytest.FixtureRequest, tmp_path: Path, cli: CliConfig) -> Store:
    return FileStore(str(tmp_path / "keys.json")) if request.param == "file" else CliStore(cli)


@pytest.fixture(params=["file", "cli", "aws_secretsmanager"])
def open_store(request: pytest.FixtureRequest, tmp_path: Path, cli: CliConfig) -> t.Callable[[], Store]:
    """Opens the same place once more, as another run does."""

    def open_store() -> Store:
        if request.param == "aws_secretsmanager":
            return SecretsManagerStore(request.getfixturevalue("aws"), name=f"{tmp_path.name}/<rack-domain>")
        return FileStore(str(tmp_path / "keys.json")) if request.param == "file" else CliStore(cli)

    return open_store


@pytest.fixture
def store(open_store: t.Callable[[], Store]) -> Store:
    return open_store()


def written(path: Path) -> t.Any:
    return json.loads(path.read_text(encoding="utf-8"))


def put(path: Path, data: t.Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(data if isinstance(data, str) else json.dumps(data), encoding="utf-8")


# -- one store ----------------------------------------------------------------------------------------------------
def test_found_again_by_rack_and_by_host(store: Store) -> None:
    assert store.load(RACK_API_KEY, DOMAIN) is None
    store.save(STAGED)
    assert store.load(RACK_API_KEY, DOMAIN) == STAGED
    assert store.load(CONSOLE_API_KEY, DOMAIN) is None
    assert store.key(RACK_API_KEY, DOMAIN) == OLD
    if not isinstance(store, SecretsManagerStore):
        # Secrets have one name.
        assert store.load(RACK_API_KEY, HOST) == STAGED
        assert store.key(RACK_API_KEY, HOST) == OLD


def test_a_rack_s_own_name_comes_before_another_s_host(store_on_disk: Store) -> None:
    other = Record(RACK_API_KEY, "other.example.com", host=DOMAIN, current=OTHER, pending=Pending(None, WHEN, ()))
    store_on_disk.save(other)
    store_on_disk.save(STAGED)
    assert store_on_disk.load(RACK_API_KEY, DOMAIN) == STAGED


def test_a_file_keeps_what_is_not_ours(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    foreign = {"_comment": "ours", RACK_API_KEY: {"z": {"current": OTHER}, DOMAIN: {"owner": "ops", "pending": {"mark": 1}}}, "else": [1]}
    put(path, foreign)
    store = FileStore(str(path))
    store.save(STAGED)
    data = written(path)
    assert list(data) == list(foreign)
    assert (data["_comment"], data["else"], data[RACK_API_KEY]["z"]) == ("ours", [1], {"current": OTHER})
    assert (data[RACK_API_KEY][DOMAIN]["owner"], data[RACK_API_KEY][DOMAIN]["pending"]["mark"]) == ("ops", 1)
    store.save(STAGED.committed())
    assert written(path)[RACK_API_KEY][DOMAIN]["owner"] == "ops"


@pytest.mark.parametrize(
    "content",
    [
        "",
        '{"rack_api_key": {"%s": {"pending": {"key": "%s"' % (DOMAIN, NEW),
        {RACK_API_KEY: []},
        {RACK_API_KEY: {DOMAIN: [OLD]}},
        {RACK_API_KEY: {DOMAIN: {"current": 7}}},
    ],
)
def test_damage_is_told_and_never_overwritten(tmp_path: Path, content: t.Any) -> None:
    path = tmp_path / "keys.json"
    put(path, content)
    before = path.read_text(encoding="utf-8")
    with failing(Damaged, str(path), "nothing was changed", hiding=[OLD, NEW]):
        FileStore(str(path)).load(RACK_API_KEY, DOMAIN)
    if not isinstance(content, dict) or not content[RACK_API_KEY]:
        with failing(Damaged, str(path), hiding=[OLD, NEW]):
            FileStore(str(path)).save(STAGED)
    assert path.read_text(encoding="utf-8") == before


def test_a_store_of_ten_thousand_racks(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    ids = [f"2026-q4-{number:028d}" for number in range(50)]
    racks = {f"rack{number}.example.com": {"current": OLD, "superseded": [OTHER], "rotation_ids": ids} for number in range(10_000)}
    put(path, {RACK_API_KEY: racks})
    assert path.stat().st_size > 20_000_000
    store = FileStore(str(path))
    store.save(STAGED)
    assert (store.load(RACK_API_KEY, DOMAIN), store.key(RACK_API_KEY, "rack9999.example.com")) == (STAGED, OLD)


def test_a_file_is_named_as_people_name_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert FileStore("~/keys.json").label == f"file:{tmp_path}/keys.json"


def test_the_cli_s_key_in_force_is_in_auth_only(cli: CliConfig) -> None:
    """One copy is enough, once it is there."""
    cli.set_key(HOST, NEW)
    store = CliStore(cli)
    store.save(dataclasses.replace(STAGED, current=NEW, superseded=(OLD,), pending=None))
    assert NEW not in Path(cli.home.file("rotations.json")).read_text(encoding="utf-8")
    assert store.key(RACK_API_KEY, HOST) == NEW


def test_a_key_in_force_is_found_by_the_rack_too(cli: CliConfig) -> None:
    """``auth`` has it under the name by which the rack was reached; who asks next, as a hook, knows the rack-domain."""
    cli.set_key(HOST, NEW)
    store = CliStore(cli)
    store.save(dataclasses.replace(STAGED, current=NEW, pending=None))
    assert store.key(RACK_API_KEY, DOMAIN) == NEW
    assert store.key(RACK_API_KEY, "nowhere.example.com") is None


def test_a_key_in_force_that_is_under_another_name_alone_is_kept(cli: CliConfig) -> None:
    """Whoever asks by the rack or by the host would be given another one."""
    cli.set_key(HOST, OTHER)
    cli.set_key("third.example.com", NEW)
    store = CliStore(cli)
    store.save(dataclasses.replace(STAGED, current=NEW, pending=None))
    assert {store.key(RACK_API_KEY, name) for name in (DOMAIN, HOST)} == {NEW}


def test_a_key_in_force_that_auth_does_not_hold_is_kept(cli: CliConfig) -> None:
    """An entry that was left as it is must not cost the key that came into force."""
    cli.set_key(HOST, OTHER)
    store = CliStore(cli)
    store.save(dataclasses.replace(STAGED, current=NEW, pending=None))
    record = store.load(RACK_API_KEY, DOMAIN)
    assert record is not None
    assert record.current == NEW
    assert store.key(RACK_API_KEY, HOST) == NEW


def test_an_older_notebook_goes_on(cli: CliConfig) -> None:
    """A rotation that began when only the second layout was there is finished in it."""
    FileStore(cli.layouts[1].file("rotations.json")).save(STAGED)
    store = CliStore(cli)
    store.save(STAGED.note(applying=WHEN))
    assert not Path(cli.layouts[0].path).exists()
    store.save(STAGED.committed())
    record = store.load(RACK_API_KEY, DOMAIN)
    assert record is not None
    assert record.pending is None


def test_two_notebooks_are_one(cli: CliConfig) -> None:
    """What is pending in either is pending, every key stays held, and a commit ends it in both."""
    books = [FileStore(layout.file("rotations.json")) for layout in cli.layouts]
    books[0].save(Record(RACK_API_KEY, DOMAIN, host=HOST, rotation_ids=("zero",), superseded=("former",)))
    books[1].save(STAGED)
    store = CliStore(cli)
    record = store.load(RACK_API_KEY, DOMAIN)
    assert record is not None
    assert (record.pending, record.rotation_ids) == (STAGED.pending, ("zero",))
    assert set(record.secrets()) == {OLD, NEW, OTHER, "former"}
    store.save(record.promoted(LATER).committed())
    everywhere: list[Store] = [*books, store]
    for each in everywhere:
        record = each.load(RACK_API_KEY, DOMAIN)
        assert record is not None
        assert (record.pending, record.rotation_ids) == (None, ("zero", "first"))


# -- two runs that no lock keeps apart ----------------------------------------------------------------------------
THIRD = "ThirdThirdThirdThirdThirdThird"
SECOND_STAGED = dataclasses.replace(STAGED, pending=Pending(THIRD, LATER, ("second",)))
Open = t.Callable[[], Store]


def roll_in(store: Store, staged: Record) -> None:
    """As a run does from the stage to the commit."""
    store.save(staged)
    promoted = staged.promoted(LATER)
    store.promote(promoted, Promotion(None, staged.old, promoted.current or ""))
    store.save(promoted.committed())


@pytest.mark.parametrize("found", [(), (NEW,)])
def test_a_key_that_another_run_staged_is_not_overwritten(open_store: Open, found: tuple[str, ...]) -> None:
    """Not even by one who met that key where the other run sent it."""
    first, second = open_store(), open_store()
    first.load(RACK_API_KEY, DOMAIN), second.load(RACK_API_KEY, DOMAIN)
    first.save(STAGED)
    with failing(StoreFailed, fingerprint(NEW), DOMAIN, "nothing was changed", "run again", hiding=[NEW, THIRD]):
        second.save(dataclasses.replace(SECOND_STAGED, pending=dataclasses.replace(SECOND_STAGED.pending or STAGED.pending, found=found)))
    assert open_store().load(RACK_API_KEY, DOMAIN) == STAGED
    first.save(STAGED.note(applying=WHEN))
    # The next run knows it, and finishes that one.
    found_then = second.load(RACK_API_KEY, DOMAIN)
    assert found_then is not None
    second.save(found_then.joined("second"))


def test_who_only_looks_for_the_key_in_force_decides_nothing_by_the_pending_one(open_store: Open) -> None:
    first, second = open_store(), open_store()
    first.save(dataclasses.replace(STAGED, pending=None))
    second.load(RACK_API_KEY, DOMAIN)
    first.save(STAGED)
    assert second.key(RACK_API_KEY, DOMAIN) == OLD
    with failing(StoreFailed, fingerprint(NEW), "run again"):
        second.save(dataclasses.replace(STAGED, pending=Pending(THIRD, LATER, ("second",), found=(NEW,))))


def test_a_key_that_another_run_rolled_in_is_not_overwritten(open_store: Open) -> None:
    first, second = open_store(), open_store()
    first.save(dataclasses.replace(STAGED, pending=None))
    second.load(RACK_API_KEY, DOMAIN)
    roll_in(first, STAGED)
    with failing(StoreFailed, DOMAIN, "another run has rolled it meanwhile", "nothing was changed", "run again", hiding=[NEW, THIRD]):
        second.save(SECOND_STAGED)
    assert open_store().key(RACK_API_KEY, DOMAIN) == NEW
    assert open_store().load(RACK_API_KEY, DOMAIN) == STAGED.promoted(LATER).committed()


def test_a_run_that_slept_through_two_rolls_overwrites_neither(open_store: Open) -> None:
    """Another one ended its rotation, and a third one the next."""
    slow, others = open_store(), open_store()
    slow.save(STAGED)
    others.load(RACK_API_KEY, DOMAIN)
    roll_in(others, STAGED)
    following = dataclasses.replace(STAGED.promoted(LATER), pending=SECOND_STAGED.pending)
    roll_in(others, following)
    with failing(StoreFailed, DOMAIN, "meanwhile", hiding=[NEW, THIRD]):
        slow.save(STAGED.note(confirmed=WHEN))
    with failing(StoreFailed, DOMAIN, "meanwhile", hiding=[NEW, THIRD]):
        slow.promote(STAGED.promoted(LATER), Promotion(None, OLD, NEW))
    assert open_store().key(RACK_API_KEY, DOMAIN) == THIRD


# -- proving ------------------------------------------------------------------------------------------------------
def test_proving_leaves_nothing(store_on_disk: Store, tmp_path: Path) -> None:
    store_on_disk.prove(STAGED, dry=True)
    assert listing(tmp_path) == set(), "check mode writes nothing anywhere"
    store_on_disk.prove(STAGED, dry=False)
    assert not any(path.is_file() for path in tmp_path.rglob("*"))


@pytest.mark.parametrize("dry", [False, True])
def test_a_store_that_can_not_be_written_is_told(store_on_disk: Store, tmp_path: Path, dry: bool) -> None:
    tmp_path.chmod(0o555)
    said = without_powers(lambda: store_on_disk.prove(STAGED, dry))
    assert said.startswith("StoreFailed: ")
    assert str(tmp_path) in said
    assert listing(tmp_path) == set()


@pytest.fixture
def immovable(monkeypatch: pytest.MonkeyPatch) -> t.Callable[[Path], None]:
    """Lets nothing be moved onto a file, as a mount of the file alone does: only root could set one up here."""

    def immovable(path: Path) -> None:
        real = os.replace

        def replace(source: str, target: str) -> None:
            if target == str(path):
                raise OSError(errno.EBUSY, os.strerror(errno.EBUSY), target)
            real(source, target)

        monkeypatch.setattr(os, "replace", replace)

    return immovable


@pytest.mark.parametrize("layout", ["one", "two"])
@pytest.mark.parametrize("kind", [RACK_API_KEY, CONSOLE_API_KEY])
def test_an_auth_that_can_not_be_replaced_is_told(
    cli: CliConfig, tmp_path: Path, immovable: t.Callable[[Path], None], layout: str, kind: str
) -> None:
    """Else a key would be rolled that can't be put there."""
    path = tmp_path / layout / "auth"
    put(path, {HOST: OLD})
    immovable(path)
    with failing(StoreFailed, str(path), "busy", "nothing was rolled", hiding=[OLD, NEW]):
        CliStore(cli).prove(dataclasses.replace(STAGED, kind=kind), dry=False)
    assert written(path) == {HOST: OLD}
    assert not [name for name in listing(path.parent) if "unfinished" in name]
    # An instance's key is put nowhere in it; and check mode writes nothing.
    CliStore(cli).prove(dataclasses.replace(STAGED, kind=INSTANCE_KEY), dry=False)
    CliStore(cli).prove(dataclasses.replace(STAGED, kind=kind), dry=True)


@pytest.mark.parametrize("content", ['{"a": "b",}', '\ufeff{\r\n"a": "b"}\n'])
def test_proving_leaves_auth_as_it_is(cli: CliConfig, tmp_path: Path, content: str) -> None:
    """To the byte; and where there is none, none is made."""
    path = tmp_path / "one" / "auth"
    CliStore(cli).prove(STAGED, dry=False)
    assert not path.exists()
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content.encode())
    path.chmod(0o640)
    before = path.stat().st_ino
    CliStore(cli).prove(STAGED, dry=True)
    assert path.stat().st_ino == before
    CliStore(cli).prove(STAGED, dry=False)
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (content.encode(), 0o640)


@pytest.mark.parametrize("dry", [False, True])
def test_an_auth_in_a_directory_that_can_not_be_written_is_told(cli: CliConfig, tmp_path: Path, dry: bool) -> None:
    """Where a link leads elsewhere, what can be written beside the link tells nothing."""
    put(tmp_path / "elsewhere" / "auth", {HOST: OLD})
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "auth").symlink_to(tmp_path / "elsewhere" / "auth")
    (tmp_path / "elsewhere").chmod(0o555)
    said = without_powers(lambda: CliStore(cli).prove(STAGED, dry))
    assert said.startswith("StoreFailed: ")
    assert "elsewhere" in said or str(tmp_path / "one" / "auth") in said


def test_damage_is_met_when_proving(tmp_path: Path, cli: CliConfig) -> None:
    put(tmp_path / "keys.json", "")
    with failing(Damaged, "keys.json"):
        FileStore(str(tmp_path / "keys.json")).prove(STAGED, dry=True)
    put(tmp_path / "two" / "auth", '{"a": ')
    with failing(Damaged, str(tmp_path / "two" / "auth")):
        CliStore(cli).prove(STAGED, dry=True)
    with failing(StoreFailed, str(tmp_path)):
        FileStore(str(tmp_path)).prove(STAGED, dry=False)


# -- several stores -----------------------------------------------------------------------------------------------
@pytest.fixture
def make(cli: CliConfig, tmp_path: Path) -> t.Callable[..., StoreSet]:
    """Makes sets of stores: ``cli``, or files by their names."""

    def make(*names: str, secrets: Secrets | None = None) -> StoreSet:
        kinds = [name if name == "cli" else {"type": "file", "path": str(tmp_path / name)} for name in names]
        return StoreSet(options(*kinds), cli, secrets or Secrets(), no_aws)

    return make


Make = t.Callable[..., StoreSet]


def test_each_store_has_it_before_anything_goes_on(make: Make, tmp_path: Path) -> None:
    make("a", "cli", "b").save(STAGED)
    for name in ("a", "b", "one/rotations.json"):
        assert FileStore(str(tmp_path / name)).load(RACK_API_KEY, DOMAIN) == STAGED


def test_the_first_store_is_written_first(make: Make, tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    with failing(StoreFailed, str(tmp_path / "b")):
        make("a", "b", "c").save(STAGED)
    assert (tmp_path / "a").exists()
    assert not (tmp_path / "c").exists()


def test_nothing_known_is_an_empty_record(make: Make) -> None:
    assert make("a").load(RACK_API_KEY, DOMAIN) == Record(RACK_API_KEY, DOMAIN)


def test_a_rotation_pending_in_the_cli_s_directory_counts_always(make: Make, cli: CliConfig) -> None:
    CliStore(cli).save(STAGED)
    assert make("a").load(RACK_API_KEY, HOST) == STAGED


def test_what_is_pending_anywhere_is_pending(make: Make, tmp_path: Path) -> None:
    """And no key that any of the stores has is forgotten."""
    committed = Record(RACK_API_KEY, DOMAIN, host=HOST, current="current-of-a", rotation_ids=("zero",), superseded=("former-of-a",))
    make("a").save(committed)
    make("b").save(STAGED)
    secrets = Secrets()
    record = make("a", "b", secrets=secrets).load(RACK_API_KEY, DOMAIN)
    assert (record.pending, record.current, record.rotation_ids) == (STAGED.pending, OLD, ("zero",))
    held = {OLD, NEW, OTHER, "current-of-a", "former-of-a"}
    assert set(record.secrets()) == held
    assert secrets.redact(" ".join(sorted(held))) == "******** ******** ******** ******** ********"


@pytest.mark.parametrize(
    "farther",
    [
        Pending("farther", WHEN, (), activating=WHEN),
        Pending("farther", WHEN, (), applying=WHEN),
        Pending("farther", LATER, ()),
    ],
)
@pytest.mark.parametrize("turned", [False, True])
def test_of_two_that_are_pending_the_one_that_got_farther_goes_on(make: Make, farther: Pending, turned: bool) -> None:
    make("a").save(STAGED)
    make("b").save(dataclasses.replace(STAGED, pending=farther))
    record = make(*(("b", "a") if turned else ("a", "b"))).load(RACK_API_KEY, DOMAIN)
    assert record.pending == farther
    assert NEW in record.secrets(), "the other one stays held"


def test_keys_in_the_stores_order(make: Make, cli: CliConfig) -> None:
    cli.set_key(HOST, OTHER)
    make("a").save(dataclasses.replace(STAGED, current=OLD, pending=None))
    assert [key for key, _label in make("a", "cli", "b").keys(RACK_API_KEY, HOST)] == [OLD, OTHER]
    assert [key for key, _label in make("cli", "a").keys(RACK_API_KEY, HOST)] == [OTHER, OLD]
    assert next(label for _key, label in make("cli", "a").keys(RACK_API_KEY, HOST)) == "cli"


@pytest.mark.parametrize("kind", ["cli", "file", "aws_secretsmanager"])
def test_a_console_s_key_is_found_by_its_account(request: pytest.FixtureRequest, tmp_path: Path, cli: CliConfig, kind: str) -> None:
    """Who reaches a rack through a Console knows the host, and a secret is filed under the account alone."""
    console, told = "console.example.com", {"name": f"{tmp_path.name}/<rack-domain>", "path": str(tmp_path / "keys.json")}
    aws = request.getfixturevalue("aws") if kind == "aws_secretsmanager" else None

    def stores(account: str | None) -> StoreSet:
        return StoreSet([{"type": kind, **told}], cli, Secrets(), lambda: aws, account)

    accounts = {"b@example.com": OTHER, "a@example.com": OLD}
    for account, key in accounts.items():
        stores(None).save(Record(CONSOLE_API_KEY, f"{account}@{console}", host=console, current=key))
    for account, key in accounts.items():
        assert [found for found, _label in stores(account).keys(CONSOLE_API_KEY, console)] == [key]
        assert stores(account).load(CONSOLE_API_KEY, console).identity == f"{account}@{console}"
        assert stores(account).keys(RACK_API_KEY, console) == []
        assert stores(account).load(RACK_API_KEY, console) == Record(RACK_API_KEY, console)
    # By the host alone it is somebody's, where one file has them all.
    found = [] if kind == "aws_secretsmanager" else [OTHER]
    for account in (None, "c@example.com"):
        assert [key for key, _label in stores(account).keys(CONSOLE_API_KEY, console)] == found


# -- which are allowed --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("variable", JOB_VARIABLES)
def test_what_the_job_s_end_deletes_is_no_store(cli: CliConfig, tmp_path: Path, variable: str) -> None:
    file = {"type": "file", "path": str(tmp_path / "keys.json")}
    stores = StoreSet(options("cli", file), cli, Secrets(), no_aws)
    stores.refuse_short_lived({})
    stores.refuse_short_lived({variable: ""})
    with failing(BadInput, "stores", "cli, file:", variable, "persistent: true"):
        stores.refuse_short_lived({variable: "x"})
    with failing(BadInput, str(tmp_path)):
        StoreSet([{"type": "cli", "persistent": True}, file], cli, Secrets(), no_aws).refuse_short_lived({variable: "x"})
    StoreSet([{"type": "cli", "persistent": True}, {**file, "persistent": True}], cli, Secrets(), no_aws).refuse_short_lived({variable: "x"})


@pytest.mark.parametrize(("stores", "word"), [([], "empty"), ([{"type": "file"}], "path"), ([{"type": "file", "path": ""}], "path")])
def test_stores_that_are_none(cli: CliConfig, stores: list[dict[str, t.Any]], word: str) -> None:
    with failing(BadInput, "stores", word):
        StoreSet(stores, cli, Secrets(), no_aws)


def test_proving_leaves_the_key_in_force_to_be_found(tmp_path: Path, cli: CliConfig, aws: t.Any) -> None:
    """A laptop's file still has the former key as the one in force; all others share a secret, and go by that alone."""
    name = f"{tmp_path.name}-shared/<rack-domain>"
    shared, file = SecretsManagerStore(aws, name=name), FileStore(str(tmp_path / "keys.json"))
    begun = Record(RACK_API_KEY, DOMAIN, host=HOST, current=OLD, rolled_at=WHEN)
    for store in (shared, file):
        store.save(begun)
    staged = dataclasses.replace(begun, pending=Pending(NEW, LATER, ("q4",)))
    shared.save(staged)
    shared.promote(staged.promoted(LATER), Promotion(None, OLD, NEW))
    shared.save(staged.promoted(LATER).committed())

    laptop = StoreSet([{"type": "file", "path": file.path}, {"type": "aws_secretsmanager", "name": name}], cli, Secrets(), lambda: aws)
    record = laptop.load(RACK_API_KEY, DOMAIN)
    assert record.current == NEW
    laptop.prove(record, dry=False)
    assert SecretsManagerStore(aws, name=name).key(RACK_API_KEY, DOMAIN) == NEW
