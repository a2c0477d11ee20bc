# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asking a Console and AWS which racks there are: the stand-in answers, well and badly."""
from __future__ import annotations

import json
import threading
import typing as t
from pathlib import Path

import pytest

from ansible_collections.convox.credentials.plugins.module_utils import fleet
from ansible_collections.convox.credentials.plugins.module_utils.errors import BadInput, RequestFailed
from ansible_collections.convox.credentials.plugins.module_utils.racks_found import Found
from tests.leaks import found_in
from tests.standin import Standin
from tests.standin.accounts import RackRecord
from tests.standin.console import Console as StandinConsole
from tests.standin.rack import Rack as StandinRack
from tests.standin.stacks import forget_stacks, make_stack
from tests.unit.plugins.module_utils.conftest import Asked, Tasks
from tests.unit.plugins.module_utils.support import failing, secrets_in

NewRack = t.Callable[..., StandinRack]
REGIONS = [{"profile": None, "regions": ["us-east-1", "eu-west-1"]}]


class Search:
    """Asks with a Console's key and the AWS entries that are given."""

    def __init__(self, tasks: Tasks, console: StandinConsole) -> None:
        self.tasks, self._console = tasks, console

    def task(self, **options: t.Any) -> t.Any:
        values = {"host": self._console.host, "api_key": self._console.api_key, "console": None, "ask_racks": False, "aws": [], "join_by": "domain", **options}
        return self.tasks(**values)

    def __call__(self, **options: t.Any) -> fleet.Fleet:
        return fleet.find(self.task(**options))


@pytest.fixture
def search(tasks: Tasks, console: StandinConsole, convox: Standin, aws_environment: None) -> t.Iterator[Search]:
    """A Console's key and AWS credentials; the stacks that a test makes are gone after it."""
    yield Search(tasks, console)
    convox.clear_faults()
    forget_stacks(convox)
    convox.cloud.accounts.clear()


def record(console: StandinConsole, name: str, organization: str = "acme") -> None:
    """A rack that nobody can reach."""
    console.records.append(RackRecord(organization, name, "nowhere.example.com", "k" * 30))


def answers(console: StandinConsole, value: t.Any) -> None:
    console.fault("status", status=200, body=json.dumps(value), content_type="application/json", path="^/racks$")


# -- a Console ----------------------------------------------------------------------------------------------------
def test_a_console(search: Search, console: StandinConsole, rack: StandinRack, asked: Asked) -> None:
    console.import_rack(rack)
    record(console, "dead", "umbrella")
    found = search()
    assert found == fleet.Fleet(
        [Found(rack.name, "acme", console.host, "aws", "running"), Found("dead", "umbrella", console.host, "aws", "unknown")], [], True
    )
    assert [each["path"] for each in asked()] == ["/racks"]


GOOD = {"name": "good", "organization": {"name": "acme"}, "provider": "aws", "status": "running"}
TEMPLATE = "{{ lookup('pipe', 'id') }}"
BAD: list[t.Any] = [
    None,
    7,
    "acme/web",
    [],
    {},
    {"name": "web"},
    {"name": "web", "organization": None},
    {"name": "web", "organization": "acme"},
    {"name": "web", "organization": {}},
    {"name": 7, "organization": {"name": "acme"}},
    {"name": ["web"], "organization": {"name": "acme"}},
    {**GOOD, "status": {"a": 1}},
    {**GOOD, "provider": 7},
    {**GOOD, "version": [3]},
    {**GOOD, "name": ""},
    {**GOOD, "name": "../../etc"},
    {**GOOD, "name": "two words"},
    {**GOOD, "name": "web\n"},
    {**GOOD, "name": "web\x1b[31m"},
    {**GOOD, "name": "web:prod"},
    {**GOOD, "name": "w" * 5000},
    {**GOOD, "name": TEMPLATE},
    {**GOOD, "organization": {"name": ""}},
    {**GOOD, "organization": {"name": "two words"}},
    {**GOOD, "organization": {"name": "a/b"}},
    {**GOOD, "organization": {"name": "{{7*7}}"}},
    {**GOOD, "organization": {"name": "a" * 5000}},
    {**GOOD, "organization": {"name": "acme\r\nX: y"}},
    {**GOOD, "organization": {"name": "\u212b"}},
    {**GOOD, "provider": TEMPLATE},
    {**GOOD, "status": "{% raw %}"},
    {**GOOD, "status": "s" * 500},
    {**GOOD, "version": "3.1\n"},
]


