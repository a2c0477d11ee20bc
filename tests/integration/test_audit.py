# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook ``audit`` on an inventory: what it asks by itself, how it ends, and what the other playbooks mend of what it finds."""
from __future__ import annotations

import hashlib
import html
import json
import re
import shlex
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.plays import Fleet
from tests.integration.test_trust import certificate_of
from tests.reports import read_report
from tests.standin.journal import fingerprint
from tests.standin.spec import new_key
from tests.tools.cores import PYTHONS

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.conftest import NewRack
    from tests.integration.machine import Machine
    from tests.standin.console import Console
    from tests.standin.rack import Rack


class Audited(Fleet):
    """A fleet whose racks AWS knows, as the inventory plugin tells it."""

    def __init__(self, machine: Machine, racks: list[Rack]) -> None:
        super().__init__(machine, racks)
        for rack in racks:
            self.hosts[rack.name] |= {"convox_stack_name": rack.name, "convox_region": rack.region}
        self.dest = machine.inputs / "audit.json"

    def audit(self, *arguments: str, status: int = 0, **variables: Any) -> dict[str, Any]:
        """Run it where people are, and read the report."""
        self.play("audit", *arguments, status=status, **{"convox_dest": self.dest.name, "convox_formats": [], "convox_config_dir": self.config, **variables})
        return read_report(self.dest)

    @property
    def config(self) -> str:
        return str(self.machine.config)


def found(report: dict[str, Any], *, of: Rack | None = None) -> set[str]:
    """The ids of open findings, of all or of one rack."""
    return {each["id"] for each in report["findings"] if not each["accepted"] and (of is None or each["rack"] == of.rack_domain)}


@pytest.fixture
def fleet(machine: Machine, new_rack: NewRack) -> Audited:
    """Two racks in order but for the age of their keys, which nobody has noted."""
    return Audited(machine, [new_rack(key_pair="one-keypair-5000"), new_rack(key_pair="two-keypair-5000")])


# -- what it asks -------------------------------------------------------------------------------------------------
def test_an_inventory_is_all_it_needs(fleet: Audited) -> None:
    """Its racks, their regions, and the CLI's files; no Console is named, and so none is asked."""
    report = fleet.audit()
    assert {each["kind"]: each["state"] for each in report["sources"]} == dict.fromkeys(("racks", "aws", "files"), "answered")
    assert {each["id"] for each in report["racks"]} == {rack.rack_domain for rack in fleet.racks}
    assert {each["key"] for each in report["racks"]} == {"in_force"}
    assert found(report) == {"rack_key_age_unknown", "rack_key_in_ssm", "rack_key_in_task_definition"}


def test_the_console_of_the_inventory(fleet: Audited, console: Console, new_rack: NewRack) -> None:
    """Its racks are asked through it, and so are those that it lists and the inventory does not have."""
    listed, other = new_rack(console=True), new_rack(console=True)
    fleet.machine.log_in(console.host, console.api_key)
    fleet.hosts[listed.name] = {"convox_host": console.host, "convox_rack": f"acme/{listed.name}"}
    report = fleet.audit()
    assert {each["name"] for each in report["racks"]} == {rack.name for rack in (*fleet.racks, listed, other)}
    assert "rack_not_in_console" in found(report, of=fleet.racks[0])
    assert "rack_not_in_console" not in found(report, of=listed)


@pytest.mark.parametrize("core", PYTHONS)
def test_the_pins_of_the_inventory(fleet: Audited, console: Console, new_rack: NewRack, core: str) -> None:
    """Each is about what its host shows: the rack itself, or the Console that it is reached through."""
    pinned, changed, unpinned = (new_rack(certificate="self_signed") for _number in range(3))
    for rack in (pinned, changed, unpinned):
        fleet.machine.log_in(rack.host, rack.key)
    fleet.machine.log_in(console.host, console.api_key)
    fleet.hosts["pinned"] = {"convox_host": pinned.host, "convox_tls_fingerprint": certificate_of(pinned.host)}
    fleet.hosts["changed"] = {"convox_host": changed.host, "convox_tls_fingerprint": "ab" * 32}
    fleet.hosts["unpinned"] = {"convox_host": unpinned.host, "convox_tls_fingerprint": "accept_new"}
    fleet.hosts["listed"] = {"convox_host": console.host, "convox_rack": "acme/listed", "convox_tls_fingerprint": "cd" * 32}
    fleet.use_core(core)
    report = fleet.audit(convox_fail_on="never")
    assert {each["id"]: each["key"] for each in report["racks"] if each["id"] not in {rack.rack_domain for rack in fleet.racks}} == {
        pinned.rack_domain: "in_force",
        changed.host: "unknown",
        unpinned.host: "unknown",
    }
    (said,) = [each["said"] for each in report["sources"] if each["kind"] == "console"]
    assert "another than the pinned one" in said
    certificates = {each["rack"] or each["subject"]: each["id"] for each in report["findings"] if each["id"].startswith("certificate")}
    assert certificates == {changed.host: "certificate_changed", unpinned.host: "certificate_unverified"}


