# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""AWS's refusals in this collection's words, and what is repeated."""
from __future__ import annotations

import types
import typing as t
from pathlib import Path

import botocore.endpoint
import pytest

from ansible_collections.convox.credentials.plugins.module_utils.aws import Aws
from ansible_collections.convox.credentials.plugins.module_utils.errors import BadInput, BadReply, Denied, NoAnswer, RequestFailed
from ansible_collections.convox.credentials.plugins.module_utils.keys import Secrets
from ansible_collections.convox.credentials.plugins.module_utils.times import Clock
from tests.standin import Standin
from tests.standin.rack import Rack as StandinRack
from tests.unit.plugins.module_utils.conftest import Asked
from tests.unit.plugins.module_utils.support import NEW, NO_PROXIES, OTHER, StillClock, failing


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch, convox: Standin) -> t.Iterator[list[float]]:
    """The pauses between tries, which are not made."""
    made: list[float] = []
    monkeypatch.setattr(botocore.endpoint, "time", types.SimpleNamespace(sleep=made.append))
    yield made
    convox.clear_faults()


@pytest.fixture
def configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's own AWS configuration."""
    path = tmp_path / "config"
    path.write_text("[profile ops]\naws_access_key_id = standin\naws_secret_access_key = standin\nregion = eu-west-1\n", encoding="utf-8")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(path))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    return path


def new_aws(convox: Standin | None = None, **more: t.Any) -> Aws:
    return Aws(Secrets(), StillClock(), endpoint_url=convox.aws_url if convox else None, timeout=5, **more)


# -- what AWS says ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("action", "ask"),
    [
        ("cloudformation:DescribeStacks", lambda own: own.stack()),
        ("ssm:GetParameter", lambda own: own.stored_key()),
        ("ecs:DescribeServices", lambda own: own.service()),
        ("secretsmanager:ListSecrets", lambda own: own.aws.call("secretsmanager", "list_secrets")),
        ("ec2:DescribeInstances", lambda own: own.aws.instances("alpha")),
    ],
)
def test_half_a_reply_is_none(aws: Aws, rack: StandinRack, convox: Standin, action: str, ask: t.Callable[..., t.Any]) -> None:
    """To boto3 half a JSON is an answer without anything in it, and the error of half an XML has the reply in its text."""
    convox.aws_faults.add(action=action, effect="cut")
    with failing(NoAnswer, action, "cut off", hiding=["proxy-secret", rack.key]):
        ask(aws.rack(rack.name))


@pytest.mark.parametrize("code", ["AccessDenied", "AccessDeniedException", "UnauthorizedOperation"])
def test_denied_names_the_right(aws: Aws, convox: Standin, code: str) -> None:
    aws.secrets.add(OTHER)
    convox.aws_faults.add(action="cloudformation:DescribeStacks", error=code, message=f"User x is not authorized\nto do it with {OTHER}", status=403)
    with failing(Denied, "AWS denies cloudformation:DescribeStacks", "is not authorized to do it", "allow it", hiding=[OTHER]) as caught:
        aws.stack("alpha")
    assert caught.value.action == "cloudformation:DescribeStacks"


@pytest.mark.parametrize(
    ("ask", "action"),
    [
        (lambda own: own.set_parameter("Password", NEW), "cloudformation:UpdateStack"),
        (lambda own: own.stored_key(), "ssm:GetParameter"),
        (lambda own: own.service(), "ecs:DescribeServices"),
        (lambda own: own.tasks(), "ecs:ListTasks"),
        (lambda own: own.restart_api(), "ecs:UpdateService"),
        (lambda own: own.aws.pairs("alpha-"), "ec2:DescribeKeyPairs"),
        (lambda own: own.aws.instances("alpha"), "ec2:DescribeInstances"),
        (lambda own: own.aws.launch_template_pairs(), "ec2:DescribeLaunchTemplates"),
        (lambda own: own.aws.delete_pair("alpha"), "ec2:DeleteKeyPair"),
    ],
)
def test_every_right_is_named_as_policies_name_it(aws: Aws, rack: StandinRack, convox: Standin, ask: t.Callable[..., t.Any], action: str) -> None:
    convox.aws_faults.add(action=action, error="AccessDenied", times=None)
    with failing(Denied, action, hiding=[NEW]) as caught:
        ask(aws.rack(rack.name))
    assert caught.value.action == action


