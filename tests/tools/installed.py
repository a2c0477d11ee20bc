# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Install the artifact into an empty place, with an empty home, and use it from there: what is shipped has to be enough."""
from __future__ import annotations

import json
import subprocess
import sysconfig
import tarfile
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from tests.standin import AWS_CREDENTIALS, RackSpec, Standin

if TYPE_CHECKING:
    from collections.abc import Iterable

NAME = "convox.credentials"
BIN = Path(sysconfig.get_path("scripts"))
# The folder of each kind of plugin that has documentation of its own, and what ansible-doc calls it.
KINDS = {"modules": "module", "lookup": "lookup", "inventory": "inventory", "filter": "filter"}


class Unusable(Exception):
    """A program failed, or did not say what it had to."""


class Place:
    """An empty place, and Ansible in it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for name in ("home", "tmp", "collections"):
            (root / name).mkdir(parents=True)
        self.environment = {
            "PATH": f"{BIN}:/usr/bin:/bin",
            "LC_ALL": "C.UTF-8",
            "HOME": str(root / "home"),
            "TMPDIR": str(root / "tmp"),
            "ANSIBLE_HOME": str(root / "ansible"),
            "ANSIBLE_LOCAL_TEMP": str(root / "tmp"),
            "ANSIBLE_REMOTE_TEMP": str(root / "tmp"),
            "ANSIBLE_COLLECTIONS_PATH": str(root / "collections"),
            "ANSIBLE_NOCOLOR": "1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def run(self, *command: str, **variables: str) -> str:
        """Run one of Ansible's programs, which succeeds. Returns what it said."""
        done = subprocess.run(
            [str(BIN / command[0]), *command[1:]], cwd=self.root, env={**self.environment, **variables}, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, check=False,
        )
        if done.returncode != 0 or "WARNING" in done.stderr:
            raise Unusable(f"{' '.join(command)} ended with status {done.returncode}: {done.stdout}{done.stderr}")
        return done.stdout


def install(place: Place, artifact: Path) -> None:
    """As users do, but without a look at Galaxy, and compare every file with the manifest."""
    place.run("ansible-galaxy", "collection", "install", "--offline", "--collections-path", "collections", str(artifact))
    place.run("ansible-galaxy", "collection", "verify", "--offline", "--collections-path", "collections", NAME)


def documented(place: Place, shipped: Iterable[PurePosixPath]) -> None:
    """Each plugin and role that is in it is known to ansible-doc."""
    files = [path for path in shipped if path.suffix in (".py", ".yml")]
    for folder, kind in KINDS.items():
        # A file of filters is called otherwise than what is in it.
        names = {f"{NAME}.{path.stem}" for path in files if path.parent == PurePosixPath("plugins", folder)}
        listed = set(json.loads(place.run("ansible-doc", "--type", kind, "--list", "--json", NAME)))
        if kind != "filter" and names != listed:
            raise Unusable(f"ansible-doc lists these of type {kind}: {sorted(listed)}; shipped are {sorted(names)}")
        told = json.loads(place.run("ansible-doc", "--type", kind, "--json", *sorted(listed))) if listed else {}
        silent = [name for name in sorted(listed) if not told.get(name, {}).get("doc")]
        if silent:
            raise Unusable(f"ansible-doc tells nothing of {silent}")
    roles = {f"{NAME}.{path.parts[1]}" for path in files if path.parts[0] == "roles"}
    told = json.loads(place.run("ansible-doc", "--type", "role", "--json", *sorted(roles)))
    silent = [name for name in sorted(roles) if not told.get(name, {}).get("entry_points")]
    if silent:
        raise Unusable(f"ansible-doc tells nothing of the roles {silent}")


def playbooks_known(place: Place, shipped: Iterable[PurePosixPath]) -> None:
    """Each playbook is found by its public name, and all that it names is."""
    names = sorted(f"{NAME}.{path.stem}" for path in shipped if path.parent == PurePosixPath("playbooks") and path.suffix == ".yml")
    place.run("ansible-playbook", "--syntax-check", "-i", "localhost,", *names)


def audited(place: Place) -> None:
    """The playbook audit tells the truth about a rack, whose key is in force."""
    with Standin(directory=place.root / "standin") as convox:
        rack = convox.add_rack(RackSpec(name="alpha"))
        auth = place.root / "home" / ".config" / "convox" / "auth"
        auth.parent.mkdir(parents=True, mode=0o700)
        auth.write_text(json.dumps({rack.host: rack.key}), encoding="utf-8")
        auth.chmod(0o600)
        known = {"convox_host": rack.host, "convox_stack_name": rack.name, "convox_region": rack.region, "convox_ca_path": convox.ca_path}
        inventory = place.root / "inventory.json"
        inventory.write_text(json.dumps({"convox_racks": {"hosts": {rack.name: known}}}), encoding="utf-8")
        variables = {"convox_dest": "audit.json", "convox_config_dir": str(auth.parent), "convox_ca_path": convox.ca_path}
        aws = {"AWS_ENDPOINT_URL": convox.aws_url, **{name.upper(): value for name, value in AWS_CREDENTIALS.items()}}
        said = place.run("ansible-playbook", f"{NAME}.audit", "-i", inventory.name, "-e", json.dumps(variables), **aws)
        report = json.loads((place.root / "audit.json").read_text(encoding="utf-8"))
        found = [(each["id"], each["key"]) for each in report["racks"]]
        if found != [(rack.rack_domain, "in_force")]:
            raise Unusable(f"the audit found {found}: {said}")
        if rack.key in said + json.dumps(report):
            raise Unusable("the audit printed a key")


def problems(artifact: Path, root: Path) -> list[str]:
    """What stands in the way of its use."""
    with tarfile.open(artifact) as archive:
        shipped = [PurePosixPath(name) for name in archive.getnames()]
    place = Place(root)
    try:
        install(place, artifact)
        documented(place, shipped)
        playbooks_known(place, shipped)
        audited(place)
    except Unusable as problem:
        return [str(problem)]
    return []