@pytest.mark.parametrize("entry", BAD, ids=lambda entry: repr(entry)[:60])
def test_an_entry_that_is_no_racks(search: Search, console: StandinConsole, entry: t.Any) -> None:
    """It is told of, in one line without what a terminal would obey, and the others are there."""
    answers(console, [{**GOOD, "name": "first"}, entry, {**GOOD, "name": "last", "hidden": {"deep": 1}}])
    found = search()
    assert [rack.name for rack in found.racks] == ["first", "last"]
    (line,) = found.reports
    assert line.isprintable()
    assert len(line) < 500
    assert "is kept out of the inventory: " in line
    assert console.host in line


def test_what_is_not_said_is_empty(search: Search, console: StandinConsole) -> None:
    answers(console, [{"name": "web", "organization": {"name": "acme"}, "provider": None}])
    assert search() == fleet.Fleet([Found("web", "acme", console.host)], [])


def test_the_same_name_twice(search: Search, console: StandinConsole) -> None:
    answers(console, [GOOD, {**GOOD, "status": "updating"}, {**GOOD, "organization": {"name": "umbrella"}}])
    assert [(rack.full_name, rack.status) for rack in search().racks] == [("acme/good", "running"), ("umbrella/good", "running")]


@pytest.mark.parametrize("value", [None, {}, "ok", 7, {"racks": []}])
def test_no_list(search: Search, console: StandinConsole, value: t.Any) -> None:
    answers(console, value)
    with failing(RequestFailed, console.host, "shape", hiding=[console.api_key]):
        search()


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"action": "html"}, ["web page"]),
        ({"action": "status", "status": 500, "body": "boom"}, ["500 boom"]),
        ({"action": "drop_before"}, ["cut before a reply"]),
        ({"action": "cut"}, ["cut before a reply"]),
        ({"action": "status", "status": 302, "headers": {"Location": "https://evil.example.com"}}, ["redirected to"]),
    ],
)
def test_a_console_that_answers_badly(search: Search, console: StandinConsole, fault: dict[str, t.Any], words: list[str]) -> None:
    console.fault(**fault)
    with failing(RequestFailed, console.host, *words, hiding=[console.api_key]):
        search()


def test_a_refused_key(search: Search, console: StandinConsole) -> None:
    with failing(RequestFailed, console.host, "every known key is refused", "api_key", hiding=["wrong" * 6]):
        search(api_key="wrong" * 6)


def test_no_key(search: Search, console: StandinConsole, asked: Asked) -> None:
    with failing(RequestFailed, console.host, "no key of this Console is known", "api_key"):
        search(api_key=None)
    assert asked() == []


def test_the_clis_key_after_a_dead_one(search: Search, console: StandinConsole, tmp_path: Path) -> None:
    """As where a roll of the Console's key died: what is pending is in force."""
    place = tmp_path / "convox"
    place.mkdir(mode=0o700)
    (place / "auth").write_text(json.dumps({console.host: "dead" * 8}), encoding="utf-8")
    pending = {"key": console.api_key, "staged_at": "2026-11-23T10:00:00Z", "rotation_ids": []}
    name = f"{console.email}@{console.host}"
    (place / "rotations.json").write_text(json.dumps({"console_api_key": {name: {"host": console.host, "pending": pending}}}), encoding="utf-8")
    for file in place.iterdir():
        file.chmod(0o600)
    record(console, "web")
    assert [rack.name for rack in search(api_key=None).racks] == ["web"]
    assert "from the CLI's auth is refused; trying the next one" in "".join(search.tasks.warnings).replace("from cli", "from the CLI's auth")


