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

from ansible_collections.convox.credentials.plugins.module_utils.aws_clients import Clients
from ansible_collections.convox.credentials.plugins.module_utils.keys import Secrets
from ansible_collections.convox.credentials.plugins.module_utils.task import Standing, Task, conceal_urls
from ansible_collections.convox.credentials.plugins.module_utils.times import Clock
from ansible_collections.convox.credentials.plugins.module_utils.ways import REFUSALS_S
from ansible_collections.convox.credentials.plugins.plugin_utils.batch import Patience, Wait

# An instance keyroll's own time-out goes by its number of batches.
DEFAULT_PATIENCE_S = 1800.0


@dataclasses.dataclass(frozen=True)
class Begun:
    """One rack's first task. ``options``: the module's, without secrets; None where only a secret says which rack it is.

    ``sent_for``: the rotation_id that it has sent the new key for, or asked for a new pair. ``begun``: it has begun a rotation,
    and not only found that the rack must be waited for.
    """

    name: str
    options: t.Mapping[str, t.Any] | None
    key_was_given: bool
    sent_for: str | None
    begun: bool

    @classmethod
    def of(cls, name: str, result: t.Any) -> Begun | None:
        """None where nothing is to be waited for: skipped, failed, committed already, or check mode."""
        begun = result.get("begun") if isinstance(result, t.Mapping) else None
        if not begun:
            return None
        # Values of Ansible's carry where they come from; what asks the rack takes plain ones.
        options = json.loads(json.dumps(begun["options"]))
        rotation_id = result.get("rotation_id") and str(result["rotation_id"])
        # Where none was given, who goes on has the one that was made.
        more = {"wait": True, "rotation_id": (options or {}).get("rotation_id") or rotation_id}
        sent_for = rotation_id if result.get("sent") else None
        return cls(name, options and {**options, **more}, begun["key_was_given"], sent_for, "msg" not in result)

    def task(self, environ: t.Mapping[str, str], clients: Clients, clock: Clock, wait: Wait) -> Task:
        """What the rack's waiting parts work with; racks of one batch share AWS's clients."""
        if self.options is None:
            raise ValueError("no options")
        secrets = Secrets()
        conceal_urls(secrets, self.options, environ)

        def show(standing: Standing) -> None:
            # The status is a server's word.
            wait.show(Standing(*map(secrets.redact, standing)))

        return Task(self.options, environ, secrets, wait.warnings.append, clock=clock, show=show, clients=clients)

    @property
    def wait_timeout(self) -> float | None:
        """In seconds; None where it goes by what the rack is like."""
        given = (self.options or {}).get("wait_timeout")
        return float(given) if given else None

    @property
    def patience(self) -> Patience:
        """A rack that is being rolled may be away for as long as that takes; one that never answered is given what a restart takes."""
        longest = self.wait_timeout or DEFAULT_PATIENCE_S
        return Patience(held_s=longest, away_s=longest if self.begun else REFUSALS_S)
