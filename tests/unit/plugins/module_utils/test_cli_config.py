# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Convox CLI's own files, in its three layouts (convox-protocol, 2)."""
from __future__ import annotations

import json
import os
import stat
import typing as t
from pathlib import Path

import pytest

from ansible_collections.convox.credentials.plugins.module_utils import cli_config
from ansible_collections.convox.credentials.plugins.module_utils.cli_config import CliConfig, Layout
from ansible_collections.convox.credentials.plugins.module_utils.errors import Damaged
from tests.unit.plugins.module_utils.support import NEW, OLD, OTHER, failing, listing

HOST, ALIAS = "rack.example.com", "alias.example.com:5443"
# By their places under the user's home: the v2 CLI's, the v3 CLI's, the classic one.
V2, V3, CLASSIC = ".config/convox2", ".config/convox", ".convox"
PRECEDENCE = [V2, V3, CLASSIC]

Make = t.Callable[..., Path]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's home."""
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def make(home: Path) -> Make:
    """Makes a layout with such files: text as it is, anything else as JSON."""

    def make(place: str, **contents: t.Any) -> Path:
        layout = home / place
        layout.mkdir(parents=True, exist_ok=True)
        for name, content in contents.items():
            text = content if isinstance(content, str) else json.dumps(content)
            (layout / name).write_text(text, encoding="utf-8")
        return layout

    return make


def find(**environ: str) -> CliConfig:
    return CliConfig.find(None, environ)


def auth_of(layout: Path) -> dict[str, t.Any]:
    return json.loads((layout / "auth").read_text(encoding="utf-8"))


# -- which directories --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("there", [[V2], [V3], [CLASSIC], [V2, CLASSIC], [V3, CLASSIC], PRECEDENCE])
def test_all_that_exist_in_their_order(home: Path, make: Make, there: list[str]) -> None:
    for place in reversed(there):
        make(place)
    assert [layout.path for layout in find().layouts] == [str(home / place) for place in there]


def test_none_is_there_so_the_v3_cli_s_would_be_made(home: Path) -> None:
    found = find()
    assert [layout.path for layout in found.layouts] == [str(home / V3)]
    assert listing(home) == set(), "looking makes nothing"


def test_xdg_config_home(home: Path, make: Make) -> None:
    for place in PRECEDENCE:
        make(place)
    elsewhere = home / "xdg"
    assert [layout.path for layout in find(XDG_CONFIG_HOME=str(elsewhere)).layouts] == [str(home / CLASSIC)]
    make("xdg/convox2")
    assert find(XDG_CONFIG_HOME=str(elsewhere)).home.path == str(elsewhere / "convox2")
    assert find(XDG_CONFIG_HOME="").home.path == str(home / V2), "set to nothing is not set"


def test_macos(home: Path, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli_config.sys, "platform", "darwin")
    assert find().home.path == str(home / "Library/Application Support/convox")
    make(V3)
    mac = make("Library/Application Support/convox2")
    assert [layout.path for layout in find().layouts] == [str(mac)]


