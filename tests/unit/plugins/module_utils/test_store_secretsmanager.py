# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets in AWS: what others find there, what two controllers do to each other, and what a run leaves that dies."""
from __future__ import annotations

import contextlib
import dataclasses
import json
import typing as t
import uuid

import pytest

from ansible_collections.convox.credentials.plugins.module_utils.aws import Aws
from ansible_collections.convox.credentials.plugins.module_utils.errors import BadInput, Damaged, StoreFailed
from ansible_collections.convox.credentials.plugins.module_utils.keys import fingerprint
from ansible_collections.convox.credentials.plugins.module_utils.records import CONSOLE_API_KEY, INSTANCE_KEY, RACK_API_KEY, Pending, Record
from ansible_collections.convox.credentials.plugins.module_utils.store import Promotion
from ansible_collections.convox.credentials.plugins.module_utils.store_secretsmanager import SecretsManagerStore
from tests.standin import Standin
from tests.unit.plugins.module_utils.conftest import Asked
from tests.unit.plugins.module_utils.support import NEW, OLD, OTHER, failing

HOST, WHEN, LATER = "rack.example.com", "2026-11-23T12:00:00Z", "2026-11-23T13:00:00Z"
FINISHED = Promotion(own=HOST, old=OLD, new=NEW)


class DiedError(BaseException):
    """What SIGKILL is to a process."""


@pytest.fixture
def domain() -> str:
    """A rack of each test's own: the account is shared."""
    return f"rack-{uuid.uuid4().hex[:12]}.example.com"


@pytest.fixture
def store(aws: Aws) -> SecretsManagerStore:
    return SecretsManagerStore(aws)


@pytest.fixture
def staged(domain: str) -> Record:
    return Record(RACK_API_KEY, domain, name="alpha", host=HOST, current=OLD, superseded=(OTHER,), pending=Pending(NEW, WHEN, ("first",)))


@dataclasses.dataclass
class Inside:
    """A secret as somebody with the AWS CLI sees it."""

    aws: Aws
    name: str

    def stages(self) -> dict[str, t.Any]:
        """The value of each stage."""
        about = self.aws.call("secretsmanager", "describe_secret", SecretId=self.name)
        return {stage: self.value(stage) for stages in about["VersionIdsToStages"].values() for stage in stages}

    def value(self, stage: str) -> t.Any:
        return json.loads(self.aws.call("secretsmanager", "get_secret_value", SecretId=self.name, VersionStage=stage)["SecretString"])

    def tags(self) -> dict[str, str]:
        about = self.aws.call("secretsmanager", "describe_secret", SecretId=self.name)
        return {tag["Key"]: tag["Value"] for tag in about.get("Tags", [])}

    def held(self) -> set[str]:
        """Every key that it holds in a version with a stage: others AWS drops."""
        return {key for key in (OLD, NEW, OTHER) if key in json.dumps(self.stages())}


@pytest.fixture
def inside(aws: Aws, domain: str) -> Inside:
    return Inside(aws, f"convox/{domain}")


# -- what others find ---------------------------------------------------------------------------------------------
def test_the_stages_of_a_rotation(store: SecretsManagerStore, staged: Record, inside: Inside) -> None:
    store.save(staged)
    stages = inside.stages()
    assert stages["AWSCURRENT"] == {"host": HOST, "api_key": OLD}
    assert stages["AWSPENDING"] == {"host": HOST, "api_key": NEW}
    assert store.key(RACK_API_KEY, staged.identity) == OLD

    promoted = staged.promoted(LATER)
    store.promote(promoted, FINISHED)
    assert store.load(RACK_API_KEY, staged.identity) == promoted
    store.save(promoted.committed())
    stages = inside.stages()
    assert stages["AWSCURRENT"] == {"host": HOST, "api_key": NEW}
    assert stages["AWSPREVIOUS"] == {"host": HOST, "api_key": OLD}
    assert "AWSPENDING" not in stages
    assert store.load(RACK_API_KEY, staged.identity) == promoted.committed()
    # And once more, for the next key needs a token of its own.
    again = dataclasses.replace(promoted.committed(), pending=Pending(OTHER, LATER, ("second",)))
    store.save(again)
    assert inside.stages()["AWSPENDING"]["api_key"] == OTHER


def test_no_key_is_known(store: SecretsManagerStore, staged: Record, inside: Inside) -> None:
    unknown = dataclasses.replace(staged, current=None, superseded=())
    store.save(unknown)
    assert inside.stages()["AWSCURRENT"] == {}
    assert store.key(RACK_API_KEY, staged.identity) is None
    store.promote(unknown.promoted(LATER), Promotion(None, None, NEW))
    assert inside.stages()["AWSCURRENT"] == {"host": HOST, "api_key": NEW}


