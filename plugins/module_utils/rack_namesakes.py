# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""Which logins with a rack's former key are another rack's that was given the same one, and not this rack's by another name."""

from __future__ import annotations

from ansible_collections.convox.credentials.plugins.module_utils import tls
from ansible_collections.convox.credentials.plugins.module_utils.errors import ConvoxError, NoAnswer, Refused, Untrusted
from ansible_collections.convox.credentials.plugins.module_utils.rack import Rack
from ansible_collections.convox.credentials.plugins.module_utils.rack_lock import was_rolled_here
from ansible_collections.convox.credentials.plugins.module_utils.records import Record
from ansible_collections.convox.credentials.plugins.module_utils.target import Reach
from ansible_collections.convox.credentials.plugins.module_utils.task import Task


def hosts_of_others(task: Task, reach: Reach, record: Record, old: str | None, label: str) -> frozenset[str]:
    """Their entries in ``auth`` are not to take this rack's new key: it would lock their owner out of them, and lose theirs.

    Asked when the rack itself refuses the old key. A host that can't be asked may be either: its entry is left, and named.
    """
    own = {record.identity, record.host, reach.target.host}
    return frozenset(host for host in (task.cli.hosts_with(old) if old else set()) - own if _is_another(task, reach, record, host, old or "", label))


def _is_another(task: Task, reach: Reach, record: Record, host: str, old: str, label: str) -> bool:
    # It may be rolled just now, and refuse the key that it shared.
    if was_rolled_here(task, host):
        return True
    rack = None
    try:
        # With the key that it was sent before; the new one is nobody else's business.
        rack = Rack(reach.transport_beside(host), reach.credential(old), None).afresh()
        return rack.system().rack_domain != record.identity
    except ConvoxError as exc:
        here = record.host or record.identity
        # A balancer has names that its certificate has not. A refusal is what any rack says, or whoever has taken over a name.
        unsure = isinstance(exc, (Refused, Untrusted))
        if _nowhere(exc) or (unsure and tls.shown_alike(here, host, float(task.options["timeout"]))):
            return False
        task.warn_once(
            f"{label}: the login of {host} has its former key, and can't be asked whether it is the same rack ({exc}): it is left; "
            "if it is, log in there again with convox_login"
        )
        return True
    finally:
        if rack is not None:
            rack.close()


def _nowhere(exc: ConvoxError) -> bool:
    """No host has that name: there is no other rack to be locked out of."""
    return isinstance(exc, NoAnswer) and exc.lasting and not isinstance(exc, Untrusted)
