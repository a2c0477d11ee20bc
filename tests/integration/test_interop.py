# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the Convox CLI writes is read here, and what is written here is what the CLI and the vendor's SDK read.

The homes in golden/ are as the CLI of each layout leaves them, byte for byte (convox-protocol 2). In place of the hosts,
keys and ids in them stand those of the stand-in.
"""
from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import convox as sdk
import pytest

from tests.integration.test_consumers import look_up
from tests.integration.test_inventory import PLUGIN, Inventory
from tests.integration.watching import asked, nothing_changes
from tests.reports import read_report

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.integration.conftest import NewRack
    from tests.integration.machine import Machine
    from tests.standin.console import Console
    from tests.standin.rack import Rack

GOLDEN = Path(__file__).with_name("golden")
# Where the CLI of each layout has its files, and which file names the host that it last logged into.
LAYOUTS = {"classic": (".convox", "host"), "v2": (".config/convox2", "host"), "v3": (".config/convox", "console")}
# As golden/ has them.
CONSOLE, RACK = "console.example.com:8443", "rack.alpha.example.com:5443"
CONSOLE_KEY, RACK_KEY = "0123456789abcdef0123456789abcdef", "AlphaAlphaAlphaAlphaAlphaAlpha"
USER_ID, SESSION = "6f1c2a53-7d3e-4c1b-9d2a-0b8f5e6a7c4d", "fedcba9876543210fedcba9876543210"
# Written by others, and left alone by a login.
OTHERS = ("self-managed", "racks/alpha")


class Home:
    """Somebody who works with the rack alpha, directly and through a Console that lists it as acme/alpha."""

    def __init__(self, machine: Machine, console: Console, rack: Rack) -> None:
        self.machine, self.console, self.rack = machine, console, rack
        self.own = {CONSOLE: console.host, RACK: rack.host, CONSOLE_KEY: console.api_key, RACK_KEY: rack.key, USER_ID: console.user_id}

    def golden(self, name: str) -> dict[str, str]:
        """A home's files, with what is the stand-in's."""
        found = {}
        for path in (path for path in (GOLDEN / name).rglob("*") if path.is_file()):
            text = path.read_bytes().decode()
            for theirs, ours in self.own.items():
                text = text.replace(theirs, ours)
            found[str(path.relative_to(GOLDEN / name))] = text
        assert found, name
        return found

    def lay(self, name: str, folder: str, *only: str) -> Path:
        """Put one there, or some of its files."""
        place = self.machine.home / folder
        place.mkdir(mode=0o700, parents=True)
        for file, text in self.golden(name).items():
            if not only or file in only:
                self.machine.write(place / file, text)
        return place

    @staticmethod
    def files(place: Path) -> dict[str, str]:
        """What stands there, but for locks."""
        found = {str(path.relative_to(place)): path for path in place.rglob("*") if path.is_file() and path.suffix != ".lock"}
        return {name: path.read_bytes().decode() for name, path in found.items()}

    def log_in(self, **more: Any) -> dict[str, Any]:
        """Options of a login into the Console."""
        return {"host": self.console.host, "api_key": self.console.api_key, **more}


@pytest.fixture
def home(machine: Machine, console: Console, new_rack: NewRack) -> Iterator[Home]:
    home = Home(machine, console, new_rack(name="alpha", console=True))
    yield home
    # What is looked for after each test is keys outside of the stores, which are JSON.
    for path in (machine.config / "racks").glob("*"):
        path.unlink()
    auth = machine.home / ".convox" / "auth"
    if auth.exists() and ",\n}" in auth.read_text(encoding="utf-8"):
        auth.unlink()


# -- what the CLI wrote -------------------------------------------------------------------------------------------
HOMES = {**{f"{layout}/logged_in": folder for layout, (folder, dummy) in LAYOUTS.items()}, "by_hand": ".convox", "oldest": ".convox"}


@pytest.mark.parametrize("name", HOMES)
def test_whom_the_cli_logged_into_is_known(home: Home, name: str) -> None:
    """By hosts and keys of its files alone; nothing of them is written anew, not even in other words for the same."""
    machine, place = home.machine, home.lay(name, HOMES[name])
    before = home.files(place)
    login = machine.run("convox_login")
    assert (login.changed, login["host"]) == (False, home.rack.host if name == "oldest" else home.console.host)
    assert home.files(place) == before
    told = machine.run("rack_info")
    assert (told["kind"], [each["rack_domain"] for each in told["racks"]]) == ("rack" if name == "oldest" else "console", [home.rack.rack_domain])
    assert machine.run("rack_info", host=home.rack.host)["racks"][0]["name"] == "alpha"
    assert machine.run("rack_info", host=home.console.host, rack="acme/alpha")["racks"][0]["rack_domain"] == home.rack.rack_domain
    assert machine.run("rack_keyroll", host=home.rack.host, console_sync="none", check_mode=True).changed
    assert home.files(place) == before


def has_the_key(home: Home, host: str, key: str) -> bool:
    """Whether the lookup returns it. A lookup works in ansible-playbook itself, whose environment has to be this machine's."""
    home.machine.verbosity = 3
    (home.machine.inputs / "key").write_text(key, encoding="utf-8")
    there = f"lookup('ansible.builtin.file', '{home.machine.inputs / 'key'}')"
    return not look_up(home.machine, f"lookup('convox.credentials.api_key', '{host}') == {there}").failed


