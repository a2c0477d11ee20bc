# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""CloudFormation's writing operations on a rack's stack, as strict as AWS's (convox-protocol.md, 3, 4.2).

The emulator checks little, finds change sets by name alone, and can't tell that an image has become newer.
"""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

from moto.cloudformation.exceptions import CloudFormationError, ValidationError

from .journal import now
from .messages import Reply
from .template import REPLACES_INSTANCES

if TYPE_CHECKING:
    from .cloud import Cloud
    from .rack import Rack
    from .stack import RackStack

_NAMESPACE = "http://cloudformation.amazonaws.com/doc/2010-05-15/"
_UNCHANGED = "The submitted information didn't contain changes. Submit different information to create a change set."


class InsufficientCapabilitiesException(CloudFormationError):
    """AWS's own: the rack's template makes roles."""

    code = "InsufficientCapabilitiesException"
    message = "Requires capabilities : [CAPABILITY_IAM]"


class ChangeSetNotFoundException(CloudFormationError):
    """AWS's own."""

    code = "ChangeSetNotFound"

    def __init__(self, name: str) -> None:
        super().__init__(f"ChangeSet [{name}] does not exist")


@dataclass
class ChangeSet:
    """What an update would change, asked for beforehand."""

    name: str
    stack: RackStack
    wanted: dict[str, str]
    changes: list[dict[str, Any]]
    created: str = field(default_factory=lambda: now().isoformat(timespec="milliseconds"))

    @property
    def arn(self) -> str:
        """Its id, the same for as long as it is there."""
        stack = self.stack
        unique = uuid.uuid5(uuid.NAMESPACE_OID, stack.stack_id + self.name)
        return f"arn:aws:cloudformation:{stack.region_name}:{stack.account_id}:changeSet/{self.name}/{unique}"


class Formation:
    """The operations that change a rack's stack, or tell what would change."""

    def __init__(self, cloud: Cloud, racks: dict[str, Rack]) -> None:
        self._racks = racks
        self._sets: dict[tuple[str, str], ChangeSet] = {}
        cloud.play("cloudformation", "UpdateStack", self._update_stack)
        cloud.play("cloudformation", "CreateChangeSet", self._create)
        cloud.play("cloudformation", "DescribeChangeSet", self._describe)
        cloud.play("cloudformation", "DeleteChangeSet", self._delete)
        cloud.play("cloudformation", "ExecuteChangeSet", self._execute)

    def _stack(self, region: str, fields: dict[str, Any]) -> RackStack | None:
        name = fields.get("StackName", "")
        for rack in list(self._racks.values()):
            if rack.has_stack and rack.region == region and name in (rack.stack.name, rack.stack.stack_id):
                return rack.stack
        return None

    def _update_stack(self, region: str, fields: dict[str, Any]) -> Reply | None:
        stack = self._stack(region, fields)
        if stack is None:
            return None
        wanted = _wanted(stack, fields)
        tags = {each["Key"]: each["Value"] for each in _members(fields, "Tags")}
        stack.request(wanted, tags or None)
        return _xml("UpdateStack", {"StackId": stack.stack_id})

    def _create(self, region: str, fields: dict[str, Any]) -> Reply | None:
        stack = self._stack(region, fields)
        if stack is None:
            return None
        wanted = _wanted(stack, fields)
        stack.refuse_unless_at_rest()
        made = ChangeSet(fields["ChangeSetName"], stack, wanted, _changes(stack, wanted))
        self._sets[(stack.stack_id, made.name)] = made
        return _xml("CreateChangeSet", {"Id": made.arn, "StackId": stack.stack_id})

    def _find(self, region: str, fields: dict[str, Any]) -> ChangeSet | None:
        name = fields.get("ChangeSetName", "")
        for each in list(self._sets.values()):
            if name == each.arn:
                return each
        stack = self._stack(region, fields)
        return None if stack is None else self._sets.get((stack.stack_id, name))

    def _describe(self, region: str, fields: dict[str, Any]) -> Reply | None:
        found = self._find(region, fields)
        if found is None:
            raise ChangeSetNotFoundException(fields.get("ChangeSetName", ""))
        state = {"ExecutionStatus": "AVAILABLE", "Status": "CREATE_COMPLETE"}
        if not found.changes:
            state = {"ExecutionStatus": "UNAVAILABLE", "Status": "FAILED", "StatusReason": _UNCHANGED}
        return _xml(
            "DescribeChangeSet",
            {
                "ChangeSetName": found.name,
                "ChangeSetId": found.arn,
                "StackId": found.stack.stack_id,
                "StackName": found.stack.name,
                "CreationTime": found.created,
                **state,
                "Changes": [{"Type": "Resource", "ResourceChange": each} for each in found.changes],
            },
        )

    def _delete(self, region: str, fields: dict[str, Any]) -> Reply | None:
        found = self._find(region, fields)
        if found is not None:
            del self._sets[(found.stack.stack_id, found.name)]
        return _xml("DeleteChangeSet", {})

    def _execute(self, region: str, fields: dict[str, Any]) -> Reply | None:
        found = self._find(region, fields)
        if found is None:
            raise ChangeSetNotFoundException(fields.get("ChangeSetName", ""))
        found.stack.request(found.wanted)
        return self._delete(region, fields) and _xml("ExecuteChangeSet", {})


