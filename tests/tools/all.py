# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run everything that `make test` stands for: two lanes side by side, each part's output in one piece when it ends.

The last line is pytest's own. Whatever ends the run, no process of it stays.
"""
from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass

from tests.places import CACHE, ROOT

PYTEST = [sys.executable, "-m", "pytest", "-n", "2", "--dist", "loadgroup", "tests/unit", "tests/integration"]
LANES = (
    (("lint", ["tests/tools/lint"]), ("sanity", [sys.executable, "-m", "tests.tools.sanity"])),
    (("pytest", PYTEST),),
)
PRINTING = threading.Lock()


@dataclass
class Part:
    """One program of the run, and how it went."""

    name: str
    command: list[str]
    status: int | None = None
    seconds: float = 0.0
    last_line: str = ""
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
        self.kill()
        self.seconds = time.monotonic() - began
        text = log.read_text(encoding="utf-8", errors="replace").rstrip()
        self.last_line = text.rpartition("\n")[2]
        with PRINTING:
            print(f"===== {self.name}\n{text}\n", flush=True)

    def kill(self) -> None:
        """End what is left of its group."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)


def main() -> int:
    """Run the lanes, then sum up."""
    lanes = [[Part(name, list(command)) for name, command in lane] for lane in LANES]
    parts = [part for lane in lanes for part in lane]

    def stop(signum: int, dummy_frame: object) -> None:
        for part in parts:
            part.kill()
        os._exit(128 + signum)

    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, stop)

    threads = [threading.Thread(target=lambda lane=lane: [part.run() for part in lane]) for lane in lanes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for part in parts:
        print(f"{part.name}: {'passed' if part.status == 0 else 'FAILED'} in {part.seconds:.0f} s")
    print(parts[-1].last_line)
    return 0 if all(part.status == 0 for part in parts) else 1


if __name__ == "__main__":
    sys.exit(main())
