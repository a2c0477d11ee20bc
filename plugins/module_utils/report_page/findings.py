# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""The HTML report's findings: those of a kind together, so that what is the same of all is said once; and what changed. Pure."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.convox.credentials.plugins.module_utils.report_page.lists import choice, controls, rack_label, severities
from ansible_collections.convox.credentials.plugins.module_utils.report_page.text import Report, badge, many, moment, number, rank, text
from ansible_collections.convox.credentials.plugins.module_utils.report_text import PLACEHOLDER, command, racks_of

_Item = t.Mapping[str, t.Any]
# Longer lists are closed at first, and long evidence is.
_ROWS_SHOWN = 10
_VALUES_SHOWN = 6


@dataclasses.dataclass(frozen=True)
class _Group:
    """Findings with one id, which have severity, title and why in common. ``place``: its element's id."""

    place: str
    found: t.Sequence[_Item]

    def __getitem__(self, name: str) -> t.Any:
        return self.found[0][name]


@dataclasses.dataclass(frozen=True)
class _Places:
    """Where things are on the page: findings by key, racks by id, with what to call them. ``new``: keys; None where nothing was compared."""

    findings: t.Mapping[str, int]
    racks: t.Mapping[str, tuple[int, str]]
    new: t.Collection[str] | None


def findings(report: Report, places: t.Mapping[str, int]) -> str:
    """Those that are open, then those that are accepted. ``places``: where each finding is, by its key."""
    changes, everything = report["changes"], report["findings"]
    where = _Places(places, {rack["id"]: (at, rack_label(rack)) for at, rack in enumerate(report["racks"])}, frozenset(changes["new"]) if changes else None)
    opened = _groups("g", [each for each in everything if each["accepted"] is None])
    accepted = _groups("a", [each for each in everything if each["accepted"] is not None])
    filters = controls(
        len(everything),
        "finding",
        severities({each["severity"] for each in everything}),
        choice("n", "Since then", [("new", "new"), ("open", "still open")]) if changes else "",
        '<button type="button" data-by="r" value="" hidden></button>',
    )
    return (
        f'<section id="findings" data-list aria-labelledby="findings-title"><h2 id="findings-title">Findings</h2>{filters}'
        f'{_commands(everything)}<div class="pages">'
        f"{_contents(opened, accepted)}<div>{''.join(_group(each, where) for each in opened) or '<p>None is open.</p>'}"
        f'<h2 id="accepted">Accepted findings</h2>{"".join(_group(each, where) for each in accepted) or "<p>None is accepted.</p>"}</div></div></section>'
    )


def _commands(found: t.Sequence[_Item]) -> str:
    if not any(map(command, found)):
        return ""
    return (
        f'<p class="how">Each command takes your inventory, by <code>-i</code>. In place of <code>{text(PLACEHOLDER)}</code> '
        "write the rack&rsquo;s name there, or several with commas between: as it stands it finds none.</p>"
    )


def _groups(prefix: str, found: t.Sequence[_Item]) -> list[_Group]:
    by_id: dict[str, list[_Item]] = {}
    for each in found:
        by_id.setdefault(each["id"], []).append(each)
    return [_Group(f"{prefix}-{text(name)}", those) for name, those in by_id.items()]


def _contents(opened: t.Sequence[_Group], accepted: t.Sequence[_Group]) -> str:
    def listed(groups: t.Sequence[_Group]) -> str:
        return "".join(
            f'<li><a href="#{each.place}" class="v{rank(each["severity"])}">{text(each["title"])}<span>{number(len(each.found))}</span></a>' for each in groups
        )

    borne = f"<p>Accepted<ul>{listed(accepted)}</ul>" if accepted else ""
    return f'<nav class="contents" aria-label="Kinds of findings"><ul>{listed(opened)}</ul>{borne}</nav>'


def _group(group: _Group, where: _Places) -> str:
    count = len(group.found)
    opened = " open" if count <= _ROWS_SHOWN else ""
    few, title = " few" if count <= _ROWS_SHOWN else "", f"{group.place}-title"
    return (
        f'<article class="group{few}" id="{group.place}" data-s="{rank(group["severity"])}" aria-labelledby="{title}"><header>{badge(group["severity"])}'
        f'<h3 id="{title}">{text(group["title"])}</h3><code>{text(group["id"])}</code></header><dl><div><dt>Why it matters<dd>{text(group["why"])}</div>'
        f"<div><dt>How to mend{_ways(group)}</div></dl>"
        f'<details{opened}><summary data-noun="findings">{many(count, "finding")}</summary><table class="found" aria-labelledby="{title}">'
        f"{_quiet('Subject', 'What was seen', 'Evidence')}<tbody>{''.join(_finding(each, where) for each in group.found)}</table></details></article>"
    )


