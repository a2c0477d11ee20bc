# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each kind of finding has a page, and what stands there is so: the message, what mends it, and how it is accepted."""
from __future__ import annotations

import datetime
import re
import typing as t

import pytest
import yaml

from ansible_collections.convox.credentials.plugins.module_utils import audit, audit_policy
from ansible_collections.convox.credentials.plugins.module_utils.audit_evidence import (
    ACCEPTED,
    BY_STORE,
    REFUSED,
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
from ansible_collections.convox.credentials.plugins.module_utils.times import parse_duration
from ansible_collections.convox.credentials.plugins.plugin_utils import variables
from tests.places import ROOT

PAGES = ROOT / "docs" / "findings"
HEADINGS = ["What", "Why it matters", "How to mend", "How to accept"]
EXPIRED = "acceptance_expired"

# -- what is seen of a fleet in which each finding is found once, as the pages tell it ----------------------------
NOW = "2026-11-24T12:00:00Z"
KEY, OTHER = Key.of("A" * 30), Key.of("B" * 30)
NOBODY_S = Asked(None, REFUSED)
HOST, CONSOLE, WHERE = "rack.production.convox.site", "console.example.com", "/home/bob/.convox/auth"


def ago(days: float) -> str:
    return (datetime.datetime(2026, 11, 24, 12, tzinfo=datetime.timezone.utc) - datetime.timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")


def of_rack(**seen: t.Any) -> Evidence:
    found = Found("production", "acme", CONSOLE, "aws", "running", "20260326150533", "us-east-1", HOST, "123456789012", "", "production")
    in_order = {
        "answered": True,
        "asked": (Asked(KEY, ACCEPTED), NOBODY_S),
        "stored": StoredKey(KEY, ago(20)),
        "rolled": (Rolled(ago(20), BY_STORE, KEY.fingerprint, KEY.digest),),
    }
    return Evidence(NOW, racks=(Rack(found, **{**in_order, **seen}),))


def silent(**seen: t.Any) -> Evidence:
    return of_rack(answered=False, asked=(), **seen)


def of_pair(made: float | None = 30, others: tuple[str, ...] = (), left: tuple[str, ...] = (), name: str = "production-keypair-5000") -> Evidence:
    return of_rack(instances=Instances(name, None if made is None else ago(made), 3, others, left))


def twin(name: str) -> Rack:
    return Rack(Found(name, "acme", CONSOLE, domain=f"rack.{name}.convox.site"), stored=StoredKey(KEY, ago(20)))


def of_console(made: float | None, asked: tuple[Asked, ...] = (Asked(KEY, ACCEPTED),), logins: tuple[Login, ...] = ()) -> Evidence:
    return Evidence(NOW, consoles=(Console(CONSOLE, asked, logins, None if made is None else Made(ago(made), BY_STORE)),))


def of_user(made: float, used: float) -> Evidence:
    return Evidence(NOW, users=(User("ann@example.com", ago(made), ago(used)),))


def of_account(**seen: t.Any) -> Evidence:
    return Evidence(NOW, accounts=(Account("123456789012", "us-east-1", **seen),))


SEEN: dict[str, Evidence] = {
    "acceptance_expired": of_rack(rolled=(Rolled(ago(120), BY_STORE, KEY.fingerprint, KEY.digest),)),
    "certificate_changed": silent(certificate=Certificate("changed", "f" * 64, sent=False)),
    "certificate_expiring": of_rack(certificate=Certificate("verified", "f" * 64, ago(-9.5))),
    "certificate_unverified": silent(certificate=Certificate("unverified", "f" * 64, sent=False)),
    "console_copy_stale": of_rack(console_copy="stale"),
    "console_key_age_unknown": of_console(None),
    "console_key_old": of_console(100),
    "console_key_refused": of_console(10, (Asked(OTHER, REFUSED), Asked(KEY, ACCEPTED)), (Login(CONSOLE, OTHER, WHERE),)),
    "console_rack_without_stack": of_rack(listed=True, backed=False),
    "deploy_key_age_unknown": Evidence(NOW, tables="convox", deploy_keys=2),
    "file_damaged": Evidence(
        NOW,
        files=(
            File(
                WHERE,
                damage=f"{WHERE}: no whole JSON object, but empty or cut off, as the CLI leaves it when it is killed; nothing was changed; "
                "restore it from a copy, or remove it and log in again",
            ),
        ),
    ),
    "file_mode": Evidence(NOW, files=(File(WHERE, "0644", False, f"run: chmod 600 {WHERE}"),)),
    "instance_key_age_unknown": of_pair(None),
    "instance_key_missing": of_pair(None, name=""),
    "instance_key_old": of_pair(400),
    "instances_on_other_pair": of_pair(others=("i-0123456789abcdef0",)),
    "key_pair_left": of_pair(left=("production-keypair-1000", "production-keypair-1001")),
    "key_shared": Evidence(NOW, racks=(twin("production"), twin("staging"))),
    "key_weak": of_rack(asked=(Asked(Key.of("short-key"), ACCEPTED), NOBODY_S), stored=None, rolled=(Rolled(NOW, BY_STORE, "", Key.of("short-key").digest),)),
    "ledger_damaged": Evidence(
        NOW,
        ledgers=(
            Ledger(
                "/srv/convox/ledger.jsonl",
                False,
                ("line 8: not bound to what stands above it: that was changed, taken out or put in, or this line was",),
            ),
        ),
    ),
    "login_stray": Evidence(
        NOW, strays=(Stray(Login("rack.former.convox.site", KEY, WHERE), "rack.former.convox.site GET /system: there is no such host name; check host"),)
    ),
    "rack_key_age_unknown": of_rack(rolled=()),
    "rack_key_in_outputs": of_rack(key_in_outputs=True),
    "rack_key_in_ssm": of_account(readable=("production", "staging")),
    "rack_key_in_task_definition": of_account(defined=("production", "staging")),
    "rack_key_latent": of_rack(stored=StoredKey(OTHER, ago(2)), asked=(Asked(OTHER, REFUSED), Asked(KEY, ACCEPTED))),
    "rack_key_missing": of_rack(asked=(Asked(KEY, REFUSED),), stored=None, logins=(Login(HOST, KEY, WHERE),)),
    "rack_key_old": of_rack(rolled=(Rolled(ago(120), BY_STORE, KEY.fingerprint, KEY.digest),)),
    "rack_key_refused": of_rack(logins=(Login(HOST, OTHER, WHERE),)),
    "rack_key_unknown": Evidence(
        NOW, racks=(Rack(Found("production", domain=HOST, stack="production"), backed=True, answered=True, asked=(NOBODY_S,)),)
    ),
    "rack_not_in_console": Evidence(
        NOW, racks=(Rack(Found("legacy", domain="rack.legacy.convox.site", account="123456789012", region="us-east-1"), listed=False),)
    ),
    "rack_open": of_rack(asked=(Asked(None, ACCEPTED),)),
    "rack_silent": silent(why=f"{HOST} GET /system: no connection within 30 s; check the host and the way to it"),
    "rotation_unfinished": of_rack(unfinished=(Unfinished("rack_api_key", ago(1), "applying", "/home/bob/.convox/rotations.json"),)),
    "signing_key_old": of_account(signing_key_modified_at=ago(400)),
    "source_silent": Evidence(NOW, sources=(Source("aws", "eu-west-1", "partly", "4 racks; not told: ssm:GetParameters"),)),
    "user_key_old": of_user(200, 1),
    "user_key_unused": of_user(300, 100),
}
# What the page of an expired acceptance is about.
FORMER = {"finding": "rack_key_old", "subject": "acme/production", "reason": "x", "owner": "platform@example.com", "until": "2026-10-31"}


def judged(name: str, policy: t.Any) -> audit.Judged:
    """The finding that is seen, as a policy judges it."""
    (found,) = [each for each in audit.judge(SEEN[name], audit.policy_of(policy)) if each.finding.kind.id == name]
    return found


# -- the pages ----------------------------------------------------------------------------------------------------
class Page:
    """One page. ``sections``: by their headings, in their order."""

    def __init__(self, name: str) -> None:
        self.lines = (PAGES / f"{name}.md").read_text(encoding="utf-8").splitlines()
        self.text = "\n".join(self.lines)
        begin, *sections = re.split(r"^## ", self.text, flags=re.MULTILINE)
        self.begin = begin.rpartition("-->\n\n")[2]
        self.sections = {heading: text for heading, dummy, text in (each.partition("\n") for each in sections)}

    def blocks(self, language: str, section: str) -> list[str]:
        """What stands in fences, also in those of a list's entries."""
        found = re.findall(rf"^( *)```{language}\n(.*?)^ *```$", self.sections[section], re.DOTALL | re.MULTILINE)
        return [re.sub(rf"^{indent}", "", text, flags=re.MULTILINE) for indent, text in found]


NAMES = sorted(audit.KINDS)


def test_each_kind_has_a_page_and_each_page_a_kind() -> None:
    assert sorted(path.name for path in PAGES.iterdir()) == sorted(["README.md", *(f"{name}.md" for name in NAMES)])
    assert sorted(SEEN) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_page_begins_as_the_code_says(name: str) -> None:
    kind, page = audit.KINDS[name], Page(name)
    playbook = f"`{kind.playbook}`" if kind.playbook else "none"
    assert page.begin == f"# {name}: {kind.title}\n\nSeverity: {kind.severity}. Playbook: {playbook}.\n\n"
    assert list(page.sections) == HEADINGS
    assert all(text.strip() for text in page.sections.values())
    assert 25 <= len(page.lines) <= 60
    if kind.playbook:
        assert f"ansible-playbook {kind.playbook} " in page.sections["How to mend"]


@pytest.mark.parametrize("name", NAMES)
def test_a_page_shows_the_message(name: str) -> None:
    policy = {"accepted": [FORMER]} if name == EXPIRED else {}
    assert Page(name).blocks("text", "What") == [judged(name, policy).finding.what + "\n"]


@pytest.mark.parametrize("name", [name for name in NAMES if name != EXPIRED])
def test_what_a_page_says_to_accept_it_accepts_it(name: str) -> None:
    (written,) = Page(name).blocks("yaml", "How to accept")
    policy = audit.policy_of(yaml.safe_load(written))
    (acceptance,) = policy.accepted
    assert acceptance.finding == name
    assert judged(name, yaml.safe_load(written)).accepted == acceptance
    assert acceptance.until <= datetime.date(2027, 11, 30), "for a year at most"


def test_an_expired_acceptance_is_renewed_not_accepted() -> None:
    (written,) = Page(EXPIRED).blocks("yaml", "How to accept")
    judgement = audit.judge(SEEN[EXPIRED], audit.policy_of(yaml.safe_load(written)))
    assert [(each.finding.kind.id, each.accepted is None) for each in judgement] == [(FORMER["finding"], False)]


# -- what the pages have people type ------------------------------------------------------------------------------
def read(path: str) -> t.Any:
    return yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))