def test_a_session_challenge(search: Search, console: StandinConsole, new_rack: NewRack, asked: Asked) -> None:
    console.set(challenge=True)
    for number in range(4):
        console.import_rack(new_rack(), None if number else "stale")
    found = search(ask_racks=True)
    assert (len(found.racks), len(found.reports)) == (3, 1)
    assert len(asked("console", path="/session")) == 1, "what one thread opened is good for the others"


def test_what_racks_say_of_themselves(search: Search, console: StandinConsole, new_rack: NewRack, asked: Asked) -> None:
    good, stale, odd, gone = new_rack(), new_rack(), new_rack(), new_rack(version="3.18.2")
    odd.fault("status", status=200, body=json.dumps({"name": odd.name, "rack-domain": "two words"}), content_type="application/json")
    for rack in (good, odd, gone):
        console.import_rack(rack)
    console.import_rack(stale, "stale" * 6)
    found = search(ask_racks=True)
    assert [(rack.name, rack.region, rack.domain, rack.generation) for rack in found.racks] == [
        (good.name, "us-east-1", good.host, "v2"),
        (gone.name, "us-east-1", gone.host, "v3"),
    ]
    told = "\n".join(found.reports)
    assert f"acme/{stale.name} is kept out of the inventory: " in told
    assert "invalid authentication" in told
    assert f"acme/{odd.name} is kept out of the inventory: rack-domain" in told
    assert len(asked("console", path="/system")) == 4
    assert secrets_in(told, [good.key, "stale" * 6, console.api_key]) == []


# -- AWS ----------------------------------------------------------------------------------------------------------
def test_aws_is_asked_once_a_region(search: Search, convox: Standin, new_rack: NewRack, asked: Asked) -> None:
    here, there = new_rack(), new_rack(region="eu-west-1", parameters={"Development": "Yes"})
    for number in range(30):
        make_stack(convox, f"many-{number}")
    make_stack(convox, "app", tags={"System": "convox", "Type": "app"})
    make_stack(convox, "other", tags={})
    found = search(console=False, aws=REGIONS)
    account = convox.cloud.account
    assert {
        Found(here.name, "", "", "aws", "running", here.version, "us-east-1", here.host, account, "", here.name),
        Found(there.name, "", "", "aws", "running", there.version, "eu-west-1", there.host, account, "", there.name),
    } < set(found.racks)
    assert {rack.name for rack in found.racks} == {here.name, there.name, *(f"many-{number}" for number in range(30))}
    assert {each["path"] for each in asked()} == {"cloudformation:DescribeStacks"}
    assert len(asked()) <= 4, "pages, never racks"
    said = json.dumps(fleet.remembered(found, search.task()))
    assert found_in(said, [here.key, there.key, "proxy-secret", "password-of-many-1-in-us-east-1"]) == []


def test_regions_are_asked_at_once(search: Search, convox: Standin) -> None:
    """Each is answered only when all have been asked."""
    regions = ["us-east-1", "us-east-2", "eu-west-1", "eu-west-2"]
    together = threading.Barrier(len(regions), timeout=10)
    convox.cloud.play("cloudformation", "DescribeStacks", lambda region, fields: (together.wait(), None)[1])
    try:
        make_stack(convox, "web", "eu-west-2")
        found = search(console=False, timeout=30, aws=[{"regions": regions}])
        assert ([rack.name for rack in found.racks], found.whole) == (["web"], True)
    finally:
        convox.cloud.play("cloudformation", "DescribeStacks", lambda region, fields: None)


def test_a_region_that_is_named_twice(search: Search, convox: Standin, asked: Asked) -> None:
    make_stack(convox, "web")
    assert len(search(console=False, aws=[{"regions": ["us-east-1", "us-east-1"]}]).racks) == 1
    assert len(asked()) == 1


NESTED = """<DescribeStacksResponse xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/"><DescribeStacksResult><Stacks>%s</Stacks>
</DescribeStacksResult></DescribeStacksResponse>"""
MEMBER = """<member><StackName>%s</StackName><StackId>arn:aws:cloudformation:us-east-1:123456789012:stack/%s/1</StackId>%s
<StackStatus>CREATE_COMPLETE</StackStatus><CreationTime>2026-11-23T10:00:00Z</CreationTime>
<Tags><member><Key>System</Key><Value>convox</Value></member><member><Key>Type</Key><Value>rack</Value></member></Tags>
<Outputs><member><OutputKey>RackDomain</OutputKey><OutputValue>%s.convox.site</OutputValue></member></Outputs></member>"""


