# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""rack_keyroll by CloudFormation: a lost key is set anew, in the right stack, and everything else there stays."""
from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import pytest

from ansible_collections.convox.credentials.plugins.module_utils import rack_roll
from tests.integration.watching import asked, beside_the_key, new_keys_of, nothing_changes
from tests.standin.journal import fingerprint

if TYPE_CHECKING:
    from tests.integration.conftest import NewRack
    from tests.integration.direct import Direct
    from tests.integration.machine import Machine
    from tests.standin import Standin
    from tests.standin.rack import Rack


def test_everything_else_in_the_stack_stays(machine: Machine, convox: Standin, new_rack: NewRack) -> None:
    """Values that an update by hand would put back: they differ from the template's and from the installer's."""
    rack = new_rack(parameters={"InstanceCount": "5", "InstanceType": "c5.large", "Tenancy": "dedicated", "LogRetention": ""})
    rack.stack.tags["Owner"] = "somebody"
    before = beside_the_key(rack)
    result = machine.run("rack_keyroll", host=rack.host, api_key=rack.key, method="cloudformation")
    assert (result["method"], result["phase"], result["old_refused"]) == ("cloudformation", "committed", "true")
    assert beside_the_key(rack) == before
    assert before["tags"]["Owner"] == "somebody"
    assert rack.accepted_keys == {machine.auth()[rack.host]} == set(new_keys_of(rack))
    assert asked(convox, f"rack {rack.name}", "PUT") == []


@pytest.mark.parametrize("method", ["auto", "cloudformation"])
def test_no_key_is_known(machine: Machine, rack: Rack, method: str) -> None:
    """The stack says which host it is; the old key is learned from SSM, so that its being refused can be proven."""
    old = rack.key
    machine.environment["AWS_DEFAULT_REGION"] = rack.region
    told = machine.run("rack_keyroll", host=rack.host, method=method, check_mode=True)
    assert (told.changed, told["rack"]) == (True, rack.name)
    result = machine.run("rack_keyroll", host=rack.host, method=method)
    assert (result["method"], result["phase"], result["old_refused"]) == ("cloudformation", "committed", "true")
    assert (result["rack"], result["old_fingerprint"]) == (rack.name, fingerprint(old))
    assert rack.accepted_keys == {machine.auth()[rack.host]}
    assert machine.record("rack_api_key", rack.rack_domain)["superseded"] == [old]


def test_the_old_key_is_not_to_be_learned(machine: Machine, convox: Standin, rack: Rack) -> None:
    machine.unknowable.add(rack.key)
    convox.aws_faults.add(action="ssm:GetParameter", times=None)
    result = machine.run("rack_keyroll", host=rack.host, region=rack.region)
    assert (result["old_refused"], result["phase"], result["old_fingerprint"]) == ("unknown", "committed", None)
    assert "old key" in result.warnings
    assert rack.accepted_keys == {machine.auth()[rack.host]}


def test_a_wrong_key_is_known(machine: Machine, direct: Direct, rack: Rack) -> None:
    """Refusals may pass, as while containers restart: only after a minute of them the stack is asked."""
    wrong = "Wrong123" * 4
    machine.log_in(rack.host, wrong)
    done = direct("rack_keyroll", host=rack.host, region=rack.region)
    assert (done.msg, done["method"], done["phase"]) == (None, "cloudformation", "committed")
    assert float(done["waited_s"]) >= 60
    assert rack.accepted_keys == {machine.auth()[rack.host]} == {rack.key}
    assert wrong in machine.record("rack_api_key", rack.rack_domain)["superseded"]


def test_method_api_never_falls_to_cloudformation(machine: Machine, direct: Direct, rack: Rack) -> None:
    machine.log_in(rack.host, "Wrong123" * 4)
    with nothing_changes(machine, locks=False):
        done = direct("rack_keyroll", host=rack.host, region=rack.region, method="api")
    assert "every known key is refused" in str(done.msg)


