# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The audit's core: what is seen of a rack, and what follows from it, without asking anybody."""
from __future__ import annotations

import dataclasses
import datetime
import json
import typing as t

import pytest

from ansible_collections.convox.credentials.plugins.module_utils import audit, audit_report
from ansible_collections.convox.credentials.plugins.module_utils.audit_evidence import (
    ACCEPTED,
    ALL_REFUSED,
    BY_LEDGER,
    BY_STORE,
    IN_FORCE,
    LATENT,
    NO_ANSWER,
    OPEN,
    REFUSED,
    UNKNOWN,
    Account,
    Asked,
    Certificate,
    Console,
    Evidence,
    Instances,
    Key,
    Login,
    Rack,
    Rolled,
    Source,
    StoredKey,
    Stray,
    Unfinished,
    User,
)
from ansible_collections.convox.credentials.plugins.module_utils.audit_finding import ROLL_INSTANCES, ROLL_RACKS
from ansible_collections.convox.credentials.plugins.module_utils.errors import BadInput
from ansible_collections.convox.credentials.plugins.module_utils.findings import console_copy_stale, instance_key_old, rack_key_old
from ansible_collections.convox.credentials.plugins.module_utils.racks_found import Found
from tests.reports import checked
from tests.unit.audit import documents

NOW = "2026-11-24T12:00:00Z"
A, B, C = (Key.of(letter * 30) for letter in "ABC")
NOBODY_S = Asked(None, REFUSED)


def ago(days: float) -> str:
    return (datetime.datetime(2026, 11, 24, 12, tzinfo=datetime.timezone.utc) - datetime.timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")


def rack(name: str = "alpha", **seen: t.Any) -> Rack:
    return Rack(Found(name=name, organization="acme", console="console.test", domain=f"{name}.rack.test"), **{"answered": True, **seen})


CLEAN = rack(asked=(Asked(A, ACCEPTED), NOBODY_S), stored=StoredKey(A, ago(10)), rolled=(Rolled(ago(10), BY_STORE, A.fingerprint, A.digest),))


def found(*racks: Rack, policy: t.Any = None, **more: t.Any) -> list[str]:
    """The ids of what is found, without what is accepted."""
    judged = audit.judge(Evidence(NOW, racks=racks, **more), audit.policy_of(policy))
    return [each.finding.kind.id for each in judged if each.accepted is None]


# -- how a key stands ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("asked", "stored", "standing"),
    [
        ((Asked(A, ACCEPTED), NOBODY_S), A, IN_FORCE),
        ((Asked(A, ACCEPTED), NOBODY_S), None, IN_FORCE),
        ((Asked(B, REFUSED), Asked(A, ACCEPTED)), B, LATENT),
        # The one in force is known: that of the stack need not be tried.
        ((Asked(A, ACCEPTED), NOBODY_S), B, LATENT),
        ((Asked(B, REFUSED),), B, LATENT),
        ((Asked(A, REFUSED), Asked(C, REFUSED)), None, ALL_REFUSED),
        ((Asked(A, REFUSED),), B, ALL_REFUSED),
        ((Asked(None, ACCEPTED),), None, OPEN),
        ((Asked(A, ACCEPTED), Asked(None, ACCEPTED)), B, OPEN),
        ((Asked(A, NO_ANSWER),), A, UNKNOWN),
        ((Asked(A, NO_ANSWER),), B, UNKNOWN),
        ((), A, UNKNOWN),
        ((NOBODY_S,), None, UNKNOWN),
    ],
)
def test_standing(asked: tuple[Asked, ...], stored: Key | None, standing: str) -> None:
    seen = rack(asked=asked, stored=StoredKey(stored, ago(1)) if stored else None)
    assert seen.standing == standing
    assert ("rack_key_latent" in found(seen)) == (standing == LATENT)
    assert ("rack_open" in found(seen)) == (standing == OPEN)
    assert ("rack_key_missing" in found(seen)) == (standing == ALL_REFUSED)


def test_a_clean_rack_has_no_finding() -> None:
    assert found(CLEAN) == []


def test_a_key_that_may_not_be_read_is_not_taken_for_latent() -> None:
    assert found(dataclasses.replace(CLEAN, stored=StoredKey(None, ago(10)))) == []