def test_what_others_added_stays(store: SecretsManagerStore, staged: Record, inside: Inside) -> None:
    value = {"host": HOST, "api_key": OLD, "owner": "ops"}
    store._aws.call("secretsmanager", "create_secret", Name=inside.name, SecretString=json.dumps(value), Tags=[{"Key": "team", "Value": "blue"}])
    assert store.key(RACK_API_KEY, staged.identity) == OLD
    store.save(staged)
    store.promote(staged.promoted(LATER), FINISHED)
    assert inside.stages()["AWSCURRENT"] == {**value, "api_key": NEW}
    assert inside.tags()["team"] == "blue"


def test_a_key_that_somebody_put_there(store: SecretsManagerStore, staged: Record, inside: Inside) -> None:
    store.save(dataclasses.replace(staged, pending=None, superseded=()))
    store._aws.call("secretsmanager", "put_secret_value", SecretId=inside.name, SecretString=json.dumps({"api_key": OTHER}))
    record = store.load(RACK_API_KEY, staged.identity)
    assert record is not None
    assert (record.current, record.superseded) == (OTHER, (OLD,))


def test_tags_tell_what_is_known_and_no_secret(aws: Aws, staged: Record, inside: Inside) -> None:
    store = SecretsManagerStore(aws, tags={"team": "blue"})
    record = staged.joined("Q4/2026 <#1>")
    store.save(record)
    assert inside.tags() == {
        "team": "blue",
        "convox:kind": "rack_api_key",
        "convox:identity": staged.identity,
        "convox:rack": "alpha",
        "convox:fingerprint": fingerprint(OLD),
        "convox:pending_since": WHEN,
    }
    store.promote(record.promoted(LATER), FINISHED)
    store.save(record.promoted(LATER).committed())
    tags = inside.tags()
    assert (tags["convox:fingerprint"], tags["convox:rolled_at"], tags["convox:rotation_id"]) == (fingerprint(NEW), LATER, "Q4/2026 __1_")
    assert "convox:pending_since" not in tags
    assert not any(key in json.dumps(tags) for key in (OLD, NEW, OTHER))


def test_tags_that_are_text_to_people(aws: Aws, staged: Record, inside: Inside) -> None:
    SecretsManagerStore(aws, tags={"cost": 42, "shared": True, "empty": ""}).save(staged)
    assert {name: value for name, value in inside.tags().items() if ":" not in name} == {"cost": "42", "shared": "True", "empty": ""}


@pytest.mark.parametrize("tags", [{"a": None}, {"a": ["b"]}, {"a": {"b": "c"}}, {"": "b"}])
def test_tags_that_are_none(aws: Aws, tags: dict[str, t.Any]) -> None:
    """Told before anything is asked, so in check mode too."""
    with failing(BadInput, "stores: the tag"):
        SecretsManagerStore(aws, tags=tags)


def test_names(aws: Aws, domain: str, staged: Record) -> None:
    with_port = dataclasses.replace(staged, identity=f"{domain}:8443", host=f"{domain}:8443")
    store = SecretsManagerStore(aws, name="prod/<rack-domain>/key")
    store.save(with_port)
    assert store.load(RACK_API_KEY, f"{domain}:8443") == with_port
    assert Inside(aws, f"prod/{domain}_8443/key").stages()["AWSPENDING"]["api_key"] == NEW
    pair = Record(INSTANCE_KEY, domain, key_name="alpha-keypair-1", pending=Pending(None, WHEN, ("a",), pairs=("p", "q")))
    store.save(pair)
    assert store.load(INSTANCE_KEY, domain) == pair


def test_a_key_of_one_s_own_encrypts_it(aws: Aws, staged: Record, inside: Inside) -> None:
    key = aws.call("kms", "create_key")["KeyMetadata"]["KeyId"]
    SecretsManagerStore(aws, kms_key_id=key).save(staged)
    assert aws.call("secretsmanager", "describe_secret", SecretId=inside.name)["KmsKeyId"] == key


# -- two controllers ----------------------------------------------------------------------------------------------
def test_a_second_key_is_not_staged(store: SecretsManagerStore, staged: Record, inside: Inside) -> None:
    store.save(staged)
    other = dataclasses.replace(staged, pending=Pending("Another1" * 4, LATER, ("second",)))
    with failing(StoreFailed, fingerprint(NEW), staged.identity, "run again", hiding=[NEW, "Another1" * 4]):
        store.save(other)
    assert inside.stages()["AWSPENDING"]["api_key"] == NEW


