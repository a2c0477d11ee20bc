# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for all tests here, and what it takes to ask it: transports, tasks, and AWS credentials."""
from __future__ import annotations

import dataclasses
import typing as t
from pathlib import Path

import pytest

from ansible_collections.convox.credentials.plugins.module_utils import tls
from ansible_collections.convox.credentials.plugins.module_utils.aws import Aws
from ansible_collections.convox.credentials.plugins.module_utils.aws_clients import Clients
from ansible_collections.convox.credentials.plugins.module_utils.keys import Secrets
from ansible_collections.convox.credentials.plugins.module_utils.task import Task
from ansible_collections.convox.credentials.plugins.module_utils.transport import Transport
from tests.standin import AWS_CREDENTIALS, Standin
from tests.standin.console import Console as StandinConsole
from tests.standin.rack import Rack as StandinRack
from tests.unit.plugins.module_utils.support import FastClock, StillClock, defaults
from tests.unit.standin.conftest import convox, new_rack, rack

__all__ = ["convox", "new_rack", "rack"]


@dataclasses.dataclass
class Asked:
    """What the stand-in was asked since the test began."""

    standin: Standin
    before: int

    def __call__(self, where: str | StandinRack = "", method: str | None = None, path: str | None = None) -> list[dict[str, t.Any]]:
        """The requests to a server: a rack, ``console`` or ``aws``; or all."""
        server = where if isinstance(where, str) else f"rack {where.name}"
        wanted = {"server": server or None, "method": method, "path": path}
        entries = self.standin.journal.entries()[self.before :]
        return [each for each in entries if all(value in (None, each[name]) for name, value in wanted.items())]


@pytest.fixture
def asked(convox: Standin) -> Asked:
    """Tells what was asked; a request is noted when it has been answered."""
    return Asked(convox, len(convox.journal.entries()))


@pytest.fixture
def console(convox: Standin) -> t.Iterator[StandinConsole]:
    """The Console, which is as it was after the test."""
    console = convox.console
    yield console
    console.faults.clear()
    console.set(challenge=False, hardware_token=False, expired=False)
    console.forget_sessions()
    console.records.clear()
    console.former_keys.clear()
    console.api_key, console.spec.deploy_keys = console.spec.api_key, ()


@pytest.fixture
def transport(convox: Standin) -> t.Iterator[t.Callable[..., Transport]]:
    """Makes transports that trust the stand-in's authority."""
    made: list[Transport] = []

    def make(host: str, trust: tls.Trust | None = None, **more: t.Any) -> Transport:
        values: dict[str, t.Any] = {"secrets": Secrets(), "clock": StillClock(), "timeout": 5, "retries": 0, **more}
        made.append(Transport(host, trust or tls.Trust(ca_path=convox.ca_path), **values))
        return made[-1]

    yield make
    for each in made:
        each.close()


@dataclasses.dataclass
class Tasks:
    """Makes tasks against the stand-in, with one directory of the CLI's files, and keeps their warnings."""

    standin: Standin
    config_dir: Path
    warnings: list[str] = dataclasses.field(default_factory=list)

    def __call__(self, environ: t.Mapping[str, str] | None = None, check_mode: bool = False, **options: t.Any) -> Task:
        values = {
            **defaults(),
            "config_dir": str(self.config_dir),
            "ca_path": self.standin.ca_path,
            "endpoint_url": self.standin.aws_url,
            "timeout": 5,
            "retries": 0,
            **options,
        }
        return Task(values, environ or {}, Secrets(), self.warnings.append, check_mode, FastClock())


@pytest.fixture
def tasks(convox: Standin, tmp_path: Path) -> Tasks:
    """Makes tasks with the default options, and those that are given."""
    return Tasks(convox, tmp_path / "convox")


@pytest.fixture
def aws_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """AWS credentials where boto3 looks for them; there are none otherwise."""
    for name, value in AWS_CREDENTIALS.items():
        monkeypatch.setenv(name.upper(), value)


@pytest.fixture(scope="session")
def aws_clients() -> Clients:
    """boto3's clients, which take long to make."""
    return Clients()


@pytest.fixture
def aws(convox: Standin, aws_environment: None, aws_clients: Clients) -> Aws:
    """The stand-in's AWS."""
    return Aws(Secrets(), StillClock(), "us-east-1", endpoint_url=convox.aws_url, timeout=5, clients=aws_clients)
