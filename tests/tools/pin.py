# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write requirements/NAME.txt: the full closure, pinned, of what requirements/NAME.in asks for.

Run by `make pins` with the Python that the pins are for. NAME.in may begin with "-r OTHER.in"; its pins are then
those of OTHER.txt and aren't written twice. Names as arguments: write the groups of these only.
"""
from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.places import ROOT

FOLDER = ROOT / "requirements"
# The names of each group are pinned to the same versions. What stands alone wants others than the rest can have.
GROUPS = (("demo", "test", "browser"), ("docs",), ("release",))


def resolve(name: str, known: dict[str, str]) -> dict[str, str]:
    """Ask pip what it would install, holding what is already pinned."""
    with tempfile.TemporaryDirectory() as tmp:
        constraints, report = Path(tmp, "constraints.txt"), Path(tmp, "report.json")
        constraints.write_text("".join(f"{key}=={value}\n" for key, value in known.items()), encoding="utf-8")
        subprocess.run(
            [
                *(sys.executable, "-m", "pip", "install", "-qq", "--dry-run", "--ignore-installed"),
                *("--report", str(report), "-c", str(constraints), "-r", str(FOLDER / f"{name}.in")),
            ],
            check=True,
        )
        found = json.loads(report.read_text(encoding="utf-8"))["install"]
    return {item["metadata"]["name"].lower().replace("_", "-"): item["metadata"]["version"] for item in found}


def pin(group: tuple[str, ...]) -> None:
    """Pin them all, to the same versions in each."""
    known: dict[str, str] = {}
    written: dict[str, set[str]] = {}
    for name in group:
        lines = (FOLDER / f"{name}.in").read_text(encoding="utf-8").splitlines()
        header = lines[:3]  # the licence
        header += ["", f"# Made by `make pins` from {name}.in."]
        included = [line.removeprefix("-r ") for line in lines if line.startswith("-r ")]
        header += [f"-r {file.replace('.in', '.txt')}" for file in included]
        elsewhere = {key for file in included for key in written[file.removesuffix(".in")]}
        pins = {key: value for key, value in resolve(name, known).items() if key not in elsewhere}
        body = [f"{key}=={pins[key]}" for key in sorted(pins)]
        (FOLDER / f"{name}.txt").write_text("\n".join(header + body) + "\n", encoding="utf-8")
        known.update(pins)
        written[name] = elsewhere | set(pins)


def main(names: list[str]) -> None:
    """Pin every group, or those that the names are of."""
    for group in GROUPS:
        if not names or set(names) & set(group):
            pin(group)


if __name__ == "__main__":
    main(sys.argv[1:])