# The rack has not told how the key in SSM stands: the date of its last change, and of the oldest container.
@pytest.mark.parametrize(
    ("asked", "stored", "changed", "oldest", "standing"),
    [
        ((NOBODY_S,), None, 10, 11, LATENT),
        ((Asked(A, ACCEPTED), NOBODY_S), None, 10, 11, LATENT),
        ((Asked(A, REFUSED), Asked(C, REFUSED)), None, 10, 11, LATENT),
        ((Asked(A, NO_ANSWER),), A, 10, 11, LATENT),
        ((), A, 10, 11, LATENT),
        ((), None, 10, 11, LATENT),
        # The API has taken it up since, or at once.
        ((Asked(A, ACCEPTED), NOBODY_S), None, 10, 9, IN_FORCE),
        ((Asked(A, ACCEPTED), NOBODY_S), None, 10, 10, IN_FORCE),
        ((), A, 10, 9, UNKNOWN),
        ((), A, 10, 10, UNKNOWN),
        ((Asked(A, REFUSED),), None, 10, 9, ALL_REFUSED),
        # ECS was not asked, or did not tell.
        ((), A, 10, None, UNKNOWN),
        ((Asked(A, ACCEPTED), NOBODY_S), None, 10, None, IN_FORCE),
        # What the rack says goes before dates: the change was taken back, or a container is not yet at its end.
        ((Asked(A, ACCEPTED), NOBODY_S), A, 10, 11, IN_FORCE),
        ((Asked(B, REFUSED), Asked(A, ACCEPTED)), B, 10, 9, LATENT),
        ((Asked(None, ACCEPTED),), None, 10, 11, OPEN),
    ],
)
def test_a_key_that_is_latent_by_dates(asked: tuple[Asked, ...], stored: Key | None, changed: float, oldest: float | None, standing: str) -> None:
    seen = rack(asked=asked, stored=StoredKey(stored, ago(changed), None if oldest is None else ago(oldest)))
    assert seen.standing == standing
    assert ("rack_key_latent" in found(seen)) == (standing == LATENT)
    assert ("rack_key_missing" in found(seen)) == (standing == ALL_REFUSED)


@pytest.mark.parametrize(
    ("asked", "stored", "in_doubt"),
    [
        ((Asked(A, ACCEPTED), NOBODY_S), StoredKey(A, NOW), False),
        ((Asked(A, ACCEPTED), NOBODY_S), StoredKey(B, NOW), False),
        ((Asked(A, REFUSED),), StoredKey(A, NOW), False),
        ((Asked(None, ACCEPTED),), StoredKey(None, NOW), False),
        ((), None, False),
        ((), StoredKey(A, NOW), True),
        ((Asked(A, NO_ANSWER),), StoredKey(A, NOW), True),
        ((Asked(A, REFUSED),), StoredKey(B, NOW), True),
        ((Asked(A, ACCEPTED), NOBODY_S), StoredKey(None, NOW), True),
    ],
)
def test_which_racks_ecs_has_to_be_asked_about(asked: tuple[Asked, ...], stored: StoredKey | None, in_doubt: bool) -> None:
    assert rack(asked=asked, stored=stored).in_doubt == in_doubt


@pytest.mark.parametrize("key", [A, None])
def test_what_is_told_of_a_key_that_is_latent_by_dates(key: Key | None) -> None:
    """No fingerprint that nobody knows; what is in force stays unknown."""
    told = report(rack(answered=False, stored=StoredKey(key, ago(10), ago(11)), logins=(login(B),)))
    (latent,) = [each for each in told["findings"] if each["id"] == "rack_key_latent"]
    prints = {"in_force": None, "latent": key.fingerprint if key else None}
    assert latent["evidence"] == {**prints, "changed_at": ago(10), "running_since": ago(11)}
    assert latent["what"] == f"acme/alpha: its API runs since {ago(11)}, and its stack's key was changed at {ago(10)}; the next restart takes that one up"
    assert {each["fingerprint"]: each["state"] for each in told["credentials"]} == {B.fingerprint: "unknown", **({A.fingerprint: LATENT} if key else {})}
    assert told["racks"][0]["key"] == LATENT


