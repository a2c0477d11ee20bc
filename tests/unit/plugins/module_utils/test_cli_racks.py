# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The v3 CLI's files of racks: read, and given a new key with all else as it was (convox-protocol, 2)."""
from __future__ import annotations

import errno
import os
import stat
import typing as t
from pathlib import Path

import pytest

from ansible_collections.convox.credentials.plugins.module_utils import cli_racks, credentials, files
from ansible_collections.convox.credentials.plugins.module_utils.cli_config import CliConfig, Layout
from ansible_collections.convox.credentials.plugins.module_utils.errors import Damaged, Held, StoreFailed
from ansible_collections.convox.credentials.plugins.module_utils.gather import files as gathered
from ansible_collections.convox.credentials.plugins.module_utils.keys import Secrets
from ansible_collections.convox.credentials.plugins.module_utils.records import RACK_API_KEY, Pending, Record
from ansible_collections.convox.credentials.plugins.module_utils.store import Promotion
from ansible_collections.convox.credentials.plugins.module_utils.stores import StoreSet
from ansible_collections.convox.credentials.plugins.module_utils.target import Reach, find_target
from tests.standin.rack import Rack as StandinRack
from tests.unit.plugins.module_utils.conftest import Tasks
from tests.unit.plugins.module_utils.support import NEW, OLD, OTHER, failing, listing, no_aws

HOST, ALIAS = "rack.example.com", "alias.example.com:5443"
URL = f"https://convox:{OLD}@{HOST}"
# Old and new keys that would break a URL: only their encoded form stands in it.
HARD, HARD_IN_URL = "p@ss/w:rd#Zr8Qm2Lw5Tk1 %", "p%40ss%2Fw%3Ard%23Zr8Qm2Lw5Tk1%20%25"

Lay = t.Callable[..., Path]


@pytest.fixture
def lay(tmp_path: Path) -> Lay:
    """Makes a directory of such files, in a layout of the CLI."""

    def lay(layout: str = "one", **contents: str | bytes) -> Path:
        racks = tmp_path / layout / "racks"
        racks.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name, content in contents.items():
            (racks / name).write_bytes(content if isinstance(content, bytes) else content.encode())
            (racks / name).chmod(0o600)
        return racks

    return lay


@pytest.fixture
def cli(tmp_path: Path) -> CliConfig:
    """Two layouts."""
    return CliConfig([Layout(str(tmp_path / name)) for name in ("one", "two")])


def denying(real: t.Callable[..., t.Any], below: Path) -> t.Callable[..., t.Any]:
    """What the system says to whoever is not root."""

    def deny(path: str, *more: t.Any, **keywords: t.Any) -> t.Any:
        if str(path).startswith(str(below)):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return real(path, *more, **keywords)

    return deny


def contents(racks: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in racks.iterdir() if path.is_file()}


# -- reading ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("text", "host", "key"),
    [
        (URL, HOST, OLD),
        (f"{URL}\n", HOST, OLD),
        (f"\t{URL}/ \r\n", HOST, OLD),
        (f"HTTPS://{OTHER}:{OLD}@Rack.Example.com:5443/path?q=a@b#c", "rack.example.com:5443", OLD),
        (f"https://:{OLD}@{HOST}", HOST, OLD),
        (f"https://me@example.com:{OLD}@{HOST}", HOST, OLD),
        (f"https://convox:a@b:c@{HOST}", HOST, "a@b:c"),
        (f"https://convox:{HARD_IN_URL}@{HOST}", HOST, HARD),
        (f"\ufeff{URL}", HOST, OLD),
    ],
)
def test_a_url_with_a_key(lay: Lay, text: str, host: str, key: str) -> None:
    login = cli_racks.read(str(lay(alpha=text) / "alpha"))
    assert login is not None
    assert (login.host, login.key) == (host, key)


