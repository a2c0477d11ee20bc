# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""Which logins with a rack's key are another rack's that was given the same one, and not this rack's by another name."""

from __future__ import annotations

from ansible_collections.convox.credentials.plugins.module_utils.errors import ConvoxError
from ansible_collections.convox.credentials.plugins.module_utils.rack_lock import was_rolled_here
from ansible_collections.convox.credentials.plugins.module_utils.records import Record
from ansible_collections.convox.credentials.plugins.module_utils.target import Reach
from ansible_collections.convox.credentials.plugins.module_utils.task import Task


def hosts_of_others(task: Task, reach: Reach, record: Record, old: str | None) -> frozenset[str]:
    """Their entries in ``auth`` are not to take this rack's new key: it would lock their owner out of them.

    A host that can't be asked is taken for this rack's own.
    """
    hosts = task.cli.hosts_with(old) if old else set()
    return frozenset(host for host in hosts - {record.identity, record.host, reach.target.host} if _is_another(task, reach, record.identity, host, old or ""))


def _is_another(task: Task, reach: Reach, identity: str, host: str, old: str) -> bool:
    # It may be rolled just now, and refuse the key that it shared.
    if was_rolled_here(task, host):
        return True
    rack = None
    try:
        # With the key that it was sent before; the new one is nobody else's business.
        rack = reach.direct(host, old).afresh()
        domain = rack.system().rack_domain
        return bool(domain) and domain != identity
    except ConvoxError:
        return False
    finally:
        if rack is not None:
            rack.close()
