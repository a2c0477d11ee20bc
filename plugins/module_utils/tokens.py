# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""A rack's temporary tokens: which racks issue them, what the rack itself says of one, and what a key may do (convox-protocol 3)."""

from __future__ import annotations

import contextlib

from ansible_collections.convox.credentials.plugins.module_utils import rack_kinds
from ansible_collections.convox.credentials.plugins.module_utils.errors import BadInput, BadReply, ConvoxError, RequestFailed
from ansible_collections.convox.credentials.plugins.module_utils.rack import Rack
from ansible_collections.convox.credentials.plugins.module_utils.rack_subject import Subject
from ansible_collections.convox.credentials.plugins.module_utils.target import Reach
from ansible_collections.convox.credentials.plugins.module_utils.task import Task
from ansible_collections.convox.credentials.plugins.module_utils.transport import TOKEN_USER, Credential
from ansible_collections.convox.credentials.plugins.module_utils.ways import SIGNING_KEY_SINCE

READ = "read"


def refuse_without(subject: Subject) -> None:
    """Raises BadInput where there are no tokens, or no host that a token could be for."""
    if rack_kinds.generation(subject.version) in (rack_kinds.CLASSIC, rack_kinds.V2) and subject.version < SIGNING_KEY_SINCE:
        raise _none_on(subject)
    if not subject.host:
        raise BadInput(f"{subject.label}: it does not tell its own domain, which tokens are for: nothing was changed; reach it by its own host, without rack")


def refuse_read_only(reach: Reach, subject: Subject) -> None:
    """Raises BadInput where the rack is asked with a token that can't change anything, before anybody counts on it."""
    if subject.key and reach.credential(subject.key).user == TOKEN_USER and not reach.rack(subject.key).may_write():
        raise BadInput(f"{subject.label}: the token may only read: nothing was changed; use one with role: write, or the rack's own key")


def refuse_deploy_key(reach: Reach, subject: Subject) -> None:
    """Raises BadInput where a Console's key may change nothing of the rack, as a deploy key (convox-protocol 6.1).

    Releases without tokens can't be asked so: there the change itself is refused.
    """
    if not reach.target.via or not subject.key:
        return
    with contextlib.suppress(RequestFailed):
        if not reach.rack(subject.key).may_write():
            raise BadInput(
                f"{subject.label}: the Console {reach.target.host} says: you are unauthorized to access this: nothing was changed; use a person's Console API "
                "key, for a deploy key changes nothing but apps, or name the rack's own host and give its key"
            )


def shared(subject: Subject) -> bool:
    """Whether the signing key is that of all v2 racks of the account and region; v3 racks have one each."""
    return rack_kinds.generation(subject.version) != rack_kinds.V3


def issue(task: Task, rack: Rack, subject: Subject, role: str, hours: int) -> str:
    """A token that nobody has asked with yet. Raises ConvoxError."""
    try:
        return rack.issue_token(role, hours, task.secrets)
    except RequestFailed as exc:
        if isinstance(exc, BadReply) and exc.status == 404 and not exc.text:
            # There is no such route; which releases of v3 have it is not known here.
            raise _none_on(subject) from None
        raise ConvoxError(f"{subject.label}: it gave no token ({exc}): nothing was changed; mend that, then run again") from None


def ask_with(reach: Reach, subject: Subject, token: str) -> None:
    """Ask the rack itself, on a connection of its own. Raises RequestFailed where it does not take the token."""
    with contextlib.closing(Rack(reach.another(subject.host), Credential(token, TOKEN_USER))) as rack:
        system = rack.system()
    if system.name != subject.name:
        raise BadReply(f"{subject.host} answers as rack {system.name}, where {subject.name} was expected; check host", 200)


def _none_on(subject: Subject) -> BadInput:
    return BadInput(
        f"{subject.label}: its release {subject.version} has no tokens, which there are since {SIGNING_KEY_SINCE}: nothing was changed; update the rack first"
    )
