# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stand-in as a whole: one Console, any number of racks, AWS behind them, and a control address."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .cloud import Cloud
from .console import Console
from .control import Control
from .ecs import Ecs
from .faults import Faults
from .formation import Formation
from .journal import Journal
from .life import Life
from .rack import Rack
from .server import Listener
from .spec import ConsoleSpec, RackSpec
from .tls import Authority
from .truth import truth_of
from .vault import Vault

if TYPE_CHECKING:
    from collections.abc import Iterable

# Any will do for the emulator, but a client must have some.
AWS_CREDENTIALS = {"aws_access_key_id": "standin", "aws_secret_access_key": "standin"}


class Standin:
    """A Convox that runs on loopback until it is stopped."""

    def __init__(
        self, racks: Iterable[RackSpec] = (), console: ConsoleSpec | None = None, directory: str | Path | None = None
    ) -> None:
        self._own_directory = directory is None
        self.directory = Path(directory or tempfile.mkdtemp(prefix="standin-"))
        self.directory.mkdir(parents=True, exist_ok=True)
        self.life = Life()
        self.journal = Journal()
        self.racks: dict[str, Rack] = {}
        # A Console of ten thousand looks each of them up for one list.
        self._by_port: dict[str, Rack] = {}
        self._authority = Authority(self.directory)
        self.ca_path = str(self._authority.path)
        self.cloud = Cloud(Faults(self.life), self.journal)
        Ecs(self.cloud, self.racks)
        Formation(self.cloud, self.racks)
        self.vault = Vault(self.cloud)
        self.cloud.play("ec2", "DescribeInstances", self._forget_terminated)
        self.console = Console(console or ConsoleSpec(), self._authority, self.journal, self._find_rack)
        self._control = Listener(Control(self).answer)
        self.aws_url = self.cloud.url
        self.aws_faults = self.cloud.faults
        self.control_url = f"http://{self._control.address}"
        for spec in racks:
            self.add_rack(spec)
        self.cloud.listener.listen()
        self._control.listen()

    def __enter__(self) -> Standin:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.stop()

    def add_rack(self, spec: RackSpec) -> Rack:
        """Install a rack, which answers at once."""
        if spec.name in self.racks:
            raise ValueError(f"there is a rack {spec.name} already")
        rack = Rack(spec, self.cloud, self._authority, self.journal)
        self.racks[spec.name] = self._by_port[str(rack.listener.port)] = rack
        if spec.console:
            self.console.import_rack(rack, spec.console_key)
        return rack

    def remove_rack(self, name: str) -> None:
        """Take a rack away; Console is not told."""
        rack = self.racks.pop(name)
        del self._by_port[str(rack.listener.port)]
        rack.remove()

    def clear_faults(self) -> None:
        """Let everything go well again."""
        for faults in (self.aws_faults, self.console.faults, *(rack.faults for rack in list(self.racks.values()))):
            faults.clear()

    def truth(self, requests: int | None = None) -> dict[str, Any]:
        """What nobody could know from outside: which keys are good, where, and since when; and the last requests."""
        return truth_of(self, requests)

    def addresses(self) -> dict[str, Any]:
        """What a client needs to reach everything."""
        console = self.console
        return {
            "ca_path": self.ca_path,
            "control_url": self.control_url,
            "aws_url": self.aws_url,
            "region": next((rack.region for rack in self.racks.values()), RackSpec.region),
            "aws_credentials": AWS_CREDENTIALS,
            "console": {
                "host": console.host,
                "url": console.url,
                "email": console.email,
                "password": console.password,
                "api_key": console.api_key,
                "organization": console.organization,
            },
            "racks": {
                rack.name: {
                    "host": rack.host,
                    "url": rack.url,
                    "key": rack.key,
                    "stack_name": rack.name,
                    "version": rack.version,
                    "region": rack.region,
                }
                for rack in list(self.racks.values())
            },
        }

    def stop(self) -> None:
        """Close every address and end everything that goes on; a second time does nothing."""
        self.life.stop()
        for each in (self._control, self.cloud.listener):
            each.close()
        self.console.stop()
        for rack in list(self.racks.values()):
            rack.stop()
        if self._own_directory:
            shutil.rmtree(self.directory, ignore_errors=True)

    def _forget_terminated(self, _region: str, _fields: dict[str, Any]) -> None:
        for rack in list(self.racks.values()):
            rack.instances.forget_terminated()

    def _find_rack(self, hostname: str) -> Rack | None:
        return self._by_port.get(hostname.rpartition(":")[2])