# Of each role: its options, and the variables of all roles that its tasks take.
ROLES = sorted(path.name for path in (ROOT / "roles").iterdir())
SPECS: dict[str, dict[str, t.Any]] = {role: read(f"roles/{role}/meta/argument_specs.yml")["argument_specs"]["main"]["options"] for role in ROLES}
TAKEN = {
    role: set(re.findall(r"\bconvox_[a-z_]+", "".join(path.read_text(encoding="utf-8") for path in (ROOT / "roles" / role / "tasks").glob("*.yml"))))
    for role in ROLES
}
PLAYBOOKS = {path.stem for path in (ROOT / "playbooks").glob("*.yml")}
MODULES = {path.stem for path in (ROOT / "plugins" / "modules").glob("[a-z]*.py")}
TAKEN_BY_PLAYS = variables.PLAYBOOKS | variables.HOOKS | {"convox_rotation_id"}
TAGS = {tag for path in (ROOT / "playbooks" / "plays").glob("*.yml") for play in read(f"playbooks/plays/{path.name}") for tag in play.get("tags", ())}
# Beside these, what begins like an option of a role's is a finding, a kind of key, or a module.
NO_OPTIONS = set(audit.KINDS) | set(audit_policy.KINDS) | MODULES


def options_named(text: str) -> set[str]:
    return set(re.findall(rf"\b(?:convox|{'|'.join(ROLES)})_[a-z_]+\b", text)) - NO_OPTIONS


