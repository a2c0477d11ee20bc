# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a response to a leak has rolled, and what is not proven to be dead."""

from __future__ import annotations

import typing as t

DOCUMENTATION = r"""
name: incident_record
short_description: The record of a response to a leak
version_added: 0.1.0
author:
  - The convox.credentials developers (@convox-credentials)
description:
  - Joins the results of the roles of this collection into one record, without secrets, and names every credential that is
    not proven to be dead.
  - A former Rack API key is dead when its roll is committed and every container refuses it. Tokens are, when their signing
    key was rolled with it. An instance key is, when every instance has the new pair.
  - What an earlier run has proven stays proven.
options:
  _input:
    description: By inventory host, what C(rack_api_key_result) holds.
    type: dict
    required: true
  instance_keys:
    description: By inventory host, what C(instance_key_result) holds.
    type: dict
    required: true
  console:
    description: What C(console_api_key_result) holds. Not given where no Console API key leaked.
    type: dict
  earlier:
    description: The record of an earlier run of the same response.
    type: dict
    default: {}
  about:
    description: What else is to stand in the record.
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: Show what may still be alive
  ansible.builtin.debug:
    msg: "{{ (rack_results | convox.credentials.incident_record(instance_keys=instance_results)).not_proven }}"
"""

RETURN = r"""
_value:
  description:
    - The record. C(racks) holds C(rack_api_key) and C(instance_key) by inventory host, C(console) the Console's, and
      C(not_proven) a line for each credential that is not proven to be dead.
  type: dict
"""

Result = t.Mapping[str, t.Any]
# Of results: what tells which keys there were, what became of them, and when. The rest is for the run alone.
_KEPT = (
    "host", "rack", "email", "phase", "msg", "old_fingerprint", "fingerprint", "old_refused", "activated_by", "rolled_at", "rotation_id", "begun_by",
    "console_access", "also_affected", "old_key_name", "key_name", "instances_total", "instances_on_new_key", "others", "pruned",
)


def incident_record(
    rack_keys: t.Mapping[str, Result],
    instance_keys: t.Mapping[str, Result],
    console: Result | None = None,
    earlier: Result | None = None,
    about: Result | None = None,
) -> dict[str, t.Any]:
    """See DOCUMENTATION."""
    before = earlier or {}
    racks = {}
    alive = []
    if console is not None:
        console = _latest(console, before.get("console"))
        if console.get("old_refused") != "true":
            alive.append("the former Console API key")
    for name, result in rack_keys.items():
        known = before.get("racks", {}).get(name, {})
        key = _latest(result, known.get("rack_api_key"))
        pair = _latest(instance_keys.get(name) or {}, known.get("instance_key"))
        racks[name] = {"rack_api_key": key, "instance_key": pair}
        alive += [f"{name}: {what}" for what in _alive(key, pair)]
    return {**(about or {}), "console": console, "racks": racks, "not_proven": alive}


def _latest(result: Result, known: Result | None) -> dict[str, t.Any]:
    """A run that finds a key rolled by this rotation changes nothing, or can't even ask: then the run that rolled it has the proof."""
    known = known or {}
    if result.get("changed") or (result.get("msg") and known.get("phase") != "committed"):
        known = result
    elif known.get("phase") == "committed":
        known = {**known, "msg": result.get("msg")}
    return {name: known[name] for name in _KEPT if known.get(name) is not None}


def _alive(key: Result, pair: Result) -> t.Iterator[str]:
    if key.get("phase") != "committed" or key.get("old_refused") != "true":
        yield "the former Rack API key"
    elif key.get("activated_by") not in ("signing_key", "stack"):
        # Where the stack itself restarts the API the release is older than tokens.
        yield "tokens that were issued before"
    if key.get("begun_by") not in (None, key.get("rotation_id")):
        yield f"the new Rack API key, which rotation {key['begun_by']} had made before: roll it once more, as another rotation"
    if pair.get("phase") != "committed" or pair.get("instances_on_new_key") != pair.get("instances_total") or pair.get("others"):
        yield "the former instance key"


class FilterModule:
    """What Ansible asks for."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"incident_record": incident_record}