def test_another_stack_is_not_touched(machine: Machine, new_rack: NewRack) -> None:
    """A stack of that name in this account need not be that rack's."""
    rack, other = new_rack(rack_domain="elsewhere.example.com"), new_rack()
    machine.environment["AWS_DEFAULT_REGION"] = rack.region
    with nothing_changes(machine, locks=False):
        assert "stack_name and region" in machine.fail("rack_keyroll", host=rack.host).msg
        assert "stack_name and region" in machine.fail("rack_keyroll", host=rack.host, stack_name=other.name).msg
        # With a key, the rack itself says what it is called.
        assert other.name in machine.fail("rack_keyroll", host=rack.host, api_key=rack.key, stack_name=other.name).msg
    assert other.accepted_keys == {other.key}


def test_another_rack_s_stack_that_was_named(machine: Machine, new_rack: NewRack) -> None:
    """Its name and region, copied from another entry of an inventory: both racks can be seen, and are not the same."""
    rack, other = new_rack(certificate="self_signed"), new_rack(certificate="self_signed")
    machine.log_in(other.host, other.key)
    given = {"host": rack.host, "stack_name": other.name, "region": other.region, "validate_certs": False}
    with nothing_changes(machine, locks=False):
        for check_mode in (True, False):
            told = machine.fail("rack_keyroll", **given, check_mode=check_mode).msg
            assert f"the stack {other.name} is of the rack at {other.rack_domain}" in told
            assert f"name {other.rack_domain} itself as host" in told
    assert other.accepted_keys == {other.key} == {machine.auth()[other.host]}


@pytest.mark.parametrize("certificate", ["self_signed", "api"])
def test_an_alias_whose_stack_is_named(machine: Machine, new_rack: NewRack, certificate: str) -> None:
    """No output names it: it shows the rack's certificate, or one that no two containers share, and then the caller's word counts."""
    rack = new_rack(certificate=certificate, rack_domain="")
    port = rack.host.rpartition(":")[2]
    given = {"stack_name": rack.name, "region": rack.region, "validate_certs": False}
    assert machine.run("rack_keyroll", host=f"localhost:{port}", **given)["phase"] == "committed"
    assert rack.accepted_keys == {rack.key} == {machine.auth()[f"localhost:{port}"]}


def test_aws_of_another_account_is_not_used(machine: Machine, direct: Direct, new_rack: NewRack) -> None:
    """Its stack of the rack's name is another rack's: the roll goes on without AWS, and says why."""
    rack = new_rack(rack_domain="", region="eu-west-1")
    twin = new_rack()
    done = direct("rack_keyroll", host=rack.host, api_key=rack.key, region=twin.region)
    assert "AWS is not used" in "\n".join(done.warnings)
    assert (done["phase"], done["activated_by"]) == ("committed", "signing_key")
    assert rack.accepted_keys == {machine.auth()[rack.host]}


def test_a_change_that_aws_denies(machine: Machine, convox: Standin, rack: Rack) -> None:
    old = rack.key
    convox.aws_faults.add(action="cloudformation:UpdateStack", times=None)
    failed = machine.fail("rack_keyroll", host=rack.host, api_key=old, method="cloudformation")
    assert "cloudformation:UpdateStack" in failed.msg
    assert (rack.accepted_keys, new_keys_of(rack)) == ({old}, [])
    convox.aws_faults.clear()
    assert machine.run("rack_keyroll", host=rack.host, api_key=old)["phase"] == "committed"


def test_a_reply_of_aws_is_lost(machine: Machine, convox: Standin, rack: Rack) -> None:
    convox.aws_faults.add(action="cloudformation:UpdateStack", effect="drop_after")
    result = machine.run("rack_keyroll", host=rack.host, api_key=rack.key, method="cloudformation")
    assert result["phase"] == "committed"
    assert new_keys_of(rack) == [machine.auth()[rack.host]]


def test_expired_aws_credentials(machine: Machine, convox: Standin, rack: Rack) -> None:
    convox.aws_faults.add(action="cloudformation:*", error="ExpiredToken", message="The security token included in the request is expired", times=None)
    with nothing_changes(machine, locks=False):
        refused = machine.fail("rack_keyroll", host=rack.host, method="cloudformation", region=rack.region)
        assert "renew" in refused.msg
        assert "AWS credentials" in machine.fail("rack_keyroll", host=rack.host, api_key=rack.key, method="cloudformation").msg


def change_sets(convox: Standin) -> int:
    return len(asked(convox, "aws", path="cloudformation:CreateChangeSet"))


