# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A changed key is not in force: rack_keyroll brings it there, by what is possible, and believes only the containers."""
from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

import pytest

from tests.integration.watching import asked, new_keys_of, nothing_changes
from tests.standin.journal import fingerprint

if TYPE_CHECKING:
    from tests.integration.conftest import NewRack
    from tests.integration.direct import Direct
    from tests.integration.machine import Machine
    from tests.standin import Standin
    from tests.standin.rack import Rack

# The last release whose stack restarts the API itself, and the last whose signing key can't be rolled (convox-protocol 3.2).
RESTARTS_ITSELF = "20230401000000"
ECS_ONLY = "20230704162932"


@pytest.mark.parametrize(("version", "means", "forced"), [(RESTARTS_ITSELF, "stack", 0), (ECS_ONLY, "ecs", 1)])
def test_older_releases(machine: Machine, convox: Standin, new_rack: NewRack, version: str, means: str, forced: int) -> None:
    rack = new_rack(version=version, restart_seconds=0.1)
    before = len(asked(convox, "aws", path="ecs:UpdateService"))
    result = machine.run("rack_keyroll", host=rack.host, api_key=rack.key)
    assert (result["activated_by"], result["phase"]) == (means, "committed")
    assert rack.accepted_keys == {machine.auth()[rack.host]} == set(new_keys_of(rack))
    assert len(asked(convox, "aws", path="ecs:UpdateService")) - before == forced


def test_without_aws_the_signing_key_does_it(machine: Machine, direct: Direct, rack: Rack) -> None:
    """A rack's own word is late: by contract this takes twenty seconds."""
    machine.aws = False
    version = rack.signing_key().version
    told = machine.run("rack_keyroll", host=rack.host, api_key=rack.key, check_mode=True)
    assert (told["activated_by"], "would be restarted by rolling the signing key" in told.warnings) == ("signing_key", True)
    result = direct("rack_keyroll", speed=10.0, host=rack.host, api_key=rack.key)
    assert (result["activated_by"], result["old_refused"], result["phase"]) == ("signing_key", "true", "committed")
    assert rack.accepted_keys == {machine.auth()[rack.host]} == set(new_keys_of(rack))
    assert rack.signing_key().version == version + 1
    assert result["waited_s"] >= 20
    assert any("was restarted by rolling the signing key, which ends its temporary tokens" in each for each in result.warnings)
    asked_for = direct("rack_keyroll", speed=10.0, host=rack.host, activate="signing_key")
    assert (asked_for["activated_by"], asked_for.warnings) == ("signing_key", [])


def test_without_aws_a_release_between_is_refused(machine: Machine, new_rack: NewRack) -> None:
    rack = new_rack(version=ECS_ONLY)
    machine.aws = False
    with nothing_changes(machine, locks=False):
        refusal = machine.fail("rack_keyroll", host=rack.host, api_key=rack.key).msg
    assert "ecs:UpdateService" in refusal
    assert "nothing was changed" in refusal
    with nothing_changes(machine, locks=False):
        assert "ecs:DescribeServices" in machine.fail("rack_keyroll", host=rack.host, api_key=rack.key, activate="ecs").msg


def test_the_mixed_period(machine: Machine, new_rack: NewRack) -> None:
    """Two containers restart one by one, and each goes on to answer while it drains."""
    rack = new_rack(restart_seconds=0.4, drain_seconds=0.8)
    old = rack.key
    result = machine.run("rack_keyroll", host=rack.host, api_key=old)
    # At this very moment, not a while later.
    assert rack.accepted_keys == {machine.auth()[rack.host]}
    assert result["old_refused"] == "true"
    assert rack.service.restarts == 2