def test_what_else_is_found_of_a_key_that_is_latent_by_dates() -> None:
    """That nobody has its key, or has noted its age, and that one of them is refused."""
    stored = StoredKey(None, ago(10), ago(11))
    assert found(dataclasses.replace(CLEAN, stored=stored)) == ["rack_key_latent"]
    assert found(dataclasses.replace(CLEAN, stored=stored, rolled=())) == ["rack_key_latent", "rack_key_age_unknown"]
    assert found(dataclasses.replace(OF_STACK, stored=stored)) == ["rack_key_latent", "rack_key_unknown"]
    assert found(dataclasses.replace(REFUSED_ONE, stored=stored)) == ["rack_key_latent", "rack_key_refused"]


# -- ages ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("rolled", "changed", "expected"),
    [
        ((Rolled(ago(91), BY_STORE, A.fingerprint, A.digest),), 91, ["rack_key_old"]),
        ((Rolled(ago(89), BY_STORE, A.fingerprint, A.digest),), 89, []),
        # Another key's roll tells nothing of this one's age.
        ((Rolled(ago(10), BY_STORE, B.fingerprint, B.digest),), 10, ["rack_key_age_unknown"]),
        ((Rolled(ago(10), BY_LEDGER, A.fingerprint),), 10, []),
        # SSM's date is the latest that the key can be from.
        ((), 91, ["rack_key_old"]),
        ((), 10, ["rack_key_age_unknown"]),
        # Rolled again to the same key, as after a restore: the last one counts.
        ((Rolled(ago(200), BY_STORE, A.fingerprint, A.digest), Rolled(ago(5), BY_LEDGER, A.fingerprint)), 10, []),
    ],
)
def test_ages(rolled: tuple[Rolled, ...], changed: float, expected: list[str]) -> None:
    assert found(dataclasses.replace(CLEAN, rolled=rolled, stored=StoredKey(A, ago(changed)))) == expected


@pytest.mark.parametrize(
    ("days", "noted", "said"),
    [
        (0.6, False, "its key is less than a day old, maybe older; the policy allows less than a day"),
        (0.6, True, "its key is less than a day old; the policy allows less than a day"),
        (3.5, False, "its key is at least 3 days old; the policy allows less than a day"),
        (3.5, True, "its key is 3 days old; the policy allows less than a day"),
    ],
)
def test_how_old_is_said_as_it_is_known(days: float, noted: bool, said: str) -> None:
    rolled = (Rolled(ago(days), BY_STORE, A.fingerprint, A.digest),) if noted else ()
    seen = dataclasses.replace(CLEAN, rolled=rolled, stored=StoredKey(A, ago(days)))
    judged = audit.judge(Evidence(NOW, racks=(seen,)), audit.policy_of({"max_age": {"rack_api_key": "12h"}}))
    assert [each.finding.what for each in judged] == [f"acme/alpha: {said}"]


def test_a_weak_key_is_told_by_its_digest_alone() -> None:
    """All weak keys have one fingerprint."""
    weak, other = Key.of("short-key"), Key.of("short-too")
    assert not Rolled(NOW, BY_LEDGER, other.fingerprint).is_of(weak)
    assert Rolled(NOW, BY_STORE, weak.fingerprint, weak.digest).is_of(weak)


def test_the_first_rule_that_fits_beats_the_kind_s() -> None:
    rules = [
        {"kind": "rack_api_key", "subject": "acme/al*", "age": "5d"},
        {"kind": "rack_api_key", "subject": "*", "age": "50d"},
        {"kind": "instance_key", "subject": "acme/alpha", "age": "1d"},
    ]
    assert found(CLEAN, policy={"max_age_of": rules}) == ["rack_key_old"]
    assert found(CLEAN, policy={"max_age_of": rules[1:]}) == []
    assert found(CLEAN, policy={"max_age": {"rack_api_key": "9d"}}) == ["rack_key_old"]


# -- policy -------------------------------------------------------------------------------------------------------
def acceptance(**change: t.Any) -> dict[str, t.Any]:
    return {"finding": "rack_key_old", "subject": "acme/*", "reason": "moved in June", "owner": "ops@example.com", "until": "2026-11-24", **change}