def test_what_a_stack_is_made_of_is_no_rack(search: Search, convox: Standin) -> None:
    """AWS hands a stack's tags down to the stacks in it, which the emulator does not."""
    parent = "<ParentId>arn:aws:cloudformation:us-east-1:123456789012:stack/web/1</ParentId>"
    body = NESTED % (MEMBER % ("web", "web", "", "web") + MEMBER % ("web-Network-1", "web-Network-1", parent, "network"))
    convox.aws_faults.add(action="cloudformation:DescribeStacks", effect="status", status=200, body=body, content_type="text/xml")
    assert [rack.name for rack in search(console=False, aws=[{"regions": ["us-east-1"]}]).racks] == ["web"]


def test_every_region(search: Search, convox: Standin, asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    for region in ("us-east-1", "ap-southeast-2"):
        make_stack(convox, "web", region)
    found = search(console=False, aws=[{"regions": ["all", "us-east-1"]}])
    assert sorted(rack.region for rack in found.racks) == ["ap-southeast-2", "us-east-1"]
    assert len(asked(path="ec2:DescribeRegions")) == 1
    assert len(asked(path="cloudformation:DescribeStacks")) > 10


def profiles(place: Path, monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """An AWS configuration in which each profile's access key is its name."""
    text = "".join(f"[{name}]\naws_access_key_id = {name}\naws_secret_access_key = secret-of-{name}\n" for name in names)
    (place / "credentials").write_text(text, encoding="utf-8")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(place / "credentials"))


def test_profiles_of_several_accounts(search: Search, convox: Standin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    profiles(tmp_path, monkeypatch, "one", "two", "again")
    convox.cloud.accounts["two"] = "210987654321"
    make_stack(convox, "web")
    make_stack(convox, "web", account="210987654321")
    make_stack(convox, "web", "eu-west-1", account="210987654321")
    entries = [{"profile": "one", "regions": ["us-east-1"]}, {**REGIONS[0], "profile": "two"}, {"profile": "again", "regions": ["us-east-1"]}]
    found = search(console=False, aws=entries)
    assert [(rack.account, rack.region, rack.profile) for rack in found.racks] == [
        (convox.cloud.account, "us-east-1", "one"),
        ("210987654321", "us-east-1", "two"),
        ("210987654321", "eu-west-1", "two"),
    ]


def test_a_region_that_is_denied(search: Search, convox: Standin) -> None:
    make_stack(convox, "web")
    convox.aws_faults.add(action="cloudformation:DescribeStacks", signed_for="eu-west-1", error="AccessDenied", times=None)
    found = search(console=False, aws=REGIONS)
    assert ([rack.name for rack in found.racks], found.whole) == (["web"], False)
    (warning,) = search.tasks.warnings
    assert warning.startswith("AWS in eu-west-1: AWS denies cloudformation:DescribeStacks")
    assert warning.endswith("; without this answer, racks are missing from the inventory")


def test_throttling_is_waited_for(search: Search, convox: Standin) -> None:
    make_stack(convox, "web")
    convox.aws_faults.add(action="cloudformation:DescribeStacks", error="Throttling", message="Rate exceeded", times=2)
    assert [rack.name for rack in search(console=False, aws=[{"regions": ["us-east-1"]}]).racks] == ["web"]


def test_all_is_denied(search: Search, convox: Standin) -> None:
    convox.aws_faults.add(action="cloudformation:*", error="AccessDenied", times=None)
    with failing(RequestFailed, "AWS in us-east-1", "AWS in eu-west-1", "allow it for these credentials"):
        search(console=False, aws=REGIONS)


@pytest.mark.parametrize(
    ("entry", "words"),
    [({"profile": "nobody", "regions": ["us-east-1"]}, ["profile nobody", "profile:"]), ({"regions": ["no where"]}, ["region"]), ({}, ["region"])],
)
def test_an_entry_that_leads_nowhere(search: Search, convox: Standin, entry: dict[str, t.Any], words: list[str]) -> None:
    make_stack(convox, "web")
    with failing(RequestFailed, *words):
        search(console=False, aws=[entry])
    assert [rack.name for rack in search(console=False, aws=[entry, {"regions": ["us-east-1"]}]).racks] == ["web"]
    assert all(word in "".join(search.tasks.warnings) for word in words)


@pytest.mark.parametrize(
    ("outputs", "said"),
    [
        ({"Domain": "x"}, "no output RackDomain; its status is running"),
        ({"RackDomain": "two words"}, "rack-domain"),
        ({"RackDomain": TEMPLATE}, "rack-domain"),
        ({"RackDomain": "user:password@web.convox.site"}, "credentials"),
    ],
)
def test_a_stack_that_says_nothing_usable(search: Search, convox: Standin, outputs: dict[str, str], said: str) -> None:
    make_stack(convox, "web", **outputs)
    make_stack(convox, "api", Dashboard="https://api.convox.site")
    found = search(console=False, aws=REGIONS)
    assert [(rack.name, rack.domain) for rack in found.racks] == [("api", "api.convox.site")]
    (line,) = found.reports
    assert line.startswith("AWS in us-east-1: the stack 'web' is kept out of the inventory: ")
    assert said in line


# -- both ---------------------------------------------------------------------------------------------------------
def test_joined(search: Search, convox: Standin, console: StandinConsole, new_rack: NewRack, asked: Asked) -> None:
    same, elsewhere = new_rack(), new_rack(region="eu-west-1")
    console.import_rack(same)
    record(console, "unrelated")
    found = search(aws=REGIONS)
    assert [(rack.full_name, rack.stack) for rack in found.racks] == [
        (f"acme/{same.name}", same.name),
        ("acme/unrelated", ""),
        (f"{convox.cloud.account}/eu-west-1/{elsewhere.name}", elsewhere.name),
    ]
    assert len(asked("console", path="/system")) == 1, "only a rack that has a stack's name is asked"


def test_names_that_somebody_vouches_for(search: Search, convox: Standin, console: StandinConsole, asked: Asked) -> None:
    for name in ("web", "api"):
        record(console, name)
        make_stack(convox, name)
    make_stack(convox, "api", "eu-west-1")
    found = search(aws=REGIONS, join_by="name")
    assert [(rack.full_name, rack.stack) for rack in found.racks if rack.console] == [("acme/web", "web")]
    assert "acme/api is kept out of the inventory: " in found.reports[0]
    assert len(asked("console", path="/system")) == 1


def test_equal_names_of_different_racks(search: Search, convox: Standin, console: StandinConsole, rack: StandinRack) -> None:
    """The Console's rack is in an account that is not asked; another one's stack has its name."""
    console.import_rack(rack)
    make_stack(convox, rack.name, "eu-west-1")
    found = search(aws=[{"regions": ["eu-west-1"]}])
    assert [(each.full_name, bool(each.stack)) for each in found.racks] == [
        (f"acme/{rack.name}", False),
        (f"{convox.cloud.account}/eu-west-1/{rack.name}", True),
    ]


def kept_out(found: fleet.Fleet, *words: str) -> list[str]:
    """The lines that have all the words, each of one line and without what a terminal would obey."""
    lines = [line for line in found.reports if all(word in line for word in words)]
    assert all(line.isprintable() and "is kept out of the inventory: " in line for line in lines)
    return lines


def test_a_copy_that_is_dead_already(search: Search, convox: Standin, console: StandinConsole, rack: StandinRack) -> None:
    """Nobody works through the Console any more: the rack itself is reached as AWS says."""
    console.import_rack(rack, "stale" * 6)
    found = search(aws=REGIONS)
    assert [each.full_name for each in found.racks] == [f"{convox.cloud.account}/us-east-1/{rack.name}"]
    assert "invalid authentication" in found.reports[0]


def bad_gateway(console: StandinConsole, rack: StandinRack) -> None:
    console.fault("status", status=502, body="could not reach rack\n", path="^/system$", times=None)


def console_key_dies(console: StandinConsole, rack: StandinRack) -> None:
    """After the list: the Console's own refusal reads as a rack's would."""
    console.fault("status", status=401, body="invalid authentication\n", path="^/(system|auth)$", times=None)


def another_refusal(console: StandinConsole, rack: StandinRack) -> None:
    console.fault("status", status=401, body="you are unauthorized to access this\n", path="^/system$", times=None)


def no_domain(console: StandinConsole, rack: StandinRack) -> None:
    console.fault("status", status=200, body=json.dumps({"name": rack.name}), content_type="application/json", path="^/system$", times=None)


def bad_domain(console: StandinConsole, rack: StandinRack) -> None:
    body = json.dumps({"name": rack.name, "rack-domain": "two words"})
    console.fault("status", status=200, body=body, content_type="application/json", path="^/system$", times=None)


def unfit_organization(console: StandinConsole, rack: StandinRack) -> None:
    console.records[0].organization = "two words\x1b[31m"


def unfit_provider(console: StandinConsole, rack: StandinRack) -> None:
    answers(console, [{"name": rack.name, "organization": {"name": "acme"}, "provider": TEMPLATE}])


@pytest.mark.parametrize("trouble", [bad_gateway, console_key_dies, another_refusal, no_domain, bad_domain, unfit_organization, unfit_provider])
@pytest.mark.parametrize("ask_racks", [False, True])
def test_what_can_not_be_proven(
    search: Search, convox: Standin, console: StandinConsole, rack: StandinRack, trouble: t.Callable[[StandinConsole, StandinRack], None], ask_racks: bool
) -> None:
    """The Console holds it, as far as anybody can tell: reached as AWS says, its key would be rolled behind the Console's back."""
    console.import_rack(rack)
    make_stack(convox, rack.name, "eu-west-1")
    make_stack(convox, "web")
    trouble(console, rack)
    found = search(aws=REGIONS, ask_racks=ask_racks)
    assert [each.full_name for each in found.racks if not each.console] == [f"{convox.cloud.account}/us-east-1/web"]
    for region in ("us-east-1", "eu-west-1"):
        assert len(kept_out(found, f"the stack {convox.cloud.account}/{region}/{rack.name} is kept out", "Console", "console: false")) == 1


def test_a_stack_that_is_proven_stays(search: Search, convox: Standin, console: StandinConsole, rack: StandinRack) -> None:
    """Another organization's rack of that name, which nobody can ask, is another stack's, then."""
    console.import_rack(rack)
    record(console, rack.name, "umbrella")
    make_stack(convox, rack.name, "eu-west-1")
    found = search(aws=REGIONS)
    assert [(each.full_name, each.region) for each in found.racks] == [(f"acme/{rack.name}", "us-east-1")]
    assert len(kept_out(found, "the stack ", f"/eu-west-1/{rack.name}")) == len(kept_out(found, f"umbrella/{rack.name}")) == 1


def test_an_entry_that_can_be_any_stack(search: Search, convox: Standin, console: StandinConsole, rack: StandinRack) -> None:
    """Whose name it does not say: only what is proven to be another is there."""
    console.import_rack(rack)
    make_stack(convox, "web")
    answers(console, [{"name": rack.name, "organization": {"name": "acme"}}, {"organization": {"name": "acme"}}])
    found = search(aws=REGIONS)
    assert [(each.full_name, each.stack) for each in found.racks] == [(f"acme/{rack.name}", rack.name)]
    assert len(kept_out(found, f"the stack {convox.cloud.account}/us-east-1/web")) == 1


def test_racks_that_are_no_stacks_keep_none_out(search: Search, convox: Standin, console: StandinConsole) -> None:
    make_stack(convox, "web")
    answers(console, [{**GOOD, "name": "web", "version": "3.18.2"}, {**GOOD, "name": "web", "organization": {"name": "b"}, "provider": "gcp"}])
    found = search(aws=REGIONS, ask_racks=True)
    assert [each.full_name for each in found.racks] == [f"{convox.cloud.account}/us-east-1/web"]


@pytest.mark.parametrize("trouble", [{"action": "html"}, {"action": "status", "status": 502, "body": "bad gateway"}, {"action": "drop_before"}])
def test_a_console_that_is_silent_beside_aws(search: Search, convox: Standin, console: StandinConsole, trouble: dict[str, t.Any]) -> None:
    """AWS can't tell which racks it holds: there is no inventory, rather than one that goes behind the Console's back."""
    make_stack(convox, "web")
    console.fault(times=None, **trouble)
    with failing(RequestFailed, console.host, "AWS", "console: false", hiding=[console.api_key]):
        search(aws=REGIONS)
    with failing(RequestFailed, console.host, "no key of this Console is known", "console: false"):
        search(aws=REGIONS, api_key=None)


def test_one_of_both_fails(search: Search, convox: Standin, console: StandinConsole) -> None:
    """Without AWS the Console's racks are reached as ever; without the Console, see above."""
    make_stack(convox, "web")
    record(console, "api")
    convox.aws_faults.add(action="cloudformation:*", error="AccessDenied", times=None)
    assert [rack.name for rack in search(aws=REGIONS).racks] == ["api"]
    console.fault("html")
    with failing(RequestFailed, "web page", "AWS in us-east-1"):
        search(aws=REGIONS)


# -- options ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"console": False}, ["console: false", "aws: ["]),
        ({"timeout": 0}, ["timeout: 0"]),
        ({"retries": -1}, ["retries: -1"]),
        ({"host": "a b"}, ["host: 'a b'"]),
        ({"host": "https://user:secret-key@host"}, ["host: it holds credentials"]),
        ({"api_key": "short"}, ["api_key: 5 characters"]),
    ],
)
def test_bad_options(search: Search, asked: Asked, options: dict[str, t.Any], words: list[str]) -> None:
    with failing(BadInput, *words, hiding=["secret-key"]):
        search(**options)
    assert asked() == []


