# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What AWS knows of a rack and can do for it (convox-protocol, 4), asked of an emulated one."""
from __future__ import annotations

import datetime
import typing as t

import pytest

from ansible_collections.convox.credentials.plugins.module_utils.aws import Aws, Stack
from ansible_collections.convox.credentials.plugins.module_utils.errors import BadReply, Denied, NoAnswer, RequestFailed, allowed
from ansible_collections.convox.credentials.plugins.module_utils.rack import nothing_to_change, stack_busy
from tests.standin import Standin
from tests.standin.rack import Rack as StandinRack
from tests.unit.plugins.module_utils.conftest import Asked
from tests.unit.plugins.module_utils.support import NEW, OTHER, failing

NewRack = t.Callable[..., StandinRack]


# -- the stack ----------------------------------------------------------------------------------------------------
def test_a_stack_without_its_secrets(aws: Aws, new_rack: NewRack) -> None:
    """Its key is an output of a rack in development mode; a proxy's address can have one in it."""
    rack = new_rack(parameters={"Development": "Yes"})
    stack = aws.stack(rack.name)
    assert (stack.name, stack.id, stack.status) == (rack.name, rack.stack.stack_id, "CREATE_COMPLETE")
    assert stack.tags == {"System": "convox", "Type": "rack", "Rack": rack.name}
    assert {"Password", "HttpProxy"} <= set(stack.parameter_names) == set(rack.parameters)
    assert not {"Password", "HttpProxy"} & (set(stack.parameters) | set(stack.outputs))
    assert rack.key not in repr(stack)
    assert "proxy-secret" not in repr(stack)


