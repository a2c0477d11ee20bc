# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The artifact holds what users need and nothing of the workshop: no environment, home, cache or secret."""
from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path, PurePosixPath

import pytest
import yaml

from ansible_collections.convox.credentials.plugins.module_utils import release
from tests.places import ROOT
from tests.tools.sanity import source_files

# Whoever adds a folder to the collection says here that users are to get it.
TOP = {
    "CHANGELOG.md", "COPYING", "FILES.json", "LICENSES", "MANIFEST.json", "README.md", "SECURITY.md", "awx", "changelogs", "docs", "meta",
    "playbooks", "plugins", "requirements.txt", "roles", "tests",
}
TESTS = {"tests", "tests/config.yml"}
SUFFIXES = {"", ".j2", ".json", ".md", ".py", ".svg", ".txt", ".yaml", ".yml"}
NEEDED = {
    "COPYING", "FILES.json", "LICENSES/GPL-3.0-or-later.txt", "MANIFEST.json", "README.md", "changelogs/changelog.yaml",
    "meta/execution-environment.yml", "meta/runtime.yml", "plugins/module_utils/rotation.py", "requirements.txt",
    "SECURITY.md", "docs/docsite/links.yml", "tests/config.yml",
}
# Of the site only what antsibull-docs reads at docs.ansible.com.
DOCSITE = {"docs/docsite", "docs/docsite/links.yml"}
# What lies about in a checkout where people work.
LITTER = (
    ".ansible/tmp/arguments", ".cache/home/.convox/auth", ".ci/run", ".demo/home/.config/convox/auth", ".env",
    ".hypothesis/unicode_data", ".venv-demo/bin/python", ".venv/pyvenv.cfg",
    "collections/ansible_collections/convox/credentials/README.md", "convox-credentials-0.0.9.tar.gz",
    "htmlcov/index.html", "plugins/module_utils/.convox/auth", "plugins/modules/__pycache__/rack_keyroll.cpython-311.pyc",
    "tests/bench/bench.py", "tests/demo/__main__.py", "tests/output/junit/sanity.xml", "tests/standin/__main__.py",
)


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> tarfile.TarFile:
    """Build the collection from a copy of the checkout with litter in it."""
    copy, out = tmp_path_factory.mktemp("checkout"), tmp_path_factory.mktemp("artifact")
    for name in source_files():
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, copy / name, follow_symlinks=False)
    for name in LITTER:
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        (copy / name).write_text("litter", encoding="utf-8")
    galaxy = Path(sys.executable).with_name("ansible-galaxy")
    subprocess.run([str(galaxy), "collection", "build", "--output-path", str(out), str(copy)], check=True, capture_output=True)
    (path,) = out.iterdir()
    return tarfile.open(path)


@pytest.fixture(scope="module")
def names(artifact: tarfile.TarFile) -> set[str]:
    """Everything in it, folders too, by its path in the collection."""
    return {str(PurePosixPath(name)) for name in artifact.getnames()}


def test_what_is_needed_is_in_it(names: set[str]) -> None:
    assert sorted(NEEDED - names) == []


def test_nothing_else_is_at_the_top(names: set[str]) -> None:
    assert sorted({name.partition("/")[0] for name in names} - TOP) == []


def test_of_the_tests_only_what_tools_read_is_in_it(names: set[str]) -> None:
    assert sorted({name for name in names if name.split("/")[0] == "tests"} - TESTS) == []


def test_of_the_site_only_what_is_read_elsewhere_is_in_it(names: set[str]) -> None:
    assert {name for name in names if name.startswith("docs/docsite")} == DOCSITE


def test_no_hidden_file_cache_or_unknown_kind_is_in_it(names: set[str]) -> None:
    def suspicious(path: PurePosixPath) -> bool:
        return any(part.startswith((".", "__pycache__")) for part in path.parts) or path.suffix not in SUFFIXES

    assert sorted(name for name in names if suspicious(PurePosixPath(name))) == []


def test_every_file_is_one_of_the_sources(artifact: tarfile.TarFile) -> None:
    files = {member.name for member in artifact.getmembers() if not member.isdir()}
    assert sorted(files - source_files() - {"FILES.json", "MANIFEST.json"}) == []


def test_the_manifest_says_what_it_is(artifact: tarfile.TarFile) -> None:
    manifest = artifact.extractfile("MANIFEST.json")
    assert manifest is not None
    info = json.load(manifest)["collection_info"]
    assert (info["namespace"], info["name"], info["license"]) == ("convox", "credentials", ["GPL-3.0-or-later"])
    assert (f"{info['namespace']}.{info['name']}", info["version"]) == (release.NAME, release.VERSION)


def test_the_action_group_is_all_modules(names: set[str]) -> None:
    """But for actions, which do not take the options that a group is for."""
    groups = yaml.safe_load((ROOT / "meta" / "runtime.yml").read_text(encoding="utf-8"))["action_groups"]
    modules = {PurePosixPath(name).stem for name in names if PurePosixPath(name).match("plugins/modules/*.py")}
    modules -= {PurePosixPath(name).stem for name in names if PurePosixPath(name).match("plugins/action/*.py")}
    assert sorted(groups["convox"]) == sorted(modules)
