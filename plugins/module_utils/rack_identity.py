# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""Which rack somebody is who answers, by its own word, and whether that word is true; nothing is changed here.

A rack is known by its rack-domain (architecture 4): what is kept of it is found by that, its pending key above all. Whoever
answers may give any domain as its own, so that it would be asked, or even set, what is another's.
"""

from __future__ import annotations

from ansible_collections.convox.credentials.plugins.module_utils import records
from ansible_collections.convox.credentials.plugins.module_utils.credentials import Working
from ansible_collections.convox.credentials.plugins.module_utils.errors import BadInput, RequestFailed
from ansible_collections.convox.credentials.plugins.module_utils.rack import ACCEPTED, NO_ANSWER, System
from ansible_collections.convox.credentials.plugins.module_utils.stores import StoreSet
from ansible_collections.convox.credentials.plugins.module_utils.target import Reach, Target, describe, parse_host


def identity_of(system: System, target: Target) -> str:
    """The rack's own word, which becomes part of a path and of the URL that keys are sent to.

    A rack that does not tell goes by the host that reaches it, or by its name at the Console that does.
    """
    if not system.rack_domain and target.console:
        return target.console
    try:
        return parse_host(system.rack_domain or target.host, "rack-domain")
    except BadInput as exc:
        raise BadInput(f"{describe(target)}: what it says of itself can't be used: {exc}: nothing was changed; check host and rack") from None


def refuse_pretender(reach: Reach, stores: StoreSet, working: Working, name: str, identity: str) -> None:
    """Raises BadInput where a rack that is reached by another way than its own domain is not seen to be the rack of that domain."""
    target = reach.target
    if identity in (target.host, target.console):
        return
    kept = stores.load(records.RACK_API_KEY, identity)
    if target.via:
        if kept.secrets() and kept.console != target.console and not _has_the_same_instances(reach, kept, working):
            raise BadInput(
                f"{describe(target)} answers as {identity}, of which keys are kept, and is not seen to have that rack's instances: nothing was changed; "
                f"name {identity} itself as host, or check rack"
            )
    elif working.key is not None and working.key not in kept.secrets():
        answer = reach.direct(identity, working.key).probe(name)
        # Where nothing is kept of it, a domain that can't be reached from here is no reason: that has always been allowed.
        if answer not in ((ACCEPTED,) if kept.secrets() else (ACCEPTED, NO_ANSWER)):
            raise BadInput(
                f"{describe(target)} answers as {identity}, which does not take the key that is accepted here: nothing was changed; "
                f"name {identity} itself as host, or check host"
            )


def _has_the_same_instances(reach: Reach, kept: records.Record, working: Working) -> bool:
    """A Console's key proves nothing of the rack behind it; and who has no key of a rack can't know its instances."""
    try:
        behind = {each.id for each in reach.rack(working.key or "").instances()}
    except RequestFailed:
        return False
    for key in kept.secrets():
        try:
            return bool(behind) and behind == {each.id for each in reach.direct(kept.identity, key).instances()}
        except RequestFailed:
            continue
    return False