@pytest.mark.parametrize("core", PYTHONS)
def test_the_keys_of_the_inventory(fleet: Audited, console: Console, new_rack: NewRack, core: str) -> None:
    """Where nobody is logged in, and AWS is not asked: each is sent to its own rack or Console, and to nobody else."""
    (own, dead), by_url, listed, unread = fleet.racks, new_rack(), new_rack(console=True), new_rack()
    (fleet.machine.config / "auth").unlink()
    wrong = new_key()
    fleet.machine.typed.add(wrong)
    fleet.hosts = {
        own.name: {"convox_host": own.host, "convox_api_key": "{{ lookup('ansible.builtin.env', 'OWN_KEY') }}"},
        dead.name: {"convox_host": dead.host, "convox_api_key": wrong},
        by_url.name: {"convox_rack_url": by_url.url},
        listed.name: {"convox_host": console.host, "convox_rack": f"acme/{listed.name}", "convox_api_key": console.api_key},
        # It is not at hand.
        unread.name: {"convox_host": unread.host, "convox_api_key": "{{ lookup('ansible.builtin.env', 'UNSET_KEY') }}"},
    }
    fleet.machine.environment["OWN_KEY"] = own.key
    fleet.use_core(core)
    report = fleet.audit("-vvv", convox_fail_on="never")
    standing = {each["id"]: (each["key"], each["console_copy"]) for each in report["racks"]}
    assert standing == {
        own.rack_domain: ("in_force", "none"),
        dead.host: ("refused", "none"),
        by_url.rack_domain: ("in_force", "none"),
        listed.rack_domain: ("unknown", "ok"),
        unread.host: ("unknown", "none"),
    }
    told = {host: {each["id"] for each in report["findings"] if each["rack"] == host} - {"rack_not_in_console"} for host in (unread.host, dead.host)}
    assert told == {unread.host: {"rack_key_unknown"}, dead.host: {"rack_key_missing"}}
    assert sent_to(fleet, own.key, wrong, by_url.key, console.api_key) == [{f"rack {own.name}"}, {f"rack {dead.name}"}, {f"rack {by_url.name}"}, {"console"}]
    fleet.audit(convox_fail_on="never", audit_api_keys=[], convox_hosts=own.name)
    assert "nobody who was asked has a key of it" in fleet.dest.read_text(encoding="utf-8")


def sent_to(fleet: Fleet, *keys: str) -> list[set[str]]:
    """Who was sent each of them."""
    entries = fleet.machine.convox.journal.entries()
    return [{each["server"] for each in entries if each["key_fingerprint"] == fingerprint(key)} for key in keys]


def test_a_key_that_all_are_given_is_no_rack_s(fleet: Audited, console: Console) -> None:
    """By an extra var: it is the Console's, which the environment names, or somebody's mistake."""
    (fleet.machine.config / "auth").unlink()
    fleet.hosts = {rack.name: {"convox_host": rack.host} for rack in fleet.racks}
    fleet.machine.environment["CONVOX_HOST"] = console.host
    fleet.audit(convox_fail_on="never", convox_api_key=console.api_key)
    assert sent_to(fleet, console.api_key) == [{"console"}]


