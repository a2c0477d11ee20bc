# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A policy's schema and its parser say the same of every document, and the parser says where a slip is and what to write."""
from __future__ import annotations

import copy
import datetime
import fnmatch
import json
import re
import typing as t

import jsonschema
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.convox.credentials.plugins.module_utils import audit, audit_policy
from ansible_collections.convox.credentials.plugins.module_utils.errors import BadInput
from tests.places import ROOT

SCHEMA = json.loads((ROOT / "docs" / "schemas" / "policy-1.json").read_text(encoding="utf-8"))
# Of formats: without them 30 February is a date.
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER)
FIELDS = SCHEMA["properties"]
ENTRY_OF = {name: FIELDS[name]["items"]["properties"] for name in ("max_age_of", "accepted")}


# -- the schema as such -------------------------------------------------------------------------------------------
def objects(part: t.Any) -> t.Iterator[dict[str, t.Any]]:
    """Every part of the schema that describes a mapping."""
    if isinstance(part, dict):
        if "properties" in part:
            yield part
        for each in part.values():
            yield from objects(each)
    elif isinstance(part, list):
        for each in part:
            yield from objects(each)


def test_it_is_a_strict_schema_in_which_every_field_is_described() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    found = list(objects(SCHEMA))
    assert len(found) == 5
    for each in found:
        assert each["additionalProperties"] is False
        assert [name for name, field in each["properties"].items() if not described(field)] == []


def described(field: dict[str, t.Any]) -> bool:
    return bool(field.get("description") or SCHEMA["$defs"].get(field.get("$ref", "").rpartition("/")[2], {}).get("description"))


def test_it_names_what_the_code_has() -> None:
    assert [*FIELDS["max_age"]["properties"]] == SCHEMA["$defs"]["kind"]["enum"] == list(audit_policy.KINDS)
    assert SCHEMA["$defs"]["severity"]["enum"] == list(audit_policy.SEVERITIES)
    assert FIELDS["fail_on"]["enum"] == [*audit_policy.SEVERITIES, audit_policy.NEVER]
    told = {name: (each["description"], each["default"]) for name, each in FIELDS["severities"]["properties"].items()}
    assert told == {kind.id: (kind.title, kind.severity) for kind in audit.KINDS.values()}
    assert ENTRY_OF["accepted"]["finding"]["anyOf"][0]["enum"] == sorted(audit.KINDS)


def test_its_defaults_are_the_code_s() -> None:
    told = {name: FIELDS[name]["default"] for name in ("max_unused", "expires_within", "fail_on")}
    ages = {kind: each["default"] for kind, each in FIELDS["max_age"]["properties"].items()}
    assert audit.policy_of({**told, "max_age": ages}) == audit.policy_of({})


@pytest.mark.parametrize("document", [None, {}, {"max_age": None, "max_age_of": None, "severities": None, "accepted": None}, {"max_age": {}, "accepted": []}])
def test_what_is_empty_has_its_defaults(document: t.Any) -> None:
    """As a file is that has comments alone, or a section whose entries are all commented out."""
    VALIDATOR.validate(document)
    assert audit.policy_of(document) == audit.policy_of({})