def test_one_parameter_is_set_and_nothing_else(aws: Aws, rack: StandinRack, convox: Standin, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every other one is taken over, and the tags, topics and template, too."""
    sent: list[dict[str, t.Any]] = []
    real = convox.cloud._plays["cloudformation", "UpdateStack"]

    def play(region: str, fields: dict[str, t.Any]) -> t.Any:
        sent.append(fields)
        return real(region, fields)

    monkeypatch.setitem(convox.cloud._plays, ("cloudformation", "UpdateStack"), play)
    topics = [convox.cloud.backend("sns", rack.region).create_topic(name).arn for name in ("one", "two")]
    rack.stack.notification_arns = topics
    rack.stack.tags["aws:cloudformation:stack-name"] = "AWS's own"
    before, tags = rack.parameters, {"System": "convox", "Type": "rack", "Rack": rack.name}
    aws.rack(rack.name).set_parameter("Password", NEW)
    rack.wait_at_rest()
    assert rack.parameters == {**before, "Password": NEW}
    assert rack.stack.tags == tags
    (fields,) = sent
    assert [fields[f"NotificationARNs.member.{number}"] for number in (1, 2)] == topics
    assert (fields["UsePreviousTemplate"], fields["Capabilities.member.1"]) == ("true", "CAPABILITY_IAM")
    assert [value for name, value in fields.items() if name.endswith("ParameterValue")] == [NEW]


def test_nothing_to_change_and_a_busy_stack(aws: Aws, new_rack: NewRack) -> None:
    rack = new_rack(update_seconds=60.0)
    with failing(BadReply, "cloudformation:UpdateStack", "No updates", hiding=[rack.key]) as same:
        aws.rack(rack.name).set_parameter("Password", rack.key)
    aws.rack(rack.name).set_parameter("Password", NEW)
    with failing(BadReply, "UPDATE_IN_PROGRESS", hiding=[NEW, OTHER]) as busy:
        aws.rack(rack.name).set_parameter("Password", OTHER)
    assert [nothing_to_change(each.value) for each in (same, busy)] == [True, False]
    assert [stack_busy(each.value) for each in (same, busy)] == [False, True]


@pytest.mark.parametrize("drift", [False, True])
def test_what_would_be_replaced_beside(aws: Aws, rack: StandinRack, asked: Asked, drift: bool) -> None:
    """By a change set that is gone again, and changed nothing."""
    rack.set(image_drift=drift)
    replaced = aws.rack(rack.name).would_replace()
    assert replaced == (["Instances (AWS::AutoScaling::AutoScalingGroup)"] if drift else [])
    assert [each["path"] for each in asked("aws")][1::2] == ["cloudformation:CreateChangeSet", "cloudformation:DeleteChangeSet"]
    assert (rack.stack.status, rack.truth()["updates"]) == ("CREATE_COMPLETE", [])


def test_a_change_set_that_can_not_be_made(aws: Aws, rack: StandinRack, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is deleted all the same."""
    call, answers = aws.call, iter([{"Status": "CREATE_IN_PROGRESS"}, {"Status": "FAILED", "StatusReason": "Access to the image\nis denied"}])
    deleted: list[t.Any] = []

    def failing_call(service: str, operation: str, /, **arguments: t.Any) -> t.Any:
        if operation == "delete_change_set":
            deleted.append(arguments)
        return next(answers) if operation == "describe_change_set" else call(service, operation, **arguments)

    monkeypatch.setattr(aws, "call", failing_call)
    with failing(BadReply, "FAILED", "Access to the image is denied"):
        aws.rack(rack.name).would_replace()
    assert len(deleted) == 1


@pytest.mark.parametrize("also", ["DescribeChangeSet", "DeleteChangeSet", None])
def test_a_change_set_whose_reply_was_lost_is_deleted(aws: Aws, rack: StandinRack, convox: Standin, asked: Asked, also: str | None) -> None:
    """Once it is made, for AWS deletes none before; the first error is told, whatever goes wrong after it."""
    convox.aws_faults.add(action="cloudformation:CreateChangeSet", effect="drop_after")
    if also:
        convox.aws_faults.add(action=f"cloudformation:{also}", error="ValidationError", status=400)
    with failing(NoAnswer, "cloudformation:CreateChangeSet"):
        aws.rack(rack.name).would_replace()
    assert [each["path"] for each in asked("aws")][2:] == ["cloudformation:DescribeChangeSet", "cloudformation:DeleteChangeSet"]


@pytest.mark.parametrize(("error", "status", "deleted"), [("InternalFailure", 500, 1), ("ValidationError", 400, 0)])
def test_a_change_set_is_deleted_where_it_can_be_there(
    aws: Aws, rack: StandinRack, convox: Standin, asked: Asked, error: str, status: int, deleted: int
) -> None:
    convox.aws_faults.add(action="cloudformation:CreateChangeSet", error=error, status=status)
    with failing(BadReply, "cloudformation:CreateChangeSet", error):
        aws.rack(rack.name).would_replace()
    assert len(asked("aws", path="cloudformation:DeleteChangeSet")) == deleted


@pytest.mark.parametrize("name", ["nobody", "no such name!"])
def test_no_such_stack(aws: Aws, name: str) -> None:
    with failing(BadReply, "cloudformation:DescribeStacks", name):
        aws.stack(name)


# -- whose stack --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("outputs", "host", "own"),
    [
        ({"RackDomain": "rack.example.com"}, "rack.example.com", True),
        ({"Dashboard": "rack.example.com"}, "rack.example.com", True),
        ({"Dashboard": "https://rack.example.com"}, "rack.example.com", True),
        ({"RackDomain": "other.example.com", "Dashboard": "rack.example.com"}, "rack.example.com", True),
        ({"RackDomain": "rack.example.com.evil.com"}, "rack.example.com", False),
        ({"RackDomain": "rack.example.com"}, "rack.example.com:5443", False),
        ({"Domain": "rack.example.com"}, "rack.example.com", False),
        ({"RackDomain": ""}, "", False),
        ({}, "rack.example.com", False),
    ],
)
def test_whether_it_is_the_rack_s(outputs: dict[str, str], host: str, own: bool) -> None:
    assert Stack("alpha", "id", "CREATE_COMPLETE", {}, outputs, {}, (), ()).belongs_to(host) is own


def test_a_stack_by_its_host(aws: Aws, new_rack: NewRack) -> None:
    """A stack that is no rack's does not count, whatever it says."""
    impostor = new_rack(rack_domain="wanted.example.com")
    impostor.stack.tags["Type"] = "app"
    racks = [new_rack(rack_domain="wanted.example.com"), *(new_rack() for _number in range(3))]
    assert [getattr(aws.find_stack(rack.rack_domain), "name", None) for rack in racks] == [rack.name for rack in racks]
    assert aws.find_stack("nobody.example.com") is None