@pytest.mark.parametrize("core", PYTHONS)
def test_the_variables_of_the_group_count(fleet: Audited, core: str) -> None:
    """As the roles take them, for the audit runs on localhost, which is not in the group."""
    one, two = fleet.racks
    fleet.use_core(core)
    authority = fleet.everywhere.pop("convox_ca_path")
    stores = [{"type": "file", "path": str(fleet.machine.inputs / f"{name}.json")} for name in ("one", "two")]
    for name, rack, store in zip(("one", "two"), fleet.racks, stores):
        digest = hashlib.sha256(rack.key.encode()).hexdigest()
        record = {"name": rack.name, "host": rack.host, "current": rack.key, "rolled_at": "2026-01-01T00:00:00Z", "rotation_ids": [name], "digest": digest}
        fleet.machine.write(fleet.machine.inputs / f"{name}.json", json.dumps({"rack_api_key": {rack.rack_domain: record}}))
        fleet.machine.stores.add(fleet.machine.inputs / f"{name}.json")
        fleet.hosts[rack.name] |= {"convox_ca_path": authority, "convox_stores": [store, stores[0]]}
    report = fleet.audit(convox_fail_on="never")
    assert {each["key"] for each in report["racks"]} == {"in_force"}
    assert "rack_key_age_unknown" not in found(report)
    assert "convox_ca_path:" not in fleet.output
    # One that has another than most is named. What is given for the audit itself counts alone.
    third = {**fleet.hosts[one.name], "convox_host": "third.example.com"}
    fleet.hosts |= {"third": third, two.name: {**fleet.hosts[two.name], "convox_ca_path": ""}}
    fleet.audit(convox_fail_on="never")
    assert f"convox_ca_path: {two.name}: another one than that of the audit, which is {authority}: audit them by" in " ".join(fleet.output.split())
    report = fleet.audit(convox_fail_on="never", audit_ca_path=authority, audit_stores=stores[:1])
    assert "rack_key_age_unknown" in found(report, of=two)
    assert "rack_key_age_unknown" not in found(report, of=one)
    assert "another one than that of the audit" not in " ".join(fleet.output.split())


def test_some_racks_only(fleet: Audited) -> None:
    one, two = fleet.racks
    report = fleet.audit(audit_filters={"include": [{"name": one.name}]}, audit_aws=[{"regions": [one.region]}])
    assert [each["id"] for each in report["racks"]] == [one.rack_domain]
    asked = {each["server"] for each in fleet.machine.convox.journal.entries()}
    assert (f"rack {one.name}" in asked, f"rack {two.name}" in asked) == (True, False)


def test_racks_that_nobody_is_logged_into_are_not_clean(fleet: Audited) -> None:
    """Their hosts are in an inventory, and no region of AWS is: nobody has told a key."""
    for rack in fleet.racks:
        fleet.hosts[rack.name] = {"convox_host": rack.host}
    (fleet.machine.config / "auth").unlink()
    report = fleet.audit(status=2, convox_fail_on="low", convox_formats=["html"])
    assert [(each["id"], each["severity"]) for each in report["findings"]] == [("rack_key_unknown", "low")] * 2
    assert report["summary"]["racks_clean"] == 0
    assert "2 open findings (2 low), 0 accepted; 0 racks are clean." in " ".join(fleet.output.split())
    # Which is for people to open.
    page = fleet.dest.with_suffix(".html")
    assert f"What mends each is in the report {page}" in " ".join(fleet.output.split())
    assert "2 racks, none clean: the audit fails." in page.read_text(encoding="utf-8")


# -- how it ends --------------------------------------------------------------------------------------------------
def test_the_exit_status_follows_fail_on(fleet: Audited, tmp_path: Path) -> None:
    assert found(fleet.audit()) != set()
    fleet.audit(status=2, convox_fail_on="low")
    assert "The policy is broken (fail_on: low) by open findings: 4 low. What mends each is in the report" in " ".join(fleet.output.split())
    assert f"What mends each is in the report {fleet.dest}" in " ".join(fleet.output.split())
    policy = fleet.machine.inputs / "policy.yml"
    entry = {"finding": "rack_key*", "subject": "*", "reason": "known", "owner": "me@example.com", "until": "2999-01-01"}
    policy.write_text(json.dumps({"accepted": [entry], "fail_on": "low"}), encoding="utf-8")
    report = fleet.audit(convox_policy_file="policy.yml")
    assert (found(report), report["summary"]["accepted"]) == (set(), 4)


