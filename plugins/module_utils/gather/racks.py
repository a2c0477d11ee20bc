# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""What a rack says to the keys that are known of it: as few questions as tell how each of them stands (docs/audit.md)."""

from __future__ import annotations

import typing as t

from ansible_collections.convox.credentials.plugins.module_utils.audit_evidence import (
    ACCEPTED,
    CHANGED,
    PINNED,
    REFUSED,
    UNVERIFIED,
    VERIFIED,
    Asked,
    Certificate,
    Key,
)
from ansible_collections.convox.credentials.plugins.module_utils.errors import ConvoxError, Refused, Untrusted
from ansible_collections.convox.credentials.plugins.module_utils.keys import make_key
from ansible_collections.convox.credentials.plugins.module_utils.rack import System
from ansible_collections.convox.credentials.plugins.module_utils.target import Reach


class Answer(t.NamedTuple):
    """``system``: how it describes itself, to a key that it accepts. ``why``: one line where it did not answer."""

    asked: tuple[Asked, ...]
    system: System | None
    certificate: Certificate | None
    answered: bool
    why: str = ""


def ask(reach: Reach, host: str, keys: t.Sequence[str], most: int) -> Answer:
    """At most so many requests. Who does not answer one is asked no more."""
    asked: list[Asked] = []
    system = None
    try:
        for key in keys[:most]:
            said, system = _said(reach, host, key)
            asked.append(Asked(Key.of(key), said))
            if system is not None:
                break
        if len(asked) < most and not any(each.said == REFUSED for each in asked):
            # One that is made up, and so must be refused.
            asked.append(Asked(None, _said(reach, host, make_key(40))[0]))
    except Untrusted as exc:
        return Answer(tuple(asked), system, Certificate(CHANGED if exc.pinned else UNVERIFIED, exc.fingerprint), False, str(exc))
    except ConvoxError as exc:
        return Answer(tuple(asked), system, _certificate(reach, host), bool(asked), str(exc))
    finally:
        reach.transport(host).close()
    return Answer(tuple(asked), system, _certificate(reach, host), True)


def _said(reach: Reach, host: str, key: str) -> tuple[str, System | None]:
    try:
        return ACCEPTED, reach.direct(host, key).system()
    except Refused as exc:
        if "invalid authentication" not in exc.text:
            raise
        return REFUSED, None


def _certificate(reach: Reach, host: str) -> Certificate | None:
    shown, trust = reach.transport(host).certificate, reach.trust(host)
    if shown is None:
        return None
    state = PINNED if trust.fingerprint else VERIFIED if trust.verify else UNVERIFIED
    return Certificate(state, shown.fingerprint, shown.expires_at, shown.api_own)
