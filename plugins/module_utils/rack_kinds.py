# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""Which generation a rack is of, and which of its keys can be rolled here, with how or why not (convox-protocol 3, 5). Pure."""

from __future__ import annotations

import re
import typing as t

CLASSIC, V2, V3 = "classic", "v2", "v3"
LAST_CLASSIC = "20180708231844"
# The one provider where v3 racks make key pairs.
AWS = "aws"
_DATED = re.compile("[0-9]{14}")


class Possible(t.NamedTuple):
    """``rollable``: None where it can't be told. ``reason``: how it is rolled, or why not and what to do; one line."""

    rollable: bool | None
    reason: str


def generation(version: str) -> str:
    """By its release: those of v3 are numbers like 3.18.2, those before it dates. Empty where it is not known."""
    if version.startswith("3."):
        return V3
    dated = _DATED.match(version)
    return CLASSIC if dated and dated[0] <= LAST_CLASSIC else V2 if version else ""


def api_key(generation: str) -> Possible:
    """The Rack API key."""
    return {
        CLASSIC: Possible(True, "rack_keyroll rolls it by POST /apps/<rack>/parameters, the route of racks up to 20180708231844, or by CloudFormation"),
        V2: Possible(True, "rack_keyroll rolls it by PUT /system, or by CloudFormation"),
        V3: Possible(False, "it is random_string.password in the rack's Terraform state; run `terraform apply -replace=` of it where that state is"),
    }.get(generation, _UNKNOWN)


def instance_key(generation: str, provider: str) -> Possible:
    """The SSH key of its instances."""
    if generation in (CLASSIC, V2):
        return Possible(True, "instance_keyroll rolls it by POST /instances/keyroll, and the rack replaces its instances")
    if generation != V3:
        return _UNKNOWN
    if provider == AWS:
        return Possible(True, "instance_keyroll rolls it by POST /instances/keyroll, keeps the private key, and sets key_pair_name")
    if not provider:
        return Possible(None, f"its provider is not known; v3 racks have key pairs on {AWS} only")
    return Possible(False, f"v3 racks have key pairs on {AWS} only, and this one is on {provider}; reach its nodes as {provider} has it")


_UNKNOWN = Possible(None, "its release is not known")
