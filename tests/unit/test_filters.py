# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the filters make of the modules' results."""
from __future__ import annotations

import re
from typing import Any

import pytest

from ansible_collections.convox.credentials.plugins.filter import given_variables
from ansible_collections.convox.credentials.plugins.filter.incident_record import incident_record
from ansible_collections.convox.credentials.plugins.filter.roll_result import roll_result
from ansible_collections.convox.credentials.plugins.filter.unknown_variables import unknown_variables
from ansible_collections.convox.credentials.plugins.plugin_utils.variables import known, options
from tests.places import ROOT

SKIPPED = {"changed": False, "skipped": True}
BEGUN = {"changed": True, "phase": "applied", "resumed": False, "method": "cloudformation", "waited_s": 1.5, "fingerprint": "new"}
BUSY = {"changed": False, "msg": "its stack is busy", "needs_wait": True}
COMMITTED = {"changed": True, "phase": "committed", "resumed": True, "method": "api", "waited_s": 0.5, "fingerprint": "new"}
READY = {"racks": {"one": {"reached": "ready", "waited_s": 20.0}}}
STOPPED = {"racks": {"one": {"reached": "stopped", "msg": "rolled back", "phase": "applied", "waited_s": 20.0, "changed": True}}}


def expect(begun: Any, waited: Any, committed: Any, **expected: Any) -> None:
    result = roll_result(begun, waited, committed, "one")
    assert {name: result.get(name) for name in expected} == expected


def test_what_the_first_step_found_out_stays() -> None:
    expect(BEGUN, READY, COMMITTED, phase="committed", resumed=False, method="cloudformation", waited_s=22.0, changed=True, msg=None)


def test_a_rack_that_was_committed_while_it_was_waited_for() -> None:
    waited = {"racks": {"one": {**COMMITTED, "reached": "committed", "waited_s": 20.0}}}
    expect(BEGUN, waited, SKIPPED, phase="committed", resumed=False, method="cloudformation", waited_s=21.5, changed=True, msg=None, reached=None)


def test_who_was_found_to_carry_the_old_key_stays_named() -> None:
    """The step that commits can't always ask the rack again; which instances were replaced, it alone knows."""
    begun = {**BEGUN, "also_affected": {"apps": ["api", "web"], "builds": ["api/B1"], "instances": []}}
    silent = {**COMMITTED, "also_affected": {"apps": [], "builds": [], "instances": ["i-1"]}}
    expect(begun, READY, silent, also_affected={"apps": ["api", "web"], "builds": ["api/B1"], "instances": ["i-1"]})
    heard = {**COMMITTED, "also_affected": {"apps": ["web", "new"], "builds": ["web/B2"], "instances": []}}
    waited = {"racks": {"one": {**heard, "reached": "committed"}}}
    expect(begun, waited, SKIPPED, also_affected={"apps": ["api", "web", "new"], "builds": ["api/B1", "web/B2"], "instances": []})
    expect(BEGUN, READY, silent, also_affected=silent["also_affected"])
    expect(begun, STOPPED, SKIPPED, also_affected=begun["also_affected"])


def test_nothing_was_to_be_waited_for() -> None:
    settled = {"changed": False, "phase": "committed", "fingerprint": "old"}
    assert roll_result(settled, {"racks": {}}, SKIPPED, "one") == settled
    assert roll_result(SKIPPED, {"racks": {}}, SKIPPED, "one") == SKIPPED
    assert roll_result({"msg": "no key", "changed": False}, READY, SKIPPED, "other") == {"msg": "no key", "changed": False}


def test_what_ended_badly_while_waiting() -> None:
    expect(BEGUN, STOPPED, SKIPPED, phase="applied", msg="rolled back", waited_s=21.5, resumed=False, changed=True)


def test_a_rack_that_was_busy_and_then_rolled() -> None:
    expect(BUSY, {"racks": {"one": {"reached": "left"}}}, {**COMMITTED, "resumed": False}, phase="committed", msg=None, resumed=False, waited_s=0.5)


DEAD = {"changed": True, "phase": "committed", "old_refused": "true", "activated_by": "signing_key", "old_fingerprint": "a"}
ON_ALL = {"changed": True, "phase": "committed", "instances_total": 3, "instances_on_new_key": 3, "others": []}
UNCHANGED = {"changed": False, "phase": "committed"}


@pytest.mark.parametrize(
    ("key", "pair", "alive"),
    [
        (DEAD, ON_ALL, []),
        ({**DEAD, "old_refused": "unknown"}, ON_ALL, ["one: the former Rack API key"]),
        ({**DEAD, "phase": "active"}, ON_ALL, ["one: the former Rack API key"]),
        ({**DEAD, "activated_by": "ecs"}, ON_ALL, ["one: tokens that were issued before"]),
        (DEAD, {**ON_ALL, "instances_on_new_key": 2}, ["one: the former instance key"]),
        (DEAD, {**ON_ALL, "others": ["i-1"]}, ["one: the former instance key"]),
        ({}, {}, ["one: the former Rack API key", "one: the former instance key"]),
        (UNCHANGED, UNCHANGED, ["one: the former Rack API key", "one: the former instance key"]),
    ],
)
def test_what_is_not_proven(key: dict[str, Any], pair: dict[str, Any], alive: list[str]) -> None:
    assert incident_record({"one": key}, {"one": pair})["not_proven"] == alive


