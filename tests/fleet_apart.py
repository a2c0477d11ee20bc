# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Racks in a stand-in of its own process, a home that is logged in to all of them, and what a program takes that runs there.

For whoever measures: the stand-in's work is then no part of the work of the process that measures.
"""
from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests

from tests.integration.ansible import PROGRAM, environment_in, kill_with_descendants
from tests.places import ROOT
from tests.proc import stat_of
from tests.standin import AT_ONCE, AWS_CREDENTIALS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Self


# Ansible's own default.
FORKS = 5


@dataclass
class Run:
    """What a program took. ``seconds``: from start to end. ``cpu``, seconds, and ``peak_mb``: of it and those that it waited for."""

    seconds: float
    cpu: float
    peak_mb: float


class FleetApart:
    """``racks``: as of a stand-in's fleet file. Everything is below ``root``."""

    def __init__(self, root: Path, racks: Sequence[dict[str, Any]]) -> None:
        root.mkdir(parents=True)
        self.root = root
        self.names = [str(each["name"]) for each in racks]
        (root / "fleet.json").write_text(json.dumps({"racks": [{**AT_ONCE, **each} for each in racks]}), encoding="utf-8")
        command = [sys.executable, "-m", "tests.standin", "--until-eof", "--fleet", str(root / "fleet.json"), "--dir", str(root / "standin")]
        self._standin = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._standin.stdout is not None
        self.convox: dict[str, Any] = json.loads(self._standin.stdout.readline())
        self.ca_path = str(root / "authorities.pem")
        self.environment = {**environment_in(root), **self._settings()}
        self._log_in()

    def _settings(self) -> dict[str, str]:
        """As many authorities as people have: reading them takes longer than a request."""
        parts = [Path(requests.utils.DEFAULT_CA_BUNDLE_PATH), Path(self.convox["ca_path"])]
        Path(self.ca_path).write_text("\n".join(part.read_text(encoding="utf-8") for part in parts), encoding="utf-8")
        aws = {name.upper(): value for name, value in AWS_CREDENTIALS.items()}
        return {"REQUESTS_CA_BUNDLE": self.ca_path, "AWS_ENDPOINT_URL": self.convox["aws_url"], "ANSIBLE_NOCOLOR": "1", **aws}

    def _log_in(self) -> None:
        console, racks = self.convox["console"], self.convox["racks"].values()
        auth = self.root / "home" / ".config" / "convox" / "auth"
        auth.parent.mkdir(parents=True, mode=0o700)
        auth.touch(0o600)
        auth.write_text(json.dumps({console["host"]: console["api_key"], **{rack["host"]: rack["key"] for rack in racks}}, indent=2), encoding="utf-8")

    def host(self, name: str) -> str:
        return str(self.convox["racks"][name]["host"])

    def own_cpu(self) -> float:
        """Seconds of CPU that the stand-in itself has taken so far: what racks, Console and AWS would do elsewhere."""
        fields = stat_of(self._standin.pid)
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self) -> None:
        self._standin.communicate()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.stop()

    def run(self, command: Sequence[str], patience: float = 240.0, **environment: str) -> Run:
        """Run a program to its end, which is a good one."""
        output = self.root / "output"
        began = time.monotonic()
        with output.open("wb") as file:
            process = subprocess.Popen(
                list(command),
                cwd=self.root,
                env={**self.environment, **environment},
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        used = None
        try:
            while used is None:
                pid, status, usage = os.wait4(process.pid, os.WNOHANG)
                if pid:
                    process.returncode, used = os.waitstatus_to_exitcode(status), usage
                    break
                assert time.monotonic() < began + patience, f"{command[0]} took too long:\n{output.read_text(encoding='utf-8')}"
                time.sleep(0.002)
        finally:
            if used is None:
                kill_with_descendants(process)
        seconds = time.monotonic() - began
        assert process.returncode == 0, output.read_text(encoding="utf-8", errors="replace")
        return Run(seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)

    def play(self, play: str | list[dict[str, Any]], *arguments: str, patience: float = 240.0) -> Run:
        """Run a playbook, by its name or as it would be written."""
        if not isinstance(play, str):
            path = self.root / "play.yml"
            path.write_text(json.dumps(play), encoding="utf-8")
            play = str(path)
        return self.run([str(PROGRAM), *arguments, play], patience)

    def tasks(
        self,
        tasks: list[dict[str, Any]],
        hosts: str = "localhost",
        *,
        inventory: str = "localhost,",
        python: str = sys.executable,
        patience: float = 240.0,
        **play: Any,
    ) -> Run:
        """Run a play of these tasks on this machine. ``python``: what modules run by."""
        variables = {"ansible_connection": "local", "ansible_python_interpreter": python, "ansible_pipelining": True}
        whole = {"hosts": hosts, "gather_facts": False, "vars": variables, "tasks": tasks, **play}
        return self.play([whole], "-i", inventory, "--forks", str(FORKS), patience=patience)

    def inventory(self, **everywhere: Any) -> str:
        """A file in which each rack is a host of convox_racks. Returns its path."""
        path = self.root / "inventory.json"
        hosts = {name: {"convox_host": self.host(name)} for name in self.names}
        path.write_text(json.dumps({"all": {"vars": everywhere}, "convox_racks": {"hosts": hosts}}), encoding="utf-8")
        return str(path)

    def control(self, method: str, verb: str, **values: Any) -> Any:
        reply = requests.request(method, f"{self.convox['control_url']}/{verb}", json=values or None, timeout=60)
        reply.raise_for_status()
        return reply.json()
