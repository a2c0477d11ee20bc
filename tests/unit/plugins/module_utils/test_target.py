# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which rack or Console a task means: options, then the environment, then the CLI's files (architecture, 2)."""
from __future__ import annotations

import contextlib
import typing as t
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.convox.credentials.plugins.module_utils import target as targets
from ansible_collections.convox.credentials.plugins.module_utils.errors import BadInput
from ansible_collections.convox.credentials.plugins.module_utils.target import Target
from tests.unit.plugins.module_utils.conftest import Tasks
from tests.unit.plugins.module_utils.support import NEW, OLD, OTHER, failing

H, E, F = "option.example.com", "environment.example.com", "file.example.com"
URL = f"https://convox:{OTHER}@url.example.com:5443"
CONSOLE = "console.convox.com"


def find(tasks: Tasks, environ: dict[str, str] | None = None, **options: t.Any) -> Target:
    return targets.find_target(tasks(environ, **options))


@pytest.fixture
def active(tasks: Tasks) -> None:
    """The CLI is logged into a host."""
    tasks.config_dir.mkdir()
    (tasks.config_dir / "host").write_text(F, encoding="utf-8")
    (tasks.config_dir / "rack").write_text("acme/active", encoding="utf-8")


EVERYTHING = {"CONVOX_HOST": E, "CONVOX_PASSWORD": OLD, "CONVOX_RACK": "acme/env"}


@pytest.mark.parametrize(
    ("options", "environ", "expected"),
    [
        # The host: option, environment, file.
        ({}, {}, (F, None, None)),
        ({}, {"CONVOX_HOST": E}, (E, None, None)),
        ({"host": H}, {"CONVOX_HOST": E}, (H, None, None)),
        # Key and rack of the environment, only where the host is not the task's.
        ({}, EVERYTHING, (E, "acme/env", OLD)),
        ({}, {"CONVOX_PASSWORD": OLD}, (F, None, OLD)),
        ({"host": H}, EVERYTHING, (H, None, None)),
        ({"host": H, "api_key": NEW}, EVERYTHING, (H, None, NEW)),
        ({"host": H, "rack": "acme/option"}, EVERYTHING, (H, "acme/option", None)),
        ({"api_key": NEW}, EVERYTHING, (E, "acme/env", NEW)),
        ({"rack": "acme/option"}, EVERYTHING, (E, "acme/option", OLD)),
        # RACK_URL, only where the task names neither host, rack nor key.
        ({}, {"RACK_URL": URL, **EVERYTHING}, ("url.example.com:5443", None, OTHER)),
        ({"host": H}, {"RACK_URL": URL}, (H, None, None)),
        ({"api_key": NEW}, {"RACK_URL": URL}, (F, None, NEW)),
        ({"rack": "acme/option"}, {"RACK_URL": URL}, (F, "acme/option", None)),
        ({"rack_url": URL}, EVERYTHING, ("url.example.com:5443", None, OTHER)),
        # What is empty is not given.
        (dict.fromkeys(("host", "api_key", "rack", "rack_url"), ""), dict.fromkeys((*EVERYTHING, "RACK_URL"), ""), (F, None, None)),
    ],
)
@pytest.mark.usefixtures("active")
def test_precedence(tasks: Tasks, options: dict[str, t.Any], environ: dict[str, str], expected: tuple[t.Any, ...]) -> None:
    """Fifty hosts of an inventory never become one because of a variable in somebody's shell."""
    found = find(tasks, environ, **options)
    assert (found.host, found.via, found.key) == expected


def test_nothing_at_all_is_the_vendor_s_console(tasks: Tasks) -> None:
    assert find(tasks) == Target(CONSOLE, None, None)


def test_keys_are_secrets_at_once(tasks: Tasks) -> None:
    url = f"https://convox:{NEW}@rack.example.com"
    for task in (tasks(api_key=NEW), tasks({"CONVOX_PASSWORD": NEW}), tasks({"RACK_URL": url}), tasks(rack_url=url)):
        targets.find_target(task)
        assert NEW not in task.secrets.redact(f"a {NEW} {url}")


# -- hosts --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("rack.example.com", "rack.example.com"),
        ("rack.example.com:5443", "rack.example.com:5443"),
        ("https://rack.example.com", "rack.example.com"),
        ("HTTPS://Rack.Example.com:443/", "Rack.Example.com:443"),
        (" rack.example.com\n", "rack.example.com"),
        ("localhost", "localhost"),
        ("127.0.0.1:5443", "127.0.0.1:5443"),
        ("a", "a"),
        ("my_rack-1.example.com", "my_rack-1.example.com"),
        ("a" * 63 + ".com", "a" * 63 + ".com"),
    ],
)
def test_hosts_as_people_write_them(text: str, host: str) -> None:
    assert targets.parse_host(text) == host


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "http://rack.example.com",
        "ftp://rack.example.com",
        "https://",
        "https://rack.example.com/path",
        "https://rack.example.com?x",
        "rack.example.com#x",
        "rack.example.com:",
        "rack.example.com:0x50",
        "rack.example.com:99999",
        "rack.example.com:5443:1",
        "rack example.com",
        "rack.example.com\nX: y",
        "rack..example.com",
        ".example.com",
        "example.com.:443x",
        "-rack.example.com",
        "rack.example.com\x00",
        "r\xe4ck.example.com",
        "\u0661.example.com",
        "a" * 64 + ".com",
        "a." * 130 + "com",
        "[::1]",
    ],
)
def test_what_is_no_host(text: str) -> None:
    with failing(BadInput, "host"):
        targets.parse_host(text)


