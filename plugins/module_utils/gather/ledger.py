# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""What the ledger tells an audit: when each key was rolled, and whether the record of it is whole."""

from __future__ import annotations

import os
import typing as t

from ansible_collections.convox.credentials.plugins.module_utils import ledger
from ansible_collections.convox.credentials.plugins.module_utils.audit_evidence import ANSWERED, BY_LEDGER, SILENT, Ledger, Rolled, Source
from ansible_collections.convox.credentials.plugins.module_utils.errors import ConvoxError
from ansible_collections.convox.credentials.plugins.module_utils.ledger_chain import Verdict


class Seen(t.NamedTuple):
    """``rolled``: by kind and identity, the last of each key."""

    rolled: dict[tuple[str, str], dict[str, Rolled]]
    ledger: Ledger | None
    source: Source | None


def look(path: str, named: bool) -> Seen:
    """``named``: by the task; else one that is not there is nobody who was asked."""
    verdict, rolled = Verdict(), t.cast("dict[tuple[str, str], dict[str, Rolled]]", {})
    if not os.path.exists(path):
        return Seen({}, None, Source("ledger", path, SILENT, "there is no such file") if named else None)
    try:
        with ledger.reading(path) as lines:
            for line in lines:
                if verdict.take(line) and line.entry is not None:
                    entry = line.entry
                    rolled.setdefault((entry["what"], entry["identity"]), {})[entry["new"]] = Rolled(entry["at"], BY_LEDGER, entry["new"])
    except ConvoxError as exc:
        return Seen({}, None, Source("ledger", path, SILENT, str(exc)))
    verdict.end()
    damage = tuple(f"line {place.line}: {place.what}" if place.line else place.what for place in verdict.damage)
    return Seen(rolled, Ledger(path, verdict.whole, damage), Source("ledger", path, ANSWERED, f"{verdict.lines} lines"))
