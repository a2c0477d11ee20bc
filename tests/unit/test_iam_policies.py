# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of docs/iam are policies that IAM takes, of actions that AWS has, and the guide knows each of them.

That they are what the tasks need is tested where the tasks run: tests/integration/test_iam.py.
"""
from __future__ import annotations

import functools
import json
import re
import subprocess
from typing import Any

import botocore.session
import pytest
from moto.iam.policy_validation import IAMPolicyDocumentValidator, IAMTrustPolicyDocumentValidator

from tests.iam import FORWARDED, OPERATORS, POLICIES, conditions, document, forwarded
from tests.places import ROOT

NAMES = sorted(path.stem for path in POLICIES.glob("*.json"))
TRUST = ["audit_trust"]
GUIDE = (ROOT / "docs" / "guides" / "iam.md").read_text(encoding="utf-8")
# AWS asks about these without naming a thing (Service Authorization Reference), or their task has to look at all there are.
ON_EVERYTHING = {
    "cloudformation:DescribeStacks", "ec2:DescribeInstances", "ec2:DescribeKeyPairs", "ec2:DescribeLaunchTemplateVersions", "ec2:DescribeLaunchTemplates",
    "ec2:DescribeRegions", "ecs:ListTaskDefinitionFamilies", "ecs:ListTasks", "secretsmanager:ListSecrets", "ssm:DescribeParameters",
}  # fmt: skip
ARN = re.compile(r"arn:aws:[a-z0-9]+:(\*|<region>|):(\*|<account>|<auditing-account>|):[^\s]+")
# IAM's own limit, which counts no white space.
LONGEST = 6144


def statements(name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = document(name)["Statement"]
    return found


def resources(statement: dict[str, Any]) -> list[str]:
    named = statement["Resource"]
    return named if isinstance(named, list) else [named]


@functools.cache
def operations(service: str) -> frozenset[str]:
    return frozenset(botocore.session.get_session().get_service_model(service).operation_names)


@pytest.mark.parametrize("name", NAMES)
def test_iam_takes_it(name: str) -> None:
    policy = document(name)
    assert (set(policy), policy["Version"]) == ({"Version", "Statement"}, "2012-10-17")
    assert len(re.sub(r"\s", "", json.dumps(policy))) <= LONGEST
    sids = [each["Sid"] for each in policy["Statement"]]
    assert len(set(sids)) == len(sids)
    assert all(re.fullmatch("[A-Za-z0-9]+", sid) for sid in sids)
    for each in policy["Statement"]:
        assert set(each) - {"Condition"} == {"Sid", "Effect", "Action", "Principal" if name in TRUST else "Resource"}
        assert (each["Effect"], isinstance(each["Action"], list)) == ("Allow", True)
    # The emulator's own reading of IAM's grammar, once something stands in the place of each placeholder.
    validator = IAMTrustPolicyDocumentValidator if name in TRUST else IAMPolicyDocumentValidator
    validator(re.sub("<[a-z-]+>", "123456789012", json.dumps(policy))).validate()


@pytest.mark.parametrize("name", NAMES)
def test_its_actions_are_aws_s(name: str) -> None:
    """By name, each of them: no pattern, and nothing twice."""
    actions = [action for each in statements(name) for action in each["Action"]]
    assert len(set(actions)) == len(actions)
    for each in statements(name):
        assert each["Action"] == sorted(each["Action"])
        for service, operation in (action.split(":") for action in each["Action"]):
            assert operation in operations(service)


@pytest.mark.parametrize("name", [name for name in NAMES if name not in TRUST])
def test_it_is_for_as_little_as_can_be_named(name: str) -> None:
    for each in statements(name):
        for resource in resources(each):
            assert resource == "*" or ARN.fullmatch(resource), resource
            if resource == "*":
                assert set(each["Action"]) <= ON_EVERYTHING
            else:
                (service,) = {action.partition(":")[0] for action in each["Action"]}
                assert resource.split(":")[2] == ("iam" if service == "sts" else service)
                assert "/" in resource or "secret:" in resource


@pytest.mark.parametrize("name", NAMES)
def test_its_conditions_are_understood(name: str) -> None:
    """A condition that the tests don't look at is one for AWS's services alone."""
    for each in statements(name):
        for operator, key, value in conditions(each):
            assert isinstance(value, str)
            assert key in FORWARDED if forwarded(each) else operator in OPERATORS
            assert not re.search(r"[*?]", value) or operator.endswith("Like")


def test_the_guide_has_each_policy_and_each_placeholder() -> None:
    assert sorted(set(re.findall(r"iam/(\w+)\.json", GUIDE))) == NAMES
    used = {name for path in POLICIES.glob("*.json") for name in re.findall(r"<[a-z-]+>", path.read_text(encoding="utf-8"))}
    rows = "\n".join(re.findall(r"^\| (`<.*?) \|", GUIDE, re.MULTILINE))
    assert set(re.findall(r"<[a-z-]+>", rows)) == used


def test_the_commands_of_the_guide_fill_them_in() -> None:
    """Those that need no AWS; what comes of them has nothing left to be filled in."""
    commands = re.findall(r"^\$ (sed .*) > (\S+)$", GUIDE, re.MULTILINE)
    assert len(commands) == 3
    for command, into in commands:
        done = subprocess.run(["sh", "-c", command], cwd=ROOT, check=True, capture_output=True, text=True)
        assert "<" not in done.stdout
        assert json.loads(done.stdout)["Version"] == document(into.partition(".")[0])["Version"]