def test_a_key_in_the_host_is_not_shown(tasks: Tasks) -> None:
    for text in (f"convox:{NEW}@rack.example.com", f"https://convox:{NEW}@rack.example.com"):
        task = tasks(host=text)
        with failing(BadInput, "host", "rack_url", hiding=[NEW]):
            targets.find_target(task)
        assert NEW not in task.secrets.redact(text)


@given(text=st.text(max_size=12) | st.from_regex(r"[a-z0-9.:/@-]{0,20}", fullmatch=True))
def test_whatever_is_taken_for_a_host_is_one(text: str) -> None:
    """Nothing that could end a header, name a path, or carry a credential."""
    host = "a"
    with contextlib.suppress(BadInput):
        host = targets.parse_host(text)
    assert set(host) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-:")
    assert host == targets.parse_host(f"https://{host}")


# -- racks and keys -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("rack", ["prod", "acme/", "/prod", "acme/prod/x", "acme /prod", "acme/prod\nX: y", "acme/prod\x00", "\u4e2d/prod", "acme/pr\xf6d"])
def test_what_is_no_rack(tasks: Tasks, rack: str) -> None:
    for environ, options in (({}, {"host": H, "rack": rack}), ({"CONVOX_RACK": rack}, {})):
        with failing(BadInput, "rack", "org/name"):
            find(tasks, environ, **options)


@pytest.mark.parametrize("key", ["a", "abcdefg"])
def test_a_key_that_is_too_short_to_be_one(tasks: Tasks, key: str) -> None:
    with failing(BadInput, "api_key", f"{len(key)} characters"):
        find(tasks, host=H, api_key=key)


def test_the_short_name() -> None:
    assert [Target(H, via, None).short_name for via in ("acme/prod", None)] == ["prod", None]
    assert [targets.describe(Target(H, via, None)) for via in ("acme/prod", None)] == [f"acme/prod (through {H})", H]


# -- RACK_URL -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (f"https://convox:{NEW}@rack.example.com", ("rack.example.com", NEW, "convox")),
        (f"https://convox:{NEW}@rack.example.com:5443/", ("rack.example.com:5443", NEW, "convox")),
        (f"https://:{NEW}@rack.example.com", ("rack.example.com", NEW, "convox")),
        (f"https://jwt:{NEW}@rack.example.com", ("rack.example.com", NEW, "jwt")),
        ("https://convox:a%2Fb%40c%3Ad%25e@rack.example.com", ("rack.example.com", "a/b@c:d%e", "convox")),
    ],
)
def test_a_rack_s_address_with_its_key(tasks: Tasks, url: str, expected: tuple[str, ...]) -> None:
    found = find(tasks, rack_url=url)
    assert (found.host, found.key, found.user, found.via) == (*expected, None)


@pytest.mark.parametrize(
    "url",
    [
        "rack.example.com",
        f"http://convox:{NEW}@rack.example.com",
        "https://rack.example.com",
        "https://convox@rack.example.com",
        "https://convox:short@rack.example.com",
        f"https://convox:{NEW}@",
        f"https://convox:{NEW}@rack.example.com:99999",
        f"https://convox:{NEW}@rack.example.com:port",
        f"https://convox:[{NEW}@rack.example.com",
        f"https://convox:{NEW}/x@rack.example.com",
        f"https://convox@rack.example.com:{NEW}",
        f"https://convox:{NEW}@rack example.com",
        f"{NEW}",
    ],
)
def test_an_address_that_is_none_is_not_shown(tasks: Tasks, url: str) -> None:
    for environ, options in (({}, {"rack_url": url}), ({"RACK_URL": url}, {})):
        with failing(BadInput, hiding=[NEW, url]):
            find(tasks, environ, **options)


# -- where the CLI's files are ------------------------------------------------------------------------------------
@pytest.mark.parametrize(("option", "environ", "used"), [("a", "b", "a"), (None, "b", "b"), ("", "b", "b")])
def test_the_directory_of_the_cli_s_files(tasks: Tasks, tmp_path: Path, option: str | None, environ: str, used: str) -> None:
    task = tasks({"CONVOX_CONFIG": str(tmp_path / environ)}, config_dir=option and str(tmp_path / option))
    assert task.cli.home.path == str(tmp_path / used)