@pytest.mark.parametrize("work", [None, rack_roll.wait], ids=["a run", "a batch's wait"])
def test_what_aws_would_replace_is_refused_when_the_key_is_sent_again(machine: Machine, direct: Direct, rack: Rack, work: Any) -> None:
    """After a rollback it is a new update, which takes up what AWS has by now."""
    old = rack.key
    machine.log_in(rack.host, old)
    rack.fault("rollback")
    assert "rolled the update back" in str(direct("rack_keyroll", host=rack.host, allow_replacements=False).msg)
    rack.faults.clear()
    rack.set(image_drift=True)
    before = beside_the_key(rack)
    refused = direct("rack_keyroll", waiting=work, host=rack.host, allow_replacements=False)
    assert "AWS::AutoScaling::AutoScalingGroup" in str(refused.msg)
    assert "kept as pending" in str(refused.msg)
    rack.wait_at_rest()
    assert (len(new_keys_of(rack)), rack.accepted_keys, beside_the_key(rack)) == (1, {old}, before)

    rack.set(image_drift=False)
    done = direct("rack_keyroll", host=rack.host, allow_replacements=False)
    assert (done.msg, done["phase"], done["also_affected"]["instances"]) == (None, "committed", [])
    assert rack.accepted_keys == {machine.auth()[rack.host]}


def test_what_aws_would_replace_is_asked_before_each_sending(machine: Machine, convox: Standin, direct: Direct, rack: Rack) -> None:
    machine.log_in(rack.host, rack.key)
    before = change_sets(convox)
    assert direct("rack_keyroll", host=rack.host, allow_replacements=False)["phase"] == "committed"
    assert change_sets(convox) == before + 1
    rack.fault("drop_before", method="PUT", path="/system$")
    assert direct("rack_keyroll", host=rack.host, allow_replacements=False)["phase"] == "committed"
    assert change_sets(convox) == before + 3


def test_what_aws_would_replace_is_not_asked_where_nothing_is_sent(machine: Machine, convox: Standin, direct: Direct, rack: Rack) -> None:
    """A key that is confirmed is only to be committed."""
    machine.log_in(rack.host, rack.key)
    options = {"host": rack.host, "rotation_id": "q4"}
    begun = direct("rack_keyroll", wait=False, **options)
    waited = direct("rack_keyroll", waiting=functools.partial(rack_roll.wait, sent_for="q4" if begun["sent"] else None), **options)
    assert waited["phase"] == "confirmed"
    rack.set(image_drift=True)
    before = change_sets(convox)
    done = direct("rack_keyroll", allow_replacements=False, **options)
    assert (done.msg, done["phase"], done["also_affected"]["instances"], change_sets(convox)) == (None, "committed", [], before)


def test_what_aws_would_replace_is_told_or_refused(machine: Machine, convox: Standin, new_rack: NewRack) -> None:
    """AWS resolves the newest image at each update: whoever does not want that now is told before anything is changed."""
    rack = new_rack(image_drift=True)
    machine.log_in(rack.host, rack.key)
    instances = sorted(each["id"] for each in rack.truth()["instances"])
    with nothing_changes(machine, locks=False):
        refused = machine.fail("rack_keyroll", host=rack.host, allow_replacements=False)
        assert "AWS::AutoScaling::AutoScalingGroup" in refused.msg
        told = machine.run("rack_keyroll", host=rack.host, allow_replacements=False, check_mode=True)
        assert "check mode" in told.warnings
        convox.aws_faults.add(action="cloudformation:CreateChangeSet", times=None)
        assert "cloudformation:CreateChangeSet" in machine.fail("rack_keyroll", host=rack.host, allow_replacements=False).msg
        convox.aws_faults.clear()
        machine.aws = False
        assert "can't be known" in machine.fail("rack_keyroll", host=rack.host, allow_replacements=False).msg
        machine.aws = True
    rack.set(image_drift=False)
    assert machine.run("rack_keyroll", host=rack.host, allow_replacements=False)["also_affected"]["instances"] == []
    rack.set(image_drift=True)
    replaced = machine.run("rack_keyroll", host=rack.host)
    assert "AWS::AutoScaling::AutoScalingGroup" in replaced.warnings
    assert replaced["also_affected"]["instances"] == instances
    assert rack.accepted_keys == {machine.auth()[rack.host]}