OLD = dataclasses.replace(CLEAN, rolled=(Rolled(ago(91), BY_STORE, A.fingerprint, A.digest),))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, []),
        ({"subject": "alpha.rack.test"}, []),
        ({"finding": "rack_key_*"}, []),
        ({"until": datetime.date(2026, 11, 24)}, []),
        ({"subject": "other/*"}, ["rack_key_old"]),
        ({"finding": "instance_*"}, ["rack_key_old"]),
        ({"until": "2026-11-23"}, ["rack_key_old", "acceptance_expired"]),
        ({"until": "2026-11-23", "subject": "other/*"}, ["rack_key_old"]),
    ],
)
def test_accepted(change: dict[str, t.Any], expected: list[str]) -> None:
    assert found(OLD, policy={"accepted": [acceptance(**change)]}) == expected


def test_severities_decide_what_fails() -> None:
    def failed(policy: dict[str, t.Any]) -> bool:
        parsed = audit.policy_of(policy)
        seen = Evidence(NOW, racks=(OLD,))
        return bool(audit_report.document(seen, parsed, audit.judge(seen, parsed), 1.0)["summary"]["failed"])

    assert failed({})
    assert not failed({"fail_on": "critical"})
    assert not failed({"fail_on": "never"})
    assert not failed({"severities": {"rack_key_old": "low"}})
    assert failed({"severities": {"rack_key_old": "low"}, "fail_on": "low"})
    assert not failed({"accepted": [acceptance()]})


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        ([], "policy: it is no mapping"),
        ("max_age: 3d", "policy: it is no mapping"),
        ({"max_ages": {}}, "policy: there is no 'max_ages'; there are accepted, expires_within, fail_on"),
        ({"max_age": {"rack_key": "1d"}}, "policy.max_age: there is no 'rack_key'"),
        ({"max_age": {"rack_api_key": "soon"}}, "policy.max_age.rack_api_key: 'soon' is no duration"),
        ({"max_unused": None}, "policy.max_unused: nothing stands there"),
        ({"max_age_of": {}}, "policy.max_age_of: it is no list"),
        ({"max_age_of": [{"kind": "rack_api_key", "age": "1d"}]}, "policy.max_age_of[0]: subject is missing"),
        ({"max_age_of": [{"kind": "password", "subject": "*", "age": "1d"}]}, "policy.max_age_of[0].kind: 'password' is none of"),
        ({"max_age_of": [{"kind": "rack_api_key", "subject": 5, "age": "1d"}]}, "policy.max_age_of[0].subject: 5 is no text"),
        ({"severities": {"rack_key_oldd": "low"}}, "policy.severities: there is no 'rack_key_oldd'"),
        ({"severities": {"rack_key_old": "none"}}, "policy.severities.rack_key_old: 'none' is none of critical, high"),
        ({"accepted": [acceptance(), "all"]}, "policy.accepted[1]: it is no mapping"),
        ({"accepted": [acceptance(owner="")]}, "policy.accepted[0]: owner is missing"),
        ({"accepted": [acceptance(finding="racks_*")]}, "policy.accepted[0].finding: 'racks_*' is no finding's id"),
        ({"accepted": [acceptance(until="soon")]}, "policy.accepted[0].until: 'soon' is no date; write the last day as YYYY-MM-DD"),
        ({"accepted": [acceptance(until=20270101)]}, "policy.accepted[0].until: 20270101 is no date"),
        ({"fail_on": "all"}, "policy.fail_on: 'all' is none of critical, high, medium, low, info, never"),
    ],
)
def test_a_slip_in_a_policy_is_named(policy: t.Any, said: str) -> None:
    with pytest.raises(BadInput) as failure:
        audit.policy_of(policy)
    assert said in str(failure.value)