def test_a_directory_that_was_named_is_the_only_one(home: Path, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    for place in PRECEDENCE:
        make(place)
    assert [layout.path for layout in CliConfig.find("~/mine", {}).layouts] == [str(home / "mine")]
    monkeypatch.chdir(home)
    assert CliConfig.find("mine", {}).home.path == str(home / "mine")


# -- reading ------------------------------------------------------------------------------------------------------
def test_the_first_that_has_the_host_is_read(make: Make) -> None:
    make(V2, auth={"other": OTHER})
    make(V3, auth={HOST: NEW})
    make(CLASSIC, auth={HOST: OLD, ALIAS: OLD})
    cli = find()
    assert [cli.key(host) for host in (HOST, ALIAS, "other", "nobody")] == [NEW, OLD, OTHER, None]


@pytest.mark.parametrize("value", ["", None, 7, [OLD], {"key": OLD}, True])
def test_what_is_no_key_is_passed_over(make: Make, value: t.Any) -> None:
    make(V3, auth={HOST: value})
    make(CLASSIC, auth={HOST: OLD})
    assert find().key(HOST) == OLD


@pytest.mark.parametrize("damaged", PRECEDENCE)
def test_damage_anywhere_is_told(make: Make, damaged: str) -> None:
    """A host that is not found may be one that was lost."""
    for place in PRECEDENCE:
        make(place, auth={"other": OTHER})
    path = make(damaged, auth='{"%s": "%s' % (HOST, OLD))
    with failing(Damaged, str(path / "auth"), hiding=[OLD]):
        find().key(HOST)


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({V2: {"host": "v2.example.com\n"}}, "v2.example.com"),
        ({V3: {"console": "v3.example.com"}}, "v3.example.com"),
        ({CLASSIC: {"host": "classic.example.com"}}, "classic.example.com"),
        ({V2: {}, CLASSIC: {"host": "classic.example.com"}}, "classic.example.com"),
        ({V2: {"host": "v2.example.com"}, V3: {"console": "v3.example.com"}}, "v2.example.com"),
        ({V3: {"console": " \n"}, CLASSIC: {"host": "classic.example.com"}}, "classic.example.com"),
        ({CLASSIC: {"console": "v3.example.com", "host": "v2.example.com"}}, "v3.example.com"),
        ({CLASSIC: {"rack": "acme/prod"}}, None),
    ],
)
def test_the_active_host(make: Make, files: dict[str, dict[str, str]], expected: str | None) -> None:
    for place, contents in files.items():
        make(place, **contents)
    assert find().active_host_and_file()[1] == expected


@pytest.mark.parametrize(
    ("place", "there", "name"),
    [
        (V2, {}, "host"),
        (CLASSIC, {}, "host"),
        ("named", {}, "host"),
        (V3, {}, "console"),
        (V3, {"host": "h"}, "host"),
        (CLASSIC, {"console": "h"}, "console"),
        (V3, {"host": "h", "console": "h"}, "console"),
    ],
)
def test_the_file_that_names_the_active_host(make: Make, place: str, there: dict[str, str], name: str) -> None:
    layout = make(place, **there)
    assert Layout(str(layout)).active_host_file == str(layout / name)


def test_an_entry_that_is_too_short_for_a_key(make: Make) -> None:
    """Masked, one letter would blank out each message; a login puts the right one in its place."""
    make(V3, auth='{"one.example.com": "a", "two.example.com": "8letters"}')
    assert [find().key(host) for host in ("one.example.com", "two.example.com")] == [None, "8letters"]
    assert find().set_key("one.example.com", "the right one")
    assert find().key("one.example.com") == "the right one"


# -- writing ------------------------------------------------------------------------------------------------------
def test_written_as_the_cli_writes(home: Path) -> None:
    """To the byte; and private where nothing was."""
    assert find().set_key(HOST, NEW)
    layout = home / V3
    assert (layout / "auth").read_bytes() == f'{{\n  "{HOST}": "{NEW}"\n}}'.encode()
    assert [stat.S_IMODE(path.stat().st_mode) for path in (layout, layout / "auth")] == [0o700, 0o600]


def test_a_key_is_set_where_its_host_is(make: Make) -> None:
    v2, classic = make(V2, auth={"other": OTHER}), make(CLASSIC, auth={"first": OTHER, HOST: OLD, "last": OTHER})
    cli = find()
    assert [cli.set_key(HOST, NEW), cli.set_key(HOST, NEW)] == [True, False]
    assert list(auth_of(classic).items()) == [("first", OTHER), (HOST, NEW), ("last", OTHER)]
    assert auth_of(v2) == {"other": OTHER}
    assert cli.layout_of(HOST).path == str(classic)


def test_a_new_host_is_set_in_the_first_layout(make: Make) -> None:
    v2, classic = make(V2), make(CLASSIC, auth={"other": OTHER})
    find().set_key(HOST, NEW)
    assert (auth_of(v2), auth_of(classic)) == ({HOST: NEW}, {"other": OTHER})


def test_replaced_in_every_entry_of_every_layout(make: Make) -> None:
    layouts = [make(place, auth={HOST: OLD, f"{place} other": OTHER, ALIAS: OLD, "odd": [OLD]}) for place in PRECEDENCE]
    untouched = make("other", auth={HOST: OLD})
    find().replace_key(OLD, NEW)
    for layout, place in zip(layouts, PRECEDENCE):
        assert list(auth_of(layout).items()) == [(HOST, NEW), (f"{place} other", OTHER), (ALIAS, NEW), ("odd", [OLD])]
    assert auth_of(untouched) == {HOST: OLD}