NO_LOGINS = {
    "no key": f"https://{HOST}",
    "a port": f"https://{HOST}:5443/",
    "a user": f"https://convox@{HOST}:5443",
    "an empty key": f"https://convox:@{HOST}",
    "in clear": f"http://convox:{OLD}@{HOST}",
    "two": f"{URL}\n{URL}",
    "broken in two": f"https://convox:{OLD}\n@{HOST}",
    "a slash in it": f"https://convox:a/{OLD}@{HOST}",
    "words": "here are my racks",
    "JSON": '{"url": "%s"}' % URL,
    "a port that is none": f"https://convox:{OLD}@{HOST}:port",
}
DAMAGED = {
    "empty": b"",
    "blank": b" \n",
    "zeros": b"\0" * 73,
    "cut in the scheme": b"http",
    "cut after it": b"https://",
    "cut in the key": URL[:25].encode(),
    "cut before the host": f"https://convox:{OLD}@".encode(),
    "Latin-1": f"https://convox:Schl\xfcssel@{HOST}".encode("latin-1"),
    "long": URL.encode() + b" " * files.LARGEST,
}


@pytest.mark.parametrize("what", NO_LOGINS)
def test_what_is_no_such_url_is_left_alone(lay: Lay, cli: CliConfig, what: str) -> None:
    racks = lay(alpha=URL, notes=NO_LOGINS[what])
    assert [Path(login.path).name for login in cli_racks.logins(str(racks))] == ["alpha"]
    cli.replace_key(OLD, NEW)
    assert contents(racks) == {"alpha": URL.replace(OLD, NEW).encode(), "notes": NO_LOGINS[what].encode()}


@pytest.mark.parametrize("what", DAMAGED)
def test_damage_is_told_and_stays(lay: Lay, cli: CliConfig, what: str) -> None:
    """In one line with the file's name, before any other file is changed."""
    racks = lay(alpha=URL, beta=DAMAGED[what])
    for deed in (lambda: cli.replace_key(OLD, NEW), lambda: cli.rack_keys(HOST), lambda: cli.hosts_with(OLD)):
        with failing(Damaged, f"{racks / 'beta'}: ", hiding=[OLD, URL[15:25]]):
            deed()
    assert contents(racks) == {"alpha": URL.encode(), "beta": DAMAGED[what]}


def test_what_else_may_be_there(lay: Lay, cli: CliConfig, tmp_path: Path) -> None:
    """A directory, as the CLI of v3 has one for a rack that it installed; a pipe; a link to nothing; a hidden file."""
    racks = lay(alpha=URL)
    (racks / "beta").mkdir()
    (racks / "beta" / "main.tf").write_text(URL, encoding="utf-8")
    os.mkfifo(racks / "gamma")
    (racks / "delta").symlink_to(tmp_path / "nowhere")
    (racks / ".hidden").write_text("", encoding="utf-8")
    lay("two")
    (tmp_path / "two" / "racks").rmdir()
    (tmp_path / "two" / "racks").write_text('{"%s": "acme/prod"}' % HOST, encoding="utf-8")
    assert cli.rack_keys(HOST) == [(OLD, "racks/alpha")]
    cli.replace_key(OLD, NEW)
    assert (racks / "beta" / "main.tf").read_text(encoding="utf-8") == URL


def test_one_that_goes_meanwhile_is_no_damage(lay: Lay) -> None:
    assert cli_racks.read(str(lay(alpha=URL) / "beta")) is None