@pytest.mark.alone
def test_confirmation_lasts_and_starts_anew(machine: Machine, direct: Direct, rack: Rack) -> None:
    """So many rounds in a row, for so long; silence in between restarts the count."""
    rack.fault("drop_before", path="^/system$", skip=30)
    done = direct("rack_keyroll", host=rack.host, api_key=rack.key, confirm_period=60, confirm_interval=3, confirmations=15)
    assert done["phase"] == "committed"
    questions = asked(machine.convox, f"rack {rack.name}", "GET", "/system")
    (lost,) = (number for number, each in enumerate(questions) if each["status"] is None)
    rounds = [each for each in questions[lost:] if (each["key_fingerprint"], each["status"]) == (fingerprint(rack.key), 200)]
    assert len(rounds) >= 15
    assert lost > 20
    first, last = (datetime.datetime.fromisoformat(each["at"]) for each in (rounds[0], rounds[-1]))
    assert (last - first).total_seconds() * 40 >= 57  # by the fast clock
    assert rack.accepted_keys == {machine.auth()[rack.host]}


@pytest.mark.parametrize("version", [RESTARTS_ITSELF, ECS_ONLY])
def test_more_containers_take_more_rounds(machine: Machine, direct: Direct, new_rack: NewRack, monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    """Three for each container that ECS tells of, whoever restarts them."""
    rack = new_rack(version=version)
    monkeypatch.setattr(rack.service, "_desired", lambda: 4)
    rack.service._reconcile()
    rack.wait_at_rest()
    done = direct("rack_keyroll", host=rack.host, api_key=rack.key)
    assert (done.msg, done["phase"], len(rack.truth()["accepts"])) == (None, "committed", 4)
    questions = asked(machine.convox, f"rack {rack.name}", "GET", "/system")
    rounds = [each for each in questions if (each["key_fingerprint"], each["status"]) == (fingerprint(rack.key), 200)]
    assert len(rounds) >= 12


@pytest.mark.parametrize("outage", ["refuse", "503"])
def test_a_rack_that_is_away_for_a_while(machine: Machine, new_rack: NewRack, outage: str) -> None:
    rack = new_rack(high_availability=False, restart_seconds=1.0, outage=outage)
    result = machine.run("rack_keyroll", host=rack.host, api_key=rack.key)
    assert (result["phase"], rack.accepted_keys) == ("committed", {machine.auth()[rack.host]})


def test_activate_none_leaves_it_latent_and_says_so(machine: Machine, rack: Rack) -> None:
    old = rack.key
    machine.log_in(rack.host, old)
    result = machine.run("rack_keyroll", host=rack.host, activate="none")
    assert (result.changed, result["phase"], result["activated_by"], result["old_refused"]) == (True, "applied", "none", "false")
    assert "latent" in result.warnings
    # The stack is done and the rack says running: that proves nothing.
    assert (rack.stack.status, rack.status()) == ("UPDATE_COMPLETE", "running")
    assert (rack.accepted_keys, machine.auth()[rack.host]) == ({old}, old)

    again = machine.run("rack_keyroll", host=rack.host, activate="none")
    assert (again["phase"], again["resumed"], rack.service.restarts) == ("applied", True, 0)

    finished = machine.run("rack_keyroll", host=rack.host)
    assert (finished["phase"], finished["resumed"], finished["fingerprint"]) == ("committed", True, result["fingerprint"])
    assert rack.accepted_keys == {machine.auth()[rack.host]} == set(new_keys_of(rack))


def test_a_key_that_came_into_force_by_itself(machine: Machine, rack: Rack) -> None:
    """Left latent, then an instance fails and the API restarts elsewhere: nothing is left but to commit."""
    machine.log_in(rack.host, rack.key)
    machine.run("rack_keyroll", host=rack.host, activate="none")
    rack.restart()
    rack.wait_at_rest()
    result = machine.run("rack_keyroll", host=rack.host, activate="none")
    assert (result["phase"], result["old_refused"]) == ("committed", "true")
    assert machine.auth()[rack.host] == rack.key


@pytest.mark.parametrize("turn", [0, 1])
def test_each_key_is_refused_by_one_container(machine: Machine, direct: Direct, rack: Rack, turn: int) -> None:
    """Left latent, then one container of the two died: to have them restarted, a key must meet the one that accepts it."""
    machine.aws = False
    machine.log_in(rack.host, rack.key)
    direct("rack_keyroll", host=rack.host, activate="none")
    rack.restart(rack.service.answering()[0].id)
    rack.wait_at_rest()
    rack.set(balance_requests=True)
    assert len(rack.accepted_keys) == 2
    for _request in range(turn):
        rack.service.next()
    done = direct("rack_keyroll", host=rack.host)
    assert done.msg is None
    assert (done["phase"], done["activated_by"]) == ("committed", "signing_key")
    assert rack.accepted_keys == {machine.auth()[rack.host]} == {rack.key}


def test_a_latent_key_of_somebody_else_is_held(machine: Machine, rack: Rack) -> None:
    """Set before our roll with the documented command, and never in force: a container could still take it up."""
    old, foreign = rack.key, "Foreign1" * 4
    rack.set_password(foreign)
    rack.wait_at_rest()
    begun = machine.run("rack_keyroll", host=rack.host, api_key=old, activate="none")
    assert foreign in machine.record("rack_api_key", rack.rack_domain)["pending"]["found"]
    assert begun["phase"] == "applied"
    machine.run("rack_keyroll", host=rack.host, api_key=old)
    assert rack.accepted_keys == {machine.auth()[rack.host]} == {rack.key}
    assert foreign in machine.record("rack_api_key", rack.rack_domain)["superseded"]


def test_ecs_denied_falls_to_the_signing_key(machine: Machine, convox: Standin, rack: Rack) -> None:
    convox.aws_faults.add(action="ecs:UpdateService", times=None)
    version = rack.signing_key().version
    result = machine.run("rack_keyroll", host=rack.host, api_key=rack.key)
    assert (result["activated_by"], result["phase"]) == ("signing_key", "committed")
    assert "ecs:UpdateService" in result.warnings
    assert (rack.accepted_keys, rack.signing_key().version) == ({machine.auth()[rack.host]}, version + 1)


def test_the_reply_to_a_restart_is_lost(machine: Machine, convox: Standin, direct: Direct, rack: Rack) -> None:
    """It is under way, as its deployments say, and not asked for again."""
    convox.aws_faults.add(action="ecs:UpdateService", effect="drop_after", times=3)
    before = len(asked(convox, "aws", path="ecs:UpdateService"))
    done = direct("rack_keyroll", host=rack.host, api_key=rack.key)
    assert (done.msg, done["phase"], done["activated_by"]) == (None, "committed", "ecs")
    assert len(asked(convox, "aws", path="ecs:UpdateService")) == before + 1
    assert rack.accepted_keys == {machine.auth()[rack.host]}


def test_a_request_for_a_restart_is_lost(machine: Machine, convox: Standin, direct: Direct, rack: Rack) -> None:
    """No deployment says that it is under way: it is asked for again."""
    convox.aws_faults.add(action="ecs:UpdateService", effect="drop_before")
    before = len(convox.journal.entries())
    done = direct("rack_keyroll", host=rack.host, api_key=rack.key)
    assert (done.msg, done["phase"], done["activated_by"]) == (None, "committed", "ecs")
    paths = [each["path"] for each in convox.journal.entries()[before:] if each["server"] == "aws"]
    first, second = (number for number, path in enumerate(paths) if path == "ecs:UpdateService")
    assert "ecs:DescribeServices" in paths[first:second]
    assert rack.accepted_keys == {machine.auth()[rack.host]}


@pytest.mark.parametrize("code", ["ThrottlingException", "RequestLimitExceeded"])
def test_a_restart_that_is_throttled_is_waited_for(machine: Machine, convox: Standin, direct: Direct, rack: Rack, code: str) -> None:
    """It is no refusal of permission: the signing key, which is the whole account's, stays."""
    version = rack.signing_key().version
    convox.aws_faults.add(action="ecs:UpdateService", error=code, message="Rate exceeded", times=6)
    done = direct("rack_keyroll", host=rack.host, api_key=rack.key)
    assert (done.msg, done["phase"], done["activated_by"]) == (None, "committed", "ecs")
    assert (rack.accepted_keys, rack.signing_key().version) == ({machine.auth()[rack.host]}, version)


def test_a_restart_that_is_throttled_for_good(machine: Machine, convox: Standin, direct: Direct, rack: Rack) -> None:
    old, version = rack.key, rack.signing_key().version
    convox.aws_faults.add(action="ecs:UpdateService", error="ThrottlingException", message="Rate exceeded", times=None)
    late = direct("rack_keyroll", host=rack.host, api_key=old, wait_timeout=60)
    assert "wait_timeout is over while waiting for the restart" in str(late.msg)
    assert direct("rack_keyroll", host=rack.host, api_key=old, wait=False).msg is None
    assert (rack.accepted_keys, rack.signing_key().version) == ({old}, version)
    convox.aws_faults.clear()
    assert direct("rack_keyroll", host=rack.host, api_key=old)["phase"] == "committed"


@pytest.mark.parametrize("code", ["ServiceNotActiveException", "InvalidParameterException", "ExpiredTokenException"])
def test_a_restart_that_fails_is_told(machine: Machine, convox: Standin, direct: Direct, rack: Rack, code: str) -> None:
    """Nor is any other no."""
    old, version = rack.key, rack.signing_key().version
    convox.aws_faults.add(action="ecs:UpdateService", error=code, message="not so", times=None)
    failed = direct("rack_keyroll", host=rack.host, api_key=old)
    assert "its API was not restarted (AWS " in str(failed.msg)
    assert code in str(failed.msg)
    pending = machine.record("rack_api_key", rack.rack_domain)["pending"]["key"]
    assert (rack.accepted_keys, rack.key, rack.signing_key().version) == ({old}, pending, version)
    convox.aws_faults.clear()
    assert direct("rack_keyroll", host=rack.host, api_key=old)["phase"] == "committed"
    assert rack.accepted_keys == {pending}


@pytest.mark.parametrize("signing_key", ["impossible", "denied"])
def test_no_restart_is_allowed(machine: Machine, convox: Standin, new_rack: NewRack, signing_key: str) -> None:
    rack = new_rack(**({"version": ECS_ONLY} if signing_key == "impossible" else {}))
    old = rack.key
    convox.aws_faults.add(action="ecs:UpdateService", times=None)
    rack.fault("status", path="/system/jwt/rotate", status=401, body="you are unauthorized to access this\n", times=None)
    failed = machine.fail("rack_keyroll", host=rack.host, api_key=old)
    assert "ecs:UpdateService" in failed.msg + failed.warnings
    assert (failed["phase"], failed["changed"]) in [("applied", True), ("active", True)]
    pending = machine.record("rack_api_key", rack.rack_domain)["pending"]["key"]
    assert (rack.accepted_keys, rack.key) == ({old}, pending)
    assert fingerprint(pending) in failed.msg

    convox.aws_faults.clear()
    assert machine.run("rack_keyroll", host=rack.host, api_key=old)["phase"] == "committed"
    assert rack.accepted_keys == {pending} == {machine.auth()[rack.host]} == set(new_keys_of(rack))


def test_what_aws_denies_is_skipped_and_named(machine: Machine, convox: Standin, rack: Rack) -> None:
    convox.aws_faults.add(action="ssm:GetParameter", times=None)
    result = machine.run("rack_keyroll", host=rack.host, api_key=rack.key)
    assert "ssm:GetParameter" in result.warnings
    assert rack.accepted_keys == {machine.auth()[rack.host]}


@pytest.mark.parametrize("denied", ["ecs:DescribeServices", "ecs:ListTasks", "cloudformation:*"])
def test_less_of_aws(machine: Machine, convox: Standin, direct: Direct, rack: Rack, denied: str) -> None:
    convox.aws_faults.add(action=denied, times=None)
    done = direct("rack_keyroll", host=rack.host, api_key=rack.key)
    assert done.msg is None
    assert denied.partition("*")[0] in "\n".join(done.warnings)
    assert done["activated_by"] == ("ecs" if denied == "ecs:ListTasks" else "signing_key")
    assert rack.accepted_keys == {machine.auth()[rack.host]} == set(new_keys_of(rack))


def test_a_container_that_does_not_come_up_at_first(machine: Machine, rack: Rack) -> None:
    rack.fault("container_never_starts", times=2)
    machine.run("rack_keyroll", host=rack.host, api_key=rack.key)
    assert rack.accepted_keys == {machine.auth()[rack.host]}
