# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How an audit of a large fleet stays cheap: over which connections it asks, how often, and what it reads."""
from __future__ import annotations

import collections
import json
import typing as t
from pathlib import Path

import pytest

from ansible_collections.convox.credentials.plugins.module_utils import audit_gather, credential_audit, files
from ansible_collections.convox.credentials.plugins.module_utils.aws import Stack
from ansible_collections.convox.credentials.plugins.module_utils.cli_config import CliConfig, Layout
from ansible_collections.convox.credentials.plugins.module_utils.errors import Damaged
from ansible_collections.convox.credentials.plugins.module_utils.gather import aws
from tests.standin.console import Console as StandinConsole
from tests.standin.rack import Rack as StandinRack
from tests.unit.plugins.module_utils.conftest import Asked, Tasks
from tests.unit.plugins.module_utils.test_credential_audit import OPTIONS

NewRack = t.Callable[..., StandinRack]
Result = t.Mapping[str, t.Any]


@pytest.fixture
def audit(tasks: Tasks, console: StandinConsole) -> t.Callable[..., Result]:
    """An audit of the Console's racks, without AWS."""

    def run(**options: t.Any) -> Result:
        return credential_audit.run(tasks(host=console.host, api_key=console.api_key, **{**OPTIONS, "aws": [], **options}))

    return run


def log_in(tasks: Tasks, *racks: StandinRack) -> None:
    tasks.config_dir.mkdir(mode=0o700, exist_ok=True)
    path = tasks.config_dir / "auth"
    path.touch(0o600)
    path.write_text(json.dumps({rack.host: rack.key for rack in racks}), encoding="utf-8")


def stale(result: Result) -> set[str]:
    return {each["subject"].rpartition("/")[2] for each in result["findings"] if each["id"] == "console_copy_stale"}


# -- the Console --------------------------------------------------------------------------------------------------
def test_a_connection_to_the_console_is_used_again(
    audit: t.Callable[..., Result], console: StandinConsole, new_rack: NewRack, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    """One for its list, and one for each thread that asks it about racks."""
    for _number in range(6):
        new_rack(console=True)
    connections = []
    admit = console.listener._admit
    monkeypatch.setattr(console.listener, "_admit", lambda connection: (connections.append(connection), admit(connection))[1])
    monkeypatch.setattr(audit_gather, "AT_ONCE", 1)
    assert audit()["summary"]["racks"] == 6
    assert len(connections) == 2


def test_whether_copies_are_dead_is_asked_once(audit: t.Callable[..., Result], console: StandinConsole, new_rack: NewRack, asked: Asked) -> None:
    """Of the Console itself, which refuses in the same words."""
    racks = [new_rack(console=True, console_key="S" * 30) for _number in range(3)] + [new_rack(console=True)]
    assert stale(audit()) == {rack.name for rack in racks[:3]}
    assert len(asked("console", path="/auth")) == 1


def test_a_console_that_refuses_has_no_dead_copies(audit: t.Callable[..., Result], console: StandinConsole, new_rack: NewRack) -> None:
    """Its key was rolled after it gave its list."""
    for _number in range(2):
        new_rack(console=True, console_key="S" * 30)
    console.fault("status", path="/(system|auth)", status=401, body="invalid authentication\n", times=None)
    assert stale(audit()) == set()


# -- racks --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("headers", [{}, {"Retry-After": "0"}])
@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_gateway_s_word_is_taken_at_once(
    tasks: Tasks, audit: t.Callable[..., Result], new_rack: NewRack, asked: Asked, status: int, headers: dict[str, str]
) -> None:  # fmt: skip
    """It says it for a rack that is silent, perhaps after a long time: once by itself, and once by way of the Console."""
    rack = new_rack(console=True)
    log_in(tasks, rack)
    rack.fault("status", status=status, body="nobody there\n", headers=headers, times=None)
    result = audit(retries=3)
    assert len(asked(rack)) == 2
    assert {each["id"] for each in result["findings"]} >= {"rack_silent"}


def test_who_is_asked_too_often_is_asked_again(tasks: Tasks, audit: t.Callable[..., Result], console: StandinConsole, new_rack: NewRack) -> None:
    rack = new_rack(console=True)
    log_in(tasks, rack)
    for server in (rack, console):
        server.fault("status", path="/system", status=429, body="slow down\n", times=1)
    result = audit(retries=3)
    assert {each["id"] for each in result["findings"]} & {"rack_silent", "source_silent"} == set()


# -- files --------------------------------------------------------------------------------------------------------
def test_what_was_seen_of_the_clis_files_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many hosts are asked for; who is to see what becomes of them asks the files."""
    layout = Layout(str(tmp_path))
    for name in ("session", "tls-fingerprints"):
        (tmp_path / name).write_text(json.dumps({"a": "1", "b": "2"}), encoding="utf-8")
    read: collections.Counter[str] = collections.Counter()
    real = files.read_json
    monkeypatch.setattr(files, "read_json", lambda path, *more: (read.update([Path(path).name]), real(path, *more))[1])
    config = CliConfig([layout])
    seen = config.as_seen()
    assert [(seen.session(host), seen.pinned(host)) for host in "abc"] == [("1", "1"), ("2", "2"), (None, None)]
    assert read == {"session": 1, "tls-fingerprints": 1}
    (tmp_path / "session").write_text(json.dumps({"a": "3"}), encoding="utf-8")
    assert (seen.session("a"), config.session("a")) == ("1", "3")


def test_damage_is_not_taken_for_nothing(tmp_path: Path) -> None:
    (tmp_path / "tls-fingerprints").write_text("", encoding="utf-8")
    seen = CliConfig([Layout(str(tmp_path))]).as_seen()
    for _time in range(2):
        with pytest.raises(Damaged):
            seen.pinned("a")


# -- AWS ----------------------------------------------------------------------------------------------------------
def test_pairs_that_are_left() -> None:
    """Of a rack, also of one whose name has a pair's in it; not its own, and none that an instance of anybody's has, or v3 made."""
    pairs = {f"{name}-keypair-{number}": None for name in ("web", "web-keypair-two", "webs") for number in (1001, 1002)}
    pairs |= {"other": "2026-01-01", "web-keypair-1700000000": None, "web-keypair-old": None}
    machines = aws._Machines({"web": [("i-2", "web-keypair-1001"), ("i-1", "other")], "webs": [("i-3", "webs-keypair-1001")]}, pairs)
    web = machines.of(_stack("web", "web-keypair-1002"))
    assert (web.pair, web.total, web.others, web.left) == ("web-keypair-1002", 2, ("i-1", "i-2"), ())
    assert machines.of(_stack("web-keypair-two", "")).left == ("web-keypair-two-keypair-1001", "web-keypair-two-keypair-1002")
    assert machines.of(_stack("webs", "other")).left == ("webs-keypair-1002",)
    assert machines.of(_stack("webs", "other")).pair_made_at == "2026-01-01"


def _stack(name: str, pair: str) -> Stack:
    return Stack(name, "", "", {"Key": pair}, {}, {}, (), ())
