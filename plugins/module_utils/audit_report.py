# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""The audit's report, one JSON document (docs/schemas/report-1.json), and what changed since an earlier one. Pure."""

from __future__ import annotations

import collections
import typing as t

from ansible_collections.convox.credentials.plugins.module_utils import records, release
from ansible_collections.convox.credentials.plugins.module_utils.audit import Judged
from ansible_collections.convox.credentials.plugins.module_utils.audit_evidence import (
    ANSWERED,
    BY_EC2,
    BY_SSM,
    BY_TABLE,
    DAY,
    LATENT,
    PARTLY,
    REFUSED,
    SILENT,
    Console,
    Evidence,
    Key,
    Made,
    Rack,
)
from ansible_collections.convox.credentials.plugins.module_utils.audit_policy import KINDS, SEVERITIES, Policy, fails
from ansible_collections.convox.credentials.plugins.module_utils.errors import BadInput
from ansible_collections.convox.credentials.plugins.module_utils.findings import login_stray
from ansible_collections.convox.credentials.plugins.module_utils.report_text import racks_of

VERSION = 1
MADE_BY = f"{release.NAME} {release.VERSION}"
_ACCEPTED_TEXT = ("reason", "owner")
SUMMARY_LINES = 25
# What became of findings since an earlier report.
CHANGES = ("new", "open", "mended", "unknown")

Document = t.MutableMapping[str, t.Any]


def document(seen: Evidence, policy: Policy, judged: t.Sequence[Judged], seconds: float) -> Document:
    """The whole report but for its ``changes``."""
    of_rack: dict[str, list[str]] = collections.defaultdict(list)
    open_ones = [each for each in judged if each.accepted is None]
    for each in open_ones:
        for rack in each.finding.racks:
            of_rack[rack.id].append(each.severity)
    credentials = _credentials(seen, policy)
    counts = collections.Counter(each.severity for each in open_ones)
    return {
        "version": VERSION,
        "made_by": MADE_BY,
        "at": seen.at,
        "seconds": round(seconds, 1),
        "filters": seen.filters,
        "sources": [{"kind": each.kind, "subject": each.subject, "state": each.state, "said": each.said} for each in seen.sources],
        "policy": {
            "max_age_days": {kind: policy.max_ages[kind] / DAY for kind in KINDS},
            "max_unused_days": policy.max_unused / DAY,
            "expires_within_days": policy.expires_within / DAY,
            "fail_on": policy.fail_on,
        },
        "summary": {
            "racks": len(seen.racks),
            # One that was not asked may be anything.
            "racks_clean": sum(rack.answered is not None and not of_rack.get(rack.id) for rack in seen.racks),
            "credentials": len(credentials),
            "open": len(open_ones),
            "accepted": len(judged) - len(open_ones),
            "by_severity": {severity: counts[severity] for severity in SEVERITIES},
            "failed": any(fails(policy.fail_on, each.severity) for each in open_ones),
        },
        "racks": [_rack(seen, rack, of_rack.get(rack.id, [])) for rack in seen.racks],
        "credentials": credentials,
        "findings": [_finding(each) for each in judged],
        "changes": None,
    }


def _rack(seen: Evidence, rack: Rack, severities: t.Sequence[str]) -> Document:
    found = rack.found
    texts = {name: getattr(found, name) for name in ("name", "organization", "console", "provider", "account", "region", "stack", "version", "status")}
    return {
        "id": rack.id,
        **texts,
        "generation": found.generation,
        "answered": rack.answered,
        "key": rack.standing,
        "key_age_days": _days(seen, rack.made),
        "console_copy": rack.console_copy,
        "worst": min(severities, key=SEVERITIES.index, default=None),
        "findings": len(severities),
    }


def _finding(judged: Judged) -> Document:
    finding, kind, accepted = judged.finding, judged.finding.kind, judged.accepted
    return {
        "id": kind.id,
        "key": finding.key,
        "severity": judged.severity,
        "subject": finding.subject,
        "rack": finding.rack.id if finding.rack else None,
        "racks": [rack.id for rack in finding.racks],
        "title": kind.title,
        "what": finding.what,
        "why": kind.why,
        "mend": finding.mend,
        "playbook": finding.playbook,
        "evidence": dict(finding.evidence),
        "accepted": {**{name: getattr(accepted, name) for name in _ACCEPTED_TEXT}, "until": str(accepted.until)} if accepted else None,
    }


