# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A whole audit against the stand-in: what it asks, what it is told, and that it changes nothing."""
from __future__ import annotations

import collections
import contextlib
import datetime
import json
import socket
import time
import typing as t
from pathlib import Path

import pytest

from ansible_collections.convox.credentials.plugins.module_utils import credential_audit
from ansible_collections.convox.credentials.plugins.module_utils.errors import BadInput
from ansible_collections.convox.credentials.plugins.module_utils.keys import digest, fingerprint
from ansible_collections.convox.credentials.plugins.module_utils.records import RACK_API_KEY, Record
from ansible_collections.convox.credentials.plugins.module_utils.store_secretsmanager import SecretsManagerStore
from tests.iam import actions_of, document, watching_aws
from tests.leaks import found_in
from tests.reports import read_report
from tests.standin import AWS_CREDENTIALS, ConsoleSpec, RackSpec, Standin
from tests.standin.tables import Person, make_tables
from tests.unit.plugins.module_utils.conftest import Tasks
from tests.unit.plugins.module_utils.support import failing

OPTIONS: dict[str, t.Any] = {
    "console": None, "ask_racks": True, "homes": [], "racks": [], "api_keys": [], "tls_fingerprints": {}, "filters": {}, "formats": [], "tables": None,
    "aws": [{"regions": ["us-east-1"]}], "max_returned": 1000,
}  # fmt: skip
SPECS = (
    RackSpec(name="clean", console=True, key_pair="clean-keypair-5000"),
    RackSpec(name="latent", console=True, key_pair="latent-keypair-5000"),
    RackSpec(name="open", key="", key_pair="open-keypair-5000"),
    RackSpec(name="stale", console=True, console_key="X" * 30, key_pair="stale-keypair-5000"),
    RackSpec(name="pairs", key_pair="pairs-keypair-5000", former_key_pairs=2),
    RackSpec(name="self", certificate="self_signed", key_pair="self-keypair-5000"),
)


class Audit:
    """A fleet of its own, whose keys are nowhere yet, and the CLI's files of whoever audits."""

    def __init__(self, convox: Standin, directory: Path) -> None:
        self.convox, self.directory = convox, directory
        self.tasks = Tasks(convox, directory)
        self.before = 0
        self.log_in(convox.console.host, convox.console.api_key)

    def log_in(self, host: str, key: str) -> None:
        path = self.directory / "auth"
        self.directory.mkdir(mode=0o700, exist_ok=True)
        there = json.loads(path.read_text()) if path.exists() else {}
        path.touch(0o600)
        path.write_text(json.dumps({**there, host: key}))

    def __call__(self, **options: t.Any) -> dict[str, t.Any]:
        self.before = self.convox.journal.total
        return credential_audit.run(self.tasks(**{"host": self.convox.console.host, **OPTIONS, **options}))

    def asked(self) -> list[dict[str, t.Any]]:
        return self.convox.journal.entries(self.convox.journal.total - self.before)


@pytest.fixture
def audit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> t.Iterator[Audit]:
    for name, value in AWS_CREDENTIALS.items():
        monkeypatch.setenv(name.upper(), value)
    with Standin(SPECS, ConsoleSpec()) as convox:
        convox.racks["latent"].set_password("N" * 30)
        convox.racks["latent"].wait_at_rest()
        yield Audit(convox, tmp_path / "convox")


def ids(result: t.Mapping[str, t.Any], name: str) -> set[str]:
    """What is found of one rack, but for what all of them have."""
    return {each["id"] for each in result["findings"] if each["subject"].rpartition("/")[2] == name} - {"rack_key_age_unknown", "rack_not_in_console"}