@pytest.mark.parametrize(
    ("options", "environ", "asks"),
    [
        ({}, {}, True),
        ({"aws": REGIONS}, {}, False),
        ({"aws": REGIONS, "host": "console.example.com"}, {}, True),
        ({"aws": REGIONS}, {"CONVOX_HOST": "console.example.com"}, True),
        ({"aws": REGIONS, "console": True}, {}, True),
        ({"aws": REGIONS, "console": False, "host": "console.example.com"}, {}, False),
    ],
)
def test_whether_a_console_is_asked(tasks: Tasks, options: dict[str, t.Any], environ: dict[str, str], asks: bool) -> None:
    assert fleet.asks_console(tasks(environ, **{"console": None, "aws": [], **options})) is asks


# -- what is remembered -------------------------------------------------------------------------------------------
def test_an_answer_is_recalled(search: Search, convox: Standin, console: StandinConsole) -> None:
    make_stack(convox, "web")
    make_stack(convox, "api", Domain="x")
    record(console, "db")
    task = search.task(aws=REGIONS)
    found = fleet.find(task)
    kept = json.loads(json.dumps(fleet.remembered(found, task)))
    assert fleet.recall(kept, search.task(aws=REGIONS)) == found
    assert len(found.racks) == 2
    assert found_in(json.dumps(kept), [console.api_key]) == []