def _ways(group: _Group) -> str:
    """One, or for racks of some generations another; whose it is is said where there are several."""
    ways: dict[tuple[str, str | None], list[str]] = {}
    for each in group.found:
        ways.setdefault((each["mend"], command(each)), []).append(each["subject"])
    told = []
    for (mend, line), subjects in ways.items():
        more = len(subjects) - _VALUES_SHOWN
        whose = ", ".join(subjects[:_VALUES_SHOWN]) + (f" and {number(more)} more" if more > 0 else "")
        typed = f"<code>{text(line)}</code>" if line else ""
        told.append(f"<dd>{f'<b>{text(whose)}</b>: ' if len(ways) > 1 else ''}{text(mend)}{typed}")
    return "".join(told)


def _quiet(*labels: str) -> str:
    """A head that is read, and printed on each page, and not seen on a screen."""
    heads = "".join(f'<th scope="col"><span class="sr">{label}</span>' for label in labels)
    return f'<thead class="quiet"><tr>{heads}'


def _finding(finding: _Item, where: _Places) -> str:
    subject, what = finding["subject"], finding["what"]
    racks = [where.racks[rack] for rack in racks_of(finding) if rack in where.racks]
    since = "new" if where.new is not None and finding["key"] in where.new else "open"
    attributes = f' data-r="{" ".join(str(at) for at, dummy in racks)}"' if racks else ""
    attributes += f' data-n="{since}"' if where.new is not None and finding["accepted"] is None else ""
    new = " <em>new</em>" if since == "new" else ""
    told = text(what[len(subject) + 2 :] if what.startswith(f"{subject}: ") else what) + _borne(finding["accepted"])
    return f'<tr id="f{where.findings[finding["key"]]}"{attributes}><td>{_names(finding, racks)}{new}<td>{told}<td>{_evidence(finding["evidence"])}'


def _names(finding: _Item, racks: t.Sequence[tuple[int, str]]) -> str:
    """Its subject, which leads to its rack; and each other rack that it is about."""
    subject = finding["subject"]
    if finding["rack"] is not None and racks:
        racks = [(racks[0][0], subject)]
    own = "" if any(label == subject for dummy, label in racks) else f"<b>{text(subject)}</b>"
    return "<br>".join([*([own] if own else []), *(f'<a href="#r{at}">{text(label)}</a>' for at, label in racks)])


def _borne(accepted: _Item | None) -> str:
    if accepted is None:
        return ""
    return f'<p class="borne">Accepted by <b>{text(accepted["owner"])}</b> until <b>{text(accepted["until"])}</b>: {text(accepted["reason"])}'


def _evidence(evidence: t.Mapping[str, t.Any]) -> str:
    if not evidence:
        return ""
    told = "".join(f"<li><span>{text(name.replace('_', ' '))}</span> {_value(value)}" for name, value in evidence.items())
    return f"<ul>{told}</ul>"


def _value(value: t.Any) -> str:
    if value is None:
        return "not known"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, (list, tuple)):
        return text(value)
    said = ", ".join(map(text, value))
    return said if len(value) <= _VALUES_SHOWN else f"<details><summary>{number(len(value))}</summary>{said}</details>"


# -- what changed -------------------------------------------------------------------------------------------------
def changes(report: Report, places: t.Mapping[str, int]) -> str:
    """Nothing where no earlier report was compared."""
    told = report["changes"]
    if told is None:
        return ""
    by_key = {each["key"]: each for each in report["findings"]}
    new = [by_key[key] for key in told["new"]]
    parts = (
        ("New", new, "Nothing is new."),
        ("Mended", told["mended"], "Nothing was mended."),
        ("Not known now", told["unknown"], "All who told of the earlier findings answered again."),
    )
    said = "".join(
        f"<h3>{title} <small>{number(len(those))}</small></h3>{_listed(those, places) if those else f'<p>{nothing}</p>'}" for title, those, nothing in parts
    )
    return (
        f'<section id="changes" aria-labelledby="changes-title"><h2 id="changes-title">What changed since {moment(told["since"])}</h2>'
        f"<p>{many(len(told['open']), 'finding')} {'is' if len(told['open']) == 1 else 'are'} still open. "
        f"What is not known now was found then, and who told of it did not answer this time.</p>{said}</section>"
    )


def _listed(found: t.Sequence[_Item], places: t.Mapping[str, int]) -> str:
    rows = "".join(f"<tr><td>{badge(each['severity'])}<td>{_linked(each, places)}<td><code>{text(each['id'])}</code>" for each in found)
    opened = " open" if len(found) <= _ROWS_SHOWN else ""
    return (
        f'<details{opened}><summary>{many(len(found), "finding")}</summary><table class="changes">'
        f"{_quiet('Severity', 'What', 'Finding')}<tbody>{rows}</table></details>"
    )


def _linked(finding: _Item, places: t.Mapping[str, int]) -> str:
    at = places.get(finding["key"])
    return text(finding["what"]) if at is None else f'<a href="#f{at}">{text(finding["what"])}</a>'