def test_each_rack_has_its_own_findings(audit: Audit) -> None:
    convox = audit.convox
    audit.log_in(convox.racks["clean"].host, convox.racks["clean"].key)
    audit.log_in(convox.racks["stale"].host, "W" * 30)
    result = audit()
    assert {spec.name: ids(result, spec.name) for spec in SPECS} == {
        "clean": set(),
        "latent": {"rack_key_latent"},
        "open": {"rack_open"},
        "stale": {"console_copy_stale", "rack_key_refused"},
        "pairs": {"key_pair_left"},
        "self": {"certificate_unverified"},
    }
    latent = next(each for each in result["findings"] if each["id"] == "rack_key_latent")
    assert latent["evidence"]["latent"] != latent["evidence"]["in_force"]
    assert {each["subject"].rpartition("/")[2] for each in result["findings"] if each["id"] == "rack_not_in_console"} == {"open", "pairs", "self"}


def test_keys_that_it_is_given(audit: Audit) -> None:
    """As an inventory has them: each is sent to its own host alone, and told by where it stands."""
    clean, pairs = audit.convox.racks["clean"], audit.convox.racks["pairs"]
    given = [{"host": clean.host, "api_key": clean.key}, {"host": pairs.host, "api_key": "W" * 30}, {"host": "silent.invalid", "api_key": "S" * 30}]
    result = audit(api_keys=given, host=None, console=False, aws=[], retries=0)
    assert ids(result, clean.rack_domain) == set()
    assert ids(result, pairs.host) == {"rack_key_missing"}
    assert ids(result, "silent.invalid") == {"rack_silent"}
    # Three racks, where the CLI is logged into a Console, which is not asked for its own.
    assert result["summary"]["racks"] == 3
    lost = next(each for each in result["findings"] if each["id"] == "rack_key_missing")
    assert lost["evidence"]["where"] == ["api_keys"]
    sent_to = {fingerprint(key): {each["server"] for each in audit.asked() if each["key_fingerprint"] == fingerprint(key)} for key in (clean.key, "W" * 30)}
    assert sent_to == {fingerprint(clean.key): {"rack clean"}, fingerprint("W" * 30): {"rack pairs"}}


@pytest.mark.parametrize("entry", [{"host": "a b", "api_key": "W" * 30}, {"host": "rack.example.com", "api_key": "mY7q"}])
def test_keys_that_can_not_be_meant(audit: Audit, entry: dict[str, str]) -> None:
    with failing(BadInput, "api_keys: ", hiding=[entry["api_key"]]):
        audit(api_keys=[entry])


def test_who_is_asked_and_that_nothing_is_changed(audit: Audit) -> None:
    before = {name: rack.truth()["accepts"] for name, rack in audit.convox.racks.items()}
    audit(tables={"prefix": "convox", "region": "us-east-1"}, stores=[{"type": "cli"}, {"type": "aws_secretsmanager"}], region="us-east-1")
    entries = audit.asked()
    assert {each["method"] for each in entries if each["server"] != "aws"} == {"GET"}
    requests = collections.Counter(each["server"] for each in entries)
    assert max(requests[f"rack {spec.name}"] for spec in SPECS) <= 3
    assert requests["rack self"] == 0
    assert {name: rack.truth()["accepts"] for name, rack in audit.convox.racks.items()} == before


def test_the_policy_in_docs_is_what_it_takes(audit: Audit) -> None:
    """Neither more nor less."""
    stores = [{"type": "cli"}, {"type": "aws_secretsmanager"}]
    by_role = {"role_arn": "arn:aws:iam::123456789012:role/audit", "regions": ["all"]}
    client = audit.tasks(region="us-east-1").aws()
    for name in ("convox-users", "convox-deploy-keys"):
        key = [{"AttributeName": "id", "AttributeType": "S"}], [{"AttributeName": "id", "KeyType": "HASH"}]
        client.call("dynamodb", "create_table", TableName=name, AttributeDefinitions=key[0], KeySchema=key[1], BillingMode="PAY_PER_REQUEST")
    tables = {"prefix": "convox", "region": "us-east-1"}
    sources = [{"regions": ["us-east-1"]}, {**by_role, "region": "us-east-1"}]
    with watching_aws(audit.convox) as calls:
        audit(aws=sources, tables=tables, stores=stores, region="us-east-1")
    # In the account that is asked by the role, and in one that is asked without.
    policies = {"audit", "audit_take_role"}
    assert calls.not_allowed(*policies, **{"audit-role": "audit"}) == []
    assert calls.actions == actions_of(*policies)
    # What the trust of the role asks for.
    (trust,) = document("audit_trust")["Statement"]
    (taken,) = {tuple(call.context.items()) for call in calls.made if call.action == "sts:AssumeRole"}
    assert dict(taken) == trust["Condition"]["StringEquals"]


