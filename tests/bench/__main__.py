# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``make bench``: measure, print, and write docs/performance.md. On a machine that has nothing else to do."""
from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bench import audit, growth, imports, inventory, no_op, page, rolls
from tests.bench.figures import seconds
from tests.places import link_collection

if TYPE_CHECKING:
    from typing import Callable

    from tests.bench.figures import Section

    Measure = Callable[[Path, int, Callable[[str], None]], Section]

# By the names of their places in docs/performance.md.
SCENARIOS: dict[str, Measure] = {
    "audit": audit.measure,
    "no_op": no_op.measure,
    "rolls": rolls.measure,
    "inventory": inventory.measure,
    "growth": growth.measure,
    "imports": imports.measure,
}


def main() -> int:
    """0 where every aim is met, else 1, with the figures written all the same."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--only", action="append", choices=SCENARIOS, help="measure this one; may be given several times")
    parser.add_argument("--rounds", type=int, default=5, help="how often each is measured, in turn (default: 5)")
    parser.add_argument("--print", action="store_true", help="print the figures, and leave docs/performance.md as it is")
    arguments = parser.parse_args()
    link_collection()
    missed = 0
    for name in arguments.only or SCENARIOS:
        load, began = os.getloadavg()[0], time.monotonic()
        print(f"== {name}", flush=True)
        with tempfile.TemporaryDirectory(prefix="bench") as place:
            section = SCENARIOS[name](Path(place), arguments.rounds, lambda text: print(f"   {text}", flush=True))
        text = f"{page.circumstances(name, arguments.rounds, load)}\n\n{section.markdown()}"
        print(f"\n{text}\n\n   in {seconds(time.monotonic() - began)}\n", flush=True)
        missed += sum(not aim.met for aim in section.aims)
        if not arguments.print:
            page.write(name, text)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
