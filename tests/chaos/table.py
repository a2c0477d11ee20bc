# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is printed at the end."""

from __future__ import annotations

import collections
import dataclasses
import shlex
import typing as t

from tests.chaos.cases import MANY, PLAYBOOK
from tests.chaos.verdict import COUNTS

if t.TYPE_CHECKING:
    from tests.chaos.scene import Played


@dataclasses.dataclass
class Table:
    """The counts, by kind of fault. A case with several kinds is in several lines, and once in the total."""

    lines: dict[str, collections.Counter[str]] = dataclasses.field(default_factory=lambda: collections.defaultdict(collections.Counter))
    total: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    bad: list[Played] = dataclasses.field(default_factory=list)

    def add(self, played: Played) -> None:
        counts = collections.Counter(count for count, dummy in played.findings.found)
        for line in (self.total, *(self.lines[kind] for kind in dict.fromkeys(played.kinds))):
            line["cases"] += 1
            line.update(counts)
        for kind in played.kinds:
            self.lines[kind]["happened"] += kind in played.fired or kind in ("none", MANY, PLAYBOOK)
        self.total["happened"] += bool(played.fired)
        if played.findings:
            self.bad.append(played)

    def text(self) -> str:
        names = ["cases", "happened", *COUNTS]
        width = max(map(len, self.lines), default=0)
        rows = [f"{'fault':{width}}  {'  '.join(names)}"]
        for kind, line in [*sorted(self.lines.items()), ("all", self.total)]:
            rows.append(f"{kind:{width}}  {'  '.join(f'{line[name]:{len(name)}}' for name in names)}")
        return "\n".join(rows)

    def complaints(self) -> str:
        """What was wrong in each case, and how to see it again."""
        return "\n".join(
            f"{played.name}\n" + "".join(f"    {count}: {words}\n" for count, words in played.findings.found) + f"    again: {replay(played.name)}"
            for played in self.bad
        )


def replay(name: str) -> str:
    return f'make chaos ARGS={shlex.quote(f"--replay {shlex.quote(name)}")}'
