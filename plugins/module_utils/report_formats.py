# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""The formats of an audit's report beside the JSON document that all of them are made of. Pure.

To add one: a file in reports/ with ``render``, a line here, and its name in options.py and the module's documentation.
"""

from __future__ import annotations

import typing as t

from ansible_collections.convox.credentials.plugins.module_utils.reports import csv, html, junit, sarif


class Format(t.NamedTuple):
    """``ending``: of the file's name. ``render``: the document in, the file's text out."""

    ending: str
    render: t.Callable[[t.Mapping[str, t.Any]], str]


FORMATS = {
    "html": Format(".html", html.render),
    "csv": Format(".csv", csv.render),
    "junit": Format(".xml", junit.render),
    "sarif": Format(".sarif", sarif.render),
}