def meanings(name: str) -> list[dict[str, t.Any]]:
    """The options of roles that a variable sets; empty where it sets none."""
    own = [(role, f"{role}_{name.removeprefix('convox_')}" if name in TAKEN[role] else name) for role in ROLES]
    return [SPECS[role][option] for role, option in own if option in SPECS[role]]


@pytest.mark.parametrize("name", [*NAMES, "README"])
def test_every_option_is_one(name: str) -> None:
    page = Page(name)
    assert [option for option in sorted(options_named(page.text)) if not meanings(option) and option not in TAKEN_BY_PLAYS] == []


@pytest.mark.parametrize("name", NAMES)
def test_every_command_can_be_given(name: str) -> None:
    commands = "".join(Page(name).blocks("console", "How to mend")).replace("\\\n", "")
    for playbook in re.findall(r"ansible-playbook (\S+)", commands):
        assert playbook in {f"convox.credentials.{each}" for each in PLAYBOOKS}
    for module, arguments in re.findall(r'-m (\S+) -a "?([^"\n]*)', commands):
        assert module in {f"convox.credentials.{each}" for each in MODULES}
        source = (ROOT / "plugins" / "modules" / f"{module.rpartition('.')[2]}.py").read_text(encoding="utf-8")
        source += (ROOT / "plugins" / "doc_fragments" / "reach.py").read_text(encoding="utf-8")
        assert [each for each in arguments.split() if f"\n  {each.partition('=')[0]}:\n" not in source] == []
    assert set(re.findall(r"--tags (\S+)", commands)) <= TAGS
    for option, value in re.findall(r'-e "?(\w+)=([^"\s]+|{{[^"]*}})', commands):
        assert meanings(option) or option in TAKEN_BY_PLAYS
        for meaning in meanings(option):
            assert value in meaning.get("choices", [value])
            assert meaning["type"] != "bool" or value in ("true", "false")
        if option.endswith("max_age"):
            parse_duration(option, value)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_named_of_the_collection_is_there(name: str) -> None:
    """Playbooks, modules and lookups, wherever they are named."""
    lookups = {path.stem for path in (ROOT / "plugins" / "lookup").glob("[a-z]*.py")}
    named = set(re.findall(r"convox\.credentials\.([a-z_]+)", Page(name).text))
    assert named <= PLAYBOOKS | MODULES | lookups


