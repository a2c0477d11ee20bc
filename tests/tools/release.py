# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hold the built artifact to what a release must be, and say what it is. Nothing is uploaded, and nothing is changed.

The version and the changelog, the licences, Galaxy's own importer, and a use of it from an empty place
(tests/tools/installed.py). Every part is looked at, whatever the first ones find. With ``--tag v1.2.3`` the release is due:
then the changelog has to have it, and no fragment may be left.
"""
from __future__ import annotations

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from ansible.utils.version import SemanticVersion

from tests.places import CACHE, ROOT
from tests.tools import installed
from tests.tools.sanity import source_files

if TYPE_CHECKING:
    from collections.abc import Iterable

BIN = Path(sysconfig.get_path("scripts"))
# The importer and the licences' linter want other packages than the rest can have.
APART = ROOT / ".venv-release" / "bin"
IMPORTER = """\
[galaxy-importer]
CHECK_CHANGELOG = True
CHECK_REQUIRED_TAGS = True
OFFLINE_ANSIBLE_LINT = True
RUN_ANSIBLE_DOC = True
RUN_ANSIBLE_LINT = True
RUN_ANSIBLE_TEST = False
"""


def galaxy() -> dict[str, Any]:
    """What galaxy.yml says."""
    found: dict[str, Any] = yaml.safe_load((ROOT / "galaxy.yml").read_text(encoding="utf-8"))
    return found


def artifact() -> Path:
    """Where `make build` left it."""
    about = galaxy()
    return ROOT / f"{about['namespace']}-{about['name']}-{about['version']}.tar.gz"


def output_of(command: list[str], cwd: Path = ROOT, **environment: str) -> tuple[int, str]:
    """Run a program to its end. Returns its status and all that it said."""
    done = subprocess.run(
        command, cwd=cwd, env={**os.environ, **environment}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, check=False,
    )
    return done.returncode, done.stdout.strip()


def copy_to(place: Path, names: Iterable[str]) -> None:
    """Copy these files of the checkout, as a repository of their own: the tools ask git which files there are."""
    for name in names:
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, place / name, follow_symlinks=False)
    subprocess.run(["git", "init", "--quiet", str(place)], check=True)


def version_problems(version: str, tag: str | None) -> list[str]:
    """It is one of semantic versioning, by Galaxy's own reading, and the tag's."""
    problems = []
    try:
        SemanticVersion(version)
    except ValueError:
        problems.append(f"galaxy.yml: {version} is no semantic version")
    if tag not in (None, f"v{version}"):
        problems.append(f"the tag {tag} is not v{version}, which galaxy.yml says")
    return problems


def changelog_problems(version: str, *, due: bool) -> list[str]:
    """Fragments are well-formed, and the changelog is whole, or can be made: tried in a copy."""
    fragments = sorted(path.name for path in (ROOT / "changelogs" / "fragments").glob("*.y*ml"))
    releases = yaml.safe_load((ROOT / "changelogs" / "changelog.yaml").read_text(encoding="utf-8"))["releases"]
    status, said = output_of([str(BIN / "antsibull-changelog"), "lint"])
    problems = [f"antsibull-changelog lint: {said}"] if status else []
    if version in releases:
        problems += [f"{version} is released, and has no part in: {', '.join(fragments)}"] if fragments else []
        return problems + changelog_differs("generate")
    if due:
        problems.append(f"the changelog has no {version}: run `make changelog`")
    if not fragments:
        problems.append(f"there is neither a {version} in the changelog nor a fragment for it")
    newer = [each for each in releases if SemanticVersion(each) >= SemanticVersion(version)]
    problems += [f"galaxy.yml: {version} is not after {', '.join(newer)}"] if newer else []
    return problems + changelog_differs("release")


def changelog_differs(command: str) -> list[str]:
    """Have the changelog made in a copy. ``generate`` has to make the very one that is here, ``release`` one with the version."""
    with tempfile.TemporaryDirectory() as place:
        copy = Path(place, "ansible_collections", "convox", "credentials")
        copy_to(copy, (name for name in source_files() if not name.startswith(("tests/", "docs/"))))
        before = (copy / "CHANGELOG.md").read_text(encoding="utf-8") if (copy / "CHANGELOG.md").is_file() else ""
        status, said = output_of([str(BIN / "antsibull-changelog"), command], copy)
        after = (copy / "CHANGELOG.md").read_text(encoding="utf-8") if status == 0 else ""
    if status:
        return [f"antsibull-changelog {command}: {said}"]
    if command == "generate":
        return [] if before == after else ["CHANGELOG.md is not what changelogs/changelog.yaml makes"]
    heading = f"## v{galaxy()['version']}\n"
    return [] if heading in after.replace("\\", "") else [f"antsibull-changelog release wrote no {heading.strip()}"]


def importer_problems(path: Path, place: Path) -> list[str]:
    """Galaxy's importer takes it without a warning. It tells them only in what it prints."""
    settings = place / "galaxy-importer.cfg"
    settings.write_text(IMPORTER, encoding="utf-8")
    environment = {"PATH": f"{APART}:{os.environ['PATH']}", "GALAXY_IMPORTER_CONFIG": str(settings)}
    status, said = output_of([str(APART / "python"), "-m", "galaxy_importer.main", str(path)], place, **environment)
    (place / "importer.log").write_text(said + "\n", encoding="utf-8")
    problems = re.findall(r"^(?:WARNING|ERROR|CRITICAL): .*", said, re.MULTILINE)
    # What could not be imported has no result, whatever the status is.
    whole = status == 0 and (place / "importer_result.json").is_file()
    return problems if whole else [*problems, f"it did not come to its end: {said[-2000:]}"]


def licence_problems(place: Path) -> list[str]:
    """Every file of the checkout says its licence, as REUSE has it; asked in a copy, without what lies about."""
    copy_to(place, source_files())
    status, said = output_of([str(APART / "reuse"), "lint", "--lines"], place)
    return said.splitlines() if status else []


def main() -> int:
    """Every part in its turn."""
    parser = argparse.ArgumentParser(prog="make release ARGS=...", description=__doc__)
    parser.add_argument("--tag", help="the git tag of the release that is due")
    tag = parser.parse_args().tag
    path, version = artifact(), galaxy()["version"]
    place = CACHE / "release"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    parts = {
        "version": lambda: version_problems(version, tag),
        "changelog": lambda: changelog_problems(version, due=bool(tag)),
        "licences": lambda: licence_problems(place / "checkout"),
        "importer": lambda: importer_problems(path, place),
        "use": lambda: installed.problems(path, place / "use"),
    }
    failed = False
    for name, part in parts.items():
        problems = part()
        failed |= bool(problems)
        print(f"{name}: {'FAILED' if problems else 'passed'}", *problems, sep="\n  ", flush=True)
    print(f"{path.name}: {path.stat().st_size} bytes, SHA-256 {hashlib.sha256(path.read_bytes()).hexdigest()}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
