# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""Which Console holds a rack, and whether its copy of the rack's key is good (convox-protocol 6.3)."""

from __future__ import annotations

import contextlib
import dataclasses

from ansible_collections.convox.credentials.plugins.module_utils import cli_config
from ansible_collections.convox.credentials.plugins.module_utils.console import Console, ConsoleRack
from ansible_collections.convox.credentials.plugins.module_utils.console_sync import ANOTHER, OK, STALE, UNKNOWN
from ansible_collections.convox.credentials.plugins.module_utils.errors import BadReply, ConvoxError, Refused, RequestFailed
from ansible_collections.convox.credentials.plugins.module_utils.rack import Rack
from ansible_collections.convox.credentials.plugins.module_utils.rack_subject import Subject
from ansible_collections.convox.credentials.plugins.module_utils.records import CONSOLE_API_KEY, RACK_API_KEY, Record
from ansible_collections.convox.credentials.plugins.module_utils.target import Reach
from ansible_collections.convox.credentials.plugins.module_utils.task import Task
from ansible_collections.convox.credentials.plugins.module_utils.transport import Credential


@dataclasses.dataclass(frozen=True)
class Holder:
    """A Console that is known to hold the rack, and the rack's name in it; None where it can't be asked, which ``why`` tells."""

    host: str
    name: str | None
    why: str = ""


def find_holder(task: Task, reach: Reach, subject: Subject) -> Holder | None:
    """The Console that holds this rack: the one it is reached through, else one of the CLI's that lists it, or may do so."""
    if reach.target.via:
        return Holder(reach.target.host, reach.target.via)
    silent: Holder | None = None
    for host in dict.fromkeys((*task.cli.active_hosts(), cli_config.DEFAULT_CONSOLE)):
        key = task.cli.key(host)
        if host == reach.target.host or key is None:
            continue
        task.secrets.add(key)
        try:
            racks = _racks_of(reach, host, key)
        except ConvoxError as exc:
            silent = silent or _silent(task, host, str(exc))
            continue
        for rack in racks:
            if rack.name == subject.name and _is_this_rack(reach, host, key, rack, subject):
                return Holder(host, rack.full_name)
    return silent


def console_access(task: Task, reach: Reach, subject: Subject, holder: Holder | None) -> str:
    """Whether a Console's copy of the key is good: ok, stale, unknown, or none where no Console is known to hold it."""
    if holder is None:
        return "none"
    key = key_of(task, reach, subject, holder)
    if key is None or holder.name is None:
        return "unknown"
    state = copy_state(reach, holder.host, key, holder.name, subject)
    return UNKNOWN if state == ANOTHER else state


def copy_state(reach: Reach, host: str, key: str, full_name: str, subject: Subject) -> str:
    """OK, STALE, ANOTHER or UNKNOWN. Console passes on the rack's word for a dead copy, which is its own for a dead key of a person."""
    credential = Credential(key)
    try:
        system = Rack(reach.transport_beside(host), credential, full_name).system()
    except Refused as exc:
        return STALE if "invalid authentication" in exc.text and _takes(reach, host, credential) else UNKNOWN
    except RequestFailed:
        return UNKNOWN
    return OK if system.name == subject.name and system.rack_domain in ("", subject.identity) else ANOTHER


def _takes(reach: Reach, host: str, credential: Credential) -> bool:
    """Whether a Console takes the key that it is asked with."""
    try:
        reach.transport_beside(host).get("/auth", credential)
    except RequestFailed:
        return False
    return True


def key_of(task: Task, reach: Reach, subject: Subject, holder: Holder | None) -> str | None:
    """The key that a holder is asked with: the one that the rack was reached with, where that is the holder's."""
    if holder is None:
        return None
    if reach.target.via and subject.key is not None:
        return subject.key
    # Where the rack is asked itself though its Console was named, the option is the Console's.
    given = task.options.get("api_key") if task.options.get("rack") else None
    stored = [key for key, dummy in task.stores_to_read().keys(CONSOLE_API_KEY, holder.host)]
    return next(iter(stored), None) or task.cli.key(holder.host) or given or reach.target.key


def _racks_of(reach: Reach, host: str, key: str) -> list[ConsoleRack]:
    try:
        return Console(reach.transport_beside(host), Credential(key)).racks()
    except BadReply as exc:
        if exc.status == 404:
            # The CLI's active host is a rack: only a Console lists racks.
            return []
        raise


def _silent(task: Task, host: str, why: str) -> Holder | None:
    """A host that can't be asked counts as a Console, unless a store knows it as a rack: a Console's users would be locked out."""
    if _is_rack(task, host):
        return None
    if task.options.get("console_sync", "auto") != "auto":
        task.warn_once(f"Console {host} could not be asked whether it holds the rack: {why}")
    return Holder(host, None, why)


def _is_rack(task: Task, host: str) -> bool:
    """Whether the host is one that was rolled, or is being rolled. A store that can't be read knows nothing."""
    with contextlib.suppress(ConvoxError):
        return task.stores_to_read().load(RACK_API_KEY, host) != Record(RACK_API_KEY, host)
    return False


def _is_this_rack(reach: Reach, host: str, key: str, rack: ConsoleRack, subject: Subject) -> bool:
    """True also where it can't be read, or does not tell: then locking everybody out is possible, and asking is cheap."""
    try:
        return Rack(reach.transport_beside(host), Credential(key), rack.full_name).system().rack_domain in ("", subject.identity)
    except RequestFailed:
        return True
