# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which ansible-core can be tried with which Python of this machine, and why not with the others.

A core is one that requirements/matrix-2.N.txt pins. Which Pythons it is for, its own metadata say: what pip installs it for
(Requires-Python, which has no upper end), and what its makers try it with (its classifiers).
"""
from __future__ import annotations

import json
import os
import pwd
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.specifiers import SpecifierSet

from tests.places import CACHE, ROOT
from tests.tools.sanity import VERSIONS, interpreter_behind, real_interpreters

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

METADATA = CACHE / "matrix" / "metadata"
# As tests/tools/venv has it: packages of the tests (hypothesis, ansible-builder) are for no older one.
OLDEST_PYTHON = "3.11"
_CLASSIFIER = "Programming Language :: Python :: "


@dataclass(frozen=True)
class Core:
    """An ansible-core that is pinned, and the Pythons that it is for."""

    minor: str
    version: str
    requires_python: str
    named: tuple[str, ...]

    def against(self, python: str) -> str | None:
        """Why it can't be tried with that Python; None when it can."""
        # Whichever of its patch releases is here.
        if not SpecifierSet(self.requires_python).contains(f"{python}.99"):
            return f"ansible-core {self.version} requires Python {self.requires_python}"
        if python not in self.named:
            return f"ansible-core {self.version} names Python {', '.join(self.named)}"
        return None


@dataclass(frozen=True)
class Pair:
    """An ansible-core and a Python that are tried together."""

    core: Core
    python: str
    interpreter: str

    @property
    def name(self) -> str:
        return f"{self.core.minor}-{self.python}"


@dataclass(frozen=True)
class Skipped:
    """Pythons that a core is not tried with."""

    core: str
    pythons: tuple[str, ...]
    why: str


def version_key(version: str) -> tuple[int, ...]:
    """Orders versions of numbers; a beta's is before all."""
    parts = version.split(".")
    return tuple(int(part) for part in parts) if all(part.isdecimal() for part in parts) else ()


def interpreters() -> dict[str, str]:
    """The real interpreters of this machine, the oldest first: on the path, and where pyenv keeps them, whatever the home is now."""
    found = real_interpreters()
    root = Path(os.environ.get("PYENV_ROOT") or Path(pwd.getpwuid(os.getuid()).pw_dir, ".pyenv"))
    for version in VERSIONS:
        for candidate in sorted(root.glob(f"versions/{version}.*/bin/python{version}")):
            real = None if version in found else interpreter_behind(candidate, version)
            if real:
                found[version] = real
    return {version: found[version] for version in sorted(found, key=version_key)}


def cores() -> list[Core]:
    """Those that are pinned, the oldest first."""
    found = [path.stem.removeprefix("matrix-") for path in (ROOT / "requirements").glob("matrix-2.*.txt")]
    return [core_of(minor, pinned(minor)) for minor in sorted(found, key=version_key)]


def requirements(minor: str) -> str:
    return f"requirements/matrix-{minor}.txt"


def pinned(minor: str) -> str:
    """The release of ansible-core that is tried."""
    lines = (ROOT / requirements(minor)).read_text(encoding="utf-8").splitlines()
    (line,) = (line for line in lines if line.startswith("ansible-core=="))
    return line.partition("==")[2]


def core_of(minor: str, version: str) -> Core:
    """With what its metadata say, which pip is asked for once: a release's don't change."""
    file = METADATA / f"{version}.json"
    if not file.exists():
        METADATA.mkdir(parents=True, exist_ok=True)
        said = _ask_pip(version)
        new = file.with_suffix(f".{os.getpid()}")
        new.write_text(json.dumps({"requires_python": said["requires_python"], "classifier": said["classifier"]}), encoding="utf-8")
        new.replace(file)
    said = json.loads(file.read_text(encoding="utf-8"))
    return Core(minor, version, said["requires_python"], named_by(said["classifier"]))


def named_by(classifiers: Iterable[str]) -> tuple[str, ...]:
    """The versions among the classifiers, such as 3.12; not the bare 3, nor "3 :: Only"."""
    found = [each.removeprefix(_CLASSIFIER) for each in classifiers if each.startswith(f"{_CLASSIFIER}3.")]
    return tuple(sorted(found, key=version_key))


def _ask_pip(version: str) -> dict[str, object]:
    """The metadata of a release, also of one that this interpreter is too old for."""
    with tempfile.TemporaryDirectory() as tmp:
        report = Path(tmp, "report.json")
        command = [
            *(sys.executable, "-m", "pip", "install", "-qq", "--no-input", "--dry-run", "--ignore-installed", "--no-deps"),
            *("--ignore-requires-python", "--only-binary", ":all:", "--report", str(report), f"ansible-core=={version}"),
        ]
        subprocess.run(command, check=True)
        (found,) = json.loads(report.read_text(encoding="utf-8"))["install"]
        metadata: dict[str, object] = found["metadata"]
        return metadata


def choose(
    every: Sequence[Core], found: Mapping[str, str], minors: Sequence[str] = (), pythons: Sequence[str] = (), all_pythons: bool = False
) -> tuple[list[Pair], list[Skipped]]:
    """The pairs that are asked for: of each core those Pythons, or all, or the oldest and the newest that it can be tried with."""
    pairs: list[Pair] = []
    skipped: list[Skipped] = []
    for core in every:
        if minors and core.minor not in minors:
            continue
        asked = [python for python in {*found, *core.named, *pythons} if not pythons or python in pythons]
        why = {python: _against(core, python, found) for python in sorted(asked, key=version_key)}
        usable = [python for python, against in why.items() if against is None]
        chosen = usable if pythons or all_pythons else [python for python in usable if python in (usable[0], usable[-1])]
        pairs += [Pair(core, python, found[python]) for python in chosen]
        why.update({python: "neither the oldest nor the newest (--all-pythons)" for python in usable if python not in chosen})
        reasons = dict.fromkeys(against for against in why.values() if against)
        skipped += [Skipped(core.minor, tuple(python for python, each in why.items() if each == reason), reason) for reason in reasons]
    return pairs, skipped


def _against(core: Core, python: str, found: Mapping[str, str]) -> str | None:
    if core.against(python) is None and python not in found:
        return "no such Python here"
    if core.against(python) is None and version_key(python) < version_key(OLDEST_PYTHON):
        return f"the tests need Python {OLDEST_PYTHON}"
    return core.against(python)
