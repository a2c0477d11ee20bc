# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A rack's CloudFormation template, as far as keys are concerned (convox-protocol.md, 3.2, 4).

The real one has about a hundred parameters; here are those that matter to a key, and enough others to show that an
update leaves them alone. None has a default, so an update that forgets one fails, as it would be wrong on AWS.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from .spec import SECRET_SINCE

if TYPE_CHECKING:
    from .spec import RackSpec

PASSWORD_LENGTH = 50
# What AWS replaces the instances for, and the API's containers.
REPLACES_INSTANCES = ("Key", "InstanceType", "DefaultAmi", "HttpProxy")
RESTARTS_API = ("Version", "HighAvailability", "Development")
REFERENCED_TAGS = "System=convox,Type=rack"


def parameters(spec: RackSpec) -> dict[str, str]:
    """The values that the stack of a rack starts with."""
    return {
        "Autoscale": "Yes",
        "AvailabilityZones": "",
        "DefaultAmi": "ami-0a1b2c3d4e5f60718",
        "Development": "No",
        "Encryption": "Yes",
        "HighAvailability": "Yes" if spec.high_availability else "No",
        "HttpProxy": "http://user:proxy-secret@proxy:3128",
        "InstanceCount": str(spec.instances),
        "InstanceType": spec.instance_type,
        "InstanceUpdateBatchSize": "1",
        "Internal": "No",
        "Key": spec.key_pair,
        "KmsKey": "",
        "LogRetention": "7",
        "Password": spec.key,
        "Private": "No",
        "SshKey": "",
        "Tags": REFERENCED_TAGS,
        "Tenancy": "default",
        "Version": spec.version,
        "VPCCIDR": "10.0.0.0/16",
        **spec.parameters,
    }


def key_is_a_secret(version: str) -> bool:
    """Whether the API reads the key from SSM, by a constant name, so that a changed one is latent (3.2)."""
    return version >= SECRET_SINCE


def template(spec: RackSpec, domain: str, rack_domain: str) -> str:
    """The template of a rack."""
    secret = key_is_a_secret(spec.version) and spec.key != ""
    outputs: dict[str, Any] = {
        "Dashboard": {"Value": rack_domain},
        "Domain": {"Value": domain},
        "Rack": {"Value": {"Ref": "AWS::StackName"}},
        "RackDomain": {"Value": rack_domain},
        # A rack in development mode shows its key to everybody who may describe stacks (3).
        "Password": {"Condition": "Development", "Value": {"Ref": "Password"}},
    }
    return json.dumps(
        {
            "AWSTemplateFormatVersion": "2010-09-09",
            "Parameters": {
                name: {"Type": "String", **({"NoEcho": True} if name == "Password" else {})}
                for name in parameters(spec)
            },
            "Conditions": {
                "BlankKey": {"Fn::Equals": [{"Ref": "Key"}, ""]},
                "Development": {"Fn::Equals": [{"Ref": "Development"}, "Yes"]},
            },
            "Resources": {
                # Named: without a name the emulator makes a new one at each update (4.7).
                "Cluster": {
                    "Type": "AWS::ECS::Cluster",
                    "Properties": {"ClusterName": {"Fn::Sub": "${AWS::StackName}-Cluster"}},
                },
                "LaunchTemplate": {
                    "Type": "AWS::EC2::LaunchTemplate",
                    "Properties": {
                        "LaunchTemplateName": {"Fn::Sub": "${AWS::StackName}-LaunchTemplate"},
                        "LaunchTemplateData": {
                            "ImageId": {"Ref": "DefaultAmi"},
                            "InstanceType": {"Ref": "InstanceType"},
                            "KeyName": {"Fn::If": ["BlankKey", {"Ref": "AWS::NoValue"}, {"Ref": "Key"}]},
                        },
                    },
                },
                **({"RackApiSecret": _secret()} if secret else {}),
                "ApiWebTasks": _tasks("web", [] if secret else [_key_in_clear()], secret=secret),
                # The monitor still has the key in clear (4.4).
                "ApiMonitorTasks": _tasks("monitor", [_key_in_clear()], secret=False),
                "ServiceWebApi": _service("ApiWebTasks", 2 if spec.high_availability else 1),
                "ServiceMonitor": _service("ApiMonitorTasks", 1),
            },
            "Outputs": outputs,
        }
    )


def _secret() -> dict[str, Any]:
    return {
        "Type": "AWS::SSM::Parameter",
        "Properties": {
            "Name": {"Fn::Sub": "${AWS::StackName}RackApiSecret"},
            "Type": "String",
            "Value": {"Ref": "Password"},
        },
    }


def _key_in_clear() -> dict[str, Any]:
    return {"Name": "PASSWORD", "Value": {"Ref": "Password"}}


def _tasks(kind: str, environment: list[dict[str, Any]], *, secret: bool) -> dict[str, Any]:
    container: dict[str, Any] = {
        "Name": kind,
        "Image": {"Fn::Sub": "convox/rack:${Version}"},
        "Cpu": 128,
        "Memory": 256,
        "Environment": [{"Name": "RACK", "Value": {"Ref": "AWS::StackName"}}, *environment],
    }
    if secret:
        container["Secrets"] = [{"Name": "PASSWORD", "ValueFrom": {"Fn::Sub": "${AWS::StackName}RackApiSecret"}}]
    return {
        "Type": "AWS::ECS::TaskDefinition",
        "Properties": {
            "Family": {"Fn::Sub": f"${{AWS::StackName}}-api-{kind}"},
            "ContainerDefinitions": [container],
        },
    }


def _service(tasks: str, count: int) -> dict[str, Any]:
    return {
        "Type": "AWS::ECS::Service",
        "Properties": {"Cluster": {"Ref": "Cluster"}, "TaskDefinition": {"Ref": tasks}, "DesiredCount": count},
    }