def test_aws_is_asked_by_region_never_by_rack(audit: Audit) -> None:
    audit()
    few = sum(each["server"] == "aws" for each in audit.asked())
    for number in range(4):
        audit.convox.add_rack(RackSpec(name=f"more{number}"))
    audit()
    assert sum(each["server"] == "aws" for each in audit.asked()) == few


@pytest.mark.parametrize("action", ["ssm:GetParameters", "ssm:DescribeParameters", "ec2:DescribeInstances", "ec2:DescribeKeyPairs"])
def test_what_aws_denies_is_unknown_not_good(audit: Audit, action: str) -> None:
    audit.convox.aws_faults.add(action=action, error="AccessDeniedException", times=None)
    result = audit()
    silent = [each for each in result["findings"] if each["id"] == "source_silent"]
    assert [action in each["what"] for each in silent] == [True]
    assert "rack_open" in ids(result, "open")


def test_a_silent_console_and_account(audit: Audit) -> None:
    audit.convox.aws_faults.add(action="cloudformation:DescribeStacks", error="AccessDenied", times=None)
    audit.convox.console.fault("status", status=500, body="out of order", times=None)
    result = audit()
    assert {each["subject"].partition(" ")[0] for each in result["findings"] if each["id"] == "source_silent"} == {"aws", "console"}
    assert result["summary"]["racks"] == 0


@pytest.mark.alone
def test_a_dead_rack_costs_its_own_time_out(audit: Audit) -> None:
    """Once, and not the others'."""
    times, usual = [], []
    with socket.create_server(("127.0.0.1", 0)) as silent:
        dead = f"127.0.0.1:{silent.getsockname()[1]}"
        for _round in range(2):
            for named, into in (([], usual), ([dead], times)):
                began = time.monotonic()
                result = audit(racks=named, timeout=3)
                into.append(time.monotonic() - began)
        assert connections(silent) == 2
    assert ids(result, dead) == {"rack_silent"}
    assert 3 <= min(times) < 3 + max(usual) + 1
    assert "rack_key_latent" in ids(result, "latent")


def connections(server: socket.socket) -> int:
    """How many were made to it that nobody has taken yet."""
    server.setblocking(False)
    count = 0
    with contextlib.suppress(BlockingIOError):
        while True:
            server.accept()[0].close()
            count += 1
    return count


# -- what only the age of containers tells --------------------------------------------------------------------------
# SSM has no parameter without a value.
WITH_A_KEY = {spec.name for spec in SPECS if spec.key}
ECS = ["cloudformation:DescribeStackResource", "ecs:ListTasks", "ecs:DescribeTasks"]


@contextlib.contextmanager
def racks_looked_up(audit: Audit) -> t.Iterator[set[str]]:
    """Racks whose containers ECS is asked for meanwhile."""
    clusters = {rack.cluster.name: name for name, rack in audit.convox.racks.items()}
    found: set[str] = set()
    with watching_aws(audit.convox) as calls:
        yield found
    found |= {clusters[call.context["ecs:cluster"].rpartition("/")[2]] for call in calls.made if call.action.startswith("ecs:") and call.context}


def grown_old(audit: Audit) -> None:
    """Each key is in SSM since yesterday, and the API of ``latent`` runs since the day before."""
    for rack in audit.convox.racks.values():
        rack.set_dates(key_days=1)
    for container in audit.convox.racks["latent"].service.containers:
        container.created_at -= datetime.timedelta(days=2)


def test_ecs_is_asked_about_those_that_have_not_told(audit: Audit) -> None:
    """One that shows a certificate that nobody trusts was asked nothing."""
    with racks_looked_up(audit) as looked_up:
        audit()
    assert looked_up == {"self"}