@pytest.mark.parametrize("change", [{"host": "other.example.com"}, {"aws": [{"regions": ["us-east-1"]}]}, {"ask_racks": True}, {"endpoint_url": "http://x"}])
def test_another_question_is_not_answered_so(search: Search, change: dict[str, t.Any]) -> None:
    kept = fleet.remembered(fleet.Fleet([], []), search.task())
    assert fleet.recall(kept, search.task()) is not None
    assert fleet.recall(kept, search.task(**change)) is None


WITHOUT_HOST: dict[str, t.Any] = {"host": None, "api_key": None, "ask_racks": False, "join_by": "domain"}


def logged_in(place: Path, host: str, key: str) -> None:
    """As ``convox login`` leaves it."""
    place.mkdir(parents=True, exist_ok=True)
    place.chmod(0o700)
    for name, text in (("auth", json.dumps({host: key})), ("host", host)):
        (place / name).write_text(text, encoding="utf-8")
        (place / name).chmod(0o600)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AWS_ACCESS_KEY_ID", "AKIAANOTHERACCOUNT00"),
        ("AWS_ROLE_ARN", "arn:aws:iam::210987654321:role/ops"),
        ("AWS_SHARED_CREDENTIALS_FILE", "/elsewhere/credentials"),
        ("AWS_CONFIG_FILE", "/elsewhere/config"),
        ("CONVOX_HOST", "other.example.com"),
        ("CONVOX_PASSWORD", "another-person-s-key"),
        ("XDG_CONFIG_HOME", "elsewhere"),
    ],
)
def test_another_environment_is_another_question(tasks: Tasks, tmp_path: Path, name: str, value: str) -> None:
    """Another account of AWS, another Console, or another person there."""
    environ = {"CONVOX_PASSWORD": "one-person-s-key-0000", "AWS_ACCESS_KEY_ID": "AKIAONEACCOUNT000000", "XDG_CONFIG_HOME": str(tmp_path)}
    logged_in(tmp_path / "elsewhere" / "convox", "other.example.com", "k" * 32)
    given = {**WITHOUT_HOST, "aws": REGIONS, "config_dir": None, "console": True}
    kept = fleet.remembered(fleet.Fleet([], []), tasks(environ, **given))
    assert fleet.recall(kept, tasks(environ, **given)) is not None
    assert fleet.recall(kept, tasks({**environ, name: str(tmp_path / value) if name == "XDG_CONFIG_HOME" else value}, **given)) is None
    assert found_in(json.dumps(kept), ["one-person-s-key-0000", "AKIAONEACCOUNT000000"]) == []