# -- credentials --------------------------------------------------------------------------------------------------
def _days(seen: Evidence, made: Made | None) -> float | None:
    return round(max(0.0, seen.age(made.at)) / DAY, 2) if made else None


def _credentials(seen: Evidence, policy: Policy) -> list[Document]:
    found = [each for rack in seen.racks for each in (*_rack_keys(seen, policy, rack), *_instance_key(seen, policy, rack))]
    found += [each for console in seen.consoles for each in _console_keys(seen, policy, console)]
    for account in seen.accounts:
        if account.signing_key_modified_at:
            rolled = Made(account.signing_key_modified_at, BY_SSM)
            found.append(_credential(seen, "signing_key", account.label, policy.max_age("signing_key", account.label), rolled, where=["SSM"]))
    for user in seen.users:
        made = Made(user.key_made_at, BY_TABLE) if user.key_made_at else None
        most = policy.max_age(records.CONSOLE_API_KEY, user.email)
        found.append(_credential(seen, records.CONSOLE_API_KEY, user.email, most, made, where=[f"{seen.tables}-users"], used=user.last_used_at))
    return found


def _credential(
    seen: Evidence, kind: str, subject: str, most: float, made: Made | None, state: str = "in_force", **more: t.Any
) -> Document:  # fmt: skip
    return {
        "kind": kind,
        "subject": subject,
        "rack": more.get("rack"),
        "fingerprint": more.get("fingerprint"),
        "where": more.get("where", []),
        "state": state,
        "made_at": made.at if made else None,
        "age_days": _days(seen, made),
        "age_known_by": made.by if made else None,
        "last_used_at": more.get("used"),
        "max_age_days": most / DAY,
        # What is at least so old may be older.
        "over": True if made and seen.age(made.at) > most else False if made and made.exact else None,
    }


def _rack_keys(seen: Evidence, policy: Policy, rack: Rack) -> t.Iterator[Document]:
    most = policy.max_age(records.RACK_API_KEY, rack.label, rack.id)
    stored = rack.stored.key if rack.stored else None
    known = dict.fromkeys([key for key in (rack.in_force, stored, *(login.key for login in rack.logins)) if key])
    if not known:
        yield _credential(seen, records.RACK_API_KEY, rack.label, most, None, "unknown", rack=rack.id)
    for key in known:
        where = sorted({login.where for login in rack.logins if login.key == key}) + (["SSM"] if key == stored else [])
        state = "in_force" if key == rack.in_force else LATENT if key == stored and rack.latent else _state(rack.said_to(key))
        made = rack.made if key == rack.in_force else None
        yield _credential(seen, records.RACK_API_KEY, rack.label, most, made, state, rack=rack.id, fingerprint=key.fingerprint, where=where)


def _state(said: str | None) -> str:
    return "refused" if said == REFUSED else "unknown"


def _instance_key(seen: Evidence, policy: Policy, rack: Rack) -> t.Iterator[Document]:
    if rack.instances and rack.instances.pair:
        made = Made(rack.instances.pair_made_at, BY_EC2) if rack.instances.pair_made_at else None
        most = policy.max_age(records.INSTANCE_KEY, rack.label, rack.id)
        yield _credential(seen, records.INSTANCE_KEY, rack.label, most, made, rack=rack.id, fingerprint=rack.instances.pair, where=["EC2"])


def _console_keys(seen: Evidence, policy: Policy, console: Console) -> t.Iterator[Document]:
    most = policy.max_age(records.CONSOLE_API_KEY, console.host)
    said: dict[Key, str] = {asked.key: asked.said for asked in console.asked if asked.key}
    for key in dict.fromkeys([*said, *(login.key for login in console.logins)]):
        where = sorted({login.where for login in console.logins if login.key == key})
        own = key == console.in_force
        state = "in_force" if own else _state(said.get(key))
        made = console.made if own else None
        yield _credential(seen, records.CONSOLE_API_KEY, console.host, most, made, state, fingerprint=key.fingerprint, where=where)


# -- what changed -------------------------------------------------------------------------------------------------
_TOLD = ("id", "key", "severity", "subject", "what")