def test_nothing_to_replace_is_nothing_written(make: Make) -> None:
    layout = make(CLASSIC, auth='{"other": "%s",}' % OTHER)
    find().replace_key(OLD, NEW)
    assert listing(layout) == {"auth"}
    assert (layout / "auth").read_text(encoding="utf-8").endswith(",}")


# -- logging out --------------------------------------------------------------------------------------------------
def test_forgetting_takes_the_host_out_of_all_layouts(make: Make) -> None:
    racks = {HOST: "acme/prod", "other": "acme/dev"}
    v2 = make(V2, auth={HOST: OLD, "other": OTHER}, session={HOST: "s", "other": "s"}, racks=racks, host=HOST, rack="acme/prod")
    v3 = make(V3, auth={HOST: OLD}, console=HOST, rack="acme/prod", current={"name": "acme/prod"})
    (v3 / "racks").mkdir()
    classic = make(CLASSIC, auth={ALIAS: OLD}, host="other", rack="acme/dev", session={HOST: "s"})
    cli = find()
    assert cli.holds(HOST)
    cli.forget(HOST)
    assert not cli.holds(HOST)
    assert {name: json.loads((v2 / name).read_text(encoding="utf-8")) for name in ("auth", "session", "racks")} == {
        "auth": {"other": OTHER},
        "session": {"other": "s"},
        "racks": {"other": "acme/dev"},
    }
    assert (auth_of(v3), auth_of(classic)) == ({}, {ALIAS: OLD})
    assert [(layout / name).exists() for layout in (v2, v3) for name in ("host", "console", "rack")] == [False] * 6
    assert ((classic / "host").read_text(encoding="utf-8"), (classic / "rack").read_text(encoding="utf-8")) == ("other", "acme/dev")
    assert (v3 / "racks").is_dir()


def test_a_host_that_two_clis_call_active_is_forgotten_by_both(make: Make) -> None:
    """The CLIs of v2 and v3 in one directory: each has a file of its own for it."""
    layout = make(CLASSIC, auth={HOST: OLD}, host=HOST, console="other")
    cli = find()
    cli.forget(HOST)
    assert not cli.holds(HOST)
    assert cli.active_hosts() == ["other"]
    assert not (layout / "host").exists()


def test_nothing_to_forget_is_nothing_written(make: Make) -> None:
    layout = make(CLASSIC, auth={"other": OTHER}, host="other", rack="acme/dev")
    cli = find()
    assert not cli.holds(HOST)
    cli.forget(HOST)
    assert listing(layout) == {"auth", "host", "rack"}


# -- sessions and pins --------------------------------------------------------------------------------------------
def test_sessions_and_pins_are_kept_a_host(make: Make) -> None:
    v2, classic = make(V2, session={"other": "s1"}), make(CLASSIC, auth={HOST: OLD}, session={"other": "s2", "odd": 7})
    cli = find()
    assert [cli.session(host) for host in ("other", "odd", HOST)] == ["s1", None, None]
    cli.set_session(HOST, "s3")
    assert cli.session(HOST) == "s3"
    assert json.loads((classic / "session").read_text(encoding="utf-8"))[HOST] == "s3"
    assert cli.pin(HOST, "ab" * 32) == "ab" * 32
    assert cli.pin(HOST, "cd" * 32) == "ab" * 32, "what was kept first counts"
    assert (cli.pinned(HOST), cli.pinned("other")) == ("ab" * 32, None)
    assert json.loads((v2 / "tls-fingerprints").read_text(encoding="utf-8")) == {HOST: "ab" * 32}


def test_reading_writes_nothing(make: Make) -> None:
    layout = make(CLASSIC, auth={HOST: OLD}, host=HOST)
    cli = find()
    for read in (cli.key, cli.session, cli.pinned, cli.holds, cli.layout_of):
        read(HOST)
    cli.active_hosts()
    assert listing(layout) == {"auth", "host"}
    assert sorted(os.listdir(layout.parent)) == [".convox"]