def test_a_stack_on_the_second_page(aws: Aws, new_rack: NewRack, convox: Standin, asked: Asked) -> None:
    """An account has hundreds of stacks."""
    first, wanted = new_rack(), new_rack(rack_domain="wanted.example.com")
    page = f"<Stacks/><NextToken>{first.stack.stack_id}</NextToken>"
    body = f"<DescribeStacksResponse><DescribeStacksResult>{page}</DescribeStacksResult></DescribeStacksResponse>"
    convox.aws_faults.add(action="cloudformation:DescribeStacks", effect="status", status=200, body=body, content_type="text/xml")
    found = aws.find_stack("wanted.example.com")
    assert found is not None
    assert (found.name, len(asked("aws"))) == (wanted.name, 2)


def test_regions_are_apart(aws: Aws, new_rack: NewRack) -> None:
    rack = new_rack(region="eu-west-1")
    with pytest.raises(BadReply):
        aws.stack(rack.name)
    assert aws.in_region("eu-west-1") is aws, "the caller's own word counts"
    elsewhere = Aws(aws.secrets, aws._clock, None, endpoint_url=aws._endpoint_url).in_region("eu-west-1")
    assert elsewhere.stack(rack.name).name == rack.name
    assert elsewhere.in_region("us-east-1") is elsewhere
    nowhere = Aws(aws.secrets, aws._clock)
    assert nowhere.in_region("") is nowhere


# -- the API's containers -----------------------------------------------------------------------------------------
def test_the_service_at_rest_and_while_it_restarts(aws: Aws, new_rack: NewRack) -> None:
    rack = new_rack(restart_seconds=60.0, drain_seconds=60.0)
    own = aws.rack(rack.name)
    assert (own.service().desired, own.service().deploying) == (2, False)
    before = [task.created for task in own.tasks()]
    assert len(before) == 2
    own.restart_api()
    assert own.service().deploying
    rack.set(restart_seconds=0.0)
    rack.life.wait_until(rack.service.settled)
    assert [task.draining for task in own.tasks()] == [False, False, True, True], "a draining one still answers, and counts"
    rack.set(drain_seconds=0.0)
    rack.wait_at_rest()
    assert not own.service().deploying
    after = own.tasks()
    assert [task.draining for task in after] == [False, False]
    assert min(task.created for task in after if task.created) > max(date for date in before if date)


def test_one_container(aws: Aws, new_rack: NewRack) -> None:
    rack = new_rack(high_availability=False)
    own = aws.rack(rack.name)
    assert (own.service().desired, len(own.tasks())) == (1, 1)


def test_more_containers_than_one_question_takes(aws: Aws, rack: StandinRack, asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rack.service, "_desired", lambda: 230)
    rack.set(restart_seconds=0.0)
    rack.service._reconcile()
    rack.wait_at_rest()
    assert len(aws.rack(rack.name).tasks()) == 230
    assert len(asked("aws", path="ecs:DescribeTasks")) == 3


def test_a_service_that_is_gone(aws: Aws, rack: StandinRack, convox: Standin) -> None:
    convox.aws_faults.add(action="ecs:DescribeServices", effect="status", status=200, body='{"services": [], "failures": []}')
    with failing(BadReply, rack.name, "no API service"):
        aws.rack(rack.name).service()


def test_a_service_that_is_not_made_yet(aws: Aws, rack: StandinRack, monkeypatch: pytest.MonkeyPatch) -> None:
    """CloudFormation knows a resource before it has a name."""
    monkeypatch.setattr(aws, "call", lambda *dummy, **dummy2: {"StackResourceDetail": {"LogicalResourceId": "Cluster"}})
    with failing(BadReply, f"{rack.name} has no Cluster yet"):
        aws.rack(rack.name).tasks()


# -- the key in SSM -----------------------------------------------------------------------------------------------
def test_the_stored_key(aws: Aws, rack: StandinRack) -> None:
    stored = aws.rack(rack.name).stored_key()
    assert stored.key == rack.key
    assert aws.secrets.redact(rack.key) == "********"
    assert abs(stored.modified - datetime.datetime.now(datetime.timezone.utc)) < datetime.timedelta(minutes=5)


def test_before_there_was_one(aws: Aws, new_rack: NewRack) -> None:
    with failing(BadReply, "ssm:GetParameter", "ParameterNotFound"):
        aws.rack(new_rack(version="20230417000000").name).stored_key()


