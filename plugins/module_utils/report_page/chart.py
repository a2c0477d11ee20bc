# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""The HTML report's chart: the age of each key in force against what the policy allows. Pure.

It is a table whose cells hold drawings, so that it can be read where nothing is drawn. All rows have one scale, the age as
a share of what is allowed for that very key; so one line is the policy's for all. A key is a mark, stacked where several
are as old; where they are too many to be told apart a column is as high as they are many.
"""

from __future__ import annotations

import collections
import dataclasses
import typing as t

from ansible_collections.convox.credentials.plugins.module_utils.audit_evidence import BY_SSM
from ansible_collections.convox.credentials.plugins.module_utils.audit_policy import KINDS
from ansible_collections.convox.credentials.plugins.module_utils.report_page.text import KIND_NAMES, NOTHING, Report, age, limit, many, number, text

# Columns of the whole scale, whatever it ends at: each end divides them so that the policy's line is between two.
_COLUMNS = 48
_ENDS = (1.5, 2.0, 3.0)
_HEIGHT, _TOP = 86, 14  # px; above the columns is room for a number
_MARK = 10.0  # px, the room of a mark
_LEAST = 4.0  # px of a column, so that a single key is seen
_TICKS = {0.5: "½", 1.0: "limit", 1.5: "1½ &times;", 2.0: "2 &times;", 3.0: "3 &times;"}


@dataclasses.dataclass(frozen=True)
class _Key:
    """``share``: its age as a share of what is allowed. ``least``: it may be older. ``said``: as HTML."""

    share: float
    over: bool
    least: bool
    said: str


@dataclasses.dataclass(frozen=True)
class _Row:
    kind: str
    in_force: int
    unknown: int
    keys: t.Sequence[_Key]
    own_limits: int

    @property
    def over(self) -> int:
        return sum(key.over for key in self.keys)


def chart(report: Report) -> str:
    rows = [_row(report, kind) for kind in KINDS]
    most = max((key.share for row in rows for key in row.keys), default=0.0)
    end = next((end for end in _ENDS if most <= end), _ENDS[-1])
    body = "".join(_drawn(row, end, report["policy"]["max_age_days"][row.kind]) for row in rows)
    return (
        f'{_MARKS}<table class="ages" aria-labelledby="ages-title"><thead><tr><th scope="col">Kind'
        f'<th scope="col"><span class="sr">Ages</span>{_axis(end, most > end)}'
        f'<th scope="col" class="n">Over<th scope="col" class="n">Age unknown<tbody>{body}</table>{_LEGEND}'
    )


def _row(report: Report, kind: str) -> _Row:
    known = [each for each in report["credentials"] if each["kind"] == kind and each["state"] == "in_force"]
    aged = [each for each in known if each["age_days"] is not None and each["max_age_days"]]
    usual = report["policy"]["max_age_days"][kind]
    return _Row(kind, len(known), len(known) - len(aged), [_key(each) for each in aged], sum(each["max_age_days"] != usual for each in aged))


def _key(credential: t.Mapping[str, t.Any]) -> _Key:
    least = credential["age_known_by"] == BY_SSM
    said = f"{text(credential['subject'])}: {age(credential['age_days'], least)} of {limit(credential['max_age_days'])}"
    return _Key(credential["age_days"] / credential["max_age_days"], credential["over"] is True, least, said)


# -- drawing ------------------------------------------------------------------------------------------------------
def _percent(share: float) -> str:
    return f"{100 * share:.4g}%"


def _axis(end: float, more: bool) -> str:
    ticks = [(share, word) for share, word in _TICKS.items() if share <= end]
    drawn = "".join(
        f'<text x="{_percent(share / end)}" y="14" class="at-{"limit" if share == 1 else "end" if share == end else "between"}">'
        f"{word}{' +' if more and share == end else ''}</text>"
        for share, word in ticks
    )
    return f'<svg class="axis" height="20" aria-hidden="true">{drawn}</svg>'


def _drawn(row: _Row, end: float, usual: float) -> str:
    own = f" ({number(row.own_limits)} {'has its' if row.own_limits == 1 else 'have their'} own)" if row.own_limits else ""
    seen = f"{number(row.in_force)} in force" if row.in_force else "none was seen"
    head = f'<th scope="row">{KIND_NAMES[row.kind]}<small>{seen}<br>limit {limit(usual)}{own}</small>'
    least = sum(key.least for key in row.keys)
    told = f"{many(len(row.keys) - row.over, 'key')} within the limit, {number(row.over)} over it" + (f"; {number(least)} may be older" if least else "")
    over = f'<td class="n{" some" if row.over else ""}">{number(row.over) if row.in_force else NOTHING}'
    return f'<tr>{head}<td><span class="sr">{told}</span>{_plot(row, end)}{over}<td class="n">{number(row.unknown) if row.in_force else NOTHING}'


def _plot(row: _Row, end: float) -> str:
    columns: dict[int, list[_Key]] = collections.defaultdict(list)
    for key in row.keys:
        columns[_column(key, end)].append(key)
    tallest = max(map(len, columns.values()), default=0)
    room = _HEIGHT - _TOP
    draw = _marks if tallest * _MARK <= room else _bars
    unit = _MARK if draw is _marks else room / tallest
    drawn = "".join(draw(at, sorted(keys, key=_order), unit) for at, keys in sorted(columns.items()))
    if draw is _bars:
        at = max(columns, key=_count_in(columns))
        drawn += f'<text class="peak" x="{_percent((at + 0.5) / _COLUMNS)}" y="{_TOP - 4}">{number(tallest)}</text>'
    line = _percent(1 / end)
    return (
        f'<svg class="plot" height="{_HEIGHT + 8}" aria-hidden="true"><rect class="beyond" x="{line}" width="{_percent(1 - 1 / end)}" height="100%"/>'
        f'<line class="base" x2="100%" y1="{_HEIGHT + 1}" y2="{_HEIGHT + 1}"/>'
        f'<line class="line" x1="{line}" x2="{line}" y2="100%"/>{drawn}</svg>'
    )


def _count_in(columns: t.Mapping[int, t.Sequence[_Key]]) -> t.Callable[[int], int]:
    def count(at: int) -> int:
        return len(columns[at])

    return count


def _column(key: _Key, end: float) -> int:
    at, line = min(_COLUMNS - 1, int(key.share / end * _COLUMNS)), int(_COLUMNS / end)
    # The age is rounded: what is over is so by the document's word.
    return max(at, line) if key.over else min(at, line - 1)


def _order(key: _Key) -> tuple[bool, float]:
    return key.least, key.share


def _marks(at: int, keys: t.Sequence[_Key], unit: float) -> str:
    return "".join(
        f'<use href="#{_mark(key)}" x="{_percent((at + 0.5) / _COLUMNS)}" y="{_HEIGHT - (up + 0.5) * unit:g}"><title>{key.said}</title></use>'
        for up, key in enumerate(keys)
    )


def _mark(key: _Key) -> str:
    return f"m{'o' if key.over else 'i'}{'l' if key.least else 'e'}"


def _bars(at: int, keys: t.Sequence[_Key], unit: float) -> str:
    drawn, up = "", 0.0
    for of, count in collections.Counter(map(_mark, keys)).items():
        height = max(_LEAST, count * unit)
        up += height
        drawn += (
            f'<rect class="{of}" x="{_percent((at + 0.1) / _COLUMNS)}" width="{_percent(0.8 / _COLUMNS)}" y="{_HEIGHT - up:.1f}" '
            f'height="{height:.1f}"><title>{many(count, "key")}</title></rect>'
        )
    return drawn


# Within or over the limit, exactly or at least so old: told apart by shape and filling.
_SHAPES = {
    "mie": '<circle r="4.2"/>',
    "mil": '<circle r="3.5"/>',
    "moe": '<path d="M0-5.2 5.2 0 0 5.2-5.2 0z"/>',
    "mol": '<path d="M0-4.5 4.5 0 0 4.5-4.5 0z"/>',
}
_DEFINED = "".join(f'<g id="{of}" class="{of}">{drawn}</g>' for of, drawn in _SHAPES.items())
_MARKS = f'<svg class="defs" width="0" height="0" aria-hidden="true"><defs>{_DEFINED}</defs></svg>'


def _legend(of: str, said: str) -> str:
    return f'<li><svg width="11" height="11" aria-hidden="true"><use href="#{of}" x="5.5" y="5.5"/></svg>{said}'


_LEGEND = (
    f'<ul class="legend">{_legend("mie", "within the limit")}{_legend("moe", "over it")}'
    f'<li><svg width="26" height="11" aria-hidden="true"><use href="#mil" x="5.5" y="5.5"/><use href="#mol" x="20" y="5.5"/></svg>'
    "at least so old, maybe older: only SSM tells</ul>"
)
