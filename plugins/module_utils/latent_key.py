# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""A restart of the API brings a Rack API key into force that is set but latent (convox-protocol 3.2): what to refuse before one."""

from __future__ import annotations

from ansible_collections.convox.credentials.plugins.module_utils import rack_kinds
from ansible_collections.convox.credentials.plugins.module_utils.errors import BadInput
from ansible_collections.convox.credentials.plugins.module_utils.rack import ACCEPTED, REFUSED
from ansible_collections.convox.credentials.plugins.module_utils.rack_subject import Subject, of_aws
from ansible_collections.convox.credentials.plugins.module_utils.records import Record
from ansible_collections.convox.credentials.plugins.module_utils.target import Reach
from ansible_collections.convox.credentials.plugins.module_utils.task import Task
from ansible_collections.convox.credentials.plugins.module_utils.ways import LATENT_SINCE


def refuse_latent_key(task: Task, reach: Reach, subject: Subject, api_key: Record, cause: str) -> None:
    """Raises BadInput where the restart would change the rack's key. ``api_key``: its record; ``cause``: what restarts the API.

    To be asked directly before what restarts it, too: while a run waits for the stack, somebody can set a key.
    """
    if api_key.pending is not None:
        raise BadInput(
            f"{subject.label}: its API key has an unfinished rotation, which {cause}'s restart would bring into force: "
            "nothing was changed; finish it with rotate_rack_keys first"
        )
    if rack_kinds.generation(subject.version) == rack_kinds.V3 or subject.version < LATENT_SINCE:
        return
    if subject.aws is None:
        task.warn_once(f"{subject.label}: AWS could not be asked whether a key that somebody else set lies latent, which the restart would bring into force")
        return
    stored = of_aws(task, subject, subject.aws.stored_key)
    if stored is None:
        return
    answer = reach.direct(subject.host, stored.key).probe(subject.name)
    if answer == REFUSED:
        raise BadInput(
            f"{subject.label}: the key in {subject.name}RackApiSecret is latent, and {cause}'s restart would bring it into "
            "force: nothing was changed; run rotate_rack_keys first"
        )
    if answer != ACCEPTED:
        task.warn_once(f"{subject.label}: it could not be asked whether the key in SSM is the one in force; if it is another, the restart brings it into force")
