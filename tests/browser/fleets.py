# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fleets to look at: what an audit could have seen of any number of racks, judged and reported by the real code.

The same number gives the same fleet, for all chance is seeded.
"""
from __future__ import annotations

import dataclasses
import datetime
import json
import random
import typing as t

from ansible_collections.convox.credentials.plugins.module_utils import audit, audit_report
from ansible_collections.convox.credentials.plugins.module_utils.audit_evidence import (
    ACCEPTED,
    ANSWERED,
    BY_LEDGER,
    BY_STORE,
    COPY_OK,
    COPY_STALE,
    COPY_UNKNOWN,
    PARTLY,
    REFUSED,
    SILENT,
    UNVERIFIED,
    VERIFIED,
    Account,
    Asked,
    Certificate,
    Console,
    Evidence,
    File,
    Instances,
    Key,
    Ledger,
    Login,
    Made,
    Rack,
    Rolled,
    Source,
    StoredKey,
    Stray,
    Unfinished,
    User,
)
from ansible_collections.convox.credentials.plugins.module_utils.racks_found import Found

Report = dict[str, t.Any]

NOW = datetime.datetime(2026, 11, 24, 12, tzinfo=datetime.timezone.utc)
CONSOLE = "console.example.com"
ACCOUNTS = ("123456789012", "210987654321")
REGIONS = ("us-east-1", "us-west-2", "eu-west-1", "eu-central-1", "ap-southeast-2")
NOBODY_S = Asked(None, REFUSED)
POLICY = {
    "max_age_of": [{"kind": "rack_api_key", "subject": "acme/payments-*", "age": "30d"}],
    "accepted": [
        {"finding": "key_pair_left", "subject": "*", "reason": "snapshots of 2024 need them", "owner": "platform@example.com", "until": "2027-03-31"},
        {"finding": "rack_key_in_ssm", "subject": "*", "reason": "only admins may read it", "owner": "security@example.com", "until": "2027-06-30"},
        {"finding": "instance_key_old", "subject": "*", "reason": "until the move", "owner": "platform@example.com", "until": "2026-09-30"},
    ],
}
# A page that takes one of these for its own is broken, or broken into.
HOSTILE = (
    "<script>window.broken=1</script>",
    "</script><script>window.broken=1</script>",
    '"><img src=x onerror=window.broken=1>',
    "'-alert(1)-'&lt;b&gt;&amp;",
    "\u202egnp.tiucric\u2066 left\u200b\x00\x1b[31m\ud800",
    "\u05d0\u05d1\u05d2/\u05d3",
    "javascript:window.broken=1",
    "very-long-" + "name" * 150,
)


def stamp(days: float, now: datetime.datetime = NOW) -> str:
    """So many days ago."""
    return (now - datetime.timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")


class Fleet:
    """Racks at random, each with what can be wrong with it as often as it is in a fleet that nobody has cleaned up for a while."""

    def __init__(self, count: int, names: t.Sequence[str] = ()) -> None:
        self._chance = random.Random(count)  # noqa: S311 (what is wanted is chance that comes again)
        self.count = count
        self._names = names

    def evidence(self) -> Evidence:
        racks = tuple(self._rack(number) for number in range(self.count))
        people = [f"person{number}@example.com" for number in range(min(self.count, 60))]
        return Evidence(
            stamp(0),
            racks=racks,
            consoles=(self._console(),),
            accounts=tuple(self._account(account, region, racks) for account in ACCOUNTS for region in REGIONS[:2]),
            users=tuple(User(email, self._some(0.9, stamp(self._age(90))), self._some(0.8, stamp(self._chance.uniform(0, 150)))) for email in people),
            deploy_keys=2,
            tables="convox",
            files=(File("/home/bob/.convox/auth", mode="0644", mend="run: chmod 600 /home/bob/.convox/auth"),),
            ledgers=(Ledger("/home/ops/.config/convox/ledger.jsonl", whole=True),),
            strays=(Stray(Login("former.example.com", self._key(), "/home/bob/.convox/auth"), "there is no such host name"),),
            sources=self._sources(),
        )

    def clean(self) -> Evidence:
        """As it should be: nothing is found."""
        sources = tuple(Source(kind, CONSOLE, ANSWERED, f"{self.count} racks") for kind in ("console", "racks"))
        return Evidence(stamp(0), racks=tuple(self._clean(self._found(number)) for number in range(self.count)), sources=sources)

    def _chosen(self, likely: float) -> bool:
        return self._chance.random() < likely

    def _some(self, likely: float, value: t.Any) -> t.Any:
        return value if self._chosen(likely) else None

    def _age(self, most: float) -> float:
        """Days: mostly within what is allowed, and some far from it."""
        return self._chance.uniform(0, most) if self._chosen(0.8) else most * self._chance.lognormvariate(0.4, 0.5)

    def _key(self) -> Key:
        return Key.of(f"{self._chance.getrandbits(160):040x}")

    def _found(self, number: int) -> Found:
        name = self._names[number] if number < len(self._names) else f"{self._chance.choice(('web', 'payments', 'data', 'search', 'mail'))}-{number}"
        region, account = self._chance.choice(REGIONS), self._chance.choice(ACCOUNTS)
        known = {"name": name, "organization": self._chance.choice(("acme", "acme", "umbrella")), "console": CONSOLE, "provider": "aws", "region": region}
        domain = f"rack-{number}.{region}.example.com"
        if self._chosen(0.1):
            return Found(**known, domain=domain, version="3.18.2", status="running")
        release, status = self._chance.choice(("20260326150533", "20251104120000")), self._chance.choice(("running",) * 9 + ("updating",))
        return Found(**known, domain=domain, account=account, stack=name, version=release, status=status)

    def _clean(self, found: Found) -> Rack:
        key, since = self._key(), stamp(20)
        return Rack(
            found,
            listed=True,
            answered=True,
            asked=(Asked(key, ACCEPTED), NOBODY_S),
            logins=(Login(found.domain, key, "/home/ops/.config/convox/auth"),),
            rolled=(Rolled(since, BY_STORE, key.fingerprint, key.digest),),
            console_copy=COPY_OK,
            instances=Instances(f"{found.name}-keypair-5000", stamp(200), 3, (), ()) if found.stack else None,
        )

    def _rack(self, number: int) -> Rack:
        found, key, age = self._found(number), self._key(), self._age(90)
        if number == 0:
            return self._clean(found)
        holders = tuple(Login(found.domain, key, f"/home/{who}/.config/convox/auth") for who in ("ops", "alice", "bob") if self._chosen(0.4))
        noted = (Rolled(stamp(age), self._chance.choice((BY_STORE, BY_LEDGER)), key.fingerprint, key.digest),) if self._chosen(0.9) else ()
        rack = Rack(
            found,
            listed=True,
            backed=not self._chosen(0.01),
            answered=True,
            asked=(Asked(key, ACCEPTED), NOBODY_S),
            logins=holders,
            stored=StoredKey(key, stamp(age)) if found.stack else None,
            rolled=noted,
            console_copy=COPY_OK,
            certificate=Certificate(VERIFIED, f"{number:064x}", stamp(-self._chance.uniform(10, 400))),
            instances=self._instances(found.name) if found.stack else None,
        )
        if number == 1 or self._chosen(0.03):
            return dataclasses.replace(rack, stored=StoredKey(self._key(), stamp(self._chance.uniform(1, 60))))
        if number == 2:
            return dataclasses.replace(rack, rolled=(Rolled(stamp(150), BY_STORE, key.fingerprint, key.digest),), stored=StoredKey(key, stamp(150)))
        return self._broken(rack) if self._chosen(0.25) else rack

    def _instances(self, name: str) -> Instances:
        total = self._chance.randint(2, 12)
        others = tuple(f"i-{self._chance.getrandbits(68):017x}" for dummy in range(self._chance.randint(1, 3))) if self._chosen(0.04) else ()
        left = tuple(f"{name}-keypair-{number}" for number in range(self._chance.randint(1, 3))) if self._chosen(0.15) else ()
        pair = "" if self._chosen(0.05) else f"{name}-keypair-5000"
        return Instances(pair, self._some(0.95, stamp(self._age(365))), total, others, left)

    def _broken(self, rack: Rack) -> Rack:
        """One thing more that is wrong."""
        dead = self._key()
        told = f"{rack.found.domain} GET /system: the connection is refused; check that it is up, and the port"
        return self._chance.choice(
            (
                lambda: dataclasses.replace(rack, answered=False, why=told, asked=(), console_copy=COPY_UNKNOWN, certificate=None),
                lambda: dataclasses.replace(rack, console_copy=COPY_STALE),
                lambda: dataclasses.replace(rack, logins=(Login(rack.found.domain, dead, "/home/carol/.convox/auth"), *rack.logins)),
                lambda: dataclasses.replace(rack, asked=(Asked(dead, REFUSED),), stored=None, logins=(Login(rack.found.domain, dead, "/home/ops/auth"),)),
                lambda: dataclasses.replace(rack, asked=(Asked(None, ACCEPTED),)),
                lambda: dataclasses.replace(rack, key_in_outputs=True),
                lambda: dataclasses.replace(rack, listed=False),
                lambda: dataclasses.replace(rack, certificate=Certificate(UNVERIFIED, "c" * 64, sent=False), answered=False, asked=(), console_copy=COPY_OK),
                lambda: dataclasses.replace(rack, unfinished=(Unfinished("rack_api_key", stamp(1), "applied", "the store cli"),)),
            )
        )()

    def _console(self) -> Console:
        key, former = self._key(), self._key()
        logins = (Login(CONSOLE, key, "/home/ops/.config/convox/auth"), Login(CONSOLE, former, "/home/bob/.convox/auth"))
        return Console(CONSOLE, (Asked(key, ACCEPTED), Asked(former, REFUSED)), logins, Made(stamp(100), BY_STORE))

    def _account(self, account: str, region: str, racks: t.Sequence[Rack]) -> Account:
        names = tuple(rack.found.name for rack in racks if rack.found.account == account and rack.found.region == region)
        return Account(account, region, stamp(self._age(365)), names, names)

    def _sources(self) -> tuple[Source, ...]:
        told = (Source("console", CONSOLE, ANSWERED, f"{self.count} racks"), Source("racks", CONSOLE, ANSWERED, f"{self.count} racks"))
        if self.count < 10:
            return told
        return (
            *told,
            *(Source("aws", f"{ACCOUNTS[0]}/{region}", ANSWERED, "racks") for region in REGIONS[:3]),
            Source("aws", f"{ACCOUNTS[1]}/eu-west-1", PARTLY, "4 racks; not told: ecs:ListTaskDefinitionFamilies"),
            Source("aws", f"{ACCOUNTS[1]}/us-east-1", SILENT, "AWS denies cloudformation:DescribeStacks to arn:aws:iam::210987654321:role/audit"),
            Source("files", "/home/ops/.config/convox, /home/bob/.convox", ANSWERED, "2 directories, 18 logins"),
            Source("ledger", "/home/ops/.config/convox/ledger.jsonl", ANSWERED, "212 lines"),
        )


def judged(evidence: Evidence, seconds: float = 12.3) -> Report:
    """The report, as it is after a way through JSON."""
    policy = audit.policy_of(POLICY)
    document = audit_report.document(evidence, policy, audit.judge(evidence, policy), seconds)
    return t.cast(Report, json.loads(json.dumps(document)))


def report(count: int, names: t.Sequence[str] = ()) -> Report:
    """A fleet's report, compared with an earlier one."""
    evidence = Fleet(count, names).evidence()
    now = judged(evidence)
    now["changes"] = audit_report.changes(judged(_before(evidence)), "0" * 64, now)
    return now


def clean(count: int) -> Report:
    """The report of a fleet without a finding."""
    return judged(Fleet(count).clean())


def _before(evidence: Evidence) -> Evidence:
    """The same fleet a month ago: each fifth rack had a key in its outputs, and each fourth had nothing that it has now."""
    racks = []
    for number, rack in enumerate(evidence.racks):
        if number % 5 == 0:
            rack = dataclasses.replace(rack, key_in_outputs=not rack.key_in_outputs)  # noqa: PLW2901
        racks.append(dataclasses.replace(rack, logins=(), instances=None, console_copy=COPY_OK) if number % 4 == 0 else rack)
    return dataclasses.replace(evidence, at=stamp(31), racks=tuple(racks))


if __name__ == "__main__":
    import sys

    print(json.dumps(report(int(sys.argv[1]), HOSTILE if len(sys.argv) > 2 else ()), indent=1))
