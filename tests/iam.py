# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The IAM policies in docs/iam as tests use them: read, filled in, and asked whether they allow what AWS was asked for."""
from __future__ import annotations

import contextlib
import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.places import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.standin import Standin

POLICIES = ROOT / "docs" / "iam"
# With these a right counts only where a service of AWS asks in the caller's name, as those of the emulator never do.
FORWARDED = ("aws:CalledVia", "kms:ViaService")
# What the policies' conditions may be: each is true if the one value is like the pattern.
OPERATORS = ("ArnLike", "StringEquals", "StringLike")


def document(name: str) -> dict[str, Any]:
    """A file of docs/iam as it is, placeholders and all."""
    found: dict[str, Any] = json.loads((POLICIES / f"{name}.json").read_text(encoding="utf-8"))
    return found


def conditions(statement: dict[str, Any]) -> list[tuple[str, str, Any]]:
    """Operator, key and value of each condition."""
    return [(operator, key, value) for operator, tests in statement.get("Condition", {}).items() for key, value in tests.items()]


def forwarded(statement: dict[str, Any]) -> bool:
    """Whether it is for what AWS's own services ask in the caller's name."""
    return any(key in FORWARDED for _operator, key, _value in conditions(statement))


def actions_of(*names: str) -> set[str]:
    """What a task with these policies may ask AWS for by itself."""
    return {action for name in names for each in document(name)["Statement"] if not forwarded(each) for action in each["Action"]}


@dataclass
class Call:
    """One thing that AWS was asked for: the action, on what, and what conditions look at."""

    action: str
    resources: list[str]
    context: dict[str, str]


@dataclass
class Calls:
    """What AWS was asked for while it was watched. ``actions`` are the journal's: what was denied is among them."""

    account: str
    actions: set[str] = field(default_factory=set)
    made: list[Call] = field(default_factory=list)

    def not_allowed(self, *names: str, **values: str) -> list[str]:
        """What none of these policies allows, with ``values`` in the place of ``<rack>`` and the like."""
        filled = {"account": self.account, **values}
        statements = [each for name in names for each in json.loads(_fill(json.dumps(document(name)), filled))["Statement"] if not forwarded(each)]
        asked = {(call.action, resource, tuple(sorted(call.context.items()))) for call in self.made for resource in call.resources}
        denied = [each for each in asked if not any(_allows(statement, each[0], each[1], dict(each[2])) for statement in statements)]
        return sorted(f"{action} on {resource}" for action, resource, _told in denied)


@contextlib.contextmanager
def watching_aws(convox: Standin) -> Iterator[Calls]:
    """Whoever asks the stand-in's AWS meanwhile, the test itself included."""
    cloud, journal = convox.cloud, convox.journal
    calls, before, act = Calls(cloud.account), journal.total, cloud._act

    def noting(call: Any) -> Any:
        resources, context = _what(call.service, call.operation, f"{call.region}:{cloud.account}", call.fields)
        calls.made.append(Call(call.name, resources, context))
        return act(call)

    cloud._act = noting  # type: ignore[method-assign]
    try:
        yield calls
    finally:
        del cloud._act
        calls.actions |= {each["path"] for each in journal.entries(journal.total - before) if each["server"] == "aws"}


def _what(service: str, operation: str, where: str, fields: dict[str, Any]) -> tuple[list[str], dict[str, str]]:
    """The resources that AWS asks a policy about, and the keys for its conditions, by AWS's Service Authorization Reference.

    Whatever has none that can be named is asked about as ``*``.
    """
    arn, context = f"arn:aws:{service}:{where}", {}
    if service == "cloudformation" and fields.get("StackName"):
        if "ChangeSetName" in fields:
            context["cloudformation:ChangeSetName"] = fields["ChangeSetName"]
        return [f"{arn}:stack/{fields['StackName']}/1a2b3c4d"], context
    if service == "ecs" and fields.get("cluster"):
        cluster = fields["cluster"]
        context["ecs:cluster"] = cluster if cluster.startswith("arn:") else f"{arn}:cluster/{cluster}"
        named: dict[str, list[str]] = {"DescribeServices": fields.get("services", []), "DescribeTasks": fields.get("tasks", [])}
        return named.get(operation) or ([fields["service"]] if operation == "UpdateService" else ["*"]), context
    if service == "ssm" and ("Name" in fields or "Names" in fields):
        return [f"{arn}:parameter/{name}" for name in fields.get("Names") or [fields["Name"]]], context
    if service == "secretsmanager" and ("SecretId" in fields or "Name" in fields):
        # AWS asks about a secret that is not there by its bare name, and about others with six characters of its own.
        name = fields.get("SecretId") or fields["Name"]
        return [f"{arn}:secret:{name}", f"{arn}:secret:{name}-AbC123"], context
    one = {("ec2", "DeleteKeyPair"): ("key-pair/", "KeyName"), ("dynamodb", "Scan"): ("table/", "TableName")}.get((service, operation))
    if one:
        return [f"{arn}:{one[0]}{fields[one[1]]}"], context
    if (service, operation) == ("sts", "AssumeRole"):
        context["sts:RoleSessionName"] = fields["RoleSessionName"]
        return [fields["RoleArn"]], context
    return ["*"], context


def _fill(text: str, values: dict[str, str]) -> str:
    for name, value in values.items():
        text = text.replace(f"<{name}>", value)
    return text


def _like(value: str | None, pattern: str) -> bool:
    return value is not None and re.fullmatch(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."), value) is not None


def _allows(statement: dict[str, Any], action: str, resource: str, context: dict[str, str]) -> bool:
    patterns = statement["Resource"] if isinstance(statement["Resource"], list) else [statement["Resource"]]
    return (
        action in statement["Action"]
        and any(pattern == "*" or (resource != "*" and _like(resource, pattern)) for pattern in patterns)
        and all(operator in OPERATORS and _like(context.get(key), value) for operator, key, value in conditions(statement))
    )
