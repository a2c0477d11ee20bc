# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An audit's reports as tests read them: each is looked at by its schema first."""
from __future__ import annotations

import functools
import json
from typing import TYPE_CHECKING, Any

import jsonschema

from tests.places import ROOT

if TYPE_CHECKING:
    from pathlib import Path


@functools.cache
def _validator() -> Any:
    return jsonschema.Draft202012Validator(json.loads((ROOT / "docs" / "schemas" / "report-1.json").read_text(encoding="utf-8")))


def checked(text: str) -> dict[str, Any]:
    """The document of a JSON text, which its schema allows."""
    document: dict[str, Any] = json.loads(text)
    _validator().validate(document)
    return document


def read_report(path: Path) -> dict[str, Any]:
    return checked(path.read_text(encoding="utf-8"))
