# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``make chaos``: the systematic matrix, then random cases, then the table. See README.md."""

from __future__ import annotations

import argparse
import itertools
import random
import signal
import sys
import time
import typing as t

from tests.chaos.environment import prepare

if t.TYPE_CHECKING:
    from tests.chaos.scene import Played
    from tests.chaos.workers import Workers


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make chaos", description="Roll racks under faults, and count what is left of their keys.")
    parser.add_argument("--seed", default=str(random.SystemRandom().randrange(10**9)), help="of the random cases; chosen and printed when not given")
    parser.add_argument("--cases", type=int, default=1000, help="how many random cases (default: 1000)")
    parser.add_argument("--playbooks", type=int, default=50, help="how many of a whole ansible-playbook (default: 50)")
    parser.add_argument("--no-matrix", action="store_true", help="random cases only")
    parser.add_argument("--replay", metavar="SEED", help="one case by its name, as it was printed")
    parser.add_argument("--jobs", type=int, default=4, help="processes that play cases, which wait half of the time (default: 4)")
    return parser.parse_args()


def _watched(workers: Workers) -> t.Iterator[t.Any]:
    """The matrix: first one roll of each of its setups is watched, then each boundary that it passed gets every fault."""
    from tests.chaos.cases import MATRIX, Case, matrix
    from tests.chaos.faults import Place

    by_name = {f"no fault, {setup}": (setup, steps) for setup, steps in MATRIX}
    plain = [Case(name, setup, ()) for name, (setup, dummy) in by_name.items()]
    for played in list(workers.play(plain)):
        if played.findings:
            raise SystemExit(f"{played.name}: {played.findings.found}: nothing to learn from faults before this is mended")
        yield from matrix(*by_name[played.name], [Place(*place) for place in played.places])


def main() -> int:
    arguments = _arguments()
    prepare()
    # As after an error: the workers are told to end.
    signal.signal(signal.SIGTERM, lambda number, dummy: sys.exit(128 + number))
    from tests.chaos.cases import case_of, playbook_case, random_case
    from tests.chaos.table import Table
    from tests.chaos.workers import Workers

    began = time.monotonic()
    table, broken_off = Table(), False
    with Workers(1 if arguments.replay else arguments.jobs) as workers:
        if arguments.replay:
            cases: t.Iterable[t.Any] = [case_of(arguments.replay)]
        else:
            print(f"seed {arguments.seed}", flush=True)
            cases = itertools.chain(
                () if arguments.no_matrix else list(_watched(workers)),
                (playbook_case(f"{arguments.seed}:playbook:{number}") for number in range(arguments.playbooks)),
                (random_case(f"{arguments.seed}:{number}") for number in range(arguments.cases)),
            )
        try:
            for count, played in enumerate(workers.play(cases), 1):
                table.add(played)
                _tell(count, played, arguments.replay is not None)
        except (KeyboardInterrupt, SystemExit):
            broken_off = True
    print(f"\n{table.text()}\n\n{table.total['cases']} cases in {time.monotonic() - began:.0f} s")
    if table.bad:
        print(f"\n{table.complaints()}")
    if broken_off:
        print("broken off")
    return 1 if table.bad or broken_off else 0


def _tell(count: int, played: Played, closely: bool) -> None:
    if closely:
        print(f"{played.name}: happened: {', '.join(played.fired) or 'nothing'}; {played.seconds:.1f} s")
    for kind, words in played.findings.found:
        print(f"{played.name}: {kind}: {words}", flush=True)
    if count % 100 == 0:
        print(f"{count} cases", flush=True)


if __name__ == "__main__":
    sys.exit(main())
