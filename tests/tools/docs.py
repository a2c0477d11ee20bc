# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Build the site below .cache/docs/html: the pages of the checkout, and the reference of what the collection holds.

The Markdown files are laid out as they are in the checkout, so that their links lead to each other here as they do there.
A warning of antsibull-docs or Sphinx fails the build, a link that leads nowhere among them.
"""
from __future__ import annotations

import os
import posixpath
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import yaml

from tests.places import CACHE, COLLECTIONS, ROOT, link_collection
from tests.tools.sanity import source_files

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

BIN = Path(sysconfig.get_path("scripts"))
SETTINGS = ROOT / "docs" / "docsite"
SITE = CACHE / "docs"
SOURCE, HTML = SITE / "source", SITE / "html"
# The start page has to be called so.
START = {"README.md": "index.md"}
# The groups of the sidebar, in its order, by folder; others come after these, by their own names.
CAPTIONS = {
    "docs": "Topics",
    "roles": "Roles",
    "": "The project",
    "tests": "The tests",
}
# Folders that are one entry each stand before them, in this order.
FIRST = "Documentation"
ENTRIES = ("docs/guides", "docs/troubleshooting", "docs/findings", "playbooks", "reference")
IMAGES = (".png", ".svg")
_FENCE = re.compile(r"^\s*(```+|~~~+)")
_LINK = re.compile(r"(?<=\]\()(?P<path>[^()\s#]+)(?P<anchor>#[^()\s]*)?(?=\))")


def pages_among(files: Iterable[str]) -> list[str]:
    """The Markdown files that are for people, hidden ones left out, which are GitHub's."""
    return sorted(name for name in files if name.endswith(".md") and not name.startswith("."))


def with_links(text: str, page: str, files: Collection[str], repository: str) -> str:
    """The page's text, its links to what is no page leading to the repository, and links to folders to their README."""

    def moved(found: re.Match[str]) -> str:
        path, anchor = found["path"], found["anchor"] or ""
        if re.match(r"[a-z]+:", path):
            return found[0]
        target = posixpath.normpath(posixpath.join(posixpath.dirname(page), path))
        if f"{target}/README.md" in files:
            target += "/README.md"
        if target in files and target.endswith(".md") and not target.startswith("."):
            return posixpath.relpath(START.get(target, target), posixpath.dirname(page) or ".") + anchor
        if target in files and target.endswith(IMAGES):
            return found[0]  # it is laid out beside its page
        if target in files or any(name.startswith(f"{target}/") for name in files):
            return f"{repository}/{'blob' if target in files else 'tree'}/main/{target}{anchor}"
        return found[0]  # it leads nowhere, as Sphinx will say

    lines, fence = [], ""
    for line in text.splitlines(keepends=True):
        mark = _FENCE.match(line)
        if mark and not fence:
            fence = mark[1]
        elif mark and mark[1].startswith(fence) and line.strip() == mark[1]:
            fence = ""
        lines.append(line if fence else _LINK.sub(moved, line))
    return "".join(lines)


def toctree(entries: Iterable[str], caption: str = "") -> str:
    """A list of pages for the sidebar, as MyST has it. The reference's own title is the collection's name."""
    titles = {"reference/index": "Reference </reference/index>"}
    options = ["```{toctree}", ":hidden:", *([f":caption: {caption}"] if caption else []), ""]
    return "\n".join(["", *options, *(titles.get(entry, f"/{entry.removesuffix('.md')}") for entry in entries), "```", ""])


def sidebar(pages: Collection[str]) -> dict[str, str]:
    """What is added to which page, so that each is in the sidebar once: a folder's README holds the rest of its folder."""
    folders: dict[str, list[str]] = {}
    added: dict[str, str] = {}
    for page in pages:
        if page not in START:
            folders.setdefault(posixpath.dirname(page), []).append(page)
    entries = {"reference": "reference/index"}
    groups: dict[str, list[str]] = {}
    for folder, members in sorted(folders.items()):
        readme = f"{folder}/README.md"
        rest = [page for page in members if page != readme]
        if readme not in members:
            groups.setdefault(folder, []).extend(rest)
            continue
        if rest:
            added[readme] = toctree(rest)
        if posixpath.dirname(folder) in CAPTIONS and folder not in ENTRIES:
            groups.setdefault(posixpath.dirname(folder), []).append(readme)
        else:
            entries[folder] = readme
    first = [entries[name] for name in sorted(entries, key=lambda folder: _place(folder, ENTRIES))]
    added["README.md"] = toctree(first, FIRST)
    for name in sorted(groups, key=lambda folder: _place(folder, list(CAPTIONS))):
        added["README.md"] += toctree(groups[name], CAPTIONS.get(name, PurePosixPath(name).name.replace("_", " ").capitalize()))
    return added


def _place(folder: str, order: Sequence[str]) -> tuple[int, str]:
    """Where it comes: those that are named first, then the others by name."""
    return order.index(folder) if folder in order else len(order), folder


def lay_out(source: Path) -> None:
    """Write the pages, and the pictures in them, where Sphinx reads them."""
    files = source_files()
    repository = yaml.safe_load((ROOT / "galaxy.yml").read_text(encoding="utf-8"))["repository"]
    pages = pages_among(files)
    added = sidebar(pages)
    for page in pages:
        target = source / START.get(page, page)
        target.parent.mkdir(parents=True, exist_ok=True)
        text = with_links((ROOT / page).read_text(encoding="utf-8"), page, files, repository)
        target.write_text(text + added.get(page, ""), encoding="utf-8")
    for picture in (name for name in files if name.startswith("docs/") and name.endswith(IMAGES)):
        (source / picture).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / picture, source / picture)


def run(*command: str) -> None:
    """Run a program of this environment, and end with its status if it fails."""
    print("---", *command, flush=True)
    environment = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS), "PATH": f"{BIN}:{os.environ['PATH']}"}
    status = subprocess.run([str(BIN / command[0]), *command[1:]], cwd=ROOT, env=environment, check=False).returncode
    if status != 0:
        sys.exit(status)


def main() -> None:
    """Lint, lay out, build."""
    link_collection()
    # What Sphinx has read before it says no warning of again.
    shutil.rmtree(SITE, ignore_errors=True)
    reference = SOURCE / "reference"
    reference.mkdir(parents=True, mode=0o755)
    run("antsibull-docs", "lint-collection-docs", "--plugin-docs", "--validate-collection-refs", "all", "--disallow-unknown-collection-refs", str(ROOT))
    options = ("--use-current", "--squash-hierarchy", "--fail-on-error", "--cleanup", "everything", "--dest-dir", str(reference))
    run("antsibull-docs", "collection", *options, "convox.credentials")
    lay_out(SOURCE)
    run("sphinx-build", "-q", "-W", "--keep-going", "-j", "auto", "-c", str(SETTINGS), "-d", str(SITE / "doctrees"), str(SOURCE), str(HTML))
    print(f"{len(list(HTML.rglob('*.html')))} pages: {(HTML / 'index.html').relative_to(ROOT)}")


if __name__ == "__main__":
    main()