def test_a_fleet_that_tells_takes_no_request_more(audit: Audit) -> None:
    with watching_aws(audit.convox) as calls:
        audit(filters={"exclude": [{"name": "self"}]})
    assert calls.actions & set(ECS) == set()


@pytest.mark.parametrize("ask_racks", [True, False])
def test_a_latent_key_that_only_dates_tell(audit: Audit, ask_racks: bool) -> None:
    """SSM's keys may not be read, or no rack is asked with them."""
    grown_old(audit)
    if ask_racks:
        audit.convox.aws_faults.add(action="ssm:GetParameters", error="AccessDenied", times=None)
    with racks_looked_up(audit) as looked_up:
        result = audit(ask_racks=ask_racks)
    assert {name for name in audit.convox.racks if "rack_key_latent" in ids(result, name)} == {"latent"}
    (latent,) = [each for each in result["findings"] if each["id"] == "rack_key_latent"]
    assert (latent["evidence"]["in_force"], latent["evidence"]["latent"] is None) == (None, ask_racks)
    assert looked_up == WITH_A_KEY


def test_a_container_that_is_told_to_stop_tells_nothing(audit: Audit) -> None:
    """It takes the former key with it."""
    grown_old(audit)
    rack = audit.convox.racks["latent"]
    rack.set(drain_seconds=60.0)
    rack.restart()
    deadline = time.monotonic() + 10
    while sorted(each.state for each in rack.service.snapshot()[0]) != ["draining", "draining", "running", "running"]:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert "rack_key_latent" not in ids(audit(ask_racks=False), "latent")


def test_an_api_that_restarts_with_its_stack_has_no_latent_key(audit: Audit) -> None:
    """Whatever somebody has put into SSM by such a name."""
    audit.convox.add_rack(RackSpec(name="former", version="20221208145355"))
    audit.convox.cloud.put_parameter("us-east-1", "formerRackApiSecret", "S" * 30)
    with racks_looked_up(audit) as looked_up:
        audit(ask_racks=False)
    assert looked_up == WITH_A_KEY


@pytest.mark.parametrize("error", ["AccessDenied", "ThrottlingException", "ExpiredToken"])
@pytest.mark.parametrize("action", ECS)
def test_what_ecs_does_not_tell_is_unknown(audit: Audit, tmp_path: Path, action: str, error: str) -> None:
    """The audit says so once for a region, and goes on."""
    grown_old(audit)
    audit.convox.aws_faults.add(action=action, error=error, times=None)
    result = audit(ask_racks=False, filters={"include": [{"name": ["latent", "clean"]}]}, dest=str(tmp_path / "report.json"))
    assert sources(result)["aws"] == "partly"
    (silent,) = [each["what"] for each in result["findings"] if each["id"] == "source_silent"]
    assert silent.startswith("aws us-east-1: 6 racks; not told: ")
    assert ("does not accept" if error == "ExpiredToken" else action) in silent
    assert "rack_key_latent" not in ids(result, "latent")


# -- which Consoles there are ---------------------------------------------------------------------------------------
def sources(result: t.Mapping[str, t.Any]) -> dict[str, str]:
    return {each["kind"]: each["state"] for each in read_report(Path(result["dest"]))["sources"]}


def test_the_console_that_the_cli_is_logged_into(audit: Audit, tmp_path: Path) -> None:
    """Nobody has named it."""
    (audit.directory / "host").write_text(audit.convox.console.host, encoding="utf-8")
    result = audit(host=None, aws=[], dest=str(tmp_path / "report.json"))
    assert sources(result)["console"] == "answered"
    assert ids(result, "stale") == {"console_copy_stale"}


