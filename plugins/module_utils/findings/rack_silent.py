# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""A rack that was asked and did not answer: what is unknown of it is not good."""

from __future__ import annotations

import typing as t

from ansible_collections.convox.credentials.plugins.module_utils.audit_evidence import COPY_OK, Evidence
from ansible_collections.convox.credentials.plugins.module_utils.audit_finding import Finding, Kind
from ansible_collections.convox.credentials.plugins.module_utils.audit_policy import Policy

KIND = Kind(
    id="rack_silent",
    severity="medium",
    title="Rack that does not answer",
    why="Whether its keys are in force, latent or open is unknown.",
    mend="See that it is up and can be reached from here, then audit again.",
)


def find(seen: Evidence, policy: Policy) -> t.Iterator[Finding]:
    for rack in seen.racks:
        # Where only its Console has its key, there is nothing that it could have been asked itself.
        known = rack.logins or (rack.stored and rack.stored.key) or rack.console_copy != COPY_OK
        if rack.answered is False and known and not (rack.certificate and not rack.certificate.sent):
            yield KIND.of(rack, f"it did not answer, so that nothing is known of its key: {rack.why}")
