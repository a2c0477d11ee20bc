# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each thing that can be made to go wrong does, as often as it was to."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Callable

import pytest
import requests
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from tests.standin import Standin
    from tests.standin.rack import Rack

    Ask = Callable[..., requests.Response]

NEW = "NewKeyNewKeyNewKeyNewKeyNewKey"
FORM = {"parameters": f"Password={NEW}"}


def test_status(rack: Rack, ask: Ask) -> None:
    """An answer that nothing stands behind; method, path, skip and times say when."""
    headers = {"Retry-After": "3"}
    rack.fault("status", method="GET", path="^/sys", skip=1, times=2, status=503, body="busy", headers=headers)
    assert ask(rack, "GET", "/auth").status_code == 200
    assert [ask(rack, "GET", "/system").status_code for _number in range(4)] == [200, 503, 503, 200]
    rack.fault("status", status=429, headers=headers, times=None)
    assert [ask(rack, "GET", "/auth").headers["Retry-After"] for _number in range(3)] == ["3"] * 3
    rack.faults.clear()
    assert ask(rack, "GET", "/auth").status_code == 200


def test_html(rack: Rack, ask: Ask) -> None:
    """A page, where JSON was to be."""
    rack.fault("html")
    reply = ask(rack, "GET", "/system")
    assert (reply.status_code, reply.headers["Content-Type"]) == (200, "text/html; charset=utf-8")


@pytest.mark.parametrize(("action", "changed"), [("drop_before", False), ("drop_after", True)])
def test_dropped(rack: Rack, convox: Standin, ask: Ask, action: str, changed: bool) -> None:
    """No reply, whether it was done or not."""
    old = rack.key
    rack.fault(action, method="PUT")
    assert ask(rack, "GET", "/system").status_code == 200
    with pytest.raises(requests.ConnectionError):
        ask(rack, "PUT", "/system", data=FORM)
    assert rack.key == (NEW if changed else old)
    noted = convox.truth(requests=1)["requests"][0]
    assert (noted["method"], noted["path"], noted["status"]) == ("PUT", "/system", None)


def test_delay(rack: Rack, ask: Ask) -> None:
    """It takes longer."""
    rack.fault("delay", seconds=0.3)
    began = time.monotonic()
    assert ask(rack, "GET", "/auth").status_code == 200
    assert time.monotonic() - began > 0.3


def test_cut(rack: Rack, ask: Ask) -> None:
    """It is done, and only a half of the reply comes."""
    rack.fault("cut", method="PUT")
    with pytest.raises(requests.exceptions.ChunkedEncodingError, match="1 bytes read, 2 more"):
        ask(rack, "PUT", "/system", data=FORM)
    assert rack.key == NEW


def test_duplicate(rack: Rack, ask: Ask) -> None:
    """It is done twice, and the second reply comes."""
    rack.fault("duplicate", method="POST")
    reply = ask(rack, "POST", "/instances/keyroll")
    assert (reply.status_code, len(rack.key_pairs())) == (500, 2)


def test_refuse_all(rack: Rack, ask: Ask) -> None:
    """The port is closed for a while, and the rack's own again."""
    rack.fault("refuse_all", seconds=0.3)
    with pytest.raises(requests.ConnectionError, match="refused"):
        ask(rack, "GET", "/auth")
    rack.life.pause(0.35)
    assert ask(rack, "GET", "/auth").status_code == 200
    rack.fault("refuse_all", path="/system", seconds=2.0)
    assert ask(rack, "GET", "/auth").status_code == 200
    for _number in range(2):
        with pytest.raises(requests.ConnectionError):
            ask(rack, "GET", "/system")


def test_refused_restart_after_the_signing_key(rack: Rack, ask: Ask) -> None:
    """An error can still mean "changed" (3)."""
    version = rack.truth()["signing_key_version"]
    rack.fault("refuse_restart", error="ServiceUnavailable", message="try again")
    reply = ask(rack, "PUT", "/system/jwt/rotate")
    assert (reply.status_code, reply.text.partition("\n")[0]) == (500, "ServiceUnavailable: try again")
    assert (rack.truth()["signing_key_version"], rack.truth()["restarts"]) == (version + 1, 0)


def test_console(convox: Standin, ask: Ask) -> None:
    """Console has faults of its own."""
    convox.console.fault("status", path="^/auth$", status=502)
    assert [ask(convox.console, "GET", "/auth", convox.console.api_key).status_code for _number in range(2)] == [
        502,
        200,
    ]


@pytest.mark.parametrize(
    ("operation", "code", "call"),
    [
        ("ssm:GetParameter", "AccessDeniedException", lambda aws, name: aws("ssm").get_parameter(Name=name)),
        ("ec2:*", "UnauthorizedOperation", lambda aws, name: aws("ec2").describe_key_pairs()),
        ("cloudformation:DescribeStacks", "AccessDenied", lambda aws, name: aws("cloudformation").describe_stacks()),
        ("ecs:ListTasks", "AccessDeniedException", lambda aws, name: aws("ecs").list_tasks(cluster=name)),
    ],
)
def test_aws(rack: Rack, convox: Standin, aws: Callable[[str], Any], operation: str, code: str, call: Any) -> None:
    """An error in the words of the service's protocol; only for the operation that was meant."""
    convox.aws_faults.add(action=operation, error=code, message="not you")
    aws("sts").get_caller_identity()
    with pytest.raises(ClientError) as refused:
        call(aws, rack.name)
    assert refused.value.response["Error"]["Code"] == code
    assert refused.value.response["Error"]["Message"] == "not you"


def test_aws_for_one_rack(new_rack: Callable[..., Rack], convox: Standin, aws: Callable[[str], Any]) -> None:
    """A part of the request may say for which; and a reply may be lost."""
    # No deployment is over before they are counted.
    one, other = new_rack(restart_seconds=30.0), new_rack()
    values = {"action": "ssm:GetParameter", "error": "AccessDeniedException", "times": None}
    convox.aws_faults.add(**values, body_matches=f"{one.name}RackApiSecret")
    assert aws("ssm").get_parameter(Name=f"{other.name}RackApiSecret")["Parameter"]["Value"] == other.key
    with pytest.raises(ClientError):
        aws("ssm").get_parameter(Name=f"{one.name}RackApiSecret")
    # boto3 asks again by itself.
    convox.aws_faults.add(action="ecs:UpdateService", effect="drop_after")
    aws("ecs").update_service(cluster=one.cluster.name, service=one.web.arn, forceNewDeployment=True)
    assert len(one.service.deployments) == 3


def test_unknown_fault(rack: Rack) -> None:
    """Is refused, rather than never happening."""
    with pytest.raises(ValueError, match="no such fault"):
        rack.fault("explode")
    with pytest.raises(ValueError, match="patth"):
        rack.fault("status", patth="/")