# -- instances and pairs ------------------------------------------------------------------------------------------
def test_instances_of_a_rack_only(aws: Aws, new_rack: NewRack) -> None:
    rack, other = new_rack(key_pair="alpha-keypair-1234", instances=3), new_rack(instances=2)
    found = aws.instances(rack.name)
    assert {each.id for each in found} == {each["id"] for each in rack.truth()["instances"]}
    assert {(each.key_name, each.state, each.group) for each in found} == {("alpha-keypair-1234", "running", f"{rack.name}-Instances")}
    assert len(aws.instances(other.name)) == 2
    rack.replace_instance()
    rack.wait_at_rest()
    rack.life.wait_until(rack.instances.all_in_service)
    assert {each.id for each in aws.instances(rack.name)} == {each["id"] for each in rack.truth()["instances"]}, "terminated ones are gone"


def test_pairs_of_a_rack_by_their_names(aws: Aws, new_rack: NewRack) -> None:
    rack = new_rack(former_key_pairs=2, key_pair="pairs-keypair-9000")
    own = aws.pairs(f"{rack.name}-keypair-")
    assert {pair.name for pair in own} == {f"{rack.name}-keypair-{number}" for number in (1000, 1001)}
    assert all(pair.created is not None for pair in own)
    aws.delete_pair(f"{rack.name}-keypair-1000")
    assert [pair.name for pair in aws.pairs(f"{rack.name}-keypair-")] == [f"{rack.name}-keypair-1001"]


def test_pairs_that_somebody_needs(aws: Aws, new_rack: NewRack) -> None:
    """An instance in any state, terminated ones included, or a launch template."""
    rack = new_rack(key_pair="needed-keypair-1111", instances=1)
    aws.rack(rack.name).set_parameter("InstanceType", "t3.large")
    rack.wait_at_rest()
    names = {"needed-keypair-1111", "needed-keypair-2222"}
    assert aws.pairs_of_instances(names) == {"needed-keypair-1111"}
    assert "needed-keypair-1111" in aws.launch_template_pairs()
    assert "needed-keypair-2222" not in aws.launch_template_pairs()


def test_the_stack_s_own_groups(aws: Aws, rack: StandinRack, convox: Standin, asked: Asked) -> None:
    """A stack can be of more resources than AWS tells of at once."""
    pages = [[("alpha-Instances-1", "AWS::AutoScaling::AutoScalingGroup"), ("alpha-Cluster", "AWS::ECS::Cluster")]]
    pages += [[("alpha-BuildInstances-1", "AWS::AutoScaling::AutoScalingGroup"), ("", "AWS::AutoScaling::AutoScalingGroup")]]
    for number, page in enumerate(pages, 1):
        members = "".join(f"<member><PhysicalResourceId>{name}</PhysicalResourceId><ResourceType>{kind}</ResourceType></member>" for name, kind in page)
        more = "<NextToken>more</NextToken>" if number < len(pages) else ""
        result = f"<ListStackResourcesResult><StackResourceSummaries>{members}</StackResourceSummaries>{more}</ListStackResourcesResult>"
        body = f"<ListStackResourcesResponse>{result}</ListStackResourcesResponse>"
        convox.aws_faults.add(action="cloudformation:ListStackResources", effect="status", status=200, body=body, content_type="text/xml")
    assert aws.rack(rack.name).groups() == {"alpha-Instances-1", "alpha-BuildInstances-1"}
    assert len(asked("aws")) == 2


def test_a_stack_without_groups(aws: Aws, rack: StandinRack, asked: Asked) -> None:
    """The emulator's has none in its template."""
    assert aws.rack(rack.name).groups() == set()
    assert [each["path"] for each in asked("aws")] == ["cloudformation:ListStackResources"]


# -- what may be skipped ------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("error", "said"),
    [(Denied("no", "ssm:GetParameter"), "ssm:GetParameter"), (BadReply("it is gone", 400), "it is gone"), (NoAnswer("silence"), "silence")],
)
def test_what_is_denied_is_skipped_and_named(error: Exception, said: str) -> None:
    skipped: list[str] = []

    def ask() -> t.NoReturn:
        raise error

    assert allowed(ask, skipped.append) is None
    assert skipped == [said]
    assert allowed(lambda: 7, skipped.append) == 7


def test_what_is_not_accepted_is_not_skipped() -> None:
    """Expired credentials are a failure, not a missing right."""

    def ask() -> t.NoReturn:
        raise RequestFailed("expired")

    with failing(RequestFailed, "expired"):
        allowed(ask, pytest.fail)
