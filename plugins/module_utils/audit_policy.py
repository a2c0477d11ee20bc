# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""What an organization asks of its credentials: read from a document that people write, and looked at closely. Pure."""

from __future__ import annotations

import dataclasses
import datetime
import difflib
import fnmatch
import re
import typing as t

from ansible_collections.convox.credentials.plugins.module_utils.errors import BadInput
from ansible_collections.convox.credentials.plugins.module_utils.times import parse_duration

SEVERITIES = ("critical", "high", "medium", "low", "info")
NEVER = "never"
KINDS = ("rack_api_key", "console_api_key", "instance_key", "signing_key")
_MAX_AGE = {"rack_api_key": "90d", "console_api_key": "90d", "instance_key": "365d", "signing_key": "365d"}
# As docs/schemas/policy-1.json has them: both hold for the same texts, whatever the release of Python.
_DURATION = re.compile(" *[0-9]{1,9} *[smhdw] *\n?")
_DATE = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")
_A_DURATION = "write a number of at most nine digits and a unit, as in 90d, 12h or 30m"
_LONGEST_SHOWN = 60
_MOST_LISTED = 10


@dataclasses.dataclass(frozen=True)
class Acceptance:
    """A finding that somebody bears. ``finding``, ``subject``: patterns. ``until``: the last day."""

    finding: str
    subject: str
    reason: str
    owner: str
    until: datetime.date

    def fits(self, finding: str, names: t.Iterable[str]) -> bool:
        return fnmatch.fnmatchcase(finding, self.finding) and any(fnmatch.fnmatchcase(name, self.subject) for name in names)


@dataclasses.dataclass(frozen=True)
class Policy:
    """Times are in seconds. ``special``: (kind, pattern of subjects, greatest age); the first that fits counts."""

    max_ages: t.Mapping[str, float]
    max_unused: float
    expires_within: float
    special: tuple[tuple[str, str, float], ...] = ()
    severities: t.Mapping[str, str] = dataclasses.field(default_factory=dict)
    accepted: tuple[Acceptance, ...] = ()
    fail_on: str = "high"

    def max_age(self, kind: str, *names: str) -> float:
        """``names``: all that its subject goes by."""
        fitting = (age for of, pattern, age in self.special if of == kind and any(fnmatch.fnmatchcase(name, pattern) for name in names))
        return next(fitting, self.max_ages[kind])


def fails(fail_on: str, severity: str) -> bool:
    """Whether an open finding of that severity breaks a policy."""
    return fail_on != NEVER and SEVERITIES.index(severity) <= SEVERITIES.index(fail_on)


def parse(data: t.Any, ids: t.Collection[str], source: str = "policy") -> Policy:
    """Raises BadInput that names the place. ``ids``: of all findings. What is left out or empty has its default."""
    known = ("max_age", "max_unused", "expires_within", "max_age_of", "severities", "accepted", "fail_on")
    data = _mapping(source, data, known)
    ages = {**_MAX_AGE, **_mapping(f"{source}.max_age", data.get("max_age"), KINDS)}
    special = [_special(where, entry) for where, entry in _entries(f"{source}.max_age_of", data.get("max_age_of"))]
    accepted = [_acceptance(where, entry, ids) for where, entry in _entries(f"{source}.accepted", data.get("accepted"))]
    _distinct(f"{source}.max_age_of", "kind and subject", [(kind, subject) for kind, subject, dummy in special])
    _distinct(f"{source}.accepted", "finding and subject", [(each.finding, each.subject) for each in accepted])
    return Policy(
        max_ages={kind: _duration(f"{source}.max_age.{kind}", age) for kind, age in ages.items()},
        max_unused=_duration(f"{source}.max_unused", data.get("max_unused", "90d")),
        expires_within=_duration(f"{source}.expires_within", data.get("expires_within", "30d")),
        special=tuple(special),
        severities=_severities(f"{source}.severities", data.get("severities"), ids),
        accepted=tuple(accepted),
        fail_on=_choice(f"{source}.fail_on", data.get("fail_on", "high"), (*SEVERITIES, NEVER)),
    )


# -- what stands where, and what is to stand there ----------------------------------------------------------------
def _mapping(where: str, data: t.Any, known: t.Collection[str]) -> t.Mapping[str, t.Any]:
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise BadInput(f"{where}: it is no mapping but {_shown(data)}; write name: value")
    for name in data:
        if name not in known:
            listed = f"; there are {', '.join(sorted(known))}" if len(known) <= _MOST_LISTED else "; docs/findings lists all"
            raise BadInput(f"{where}: there is no {_shown(name)}{listed}{_meant(name, known)}")
    return data


def _entries(where: str, data: t.Any) -> list[tuple[str, t.Any]]:
    if data is None:
        return []
    if not isinstance(data, list):
        raise BadInput(f"{where}: it is no list but {_shown(data)}; write each entry after a dash")
    return [(f"{where}[{number}]", entry) for number, entry in enumerate(data)]


