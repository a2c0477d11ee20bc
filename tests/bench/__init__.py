# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long it takes, beside what people would use instead: measured side by side in one run, as docs/performance.md shows it.

These are no tests: nothing fails when a figure is missed, and nothing here runs beside anything else.
"""
