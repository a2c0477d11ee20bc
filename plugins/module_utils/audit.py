# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""The audit's judgement: evidence and a policy in, findings out. Pure.

To add a finding: a file in findings/ as audit_finding.py says, its name here twice, and its page in docs/findings/.
"""

from __future__ import annotations

import dataclasses
import datetime
import typing as t

from ansible_collections.convox.credentials.plugins.module_utils import audit_policy
from ansible_collections.convox.credentials.plugins.module_utils.audit_evidence import Evidence
from ansible_collections.convox.credentials.plugins.module_utils.audit_finding import Finding, FindingKind, Kind
from ansible_collections.convox.credentials.plugins.module_utils.audit_policy import SEVERITIES, Acceptance, Policy
from ansible_collections.convox.credentials.plugins.module_utils.findings import (
    certificate_changed,
    certificate_expiring,
    certificate_unverified,
    console_copy_stale,
    console_key_age_unknown,
    console_key_old,
    console_key_refused,
    console_rack_without_stack,
    deploy_key_age_unknown,
    file_damaged,
    file_mode,
    instance_key_age_unknown,
    instance_key_missing,
    instance_key_old,
    instances_on_other_pair,
    key_pair_left,
    key_shared,
    key_weak,
    ledger_damaged,
    login_stray,
    rack_key_age_unknown,
    rack_key_in_outputs,
    rack_key_in_ssm,
    rack_key_in_task_definition,
    rack_key_latent,
    rack_key_missing,
    rack_key_old,
    rack_key_refused,
    rack_key_unknown,
    rack_not_in_console,
    rack_open,
    rack_silent,
    rotation_unfinished,
    signing_key_old,
    source_silent,
    user_key_old,
    user_key_unused,
)
from ansible_collections.convox.credentials.plugins.module_utils.times import parse_date

_FILES: tuple[FindingKind, ...] = (
    certificate_changed,
    certificate_expiring,
    certificate_unverified,
    console_copy_stale,
    console_key_age_unknown,
    console_key_old,
    console_key_refused,
    console_rack_without_stack,
    deploy_key_age_unknown,
    file_damaged,
    file_mode,
    instance_key_age_unknown,
    instance_key_missing,
    instance_key_old,
    instances_on_other_pair,
    key_pair_left,
    key_shared,
    key_weak,
    ledger_damaged,
    login_stray,
    rack_key_age_unknown,
    rack_key_in_outputs,
    rack_key_in_ssm,
    rack_key_in_task_definition,
    rack_key_latent,
    rack_key_missing,
    rack_key_old,
    rack_key_refused,
    rack_key_unknown,
    rack_not_in_console,
    rack_open,
    rack_silent,
    rotation_unfinished,
    signing_key_old,
    source_silent,
    user_key_old,
    user_key_unused,
)
_EXPIRED = Kind(
    id="acceptance_expired",
    severity="low",
    title="Expired acceptance",
    why="What was borne for a time is borne no longer, and counts again.",
    mend="Mend the finding, or have its owner renew the acceptance in the policy.",
)
KINDS: dict[str, Kind] = {kind.id: kind for kind in (*(file.KIND for file in _FILES), _EXPIRED)}


@dataclasses.dataclass(frozen=True)
class Judged:
    """A finding as the policy sees it. ``accepted``: by whom and why it is borne; None where it is open."""

    finding: Finding
    severity: str
    accepted: Acceptance | None = None


def policy_of(data: t.Any, source: str = "policy") -> Policy:
    """Raises BadInput."""
    return audit_policy.parse(data, KINDS, source)


def judge(seen: Evidence, policy: Policy) -> list[Judged]:
    """All findings, the most severe first, each once."""
    today = parse_date(seen.at).date()
    found = {finding.key: finding for file in _FILES for finding in file.find(seen, policy)}
    found.update((finding.key, finding) for finding in _expired(policy, list(found.values()), today))
    judged = [_judged(finding, policy, today) for finding in found.values()]
    return sorted(judged, key=lambda each: (SEVERITIES.index(each.severity), each.finding.kind.id, each.finding.key))


def _judged(finding: Finding, policy: Policy, today: datetime.date) -> Judged:
    fitting = (each for each in policy.accepted if today <= each.until and each.fits(finding.kind.id, finding.names))
    return Judged(finding, policy.severities.get(finding.kind.id, finding.kind.severity), next(fitting, None))


def _expired(policy: Policy, found: t.Sequence[Finding], today: datetime.date) -> t.Iterator[Finding]:
    """Of each acceptance that is over and still has something to bear."""
    for each in policy.accepted:
        count = sum(each.fits(finding.kind.id, finding.names) for finding in found)
        if today > each.until and count:
            said = f"accepted by {each.owner} until {each.until}, which is over; findings that it no longer bears: {count}"
            yield _EXPIRED.about(f"{each.finding} of {each.subject}", said, owner=each.owner, reason=each.reason, until=str(each.until))
