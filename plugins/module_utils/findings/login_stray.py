# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""Logins for hosts that are no rack of anybody's."""

from __future__ import annotations

import typing as t

from ansible_collections.convox.credentials.plugins.module_utils.audit_evidence import Evidence, Stray, words
from ansible_collections.convox.credentials.plugins.module_utils.audit_finding import Finding, Kind
from ansible_collections.convox.credentials.plugins.module_utils.audit_policy import Policy

KIND = Kind(
    id="login_stray",
    severity="low",
    title="Login for an unknown host",
    why="The rack is gone and its key is not, or it is a rack that nobody audits.",
    mend="Log out of it (convox_login with state=absent and config_dir), or have the audit ask who knows it.",
)


def find(seen: Evidence, policy: Policy) -> t.Iterator[Finding]:
    hosts: dict[str, list[Stray]] = {}
    for stray in seen.strays:
        hosts.setdefault(stray.login.host, []).append(stray)
    for host, strays in hosts.items():
        where = [stray.login.where for stray in strays]
        why = f" ({strays[0].why})" if strays[0].why else ""
        yield KIND.about(host, f"nobody who was asked knows it, and it does not answer as a rack{why}; its login is in {words(where)}", where=where)