@pytest.mark.parametrize("name", HOMES)
def test_the_lookup_has_its_keys(home: Home, name: str) -> None:
    home.lay(name, HOMES[name])
    with nothing_changes(home.machine):
        for host, key in ((home.console.host, home.console.api_key), (home.rack.host, home.rack.key)):
            assert has_the_key(home, host, key)


def test_the_lookup_has_the_key_of_a_racks_own_file(home: Home) -> None:
    home.lay("v3/logged_in", ".config/convox", "racks/alpha")
    with nothing_changes(home.machine):
        assert has_the_key(home, home.rack.host, home.rack.key)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_inventory_asks_its_console(home: Home, layout: str) -> None:
    home.lay(f"{layout}/logged_in", LAYOUTS[layout][0])
    inventory = Inventory(home.machine)
    inventory.options = {"plugin": PLUGIN, "ca_path": home.machine.convox.ca_path}
    with nothing_changes(home.machine):
        hosts = inventory.hosts()
    assert {each: values["convox_rack"] for each, values in hosts.items()} == {"acme.alpha": "acme/alpha"}


@pytest.mark.parametrize("name", HOMES)
def test_the_audit_knows_its_keys(home: Home, name: str) -> None:
    """Those in the files that the v3 CLI keeps for each rack, too."""
    home.lay(name, HOMES[name])
    dest = home.machine.inputs / "audit.json"
    with nothing_changes(home.machine):
        home.machine.run("credential_audit", dest=str(dest), formats=[])
    report = read_report(dest)
    assert [(each["id"], each["key"]) for each in report["racks"]] == [(home.rack.rack_domain, "in_force")]
    (said,) = [each["said"] for each in report["sources"] if each["kind"] == "files"]
    assert f"{3 if name == 'v3/logged_in' else 2} logins" in said


@pytest.mark.parametrize("layout", LAYOUTS)
def test_its_session_is_used(home: Home, layout: str) -> None:
    home.lay(f"{layout}/logged_in", LAYOUTS[layout][0])
    home.console.set(challenge=True)
    home.console.sessions.add(SESSION)
    before = len(asked(home.machine.convox, "console", "POST", "/session"))
    with nothing_changes(home.machine):
        home.machine.run("rack_info")
    assert len(asked(home.machine.convox, "console", "POST", "/session")) == before


