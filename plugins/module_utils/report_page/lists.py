# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""The HTML report's lists: racks, credentials and sources, and the controls by which they are filtered. Pure.

What the script filters by is in attributes: ``data-s``, ``data-k`` and so on of a row hold words, and the control that has
the same letter as ``data-by`` names the one that is wanted (``*``: any). ``data-v`` is what a cell is sorted by.
"""

from __future__ import annotations

import collections
import typing as t

from ansible_collections.convox.credentials.plugins.module_utils.audit_evidence import BY_SSM, IN_FORCE
from ansible_collections.convox.credentials.plugins.module_utils.audit_policy import KINDS, SEVERITIES
from ansible_collections.convox.credentials.plugins.module_utils.report_page.text import (
    KIND_NAMES,
    NOTHING,
    STATE_NAMES,
    Report,
    age,
    badge,
    day,
    limit,
    many,
    rank,
    text,
)
from ansible_collections.convox.credentials.plugins.module_utils.report_text import racks_of

_Item = t.Mapping[str, t.Any]


# -- controls -----------------------------------------------------------------------------------------------------
def controls(count: int, noun: str, *more: str) -> str:
    """Hidden until the script runs. ``more``: what stands beside the search."""
    return (
        f'<div class="bar" role="search" aria-label="{noun}s" hidden><label>Search<input type="search" autocomplete="off" spellcheck="false"></label>'
        f'{"".join(more)}<output aria-live="polite" data-noun="{noun}s">{many(count, noun)}</output>'
        '<button type="button" data-reset disabled>Show all</button></div><p class="part" hidden></p>'
    )


def choice(by: str, label: str, options: t.Iterable[tuple[str, str]]) -> str:
    told = "".join(f'<option value="{text(value)}">{text(word)}' for value, word in options)
    return f'<label>{label}<select data-by="{by}" autocomplete="off"><option value="">any{told}</select></label>'


def check(by: str, label: str) -> str:
    return f'<label class="check"><input type="checkbox" data-by="{by}" autocomplete="off">{label}</label>'


def severities(present: t.Collection[str]) -> str:
    return choice("s", "Severity", [(str(rank(severity)), severity) for severity in SEVERITIES if severity in present])


def _table(title: str, columns: t.Sequence[tuple[str, str]], rows: t.Iterable[str]) -> str:
    """``columns``: label, and how it is sorted: text, number or count (the greatest first), or rank (the least first)."""
    heads = "".join(f'<th scope="col" data-sort="{kind}"{" class=n" if kind == "number" else ""}>{label}' for label, kind in columns)
    return f'<table class="list" aria-labelledby="{title}"><thead><tr>{heads}<tbody>{"".join(rows)}</table>'


# -- racks --------------------------------------------------------------------------------------------------------
_RACK_COLUMNS = (
    ("Rack", "text"),
    ("Region", "text"),
    ("Release", "text"),
    ("Key", "text"),
    ("Key&rsquo;s age", "number"),
    ("Console&rsquo;s copy", "text"),
    ("Worst", "rank"),
    ("Findings", "count"),
)
_COPIES = {"ok": "good", "stale": "stale", "unknown": "unknown", "none": NOTHING}


def rack_label(rack: _Item) -> str:
    """As the findings call it."""
    if rack["console"]:
        return f"{rack['organization']}/{rack['name']}"
    return f"{rack['account']}/{rack['region']}/{rack['name']}" if rack["account"] else rack["name"] or rack["id"]


def racks(report: Report, places: t.Mapping[str, int]) -> str:
    """``places``: where each finding is, by its key."""
    of_rack: dict[str, list[_Item]] = collections.defaultdict(list)
    for each in report["findings"]:
        for rack in racks_of(each) if each["accepted"] is None else ():
            of_rack[rack].append(each)
    in_force = {each["rack"]: each for each in report["credentials"] if each["kind"] == KINDS[0] and each["state"] == IN_FORCE}
    order = sorted(enumerate(report["racks"]), key=_worst_first)
    rows = (_rack(at, rack, of_rack[rack["id"]], in_force.get(rack["id"]), places) for at, rack in order)
    states = {rack["key"] for rack in report["racks"]}
    return (
        '<section id="racks" data-list aria-labelledby="racks-title"><h2 id="racks-title">Racks</h2>'
        + controls(
            len(report["racks"]),
            "rack",
            severities({each["severity"] for found in of_rack.values() for each in found}),
            choice("k", "Key", [(state, word) for state, word in STATE_NAMES.items() if state in states]),
            check("s", "only with findings"),
        )
        + _table("racks-title", _RACK_COLUMNS, rows)
        + "</section>"
    )


def _worst_first(numbered: tuple[int, _Item]) -> tuple[int, int, str]:
    dummy, rack = numbered
    return rank(rack["worst"]), -rack["findings"], rack_label(rack)


def _rack(at: int, rack: _Item, found: t.Sequence[_Item], credential: _Item | None, places: t.Mapping[str, int]) -> str:
    label = text(rack_label(rack))
    name = f'<a href="#f{places[found[0]["key"]]}" data-rack="{at}">{label}</a>' if found else f"<b>{label}</b>"
    tags = "".join(f'<li><a href="#f{places[each["key"]]}" class="v{rank(each["severity"])}">{text(each["title"])}</a>' for each in found)
    ranks = " ".join(sorted({str(rank(each["severity"])) for each in found}))
    beside = "" if rack["id"] == rack_label(rack) else f"<small>{text(rack['id'])}</small>"
    silent = {False: "<small>no answer</small>", None: "<small>not asked</small>"}.get(rack["answered"], "")
    return (
        f'<tr id="r{at}" data-s="{ranks}" data-k="{text(rack["key"])}"><td>{name}{beside}<td>{text(rack["region"]) or NOTHING}{_small(rack["account"])}'
        f'<td>{text(rack["version"]) or NOTHING}{_small(rack["generation"], "" if rack["status"] == "running" else rack["status"])}'
        f'<td class="k-{text(rack["key"])}">{STATE_NAMES.get(rack["key"], text(rack["key"]))}{silent}{_age(rack["key_age_days"], credential)}'
        f'<td class="c-{text(rack["console_copy"])}">{_COPIES.get(rack["console_copy"], text(rack["console_copy"]))}'
        f'<td data-v="{rank(rack["worst"])}">{_worst(rack)}<td data-v="{rack["findings"]}"><ul class="tags">{tags}</ul>'
    )


def _worst(rack: _Item) -> str:
    """One that nobody asked is not clean for that."""
    return NOTHING if rack["worst"] is None and rack["answered"] is None else badge(rack["worst"])


def _small(*words: str) -> str:
    said = ", ".join(text(word) for word in words if word)
    return f"<small>{said}</small>" if said else ""


def _age(count: float | None, credential: _Item | None) -> str:
    """A cell."""
    if count is None:
        return f'<td class="n" data-v="">{NOTHING}'
    least = bool(credential and credential["age_known_by"] == BY_SSM)
    over = f'<small class="over">over {limit(credential["max_age_days"])}</small>' if credential and credential["over"] else ""
    return f'<td class="n" data-v="{count:g}">{age(count, least)}{over}'


# -- credentials --------------------------------------------------------------------------------------------------
_CREDENTIAL_COLUMNS = (
    ("Kind", "text"),
    ("Subject", "text"),
    ("Fingerprint", "text"),
    ("State", "text"),
    ("Held in", "text"),
    ("Made", "text"),
    ("Age", "number"),
    ("Limit", "number"),
    ("Last used", "text"),
)


def credentials(report: Report) -> str:
    known = report["credentials"]
    kinds, states = {each["kind"] for each in known}, {each["state"] for each in known}
    at = {rack["id"]: place for place, rack in enumerate(report["racks"])}
    return (
        '<section id="credentials" data-list aria-labelledby="credentials-title"><h2 id="credentials-title">Credentials</h2>'
        + controls(
            len(known),
            "credential",
            choice("k", "Kind", [(kind, KIND_NAMES[kind]) for kind in KINDS if kind in kinds]),
            choice("t", "State", [(state, word) for state, word in STATE_NAMES.items() if state in states]),
            check("o", "only over the limit"),
        )
        + _table("credentials-title", _CREDENTIAL_COLUMNS, (_credential(each, at.get(each["rack"])) for each in known))
        + "</section>"
    )


def _credential(each: _Item, rack: int | None) -> str:
    subject = text(each["subject"])
    over = ' data-o="1"' if each["over"] else ""
    most = each["max_age_days"]
    return (
        f'<tr data-k="{text(each["kind"])}" data-t="{text(each["state"])}"{over}><td>{KIND_NAMES.get(each["kind"], text(each["kind"]))}'
        f'<td>{subject if rack is None else f"""<a href="#r{rack}">{subject}</a>"""}<td><code>{text(each["fingerprint"] or "-")}</code>'
        f'<td class="k-{text(each["state"])}">{STATE_NAMES.get(each["state"], text(each["state"]))}<td>{"<br>".join(map(text, each["where"])) or NOTHING}'
        f'<td data-v="{text(each["made_at"] or "")}">{day(each["made_at"])}{_age(each["age_days"], each)}'
        f'<td class="n" data-v="{"" if most is None else f"{most:g}"}">{NOTHING if most is None else limit(most)}'
        f'<td data-v="{text(each["last_used_at"] or "")}">{day(each["last_used_at"])}'
    )


# -- sources ------------------------------------------------------------------------------------------------------
_SOURCE_COLUMNS = (("Source", "text"), ("Which", "text"), ("State", "text"), ("What it said", "text"))


def sources(report: Report) -> str:
    rows = (
        f"<tr><td>{text(each['kind'])}<td>{text(each['subject'])}<td class=\"a-{text(each['state'])}\">{text(each['state'])}<td>{text(each['said'])}"
        for each in report["sources"]
    )
    return (
        '<section id="sources" aria-labelledby="sources-title"><h2 id="sources-title">Sources</h2>'
        + _table("sources-title", _SOURCE_COLUMNS, rows)
        + "</section>"
    )