@pytest.mark.parametrize("active", ["clean", None])
def test_no_console_is_asked_that_nobody_has_named(audit: Audit, tmp_path: Path, active: str | None) -> None:
    """The CLI was logged into a rack last, or never into any host."""
    (audit.directory / "auth").unlink()
    if active:
        rack = audit.convox.racks[active]
        audit.log_in(rack.host, rack.key)
        (audit.directory / "host").write_text(rack.host, encoding="utf-8")
    result = audit(host=None, dest=str(tmp_path / "report.json"))
    assert "console" not in sources(result)
    assert not any(each["server"] == "console" for each in audit.asked())
    assert {each["id"] for each in result["findings"]} & {"source_silent", "rack_not_in_console"} == set()


def test_a_console_that_is_named_and_is_none(audit: Audit, tmp_path: Path) -> None:
    rack = audit.convox.racks["clean"]
    audit.log_in(rack.host, rack.key)
    assert sources(audit(host=rack.host, dest=str(tmp_path / "report.json")))["console"] == "silent"


@pytest.mark.parametrize(("good", "found"), [(True, "console_key_age_unknown"), (False, "console_key_refused")])
def test_another_console_that_somebody_is_logged_into(audit: Audit, good: bool, found: str) -> None:
    """It is told as what it is, with how its key stands, and is no rack."""
    with Standin(console=ConsoleSpec()) as other:
        audit.log_in(other.console.host, other.console.api_key if good else "0" * 32)
        result = audit(ca_path=both_authorities(audit, other))
        assert [each["id"] for each in result["findings"] if each["subject"] == other.console.host] == [found]
        assert result["summary"]["racks"] == len(SPECS)
        assert {each["method"] for each in other.journal.entries()} == {"GET"}


def both_authorities(audit: Audit, other: Standin) -> str:
    path = audit.directory / "both.pem"
    path.write_text("".join(Path(each.ca_path).read_text(encoding="utf-8") for each in (audit.convox, other)), encoding="utf-8")
    return str(path)


def test_a_session_is_opened_once_and_left_to_nobody(audit: Audit) -> None:
    """The CLI keeps them in a file; an audit writes none."""
    audit.convox.console.set(challenge=True)
    result = audit()
    assert ids(result, "stale") == {"console_copy_stale"}
    assert [each["method"] for each in audit.asked() if each["server"] == "console"].count("POST") == 1
    assert not (audit.directory / "session").exists()


# -- which racks ----------------------------------------------------------------------------------------------------
def audited(result: t.Mapping[str, t.Any]) -> set[str]:
    return {each["name"] for each in read_report(Path(result["dest"]))["racks"]}


def test_a_rack_that_is_given_as_a_url(audit: Audit, tmp_path: Path) -> None:
    (audit.directory / "auth").unlink()
    rack = audit.convox.racks["pairs"]
    result = audit(host=None, aws=[], rack_url=rack.url, dest=str(tmp_path / "report.json"))
    assert audited(result) == {"pairs"}
    assert [each["what"].partition(": ")[2] for each in result["findings"]] == ["nobody has noted when its key was made"]
    with pytest.raises(BadInput, match="rack_url: it has a token in it"):
        audit(host=None, aws=[], rack_url=rack.url.replace("convox:", "jwt:"))


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({"rack": "acme/latent"}, {"latent"}),
        ({"rack": "acme/l[a]tent"}, set()),
        ({"filters": {"include": [{"name": ["la*", "self"]}]}}, {"latent", "self"}),
        ({"filters": {"exclude": [{"organization": "acme"}]}}, {"open", "pairs", "self"}),
        # Which account a rack of the Console is in, only AWS can tell.
        ({"filters": {"include": [{"account": "none"}]}}, set()),
    ],
)
def test_some_racks_only(audit: Audit, tmp_path: Path, options: dict[str, t.Any], names: set[str]) -> None:
    """Others are not asked, where their names say that they are none of these."""
    assert audited(audit(**options, dest=str(tmp_path / "report.json"))) == names
    if "rack" in options or "name" in str(options):
        assert {each["server"].removeprefix("rack ") for each in audit.asked() if each["server"].startswith("rack ")} <= names


