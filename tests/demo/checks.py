# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must be so at the end, by the word of the stand-in and of the Convox CLI's files: never of the modules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from .fleet import fingerprint

if TYPE_CHECKING:
    from collections.abc import Iterator


class Check(NamedTuple):
    """One thing, whether it is so, and how it reads."""

    good: bool
    text: str


def credentials(truth: dict[str, Any]) -> dict[str, str]:
    """Each credential of the fleet by its name, as fingerprints."""
    rows = {"Console API key": fingerprint(truth["console"]["api_key"])}
    for name, rack in truth["racks"].items():
        rows[f"{name}: Rack API key"] = " and ".join(dict.fromkeys(fingerprint(each["key"]) for each in rack["accepts"]))
    rows["alpha: instance key"] = truth["racks"]["alpha"]["key_pair"] or "none"
    return rows


def console(before: dict[str, Any], after: dict[str, Any], stored: str | None) -> Iterator[Check]:
    """The Console's part."""
    old, new = before["console"]["api_key"], after["console"]["api_key"]
    yield Check(old != new and old in after["console"]["former_keys"], "Console refuses the old API key")
    yield Check(stored == new, "Console accepts the API key that is stored")


def rack(name: str, before: dict[str, Any], after: dict[str, Any], stored: str | None) -> Iterator[Check]:
    """One rack's part: each of its containers is looked at."""
    old, there = before["racks"][name]["stack_key"], after["racks"][name]
    keys = [each["key"] for each in there["accepts"]]
    which = "its container" if there["containers_desired"] == 1 else f"{'both' if there['containers_desired'] == 2 else 'all'} containers"
    verb = "s" if there["containers_desired"] == 1 else ""
    yield Check(len(keys) == there["containers_desired"] and there["settled"], f"{name}: {which} run{verb}, and nothing else does")
    yield Check(bool(keys) and old not in keys, f"{name}: {which} refuse{verb} the old key")
    yield Check(bool(keys) and set(keys) == {stored}, f"{name}: {which} accept{verb} the key that is stored")
    yield Check(
        there["stack_key"] == stored and there["ssm_key"] == stored and there["stack_status"] == "UPDATE_COMPLETE",
        f"{name}: its stack holds that key too, so that none is latent",
    )
    yield Check(
        {**there["parameters"], "Password": "", "Key": "", "Tags": ""} == {**before["racks"][name]["parameters"], "Password": "", "Key": "", "Tags": ""},
        f"{name}: every other parameter of its stack is as it was",
    )


def instances(name: str, before: dict[str, Any], after: dict[str, Any]) -> Iterator[Check]:
    """The instances of one rack."""
    there, pair = after["racks"][name], after["racks"][name]["key_pair"]
    count = len(before["racks"][name]["instances"])
    on_pair = [each for each in there["instances"] if each["key_name"] == pair]
    yield Check(pair not in ("", before["racks"][name]["key_pair"]), f"{name}: its stack names a new key pair")
    yield Check(len(there["instances"]) == len(on_pair) == count, f"{name}: all {count} instances have it")
    yield Check(there["private_key_of"] == pair, f"{name}: the rack holds the private key of that pair")
