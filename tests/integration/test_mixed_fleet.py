# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fleet of all kinds goes through rotate_all and the audit: each rack is rolled as far as its kind allows, and the rest is explained."""
from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.plays import Fleet, in_force, times_set
from tests.integration.test_trust import certificate_of
from tests.integration.watching import nothing_changes
from tests.mixed_fleet import KINDS, ROLLED, TOLD, Kind
from tests.reports import read_report

if TYPE_CHECKING:
    from tests.integration.conftest import NewRack
    from tests.integration.machine import Machine
    from tests.standin.console import Console
    from tests.standin.rack import Rack

ROTATION = "mixed-2026"
ROLL_RACKS, ROLL_INSTANCES = "convox.credentials.rotate_rack_keys", "convox.credentials.rotate_instance_keys"


class Mixed(Fleet):
    """Racks by their kind, as a person would have them in an inventory."""

    def __init__(self, machine: Machine, new_rack: NewRack, console: Console) -> None:
        super().__init__(machine, [])
        self.console = console
        self.kinds = {kind: new_rack(instances=2, terminated_seconds=0, **kind.rack) for kind in KINDS}
        self.racks = list(self.kinds.values())
        self.former = {rack.name: rack.key for rack in self.racks}
        machine.log_in(console.host, console.api_key)
        machine.write(machine.config / "console", console.host)
        machine.environment = {"CONVOX_HOST": console.host, "CONVOX_ACCOUNT_PASSWORD": console.password}
        machine.typed.add(console.password)
        for kind, rack in self.kinds.items():
            way = {"convox_host": console.host, "convox_rack": f"acme/{rack.name}"} if kind.through else {"convox_host": rack.host}
            variables = {name: str(value).format(certificate=certificate_of(rack.host)) for name, value in kind.variables.items()}
            self.hosts[rack.name] = {**way, **variables}
            rack.set_dates(**kind.days)
            if not kind.through:
                machine.log_in(rack.host, rack.key)

    def rotate(self, **variables: Any) -> str:
        return self.play("rotate_all", convox_email=self.console.email, convox_serial="100%", convox_rotation_id=ROTATION, **variables)

    def audit(self) -> dict[str, Any]:
        dest = self.machine.inputs / "audit.json"
        self.play(
            "audit", convox_dest=str(dest), convox_fail_on="never", convox_region="us-east-1", convox_aws=[{"regions": ["us-east-1"]}],
            convox_config_dir=str(self.machine.config),
        )  # fmt: skip
        return read_report(dest)

    def key_of(self, rack: Rack) -> str | None:
        """What people here find as its key."""
        auth = self.machine.auth()
        return auth.get(rack.host, auth.get(rack.rack_domain))


@pytest.fixture
def fleet(machine: Machine, new_rack: NewRack, console: Console) -> Mixed:
    return Mixed(machine, new_rack, console)


def found(report: dict[str, Any], rack: Rack) -> list[dict[str, Any]]:
    """The findings about a rack, whatever it is called there."""
    return [each for each in report["findings"] if each["rack"] == rack.rack_domain]


def writes_to(fleet: Mixed, rack: Rack) -> list[dict[str, Any]]:
    """The requests that ask a rack, or the Console for it, to change something. One for a token of no role gets none, and tells what a key may."""
    entries = fleet.machine.convox.journal.entries()
    ours = (each for each in entries if each["server"] == f"rack {rack.name}" or each["rack"] == f"acme/{rack.name}")
    return [each for each in ours if each["method"] != "GET" and each["path"] != "/system/jwt/token"]


def line_of(output: str, rack: Rack, kind: str) -> str:
    """What a playbook says of a rack under a kind of key; the racks' lines follow each other."""
    part = output.partition("PLAY [Roll the Rack API keys]")[2]
    keys, dummy, instances = part.partition("PLAY [Roll the instance keys]")
    match = re.search(rf"{re.escape(rack.name)}: (.*?)(?= - | rack\d+: |PLAY|$)", keys if kind == "api_key" else instances)
    assert match is not None, (rack.name, kind)
    return match.group(1)


def check(fleet: Mixed, kind: Kind, rack: Rack) -> None:
    """What the stand-in knows to be true of a rack after the rotation."""
    about = f"{kind.name}: {rack.name}"
    if kind.api_key == ROLLED:
        assert in_force(rack) == fleet.key_of(rack) != fleet.former[rack.name], about
        assert times_set(rack) == 1, about
    else:
        assert (rack.accepted_keys, times_set(rack)) == ({fleet.former[rack.name]}, 0), about
    pairs = {each["key_name"] for each in rack.truth()["instances"]}
    if kind.instance_key == ROLLED:
        assert pairs == {rack.parameters["Key"]}, about
        assert rack.parameters["Key"] not in {"", rack.spec.key_pair}, about
        assert rack.key_pair_in_settings in (None, rack.parameters["Key"]), about
    else:
        assert (pairs, rack.parameters["Key"]) == ({None}, ""), about
    held, told = fleet.machine.held_keys(), set(rack.private_keys_told.values())
    assert (len(told), told <= held) == (kind.generation == "v3" and kind.pairs, True), about
    if kind.api_key == TOLD and not kind.pairs:
        assert writes_to(fleet, rack) == [], about
    copies = {each.key for each in fleet.console.records if each.hostname == rack.host}
    assert {None: set(), "ok": rack.accepted_keys, "stale": {fleet.former[rack.name]}}[kind.copy] == copies, about


