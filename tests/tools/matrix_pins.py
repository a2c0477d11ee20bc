# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write requirements/matrix.txt, and requirements/matrix-2.N.txt for each ansible-core that there is from 2.16 on.

Run by `make pins`, after the pins of `make test`: what does not depend on Ansible is the same here and there. What does
is pip's choice for that core, with an interpreter of this machine that the core can be installed for.
"""
from __future__ import annotations

import itertools
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.tools.matrix_pairs import OLDEST_PYTHON, interpreters, version_key
from tests.tools.pin import FOLDER, resolve

# What meta/runtime.yml names.
FIRST_MINOR = 16


def pins_in(name: str) -> dict[str, str]:
    """What requirements/NAME.txt pins itself."""
    lines = (FOLDER / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    return dict(line.split("==") for line in lines if "==" in line)


def write(name: str, made_from: str, pins: dict[str, str], included: str | None = None) -> None:
    licence = (FOLDER / "matrix.in").read_text(encoding="utf-8").splitlines()[:3]
    lines = [*licence, "", f"# Made by `make pins` from {made_from}.", *([f"-r {included}"] if included else [])]
    lines += [f"{key}=={pins[key]}" for key in sorted(pins)]
    (FOLDER / f"{name}.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


def newest_of(minor: str) -> str | None:
    """The newest release of an ansible-core, whatever Python it is for; None where there is none but betas."""
    command = [sys.executable, "-m", "pip", "index", "versions", "--ignore-requires-python", "ansible-core"]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    (listed,) = (line.partition(":")[2] for line in said.splitlines() if line.startswith("Available versions:"))
    found = [each.strip() for each in listed.split(",") if each.strip().startswith(f"{minor}.")]
    return max(found, key=version_key, default=None)


def resolve_for(core: str, shared: dict[str, str]) -> dict[str, str]:
    """Ask pip what it would install with that core beside what is pinned for all cores, for the first interpreter that it can."""
    with tempfile.TemporaryDirectory() as tmp:
        constraints, report = Path(tmp, "constraints.txt"), Path(tmp, "report.json")
        constraints.write_text("".join(f"{key}=={value}\n" for key, value in shared.items()), encoding="utf-8")
        said = "there is no interpreter"
        for version, python in interpreters().items():
            if version_key(version) < version_key(OLDEST_PYTHON):
                continue
            command = [
                *(sys.executable, "-m", "pip", "--python", python, "install", "-qq", "--dry-run", "--ignore-installed"),
                *("--report", str(report), "-c", str(constraints), "-r", str(FOLDER / "matrix-core.in"), f"ansible-core=={core}"),
            ]
            done = subprocess.run(command, check=False, capture_output=True, text=True)
            if done.returncode == 0:
                found = json.loads(report.read_text(encoding="utf-8"))["install"]
                names = {item["metadata"]["name"].lower().replace("_", "-"): item["metadata"]["version"] for item in found}
                return {key: value for key, value in names.items() if key not in shared}
            said = done.stderr
    raise SystemExit(f"ansible-core {core} can't be installed by any Python of this machine: {said}")


def main() -> None:
    """Pin what all of them share, then each."""
    shared = resolve("matrix", {**pins_in("demo"), **pins_in("test")})
    write("matrix", "matrix.in", shared)
    for number in itertools.count(FIRST_MINOR):
        minor = f"2.{number}"
        core = newest_of(minor)
        if core is None:
            return
        write(f"matrix-{minor}", f"matrix-core.in and ansible-core {minor}", resolve_for(core, shared), "matrix.txt")


if __name__ == "__main__":
    main()
