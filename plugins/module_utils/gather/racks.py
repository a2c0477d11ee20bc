# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""What a host says to the keys that are known of it: as few questions as tell how each of them stands (docs/audit.md)."""

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
from ansible_collections.convox.credentials.plugins.module_utils.console import user_id
from ansible_collections.convox.credentials.plugins.module_utils.errors import BadReply, ConvoxError, Refused, Untrusted
from ansible_collections.convox.credentials.plugins.module_utils.keys import make_key
from ansible_collections.convox.credentials.plugins.module_utils.rack import System
from ansible_collections.convox.credentials.plugins.module_utils.target import Reach

# What a Console answers where a rack is asked for and none is named: its page, or nothing.
_NO_RACK = (200, 404)


class Answer(t.NamedTuple):
    """``system``: how it describes itself, to a key that it accepts. ``why``: one line where it did not answer.

    ``console``: it is a Console, which is what said so to the keys.
    """

    asked: tuple[Asked, ...]
    system: System | None
    certificate: Certificate | None
    answered: bool
    why: str = ""
    console: bool = False


def ask(reach: Reach, host: str, keys: t.Sequence[str], most: int, others: t.Container[str] = ()) -> Answer:
    """At most so many requests. Who does not answer one is asked no more. ``others``: hosts that are asked beside it."""
    asked: list[Asked] = []
    system = None
    try:
        for key in keys[:most]:
            said, system = _said(reach, host, key)
            asked.append(Asked(Key.of(key), said))
            if system is not None:
                break
        alias = system is not None and system.rack_domain != host and system.rack_domain in others
        if len(asked) < most and not alias and not any(each.said == REFUSED for each in asked):
            # One that is made up, and so must be refused.
            asked.append(Asked(None, _said(reach, host, make_key(40))[0]))
    except Untrusted as exc:
        return Answer(tuple(asked), system, _certificate(reach, host, CHANGED if exc.pinned else UNVERIFIED), False, str(exc))
    except ConvoxError as exc:
        as_console = _as_console(reach, host, keys[: most - 1]) if not asked and isinstance(exc, BadReply) and exc.status in _NO_RACK else ()
        if as_console:
            return Answer(as_console, None, _certificate(reach, host), True, console=True)
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


def _as_console(reach: Reach, host: str, keys: t.Sequence[str]) -> tuple[Asked, ...]:
    """What it says to them if it is a Console: that has an id for who asks (convox-protocol 6.1). Else nothing."""
    asked = []
    for key in keys:
        try:
            if user_id(reach.direct(host, key).auth().text) is None:
                return ()
        except Refused as exc:
            if "invalid authentication" not in exc.text:
                return ()
            asked.append(Asked(Key.of(key), REFUSED))
        except ConvoxError:
            return ()
        else:
            return (*asked, Asked(Key.of(key), ACCEPTED))
    return tuple(asked)


def _certificate(reach: Reach, host: str, refused: str = "") -> Certificate | None:
    """``refused``: what is wrong with it, where nothing was sent."""
    shown, trust = reach.transport(host).certificate, reach.trust(host)
    if shown is None:
        return Certificate(refused) if refused else None
    state = refused or (PINNED if trust.fingerprint else VERIFIED if trust.verify else UNVERIFIED)
    return Certificate(state, shown.fingerprint, shown.expires_at, shown.api_own)