def _needed(where: str, data: t.Any, names: t.Sequence[str]) -> t.Mapping[str, t.Any]:
    data = _mapping(where, data, names)
    for name in names:
        value = data.get(name)
        if value is None or (isinstance(value, str) and not value.strip()):
            raise BadInput(f"{where}: {name} is missing; an entry has {', '.join(names)}")
    return data


def _distinct(where: str, what: str, entries: t.Sequence[tuple[str, str]]) -> None:
    """Of two alike only one counts, and which that is nobody should have to know."""
    for number, entry in enumerate(entries):
        first = entries.index(entry)
        if first != number:
            raise BadInput(f"{where}[{number}]: its {what} are those of {where}[{first}]; take one of them out")


# -- single values ------------------------------------------------------------------------------------------------
def _shown(value: t.Any) -> str:
    """As people know what they wrote, in one line."""
    if value is None or isinstance(value, bool):
        return {None: "nothing", True: "true", False: "false"}[value]
    if isinstance(value, (dict, list)):
        return "a mapping" if isinstance(value, dict) else "a list"
    text = str(value) if isinstance(value, datetime.date) else repr(value)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"


def _meant(written: t.Any, choices: t.Iterable[str]) -> str:
    near = difflib.get_close_matches(written.lower(), choices, 1) if isinstance(written, str) else []
    return f"; did you mean {near[0]}?" if near else ""


def _text(where: str, value: t.Any) -> str:
    if not isinstance(value, str):
        raise BadInput(f"{where}: {_shown(value)} is no text; {'write one' if isinstance(value, (dict, list)) else 'put it in quotes'}")
    return value


def _line(where: str, value: t.Any) -> str:
    """A text that may be folded in the file, for messages are of one line."""
    return " ".join(_text(where, value).split())


def _duration(where: str, value: t.Any) -> float:
    if isinstance(value, str) and _DURATION.fullmatch(value):
        return t.cast(float, parse_duration(where, value))
    if value is None:
        raise BadInput(f"{where}: nothing stands there; {_A_DURATION}, or leave it out")
    if not isinstance(value, bool) and re.fullmatch(" *[0-9]+ *", str(value)):
        raise BadInput(f"{where}: {_shown(value)} has no unit; write 90d for days, 12h for hours or 30m for minutes")
    raise BadInput(f"{where}: {_shown(value)} is no duration; {_A_DURATION}")


def _choice(where: str, value: t.Any, choices: t.Sequence[str]) -> str:
    if value is None:
        raise BadInput(f"{where}: nothing stands there; write one of {', '.join(choices)}, or leave it out")
    if value not in choices:
        raise BadInput(f"{where}: {_shown(value)} is none of {', '.join(choices)}{_meant(value, choices)}")
    return str(value)


def _date(where: str, value: t.Any) -> datetime.date:
    # YAML makes a date of one that is not in quotes.
    if isinstance(value, datetime.datetime):
        raise BadInput(f"{where}: {_shown(value)} has a time of day; write the last day alone, as YYYY-MM-DD")
    if isinstance(value, datetime.date):
        return value
    try:
        if isinstance(value, str) and _DATE.fullmatch(value):
            return datetime.date.fromisoformat(value)
    except ValueError:
        pass
    raise BadInput(f"{where}: {_shown(value)} is no date; write the last day as YYYY-MM-DD")


# -- entries ------------------------------------------------------------------------------------------------------
def _special(where: str, data: t.Any) -> tuple[str, str, float]:
    entry = _needed(where, data, ("kind", "subject", "age"))
    return _choice(f"{where}.kind", entry["kind"], KINDS), _text(f"{where}.subject", entry["subject"]), _duration(f"{where}.age", entry["age"])


def _severities(where: str, data: t.Any, ids: t.Collection[str]) -> dict[str, str]:
    return {name: _choice(f"{where}.{name}", severity, SEVERITIES) for name, severity in _mapping(where, data, ids).items()}


def _acceptance(where: str, data: t.Any, ids: t.Collection[str]) -> Acceptance:
    entry = _needed(where, data, ("finding", "subject", "reason", "owner", "until"))
    finding, subject = (_text(f"{where}.{name}", entry[name]) for name in ("finding", "subject"))
    if not any(fnmatch.fnmatchcase(name, finding) for name in ids):
        raise BadInput(f"{where}.finding: {_shown(finding)} is no finding's id, and no pattern of one; docs/findings lists them{_meant(finding, ids)}")
    reason, owner = (_line(f"{where}.{name}", entry[name]) for name in ("reason", "owner"))
    return Acceptance(finding, subject, reason, owner, _date(f"{where}.until", entry["until"]))