def check_audit(fleet: Mixed, report: dict[str, Any], **expected: str) -> None:
    """That it finds of each rack what it has to, and names a playbook only where that one can mend it. ``expected``: an attribute of each kind."""
    told = {each["id"]: each for each in report["racks"]}
    assert set(told) == {rack.rack_domain for rack in fleet.racks}
    for kind, rack in fleet.kinds.items():
        about, findings = f"{kind.name}: {rack.name}", found(report, rack)
        more = (expected["more"],) if "more" in expected and kind.by_hand else ()
        assert {each["id"] for each in findings} == {*getattr(kind, expected["of"]), *more}, about
        # Nobody asks a rack whose certificate nobody vouches for; what it is, its stack tells.
        untold = "certificate_unverified" in kind.before and expected["of"] == "before" and kind.generation == "v3"
        assert told[rack.rack_domain]["generation"] == ("" if untold else kind.generation), about
        for each in findings:
            assert each["playbook"] != ROLL_RACKS or kind.api_key == ROLLED, each
            assert each["playbook"] != ROLL_INSTANCES or kind.pairs, each
            assert ("terraform apply" in each["mend"]) == (each["id"] == "rack_key_age_unknown" and kind.api_key == TOLD), each


def test_a_fleet_of_all_kinds(fleet: Mixed) -> None:
    with nothing_changes(fleet.machine):
        check_audit(fleet, fleet.audit(), of="before")

    output = fleet.rotate()
    for kind, rack in fleet.kinds.items():
        check(fleet, kind, rack)
        for key, becomes in (("api_key", kind.api_key), ("instance_key", kind.instance_key)):
            said = line_of(output, rack, key)
            assert said.startswith("rolled, " if becomes == ROLLED else "LEFT TO YOU: "), (kind.name, key, said)
            if becomes == ROLLED and key == "api_key":
                assert "old key refused" in said, (kind.name, said)
            elif key == "api_key":
                assert "`terraform apply -replace=`" in said
            elif becomes == TOLD:
                (pair,) = rack.private_keys_told or [""]
                assert kind.way.format(pair=pair, name=rack.name) in said, (kind.name, said)
    told = {key: [rack.name for kind, rack in fleet.kinds.items() if getattr(kind, key) == TOLD] for key in ("api_key", "instance_key")}
    rolled = {key: len(KINDS) - len(names) for key, names in told.items()}
    for title, key in (("Rack API keys", "api_key"), ("Instance keys", "instance_key")):
        assert f"{title}: {rolled[key]} of {len(KINDS)} committed" in output
        assert f"{len(told[key])} left to you: {', '.join(told[key])}." in output
    assert fleet.console.uninstalled == []

    # Again: nothing is rolled twice, and what is left is told once more.
    with nothing_changes(fleet.machine, locks=False):
        again = fleet.rotate()
    assert again.count("LEFT TO YOU: ") == len(told["api_key"]) + len(told["instance_key"])
    assert again.count(", 0 changed in this run") == 2
    # What waits for people is no other key's matter.
    middle = fleet.audit()
    check_audit(fleet, middle, of="after", more="rotation_unfinished")
    assert {each["playbook"] for each in middle["findings"] if each["id"] == "rotation_unfinished"} == {ROLL_INSTANCES}

    # What was told is done by hand; the next run sees to the rest.
    by_hand = [rack for kind, rack in fleet.kinds.items() if kind.by_hand]
    for rack in by_hand:
        (pair,) = rack.private_keys_told
        rack.apply_terraform({"key_pair_name": pair})
        rack.wait_at_rest()
    last = fleet.rotate()
    for rack in by_hand:
        assert line_of(last, rack, "instance_key").startswith("finished what an earlier run had begun")
        records = [each for each in fleet.machine.records("instance_key") if each.get("key_name") == rack.parameters["Key"]]
        assert [each["current"] for each in records] == [rack.private_keys_told[rack.parameters["Key"]]]
        assert {each["key_name"] for each in rack.truth()["instances"]} == {rack.parameters["Key"]}

    after = fleet.audit()
    check_audit(fleet, after, of="after")
    assert {each["id"] for each in after["changes"]["mended"]} == {"rotation_unfinished"}
    assert "console_key_age_unknown" not in {each["id"] for each in after["findings"]}


def test_a_rack_that_would_lock_others_out_is_no_kind_of_its_own(machine: Machine, new_rack: NewRack, console: Console) -> None:
    """A Console holds it, and nobody said what is to become of its copy: that is refused, and stops the fleet. What is left to people does not."""
    left, held, other = new_rack(version="3.18.2"), new_rack(console=True), new_rack()
    fleet = Fleet(machine, [left, held, other])
    machine.log_in(console.host, console.api_key)
    machine.write(machine.config / "console", console.host)
    with nothing_changes(machine, locks=False):
        output = fleet.play("rotate_rack_keys", status=2, convox_serial="1")
    assert f"{left.name}: LEFT TO YOU: " in output
    for word in (f"{held.name}: FAILED", "console_sync: reimport", "console_sync: none", "nothing was changed", f"not begun: {other.name}"):
        assert word in output
