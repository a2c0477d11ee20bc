# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""What AWS knows of a rack and can do for it, by boto3 (convox-protocol 4): its stack, API service, parameter, pairs.

boto3 is imported when the first client is made, never before: most tasks need no AWS.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import email.utils
import http.client
import ipaddress
import typing as t
import urllib.parse
import uuid

from ansible_collections.convox.credentials.plugins.module_utils.aws_clients import Clients
from ansible_collections.convox.credentials.plugins.module_utils.errors import (
    BadInput,
    BadReply,
    ConvoxError,
    Denied,
    NoAnswer,
    RequestFailed,
)
from ansible_collections.convox.credentials.plugins.module_utils.keys import Secrets, without_secrets
from ansible_collections.convox.credentials.plugins.module_utils.times import Clock

_DENIALS = ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "UnauthorizedException")
_EXPIRED = ("ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "UnrecognizedClientException", "RequestExpired", "AuthFailure")
# How often a read is tried; standard mode of botocore, which waits longer each time.
ATTEMPTS = 5
# Of one client: what racks of one batch ask at once.
MOST_CONNECTIONS = 32
_CHANGE_SET_POLLS, _CHANGE_SET_POLL_S = 60, 2.0


@dataclasses.dataclass(frozen=True)
class Stack:
    """A rack's CloudFormation stack. ``parameters`` and ``outputs`` are without what is secret."""

    name: str
    id: str
    status: str
    parameters: t.Mapping[str, str]
    outputs: t.Mapping[str, str]
    tags: t.Mapping[str, str]
    notification_arns: tuple[str, ...]
    parameter_names: tuple[str, ...]

    def belongs_to(self, host: str) -> bool:
        """Whether this is the stack of the rack that answers at a host."""
        domains = (self.outputs.get("RackDomain"), self.outputs.get("Dashboard"))
        return host in [domain.partition("://")[2] or domain for domain in domains if domain]


@dataclasses.dataclass(frozen=True)
class Task:
    """One API container. ``draining``: told to stop and still answering.

    ``created``: it takes its key at some moment between that and its start, so only this date proves a younger key.
    """

    created: datetime.datetime | None
    draining: bool


@dataclasses.dataclass(frozen=True)
class Service:
    """The API's ECS service. ``deploying``: a restart is under way."""

    desired: int
    deploying: bool


@dataclasses.dataclass(frozen=True)
class StoredKey:
    """The SSM parameter ``<rack>RackApiSecret``: what a container takes up when it starts next (3.2)."""

    key: str
    modified: datetime.datetime


@dataclasses.dataclass(frozen=True)
class Ec2Instance:
    id: str
    key_name: str | None
    state: str
    group: str | None


@dataclasses.dataclass(frozen=True)
class Pair:
    name: str
    created: datetime.datetime | None


class Aws:
    """One account and region, with the caller's or boto3's own credentials."""

    def __init__(
        self,
        secrets: Secrets,
        clock: Clock,
        region: str | None = None,
        profile: str | None = None,
        endpoint_url: str | None = None,
        timeout: float = 30,
        clients: Clients | None = None,
        role_arn: str | None = None,
    ) -> None:
        self.region = region
        self.secrets = secrets
        self._clock = clock
        self._profile = profile
        self._endpoint_url = endpoint_url
        self._timeout = timeout
        self._clients = clients or Clients()
        self._role_arn = role_arn

    def usable(self, wanted: bool) -> bool:
        """Whether boto3 is there and finds credentials; asks nobody but boto3's own sources.

        Raises ImportError without boto3 where AWS is ``wanted``.
        """
        try:
            return self._ask("any of its services", lambda: self._boto().get_credentials()) is not None
        except ImportError:
            if wanted:
                raise
            return False

    def in_region(self, region: str) -> Aws:
        """This account in the region that a rack says it is in, unless the caller named one."""
        if self.region or not region:
            return self
        return Aws(self.secrets, self._clock, region, self._profile, self._endpoint_url, self._timeout, self._clients, self._role_arn)

    def find_stack(self, host: str) -> Stack | None:
        """The rack's stack by the host it answers at."""
        return next((stack for stack in self.rack_stacks() if stack.belongs_to(host)), None)

    def rack_stacks(self) -> t.Iterator[Stack]:
        """The stacks that are tagged as racks (4.1); AWS hands a stack's tags down to those that it is made of."""
        for page in self.pages("cloudformation", "describe_stacks"):
            for data in page["Stacks"]:
                stack = _stack(data)
                if stack.tags.get("System") == "convox" and stack.tags.get("Type") == "rack" and not data.get("ParentId"):
                    yield stack

    def regions(self) -> list[str]:
        """Those that are enabled for this account."""
        return sorted(region["RegionName"] for region in self.call("ec2", "describe_regions")["Regions"])

    def stack(self, name: str) -> Stack:
        reply = self.call("cloudformation", "describe_stacks", StackName=name)
        return _stack(reply["Stacks"][0])

    def rack(self, name: str) -> RackResources:
        return RackResources(self, name)

    def pairs(self, prefix: str) -> list[Pair]:
        """The account's key pairs of one rack, by their names (4.5)."""
        reply = self.call("ec2", "describe_key_pairs", Filters=[{"Name": "key-name", "Values": [prefix + "*"]}])
        return [Pair(p["KeyName"], p.get("CreateTime")) for p in reply["KeyPairs"]]

    def delete_pair(self, name: str) -> None:
        self.call("ec2", "delete_key_pair", KeyName=name)

    def instances(self, rack: str) -> list[Ec2Instance]:
        """Instances of a rack in any state, terminated ones left out; ``group``: their Auto Scaling group."""
        found = []
        for page in self.pages("ec2", "describe_instances", Filters=[{"Name": "tag:Rack", "Values": [rack]}]):
            for data in [i for reservation in page["Reservations"] for i in reservation["Instances"]]:
                tags = tags_of(data)
                instance = Ec2Instance(data["InstanceId"], data.get("KeyName"), data["State"]["Name"], tags.get("aws:autoscaling:groupName"))
                if instance.state != "terminated":
                    found.append(instance)
        return found

    def pairs_of_instances(self, names: t.Collection[str]) -> set[str]:
        """Those of the named pairs that an instance has, whatever its state and whosever it is."""
        filters = [{"Name": "key-name", "Values": sorted(names)}]
        pages = self.pages("ec2", "describe_instances", Filters=filters)
        return {i.get("KeyName", "") for page in pages for r in page["Reservations"] for i in r["Instances"]}

    def launch_template_pairs(self) -> set[str]:
        """The pairs that any launch template names: an instance could start with one tomorrow."""
        names = set()
        for page in self.pages("ec2", "describe_launch_templates"):
            for template in page["LaunchTemplates"]:
                versions = self.call(
                    "ec2", "describe_launch_template_versions", LaunchTemplateId=template["LaunchTemplateId"], Versions=["$Latest", "$Default"]
                )
                names |= {v["LaunchTemplateData"].get("KeyName") for v in versions["LaunchTemplateVersions"]}
        return {name for name in names if name}

    def call(self, service: str, operation: str, /, **arguments: t.Any) -> dict[str, t.Any]:
        """One operation; boto3 repeats it after throttling and lost replies."""
        return self._call(service, operation, arguments, ATTEMPTS)

    def call_once(self, service: str, operation: str, /, **arguments: t.Any) -> dict[str, t.Any]:
        """One operation that is never repeated here, for what came of it has to be learned first."""
        return self._call(service, operation, arguments, 1)

    def sleep(self, seconds: float) -> None:
        self._clock.sleep(seconds)

    def _call(self, service: str, operation: str, arguments: t.Mapping[str, t.Any], attempts: int) -> dict[str, t.Any]:
        return self._ask(_action(service, operation), lambda: getattr(self._client(service, attempts), operation)(**arguments))

    def pages(self, service: str, operation: str, /, **arguments: t.Any) -> t.Iterator[dict[str, t.Any]]:
        action = _action(service, operation)
        pages = self._ask(action, lambda: iter(self._client(service, ATTEMPTS).get_paginator(operation).paginate(**arguments)))
        while True:
            page = self._ask(action, lambda: next(pages, None))
            if page is None:
                return
            yield page

    def _client(self, service: str, attempts: int) -> t.Any:
        return self._clients.get(
            (service, attempts, self.region, self._profile, self._role_arn, self._endpoint_url, self._timeout), lambda: self._make_client(service, attempts)
        )

    def _make_client(self, service: str, attempts: int) -> t.Any:
        import botocore.config

        retries = {"mode": "standard", "total_max_attempts": attempts}
        config = botocore.config.Config(
            connect_timeout=self._timeout, read_timeout=self._timeout, retries=retries, max_pool_connections=MOST_CONNECTIONS
        )
        try:
            client = self._boto().client(service, region_name=self.region, endpoint_url=self._endpoint_url, config=config)
        except ValueError as exc:
            raise BadInput(
                f"region or endpoint_url: {_one_line(exc)}; write a region, and a URL or none, which is AWS itself (AWS_ENDPOINT_URL too)"
            ) from None
        _refuse_clear(client.meta.endpoint_url)
        client.meta.events.register("response-received", _refuse_half)
        return client

    def _boto(self) -> t.Any:
        # One for all regions: it reads what AWS's services are like, once.
        return self._clients.get(("session", self._profile, self._role_arn), self._make_session if not self._role_arn else self._take_role)

    def _make_session(self) -> t.Any:
        import boto3
        import botocore.exceptions

        try:
            return boto3.session.Session(profile_name=self._profile)
        except botocore.exceptions.BotoCoreError as exc:
            raise BadInput(f"profile: {_one_line(exc)}; name one of the AWS configuration's profiles") from None

    def _take_role(self) -> t.Any:
        """A session with the role's credentials, which last for an hour."""
        import boto3

        own = Aws(self.secrets, self._clock, self.region, self._profile, self._endpoint_url, self._timeout, self._clients)
        taken = own.call("sts", "assume_role", RoleArn=self._role_arn, RoleSessionName="convox-credentials")["Credentials"]
        for name in ("SecretAccessKey", "SessionToken"):
            self.secrets.add(taken[name])
        return boto3.session.Session(
            aws_access_key_id=taken["AccessKeyId"], aws_secret_access_key=taken["SecretAccessKey"], aws_session_token=taken["SessionToken"]
        )

    def _hear(self, reply: t.Any) -> None:
        # Not the Date header of CloudFormation alone: whichever AWS service spoke last is right.
        header = reply.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date") if isinstance(reply, dict) else None
        if header:
            with contextlib.suppress(TypeError, ValueError):
                self._clock.hear(email.utils.parsedate_to_datetime(header))

    def _ask(self, action: str, question: t.Callable[[], t.Any]) -> t.Any:
        """The answer; boto3's exceptions in this collection's words."""
        import botocore.exceptions
        import botocore.parsers

        try:
            reply = question()
        except (http.client.IncompleteRead, botocore.parsers.ResponseParserError):
            # Of the parser's text nothing is shown: it is the reply itself.
            failure: ConvoxError = NoAnswer(f"AWS {action}: the reply was cut off or is none of AWS's; check endpoint_url, then run again")
        except (botocore.exceptions.ClientError, botocore.exceptions.BotoCoreError, ValueError) as exc:
            failure = self._translated(action, exc)
        else:
            self._hear(reply)
            return reply
        # Out here, so that nothing of boto3's error is kept: AWS's own text is not ours to vouch for.
        raise failure

    def _translated(self, action: str, exc: Exception) -> ConvoxError:
        import botocore.exceptions

        if isinstance(exc, botocore.exceptions.ClientError):
            error = exc.response.get("Error", {})
            code, text = str(error.get("Code", "")), self.secrets.redact(_one_line(error.get("Message", "")))
            if code in _DENIALS:
                return Denied(f"AWS denies {action}: {text}; allow it for these credentials", action)
            if code in _EXPIRED:
                return RequestFailed(f"AWS does not accept the credentials ({code}): renew them and run again")
            status = int(exc.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
            return BadReply(f"AWS {action}: {code}: {text}", status, f"{code}: {text}")
        if isinstance(exc, (botocore.exceptions.NoCredentialsError, botocore.exceptions.PartialCredentialsError)):
            return RequestFailed(f"AWS needs credentials for {action}: set profile, or boto3's own environment")
        if isinstance(exc, botocore.exceptions.NoRegionError):
            return BadInput(f"region: AWS needs one for {action}; set region, or AWS_DEFAULT_REGION")
        # Of proxies' URLs, boto3's texts hold passwords that no search for them could tell.
        if isinstance(exc, botocore.exceptions.ProxyConnectionError):
            return NoAnswer(f"AWS {action}: the proxy does not answer; check HTTPS_PROXY, HTTP_PROXY and NO_PROXY")
        if isinstance(exc, ValueError) or isinstance(getattr(exc, "kwargs", {}).get("error"), ValueError):
            said = f"AWS {action}: a URL is none that can be used; check endpoint_url, HTTPS_PROXY and HTTP_PROXY, proxies as http://name:port"
            return NoAnswer(said, sent=False, lasting=True)
        return NoAnswer(f"AWS {action}: {self.secrets.redact(_one_line(exc))}; check region, endpoint_url and the way to AWS")


class RackResources:
    """The AWS resources of one rack, by its stack's name."""

    def __init__(self, aws: Aws, name: str) -> None:
        self.aws = aws
        self.name = name
        self._physical: dict[str, str] | None = None

    def stack(self) -> Stack:
        return self.aws.stack(self.name)

    def set_parameter(self, name: str, value: str) -> None:
        """One parameter anew and every other one as it is: the template, tags and topics too (4.2)."""
        self.aws.call_once("cloudformation", "update_stack", **_as_it_is(self.stack(), {name: value}))

    def would_replace(self) -> list[str]:
        """What AWS would replace at an update that changes nothing: it resolves machine images anew each time (4.2).

        Told by a change set, which is deleted at once. Each as ``LogicalId (Type)``.
        """
        names = {"StackName": self.name, "ChangeSetName": f"convox-credentials-{uuid.uuid4().hex}"}
        as_it_is = _as_it_is(self.stack(), {})
        try:
            self.aws.call_once("cloudformation", "create_change_set", **{**as_it_is, **names})
        except (BadReply, NoAnswer) as exc:
            if isinstance(exc, NoAnswer) or exc.status >= 500:
                self._delete_if_made(names)
            raise
        try:
            changes = self._changes(names)
        finally:
            self.aws.call("cloudformation", "delete_change_set", **names)
        replaced = [change for change in changes if change.get("Replacement") in ("True", "Conditional")]
        return [f"{change['LogicalResourceId']} ({change['ResourceType']})" for change in replaced]

    def _delete_if_made(self, names: t.Mapping[str, str]) -> None:
        """A change set can be there though nobody said so; AWS deletes none that it is still making."""
        with contextlib.suppress(ConvoxError):
            self._changes(names)
        with contextlib.suppress(ConvoxError):
            self.aws.call_once("cloudformation", "delete_change_set", **names)

    def _changes(self, names: t.Mapping[str, str]) -> list[dict[str, t.Any]]:
        """What a change set would change, once AWS has made it."""
        changes: list[dict[str, t.Any]] = []
        more: dict[str, str] = {}
        for turn in range(_CHANGE_SET_POLLS):
            reply = self.aws.call("cloudformation", "describe_change_set", **names, **more)
            if reply["Status"] in ("CREATE_PENDING", "CREATE_IN_PROGRESS"):
                self.aws.sleep(_CHANGE_SET_POLL_S if turn else 0.5)
                continue
            if reply["Status"] == "FAILED" and "didn't contain changes" in reply.get("StatusReason", ""):
                return []
            if reply["Status"] != "CREATE_COMPLETE":
                raise BadReply(f"AWS cloudformation:DescribeChangeSet: {reply['Status']}: {_one_line(reply.get('StatusReason', ''))}", 400)
            changes += [change["ResourceChange"] for change in reply["Changes"] if "ResourceChange" in change]
            if not reply.get("NextToken"):
                return changes
            more = {"NextToken": reply["NextToken"]}
        raise NoAnswer("AWS cloudformation:DescribeChangeSet: the change set was not made in time; run again")

    def stored_key(self) -> StoredKey:
        reply = self.aws.call("ssm", "get_parameter", Name=f"{self.name}RackApiSecret")["Parameter"]
        self.aws.secrets.add(reply["Value"])
        return StoredKey(reply["Value"], reply["LastModifiedDate"])

    def service(self) -> Service:
        reply = self.aws.call("ecs", "describe_services", cluster=self._id("Cluster"), services=[self._id("ServiceWebApi")])
        if not reply["services"]:
            raise BadReply(f"AWS: the stack {self.name} has no API service in its cluster", 404)
        data = reply["services"][0]
        deployments = data.get("deployments", [])
        deploying = len(deployments) > 1 or any(d.get("rolloutState", "COMPLETED") == "IN_PROGRESS" for d in deployments)
        return Service(int(data.get("desiredCount", 0)), deploying)

    def tasks(self) -> list[Task]:
        """Every container of the API that can still answer, draining ones included."""
        where = {"cluster": self._id("Cluster"), "serviceName": self._id("ServiceWebApi")}
        arns = [
            arn for status in ("RUNNING", "STOPPED") for page in self.aws.pages("ecs", "list_tasks", desiredStatus=status, **where) for arn in page["taskArns"]
        ]
        tasks = []
        for start in range(0, len(arns), 100):
            reply = self.aws.call("ecs", "describe_tasks", cluster=where["cluster"], tasks=arns[start : start + 100])
            alive = [task for task in reply["tasks"] if task.get("lastStatus") != "STOPPED"]
            tasks += [Task(task.get("createdAt"), task.get("desiredStatus") == "STOPPED") for task in alive]
        return tasks

    def restart_api(self) -> None:
        """A forced deployment of the API's service: its containers start anew, one by one (3.2). Each request is another restart."""
        self.aws.call_once("ecs", "update_service", cluster=self._id("Cluster"), service=self._id("ServiceWebApi"), forceNewDeployment=True)

    def groups(self) -> set[str]:
        """The stack's own Auto Scaling groups, by name."""
        # DescribeStackResources would tell of the first hundred resources alone.
        pages = self.aws.pages("cloudformation", "list_stack_resources", StackName=self.name)
        groups = [r for page in pages for r in page["StackResourceSummaries"] if r["ResourceType"] == "AWS::AutoScaling::AutoScalingGroup"]
        # One that is not made yet has no name, nor an instance.
        return {group["PhysicalResourceId"] for group in groups if group.get("PhysicalResourceId")}

    def _id(self, logical: str) -> str:
        if self._physical is None:
            self._physical = {}
        if logical not in self._physical:
            reply = self.aws.call("cloudformation", "describe_stack_resource", StackName=self.name, LogicalResourceId=logical)
            physical = reply["StackResourceDetail"].get("PhysicalResourceId")
            if not physical:
                raise BadReply(f"AWS: the stack {self.name} has no {logical} yet", 404)
            self._physical[logical] = physical
        return self._physical[logical]


def _refuse_clear(url: str) -> None:
    """Raises BadInput where anybody on the way could read the keys that AWS is given, and those that it tells."""
    parts = urllib.parse.urlsplit(url)
    host = parts.hostname or ""
    local = host == "localhost"
    with contextlib.suppress(ValueError):
        local = local or ipaddress.ip_address(host).is_loopback
    if parts.scheme != "https" and not local:
        raise BadInput(f"endpoint_url: {parts.scheme}://{host} would be sent keys in clear: nothing was sent; write https:// (AWS_ENDPOINT_URL too)")


def _refuse_half(response_dict: t.Mapping[str, t.Any] | None = None, **dummy: t.Any) -> None:
    """boto3 takes a reply that was cut off for a whole one, and one in JSON then for an empty answer: no secret, no container."""
    if response_dict is None:
        return
    body, length = response_dict.get("body"), response_dict.get("headers", {}).get("content-length")
    if isinstance(body, bytes) and length and length.isdigit() and len(body) != int(length):
        raise http.client.IncompleteRead(b"", int(length) - len(body))


def tags_of(data: t.Mapping[str, t.Any]) -> dict[str, str]:
    """The tags in a description of something."""
    return {tag["Key"]: tag["Value"] for tag in data.get("Tags", [])}


def as_tags(tags: t.Mapping[str, str]) -> list[dict[str, str]]:
    """Tags as AWS takes them."""
    return [{"Key": name, "Value": value} for name, value in tags.items()]


def _as_it_is(stack: Stack, but: t.Mapping[str, str]) -> dict[str, t.Any]:
    """An update of a stack in which everything stays but some parameters: what is not named, AWS would put back (4.2)."""
    others = [{"ParameterKey": name, "UsePreviousValue": True} for name in stack.parameter_names if name not in but]
    return {
        "StackName": stack.name,
        "UsePreviousTemplate": True,
        "Parameters": others + [{"ParameterKey": name, "ParameterValue": value} for name, value in but.items()],
        "Capabilities": ["CAPABILITY_IAM"],
        "Tags": as_tags(stack.tags),
        "NotificationARNs": list(stack.notification_arns),
    }


def _action(service: str, operation: str) -> str:
    """The right that an operation needs, as policies name it."""
    return "%s:%s" % (service, "".join(word.capitalize() for word in operation.split("_")))


def _one_line(text: object) -> str:
    return " ".join(str(text).split())


def _stack(data: t.Mapping[str, t.Any]) -> Stack:
    parameters = {p["ParameterKey"]: p.get("ParameterValue", "") for p in data.get("Parameters", [])}
    outputs = {o["OutputKey"]: o["OutputValue"] for o in data.get("Outputs", [])}
    return Stack(
        name=data["StackName"],
        id=data.get("StackId", ""),
        status=data["StackStatus"],
        parameters=without_secrets(parameters),
        outputs=without_secrets(outputs),
        tags={name: value for name, value in tags_of(data).items() if not name.startswith("aws:")},
        notification_arns=tuple(data.get("NotificationARNs", [])),
        parameter_names=tuple(parameters),
    )
