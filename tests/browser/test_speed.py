# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A thousand racks: how long it takes to open them, to filter and to sort. The bounds are several times what was measured."""
from __future__ import annotations

import typing as t

from tests.browser.conftest import Open
from tests.measured import MEASURED

# Milliseconds until what was done is drawn.
DRAWN = "new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(() => drawn(performance.now()))))"
TYPED = f"""async ([section, text]) => {{
  const input = document.querySelector(`#${{section}} input[type=search]`), began = performance.now();
  input.value = text;
  input.dispatchEvent(new Event("input", {{bubbles: true}}));
  return await {DRAWN} - began;
}}"""
CLICKED = f"""async (column) => {{
  const began = performance.now();
  document.querySelectorAll("#racks th button")[column].click();
  return await {DRAWN} - began;
}}"""
OPENING, KEYSTROKE, SORTING = 8000, 1000, 2000


def test_a_thousand_racks_are_quick(open_report: Open, record_property: t.Callable[[str, object], None]) -> None:
    page = open_report(1000)
    opening = page.evaluate(DRAWN)
    keystrokes = [page.evaluate(TYPED, [section, text]) for section in ("racks", "findings", "credentials") for text in ("p", "pa", "pay", "")]
    sorting = [page.evaluate(CLICKED, column) for column in range(8)]
    record_property(
        MEASURED,
        f"the report of 1,000 racks opens in {opening / 1000:.1f} s, a keystroke takes {max(keystrokes):.0f} ms at most, sorting {max(sorting):.0f} ms",
    )
    assert opening < OPENING
    assert max(keystrokes) < KEYSTROKE
    assert max(sorting) < SORTING