@pytest.mark.parametrize("core", PYTHONS)
def test_it_is_the_same_by_other_cores(fleet: Audited, core: str) -> None:
    """What the playbook makes of the inventory is lists in each of them, and what it says is the same."""
    fleet.use_core(core)
    report = fleet.audit(status=2, convox_fail_on="low", convox_formats="csv,html")
    assert {each["kind"]: each["state"] for each in report["sources"]} == dict.fromkeys(("racks", "aws", "files"), "answered")
    assert "(fail_on: low) by open findings: 4 low." in " ".join(fleet.output.split())
    assert {path.suffix for path in fleet.dest.parent.glob("audit.*")} == {".json", ".csv", ".html"}


def test_check_mode_writes_no_report(fleet: Audited) -> None:
    fleet.play("audit", "--check", convox_dest="audit.json", convox_config_dir=fleet.config)
    assert "Audit of 2 racks" in fleet.output
    assert not fleet.dest.exists()


@pytest.mark.parametrize(
    ("arguments", "variables", "said"),
    [
        (("--limit", "convox_racks"), {}, "--limit convox_racks leaves out localhost, which asks for all racks"),
        ((), {"convox_hosts": "producton"}, "convox_hosts: producton matches no host of the inventory: put the racks into the group convox_racks"),
        ((), {"convox_ca_path": "ca.pem"}, "convox_ca_path: ca.pem is no absolute path"),
        ((), {"audit_dest": "audit.json"}, "audit_dest: no absolute path"),
        ((), {"convox_policy_file": "nowhere.yml"}, "nowhere.yml: there is no such file"),
        ((), {"convox_api_key": "K" * 30}, "convox_api_key: given to all, and no Console that it is for"),
        ((), {"convox_rack_url": "https://convox:half/other@rack.example.com"}, "not https://user:key@host; its value is not shown"),
        ((), {"audit_policy": {"max_age": {"rack_key": "90d"}}}, "policy.max_age: there is no 'rack_key'"),
        ((), {"audit_fail_on": "all"}, "audit_fail_on"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, (tuple, dict)) else "",
)
def test_what_can_t_be_meant_is_no_audit(fleet: Audited, arguments: tuple[str, ...], variables: dict[str, Any], said: str) -> None:
    output = fleet.play("audit", *arguments, status=2, convox_config_dir=fleet.config, **variables)
    # Whatever quotes the callback has it in.
    assert said in output.replace("''", "'")
    assert "Audit of" not in output
    assert "half" not in output


@pytest.mark.parametrize("core", PYTHONS)
def test_racks_of_several_consoles_are_audited_one_by_one(fleet: Audited, console: Console, core: str) -> None:
    """None of them is left out without a word."""
    fleet.use_core(core)
    fleet.hosts |= {name: {"convox_host": host, "convox_rack": f"acme/{name}"} for name, host in (("one", console.host), ("two", "other.example.com"))}
    said = fleet.play("audit", status=2)
    assert f"the racks are in several Consoles, {', '.join(sorted([console.host, 'other.example.com']))}, and an audit asks one" in said
    fleet.play("audit", convox_hosts="one", convox_fail_on="never")


def test_what_the_page_says_to_run_changes_nothing_until_a_rack_is_named(fleet: Audited) -> None:
    """Pasted as it is it finds no host; with one it is about that one."""
    for rack in fleet.racks:
        rack.set_dates(pair_days=400)
    fleet.audit(convox_formats=["html"])
    page = html.unescape(fleet.dest.with_suffix(".html").read_text(encoding="utf-8"))
    (command,) = re.findall(r"<code>ansible-playbook convox\.credentials\.(rotate_instance_keys.*?)</code>", page)
    asked = fleet.machine.convox.journal.total
    name, *arguments = shlex.split(command)
    assert "no hosts to target" in fleet.play(name, *arguments, status=1)
    assert fleet.machine.convox.journal.total == asked
    one, two = fleet.racks
    output = fleet.play(name, *(each.replace("<rack-in-your-inventory>", one.name) for each in arguments), "--check")
    assert f"{one.name}: " in output
    assert f"{two.name}: " not in output


def test_racks_of_no_group_are_not_left_out(fleet: Audited) -> None:
    """Whoever wrote racks into an inventory means them."""
    inventory = fleet.machine.inputs / "elsewhere.json"
    inventory.write_text(json.dumps({"racks": {"hosts": fleet.hosts}}), encoding="utf-8")
    hosts, fleet.hosts = fleet.hosts, {}
    output = fleet.play("audit", "-i", str(inventory), status=2, convox_config_dir=fleet.config)
    assert "convox_hosts: convox_racks matches no host of the inventory: put the racks into the group convox_racks" in output
    fleet.play("audit", "-i", str(inventory), convox_config_dir=fleet.config, convox_hosts="racks")
    assert "Audit of 2 racks" in fleet.output
    # One is misspelt, and the other is known to AWS alone.
    one, two = fleet.racks
    fleet.hosts = {name: {("convox_hots" if option == "convox_host" else option): value for option, value in given.items()} for name, given in hosts.items()}
    del fleet.hosts[one.name]["convox_region"]
    assert f"convox_host: not given for {one.name}, nor is convox_rack" in fleet.play("audit", status=2, convox_config_dir=fleet.config)
    report = fleet.audit(convox_hosts=two.name)
    assert two.rack_domain in {each["id"] for each in report["racks"]}


@pytest.mark.parametrize("core", PYTHONS)
def test_no_racks_need_be_named(machine: Machine, console: Console, new_rack: NewRack, core: str) -> None:
    """A Console alone, beside hosts that are no racks; homes alone."""
    rack = new_rack(console=True)
    fleet = Audited(machine, [])
    fleet.use_core(core)
    machine.log_in(console.host, console.api_key)
    inventory = machine.inputs / "others.json"
    inventory.write_text(json.dumps({"web": {"hosts": {"web1": {}, "web2": {}}}}), encoding="utf-8")
    for arguments in ((), ("-i", str(inventory))):
        report = fleet.audit(*arguments, convox_host=console.host)
        assert [each["name"] for each in report["racks"]] == [rack.name]
    report = fleet.audit(convox_homes=[str(machine.home)], convox_console=False)
    assert {each["kind"]: each["state"] for each in report["sources"]}["files"] == "answered"


# -- what the others mend -----------------------------------------------------------------------------------------
def test_rotate_all_mends_what_was_found(machine: Machine, console: Console, new_rack: NewRack) -> None:
    """Each of these is gone after it, and the next audit says so."""
    key = "TwinTwinTwinTwinTwinTwinTwin01"
    latent, old, weak, *_twins = racks = [
        new_rack(),
        new_rack(key_pair="old-keypair-5000", former_key_pairs=2),
        new_rack(key="Rack-Pass-2020"),
        new_rack(key=key),
        new_rack(key=key),
    ]
    fleet = Audited(machine, racks)
    latent.set_password("L" * 30)
    latent.wait_at_rest()
    old.set_dates(key_days=200, pair_days=400, signing_key_days=500)
    machine.log_in(console.host, console.api_key)
    machine.environment = {"CONVOX_HOST": console.host, "CONVOX_ACCOUNT_PASSWORD": console.password}
    before = fleet.audit(status=2)
    assert {"rack_key_latent", "instance_key_missing"} <= found(before, of=latent)
    assert {"rack_key_old", "instance_key_old", "key_pair_left"} <= found(before, of=old)
    assert {"key_weak"} <= found(before, of=weak)
    assert {"key_shared", "console_key_age_unknown", "signing_key_old"} <= found(before)

    fleet.play(
        "rotate_all", convox_email=console.email, convox_serial="100%", convox_activate="signing_key", convox_prune=True, convox_console_sync="none"
    )
    after = fleet.audit()
    mended = {each["id"] for each in after["changes"]["mended"]}
    assert mended == found(before) - found(after)
    assert mended >= {
        "rack_key_latent", "rack_key_old", "rack_key_age_unknown", "key_weak", "key_shared",
        "instance_key_missing", "instance_key_old", "key_pair_left", "console_key_age_unknown", "signing_key_old",
    }  # fmt: skip
    assert after["changes"]["new"] == []
    for rack in racks:
        assert found(after, of=rack) == {"rack_not_in_console"}
    assert f"0 new, {len(after['changes']['mended'])} mended" in fleet.output
