# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Debian's Chromium with a report open in it, which is held to this in every test: nothing on the console, no request, no violation."""
from __future__ import annotations

import functools
import os
import time
import typing as t
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from ansible_collections.convox.credentials.plugins.module_utils.reports.html import render
from tests.browser.fleets import HOSTILE, clean, report
from tests.places import CACHE

CHROMIUM = "/usr/bin/chromium"
# In containers there is neither a sandbox nor a GPU; the rest are questions that Chromium asks its maker by itself.
FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
KEPT = CACHE / "browser"
SCREEN = {"width": 1280, "height": 800}
_GRACE = 10.0  # seconds in which it has to end

VIOLATIONS = "window.violations = []; addEventListener('securitypolicyviolation', (event) => violations.push(event.violatedDirective + event.blockedURI));"


@functools.cache
def reported(racks: int, kind: str = "") -> t.Any:
    """The document that is open: of so many racks; ``clean`` and ``hostile`` ones too."""
    return clean(racks) if kind == "clean" else report(racks, HOSTILE if kind == "hostile" else ())


@functools.cache
def written(racks: int, kind: str = "") -> Path:
    KEPT.mkdir(parents=True, exist_ok=True)
    path = KEPT / f"report-{racks}{kind}.html"
    # Several workers may come here at once, and one may be reading already.
    mine = path.with_suffix(f".{os.getpid()}")
    mine.write_text(render(reported(racks, kind)), encoding="utf-8")
    mine.replace(path)
    return path


class _Process(t.NamedTuple):
    """One of those that run now; a number alone may be another's later."""

    number: int
    began: int
    command: str


def _running() -> dict[_Process, int]:
    """Each with the number of the one that started it."""
    found = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            number, dummy, rest = stat.read_text(encoding="utf-8", errors="replace").partition(" (")
        except OSError:
            continue
        command, dummy, rest = rest.rpartition(") ")
        fields = rest.split()
        if fields[0] != "Z":
            found[_Process(int(number), int(fields[19]), command)] = int(fields[1])
    return found


def _started_here() -> set[_Process]:
    """By this process, by those, and so on."""
    running, found, numbers = _running(), set[_Process](), {os.getpid()}
    while more := {process for process, parent in running.items() if parent in numbers} - found:
        found |= more
        numbers = {process.number for process in more}
    return found


@pytest.fixture(scope="session")
def chromium() -> t.Iterator[Browser]:
    """No process of it is left."""
    before = _started_here()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=list(FLAGS))
        yield browser
        started = _started_here() - before
        browser.close()
    assert sum("chrom" in process.command for process in started) > 1
    end = time.monotonic() + _GRACE
    while (left := started & set(_running())) and time.monotonic() < end:
        time.sleep(0.1)
    assert left == set()


class Open(t.Protocol):
    def __call__(self, racks: int, kind: str = "", **context: t.Any) -> Page: ...


@pytest.fixture(name="open_report")
def _open_report(chromium: Browser) -> t.Iterator[Open]:
    """``context``: as Playwright's new_context takes it."""
    pages: list[tuple[Page, Path, bool]] = []
    told: list[str] = []
    asked: list[str] = []

    def opened(racks: int, kind: str = "", **context: t.Any) -> Page:
        path = written(racks, kind)
        page = chromium.new_context(**{"viewport": SCREEN, "reduced_motion": "no-preference", **context}).new_page()
        page.set_default_timeout(5000)
        page.add_init_script(VIOLATIONS)
        page.on("console", lambda message: told.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: told.append(f"error: {error}"))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(path.as_uri())
        pages.append((page, path, context.get("java_script_enabled", True)))
        return page

    yield opened
    for page, dummy, scripted in pages:
        assert page.context.pages == [page]
        assert not scripted or page.evaluate("violations") == []
        assert page.evaluate("typeof broken") == "undefined"
        page.context.close()
    assert told == []
    assert [url.partition("#")[0] for url in asked] == [path.as_uri() for dummy, path, unused in pages]