@pytest.mark.parametrize("what", ["open", "listdir"])
def test_what_is_not_ours_to_read(lay: Lay, cli: CliConfig, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    racks = lay(alpha=URL)
    monkeypatch.setattr(os, what, denying(getattr(os, what), racks))
    with failing(StoreFailed, f"can't read {racks}", "Permission denied"):
        cli.rack_keys(HOST)


# -- whose key ----------------------------------------------------------------------------------------------------
def test_keys_of_a_host(lay: Lay, cli: CliConfig) -> None:
    lay(alpha=URL, beta=f"https://convox:{OTHER}@{ALIAS}", gamma=URL.replace(OLD, OTHER))
    lay("two", delta=URL.replace(HOST, HOST.upper()))
    assert cli.rack_keys(HOST) == [(OLD, "racks/alpha"), (OTHER, "racks/gamma"), (OLD, "racks/delta")]
    assert cli.rack_keys("Rack.example.com") == cli.rack_keys(HOST)
    assert cli.rack_keys("nobody") == []
    assert cli.hosts_with(OLD) == {HOST}
    assert cli.hosts_with(OTHER) == {HOST, ALIAS}


def test_they_are_candidates_after_auth(tasks: Tasks, rack: StandinRack) -> None:
    """Named by their file, and each a secret."""
    racks = tasks.config_dir / "racks"
    racks.mkdir(parents=True)
    (racks / "beta").write_text(f"https://convox:{HARD_IN_URL}@{rack.host}", encoding="utf-8")
    (racks / "gamma").write_text(f"https://convox:{OTHER}@elsewhere.example.com", encoding="utf-8")
    task = tasks(host=rack.host)
    task.cli.set_key(rack.host, OLD)
    reach = Reach(task, find_target(task))
    assert credentials.candidates(task, reach, task.stores()) == [(OLD, "cli"), (HARD, "the CLI's racks/beta")]
    assert HARD not in task.secrets.redact(f"a {HARD} b")
    (racks / "alpha").write_text(rack.url, encoding="utf-8")
    working = credentials.find_working_key(task, reach, task.stores())
    assert (working.key, working.refused) == (rack.key, (OLD,))


def test_an_audit_tells_each_file(lay: Lay, cli: CliConfig) -> None:
    """One that is damaged hides no other one."""
    racks = lay(alpha=b"", beta=URL, notes="words")
    seen = gathered.look(cli.layouts, [])
    assert [(held.host, held.key, held.where) for held in seen.logins] == [(HOST, OLD, str(racks / "beta"))]
    assert [file.path for file in seen.files if file.damage] == [str(racks / "alpha")]


# -- writing ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "text", [URL, f"{URL}\n", f"\ufeff {URL}\r\n\r\n", f"https://{OLD}:{OLD}@{OLD}.example.com:5443/{OLD}?{OLD}#{OLD}", f"HTTPS://:{OLD}@Rack.Example.com/"]
)
def test_all_but_the_key_stays_to_the_byte(lay: Lay, cli: CliConfig, text: str) -> None:
    racks = lay(alpha=text)
    cli.replace_key(OLD, NEW)
    before, after = text.split(f":{OLD}@")
    assert contents(racks) == {"alpha": f"{before}:{NEW}@{after}".encode()}


def test_a_key_is_known_and_written_percent_encoded(lay: Lay, cli: CliConfig) -> None:
    racks = lay(alpha=f"https://convox:%4fld%4Fld{OLD[6:]}@{HOST}", beta=f"https://convox:{OTHER}@{HOST}")
    cli.replace_key(OLD, HARD)
    cli.replace_key(OTHER, NEW)
    assert contents(racks) == {"alpha": f"https://convox:{HARD_IN_URL}@{HOST}".encode(), "beta": f"https://convox:{NEW}@{HOST}".encode()}
    assert cli.rack_keys(HOST) == [(HARD, "racks/alpha"), (NEW, "racks/beta")]


def test_every_file_with_the_old_key_but_those_of_other_racks(lay: Lay, cli: CliConfig) -> None:
    one = lay(alpha=URL, beta=f"https://convox:{OTHER}@{HOST}", gamma=f"https://convox:{OLD}@{ALIAS}")
    two = lay("two", delta=f"https://convox:{OLD}@another.example.com")
    cli.replace_key(OLD, NEW, but={ALIAS})
    assert [login.key for racks in (one, two) for login in cli_racks.logins(str(racks))] == [NEW, OTHER, OLD, NEW]


def test_nothing_to_replace_is_nothing_written(lay: Lay, cli: CliConfig, tmp_path: Path) -> None:
    racks = lay(alpha=URL)
    before = (racks / "alpha").stat().st_ino
    cli.replace_key(OTHER, NEW)
    cli.replace_rack_keys(HOST, (OTHER,), NEW)
    cli.replace_rack_keys(ALIAS, (OLD,), NEW)
    assert (listing(racks), listing(tmp_path / "one"), (racks / "alpha").stat().st_ino) == ({"alpha"}, {"racks"}, before)