@pytest.mark.parametrize("name", [*NAMES, "README"])
def test_every_link_leads_somewhere(name: str) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", Page(name).text):
        path, dummy, anchor = target.partition("#")
        there = (PAGES / path).resolve()
        assert there.is_relative_to(ROOT)
        assert there.is_file(), target
        headings = re.findall(r"^#+ (.*)$", there.read_text(encoding="utf-8"), re.MULTILINE)
        assert not anchor or anchor in [re.sub(r"[^a-z0-9-]", "", heading.lower().replace(" ", "-")) for heading in headings]


# -- the index ----------------------------------------------------------------------------------------------------
def test_the_index_lists_every_kind_under_its_severity() -> None:
    page = Page("README")
    listed = {
        heading.lower(): re.findall(r"^\| \[(\w+)\]\((\w+)\.md\) \| (.*?) \| (.*?) ?\|$", text, re.MULTILINE) for heading, text in page.sections.items()
    }
    expected = {
        severity: [
            (kind.id, kind.id, kind.title, f"`{kind.playbook.rpartition('.')[2]}`" if kind.playbook else "")
            for kind in sorted(audit.KINDS.values(), key=lambda kind: kind.id)
            if kind.severity == severity
        ]
        for severity in audit_policy.SEVERITIES
    }
    assert list(listed.items()) == [(severity, rows) for severity, rows in expected.items() if rows]
