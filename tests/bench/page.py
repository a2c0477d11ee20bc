# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/performance.md: prose by hand, and between the marks of each scenario what was measured last."""
from __future__ import annotations

import datetime
import importlib.metadata
import os
import platform
import re
from pathlib import Path

from tests.places import ROOT

PAGE = ROOT / "docs" / "performance.md"


def mark(name: str, text: str) -> str:
    return f"<!-- {name}: measured by `make bench` -->\n\n{text}\n\n<!-- end of {name} -->"


def write(name: str, text: str) -> None:
    """Put it in the place of what stands between the marks."""
    page = PAGE.read_text(encoding="utf-8")
    found = re.compile(rf"<!-- {name}: measured .*?<!-- end of {name} -->", re.DOTALL)
    if len(found.findall(page)) != 1:
        raise SystemExit(f"{PAGE}: the marks of {name} are not there, or not once")
    PAGE.write_text(found.sub(lambda _old: mark(name, text), page), encoding="utf-8")


def circumstances(name: str, rounds: int, load: float) -> str:
    """When, how and on what it was measured. ``load``: what others kept the machine at before."""
    versions = ", ".join(f"{each} {importlib.metadata.version(each)}" for each in ("ansible-core", "requests", "boto3"))
    return (
        f'Measured on {datetime.datetime.now(datetime.timezone.utc):%Y-%m-%d} by `make bench ARGS="--only {name} --rounds {rounds}"`: {_processor()}, '
        f"{os.cpu_count()} cores, {_memory_gib():.0f} GiB; {platform.system()} {platform.release().partition('-')[0]}, Python {platform.python_version()}, "
        f"{versions}; load before it {load:.1f}."
    )


def _processor() -> str:
    found = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    return found.group(1).strip() if found else platform.machine()


def _memory_gib() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