def _wanted(stack: RackStack, fields: dict[str, Any]) -> dict[str, str]:
    """The parameters that a client asks for, every one of which it has to name (4.2)."""
    if fields.get("UsePreviousTemplate") != "true":
        raise ValidationError(message="stand-in: a rack's stack is updated with UsePreviousTemplate only")
    if "CAPABILITY_IAM" not in [value for name, value in fields.items() if name.startswith("Capabilities.member.")]:
        raise InsufficientCapabilitiesException
    wanted = {}
    for each in _members(fields, "Parameters"):
        name = each["ParameterKey"]
        if name not in stack.parameters:
            raise ValidationError(message=f"Parameters: [{name}] do not exist in the template")
        previous = each.get("UsePreviousValue") == "true"
        if previous and each.get("ParameterValue"):
            raise ValidationError(
                message=f"Invalid input for parameter key {name}. "
                "Cannot specify usePreviousValue as true and non empty value for a parameter"
            )
        wanted[name] = stack.parameters[name] if previous else each.get("ParameterValue", "")
    missing = sorted(set(stack.parameters) - set(wanted))
    if missing:
        raise ValidationError(message=f"Parameters: [{', '.join(missing)}] must have values")
    return wanted


def _changes(stack: RackStack, wanted: dict[str, str]) -> list[dict[str, Any]]:
    """The resources that an update would change, with what AWS says of replacing them (4.2)."""
    changed = {name for name in wanted if wanted[name] != stack.parameters[name]}
    names = stack.resource_map.build_resource_diff(stack.template_dict, wanted)["Modify"] if changed else []
    resources = {name: stack.template_dict["Resources"][name]["Type"] for name in names}
    if stack.image_drift or changed & set(REPLACES_INSTANCES):
        resources["LaunchTemplate"] = "AWS::EC2::LaunchTemplate"
        resources["Instances"] = "AWS::AutoScaling::AutoScalingGroup"
    return [
        {
            "Action": "Modify",
            "LogicalResourceId": name,
            "ResourceType": kind,
            # A task definition is replaced by its next revision, a group's instances by its update policy.
            "Replacement": {
                "AWS::ECS::TaskDefinition": "True",
                "AWS::AutoScaling::AutoScalingGroup": "Conditional",
            }.get(kind, "False"),
            "Scope": ["Properties"],
            "Details": [],
        }
        for name, kind in resources.items()
    ]


def _members(fields: dict[str, str], name: str) -> list[dict[str, str]]:
    """A list of structures, as the query protocol has it: Name.member.1.Field."""
    found: dict[int, dict[str, str]] = {}
    for key, value in fields.items():
        match = re.fullmatch(rf"{name}\.member\.(\d+)\.(\w+)", key)
        if match:
            found.setdefault(int(match[1]), {})[match[2]] = value
    return [found[index] for index in sorted(found)]


def _xml(operation: str, result: dict[str, Any]) -> Reply:
    body = (
        f'<{operation}Response xmlns="{_NAMESPACE}"><{operation}Result>{_element(result)}</{operation}Result>'
        f"<ResponseMetadata><RequestId>{uuid.uuid4()}</RequestId></ResponseMetadata></{operation}Response>"
    )
    return Reply(200, body.encode(), "text/xml")


def _element(value: Any) -> str:
    if isinstance(value, dict):
        return "".join(f"<{name}>{_element(each)}</{name}>" for name, each in value.items())
    if isinstance(value, list):
        return "".join(f"<member>{_element(each)}</member>" for each in value)
    return escape(str(value))
