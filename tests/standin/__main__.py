# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stand-in as a command: prints its addresses as one line of JSON, and serves until it is told to stop."""

from __future__ import annotations

import sys
from pathlib import Path

if not __package__:
    # Started as a folder: the package's files must not be taken for modules of their own.
    sys.path[0] = str(Path(__file__).resolve().parents[2])
    __package__ = "tests.standin"

import argparse
import ctypes
import json
import os
import signal
import threading
from typing import Any

from tests.standin import ConsoleSpec, RackSpec, Standin

_PR_SET_PDEATHSIG = 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests.standin", description=__doc__)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--fleet", type=Path, help='a JSON file: {"console": {...}, "racks": [{"name": ...}, ...]}')
    what.add_argument("--racks", type=int, default=1, help="so many racks, all known to Console (default: 1)")
    parser.add_argument("--dir", type=Path, help="where to write (default: a temporary directory, removed at the end)")
    parser.add_argument("--until-eof", action="store_true", help="stop, too, when standard input ends")
    return parser.parse_args()


def _specs(arguments: argparse.Namespace) -> tuple[list[RackSpec], ConsoleSpec]:
    if arguments.fleet is None:
        width = len(str(arguments.racks))
        racks = [RackSpec(name=f"rack{number:0{width}}", console=True) for number in range(1, arguments.racks + 1)]
        return racks, ConsoleSpec()
    fleet: dict[str, Any] = json.loads(arguments.fleet.read_text())
    return [RackSpec(**each) for each in fleet.get("racks", [])], ConsoleSpec(**fleet.get("console", {}))


def _die_with_parent() -> None:
    """Where the kernel can tell: a stand-in whose starter is gone is of no use to anybody."""
    if sys.platform.startswith("linux"):
        parent = os.getppid()
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            raise SystemExit(1)


def _watch_input(over: threading.Event) -> None:
    # Not sys.stdin: its lock, held here, would keep Python from ending.
    while os.read(0, 4096):
        pass
    over.set()


def main() -> None:
    """Serve until a signal, or the end of standard input, or of the parent."""
    arguments = _arguments()
    _die_with_parent()
    over = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_args: over.set())
    racks, console = _specs(arguments)
    with Standin(racks, console, arguments.dir) as standin:
        print(json.dumps(standin.addresses()), flush=True)
        if arguments.until_eof:
            threading.Thread(target=_watch_input, args=(over,), daemon=True).start()
        over.wait()


if __name__ == "__main__":
    main()