# -- what a roll leaves -------------------------------------------------------------------------------------------
@pytest.mark.parametrize("only", [("racks/alpha",), ()], ids=["its file alone", "logged in, too"])
def test_the_file_of_a_rack_has_the_new_key_after_a_roll(home: Home, only: tuple[str, ...]) -> None:
    """The key is found in it, and exchanged in it: with all else as the v3 CLI wrote it, to the byte."""
    machine, place = home.machine, home.lay("v3/logged_in", ".config/convox", *only)
    machine.write(place / "racks" / "notes", "alpha is the one for tests\n")
    # Another name of the same rack.
    machine.write(place / "racks" / "alias", f"https://me:{home.rack.key}@localhost:{home.rack.host.rpartition(':')[2]}/\n")
    before, old = home.files(place), home.rack.key
    assert machine.run("rack_keyroll", host=home.rack.host, console_sync="none")["phase"] == "committed"
    assert home.rack.accepted_keys == {home.rack.key} != {old}
    after = home.files(place)
    assert {name: after[name] for name in before} == {name: text.replace(old, home.rack.key) for name, text in before.items()}
    assert after["racks/alpha"] == f"https://convox:{home.rack.key}@{home.rack.host}"
    assert machine.auth()[home.rack.host] == home.rack.key
    assert {path.name for path in (place / "racks").iterdir()} == {"alpha", "alias", "notes"}
    # And that is a login: what the CLI's directory alone knows is enough again.
    (place / "auth").unlink()
    (place / "rotations.json").unlink()
    assert machine.run("rack_info", host=home.rack.host)["racks"][0]["name"] == "alpha"


def test_a_rack_s_file_stays_when_its_login_goes(home: Home) -> None:
    """The CLI's list of its racks is not ours to shorten; that a key stands there is told."""
    place = home.lay("v3/logged_in", ".config/convox", "racks/alpha")
    home.machine.log_in(home.rack.host, home.rack.key)
    for changed in (True, False):
        done = home.machine.run("convox_login", host=home.rack.host, state="absent")
        assert (done.changed, "racks/alpha" in done.warnings) == (changed, True)
    assert "racks/alpha" in home.files(place)


def test_the_file_of_another_rack_with_the_same_key_is_left(home: Home, new_rack: NewRack) -> None:
    """With the new key its owner would be locked out of it, until it is rolled itself."""
    other = new_rack(key=home.rack.key)
    place = home.lay("v3/logged_in", ".config/convox", "racks/alpha")
    twins = f"https://convox:{other.key}@{other.host}"
    home.machine.write(place / "racks" / "twin", twins)
    racks = (home.rack, other)
    for rolled in racks:
        home.machine.run("rack_keyroll", host=rolled.host, console_sync="none")
        assert rolled.key not in twins
        assert [rack.accepted_keys for rack in racks] == [{rack.key} for rack in racks]
        files = home.files(place)
        assert [files[f"racks/{name}"] for name in ("alpha", "twin")] == [f"https://convox:{rack.key}@{rack.host}" for rack in racks]


def test_a_file_of_a_rack_that_the_cli_cut_short(home: Home) -> None:
    """It may have been the only copy of a key: nothing is rolled, and it stays."""
    place = home.lay("v3/logged_in", ".config/convox")
    home.machine.write(place / "racks" / "beta", home.files(place)["racks/alpha"][:30])
    with nothing_changes(home.machine, locks=False):
        failed = home.machine.fail("rack_keyroll", host=home.rack.host, console_sync="none")
    assert f"{place / 'racks' / 'beta'}: no whole URL" in failed.msg
    (place / "racks" / "beta").unlink()


# -- what convox_login writes -------------------------------------------------------------------------------------
@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_is_written_is_what_the_cli_writes(home: Home, layout: str) -> None:
    """From a directory that only has what others wrote, to two logins with a rack switched to, and back."""
    machine, (folder, active) = home.machine, LAYOUTS[layout]
    place = home.lay(f"{layout}/logged_in", folder, *OTHERS)
    machine.write(place / "rack", "acme/former")
    home.console.set(challenge=True)
    first = machine.run("convox_login", host=home.rack.host, api_key=home.rack.key)
    assert (first["config_dir"], home.files(place)[active]) == (str(place), home.rack.host)
    assert "rack" not in home.files(place)
    assert machine.run("convox_login", **home.log_in(switch_to="acme/alpha"))["config_dir"] == str(place)
    (home.own[SESSION],) = home.console.sessions
    assert home.files(place) == home.golden(f"{layout}/logged_in")
    assert {oct(path.stat().st_mode & 0o7777) for path in place.rglob("*") if path.is_file()} == {"0o600"}
    assert oct(place.stat().st_mode & 0o7777) == "0o700"
    with nothing_changes(machine, locks=False):
        assert not machine.run("convox_login", **home.log_in(switch_to="acme/alpha")).changed

    other = {name: text.replace("acme/alpha", "acme/other") for name, text in home.golden(f"{layout}/logged_in").items()}
    assert machine.run("convox_login", **home.log_in(switch_to="acme/other")).changed
    assert home.files(place) == other
    machine.run("convox_login", **home.log_in(switch_to="acme/alpha"))
    assert machine.run("convox_login", host=home.console.host, state="absent").changed
    assert home.files(place) == home.golden(f"{layout}/logged_out")


