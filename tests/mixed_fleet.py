# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fleet of all kinds of racks, and of all ways to reach one; each with what is to become of its two keys."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

# What becomes of a key: it is rolled, or people are told how to.
ROLLED, TOLD = "rolled", "told"
CLASSIC, BEFORE_SECRETS, V3 = "20180708231844", "20230101000000", "3.18.2"
SELF_SIGNED = {"certificate": "self_signed"}
MANAGED = {"console": True, "uninstallable": True}


@dataclass(frozen=True, eq=False)
class Kind:
    """``rack``: fields of RackSpec. ``through``: reached through the Console. ``variables``: of its inventory host.

    ``way``: what is said to people of the key, where they are told. ``copy``: Console's of the rack's key afterwards, None for none.
    """

    name: str
    rack: dict[str, Any] = field(default_factory=dict)
    through: bool = False
    variables: dict[str, Any] = field(default_factory=dict)
    api_key: str = ROLLED
    instance_key: str = ROLLED
    way: str = ""
    copy: str | None = None


V3_KEY: dict[str, Any] = {"api_key": TOLD}
NO_PAIRS: dict[str, Any] = {**V3_KEY, "instance_key": TOLD, "way": "v3 racks have key pairs on aws only, and this one is on gcp"}
BY_HAND: dict[str, Any] = {**V3_KEY, "instance_key": TOLD, "way": "`convox rack params set key_pair_name={pair} -r {name}`"}
KINDS = (
    Kind("classic", {"version": CLASSIC}),
    Kind("classic-older", {"version": "20170101000000", "high_availability": False}),
    Kind("before-secrets", {"version": BEFORE_SECRETS}),
    Kind("plain"),
    Kind("pinned", SELF_SIGNED, variables={"convox_tls_fingerprint": "{certificate}"}),
    Kind("accepted", SELF_SIGNED, variables={"convox_tls_fingerprint": "accept_new"}),
    Kind("held", {"console": True}, variables={"convox_console_sync": "none"}, copy="stale"),
    Kind("held-renewed", {"console": True}, variables={"convox_console_sync": "reimport"}, copy="ok"),
    Kind("through", {"console": True}, through=True, variables={"convox_console_sync": "none"}, copy="stale"),
    Kind("through-renewed", {"console": True}, through=True, variables={"convox_console_sync": "reimport"}, copy="ok"),
    Kind("v3-managed", {"version": V3, **MANAGED}, through=True, copy="ok", **V3_KEY),
    Kind("v3-imported", {"version": V3, "console": True}, through=True, copy="ok", **BY_HAND),
    Kind("v3-direct", {"version": V3}, **BY_HAND),
    Kind("v3-terse", {"version": "3.2.0", "terse": True}, variables={"convox_region": "us-east-1"}, **BY_HAND),
    Kind("v3-self-signed", {"version": V3, "provider": "gcp", **SELF_SIGNED}, variables={"convox_tls_fingerprint": "accept_new"}, **NO_PAIRS),
    Kind("v3-gcp", {"version": V3, "provider": "gcp", **MANAGED}, through=True, copy="ok", **NO_PAIRS),
)
