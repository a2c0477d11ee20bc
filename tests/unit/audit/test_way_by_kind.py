# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One finding about credentials of several kinds: each names the way that mends it for its own."""
from __future__ import annotations

import typing as t

import pytest

from ansible_collections.convox.credentials.plugins.module_utils import audit
from ansible_collections.convox.credentials.plugins.module_utils.audit_evidence import ACCEPTED, REFUSED, Asked, Console, Evidence, Key, Login, Rack, Unfinished
from ansible_collections.convox.credentials.plugins.module_utils.audit_finding import ROLL_CONSOLE, ROLL_INSTANCES, ROLL_RACKS
from ansible_collections.convox.credentials.plugins.module_utils.racks_found import Found

NOW = "2026-11-24T12:00:00Z"
KEY, SHORT = Key.of("A" * 30), Key.of("short-key")
V2, V3 = "20260326150533", "3.18.2"


def rack(version: str, name: str = "alpha", **seen: t.Any) -> Rack:
    host = f"{name}.rack.test"
    return Rack(Found(name=name, version=version, provider="aws", domain=host), **{"answered": True, "logins": (Login(host, KEY, "auth"),), **seen})


def console(key: Key = KEY, **seen: t.Any) -> Console:
    return Console("console.test", (Asked(key, ACCEPTED),), (Login("console.test", key, "auth"),), **seen)


def found(name: str, *seen: Rack | Console) -> audit.Finding:
    """The one finding of that name."""
    racks, consoles = (tuple(each for each in seen if isinstance(each, kind)) for kind in (Rack, Console))
    judged = audit.judge(Evidence(NOW, racks=racks, consoles=consoles), audit.policy_of(None))
    (finding,) = [each.finding for each in judged if each.finding.kind.id == name]
    return finding


def unfinished(kind: str) -> tuple[Unfinished, ...]:
    return (Unfinished(kind, NOW, "activating", "auth"),)


@pytest.mark.parametrize(
    ("seen", "playbook"),
    [
        (rack(V2, unfinished=unfinished("rack_api_key")), ROLL_RACKS),
        (rack(V2, unfinished=unfinished("instance_key")), ROLL_INSTANCES),
        (rack(V3, unfinished=unfinished("instance_key")), ROLL_INSTANCES),
        (console(unfinished=unfinished("console_api_key")), ROLL_CONSOLE),
    ],
)
def test_what_was_begun_is_finished_by_its_own_playbook(seen: Rack | Console, playbook: str) -> None:
    """That of a v3 rack's instance key does not send anybody to replace the rack's password."""
    finding = found("rotation_unfinished", seen)
    assert (finding.playbook, "terraform" in finding.mend) == (playbook, False)


@pytest.mark.parametrize(
    ("seen", "playbook"),
    [
        ((rack(V2), rack(V2, "beta")), ROLL_RACKS),
        # A v3 rack is the first by name, and the other one can be rolled away from it.
        ((rack(V3), rack(V2, "beta")), ROLL_RACKS),
        ((rack(V3), console()), ROLL_CONSOLE),
        ((rack(V3), rack(V3, "beta")), None),
    ],
)
def test_a_shared_key_is_rolled_where_one_can_be(seen: tuple[Rack | Console, ...], playbook: str | None) -> None:
    assert found("key_shared", *seen).playbook == playbook


@pytest.mark.parametrize(
    ("seen", "playbook"),
    [(rack(V2, asked=(Asked(SHORT, ACCEPTED),)), ROLL_RACKS), (rack(V3, asked=(Asked(SHORT, ACCEPTED),)), None), (console(SHORT), ROLL_CONSOLE)],
)
def test_a_weak_key_is_rolled_by_who_can(seen: Rack | Console, playbook: str | None) -> None:
    assert found("key_weak", seen).playbook == playbook


def test_a_v3_rack_whose_key_nobody_has_is_not_rolled_for_it() -> None:
    """Its key is where its Terraform state is; another one would lock out whoever has it."""
    finding = found("rack_key_missing", rack(V3, asked=(Asked(KEY, REFUSED),)))
    assert (finding.playbook, finding.mend) == (None, "Read it where the rack's Terraform state is (random_string.password), and log in with it.")
