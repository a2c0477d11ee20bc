# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every file that can say so says under which licence it may be used."""
from __future__ import annotations

from pathlib import PurePosixPath

from tests.places import ROOT
from tests.tools.sanity import source_files

# REUSE-IgnoreStart
LINES = (
    "# Copyright (c) 2026, The convox.credentials developers",
    "# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)",
    "# SPDX-License-Identifier: GPL-3.0-or-later",
)
# REUSE-IgnoreEnd
KINDS = {".cfg", ".in", ".ini", ".py", ".sh", ".toml", ".yaml", ".yml"}
GENERATED = {"changelogs/changelog.yaml"}


def has_header(name: str) -> bool:
    text = (ROOT / name).read_text(encoding="utf-8")
    return not text or "\n".join(LINES) in text[:500]


def test_headers() -> None:
    names = [name for name in source_files() - GENERATED if PurePosixPath(name).suffix in KINDS]
    assert sorted(name for name in names if not has_header(name)) == []
