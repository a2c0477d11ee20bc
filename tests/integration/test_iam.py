# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The IAM policies in docs/iam: each allows what its task asks AWS for, on the things that it asks about, and no more.

That of the audit is tried where the whole of an audit is: tests/unit/plugins/module_utils/test_credential_audit.py.
"""
from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from tests.iam import actions_of, watching_aws
from tests.integration.awx_jobs import Awx
from tests.integration.test_consumers import look_up
from tests.integration.test_inventory import Inventory
from tests.places import ROOT
from tests.standin import AWS_CREDENTIALS

if TYPE_CHECKING:
    from tests.iam import Calls
    from tests.integration.conftest import NewRack
    from tests.integration.direct import Direct, Done
    from tests.integration.machine import Machine
    from tests.standin import Standin
    from tests.standin.console import Console
    from tests.standin.rack import Rack

GUIDE = (ROOT / "docs" / "guides" / "iam.md").read_text(encoding="utf-8")
SECRETS = [{"type": "aws_secretsmanager"}]
WITH_KMS = [{"type": "aws_secretsmanager", "kms_key_id": "alias/convox"}]


def fits(calls: Calls, *names: str, rack: str = "", without: frozenset[str] = frozenset(), **values: str) -> bool:
    """Whether all that was asked for is allowed, and all that is allowed was asked for, but for what the run has no use for."""
    assert calls.not_allowed(*names, rack=rack, region="us-east-1", **values) == []
    assert calls.actions == actions_of(*names) - without
    return True


def quiet(done: Done) -> bool:
    """That it did its work, and missed nothing."""
    assert (done.msg, done.warnings) == (None, [])
    return True


# -- Rack API keys ------------------------------------------------------------------------------------------------
def test_rack_keyroll_by_the_api(convox: Standin, direct: Direct, rack: Rack) -> None:
    with watching_aws(convox) as calls:
        done = direct("rack_keyroll", host=rack.host, api_key=rack.key, region=rack.region, method="api")
    assert quiet(done)
    assert (done["phase"], done["activated_by"]) == ("committed", "ecs")
    assert fits(calls, "rack_keyroll_api", rack=rack.name)


@pytest.mark.parametrize("key", ["known", "lost"])
def test_rack_keyroll_by_cloudformation(convox: Standin, direct: Direct, rack: Rack, key: str) -> None:
    """With ``stack_name`` and ``region``, so that no other stack has to be looked at."""
    known: dict[str, Any] = {"api_key": rack.key} if key == "known" else {}
    with watching_aws(convox) as calls:
        done = direct("rack_keyroll", host=rack.host, stack_name=rack.name, region=rack.region, method="cloudformation", **known)
    assert quiet(done)
    assert (done["phase"], done["method"], done["old_refused"]) == ("committed", "cloudformation", "true")
    assert fits(calls, "rack_keyroll_cloudformation", rack=rack.name)


def test_the_two_ways_differ_by_one_right() -> None:
    assert actions_of("rack_keyroll_cloudformation") - actions_of("rack_keyroll_api") == {"cloudformation:UpdateStack"}
    assert actions_of("rack_keyroll_api") <= actions_of("rack_keyroll_cloudformation")


def test_tokens_are_ended(machine: Machine, convox: Standin, direct: Direct, rack: Rack) -> None:
    machine.log_in(rack.host, rack.key)
    with watching_aws(convox) as calls:
        done = direct("rack_access", host=rack.host, state="signing_key_rolled", region=rack.region)
    assert (done.msg, done["old_refused"]) == (None, "true")
    assert "could not" not in "".join(done.warnings)
    assert fits(calls, "rack_access", rack=rack.name)


# -- instance keys ------------------------------------------------------------------------------------------------
def ec2(convox: Standin) -> Any:
    return boto3.client("ec2", endpoint_url=convox.aws_url, region_name="us-east-1", **AWS_CREDENTIALS)


PRUNES = frozenset({"ec2:DeleteKeyPair", "ec2:DescribeLaunchTemplateVersions", "ec2:DescribeLaunchTemplates"})


@pytest.mark.parametrize("prune", [True, False])
def test_instance_keyroll_v2(machine: Machine, convox: Standin, direct: Direct, new_rack: NewRack, prune: bool) -> None:
    rack = new_rack(former_key_pairs=2, instances=1, terminated_seconds=0.0)
    machine.log_in(rack.host, rack.key)
    ec2(convox).create_launch_template(LaunchTemplateName=f"{rack.name}-other", LaunchTemplateData={"KeyName": "another"})
    with watching_aws(convox) as calls:
        done = direct("instance_keyroll", host=rack.host, region=rack.region, prune=prune)
    ec2(convox).delete_launch_template(LaunchTemplateName=f"{rack.name}-other")
    assert quiet(done)
    assert (done["phase"], done["instances_on_new_key"], len(done["pruned"])) == ("committed", 1, 2 * prune)
    assert fits(calls, "instance_keyroll_v2", rack=rack.name, without=frozenset() if prune else PRUNES)


def test_instance_keyroll_v3(machine: Machine, convox: Standin, direct: Direct, new_rack: NewRack, console: Console) -> None:
    """The private key goes into Secrets Manager, by the rights of that store."""
    machine.log_in(console.host, console.api_key)
    rack = new_rack(version="3.18.2", console=True, uninstallable=True, instances=2, key_pair="people-s-own", terminated_seconds=0)
    ec2(convox).create_key_pair(KeyName=f"{rack.name}-keypair-1700000000")
    with watching_aws(convox) as calls:
        done = direct("instance_keyroll", host=console.host, rack=f"acme/{rack.name}", region=rack.region, prune=True, stores=SECRETS)
    assert quiet(done)
    assert (done["phase"], done["instances_on_new_key"], len(done["pruned"])) == ("committed", 2, 1)
    assert fits(calls, "instance_keyroll_v3", "store", rack=rack.name)


# -- stores -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("stores", [SECRETS, WITH_KMS], ids=["the account's key", "a KMS key"])
def test_keys_are_kept_in_secrets_manager(convox: Standin, direct: Direct, rack: Rack, stores: list[dict[str, Any]]) -> None:
    """Made at the first roll, and written anew at the next one."""
    with watching_aws(convox) as calls:
        first = direct("rack_keyroll", host=rack.host, api_key=rack.key, region=rack.region, stores=stores)
        second = direct("rack_keyroll", host=rack.host, region=rack.region, stores=stores)
    assert quiet(first)
    assert quiet(second)
    # Of the KMS key nothing is asked but by Secrets Manager.
    assert fits(calls, "rack_keyroll_api", "store", "store_kms", rack=rack.name)


def test_keys_are_read_from_secrets_manager(machine: Machine, convox: Standin, direct: Direct, rack: Rack) -> None:
    """The lookup runs in ansible-playbook itself, and rack_info as a module."""
    direct("rack_keyroll", host=rack.host, api_key=rack.key, region=rack.region, stores=SECRETS)
    machine.verbosity = 3
    (machine.inputs / "key").write_text(rack.key, encoding="utf-8")
    ask = f"lookup('convox.credentials.api_key', '{rack.host}', stores=[{{'type': 'aws_secretsmanager'}}], region='{rack.region}')"
    with watching_aws(convox) as calls:
        assert not look_up(machine, f"{ask} == lookup('ansible.builtin.file', '{machine.inputs / 'key'}')").failed
    assert fits(calls, "store_read")
    with watching_aws(convox) as calls:
        done = direct("rack_info", host=rack.host, region=rack.region, stores=SECRETS)
    assert quiet(done)
    assert fits(calls, "store_read")


# -- which racks there are ----------------------------------------------------------------------------------------
def test_the_inventory(machine: Machine, convox: Standin, rack: Rack) -> None:
    machine.environment = {"AWS_DEFAULT_REGION": rack.region}
    inventory = Inventory(machine)
    inventory.options.update(aws=[{"regions": ["all"]}], console=False)
    with watching_aws(convox) as calls:
        hosts = inventory.hosts()
    assert [each for each in hosts if each.endswith(f".{rack.name}")]
    assert fits(calls, "inventory")


# -- AWX ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["Convox: roll all", "Convox: audit", "Convox: respond to a leak"])
def test_the_jobs_of_awx(machine: Machine, convox: Standin, console: Console, new_rack: NewRack, name: str) -> None:
    """By the policies that the guide names for it, and by no other right."""
    (row,) = re.findall(r"^\| AWX: .*? \| (.*?) \|", GUIDE, re.MULTILINE)
    rack = new_rack()
    machine.unknowable = {rack.key}
    credentials = {
        "Convox AWS role": {"region": rack.region, "access_key": "standin", "secret_key": "standin"},
        "Convox Console": {"host": console.host, "email": console.email, "api_key": console.api_key, "account_password": console.password},
        "Convox Rack": {"host": rack.host, "api_key": rack.key},
    }
    survey: dict[str, Any] = {"convox_leaked": "rack_key", "convox_hosts": "convox_racks"} if "leak" in name else {}
    with watching_aws(convox) as calls:
        Awx(machine, [rack], credentials).run(name, **survey)
    assert calls.actions
    assert calls.not_allowed(*row.split(", "), rack=rack.name, region=rack.region) == []


# -- a right that is missing --------------------------------------------------------------------------------------
ROW = re.compile(r"^\| (\w+) \| `(\w+:\w+)`(?:, with `prune`)? \| (goes on|stops before) \|", re.MULTILINE)
MODULES = {"instance_keyroll_v2": "instance_keyroll", "rack_access": "rack_access"}
MORE: dict[str, dict[str, Any]] = {
    "rack_keyroll_api": {"method": "api"},
    "rack_keyroll_cloudformation": {"method": "cloudformation"},
    "instance_keyroll_v2": {},
    "rack_access": {"state": "signing_key_rolled"},
    "store": {"stores": SECRETS},
}


@pytest.mark.parametrize(("task", "right", "comes"), ROW.findall(GUIDE))
def test_what_the_guide_says_of_a_missing_right(
    machine: Machine, convox: Standin, direct: Direct, new_rack: NewRack, task: str, right: str, comes: str
) -> None:
    by_start = task == "instance_keyroll_v2" and right in ("cloudformation:DescribeStacks", "ec2:DescribeInstances")
    # Told by when an instance started, in whole seconds.
    rack = new_rack(former_key_pairs=1, instances=1, terminated_seconds=0.0, update_seconds=1.2 * by_start)
    key, pairs, restarts = rack.key, rack.key_pairs(), rack.service.restarts
    machine.log_in(rack.host, key)
    if task == "store":
        machine.unknowable.add(key)
    if right in PRUNES:
        ec2(convox).create_launch_template(LaunchTemplateName=f"{rack.name}-other", LaunchTemplateData={"KeyName": "another"})
    convox.aws_faults.add(action=right, error="UnauthorizedOperation" if right.startswith("ec2:") else "AccessDeniedException", times=None)
    more = {**MORE[task], **({"prune": True} if right in PRUNES else {})}
    done = direct(MODULES.get(task, "rack_keyroll"), host=rack.host, region=rack.region, speed=10.0 if by_start else 40.0, **more)
    assert right in "\n".join([done.msg or "", *done.warnings])
    assert (done.msg is None) == (comes == "goes on")
    changed = (rack.key, rack.key_pairs(), rack.service.restarts) != (key, pairs, restarts)
    assert changed == (comes != "stops before")
    if right in PRUNES:
        ec2(convox).delete_launch_template(LaunchTemplateName=f"{rack.name}-other")
        assert (done["phase"], done["pruned"], set(pairs) - set(rack.key_pairs())) == ("committed", [], set())


def test_the_guide_tells_of_each_kind_of_task() -> None:
    told = ROW.findall(GUIDE)
    assert {task for task, _right, _comes in told} == set(MORE)
    assert [right for task, right, _comes in told if right not in actions_of(task)] == []
