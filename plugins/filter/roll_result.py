# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One rack's roll in one result, where three tasks took part in it (docs/fleet.md)."""

from __future__ import annotations

import typing as t

DOCUMENTATION = r"""
name: roll_result
short_description: The result of a roll that was begun, waited for and committed by three tasks
version_added: 0.1.0
author:
  - The convox.credentials developers (@convox-credentials)
description:
  - Joins what M(convox.credentials.rack_keyroll) or M(convox.credentials.instance_keyroll) returned when it began a roll, what
    M(convox.credentials.wait_for_rolls) returned, and what the module returned when it committed the roll.
  - The result is as if one task had done all of it. It has C(msg) where the roll failed.
positional: waited, committed, host
options:
  _input:
    description: What the module returned that began the roll.
    type: dict
    required: true
  waited:
    description: What M(convox.credentials.wait_for_rolls) returned.
    type: dict
    required: true
  committed:
    description: What the module returned that committed the roll, or that it was skipped.
    type: dict
    required: true
  host:
    description: The inventory host.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Show how far it got
  ansible.builtin.debug:
    msg: "{{ (begun | convox.credentials.roll_result(waited, committed, inventory_hostname)).phase }}"
"""

RETURN = r"""
_value:
  description: The joined result.
  type: dict
"""


# What the three tasks tell each other.
_THEIR_OWN = ("begun", "needs_key", "needs_wait", "reached", "sent")


def roll_result(begun: t.Mapping[str, t.Any], waited: t.Mapping[str, t.Any], committed: t.Mapping[str, t.Any], host: str) -> dict[str, t.Any]:
    """What the first task found out stays: whether an earlier run had begun the roll, and by which way the key was set."""
    wait: t.Mapping[str, t.Any] = waited.get("racks", {}).get(host, {})
    # A wait that failed, or went to the end, is the last that was done.
    last = wait if "msg" in wait or wait.get("reached") == "committed" else committed
    if last is committed and (not committed or committed.get("skipped")):
        return _told(begun)
    first = {} if "msg" in begun else begun
    known = {name: first[name] for name in ("resumed", "method") if first.get(name) is not None}
    if "also_affected" in first and "also_affected" in last:
        known["also_affected"] = _joined(first["also_affected"], last["also_affected"])
    seconds = [float(each.get("waited_s") or 0) for each in ((first, wait) if last is wait else (first, wait, last))]
    return _told({**first, **last, **known, "changed": any(each.get("changed") for each in (first, last)), "waited_s": round(sum(seconds), 1)})


def _joined(first: t.Mapping[str, t.Sequence[str]], last: t.Mapping[str, t.Sequence[str]]) -> dict[str, list[str]]:
    """A list of the last step is empty, too, where the rack could not be asked again."""
    return {name: list(dict.fromkeys((*first.get(name, ()), *last.get(name, ())))) for name in {**first, **last}}


def _told(result: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    return {name: value for name, value in result.items() if name not in _THEIR_OWN}


class FilterModule:
    """What Ansible asks for."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"roll_result": roll_result}