def test_written_whole_with_its_mode_and_behind_its_link(lay: Lay, cli: CliConfig, tmp_path: Path) -> None:
    """As all files of keys: a mode that is loose is told of elsewhere, and not changed."""
    racks = lay(alpha=URL, beta=URL)
    (racks / "alpha").chmod(0o640)
    kept = tmp_path / "kept"
    (racks / "beta").rename(kept)
    (racks / "beta").symlink_to(kept)
    before = (racks / "alpha").stat().st_ino
    # What a writer left that was killed in the middle; and somebody else's.
    for name in (".alpha.x1y2z3a_.unfinished", ".alphabet"):
        (racks / name).write_text(URL, encoding="utf-8")
    cli.replace_key(OLD, NEW)
    assert stat.S_IMODE((racks / "alpha").stat().st_mode) == 0o640
    assert (racks / "alpha").stat().st_ino != before, "written in its place, and not over it"
    assert (racks / "beta").is_symlink()
    assert kept.read_text(encoding="utf-8") == URL.replace(OLD, NEW)
    assert listing(racks) == {"alpha", "beta", ".alphabet"}, "no lock is where the CLI would take it for a rack"


def test_one_writer_at_a_time(lay: Lay, cli: CliConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "LOCK_PATIENCE_S", 0.1)
    racks = lay(alpha=URL)
    with files.locked(f"{racks}.lock", "another"), failing(Held, str(racks)):
        cli.replace_key(OLD, NEW)
    assert contents(racks) == {"alpha": URL.encode()}


# -- the end of a roll ---------------------------------------------------------------------------------------------
class Died(BaseException):
    """What SIGKILL is to a process."""


def staged(cli: CliConfig) -> StoreSet:
    """A rotation that is confirmed; on its way one key of this rack was refused."""
    stores = StoreSet([{"type": "cli"}], cli, Secrets(), no_aws)
    pending = Pending(NEW, "2026-11-23T12:00:00Z", ("id",), confirmed="2026-11-23T12:00:00Z", found=("refused",))
    stores.save(Record(RACK_API_KEY, "domain.example.com", host=HOST, current=OLD, pending=pending))
    return stores


def commit(stores: StoreSet, own: str | None = HOST) -> None:
    """As a run does that finds it."""
    record = stores.load(RACK_API_KEY, "domain.example.com")
    if record.pending is not None:
        stores.promote(record.promoted("2026-11-23T13:00:00Z"), Promotion(own, record.old, NEW, others=frozenset({"shared.example.com"})))


BEFORE = {
    "alpha": URL,
    "beta": URL.replace(OLD, "refused"),
    "gamma": f"https://convox:{OLD}@{ALIAS}",
    "delta": f"https://convox:refused@{ALIAS}",
    "other": f"https://convox:{OTHER}@{HOST}",
    "shared": f"https://convox:{OLD}@shared.example.com",
}
AFTER = {
    **BEFORE,
    "alpha": URL.replace(OLD, NEW),
    "beta": URL.replace(OLD, NEW),
    "gamma": f"https://convox:{NEW}@{ALIAS}",
}


def texts(racks: Path) -> dict[str, str]:
    return {name: content.decode() for name, content in contents(racks).items()}


def test_whose_files_take_the_new_key(lay: Lay, cli: CliConfig) -> None:
    """Those with the old one, but another rack's; and this host's own with one that was refused."""
    racks = lay(**BEFORE)
    commit(staged(cli))
    assert texts(racks) == AFTER


def test_without_an_entry_of_its_own(lay: Lay, cli: CliConfig) -> None:
    racks = lay(**BEFORE)
    commit(staged(cli), own=None)
    assert texts(racks) == {**AFTER, "beta": BEFORE["beta"]}


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("name", ["alpha", "beta", "gamma"])
def test_cut_short_at_any_of_them_it_ends_the_same(lay: Lay, cli: CliConfig, monkeypatch: pytest.MonkeyPatch, name: str, before: bool) -> None:
    racks, real = lay(**BEFORE), files.write

    def write(path: str, text: str) -> None:
        if path == str(racks / name) and before:
            raise Died
        real(path, text)
        if path == str(racks / name):
            raise Died

    stores = staged(cli)
    with monkeypatch.context() as patch:
        patch.setattr(files, "write", write)
        with pytest.raises(Died):
            commit(stores)
    assert stores.load(RACK_API_KEY, "domain.example.com").pending is not None
    commit(stores)
    assert texts(racks) == AFTER
    assert stores.load(RACK_API_KEY, "domain.example.com").pending is None