def check(earlier: t.Any) -> None:
    """Raises BadInput where it is no report that this release can compare with."""
    if isinstance(earlier, dict) and "findings" in earlier and earlier.get("version", VERSION) != VERSION:
        raise BadInput(f"compare: a report of version {earlier['version']}; this release reads version {VERSION}")
    try:
        told = [each[name] for each in earlier["findings"] for name in (*_TOLD, "rack", "accepted")]
        told += [rack for each in earlier["findings"] for rack in each.get("racks", ())]
        told += [each[name] for each in earlier["sources"] for name in ("kind", "subject", "state")]
        told += [each[name] for each in earlier["racks"] for name in ("id", "console", "organization", "name")]
        told += [earlier["at"], earlier["filters"]]
        whole = "version" in earlier and all(isinstance(each, (str, dict, type(None))) for each in told)
    except (KeyError, TypeError):
        whole = False
    if not whole:
        raise BadInput("compare: it is no report of credential_audit; name the JSON file of an earlier audit")


def changes(earlier: Document, sha256: str, now: Document) -> Document:
    """What is new, still open, mended, and no longer told of. ``earlier``: a report that was checked, ``sha256`` its file's."""
    before = {each["key"]: each for each in earlier["findings"] if each["accepted"] is None}
    present = {each["key"] for each in now["findings"]}
    gone = [each for key, each in before.items() if key not in present]
    of_rack = _hidden_racks(earlier, now)
    hidden = {each["key"] for each in gone if any(of_rack(rack) for rack in racks_of(each) or (None,))}
    told = [{name: each[name] for name in _TOLD} for each in gone]
    return {
        "since": earlier["at"],
        "sha256": sha256,
        "new": [each["key"] for each in now["findings"] if each["accepted"] is None and each["key"] not in before],
        "open": [each["key"] for each in now["findings"] if each["accepted"] is None and each["key"] in before],
        "mended": [each for each in told if each["key"] not in hidden],
        "unknown": [each for each in told if each["key"] in hidden],
    }


def _hidden_racks(earlier: Document, now: Document) -> t.Callable[[str | None], bool]:
    """Of which rack's findings nobody could tell now: it is silent, was not to be looked at, or a source tells less than it did."""
    tells = _tells(now)
    less = any(told > tells.get(source, 0) for source, told in _tells(earlier).items())
    answered = {each["id"]: each["answered"] for each in now["racks"]}
    all_wanted = now["filters"] == earlier["filters"]
    # Silent ones go by other names: of a login, or without the domain that they would tell.
    strays = {each["subject"] for each in now["findings"] if each["id"] == login_stray.KIND.id}
    present = {_in_console(each) for each in now["racks"]}
    renamed = {each["id"] for each in earlier["racks"] if each["console"] and _in_console(each) in present}

    def hidden(rack: str | None) -> bool:
        gone = bool(rack) and rack not in answered
        return less or answered.get(rack) is False or (gone and (not all_wanted or rack in strays or rack in renamed))

    return hidden


def _in_console(rack: t.Mapping[str, str]) -> tuple[str, ...]:
    return rack["console"], rack["organization"], rack["name"]


def _tells(report: Document) -> dict[tuple[str, str], int]:
    """How much each source did."""
    states = (SILENT, PARTLY, ANSWERED)
    return {(each["kind"], each["subject"]): states.index(each["state"]) if each["state"] in states else 0 for each in report["sources"]}


# -- for the terminal ---------------------------------------------------------------------------------------------
def summary(report: Document, most: int = SUMMARY_LINES) -> list[str]:
    """At most so many lines: how it stands, then the most severe findings."""
    counts = report["summary"]
    by = ", ".join(f"{counts['by_severity'][severity]} {severity}" for severity in SEVERITIES if counts["by_severity"][severity])
    clean = f"{_count(counts['racks_clean'], 'rack')} {'is' if counts['racks_clean'] == 1 else 'are'} clean"
    found = f"{_count(counts['open'], 'open finding')}{f' ({by})' if by else ''}, {counts['accepted']} accepted; {clean}."
    lines = [f"Audit of {_count(counts['racks'], 'rack')} and {_count(counts['credentials'], 'credential')} in {report['seconds']} s: {found}"]
    changed = report["changes"]
    if changed:
        lines.append(f"Since {changed['since']}: {len(changed['new'])} new, {len(changed['mended'])} mended, {len(changed['open'])} still open.")
    told = [each for each in report["findings"] if each["accepted"] is None]
    room = most - len(lines)
    shown = told if len(told) <= room else told[: room - 1]
    lines += [f"{each['severity']:<8} {each['id']}: {each['what']}" for each in shown]
    if len(told) > len(shown):
        lines.append(f"... and {len(told) - len(shown)} more, in the report.")
    return lines


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
