# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The audit's report as CSV: what a spreadsheet and a program read in it."""
from __future__ import annotations

import csv
import io
import json
import re
import typing as t

import pytest

from ansible_collections.convox.credentials.plugins.module_utils.reports import csv as report_csv
from tests.unit.audit import documents

COLUMNS = [
    *("audited_at", "severity", "id", "subject", "rack", "title", "what", "why", "mend", "playbook"),
    *("status", "accepted_by", "accepted_until", "accepted_reason", "change", "evidence", "key"),
]
QUOTED = '"([^"]|"")*"'
AS_THEY_ARE = ("severity", "id", "subject", "rack", "title", "what", "why", "mend", "playbook", "key")
FORMULAS = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def read(report: documents.Document) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(report_csv.render(report), newline=""), strict=True))


def taken_off(cell: str) -> str:
    """The text that a cell was made of, by the rule that report_csv.py gives."""
    parts = [part[1:] if part.startswith("'") and part.lstrip("' ").startswith(FORMULAS) else part for part in cell.split(";")]
    return ";".join(parts)


@pytest.mark.parametrize("build", documents.ALL.values(), ids=documents.ALL)
def test_a_line_a_finding(build: t.Callable[[], documents.Document]) -> None:
    report = build()
    rows = read(report)
    assert len(rows) == len(report["findings"])
    for row, finding in zip(rows, report["findings"]):
        told = {**finding, "rack": ", ".join(finding["racks"])}
        assert {name: taken_off(row[name]) for name in AS_THEY_ARE} == {name: documents.shown(told[name] or "") for name in AS_THEY_ARE}
        assert row["audited_at"] == documents.NOW
    documents.check_pure(report_csv.render, report)


@pytest.mark.parametrize("build", documents.ALL.values(), ids=documents.ALL)
def test_it_is_as_rfc_4180_says(build: t.Callable[[], documents.Document]) -> None:
    report = build()
    *lines, rest = report_csv.render(report).split("\r\n")
    assert rest == ""
    assert len(lines) == len(report["findings"]) + 1
    for line in lines:
        assert line.isprintable()
        assert re.fullmatch(f"{QUOTED}(,{QUOTED}){{{len(COLUMNS) - 1}}}", line)


def test_programs_can_go_by_the_columns() -> None:
    assert next(csv.reader([report_csv.render(documents.nothing())])) == COLUMNS


def test_each_rack_that_a_finding_is_about_is_named() -> None:
    assert [row["rack"] for row in read(documents.twins())] == ["one.rack.test, two.rack.test"]
    assert [row["rack"] for row in read(documents.twin_of_the_console())] == ["one.rack.test"]
    assert {finding["rack"] or "" for finding in documents.mixed()["findings"]} == {row["rack"] for row in read(documents.mixed())}


def test_who_bears_what() -> None:
    by_key = {row["key"]: row for row in read(documents.mixed())}
    borne, latent = by_key["rack_key_in_outputs:borne.rack.test"], by_key["rack_key_latent:latent.rack.test"]
    names = ("status", "accepted_by", "accepted_until", "accepted_reason")
    assert [borne[name] for name in names] == ["accepted", "ops@example.com", "2026-12-31", "moved in June"]
    assert [latent[name] for name in names] == ["open", "", "", ""]


def test_the_evidence_is_json() -> None:
    report = documents.mixed()
    assert [json.loads(row["evidence"]) for row in read(report)] == [finding["evidence"] for finding in report["findings"]]


def test_the_evidence_can_be_read_and_runs_nowhere() -> None:
    (row,) = read(documents.document(ledgers=(documents.Ledger("/ledger", False, ("\xe9;=1\n",)),)))
    assert row["evidence"] == '{"damage": ["\xe9;\'=1\\\\u000a"]}'


def test_what_is_new() -> None:
    assert {(row["subject"], row["change"]) for row in read(documents.compared())} == {
        ("acme/borne", ""),
        ("acme/fresh", "new"),
        ("acme/hidden", "new"),
        ("acme/lasting", "open"),
    }
    assert {row["change"] for row in read(documents.mixed())} == {""}


# -- formulas -----------------------------------------------------------------------------------------------------
def test_no_cell_is_a_formula() -> None:
    """Nor is what is a cell to a program that splits at semicolons."""
    cells = [cell for row in read(documents.hostile()) for cell in row.values()]
    assert [part for cell in cells for part in cell.split(";") if part.lstrip().startswith(FORMULAS)] == []
    assert [cell for cell in cells if cell[:1] in ("\t", "\r", "\n")] == []


@pytest.mark.parametrize(
    ("name", "subject"),
    [
        ("=cmd|'/c calc'!A1", "'=cmd|'/c calc'!A1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(1)", "'@SUM(1)"),
        ("  =1", "'  =1"),
        ("'=1", "''=1"),
        ("\uff1d1", "'\uff1d1"),
        ("a;=1", "a;'=1"),
        ("a; -1", "a;' -1"),
        ("\t=1", "\\u0009=1"),
        ("\r=1", "\\u000d=1"),
        ("a=1+2-3@4", "a=1+2-3@4"),
        ("'a'", "'a'"),
        ("a;b", "a;b"),
        ("", ""),
    ],
)
def test_what_begins_as_a_formula_is_text(name: str, subject: str) -> None:
    rows = read(documents.document(users=(documents.User(name, documents.ago(120), None),)))
    assert {row["subject"] for row in rows} == {subject}
