# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The collection, broken in one way: what shows that the harness can fail. In a run's own process only."""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import sys
import types
import typing as t

COLLECTION = "ansible_collections.convox.credentials"
MODULE_UTILS = f"{COLLECTION}.plugins.module_utils"


def install(name: str) -> None:
    """Have the collection imported anew, with the changes of a mutant."""
    from tests.chaos.mutants import BY_NAME

    sources = {f"{MODULE_UTILS}.{module}": source for module, source in BY_NAME[name].sources().items()}
    for each in [each for each in sys.modules if each.startswith(COLLECTION) or each == "tests.integration.direct"]:
        del sys.modules[each]
    sys.meta_path.insert(0, _Finder(sources))


class _Finder(importlib.abc.MetaPathFinder):
    """Finds the broken modules; all others are found elsewhere."""

    def __init__(self, sources: t.Mapping[str, str]) -> None:
        self._sources = sources

    def find_spec(self, name: str, path: t.Any, target: t.Any = None) -> importlib.machinery.ModuleSpec | None:
        return importlib.util.spec_from_loader(name, _Loader(self._sources[name])) if name in self._sources else None


class _Loader(importlib.abc.Loader):
    def __init__(self, source: str) -> None:
        self._source = source

    def exec_module(self, module: types.ModuleType) -> None:
        exec(compile(self._source, f"broken {module.__name__}", "exec"), module.__dict__)  # noqa: S102