def test_another_login_is_another_question(tasks: Tasks, tmp_path: Path) -> None:
    given = {**WITHOUT_HOST, "aws": []}
    logged_in(tmp_path / "convox", "one.example.com", "k" * 32)
    kept = fleet.remembered(fleet.Fleet([], []), tasks(**given))
    logged_in(tmp_path / "convox", "other.example.com", "k" * 32)
    assert fleet.recall(kept, tasks(**given)) is None
    logged_in(tmp_path / "convox", "one.example.com", "o" * 32)
    assert fleet.recall(kept, tasks(**given)) is None, "somebody else there sees other racks"
    logged_in(tmp_path / "convox", "one.example.com", "k" * 32)
    assert fleet.recall(kept, tasks(**given)) is not None


def test_what_no_console_is_asked_for_is_no_part_of_the_question(tasks: Tasks, tmp_path: Path) -> None:
    given = {**WITHOUT_HOST, "aws": REGIONS, "console": False}
    logged_in(tmp_path / "convox", "one.example.com", "k" * 32)
    kept = fleet.remembered(fleet.Fleet([], []), tasks(**given))
    logged_in(tmp_path / "convox", "other.example.com", "k" * 32)
    assert fleet.recall(kept, tasks(**given)) is not None


@pytest.mark.parametrize(
    "damage",
    [
        {"racks": None},
        {"racks": [7]},
        {"racks": [{"name": "web", "colour": "red"}]},
        {"racks": [{"name": TEMPLATE}]},
        {"racks": [{"name": "web", "domain": TEMPLATE}]},
        {"racks": [{"name": "web", "status": TEMPLATE}]},
        {"racks": [{"name": "web", "profile": TEMPLATE}]},
        {"racks": [{"name": "web", "account": TEMPLATE}]},
        {"racks": [{"name": "web", "organization": "acme", "console": TEMPLATE}]},
        {"racks": [{"name": "web", "stack": TEMPLATE, "account": "1", "region": "x", "domain": "a.b"}]},
        {"racks": [{}]},
        {"reports": 7},
        {"asked": "something else"},
    ],
)
def test_what_is_damaged_is_no_answer(search: Search, damage: dict[str, t.Any]) -> None:
    kept = fleet.remembered(fleet.Fleet([], []), search.task())
    assert fleet.recall({**kept, **damage}, search.task()) is None
    assert fleet.recall(None, search.task()) is None
    assert fleet.recall([kept], search.task()) is None
