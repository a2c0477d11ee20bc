# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A pytest plugin: tests that are marked ``alone`` have the machine to themselves, and what tests measure is told at the end.

They run last, while no other worker's test does: two times can be compared only when nothing else took its part of one.
"""
from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

from tests.locks import locked

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

# The name of the property that a test records its line of text as.
MEASURED = "measured"


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "alone: it measures time, and runs while no other test does")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=_alone)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Outside of everything else, so that no test's time-out counts what it waited here."""
    with _turn(_alone(item)):
        return (yield)


def _alone(item: pytest.Item) -> bool:
    return item.get_closest_marker("alone") is not None


@contextlib.contextmanager
def _turn(alone: bool) -> Iterator[None]:
    """Through a door, into a room: who waits for an empty room stands in the door, so that nobody else comes in meanwhile."""
    with contextlib.ExitStack() as room:
        with locked("door"):
            room.enter_context(locked("room", shared=not alone))
        yield


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """One line for each ``record_property(MEASURED, text)``, also of those that another process ran."""
    reports = (report for status in ("passed", "failed") for report in terminalreporter.stats.get(status, ()))
    lines = [str(value) for report in reports for name, value in report.user_properties if name == MEASURED]
    if lines:
        terminalreporter.section("measured")
        terminalreporter.write_line("\n".join(lines))
