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
from ansible_collections.convox.credentials.plugins.module_utils.errors import BadReply, ConvoxError, Refused, Untrusted
from ansible_collections.convox.credentials.plugins.module_utils.keys import make_key
from ansible_collections.convox.credentials.plugins.module_utils.rack import Rack, System, user_id
from ansible_collections.convox.credentials.plugins.module_utils.target import Reach
from ansible_collections.convox.credentials.plugins.module_utils.tls import Trust
from ansible_collections.convox.credentials.plugins.module_utils.transport import OWN_STATUS, Credential, Transport

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
    # Asked again, a gateway would say the same of a rack that is silent, and as late.
    try:
        transport = reach.another(host, OWN_STATUS)
    except ConvoxError as exc:
        # What says how it is trusted can't be read.
        return Answer((), None, None, False, str(exc))
    try:
        return _ask(transport, reach.trust(host), keys, most, others)
    finally:
        transport.close()


def _ask(transport: Transport, trust: Trust, keys: t.Sequence[str], most: int, others: t.Container[str]) -> Answer:
    asked: list[Asked] = []
    system = None
    try:
        for key in keys[:most]:
            said, system = _said(transport, key)
            asked.append(Asked(Key.of(key), said))
            if system is not None:
                break
        alias = system is not None and system.rack_domain != transport.host and system.rack_domain in others
        if len(asked) < most and not alias and not any(each.said == REFUSED for each in asked):
            # One that is made up, and so must be refused.
            asked.append(Asked(None, _said(transport, make_key(40))[0]))
    except Untrusted as exc:
        return Answer(tuple(asked), system, _certificate(transport, trust, CHANGED if exc.pinned else UNVERIFIED), False, str(exc))
    except ConvoxError as exc:
        as_console = _as_console(transport, keys[: most - 1]) if not asked and isinstance(exc, BadReply) and exc.status in _NO_RACK else ()
        if as_console:
            return Answer(as_console, None, _certificate(transport, trust), True, console=True)
        return Answer(tuple(asked), system, _certificate(transport, trust), bool(asked), str(exc))
    return Answer(tuple(asked), system, _certificate(transport, trust), True)


def _said(transport: Transport, key: str) -> tuple[str, System | None]:
    try:
        return ACCEPTED, Rack(transport, Credential(key)).system()
    except Refused as exc:
        if "invalid authentication" not in exc.text:
            raise
        return REFUSED, None


def _as_console(transport: Transport, keys: t.Sequence[str]) -> tuple[Asked, ...]:
    """What it says to them if it is a Console: that has an id for who asks (convox-protocol 6.1). Else nothing."""
    asked = []
    for key in keys:
        try:
            if user_id(Rack(transport, Credential(key)).auth().text) is None:
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


def _certificate(transport: Transport, trust: Trust, refused: str = "") -> Certificate | None:
    """``refused``: what is wrong with it, where nothing was sent."""
    shown, pinned = transport.certificate, trust.fingerprint or ""
    if shown is None:
        return Certificate(refused, sent=False, pinned=pinned) if refused else None
    state = refused or (PINNED if trust.fingerprint else VERIFIED if trust.verify else UNVERIFIED)
    return Certificate(state, shown.fingerprint, shown.expires_at, shown.api_own, not refused, pinned)
