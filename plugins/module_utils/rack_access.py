# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""Temporary access to a rack: a token is issued and proven, or the key that signs them all is rolled (signing_key_roll.py)."""

from __future__ import annotations

import dataclasses
import datetime
import typing as t

from ansible_collections.convox.credentials.plugins.module_utils import signing_key_roll, tokens, ways
from ansible_collections.convox.credentials.plugins.module_utils.errors import BadInput, ConvoxError, Refused, RequestFailed
from ansible_collections.convox.credentials.plugins.module_utils.keys import fingerprint
from ansible_collections.convox.credentials.plugins.module_utils.rack_subject import Subject, find_way
from ansible_collections.convox.credentials.plugins.module_utils.target import Reach, find_target
from ansible_collections.convox.credentials.plugins.module_utils.task import Task
from ansible_collections.convox.credentials.plugins.module_utils.times import format_date
from ansible_collections.convox.credentials.plugins.module_utils.transport import TOKEN_USER

# On connections of their own: containers can have different signing keys, and each new connection may reach another one.
_CHECKS = 6
_SECOND = 1.0


class Access(t.NamedTuple):
    """The result, and what is to be returned in ``field``: the text ``shown`` that has the token in it; None where none was issued."""

    result: dict[str, t.Any]
    token: str | None = None
    field: str = "rack_url"
    shown: str | None = None


def access(task: Task) -> Access:
    """The result of the module rack_access."""
    if task.options["state"] == "signing_key_rolled":
        return Access(signing_key_roll.roll(task))
    if not task.options["return_key"]:
        raise BadInput("return_key: a token that is not returned is of no use to anybody: nothing was asked; say return_key: true")
    # AWS has no part in it.
    options = {**task.options, "method": ways.API, "activate": ways.SIGNING_KEY}
    return _issue(dataclasses.replace(task, options=options))


def _issue(task: Task) -> Access:
    reach, subject = find_way(task, Reach(task, find_target(task)), task.stores_to_read())
    tokens.refuse_without(subject)
    tokens.refuse_read_only(reach, subject)
    hours, role = task.options["hours"], task.options["role"]
    # Before it is asked for, so that it ends no sooner than that.
    ends = format_date(task.clock.date() + datetime.timedelta(hours=hours))
    result: dict[str, t.Any] = {
        "changed": True,
        "host": reach.target.host,
        "rack": subject.name,
        "rack_domain": subject.identity,
        "role": role,
        "expires_at": None,
        "fingerprint": None,
        "diff": {"before": {}, "after": {"role": role, "expires_at": ends}},
    }
    if tokens.shared(subject):
        region = f" in {subject.system.region}" if subject.system else ""
        task.warn_once(f"{subject.label}: until {ends} its token is good for every v2 rack of the account{region}: they share one signing key")
    if task.check_mode:
        return Access(result)
    token = _new_token(task, reach, subject)
    _prove(reach, subject, token, result)
    result.update(expires_at=ends, fingerprint=fingerprint(token))
    result["diff"]["after"]["fingerprint"] = result["fingerprint"]
    return Access(result, token, shown=f"https://{TOKEN_USER}:{token}@{subject.host}")


def _new_token(task: Task, reach: Reach, subject: Subject) -> str:
    """Another one than that which the rack is asked with."""
    rack = reach.rack(subject.key or "")
    token = tokens.issue(task, rack, subject, task.options["role"], task.options["hours"])
    if token == subject.key:
        # It was issued in this very second, and is somebody else's.
        task.clock.sleep(_SECOND)
        token = tokens.issue(task, rack, subject, task.options["role"], task.options["hours"])
    return token


def _prove(reach: Reach, subject: Subject, token: str, result: dict[str, t.Any]) -> None:
    """Raises ConvoxError; what was issued is then nobody's."""
    for dummy in range(_CHECKS):
        try:
            tokens.ask_with(reach, subject, token)
        except RequestFailed as exc:
            mend = "make that host reachable from here, then run again"
            if isinstance(exc, Refused):
                mend = "its containers have different signing keys, as after a roll on another rack of the account; roll it here with state: signing_key_rolled"
            raise ConvoxError(
                f"{subject.label}: a token was issued and is not returned, for {subject.host} did not take it ({exc}); {mend}", **result
            ) from None
