# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run everything that `make test` stands for: two lanes side by side, each part's output in one piece when it ends.

How a part that failed ended is said once more below, for of a long log often only the end is kept. The last line is
pytest's own. Whatever ends the run, no process of it stays.
"""
from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field

from tests.places import CACHE, ROOT

PYTEST = [sys.executable, "-m", "pytest", "-n", "2", "--maxschedchunk", "1", "--durations", "40", "tests/unit", "tests/integration"]
LANES = (
    (("lint", ["tests/tools/lint"]), ("sanity", [sys.executable, "-m", "tests.tools.sanity"])),
    (("pytest", PYTEST),),
)
GRACE = 15  # seconds to clean up in
ENDING = 20  # lines of a part that failed
PRINTING = threading.Lock()
STOPPING = threading.Event()


@dataclass
class Part:
    """One program of the run, and how it went."""

    name: str
    command: list[str]
    status: int | None = None
    seconds: float = 0.0
    ending: list[str] = field(default_factory=list)
    process: subprocess.Popen[bytes] | None = None

    def run(self) -> None:
        """Run it as the head of a process group, then print what it said."""
        began = time.monotonic()
        log = CACHE / "log" / f"{self.name}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                self.command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
            )
            self.status = self.process.wait()
        self.signal(signal.SIGKILL)  # what it left behind
        self.seconds = time.monotonic() - began
        text = log.read_text(encoding="utf-8", errors="replace").rstrip()
        self.ending = text.splitlines()[-ENDING:]
        with PRINTING:
            print(f"===== {self.name}\n{text}\n", flush=True)

    def signal(self, signum: int) -> bool:
        """Send it to what is left of its group; False when nothing is."""
        if self.process is None:
            return False
        try:
            os.killpg(self.process.pid, signum)
        except ProcessLookupError:
            return False
        return True


def stop(parts: list[Part]) -> None:
    """Let every part clean up behind itself, then end what still runs."""
    STOPPING.set()
    end = time.monotonic() + GRACE
    for part in parts:
        part.signal(signal.SIGINT)
    while any(part.signal(0) for part in parts) and time.monotonic() < end:
        time.sleep(0.1)
    for part in parts:
        part.signal(signal.SIGKILL)


def run_lane(lane: list[Part]) -> None:
    """Run its parts, one after the other."""
    for part in lane:
        if not STOPPING.is_set():
            part.run()


def main() -> int:
    """Run the lanes, then sum up."""
    lanes = [[Part(name, list(command)) for name, command in lane] for lane in LANES]
    parts = [part for lane in lanes for part in lane]

    def interrupted(signum: int, dummy_frame: object) -> None:
        stop(parts)
        os._exit(128 + signum)

    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, interrupted)

    threads = [threading.Thread(target=run_lane, args=(lane,)) for lane in lanes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    failed = [part for part in parts if part.status != 0]
    for part in failed:
        print(f"===== how {part.name} ended", *part.ending, "", sep="\n")
    for part in parts:
        print(f"{part.name}: {'FAILED' if part in failed else 'passed'} in {part.seconds:.0f} s")
    print(*parts[-1].ending[-1:])
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