def test_a_store_is_looked_for_in_each_region(audit: Audit) -> None:
    """A rack's secret is in the rack's region."""
    rack = audit.convox.add_rack(RackSpec(name="far", region="eu-west-1", key_pair="far-keypair-5000"))
    store = SecretsManagerStore(audit.tasks(region="eu-west-1").aws())
    store.save(Record(RACK_API_KEY, rack.rack_domain, "far", rack.host, current=rack.key, digest=digest(rack.key), rolled_at="2020-01-01T00:00:00Z"))
    result = audit(aws=[{"regions": ["us-east-1", "eu-west-1"]}], stores=[{"type": "aws_secretsmanager"}])
    assert {each["id"] for each in result["findings"] if each["subject"].endswith("/far")} == {"rack_key_old", "rack_not_in_console"}


def test_one_of_the_tables_is_denied(audit: Audit, tmp_path: Path) -> None:
    """What the other tells counts all the same."""
    make_tables(audit.convox, "convox", [Person("old@example.com", key_days=200, used_days=1)], deploy_keys=2, region="us-east-1")
    audit.convox.aws_faults.add(action="dynamodb:Scan", error="AccessDeniedException", times=1, skip=1)
    result = audit(tables={"prefix": "convox", "region": "us-east-1"}, dest=str(tmp_path / "report.json"))
    assert sources(result)["tables"] == "partly"
    assert "convox-deploy-keys: " in next(each["what"] for each in result["findings"] if each["subject"] == "tables convox")
    assert "user_key_old" in {each["id"] for each in result["findings"]}


# -- what is damaged ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["tls-fingerprints", "session"])
def test_a_damaged_file_ends_no_audit(audit: Audit, name: str) -> None:
    """Nobody is asked whose pin or session it may hold; the others are."""
    (audit.directory / name).write_text("{", encoding="utf-8")
    (audit.directory / name).chmod(0o600)
    result = audit()
    assert [each["subject"] for each in result["findings"] if each["id"] == "file_damaged"] == [str(audit.directory / name)]
    assert ids(result, "pairs") >= {"rack_silent"}


def test_an_auth_that_a_killed_cli_left_empty_ends_no_audit(audit: Audit, tmp_path: Path) -> None:
    """Nor one in which nobody has named a Console, so that the file should tell of one."""
    (audit.directory / "auth").write_text("", encoding="utf-8")
    result = audit(host=None, dest=str(tmp_path / "report.json"))
    assert [each["subject"] for each in result["findings"] if each["id"] == "file_damaged"] == [str(audit.directory / "auth")]
    assert sources(result)["console"] == "silent"
    assert ids(result, "open") == {"rack_open"}


def test_an_auth_that_everybody_can_write_ends_no_audit(audit: Audit, tmp_path: Path) -> None:
    """No key goes to a host that it names, the Console's included."""
    (audit.directory / "auth").chmod(0o666)
    result = audit(dest=str(tmp_path / "report.json"))
    assert [each["subject"] for each in result["findings"] if each["id"] == "file_mode"] == [str(audit.directory / "auth")]
    assert sources(result)["console"] == "silent"
    assert not any(each["server"] == "console" for each in audit.asked())


@pytest.mark.parametrize("key", ["1", "rack", "findings"])
def test_a_key_that_is_a_word_breaks_no_report(audit: Audit, tmp_path: Path, key: str) -> None:
    """The next audit compares with it."""
    audit.log_in("silent.invalid", key)
    dest = str(tmp_path / "report.json")
    audit(dest=dest, formats=["html", "csv"], retries=0)
    assert "findings" in read_report(Path(dest))
    assert audit(dest=dest, compare=dest, retries=0)["changes"]["mended"] == 0


def test_credentials_of_aws_that_end_meanwhile_end_no_audit(audit: Audit, tmp_path: Path) -> None:
    audit.convox.aws_faults.add(action="ec2:DescribeInstances", error="ExpiredToken", times=None)
    result = audit(dest=str(tmp_path / "report.json"))
    assert sources(result)["aws"] == "partly"
    assert ids(result, "latent") == {"rack_key_latent"}
    (silent,) = [each["what"] for each in result["findings"] if each["id"] == "source_silent"]
    assert "AWS does not accept the credentials" in silent