# -- single findings ----------------------------------------------------------------------------------------------
def login(key: Key, host: str = "alpha.rack.test", where: str = "~/.convox/auth") -> Login:
    return Login(host, key, where)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"logins": (login(B),)}, ["rack_key_refused"]),
        ({"logins": (login(A),)}, []),
        ({"answered": False, "asked": (), "rolled": ()}, ["rack_silent"]),
        ({"answered": None, "asked": (), "rolled": ()}, []),
        ({"key_in_outputs": True}, ["rack_key_in_outputs"]),
        ({"unfinished": (Unfinished("rack_api_key", ago(1), "applied", "store cli"),)}, ["rotation_unfinished"]),
        ({"instances": Instances("k", ago(10), 3, ("i-1",), ())}, ["instances_on_other_pair"]),
        ({"instances": Instances("k", ago(10), 3, (), ("k-1",))}, ["key_pair_left"]),
        ({"instances": Instances("", None, 3, (), ())}, ["instance_key_missing"]),
        ({"instances": Instances("k", ago(366), 3, (), ())}, ["instance_key_old"]),
        ({"instances": Instances("k", None, 3, (), ())}, ["instance_key_age_unknown"]),
        ({"instances": Instances("k", ago(10), 3, (), ())}, []),
        ({"console_copy": "stale"}, ["console_copy_stale"]),
        ({"listed": False}, ["rack_not_in_console"]),
        ({"listed": None, "backed": None}, []),
        ({"listed": True, "backed": False}, ["console_rack_without_stack"]),
        ({"certificate": Certificate("unverified", "f" * 64, sent=False), "answered": False, "asked": (), "rolled": ()}, ["certificate_unverified"]),
        ({"certificate": Certificate("changed", "f" * 64, sent=False), "answered": False, "asked": (), "rolled": ()}, ["certificate_changed"]),
        # A key was sent, so that the rack's silence has another reason.
        ({"certificate": Certificate("unverified", "f" * 64), "answered": False, "asked": (), "rolled": ()}, ["certificate_unverified", "rack_silent"]),
        # Its Console reaches it; whether the key that others have is in force, nobody can tell.
        ({"answered": False, "asked": (), "rolled": (), "console_copy": "ok"}, ["rack_silent"]),
        ({"answered": False, "asked": (), "rolled": (), "console_copy": "ok", "stored": None}, []),
        ({"certificate": Certificate("verified", "f" * 64, ago(-29))}, ["certificate_expiring"]),
        ({"certificate": Certificate("pinned", "f" * 64, ago(1))}, ["certificate_expiring"]),
        ({"certificate": Certificate("verified", "f" * 64, ago(-31))}, []),
    ],
)
def test_what_is_found_of_a_rack(change: dict[str, t.Any], expected: list[str]) -> None:
    assert found(dataclasses.replace(CLEAN, **change)) == expected


HOST_ALONE = Rack(Found(name="alpha.rack.test", domain="alpha.rack.test"), answered=True, asked=(NOBODY_S,))
OF_STACK = Rack(Found(name="alpha", domain="alpha.rack.test", account="123456789012", stack="alpha"), backed=True, answered=True, asked=(NOBODY_S,))
OF_CONSOLE = rack(console_copy="ok", listed=True)
REFUSED_ONE = dataclasses.replace(HOST_ALONE, logins=(login(A),), asked=(Asked(A, REFUSED), NOBODY_S))


@pytest.mark.parametrize(
    ("seen", "expected", "clean"),
    [
        (HOST_ALONE, ["rack_key_unknown"], 0),
        (dataclasses.replace(HOST_ALONE, answered=False, asked=()), ["rack_silent"], 0),
        (dataclasses.replace(HOST_ALONE, asked=(Asked(None, ACCEPTED),)), ["rack_open"], 0),
        (dataclasses.replace(HOST_ALONE, logins=(login(A),), asked=(Asked(A, ACCEPTED), NOBODY_S)), ["rack_key_age_unknown"], 0),
        (OF_STACK, ["rack_key_unknown"], 0),
        # There is a parameter, which may not be read.
        (dataclasses.replace(OF_STACK, stored=StoredKey(None, ago(10))), ["rack_key_unknown"], 0),
        # It was rolled into a secret, which is not read: a former key, as an inventory's, proves no loss.
        (dataclasses.replace(REFUSED_ONE, rolled=(Rolled(ago(10), BY_STORE, B.fingerprint),)), ["rack_key_refused", "rack_key_unknown"], 0),
        (dataclasses.replace(REFUSED_ONE, rolled=(Rolled(ago(10), BY_STORE, A.fingerprint),)), ["rack_key_missing"], 0),
        # A ledger keeps no key.
        (dataclasses.replace(REFUSED_ONE, rolled=(Rolled(ago(10), BY_LEDGER, B.fingerprint),)), ["rack_key_missing"], 0),
        # Its Console could not reach it, and it answers.
        (dataclasses.replace(OF_CONSOLE, console_copy="unknown", asked=(NOBODY_S,)), ["rack_key_unknown"], 0),
        (dataclasses.replace(OF_CONSOLE, console_copy="stale"), ["console_copy_stale"], 0),
        # The Console alone has its key, and it is good.
        (OF_CONSOLE, [], 1),
        (dataclasses.replace(OF_CONSOLE, found=dataclasses.replace(OF_CONSOLE.found, version="3.18.2"), asked=(NOBODY_S,)), [], 1),
        # Nobody wanted it asked.
        (dataclasses.replace(OF_STACK, answered=None, asked=()), [], 0),
        (dataclasses.replace(OF_CONSOLE, console_copy="unknown", answered=None), [], 0),
        (CLEAN, [], 1),
    ],
)
def test_a_rack_of_which_nobody_has_a_key_is_not_clean(seen: Rack, expected: list[str], clean: int) -> None:
    assert found(seen) == expected
    assert report(seen)["summary"]["racks_clean"] == clean


