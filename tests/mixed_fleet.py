# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fleet of all kinds of racks, and of all ways to reach one; each with what is to become of its two keys, and what an audit finds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.standin.spec import LATEST, generation_of

# What becomes of a key: it is rolled, or people are told how to.
ROLLED, TOLD = "rolled", "told"
CLASSIC, BEFORE_SECRETS, V3 = "20180708231844", "20230101000000", "3.18.2"
SELF_SIGNED = {"certificate": "self_signed"}
MANAGED = {"console": True, "uninstallable": True}


@dataclass(frozen=True, eq=False)
class Kind:
    """``rack``: fields of RackSpec. ``through``: reached through the Console. ``variables``: of its inventory host. ``days``: how old its keys are.

    ``way``: what is said to people of the key, where they are told. ``copy``: Console's of the rack's key afterwards, None for none.
    ``before``, ``after``: what an audit finds of it, before anything is rolled, and when all is done.
    """

    name: str
    rack: dict[str, Any] = field(default_factory=dict)
    through: bool = False
    variables: dict[str, Any] = field(default_factory=dict)
    days: dict[str, int] = field(default_factory=dict)
    api_key: str = ROLLED
    instance_key: str = ROLLED
    way: str = ""
    copy: str | None = None
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()

    @property
    def generation(self) -> str:
        return generation_of(self.rack.get("version", LATEST))

    @property
    def by_hand(self) -> bool:
        """Whether its instance key is rolled as soon as people have done what they are told."""
        return "key_pair_name" in self.way

    @property
    def pairs(self) -> bool:
        """Whether it has key pairs at all."""
        return self.instance_key == ROLLED or self.by_hand


V3_KEY: dict[str, Any] = {"api_key": TOLD}
NO_PAIRS: dict[str, Any] = {**V3_KEY, "instance_key": TOLD, "way": "v3 racks have key pairs on aws only, and this one is on gcp"}
BY_HAND: dict[str, Any] = {**V3_KEY, "instance_key": TOLD, "way": "`convox rack params set key_pair_name={pair} -r {name}`"}

# What is found.
OUTSIDE, NO_DATE, NO_PAIR, NOT_TRUSTED = "rack_not_in_console", "rack_key_age_unknown", "instance_key_missing", "certificate_unverified"
NEW: dict[str, Any] = {"before": (NO_DATE, NO_PAIR, OUTSIDE), "after": (OUTSIDE,)}
RENEWED: dict[str, Any] = {"before": (NO_DATE, NO_PAIR), "copy": "ok", "variables": {"convox_console_sync": "reimport"}}
STALE: dict[str, Any] = {"before": (NO_DATE, NO_PAIR), "after": ("console_copy_stale",), "copy": "stale", "variables": {"convox_console_sync": "none"}}
LEFT: dict[str, Any] = {"before": (NO_DATE, OUTSIDE), "after": (NO_DATE, OUTSIDE)}
OLD: dict[str, Any] = {"before": ("rack_key_old", "instance_key_old", OUTSIDE), "after": (OUTSIDE,)}

KINDS = (
    Kind("classic", {"version": CLASSIC}, **NEW),
    Kind("classic-older", {"version": "20170101000000", "high_availability": False}, **NEW),
    Kind("before-secrets", {"version": BEFORE_SECRETS}, **NEW),
    Kind("plain", {"key_pair": "plain-keypair-5000"}, days={"key_days": 200, "pair_days": 400}, **OLD),
    # An audit knows the pins of the inventory and of the file; what it does not trust it does not ask.
    Kind("pinned", SELF_SIGNED, variables={"convox_tls_fingerprint": "{certificate}"}, **NEW),
    Kind("accepted", SELF_SIGNED, variables={"convox_tls_fingerprint": "accept_new"}, before=(NOT_TRUSTED, NO_PAIR, OUTSIDE), after=(OUTSIDE,)),
    Kind("held", {"console": True}, **STALE),
    Kind("held-renewed", {"console": True}, **RENEWED),
    Kind("through", {"console": True}, through=True, **STALE),
    Kind("through-renewed", {"console": True}, through=True, **RENEWED),
    Kind("v3-managed", {"version": V3, **MANAGED}, through=True, copy="ok", **V3_KEY),
    Kind("v3-imported", {"version": V3, "console": True}, through=True, copy="ok", **BY_HAND),
    Kind("v3-direct", {"version": V3}, **BY_HAND, **LEFT),
    Kind("v3-terse", {"version": "3.2.0", "terse": True}, variables={"convox_region": "us-east-1"}, **BY_HAND, **LEFT),
    Kind(
        "v3-self-signed", {"version": V3, "provider": "gcp", **SELF_SIGNED}, variables={"convox_tls_fingerprint": "accept_new"},
        before=(NOT_TRUSTED, OUTSIDE), after=(NO_DATE, OUTSIDE), **NO_PAIRS,
    ),
    Kind("v3-gcp", {"version": V3, "provider": "gcp", **MANAGED}, through=True, copy="ok", **NO_PAIRS),
)  # fmt: skip
