# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the control address tells: everything, keys in clear."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .console import Console
    from .containers import Container
    from .fleet import Standin
    from .rack import Rack


def truth_of(standin: Standin, requests: int | None) -> dict[str, Any]:
    """All of it, but for so many requests, the latest; None: all that are kept."""
    return {
        "racks": {rack.name: rack_truth(rack) for rack in list(standin.racks.values())},
        "console": _console_truth(standin.console),
        "requests": standin.journal.entries(requests),
    }


def rack_truth(rack: Rack) -> dict[str, Any]:
    """One rack, without the requests."""
    stack, secret, signing_key = rack.stack, rack.secret(), rack.signing_key()
    containers, _deployments, desired = rack.service.snapshot()
    alive = [each for each in containers if each.state != "stopped"]
    return {
        "accepts": [_container(each) for each in alive],
        "containers_desired": desired,
        "stack_key": rack.key,
        "ssm_key": secret.value if secret else None,
        "ssm_modified": _utc(secret.last_modified_date) if secret else None,
        "stack_status": stack.status,
        "status": rack.status(),
        "settled": rack.service.settled(),
        "former_keys": [each for each in stack.keys_seen if each != rack.key],
        "updates": list(stack.password_updates),
        "restarts": rack.service.restarts,
        "key_pair": rack.parameters["Key"],
        "key_pairs": rack.key_pairs(),
        "private_key_of": rack.key_pair_in_settings,
        "instances": [
            {"id": each.id, "key_name": each.key_name, "launch_time": _utc(each.launch_time)}
            for each in rack.instances.members()
        ],
        "parameters": dict(rack.parameters),
        "tags": dict(stack.tags),
        "signing_key_version": signing_key.version,
        "carried_keys": rack.carried_keys(),
        "settings": dict(vars(rack.settings)),
        "faults": rack.faults.list(),
    }


def _utc(moment: datetime.datetime) -> str:
    """The emulator's times are UTC without saying so."""
    return moment.replace(tzinfo=datetime.timezone.utc).isoformat()


def _container(container: Container) -> dict[str, Any]:
    started = container.started_at
    return {
        "container": container.id,
        "key": container.key,
        "state": container.state,
        "created_at": container.created_at.isoformat(),
        "started_at": started.isoformat() if started else None,
        "task": container.task_arn,
        "instance": container.instance,
    }


def _console_truth(console: Console) -> dict[str, Any]:
    return {
        "api_key": console.api_key,
        "former_keys": list(console.former_keys),
        "resets": len(console.former_keys),
        "racks": {
            each.full_name: {
                "key": each.key,
                "id": each.id,
                "hostname": each.hostname,
                "uninstallable": each.uninstallable,
            }
            for each in list(console.records)
        },
        "uninstalled": list(console.uninstalled),
        "settings": dict(vars(console.settings)),
        "faults": console.faults.list(),
    }