def test_what_is_accepted_of_an_unknown_key_hides_no_lost_one() -> None:
    policy = {"accepted": [acceptance(finding="rack_key_unknown", subject="*")]}
    assert found(OF_STACK, policy=policy) == []
    assert found(REFUSED_ONE, policy=policy) == ["rack_key_missing"]


def test_racks_of_one_name_are_told_apart() -> None:
    """The installer calls each of them convox."""
    racks = [Rack(Found(name="convox", domain=f"{place}.test"), answered=True, logins=(login(A, f"{place}.test"),)) for place in ("one", "two")]
    (shared,) = [each for each in report(*racks)["findings"] if each["id"] == "key_shared"]
    assert (shared["subject"], shared["racks"]) == ("convox (one.test)", ["one.test", "two.test"])


def test_one_key_for_two_hosts() -> None:
    one, two = rack("one", logins=(login(A, "one"),)), rack("two", logins=(login(A, "two"),))
    assert found(one, two) == ["key_shared"]
    assert found(one, rack("two", logins=(login(B, "two"),))) == []
    assert found(one, consoles=(Console("console.test", logins=(login(A, "console.test"),)),)) == ["key_shared"]


@pytest.mark.parametrize(
    ("made", "used", "said"),
    [
        (200, 100, "the key was last used 100 days ago"),
        (100, 200, "the key was made 100 days ago and never used"),
        (100, None, "the key was made 100 days ago and never used"),
        (1, 146, None),
        (None, None, None),
    ],
)
def test_since_when_a_key_is_unused(made: float | None, used: float | None, said: str | None) -> None:
    user = User("ann@example.com", *(None if days is None else ago(days) for days in (made, used)))
    judged = audit.judge(Evidence(NOW, users=(user,)), audit.policy_of({"max_age": {"console_api_key": "999d"}}))
    assert [each.finding.what.partition(": ")[2] for each in judged] == ([said] if said else [])


def test_a_silent_source_is_told_of() -> None:
    assert found(CLEAN, sources=(Source("aws", "us-east-1", "silent", "AWS denies it"), Source("ledger", "l", "answered", ""))) == ["source_silent"]


# -- reports ------------------------------------------------------------------------------------------------------
def report(*racks: Rack, **more: t.Any) -> t.Any:
    seen, policy = Evidence(NOW, racks=racks, **more), audit.policy_of({})
    return audit_report.document(seen, policy, audit.judge(seen, policy), 1.0)


def test_a_report_is_as_its_schema_says() -> None:
    seen = dataclasses.replace(OLD, logins=(login(B),), instances=Instances("k", None, 3, ("i-1",), ("k-1",)), stored=StoredKey(C, ago(1)))
    accounts = (Account("123456789012", "us-east-1", ago(400), ("alpha",), ("alpha",)),)
    users = (User("a@example.com", ago(100), None), User("b@example.com", None, ago(1)))
    consoles = (Console("console.test", (Asked(A, ACCEPTED), Asked(B, REFUSED)), (login(B, "console.test"),)),)
    document = report(seen, rack("beta", answered=None), accounts=accounts, users=users, consoles=consoles, tables="convox-users", deploy_keys=2)
    policy = {"accepted": [acceptance(subject="*", until="2026-12-31")]}
    judged = audit.judge(Evidence(NOW, racks=(OLD,)), audit.policy_of(policy))
    borne = audit_report.document(Evidence(NOW, racks=(OLD,)), audit.policy_of(policy), judged, 0.5)
    borne["changes"] = audit_report.changes(document, "0" * 64, borne)
    for each in (document, borne):
        checked(json.dumps(each))
    assert borne["findings"][0]["accepted"] == {"reason": "moved in June", "owner": "ops@example.com", "until": "2026-12-31"}
    assert {each["state"] for each in document["credentials"]} == {"in_force", "latent", "refused", "unknown"}