def saved_between(aws: Aws, monkeypatch: pytest.MonkeyPatch, record: Record) -> None:
    """Let another run save a record after the next one has looked, and before it writes."""
    call = aws.call

    def after_the_first(service: str, operation: str, /, **arguments: t.Any) -> t.Any:
        if operation == "put_secret_value":
            monkeypatch.setattr(aws, "call", call)
            SecretsManagerStore(aws).save(record)
        return call(service, operation, **arguments)

    monkeypatch.setattr(aws, "call", after_the_first)


def test_of_two_at_once_one_is_first(aws: Aws, staged: Record, inside: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both saw nothing pending; AWS takes one key only, for both come with the same token."""
    SecretsManagerStore(aws).save(dataclasses.replace(staged, pending=None))
    second = SecretsManagerStore(aws)
    saved_between(aws, monkeypatch, staged)
    with failing(StoreFailed, "run again", hiding=[NEW, "Another1" * 4]):
        second.save(dataclasses.replace(staged, pending=Pending("Another1" * 4, WHEN, ("second",))))
    assert inside.stages()["AWSPENDING"]["api_key"] == NEW
    assert second.load(RACK_API_KEY, staged.identity) == staged


@pytest.mark.parametrize("dry", [True, False])
def test_proving_leaves_what_another_run_noted_meanwhile(aws: Aws, staged: Record, dry: bool) -> None:
    """Its record holds keys that nothing else does."""
    SecretsManagerStore(aws).save(dataclasses.replace(staged, pending=None))
    first, second = SecretsManagerStore(aws), SecretsManagerStore(aws)
    before = second.load(RACK_API_KEY, staged.identity)
    assert before is not None
    noted = staged.note(applying=WHEN, found=("Another1" * 4,))
    first.save(noted)
    with failing(StoreFailed, fingerprint(NEW), staged.identity, "nothing was changed", "run again", hiding=[NEW, "Another1" * 4]):
        second.prove(before, dry)
    assert SecretsManagerStore(aws).load(RACK_API_KEY, staged.identity) == noted


def test_of_two_records_written_at_once_one_is_first(aws: Aws, staged: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other run stages between this one's look and its write."""
    SecretsManagerStore(aws).save(dataclasses.replace(staged, pending=None))
    second, noted = SecretsManagerStore(aws), staged.note(found=("Another1" * 4,))
    before = second.load(RACK_API_KEY, staged.identity)
    assert before is not None
    saved_between(aws, monkeypatch, noted)
    with failing(StoreFailed, "run again", hiding=[NEW, "Another1" * 4]):
        second.prove(before, dry=False)
    assert SecretsManagerStore(aws).load(RACK_API_KEY, staged.identity) == noted


def test_a_console_s_next_key_takes_the_place_of_one_that_was_refused(store: SecretsManagerStore, staged: Record, inside: Inside) -> None:
    """The Console makes them, and the one before is known to the record."""
    store.save(staged)
    store.save(dataclasses.replace(staged, pending=dataclasses.replace(staged.pending or Pending(None, WHEN, ()), key="Third123" * 4, found=(NEW,))))
    assert inside.stages()["AWSPENDING"]["api_key"] == "Third123" * 4
    assert NEW in inside.held()


# -- whatever dies ------------------------------------------------------------------------------------------------
def test_a_rotation_that_dies_at_any_call_is_finished(aws: Aws, staged: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once a save is done the keys are held; and the next run finishes with the key that was staged."""
    cuts = 0
    while True:
        record = dataclasses.replace(staged, identity=f"cut-{cuts}.{staged.identity}")
        if not _dies_after(cuts, record, aws, monkeypatch):
            break
        cuts += 1
    assert cuts > 25


def _dies_after(calls: int, staged: Record, aws: Aws, monkeypatch: pytest.MonkeyPatch) -> bool:
    """One rotation cut after so many calls, and the next run; False where it was over before."""
    store, inside, left = SecretsManagerStore(aws), Inside(aws, f"convox/{staged.identity}"), iter(range(calls))
    call = aws.call

    def mortal(service: str, operation: str, /, **arguments: t.Any) -> t.Any:
        if next(left, None) is None:
            raise DiedError
        return call(service, operation, **arguments)

    committed = staged.promoted(LATER).committed()
    steps: list[t.Callable[[], None]] = [
        lambda: store.prove(dataclasses.replace(staged, pending=None), dry=False),
        lambda: store.save(staged),
        lambda: store.save(staged.note(applying=WHEN)),
        lambda: store.promote(staged.promoted(LATER), FINISHED),
        lambda: store.save(committed),
    ]
    done = 0
    with monkeypatch.context() as patched, contextlib.suppress(DiedError):
        patched.setattr(aws, "call", mortal)
        for step in steps:
            step()
            done += 1
    if done >= 2:
        assert inside.held() >= {OLD, NEW}
    found = store.load(RACK_API_KEY, staged.identity)
    if found is not None and found.pending is not None and found.pending.key is not None:
        assert (found.pending.key, found.old) == (NEW, OLD)
        store.save(found.joined("second"))
        store.promote(found.promoted(LATER), FINISHED)
        store.save(found.promoted(LATER).committed())
    else:
        assert done < 2 or done >= len(steps) - 1
        if done < 2:
            return True
        store.save(committed)
    assert (inside.stages()["AWSCURRENT"]["api_key"], "AWSPENDING" in inside.stages()) == (NEW, False)
    assert inside.held() >= {OLD, NEW}
    return done < len(steps)


# -- what can't be used -------------------------------------------------------------------------------------------
@pytest.mark.parametrize("value", ["a plain key", "[1]", ""])
def test_a_secret_of_another_shape_is_left(store: SecretsManagerStore, staged: Record, inside: Inside, value: str) -> None:
    store._aws.call("secretsmanager", "create_secret", Name=inside.name, SecretString=value or '"' + OLD + '"')
    before = store._aws.call("secretsmanager", "describe_secret", SecretId=inside.name)["VersionIdsToStages"]
    for ask in (lambda: store.load(RACK_API_KEY, staged.identity), lambda: store.prove(staged, dry=False), lambda: store.save(staged)):
        with failing(Damaged, inside.name, "nothing was changed", "another name", hiding=["a plain key", OLD]):
            ask()
    assert store._aws.call("secretsmanager", "describe_secret", SecretId=inside.name)["VersionIdsToStages"] == before


def test_another_rack_s_secret_is_left(aws: Aws, staged: Record, domain: str) -> None:
    store = SecretsManagerStore(aws, name=f"one-for-all/{domain}")
    store.save(staged)
    other = dataclasses.replace(staged, identity="other.example.com", host="other.example.com")
    assert store.load(RACK_API_KEY, "other.example.com") is None
    for ask in (lambda: store.prove(other, dry=True), lambda: store.prove(other, dry=False), lambda: store.save(other)):
        with failing(StoreFailed, domain, "other.example.com", "<rack-domain>"):
            ask()
    assert store.load(RACK_API_KEY, staged.identity) == staged


OTHERS = [{"host": "other.example.com", "api_key": OTHER}, {"api_key": OTHER}, {"host": ["other.example.com"], "api_key": OTHER}]


@pytest.mark.parametrize("value", OTHERS)
@pytest.mark.parametrize("kind", [RACK_API_KEY, CONSOLE_API_KEY])
def test_a_secret_of_a_fixed_name_is_the_one_s_whose_host_it_says(aws: Aws, staged: Record, domain: str, kind: str, value: dict[str, t.Any]) -> None:
    """Somebody made it, and no record tells whose it is: its key is sent to nobody else, and nobody else's roll takes it over."""
    name = f"convox/{domain[:17]}"
    aws.call("secretsmanager", "create_secret", Name=name, SecretString=json.dumps(value))
    store, inside = SecretsManagerStore(aws, name), Inside(aws, name)
    assert (store.key(kind, HOST), store.load(kind, HOST), store.load(kind, f"me@{HOST}")) == (None, None, None)
    record = dataclasses.replace(staged, kind=kind)
    asks: list[t.Callable[[], object]] = [
        lambda: store.prove(dataclasses.replace(record, pending=None), dry=True),
        lambda: store.prove(dataclasses.replace(record, pending=None), dry=False),
        lambda: store.save(record),
        lambda: store.promote(record.promoted(LATER), FINISHED),
    ]
    for ask in asks:
        with failing(StoreFailed, name, f"not {staged.identity}'s", "nothing was changed", "<rack-domain>", hiding=[OLD, NEW, OTHER]):
            ask()
    assert inside.stages() == {"AWSCURRENT": value}


@pytest.mark.parametrize(("kind", "host", "name"), [(RACK_API_KEY, HOST, HOST), (RACK_API_KEY, HOST.upper(), HOST), (CONSOLE_API_KEY, HOST, f"me@{HOST}")])
def test_it_is_found_by_that_host(aws: Aws, domain: str, kind: str, host: str, name: str) -> None:
    secret = f"convox/{domain[:17]}"
    aws.call("secretsmanager", "create_secret", Name=secret, SecretString=json.dumps({"host": host, "api_key": OLD}))
    store = SecretsManagerStore(aws, secret)
    assert {store.key(kind, HOST), store.key(kind, name)} == {OLD}
    # Once it was rolled, its record tells whose it is: the host may be an alias.
    record = Record(kind, f"{name}:8443", host=HOST, current=OLD)
    store.prove(record, dry=False)
    assert store.load(kind, record.identity) == record


def test_of_a_name_of_its_own_the_host_may_be_an_alias(aws: Aws, store: SecretsManagerStore, staged: Record, inside: Inside) -> None:
    aws.call("secretsmanager", "create_secret", Name=inside.name, SecretString=json.dumps({"host": "alias.example.com", "api_key": OLD}))
    assert store.key(RACK_API_KEY, staged.identity) == OLD
    store.prove(dataclasses.replace(staged, pending=None), dry=False)


def test_a_secret_without_any_value(aws: Aws, store: SecretsManagerStore, staged: Record, inside: Inside) -> None:
    """As Terraform makes it, or somebody who knows no key yet: what AWS makes current by itself is not to be the record."""
    aws.call("secretsmanager", "create_secret", Name=inside.name)
    assert store.load(RACK_API_KEY, staged.identity) in (None, Record(RACK_API_KEY, staged.identity))
    store.prove(dataclasses.replace(staged, pending=None), dry=True)
    assert aws.call("secretsmanager", "describe_secret", SecretId=inside.name).get("VersionIdsToStages", {}) == {}
    store.prove(dataclasses.replace(staged, pending=None), dry=False)
    assert inside.stages()["AWSCURRENT"] == {}
    store.save(staged)
    assert inside.stages()["AWSPENDING"] == {"host": HOST, "api_key": NEW}
    store.promote(staged.promoted(LATER), FINISHED)
    store.save(staged.promoted(LATER).committed())
    assert inside.stages()["AWSCURRENT"] == {"host": HOST, "api_key": NEW}
    assert store.load(RACK_API_KEY, staged.identity) == staged.promoted(LATER).committed()
    assert inside.held() >= {OLD, NEW}


def test_a_record_that_became_the_current_value(aws: Aws, store: SecretsManagerStore, staged: Record, inside: Inside) -> None:
    """As of a secret without a value before: whoever reads the current value reads no record, which holds all keys."""
    aws.call("secretsmanager", "create_secret", Name=inside.name)
    record = {"kind": RACK_API_KEY, "identity": staged.identity, "superseded": [OTHER]}
    aws.call("secretsmanager", "put_secret_value", SecretId=inside.name, SecretString=json.dumps(record), VersionStages=["CONVOX"])
    assert inside.stages() == {"AWSCURRENT": record, "CONVOX": record}
    store.save(staged)
    assert inside.stages()["AWSCURRENT"] == {}
    assert inside.stages()["AWSPENDING"] == {"host": HOST, "api_key": NEW}


def test_one_that_is_being_deleted(store: SecretsManagerStore, staged: Record, inside: Inside) -> None:
    store.save(staged)
    store._aws.call("secretsmanager", "delete_secret", SecretId=inside.name)
    with failing(StoreFailed, inside.name, "restore"):
        store.load(RACK_API_KEY, staged.identity)


@pytest.mark.parametrize("operation", ["CreateSecret", "DescribeSecret", "PutSecretValue", "GetSecretValue", "TagResource"])
def test_a_right_that_is_missing_is_named_before_anything_is_rolled(store: SecretsManagerStore, staged: Record, convox: Standin, operation: str) -> None:
    convox.aws_faults.add(action=f"secretsmanager:{operation}", times=None)
    try:
        with failing(StoreFailed, f"secretsmanager:{operation}", "aws_secretsmanager:convox/", hiding=[OLD, NEW]):
            store.prove(dataclasses.replace(staged, pending=None), dry=False)
    finally:
        convox.aws_faults.clear()


def test_check_mode_only_reads(store: SecretsManagerStore, staged: Record, asked: Asked) -> None:
    store.prove(staged, dry=True)
    assert store.load(RACK_API_KEY, staged.identity) is None
    assert {each["path"].partition(":")[2] for each in asked("aws")} == {"DescribeSecret"}