def test_one_rack_s_wrong_clock_makes_no_key_young(audit: Audit, tmp_path: Path) -> None:
    """Though it is the last that answers."""
    late = audit.convox.racks["pairs"]
    audit.log_in(late.host, late.key)
    # It is asked with its key first, and then with one that is made up.
    late.fault("delay", seconds=0.5)
    late.fault("status", status=401, body="invalid authentication", headers={"Date": "Wed, 01 Jan 2020 00:00:00 GMT"}, times=None)
    result = audit(host=None, console=False, aws=[], racks=[rack.host for rack in audit.convox.racks.values()], dest=str(tmp_path / "report.json"))
    assert any(each["key_fingerprint"] for each in audit.asked() if each["server"] == f"rack {late.name}")
    assert read_report(Path(result["dest"]))["at"] > "2026"


def test_a_pin_that_is_none_is_that_rack_s_alone(audit: Audit) -> None:
    path = audit.directory / "tls-fingerprints"
    path.write_text(json.dumps({audit.convox.racks["pairs"].host: 7}), encoding="utf-8")
    path.chmod(0o600)
    result = audit()
    assert "rack_silent" in ids(result, "pairs")
    assert ids(result, "latent") == {"rack_key_latent"}


def test_the_v3_cli_s_files_are_keys_too(audit: Audit) -> None:
    directory = audit.directory / "racks"
    directory.mkdir(mode=0o700)
    (directory / "pairs").write_text(audit.convox.racks["pairs"].url, encoding="utf-8")
    (directory / "pairs").chmod(0o644)
    assert [each["subject"] for each in audit()["findings"] if each["id"] == "file_mode"] == [str(directory / "pairs")]


# -- a policy's file ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("accepted:\n- {finding: rack_open, subject: a, reason: b, owner: c, until: 2027-02-30}", "no YAML (day is out of range"),
        ("fail_on: low\nfail_on: never", "line 1: fail_on stands there twice"),
        ("max_age: {rack_api_key: 1d,\n rack_api_key: 2d}", "line 1: rack_api_key stands there twice"),
        ("a: [", "no YAML ("),
        ("- a", "it is no mapping"),
    ],
)
def test_a_policy_file_that_can_t_be_meant(audit: Audit, tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "policy.yml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(BadInput) as failure:
        audit(policy_file=str(path))
    assert said in str(failure.value)
    assert "\n" not in str(failure.value)


# -- the report -----------------------------------------------------------------------------------------------------
def test_the_report(audit: Audit, tmp_path: Path) -> None:
    """As its schema says, without any key, 0600; and what changed since."""
    first = audit(dest=str(tmp_path / "first.json"))
    latent = audit.convox.racks["latent"]
    latent.restart()
    latent.wait_at_rest()
    second = audit(dest=str(tmp_path / "second.json"), compare=first["dest"])
    report = read_report(Path(second["dest"]))
    assert Path(second["dest"]).stat().st_mode & 0o777 == 0o600
    assert [each["id"] for each in report["changes"]["mended"]] == ["rack_key_latent"]
    assert len(second["lines"]) <= 25
    keys = [key for rack in audit.convox.racks.values() for key in (rack.key, rack.spec.key) if key] + [audit.convox.console.api_key]
    text = Path(first["dest"]).read_text(encoding="utf-8") + json.dumps(second) + "".join(audit.tasks.warnings)
    assert found_in(text, keys) == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"policy_file": "/nowhere.yml"}, "policy_file: /nowhere.yml: there is no such file"),
        ({"compare": "/nowhere.json"}, "compare: /nowhere.json: there is no such file"),
        ({"policy": {"fail_on": "all"}}, "policy.fail_on: 'all' is none of"),
    ],
)
def test_bad_options(audit: Audit, options: dict[str, t.Any], said: str) -> None:
    with pytest.raises(BadInput) as failure:
        audit(**options)
    assert said in str(failure.value)