def test_what_changed() -> None:
    before = report(OLD, rack("beta", key_in_outputs=True, console_copy="ok"), rack("gamma", key_in_outputs=True, console_copy="ok"))
    now = report(OLD, rack("beta", listed=False, console_copy="ok"), rack("gamma", answered=False))
    changes = audit_report.changes(before, "0" * 64, now)
    assert changes["new"] == ["rack_silent:gamma.rack.test", "rack_not_in_console:beta.rack.test"]
    assert changes["open"] == ["rack_key_old:alpha.rack.test"]
    assert [each["key"] for each in changes["mended"]] == ["rack_key_in_outputs:beta.rack.test"]
    # Nobody could tell: it is not mended.
    assert [each["key"] for each in changes["unknown"]] == ["rack_key_in_outputs:gamma.rack.test"]


ASKED = (Source("stores", "cli", "answered", ""), Source("aws", "us-east-1", "partly", "12 racks; not told: ecs"))


@pytest.mark.parametrize(
    ("now", "mended"),
    [
        (ASKED, True),
        # It told no more then.
        ((ASKED[0], dataclasses.replace(ASKED[1], said="11 racks; not told: ecs")), True),
        ((*ASKED, Source("tables", "convox", "silent", "why")), True),
        ((dataclasses.replace(ASKED[0], state="partly"), ASKED[1]), False),
        ((ASKED[0], dataclasses.replace(ASKED[1], state="silent")), False),
        # It is not asked any more.
        (ASKED[:1], False),
    ],
)
def test_nothing_is_mended_by_silence(now: tuple[Source, ...], mended: bool) -> None:
    changes = audit_report.changes(report(OLD, sources=ASKED), "0" * 64, report(CLEAN, sources=now))
    (found,) = (kind for kind in ("mended", "unknown") if any(each["subject"] == OLD.label for each in changes[kind]))
    assert (found == "mended") == mended


def test_a_finding_about_several_racks_counts_for_each() -> None:
    told = documents.twins()
    assert [(each["id"], each["findings"], each["worst"]) for each in told["racks"]] == [
        ("calm.rack.test", 0, None),
        ("one.rack.test", 1, "high"),
        ("two.rack.test", 1, "high"),
    ]
    assert (told["summary"]["open"], told["summary"]["racks_clean"]) == (1, 1)
    (finding,) = told["findings"]
    assert (finding["key"], finding["rack"], finding["racks"]) == ("key_shared:acme/one:acme/two", None, ["one.rack.test", "two.rack.test"])
    borne = documents.twins(policy={"accepted": [documents.acceptance("key_shared", "acme/one")]})
    assert (borne["summary"]["racks_clean"], {each["findings"] for each in borne["racks"]}) == (3, {0})


def test_a_rack_that_was_given_another_s_key_by_mistake_does_not_share_it() -> None:
    one, two = (rack(name, logins=(login(A, name),)) for name in ("one", "two"))
    other = rack("other", logins=(login(A, "other"),), asked=(Asked(A, REFUSED), Asked(B, ACCEPTED)))
    (shared,) = [each for each in report(one, two, other)["findings"] if each["id"] == "key_shared"]
    assert shared["racks"] == ["one.rack.test", "two.rack.test"]


@pytest.mark.parametrize("former", [False, True])
def test_of_several_racks_one_that_is_silent_leaves_it_open(former: bool) -> None:
    """A report of a former release does not say which racks they are."""
    before = documents.twins()
    for each in before["findings"] if former else ():
        del each["racks"]
    checked(json.dumps(before))
    audit_report.check(before)
    now = documents.document(documents.rack("calm"), documents.silent("one"), documents.rack("two"))
    changes = audit_report.changes(before, "0" * 64, now)
    assert [each["id"] for each in changes["mended" if former else "unknown"]] == ["key_shared"]
    healed = documents.document(documents.rack("calm"), documents.rack("one"), documents.rack("two"))
    assert [each["id"] for each in audit_report.changes(before, "0" * 64, healed)["mended"]] == ["key_shared"]


