# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""What a finding is. Each kind is a file in findings/: its ``KIND``, and ``find``, which takes what was seen and yields."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.convox.credentials.plugins.module_utils import rack_kinds
from ansible_collections.convox.credentials.plugins.module_utils.audit_evidence import Evidence, Rack
from ansible_collections.convox.credentials.plugins.module_utils.audit_policy import Policy

LOGIN = "convox.credentials.login"
ROLL_RACKS = "convox.credentials.rotate_rack_keys"
ROLL_INSTANCES = "convox.credentials.rotate_instance_keys"
ROLL_CONSOLE = "convox.credentials.rotate_console_api_key"

Value = t.Union[str, float, bool, None, t.Sequence[str]]


@dataclasses.dataclass(frozen=True)
class Finding:
    """``what``: one line. ``key``: the same in each audit that finds it again. ``playbook``: the one that mends it, None for none.

    ``several``: racks that it is about together, where it is not about one ``rack``.
    """

    kind: Kind
    subject: str
    what: str
    rack: Rack | None = None
    detail: str = ""
    evidence: t.Mapping[str, Value] = dataclasses.field(default_factory=dict)
    several: tuple[Rack, ...] = ()

    @property
    def racks(self) -> tuple[Rack, ...]:
        """All of which it is a finding."""
        return (self.rack,) if self.rack else self.several

    @property
    def key(self) -> str:
        return ":".join(part for part in (self.kind.id, self.rack.id if self.rack else self.subject, self.detail) if part)

    @property
    def mend(self) -> str:
        """How, on a rack of this generation."""
        by_hand = self._by_hand
        return self.kind.mend if by_hand is None else self.kind.mend_by_hand or f"{by_hand[:1].upper()}{by_hand[1:]}."

    @property
    def playbook(self) -> str | None:
        return self.kind.playbook if self._by_hand is None else None

    @property
    def _by_hand(self) -> str | None:
        """What is to be done where the kind's playbook can't roll the key of such a rack."""
        if self.rack is None or self.kind.playbook not in (ROLL_RACKS, ROLL_INSTANCES):
            return None
        found = self.rack.found
        possible = rack_kinds.api_key(found.generation) if self.kind.playbook == ROLL_RACKS else rack_kinds.instance_key(found.generation, found.provider)
        return possible.reason if possible.rollable is False else None

    @property
    def names(self) -> tuple[str, ...]:
        """What a pattern of subjects can mean."""
        return (self.subject, self.rack.label, self.rack.id) if self.rack else (self.subject,)


@dataclasses.dataclass(frozen=True)
class Kind:
    """``severity``: where the policy says nothing. ``why`` it matters, and how to ``mend`` it, each a line or two.

    ``mend_by_hand``: on racks whose key can't be rolled here; where it is empty, it is said how such a key is rolled.
    """

    id: str
    severity: str
    title: str
    why: str
    mend: str
    playbook: str | None = None
    mend_by_hand: str = ""

    def of(self, rack: Rack, what: str, **evidence: Value) -> Finding:
        """A finding about a rack."""
        return Finding(self, rack.label, f"{rack.label}: {what}", rack, "", evidence)

    def about(self, subject: str, what: str, detail: str = "", **evidence: Value) -> Finding:
        """A finding about something else."""
        return Finding(self, subject, f"{subject}: {what}", None, detail, evidence)


class FindingKind(t.Protocol):
    """A file in findings/."""

    KIND: Kind

    def find(self, seen: Evidence, policy: Policy) -> t.Iterator[Finding]: ...
