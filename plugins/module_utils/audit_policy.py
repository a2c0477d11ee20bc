# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""What an organization asks of its credentials: read from a document that people write, and looked at closely. Pure."""

from __future__ import annotations

import dataclasses
import datetime
import fnmatch
import re
import typing as t

from ansible_collections.convox.credentials.plugins.module_utils.errors import BadInput
from ansible_collections.convox.credentials.plugins.module_utils.times import parse_duration

SEVERITIES = ("critical", "high", "medium", "low", "info")
NEVER = "never"
KINDS = ("rack_api_key", "console_api_key", "instance_key", "signing_key")
_MAX_AGE = {"rack_api_key": "90d", "console_api_key": "90d", "instance_key": "365d", "signing_key": "365d"}
_ID = re.compile("[a-z][a-z0-9_]*")


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

    def fails(self, severity: str) -> bool:
        return self.fail_on != NEVER and SEVERITIES.index(severity) <= SEVERITIES.index(self.fail_on)


def parse(data: t.Any, ids: t.Collection[str], source: str = "policy") -> Policy:
    """Raises BadInput that names the place. ``ids``: of all findings."""
    known = ("max_age", "max_unused", "expires_within", "max_age_of", "severities", "accepted", "fail_on")
    data = _mapping(source, {} if data is None else data, known)
    ages = {**_MAX_AGE, **_mapping(f"{source}.max_age", data.get("max_age") or {}, KINDS)}
    return Policy(
        max_ages={kind: _duration(f"{source}.max_age.{kind}", age) for kind, age in ages.items()},
        max_unused=_duration(f"{source}.max_unused", data.get("max_unused", "90d")),
        expires_within=_duration(f"{source}.expires_within", data.get("expires_within", "30d")),
        special=tuple(_special(where, entry) for where, entry in _entries(f"{source}.max_age_of", data.get("max_age_of"))),
        severities=_severities(f"{source}.severities", data.get("severities") or {}, ids),
        accepted=tuple(_acceptance(where, entry, ids) for where, entry in _entries(f"{source}.accepted", data.get("accepted"))),
        fail_on=_choice(f"{source}.fail_on", data.get("fail_on", "high"), (*SEVERITIES, NEVER)),
    )


def _mapping(where: str, data: t.Any, known: t.Collection[str]) -> t.Mapping[str, t.Any]:
    if not isinstance(data, dict):
        raise BadInput(f"{where}: it is no mapping; write name: value")
    strange = next((str(name) for name in data if name not in known), None)
    if strange is not None:
        raise BadInput(f"{where}: there is no {strange!r}; there are {', '.join(sorted(known))}")
    return data


def _entries(where: str, data: t.Any) -> list[tuple[str, t.Any]]:
    if data is None:
        return []
    if not isinstance(data, list):
        raise BadInput(f"{where}: it is no list; write each entry after a dash")
    return [(f"{where}[{number}]", entry) for number, entry in enumerate(data)]


def _needed(where: str, data: t.Any, names: t.Sequence[str]) -> t.Mapping[str, t.Any]:
    data = _mapping(where, data, names)
    missing = next((name for name in names if data.get(name) in (None, "")), None)
    if missing is not None:
        raise BadInput(f"{where}: {missing} is missing; an entry has {', '.join(names)}")
    return data


def _text(where: str, value: t.Any) -> str:
    if not isinstance(value, str):
        raise BadInput(f"{where}: {value!r} is no text; put it in quotes")
    return value


def _duration(where: str, value: t.Any) -> float:
    return t.cast(float, parse_duration(where, str(value)))


def _choice(where: str, value: t.Any, choices: t.Sequence[str]) -> str:
    if value not in choices:
        raise BadInput(f"{where}: {value!r} is none of {', '.join(choices)}")
    return str(value)


def _special(where: str, data: t.Any) -> tuple[str, str, float]:
    entry = _needed(where, data, ("kind", "subject", "age"))
    return _choice(f"{where}.kind", entry["kind"], KINDS), _text(f"{where}.subject", entry["subject"]), _duration(f"{where}.age", entry["age"])


def _severities(where: str, data: t.Any, ids: t.Collection[str]) -> dict[str, str]:
    return {name: _choice(f"{where}.{name}", severity, SEVERITIES) for name, severity in _mapping(where, data, ids).items()}


def _acceptance(where: str, data: t.Any, ids: t.Collection[str]) -> Acceptance:
    entry = _needed(where, data, ("finding", "subject", "reason", "owner", "until"))
    finding = _text(f"{where}.finding", entry["finding"])
    if not any(fnmatch.fnmatchcase(name, finding) for name in ids):
        raise BadInput(f"{where}.finding: {finding!r} is no finding's id, and no pattern of one; docs/findings lists them")
    subject, reason, owner = (_text(f"{where}.{name}", entry[name]) for name in ("subject", "reason", "owner"))
    return Acceptance(finding, subject, reason, owner, _date(f"{where}.until", entry["until"]))


def _date(where: str, value: t.Any) -> datetime.date:
    # YAML makes a date of one that is not in quotes.
    if isinstance(value, datetime.date) and not isinstance(value, datetime.datetime):
        return value
    try:
        if isinstance(value, str):
            return datetime.date.fromisoformat(value)
    except ValueError:
        pass
    raise BadInput(f"{where}: {value!r} is no date; write the last day as YYYY-MM-DD")
