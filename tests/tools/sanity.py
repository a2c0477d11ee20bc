# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run every test of `ansible-test sanity` that can run without containers, and say which could not.

ansible-test wants a git checkout at ansible_collections/NAMESPACE/NAME, interpreters under their plain names, and
a script from its own site that installs pip. All three are laid out below .cache, with what is here.
"""
from __future__ import annotations

import ast
import configparser
import filecmp
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from tests.places import CACHE, ROOT

COPY = CACHE / "sanity" / "ansible_collections" / "convox" / "credentials"
INTERPRETERS = CACHE / "sanity" / "bin"
BIN = Path(sysconfig.get_path("scripts"))
VERSIONS = ("3.8", "3.9", "3.10", "3.11", "3.12", "3.13", "3.14")


def source_files() -> set[str]:
    """Name what belongs to the collection: tracked files, and new ones that git doesn't ignore."""
    command = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split("\0")
    return {name for name in names if name and os.path.lexists(ROOT / name)}


def copy_source() -> None:
    """Bring the copy up to date, without touching what ansible-test keeps in it between runs."""
    if not (COPY / ".git").is_dir():
        COPY.mkdir(parents=True, exist_ok=True)
        subprocess.run(["git", "-c", "init.defaultBranch=main", "init", "--quiet", str(COPY)], check=True)
    wanted = source_files()
    command = ["git", "-C", str(COPY), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    for name in subprocess.run(command, check=True, capture_output=True, text=True).stdout.split("\0"):
        if name and name not in wanted:
            (COPY / name).unlink(missing_ok=True)
    for name in wanted:
        source, target = ROOT / name, COPY / name
        if source.is_symlink() or not target.is_file() or not filecmp.cmp(source, target, shallow=False):
            target.parent.mkdir(parents=True, exist_ok=True)
            target.unlink(missing_ok=True)
            shutil.copy2(source, target, follow_symlinks=False)
        else:
            shutil.copymode(source, target)


def real_interpreters() -> dict[str, str]:
    """Find a working interpreter of each version: not a version manager's shim, which answers to its folder."""
    found = {}
    for version in VERSIONS:
        candidates = [Path(folder) / f"python{version}" for folder in os.get_exec_path()]
        # Where a version manager installed this Python, it may have installed others.
        candidates += sorted(Path(sys.base_prefix).parent.glob(f"{version}.*/bin/python"))
        for candidate in candidates:
            real = interpreter_behind(candidate, version)
            if real:
                found[version] = real
                break
    return found


def interpreter_behind(candidate: Path, version: str) -> str | None:
    """Say where the base installation of that interpreter is, if it runs, is of that version and can make venvs."""
    code = (
        "import ensurepip, os, sys, venv; "
        f"print(os.path.join(sys.base_prefix, 'bin', 'python{version}')) if '%d.%d' % sys.version_info[:2] == '{version}' else 0"
    )
    if not os.access(candidate, os.X_OK):
        return None
    answer = subprocess.run([str(candidate), "-c", code], capture_output=True, text=True, check=False).stdout.strip()
    return answer if answer and os.access(answer, os.X_OK) else None


def lay_out_interpreters() -> dict[str, str]:
    """Link them where nothing else is, for the PATH of ansible-test."""
    shutil.rmtree(INTERPRETERS, ignore_errors=True)
    INTERPRETERS.mkdir(parents=True)
    found = real_interpreters()
    for version, real in found.items():
        (INTERPRETERS / f"python{version}").symlink_to(real)
    return found


def lay_out_pip(home: Path) -> None:
    """Put our installer of pip where ansible-test keeps the one that it would download."""
    import ansible_test

    text = Path(ansible_test.__path__[0], "_internal", "python_requirements.py").read_text(encoding="utf-8")
    for version in re.findall(r"\bpip='([\d.]+)'", text):
        target = home / ".ansible" / "test" / "cache" / f"get_pip_{version.replace('.', '_')}.py"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(Path(__file__).with_name("get_pip.py"), target)


def hand_over_pip_settings(home: Path) -> None:
    """Write the caller's pip settings where pip finds them, for ansible-test passes no environment on."""
    target = home / ".config" / "pip" / "pip.conf"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    command = [sys.executable, "-m", "pip", "config", "list"]
    settings = configparser.RawConfigParser()
    settings["global"] = {"quiet": "2"}  # errors only
    for line in subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines():
        name, value = line.split("=", 1)
        section, option = name.rsplit(".", 1)
        section = "global" if section == ":env:" else section
        if not settings.has_section(section):
            settings.add_section(section)
        if option != "config-file":
            settings.set(section, option, ast.literal_eval(value))
    with target.open("w", encoding="utf-8") as file:
        settings.write(file)


def run(arguments: list[str]) -> int:
    """Run ansible-test in the copy, passing its output on, and repeat at the end what it skipped."""
    env = dict(os.environ, PATH=os.pathsep.join([str(INTERPRETERS), str(BIN), "/usr/local/bin", "/usr/bin", "/bin"]))
    command = [str(BIN / "python"), str(BIN / "ansible-test"), "sanity", "--color", "no", *arguments]
    skipped = []
    with subprocess.Popen(command, cwd=COPY, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as test:
        assert test.stdout is not None
        for line in test.stdout:
            print(line, end="", flush=True)
            if "kipping" in line or "skipped" in line:
                skipped.append(line.strip())
    print(f"ansible-test sanity: {'passed' if test.returncode == 0 else 'FAILED'}, skips: {len(skipped)}")
    for line in skipped:
        print(f"  {line}")
    return test.returncode


def main() -> int:
    """Lay everything out, then run; arguments go to ansible-test."""
    copy_source()
    if list(COPY.glob("tests/sanity/ignore-*")):
        print("This collection makes no exceptions: mend what an entry of tests/sanity/ignore-* hides.")
        return 1
    found = lay_out_interpreters()
    lay_out_pip(Path(os.environ["HOME"]))
    hand_over_pip_settings(Path(os.environ["HOME"]))
    print("Interpreters:", ", ".join(f"{version} {real}" for version, real in found.items()), flush=True)
    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
