# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""What a module's first task, which did not wait, left to be waited for; told from nothing but its result."""

from __future__ import annotations

import dataclasses
import json
import typing as t

from ansible_collections.convox.credentials.plugins.module_utils.aws import Clients
from ansible_collections.convox.credentials.plugins.module_utils.keys import Secrets
from ansible_collections.convox.credentials.plugins.module_utils.task import Task, conceal_urls
from ansible_collections.convox.credentials.plugins.module_utils.times import Clock
from ansible_collections.convox.credentials.plugins.plugin_utils.batch import Wait

# An instance keyroll's own time-out goes by its number of batches.
DEFAULT_PATIENCE_S = 1800.0


@dataclasses.dataclass(frozen=True)
class Begun:
    """One rack's first task. ``options``: the module's, without secrets; None where only a secret says which rack it is.

    ``sent``: it has sent the new key, or asked for a new pair.
    """

    name: str
    options: t.Mapping[str, t.Any] | None
    key_was_given: bool
    sent: bool

    @classmethod
    def of(cls, name: str, result: t.Any) -> Begun | None:
        """None where nothing is to be waited for: skipped, failed, committed already, or check mode."""
        begun = result.get("begun") if isinstance(result, t.Mapping) else None
        if not begun:
            return None
        # Values of Ansible's carry where they come from; what asks the rack takes plain ones.
        options = json.loads(json.dumps(begun["options"]))
        return cls(name, options and {**options, "wait": True}, begun["key_was_given"], bool(result.get("sent")))

    def task(self, environ: t.Mapping[str, str], clients: Clients, clock: Clock, wait: Wait) -> Task:
        """What the rack's waiting parts work with; racks of one batch share AWS's clients."""
        if self.options is None:
            raise ValueError("no options")
        secrets = Secrets()
        conceal_urls(secrets, self.options, environ)
        return Task(self.options, environ, secrets, wait.warnings.append, clock=clock, show=wait.show, clients=clients)

    @property
    def patience_s(self) -> float:
        return float((self.options or {}).get("wait_timeout") or DEFAULT_PATIENCE_S)
