# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every option of every module with what it can't hold: the whole module runs in this process, before a real rack.

Each ends in one line that names the option, without an error of Python's; nothing is written, whatever was given.
"""
from __future__ import annotations

import importlib
import json
import typing as t
from pathlib import Path

import pytest
from ansible.module_utils import basic
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from ansible_collections.convox.credentials.plugins.module_utils import adapter
from tests.obstacles import OBSTACLES
from tests.standin import Standin
from tests.standin.rack import Rack as StandinRack
from tests.unit.plugins.module_utils.conftest import Asked

MODULES = ("console_api_key", "convox_login", "instance_keyroll", "ledger_info", "rack_access", "rack_info", "rack_keyroll")
Run = t.Callable[..., dict[str, t.Any]]


def spec_of(module: str) -> dict[str, t.Any]:
    """The argument spec that a module hands to the adapter."""
    found: list[dict[str, t.Any]] = []
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(adapter, "run", lambda work, spec, **more: found.append(spec))
        importlib.import_module(f"ansible_collections.convox.credentials.plugins.modules.{module}").main()
    return found[0]


SPECS = {module: spec_of(module) for module in MODULES}
OPTIONS = [(module, name) for module in MODULES for name in sorted(SPECS[module])]


@pytest.fixture
def run(convox: Standin, rack: StandinRack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a module in check mode, logged into the rack, with options in the place of good ones; nothing is written by it."""
    place = tmp_path / "convox"
    place.mkdir(mode=0o700)
    auth = place / "auth"
    auth.write_text(json.dumps({rack.host: rack.key, convox.console.host: convox.console.api_key}), encoding="utf-8")
    auth.chmod(0o600)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))

    def run(module: str, **bad: t.Any) -> dict[str, t.Any]:
        console = {"host": convox.console.host, "email": convox.console.email, "account_password": convox.console.password}
        good = console if module == "console_api_key" else {"host": rack.host, **({"return_key": True} if module == "rack_access" else {})}
        given = {"config_dir": str(place), "ca_path": convox.ca_path, "timeout": 5, "retries": 0, **good, **bad}
        if "rack_url" in bad:
            del given["host"]
        monkeypatch.setattr(basic, "_ANSIBLE_ARGS", json.dumps({"ANSIBLE_MODULE_ARGS": {**given, "_ansible_check_mode": True}}).encode())
        monkeypatch.setattr(basic, "_ANSIBLE_PROFILE", "legacy", raising=False)
        before = {str(path): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
        with pytest.raises(SystemExit):
            importlib.import_module(f"ansible_collections.convox.credentials.plugins.modules.{module}").main()
        assert {str(path): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
        result: dict[str, t.Any] = json.loads(capsys.readouterr().out)
        text = str(result.get("msg", ""))
        assert "\n" not in text
        assert "internal error" not in text, result
        return result

    return run


@pytest.mark.parametrize("module", MODULES)
def test_all_is_well_otherwise(run: Run, module: str) -> None:
    """So that what fails below fails by the option that is wrong there."""
    assert "failed" not in run(module)


@pytest.mark.parametrize(("module", "name"), OPTIONS)
def test_what_no_option_can_be(run: Run, asked: Asked, module: str, name: str) -> None:
    kind = SPECS[module][name].get("type")
    text = "acme/rack" if name == "rack" else "https://convox:0123456789@127.0.0.1" if name == "rack_url" else "some"
    bad: list[t.Any] = [f"{text}\0", f"{text}\nX: y", f"{text}\r\nX: y", f"{text}\u2028x"]
    bad.append("x" * 10_000_000)
    if kind in ("int", "bool"):
        bad += [[], {}, "", "some", 1.5, 10**30]
    elif kind == "list":
        named = [more for text in bad for more in ({"name": text}, {"kms_key_id": text}, {"tags": {"a": text}}, {"tags": {text: "a"}})]
        tagged = [{"tags": tags} for tags in ({"a": None}, {"a": []}, {"a": {}}, {"": "b"}, ["a"], 5)]
        secrets = [{"type": "aws_secretsmanager", **more} for more in named + tagged]
        bad = [[{"type": "file", "path": value}] for value in bad] + [[each] for each in secrets] + [[[]], [7], "some", {"type": "cli"}]
    for value in bad:
        result = run(module, **{name: value})
        assert result.get("failed"), value
        # Ansible's own words don't name it where it is no list of options, or where syslog takes no NUL (from Python 3.12 on).
        assert any(words in result["msg"] for words in (name, "dictionary requested", "syslog (embedded null character)")), result["msg"]
        assert len(result["msg"]) < 5000
    assert asked() == []


THERE: dict[str, t.Callable[[Path], object]] = {
    **OBSTACLES,
    "a file": lambda path: path.write_text("some text", encoding="utf-8"),
    "nothing": lambda path: None,
}


@pytest.mark.parametrize(("module", "name"), [(module, name) for module, name in OPTIONS if SPECS[module][name].get("type") == "path"])
@pytest.mark.parametrize("there", THERE)
def test_paths_to_something_else(run: Run, tmp_path: Path, module: str, name: str, there: str) -> None:
    """Either it is what it should be, or the message names it; nobody waits for a pipe."""
    path = tmp_path / "there"
    THERE[there](path)
    result = run(module, **{name: str(path)})
    assert "failed" not in result or str(path) in result["msg"] or "no key is known" in result["msg"], result["msg"]
    if name == "ca_path" and module != "ledger_info":
        # That asks nobody, and so trusts nobody.
        assert result["failed"]
        assert result["msg"].startswith("ca_path: ")


TEXTS = st.text(max_size=30) | st.sampled_from(["../..", "~", "~nobody", "%00", "{{ x }}", "-", "'", '"', "\\", "$(x)", "\u202e", "\ufeff", "a" * 4096])
FREE = [(module, name) for module, name in OPTIONS if SPECS[module][name].get("type") in ("str", "path") and name not in ("host", "endpoint_url")]


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.parametrize(("module", "name"), FREE)
@given(text=TEXTS)
def test_whatever_is_given(run: Run, module: str, name: str, text: str) -> None:
    """Hosts and addresses of AWS apart, to which a request would go: see test_target.py."""
    assume(name != "rack_url" or "@" not in text)
    run(module, **{name: text})