def test_a_file_that_people_wrote_becomes_the_clis(home: Home) -> None:
    """Once something in it changes: the CLI itself fails on its trailing comma."""
    place = home.lay("by_hand", ".convox")
    home.machine.write(place / "auth", home.files(place)["auth"].replace(home.rack.key, "k" * 30))
    home.machine.run("convox_login", host=home.rack.host, api_key=home.rack.key, activate=False)
    assert home.files(place)["auth"] == home.golden("classic/logged_in")["auth"]


# -- what the vendor's SDK reads ----------------------------------------------------------------------------------
@pytest.fixture
def as_the_sdk(home: Home, monkeypatch: pytest.MonkeyPatch) -> Home:
    """In this process: its home is the machine's. It verifies always, here by the stand-in's authority."""
    monkeypatch.setenv("HOME", str(home.machine.home))
    monkeypatch.setenv("SSL_CERT_FILE", home.machine.convox.ca_path)
    return home


def client(host: str, rack: str | None = None) -> sdk.ConvoxClient:
    return sdk.ConvoxClient.from_cli_config(rack, host=host)


# The SDK does not look into convox2.
@pytest.mark.parametrize("layout", ["classic", "v3"])
def test_the_sdk_reads_what_a_login_writes(as_the_sdk: Home, layout: str) -> None:
    """A rack, and a rack through a Console, with the session that the login opened there."""
    home, (folder, dummy) = as_the_sdk, LAYOUTS[layout]
    (home.machine.home / folder).mkdir(mode=0o700, parents=True)
    home.console.set(challenge=True)
    home.machine.run("convox_login", host=home.rack.host, api_key=home.rack.key)
    home.machine.run("convox_login", **home.log_in())
    sessions = len(asked(home.machine.convox, "console", "POST", "/session"))
    with client(home.rack.host) as direct, client(home.console.host, "acme/alpha") as through:
        assert {each.system.get().name for each in (direct, through)} == {"alpha"}
        assert len(through.instances.list()) == 3
    assert len(asked(home.machine.convox, "console", "POST", "/session")) == sessions


def test_the_sdk_verifies(as_the_sdk: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is pinned here is nothing to it: it needs the authority."""
    as_the_sdk.machine.run("convox_login", host=as_the_sdk.rack.host, api_key=as_the_sdk.rack.key)
    monkeypatch.delenv("SSL_CERT_FILE")
    with client(as_the_sdk.rack.host) as direct, pytest.raises(sdk.ConvoxConnectionError, match="CERTIFICATE_VERIFY_FAILED"):
        direct.system.get()


@pytest.mark.parametrize("folders", [[".convox"], [".config/convox"], [".config/convox2", ".config/convox"]], ids=" and ".join)
def test_the_sdk_has_the_new_key_after_a_roll(as_the_sdk: Home, folders: list[str]) -> None:
    """In whichever of the CLI's directories the SDK looks; who opened it before has the old one."""
    home = as_the_sdk
    for folder in folders:
        home.machine.write(home.machine.home / folder / "auth", home.golden("classic/logged_in")["auth"])
    with client(home.rack.host) as before:
        assert before.system.get().name == "alpha"
        assert home.machine.run("rack_keyroll", host=home.rack.host, console_sync="none")["phase"] == "committed"
        with pytest.raises(sdk.ConvoxAuthError, match="invalid authentication"):
            before.system.get()
    with client(home.rack.host) as after:
        assert after.system.get().name == "alpha"
