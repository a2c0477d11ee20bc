# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reports that the formats are tried on: evidence, judged and written down by the real core, and read back as from a file."""
from __future__ import annotations

import datetime
import hashlib
import json
import typing as t

from ansible_collections.convox.credentials.plugins.module_utils import audit, audit_report
from ansible_collections.convox.credentials.plugins.module_utils.audit_evidence import (
    ACCEPTED,
    BY_STORE,
    REFUSED,
    Account,
    Asked,
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
    Unfinished,
    User,
)
from ansible_collections.convox.credentials.plugins.module_utils.racks_found import Found
from tests.reports import checked

Document = dict[str, t.Any]

NOW = "2026-11-24T12:00:00Z"


def ago(days: float) -> str:
    return (datetime.datetime(2026, 11, 24, 12, tzinfo=datetime.timezone.utc) - datetime.timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")


def rack(name: str, domain: str | None = None, **seen: t.Any) -> Rack:
    """One with a key of its own, which has no finding but for what is said."""
    found = Found(name=name, organization="acme", console="console.test", domain=f"{name}.rack.test" if domain is None else domain)
    key = Key.of(hashlib.sha256(repr(name).encode()).hexdigest())
    clean = {
        "answered": True,
        "asked": (Asked(key, ACCEPTED), Asked(None, REFUSED)),
        "stored": StoredKey(key, ago(10)),
        "rolled": (Rolled(ago(10), BY_STORE, key.fingerprint, key.digest),),
    }
    return Rack(found, **{**clean, **seen})


def latent(name: str, **seen: t.Any) -> Rack:
    """The most severe."""
    stored, in_force = Key.of("S" * 30), Key.of("F" * 30)
    rolled = (Rolled(ago(10), BY_STORE, in_force.fingerprint, in_force.digest),)
    return rack(name, asked=(Asked(stored, REFUSED), Asked(in_force, ACCEPTED)), stored=StoredKey(stored, ago(3)), rolled=rolled, **seen)


def silent(name: str, domain: str | None = None) -> Rack:
    return rack(name, domain, answered=False, asked=())


def document(*racks: Rack, policy: t.Any = None, earlier: Document | None = None, **seen: t.Any) -> Document:
    """``earlier``: the report that it is compared with."""
    evidence, rules = Evidence(NOW, racks=racks, **seen), audit.policy_of(policy)
    report = audit_report.document(evidence, rules, audit.judge(evidence, rules), 1.5)
    if earlier:
        report["changes"] = audit_report.changes(earlier, "0" * 64, report)
    return t.cast(Document, checked(json.dumps(report)))


def acceptance(finding: str, subject: str) -> dict[str, str]:
    return {"finding": finding, "subject": subject, "reason": "moved in June", "owner": "ops@example.com", "until": "2026-12-31"}


FILE, LEDGER, LEFT = "/home/bob/.convox/auth file", "/var/lib/convox/ledger.jsonl", "left@example.com"


def mixed(**more: t.Any) -> Document:
    """Of each severity at least one; some accepted; some of what is no rack."""
    accepted = [acceptance("rack_key_in_outputs", "acme/borne"), acceptance("user_key_old", LEFT)]
    policy = {"accepted": accepted, "severities": {"rack_not_in_console": "info"}, **more.pop("policy", {})}
    begun = Unfinished("rack_api_key", ago(2), "applied", "cli")
    return document(
        rack("calm"),
        latent("latent", listed=False, unfinished=(begun,), instances=Instances("pair", ago(10), 3, (), ("pair-0",))),
        rack("borne", key_in_outputs=True, listed=False),
        silent("nowhere", domain=""),
        rack("worn", instances=Instances("pair", ago(400), 3, (), ())),
        accounts=(Account("123456789012", "us-east-1", ago(400)),),
        users=(User(LEFT, ago(120), None),),
        files=(File(FILE, mode="0644", mend="chmod it"),),
        ledgers=(Ledger(LEDGER, False, ("line 2: not bound",)),),
        sources=(
            Source("console", "console.test", "answered", "5 racks"),
            Source("aws", "eu-west-1", "partly", "not told: ecs"),
            Source("stores", "vault", "silent", "timed out"),
        ),
        policy=policy,
        **more,
    )


def before() -> Document:
    """What ``compared`` is compared with."""
    return document(
        rack("lasting", key_in_outputs=True),
        rack("fresh"),
        latent("healed"),
        rack("hidden", listed=False),
        rack("borne", key_in_outputs=True),
    )


def compared() -> Document:
    """``lasting`` is open still, ``fresh`` is new, ``healed`` mended, and of ``hidden`` nobody could tell; ``borne`` is accepted now."""
    return document(
        rack("lasting", key_in_outputs=True),
        rack("fresh", key_in_outputs=True),
        rack("healed"),
        silent("hidden"),
        rack("borne", key_in_outputs=True),
        policy={"accepted": [acceptance("rack_key_in_outputs", "acme/borne")]},
        earlier=before(),
    )


def no_findings() -> Document:
    return document(rack("calm"), rack("quiet"))


def no_racks() -> Document:
    return document(users=(User(LEFT, ago(120), None),), sources=(Source("aws", "eu-west-1", "silent", "denied"),))


def nothing() -> Document:
    return document()


def twin(name: str) -> Rack:
    """One that has the same key as each other such."""
    key = Key.of("T" * 30)
    asked, rolled = (Asked(key, ACCEPTED), Asked(None, REFUSED)), (Rolled(ago(10), BY_STORE, key.fingerprint, key.digest),)
    return rack(name, asked=asked, stored=StoredKey(key, ago(10)), rolled=rolled)


def twins(**more: t.Any) -> Document:
    """The one finding is about two racks; ``calm`` has none."""
    return document(rack("calm"), twin("one"), twin("two"), **more)


def twin_of_the_console() -> Document:
    """The one finding is about a rack and a Console, which is the first by name."""
    key = Key.of("T" * 30)
    made = Made(ago(10), BY_STORE)
    return document(twin("one"), consoles=(Console("a.console.test", (Asked(key, ACCEPTED),), (Login("a.console.test", key, "cli"),), made),))


# What breaks formats: formulas, markup, ends of lines and of sections, links, and characters that a format can't hold.
HOSTILE = (
    "=cmd|'/c calc'!A1",
    "+1",
    "-1",
    "@SUM(1)",
    "\t=1",
    "\r=1",
    "  =1",
    "'=1",
    "\uff1d1",
    "a;=1",
    'a"b,c',
    "a\r\nb\nc",
    "<b>&amp;</b> ]]> <!-- <?x ?>",
    "\x00\x01\x08\x0b\x1b[31m\x7f\x85",
    "\ud800 \udc80",
    "\ufffe\uffff\ufdd0",
    "\u202ekcart\u202c\u200b\ufeff\u2028",
    "[here](https://elsewhere.test) [[ATTACHMENT|/etc/passwd]] {0}",
    "../../etc/passwd",
    "\U0001f511 \xe9\u0301 \u5bc6",
    "x" * 5000,
)


def hostile() -> Document:
    """Each such text as a rack's name, a person's, a file's, in what a source said, and in an acceptance."""
    accepted = [{**acceptance("user_key_old", "*"), "reason": " ".join(HOSTILE), "owner": HOSTILE[0]}]
    return document(
        *(rack(text, domain="", key_in_outputs=True, listed=False) for text in HOSTILE),
        users=tuple(User(text, ago(120), None) for text in HOSTILE),
        files=tuple(File(f"/home/{text}", mode="0644", mend=text) for text in HOSTILE),
        sources=tuple(Source("files", text, "silent", text) for text in HOSTILE),
        policy={"accepted": accepted},
    )


ALL: dict[str, t.Callable[[], Document]] = {
    "mixed": mixed,
    "compared": compared,
    "no findings": no_findings,
    "no racks": no_racks,
    "nothing": nothing,
    "twins": twins,
    "twin of the Console": twin_of_the_console,
    "hostile": hostile,
}


def shown(text: str) -> str:
    """As a format is to show a text: what Python can't print, by its code."""
    return "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in text)


def _reversed(value: t.Any) -> t.Any:
    """The same value; mappings have their entries the other way round."""
    if isinstance(value, dict):
        return {name: _reversed(each) for name, each in reversed(value.items())}
    return [_reversed(each) for each in value] if isinstance(value, list) else value


def check_pure(render: t.Callable[[Document], str], report: Document) -> None:
    """The same report makes the same bytes, whatever the order of its fields, and is not changed by it."""
    before_it = json.dumps(report)
    written = render(report).encode("utf-8")
    assert json.dumps(report) == before_it
    assert render(_reversed(report)).encode("utf-8") == written