# -- samples ------------------------------------------------------------------------------------------------------
def blocks(path: str, section: str) -> list[str]:
    """The blocks of YAML in a section of a page."""
    text = (ROOT / path).read_text(encoding="utf-8").partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    return re.findall(r"^```yaml\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


PAGES = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs" / "findings").glob("[a-z]*.md"))
SAMPLES = {
    "docs/audit.md": blocks("docs/audit.md", "Policy"),
    "tests/audit_fleet/policy.yml": [(ROOT / "tests" / "audit_fleet" / "policy.yml").read_text(encoding="utf-8")],
    **{path: blocks(path, "How to accept") for path in PAGES},
}


@pytest.mark.parametrize("path", SAMPLES)
def test_samples_are_policies(path: str) -> None:
    assert len(SAMPLES[path]) == 1
    document = yaml.safe_load(SAMPLES[path][0])
    assert document
    VALIDATOR.validate(as_json(document))
    assert audit.policy_of(document) != audit.policy_of({})


# -- schema and parser --------------------------------------------------------------------------------------------
def as_json(data: t.Any) -> t.Any:
    """What a validator sees. Of ``until``, of which YAML makes a date, its text: so do editors, which read YAML 1.2."""
    if isinstance(data, dict):
        return {str(name): str_of_date(each) if name == "until" else as_json(each) for name, each in data.items()}
    return [as_json(each) for each in data] if isinstance(data, list) else data


def str_of_date(value: t.Any) -> t.Any:
    return value.isoformat() if isinstance(value, datetime.date) else as_json(value)


def beyond_a_schema(document: t.Any) -> bool:
    """What is wrong with a document and no schema can state: entries alike in a part of them, and a pattern that fits no id."""
    if document is None:
        return False
    alike = [[(entry["kind"], entry["subject"]) for entry in document.get("max_age_of") or ()]]
    alike.append([(entry["finding"], entry["subject"]) for entry in document.get("accepted") or ()])
    patterns = [entry["finding"] for entry in document.get("accepted") or ()]
    return any(len(set(each)) != len(each) for each in alike) or any(not fnmatch.filter(audit.KINDS, pattern) for pattern in patterns)


def complaint(document: t.Any) -> str | None:
    try:
        audit.policy_of(document, "policy.yml")
    except BadInput as exc:
        return str(exc)
    return None


def is_parsed(document: t.Any) -> bool:
    """Whether the parser takes it; where it does not, it says so in one line, from the place on."""
    said = complaint(document)
    assert said is None or re.fullmatch(r"policy\.yml[\w.\[\]]*: \S.*", said), said
    return said is None


def same_is_said(document: t.Any) -> bool:
    return is_parsed(document) == (VALIDATOR.is_valid(as_json(document)) and not beyond_a_schema(document))


DURATIONS = st.from_regex(r" ?[0-9]{1,9} ?[smhdw]", fullmatch=True)
SUBJECTS = st.sampled_from(["*", "acme/*", "acme/prod-?", "rack.example.convox.site", "123456789012/us-east-1", "[", " x "])
ENTRIES = {
    "max_age_of": st.fixed_dictionaries({"kind": st.sampled_from(audit_policy.KINDS), "subject": SUBJECTS, "age": DURATIONS}),
    "accepted": st.fixed_dictionaries(
        {
            "finding": st.sampled_from([*sorted(audit.KINDS), "*", "rack_key_*", "[k]ey_????"]),
            "subject": SUBJECTS,
            "reason": st.sampled_from(["moved in June", "a line\nand another", "é"]),
            "owner": st.just("platform@example.com"),
            "until": st.dates() | st.dates().map(str),
        }
    ),
}
GOOD = st.none() | st.fixed_dictionaries(
    {},
    optional={
        "max_age": st.none() | st.dictionaries(st.sampled_from(audit_policy.KINDS), DURATIONS),
        "max_unused": DURATIONS,
        "expires_within": DURATIONS,
        "max_age_of": st.none() | st.lists(ENTRIES["max_age_of"], max_size=2, unique_by=lambda each: (each["kind"], each["subject"])),
        "severities": st.none() | st.dictionaries(st.sampled_from(sorted(audit.KINDS)), st.sampled_from(audit_policy.SEVERITIES), max_size=3),
        "accepted": st.none() | st.lists(ENTRIES["accepted"], max_size=2, unique_by=lambda each: (each["finding"], each["subject"])),
        "fail_on": st.sampled_from([*audit_policy.SEVERITIES, audit_policy.NEVER]),
    },
)
# Close to what is to stand somewhere, and what people write in its place.
CLOSE = [
    "90", "90 d", "-1d", "1.5d", "90D", "1d12h", " 90d ", "90d\n", "90d\n\n", "0d", "9" * 9 + "w", "9" * 10 + "s", "٣d", "90\u00a0d", "never", "High",
    "none", "", " ", "\n", "\x1f", "*", "nothing_*", "rack_key", "rack_key_old ", "[!a]*", "2027-03-31", "2027-02-30", "0000-01-01", "2027-3-1",
    "20270331", "2027-W13-3", "2027-03-31\n", "2027-03-31T10:00:00Z",
]  # fmt: skip
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(CLOSE) | st.text(max_size=4) | st.dates() | st.datetimes()
JUNK = SCALARS | st.lists(SCALARS, max_size=2) | st.dictionaries(st.sampled_from(["max_age", "kind", "x", 1, True, None]), SCALARS, max_size=2)


def places(data: t.Any) -> list[tuple[t.Any, t.Any]]:
    """Every (container, key) in a document."""
    own = list(data.items()) if isinstance(data, dict) else list(enumerate(data)) if isinstance(data, list) else []
    return [(data, key) for key, dummy in own] + [place for dummy, each in own for place in places(each)]


@st.composite
def documents(draw: st.DrawFn) -> t.Any:
    """Good ones, some of which somebody has been at."""
    document = copy.deepcopy(draw(GOOD))
    for dummy in range(draw(st.integers(0, 2))):
        there = places(document)
        if not there or draw(st.integers(0, 15)) == 0:
            return draw(JUNK)
        container, key = draw(st.sampled_from(there))
        deed = draw(st.sampled_from(["put", "put", "put", "drop", "add", "twice"]))
        if deed == "put":
            container[key] = draw(JUNK)
        elif deed == "drop":
            del container[key]
        elif isinstance(container, list):
            container.append(copy.deepcopy(container[key]) if deed == "twice" else draw(JUNK))
        else:
            container[draw(st.sampled_from(["max_age", "ages", "note", 1, None]))] = draw(JUNK)
    return document


@settings(max_examples=150, deadline=None)
@given(GOOD)
def test_both_take_what_is_good(document: t.Any) -> None:
    assert VALIDATOR.is_valid(as_json(document))
    assert is_parsed(document)


@settings(max_examples=600, deadline=None)
@given(documents())
def test_both_say_the_same(document: t.Any) -> None:
    assert same_is_said(document)


NIGHT = datetime.datetime(2027, 3, 31, tzinfo=datetime.timezone.utc)
# One with everything in it, and what is no text.
FULL: dict[str, t.Any] = {
    "max_age": {"rack_api_key": "90d", "signing_key": "365d"},
    "max_unused": "90d",
    "expires_within": "30d",
    "max_age_of": [{"kind": "instance_key", "subject": "*", "age": "1d"}, {"kind": "rack_api_key", "subject": "acme/*", "age": "30d"}],
    "severities": {"rack_open": "high"},
    "accepted": [
        {"finding": "rack_open", "subject": "*", "reason": "none", "owner": "me", "until": "2027-01-01"},
        {"finding": "key_?eak", "subject": "*", "reason": "none", "owner": "me", "until": datetime.date(2027, 1, 1)},
    ],
    "fail_on": "low",
}
NO_TEXTS = [None, True, False, 0, 90, -1, 1.5, [], ["90d"], {}, {"x": "y"}, {"kind": "rack_api_key"}, FULL["accepted"][1]["until"], NIGHT]
WILD = ["rack_key_*", "rack_ke?_old", "[r]ack_key_old", "[*", "rack_key_[a-z]*", "x[?]"]
STRANGE_NAMES = ["max_age", "note", "", 1, True, None]


def with_changes(number: int) -> t.Iterator[t.Any]:
    """The full one with each value in one of its places, with nothing there, and with more beneath."""

    def anew() -> tuple[t.Any, t.Any, t.Any]:
        document = copy.deepcopy(FULL)
        return (document, *places(document)[number])

    for value in [*CLOSE, *WILD, *NO_TEXTS]:
        document, container, key = anew()
        container[key] = value
        yield document
    document, container, key = anew()
    del container[key]
    yield document
    for name in STRANGE_NAMES:
        document, container, key = anew()
        if isinstance(container[key], dict):
            container[key][name] = "1d"
            yield document


@pytest.mark.parametrize("number", range(len(places(FULL))))
def test_both_say_the_same_of_each_place(number: int) -> None:
    assert is_parsed(FULL)
    assert [document for document in with_changes(number) if not same_is_said(document)] == []


# -- what is said of a slip ---------------------------------------------------------------------------------------
def age_of(**change: t.Any) -> dict[str, t.Any]:
    return {"kind": "rack_api_key", "subject": "acme/*", "age": "30d", **change}


def acceptance(**change: t.Any) -> dict[str, t.Any]:
    return {"finding": "rack_key_old", "subject": "acme/*", "reason": "moved in June", "owner": "ops@example.com", "until": "2027-03-31", **change}


FIELD_NAMES = "accepted, expires_within, fail_on, max_age, max_age_of, max_unused, severities"
KEYS = "console_api_key, instance_key, rack_api_key, signing_key"
LEVELS = "critical, high, medium, low, info"
DURATION = "write a number of at most nine digits and a unit, as in 90d, 12h or 30m"
NO_ID = "is no finding's id, and no pattern of one; docs/findings lists them"
DAY = "write the last day as YYYY-MM-DD"
WHOLE = "an entry has finding, subject, reason, owner, until"
MORNING = datetime.datetime(2027, 3, 31, 10, tzinfo=datetime.timezone.utc)
UNIT = "has no unit; write 90d for days, 12h for hours or 30m for minutes"


@pytest.mark.parametrize(
    ("written", "said"),
    [
        # The whole of it.
        ("[]", "p.yml: it is no mapping but a list; write name: value"),
        ("max_age = 90d", "p.yml: it is no mapping but 'max_age = 90d'; write name: value"),
        ("90", "p.yml: it is no mapping but 90; write name: value"),
        ("no", "p.yml: it is no mapping but false; write name: value"),
        # Names.
        ("{max_ages: {}}", f"p.yml: there is no 'max_ages'; there are {FIELD_NAMES}; did you mean max_age?"),
        ("{Fail_On: low}", f"p.yml: there is no 'Fail_On'; there are {FIELD_NAMES}; did you mean fail_on?"),
        ("{policy: {}}", f"p.yml: there is no 'policy'; there are {FIELD_NAMES}"),
        ("{on: 5}", f"p.yml: there is no true; there are {FIELD_NAMES}"),
        ("{max_age: {rack_key: 1d}}", f"p.yml.max_age: there is no 'rack_key'; there are {KEYS}; did you mean rack_api_key?"),
        ("{severities: {rack_key_oldd: low}}", "p.yml.severities: there is no 'rack_key_oldd'; docs/findings lists all; did you mean rack_key_old?"),
        ("{severities: {rack_key_*: low}}", "p.yml.severities: there is no 'rack_key_*'; docs/findings lists all; did you mean rack_key_old?"),
        ("{severities: {everything: low}}", "p.yml.severities: there is no 'everything'; docs/findings lists all"),
        # Sections.
        ("{max_age: 90d}", "p.yml.max_age: it is no mapping but '90d'; write name: value"),
        ("{max_age: []}", "p.yml.max_age: it is no mapping but a list; write name: value"),
        ("{severities: no}", "p.yml.severities: it is no mapping but false; write name: value"),
        ("{max_age_of: {}}", "p.yml.max_age_of: it is no list but a mapping; write each entry after a dash"),
        ("{accepted: ''}", "p.yml.accepted: it is no list but ''; write each entry after a dash"),
        # Durations.
        ("{max_unused: 90}", f"p.yml.max_unused: 90 {UNIT}"),
        ("{max_unused: '90'}", f"p.yml.max_unused: '90' {UNIT}"),
        ("{max_unused: -1d}", f"p.yml.max_unused: '-1d' is no duration; {DURATION}"),
        ("{max_unused: 1.5}", f"p.yml.max_unused: 1.5 is no duration; {DURATION}"),
        ("{max_unused: yes}", f"p.yml.max_unused: true is no duration; {DURATION}"),
        ("{max_unused: 90 days}", f"p.yml.max_unused: '90 days' is no duration; {DURATION}"),
        ("{max_unused: 3y}", f"p.yml.max_unused: '3y' is no duration; {DURATION}"),
        ("{max_unused: 1234567890s}", f"p.yml.max_unused: '1234567890s' is no duration; {DURATION}"),
        ("{max_unused: [90d]}", f"p.yml.max_unused: a list is no duration; {DURATION}"),
        ("{max_unused: }", f"p.yml.max_unused: nothing stands there; {DURATION}, or leave it out"),
        ("{expires_within: soon}", f"p.yml.expires_within: 'soon' is no duration; {DURATION}"),
        ("{max_age: {signing_key: 365}}", f"p.yml.max_age.signing_key: 365 {UNIT}"),
        ("{max_age: {signing_key: }}", f"p.yml.max_age.signing_key: nothing stands there; {DURATION}, or leave it out"),
        (f"{{max_unused: '{'x' * 200}'}}", f"p.yml.max_unused: '{'x' * 59}… is no duration; {DURATION}"),
        # Choices.
        ("{fail_on: all}", f"p.yml.fail_on: 'all' is none of {LEVELS}, never"),
        ("{fail_on: High}", f"p.yml.fail_on: 'High' is none of {LEVELS}, never; did you mean high?"),
        ("{fail_on: off}", f"p.yml.fail_on: false is none of {LEVELS}, never"),
        ("{fail_on: }", f"p.yml.fail_on: nothing stands there; write one of {LEVELS}, never, or leave it out"),
        ("{severities: {rack_open: never}}", f"p.yml.severities.rack_open: 'never' is none of {LEVELS}"),
        ("{severities: {rack_open: [high]}}", f"p.yml.severities.rack_open: a list is none of {LEVELS}"),
        ("{severities: {rack_open: }}", f"p.yml.severities.rack_open: nothing stands there; write one of {LEVELS}, or leave it out"),
    ],
)
def test_what_is_said_of_a_slip(written: str, said: str) -> None:
    with pytest.raises(BadInput) as failure:
        audit.policy_of(yaml.safe_load(written), "p.yml")
    assert str(failure.value) == said


@pytest.mark.parametrize(
    ("field", "entries", "said"),
    [
        ("max_age_of", [age_of(), 5], "[1]: it is no mapping but 5; write name: value"),
        ("max_age_of", [None], "[0]: kind is missing; an entry has kind, subject, age"),
        ("max_age_of", [age_of(subject=" ")], "[0]: subject is missing; an entry has kind, subject, age"),
        ("max_age_of", [age_of(subjects="*")], "[0]: there is no 'subjects'; there are age, kind, subject; did you mean subject?"),
        ("max_age_of", [age_of(), age_of(subject="b", age=90)], f"[1].age: 90 {UNIT}"),
        ("max_age_of", [age_of(age=-5)], f"[0].age: -5 is no duration; {DURATION}"),
        (
            "max_age_of",
            [age_of(kind="rack_key")],
            "[0].kind: 'rack_key' is none of rack_api_key, console_api_key, instance_key, signing_key; did you mean rack_api_key?",
        ),
        ("max_age_of", [age_of(subject=123456789012)], "[0].subject: 123456789012 is no text; put it in quotes"),
        ("max_age_of", [age_of(subject=["a"])], "[0].subject: a list is no text; write one"),
        ("max_age_of", [age_of(), age_of(subject="b"), age_of(age="5d")], "[2]: its kind and subject are those of [0]; take one of them out"),
        ("accepted", ["rack_key_old"], "[0]: it is no mapping but 'rack_key_old'; write name: value"),
        ("accepted", [acceptance(owner="")], f"[0]: owner is missing; {WHOLE}"),
        ("accepted", [acceptance(reason="\n")], f"[0]: reason is missing; {WHOLE}"),
        ("accepted", [acceptance(until=None)], f"[0]: until is missing; {WHOLE}"),
        ("accepted", [acceptance(untill="x")], "[0]: there is no 'untill'; there are finding, owner, reason, subject, until; did you mean until?"),
        ("accepted", [acceptance(finding="rack_key_odl")], f"[0].finding: 'rack_key_odl' {NO_ID}; did you mean rack_key_old?"),
        ("accepted", [acceptance(finding="zzz_*")], f"[0].finding: 'zzz_*' {NO_ID}"),
        ("accepted", [acceptance(finding=5)], "[0].finding: 5 is no text; put it in quotes"),
        ("accepted", [acceptance(owner=True)], "[0].owner: true is no text; put it in quotes"),
        (
            "accepted",
            [acceptance(until=MORNING)],
            "[0].until: 2027-03-31 10:00:00+00:00 has a time of day; write the last day alone, as YYYY-MM-DD",
        ),
        ("accepted", [acceptance(until="2027-03-31T10:00:00")], f"[0].until: '2027-03-31T10:00:00' is no date; {DAY}"),
        ("accepted", [acceptance(until="2027-02-30")], f"[0].until: '2027-02-30' is no date; {DAY}"),
        ("accepted", [acceptance(until="20270331")], f"[0].until: '20270331' is no date; {DAY}"),
        ("accepted", [acceptance(until=2027)], f"[0].until: 2027 is no date; {DAY}"),
        ("accepted", [acceptance(), acceptance(until="2028-01-01", owner="b")], "[1]: its finding and subject are those of [0]; take one of them out"),
    ],
)
def test_what_is_said_of_a_slip_in_an_entry(field: str, entries: list[t.Any], said: str) -> None:
    with pytest.raises(BadInput) as failure:
        audit.policy_of({field: entries}, "policy.yml")
    where = f"policy.yml.{field}"
    assert str(failure.value) == f"{where}{said}".replace(" of [0]", f" of {where}[0]")


@pytest.mark.parametrize("until", [datetime.date(2027, 3, 31), "2027-03-31"])
def test_a_day_is_written_with_quotes_or_without(until: t.Any) -> None:
    (accepted,) = audit.policy_of({"accepted": [acceptance(until=until)]}).accepted
    assert accepted.until == datetime.date(2027, 3, 31)


def test_what_is_folded_in_the_file_is_one_line() -> None:
    (accepted,) = audit.policy_of({"accepted": [acceptance(reason="one\n  and two\n", owner=" ops ")]}).accepted
    assert (accepted.reason, accepted.owner) == ("one and two", "ops")