@pytest.mark.parametrize(
    "code", ["ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "UnrecognizedClientException", "AuthFailure", "RequestExpired"]
)
def test_credentials_that_are_not_accepted(aws: Aws, convox: Standin, code: str) -> None:
    convox.aws_faults.add(action="cloudformation:DescribeStacks", error=code, message="The security token is expired", status=403)
    with failing(RequestFailed, code, "renew"):
        aws.stack("alpha")


def test_another_error_is_quoted(aws: Aws, convox: Standin) -> None:
    convox.aws_faults.add(action="ssm:GetParameter", error="InternalFailure", message="try\nlater", status=400)
    with failing(BadReply, "ssm:GetParameter", "InternalFailure", "try later") as caught:
        aws.rack("alpha").stored_key()
    assert (caught.value.status, caught.value.text) == (400, "InternalFailure: try later")


# -- what is repeated ---------------------------------------------------------------------------------------------
def test_throttled_it_is_asked_again(aws: Aws, rack: StandinRack, convox: Standin, asked: Asked, pauses: list[float]) -> None:
    convox.aws_faults.add(action="cloudformation:DescribeStacks", error="Throttling", message="Rate exceeded", times=3)
    assert aws.stack(rack.name).name == rack.name
    assert (len(asked("aws")), len(pauses)) == (4, 3)


def test_but_not_for_ever(aws: Aws, convox: Standin, asked: Asked) -> None:
    convox.aws_faults.add(action="cloudformation:DescribeStacks", error="Throttling", message="Rate exceeded", times=None)
    with failing(BadReply, "Throttling: Rate exceeded"):
        aws.stack("alpha")
    assert len(asked("aws")) == 5


@pytest.mark.parametrize(
    ("fault", "kind"),
    [({"error": "Throttling", "status": 400}, BadReply), ({"error": "InternalFailure", "status": 500}, BadReply), ({"effect": "drop_after"}, NoAnswer)],
)
def test_a_change_of_the_stack_is_sent_once(aws: Aws, rack: StandinRack, convox: Standin, asked: Asked, fault: dict[str, t.Any], kind: t.Any) -> None:
    """What came of it has to be learned first."""
    convox.aws_faults.add(action="cloudformation:UpdateStack", times=1, **fault)
    with failing(kind, "cloudformation:UpdateStack", hiding=[rack.key, NEW]):
        aws.rack(rack.name).set_parameter("Password", NEW)
    assert len(asked("aws", path="cloudformation:UpdateStack")) == 1


def test_a_lost_reply_may_have_acted(aws: Aws, rack: StandinRack, convox: Standin) -> None:
    convox.aws_faults.add(action="cloudformation:UpdateStack", effect="drop_after")
    with failing(NoAnswer, hiding=[NEW]) as caught:
        aws.rack(rack.name).set_parameter("Password", NEW)
    assert caught.value.sent
    assert rack.key == NEW


@pytest.mark.parametrize(
    ("fault", "kind"),
    [({"effect": "drop_after"}, NoAnswer), ({"error": "ThrottlingException"}, BadReply), ({"error": "ServerException", "status": 500}, BadReply)],
)
def test_a_restart_is_asked_for_once(aws: Aws, rack: StandinRack, convox: Standin, asked: Asked, fault: dict[str, t.Any], kind: t.Any) -> None:
    """Each forced deployment is one more outage: whether one is under way is looked at first."""
    convox.aws_faults.add(action="ecs:UpdateService", times=1, **fault)
    with failing(kind, "ecs:UpdateService"):
        aws.rack(rack.name).restart_api()
    assert len(asked("aws", path="ecs:UpdateService")) == 1
    rack.wait_at_rest()


# -- no way to AWS ------------------------------------------------------------------------------------------------
def test_no_credentials(convox: Standin, configuration: Path) -> None:
    aws = new_aws(convox, region="us-east-1")
    assert not aws.usable(wanted=False)
    with failing(RequestFailed, "needs credentials", "profile"):
        aws.stack("alpha")


def test_half_of_the_credentials(convox: Standin, configuration: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mistake to be told, not to be passed over."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "standin")
    with failing(RequestFailed, "needs credentials"):
        new_aws(convox, region="us-east-1").usable(wanted=False)


def test_no_region(convox: Standin, configuration: Path, aws_environment: None) -> None:
    with failing(BadInput, "region", "cloudformation:DescribeStacks"):
        new_aws(convox).stack("alpha")


@pytest.mark.parametrize("region", ["us east", "us-east-1\n", "http://x"])
def test_a_region_that_is_none(configuration: Path, aws_environment: None, region: str) -> None:
    with failing(BadInput, "region"):
        new_aws(region=region).stack("alpha")


def test_a_profile(convox: Standin, configuration: Path, new_rack: t.Callable[..., StandinRack]) -> None:
    rack = new_rack(region="eu-west-1")
    aws = new_aws(convox, profile="ops")
    assert aws.usable(wanted=False)
    assert aws.stack(rack.name).name == rack.name, "with its region"


@pytest.mark.parametrize("by", ["option", "environment"])
def test_a_profile_that_is_none(configuration: Path, monkeypatch: pytest.MonkeyPatch, by: str) -> None:
    profile = "nobody" if by == "option" else None
    if by == "environment":
        monkeypatch.setenv("AWS_PROFILE", "nobody")
    for ask in (lambda aws: aws.usable(wanted=False), lambda aws: aws.stack("alpha")):
        with failing(BadInput, "profile", "nobody"):
            ask(new_aws(profile=profile, region="us-east-1"))


def test_a_configuration_that_is_broken(configuration: Path) -> None:
    configuration.write_text("[profile ops\n", encoding="utf-8")
    with failing(BadInput, "profile", str(configuration)):
        new_aws(profile="ops", region="us-east-1").usable(wanted=False)


def test_nobody_at_the_endpoint(aws_environment: None) -> None:
    aws = Aws(Secrets(), StillClock(), "us-east-1", endpoint_url="http://127.0.0.1:1", timeout=5)
    with failing(NoAnswer, "cloudformation:DescribeStacks", "127.0.0.1:1", "endpoint_url"):
        aws.stack("alpha")


@pytest.mark.parametrize("url", ["nonsense", "127.0.0.1:80", "http://", "://x"])
def test_an_endpoint_that_is_none(aws_environment: None, url: str) -> None:
    with failing(BadInput, "endpoint_url", url):
        Aws(Secrets(), StillClock(), "us-east-1", endpoint_url=url).stack("alpha")


@pytest.mark.parametrize("by_environment", [False, True], ids=["option", "environment"])
def test_an_endpoint_that_would_be_sent_keys_in_clear(aws_environment: None, monkeypatch: pytest.MonkeyPatch, by_environment: bool) -> None:
    """Nobody is asked, not even for the address of that name."""
    monkeypatch.setattr("socket.getaddrinfo", lambda *args, **more: pytest.fail("it was looked for"))
    url = "http://me:canary0canary0@aws.example.com:4566"
    if by_environment:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
    with failing(BadInput, "http://aws.example.com would be sent keys in clear", "AWS_ENDPOINT_URL", hiding=["canary0canary0"]):
        Aws(Secrets(), StillClock(), "us-east-1", endpoint_url=None if by_environment else url).stack("alpha")


@pytest.mark.parametrize("proxy", NO_PROXIES)
@pytest.mark.parametrize(("variable", "url"), [("HTTPS_PROXY", "https://127.0.0.1:1"), ("HTTP_PROXY", "http://127.0.0.1:1")])
def test_a_proxy_that_is_none(aws_environment: None, monkeypatch: pytest.MonkeyPatch, variable: str, url: str, proxy: str) -> None:
    monkeypatch.setenv(variable, proxy)
    with failing(NoAnswer, "cloudformation:DescribeStacks", variable, hiding=["proxy-password"]):
        Aws(Secrets(), StillClock(), "us-east-1", endpoint_url=url, timeout=5).stack("alpha")


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "boto3", None)
    assert not new_aws().usable(wanted=False)


def test_the_server_s_date_is_heard(convox: Standin, rack: StandinRack, aws_environment: None) -> None:
    clock = Clock()
    clock.hear(clock.date().replace(year=2100))
    aws = Aws(Secrets(), clock, "us-east-1", endpoint_url=convox.aws_url)
    aws.stack(rack.name)
    assert clock.date().year < 2100