def test_what_was_proven_stays_proven() -> None:
    first = incident_record({"one": DEAD}, {"one": ON_ALL}, {"changed": True, "old_refused": "true"})
    again = incident_record({"one": UNCHANGED}, {"one": UNCHANGED}, {"changed": False}, earlier=first, about={"leaked": "auth_file"})
    assert again == {**first, "leaked": "auth_file"}
    # A run that can't ask has heard nothing else: its trouble is told beside the proof, as long as it lasts.
    troubled = incident_record({"one": {"msg": "no answer"}}, {"one": UNCHANGED}, {"changed": False}, earlier=first)
    assert (troubled["not_proven"], troubled["racks"]["one"]["rack_api_key"]["msg"]) == ([], "no answer")
    assert incident_record({"one": UNCHANGED}, {"one": UNCHANGED}, {"changed": False}, earlier=troubled) == first


def test_a_key_from_before_the_leak_is_named() -> None:
    """An unfinished rotation is finished first; its key stood in the file that leaked, perhaps."""
    record = incident_record({"one": {**DEAD, "rotation_id": "now", "begun_by": "q3"}}, {"one": ON_ALL}, about={"rotation_id": "now"})
    assert record["not_proven"] == ["one: the new Rack API key, which rotation q3 had made before: roll it once more, as another rotation"]
    own = incident_record({"one": {**DEAD, "rotation_id": "now", "begun_by": "now"}}, {"one": ON_ALL}, about={"rotation_id": "now"})
    assert own["not_proven"] == []


def test_an_old_release_has_no_tokens() -> None:
    assert incident_record({"one": {**DEAD, "activated_by": "stack"}}, {"one": ON_ALL})["not_proven"] == []


def test_a_console_key() -> None:
    assert incident_record({}, {}, {"changed": True, "old_refused": "unknown"})["not_proven"] == ["the former Console API key"]


def test_only_what_a_report_needs_is_kept() -> None:
    record = incident_record({"one": {**DEAD, "begun": {"options": {}}, "warnings": ["w"]}}, {"one": ON_ALL})
    assert not {"begun", "warnings", "changed"} & set(record["racks"]["one"]["rack_api_key"])


# -- misspelt variables -------------------------------------------------------------------------------------------
def test_every_variable_that_is_written_about_is_known() -> None:
    """And so is each that AWX's survey asks for; a module and the collection's own files begin the same way."""
    no_variables = {"convox_login"}
    pages = [ROOT / "README.md", ROOT / "playbooks" / "README.md", *(path for place in ("docs", "awx", "roles") for path in (ROOT / place).rglob("*"))]
    names = {name for page in pages if page.suffix in (".md", ".yml") for name in _names(page.read_text(encoding="utf-8"))}
    assert names - known() - no_variables == set()
    assert len(names) > 40


def _names(text: str) -> list[str]:
    return re.findall(r"(?<![\w./-])convox_[a-z_]+\b", text)


def test_what_is_near_is_told() -> None:
    names = ["convox_maxage", "convox_methode", "convox_max_age", "convox_team", "maxage", "convox_fleet"]
    assert unknown_variables(names) == [
        {"name": "convox_maxage", "nearest": "convox_max_age", "given": False},
        {"name": "convox_methode", "nearest": "convox_method", "given": False},
    ]


# -- what was given ------------------------------------------------------------------------------------------------
def test_what_extra_vars_give_is_shown_without_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = {
        "convox_config_dir": "/srv/convox",
        "convox_host": "console.example.com",
        "convox_email": "ann@example.com",
        "convox_hosts": "all:!other",
        "convox_after_roll_file": "/srv/{{ inventory_hostname }}.key",
        "convox_stores": [{"type": "file", "path": "/srv/keys.json"}],
        "rack_api_key_activate": "ecs",
    }
    hidden = {name: "K" * 30 for name, secret in options().items() if secret}
    hidden |= {
        "convox_endpoint_url": "https://user:K@aws.example.com",
        "convox_ca_path": "https://K@example.com",
        "convox_tls_fingerprint": object(),
        "convox_after_roll_awx_credential": {"inputs": {"api_key": "K"}},
        "convox_rotation_id": "q4",
        "somebody_s": "own",
    }
    monkeypatch.setattr(given_variables, "load_extra_vars", lambda loader: shown | hidden)
    assert given_variables.given_variables([*shown, *hidden, "convox_region"]) == shown
    assert {"convox_api_key", "convox_account_password", "convox_new_key", "convox_rack_url", "audit_api_keys"} <= set(hidden)
