# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the watcher sees: headings, commands, tables and verdicts; colours on a terminal only."""

from __future__ import annotations

import os
import sys
import textwrap
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

WIDTH = 78
BOLD, DIM, RED, GREEN, BLUE = "1", "2", "31", "32", "36"


class Screen:
    """Standard output, and everything that went there."""

    def __init__(self) -> None:
        self.colours = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        self.shown: list[str] = []
        self._lock = threading.Lock()
        self._steps = 0

    def write(self, text: str = "") -> None:
        """One line, as it is."""
        with self._lock:
            self.shown.append(text)
            print(text, flush=True)

    def paint(self, text: str, *styles: str) -> str:
        """The text in a style, where styles can be shown."""
        return f"\033[{';'.join(styles)}m{text}\033[0m" if self.colours and text else text

    def title(self, text: str) -> None:
        """The first line."""
        self.write(self.paint(text, BOLD))

    def step(self, text: str) -> None:
        """A heading with the next number."""
        self._steps += 1
        heading = f"── {self._steps}. {text} "
        self.write()
        self.write(self.paint(heading + "─" * (WIDTH - len(heading)), BOLD, BLUE))

    def say(self, text: str) -> None:
        """Some words of explanation, in lines that can be read."""
        for line in textwrap.wrap(text, WIDTH) or [""]:
            self.write(self.paint(line, DIM))

    def command(self, words: Sequence[str]) -> None:
        """A command that is about to be run; a long one goes on in the next line, but never between an option and its value."""
        lines, line = [], "$"
        for words_together in _together(words):
            if len(line) + len(words_together) > WIDTH - 5:
                lines.append(line + " \\")
                line = "   "
            line += " " + words_together
        for each in [*lines, line]:
            self.write("  " + self.paint(each, BOLD))
        self.write()

    def table(self, head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """Columns as wide as they need to be."""
        lines = [tuple(head), *(tuple(row) for row in rows)]
        widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
        for number, line in enumerate(lines):
            text = "  " + "  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip()
            self.write(self.paint(text, BOLD) if number == 0 else text)

    def verdict(self, good: bool, text: str) -> None:
        """One thing that was looked at."""
        self.write(f"  {self.paint('✓', GREEN) if good else self.paint('✗ NOT SO:', BOLD, RED)} {text}")


def _together(words: Sequence[str]) -> Iterator[str]:
    option = ""
    for word in words:
        if word.startswith("-") and "=" not in word and not option:
            option = word
            continue
        yield f"{option} {word}".strip()
        option = ""
    if option:
        yield option