@pytest.mark.parametrize("racks", [3, [3], None, [["a"]]])
def test_what_names_no_racks_is_no_report(racks: t.Any) -> None:
    broken = documents.twins()
    broken["findings"][0]["racks"] = racks
    with pytest.raises(BadInput, match="it is no report of credential_audit"):
        audit_report.check(broken)


@pytest.mark.parametrize(("filters", "mended"), [({}, True), ({"exclude": [{"name": "alpha"}]}, False)])
def test_nothing_is_mended_by_not_looking(filters: dict[str, t.Any], mended: bool) -> None:
    """A rack that is gone has no finding any more; one that was not wanted may have."""
    changes = audit_report.changes(report(OLD), "0" * 64, report(rack("beta"), filters=filters))
    assert (len(changes["mended"]), len(changes["unknown"])) == (int(mended), int(not mended))


@pytest.mark.parametrize("still_there", [True, False])
def test_a_rack_that_only_a_login_knows_is_not_mended_when_it_falls_silent(still_there: bool) -> None:
    """Nothing but the login says that it was a rack."""
    former = Rack(Found(name="alpha", domain="alpha.rack.test"), answered=True, asked=(Asked(None, ACCEPTED),))
    strays = (Stray(login(A, "alpha.rack.test"), "timed out"),) if still_there else ()
    changes = audit_report.changes(report(former), "0" * 64, report(rack("beta"), strays=strays))
    assert [each["id"] for each in changes["unknown" if still_there else "mended"]] == ["rack_open"]


@pytest.mark.parametrize(("name", "organization", "gone"), [("alpha", "acme", False), ("alpha", "umbrella", True), ("other", "acme", True)])
def test_a_rack_of_a_console_that_does_not_tell_its_domain_any_more_is_not_mended(name: str, organization: str, gone: bool) -> None:
    silent = Rack(Found(name=name, organization=organization, console="console.test"), answered=False)
    changes = audit_report.changes(report(OLD), "0" * 64, report(silent))
    assert [each["id"] for each in changes["mended" if gone else "unknown"]] == ["rack_key_old"]


@pytest.mark.parametrize("other", [None, [], {}, {"findings": [{}], "at": NOW, "version": 1, "filters": {}, "sources": []}, "report"])
def test_only_a_report_can_be_compared(other: t.Any) -> None:
    with pytest.raises(BadInput, match="it is no report of credential_audit"):
        audit_report.check(other)


def test_the_summary_fits_a_screen() -> None:
    many = report(*(rack(f"r{number}", key_in_outputs=True, listed=False, console_copy="ok") for number in range(100)))
    lines = audit_report.summary(many)
    assert len(lines) == 25
    assert lines[0].startswith("Audit of 100 racks and 100 credentials in 1.0 s: 200 open findings (100 high, 100 low), 0 accepted; 0 racks are clean.")
    assert lines[-1] == "... and 177 more, in the report."
    assert len(audit_report.summary(report(OLD))) == 2


# -- how it is mended ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("version", "provider", "api_key", "instance_key"),
    [
        ("20260326150533", "aws", ROLL_RACKS, ROLL_INSTANCES),
        ("20180708231844", "aws", ROLL_RACKS, ROLL_INSTANCES),
        ("", "", ROLL_RACKS, ROLL_INSTANCES),
        ("3.18.2", "aws", None, ROLL_INSTANCES),
        ("3.18.2", "gcp", None, None),
    ],
)
def test_no_playbook_is_named_that_can_not_mend_it(version: str, provider: str, api_key: str | None, instance_key: str | None) -> None:
    """A v3 rack's key is Terraform's, and its instances' is rolled on AWS only."""
    one = rack()
    one = dataclasses.replace(one, found=dataclasses.replace(one.found, version=version, provider=provider))
    for kind, playbook, by_hand in ((rack_key_old.KIND, api_key, "`terraform apply -replace=`"), (instance_key_old.KIND, instance_key, "on gcp")):
        finding = kind.of(one, "it is old")
        assert finding.playbook == playbook
        assert finding.mend == kind.mend if playbook else by_hand in finding.mend
    stale = console_copy_stale.KIND.of(one, "stale")
    assert (stale.playbook, "reimport" in stale.mend) == (api_key, api_key is not None)
