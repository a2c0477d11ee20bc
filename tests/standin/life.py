# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long things live here: pauses that end at once when their owner stops, and threads that never outlive it."""

from __future__ import annotations

import threading
import time
from typing import Any, Callable


class Stopped(Exception):
    """Raised inside a pause when the owner stops."""


class Life:
    """The time during which a stand-in, or one of its racks, is there."""

    def __init__(self) -> None:
        self._over = False
        self._changed = threading.Condition()

    @property
    def over(self) -> bool:
        """Whether it has been stopped."""
        return self._over

    def pause(self, seconds: float) -> None:
        """Let time pass, or raise Stopped as soon as the owner stops."""
        self.pause_for(lambda: seconds)

    def pause_for(self, seconds: Callable[[], float]) -> None:
        """Let as much time pass as something says, which may say otherwise meanwhile: see look_again."""
        began = time.monotonic()
        with self._changed:
            while not self._over:
                left = began + seconds() - time.monotonic()
                if left <= 0:
                    return
                self._changed.wait(left)
        raise Stopped

    def look_again(self) -> None:
        """Let every pause ask anew how long it is to be."""
        with self._changed:
            self._changed.notify_all()

    def wait_until(self, ready: Callable[[], bool]) -> None:
        """Wait for something that another thread brings about."""
        while not ready():
            self.pause(0.005)

    @staticmethod
    def deadline(seconds: float) -> Callable[[], bool]:
        """Something to ask whether so much time has passed."""
        end = time.monotonic() + seconds
        return lambda: time.monotonic() > end

    def spawn(self, work: Callable[..., None], *args: Any) -> None:
        """Do something beside; it ends silently when the owner stops."""

        def run() -> None:
            try:
                work(*args)
            except Stopped:
                pass

        threading.Thread(target=run, name=f"standin-{getattr(work, '__name__', 'work')}", daemon=True).start()

    def stop(self) -> None:
        """End every pause."""
        self._over = True
        self.look_again()
