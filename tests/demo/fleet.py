# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fleet of the demonstration, as the stand-in plays it and as an inventory describes it."""

from __future__ import annotations

import contextlib
import hashlib
import json
import subprocess
import sys
import urllib.request
from typing import TYPE_CHECKING, Any

from tests.places import ROOT

from . import processes

if TYPE_CHECKING:
    from pathlib import Path

# Real times are minutes; these are long enough to see what happens in between.
_TIMES = {"update_seconds": 4.0, "restart_seconds": 2.0, "drain_seconds": 2.0, "instance_seconds": 1.0}
# The default is 35 s, for a container that is being stopped goes on answering for half a minute at AWS. Here it is 2 s.
CONFIRM_PERIOD = 20
EMAIL = "deploy@example.com"
FLEET = {
    "console": {"organization": "acme", "email": EMAIL},
    "racks": [
        {"name": "alpha", "key_pair": "alpha-keypair-1234", **_TIMES},
        {"name": "beta", **_TIMES},
        {"name": "gamma", "high_availability": False, **_TIMES},
    ],
}
# How each rack's key is rolled: what its host in the inventory says beside where it is.
HOW = {
    "alpha": {"convox_api_key": "{{ lookup('ansible.builtin.env', 'ALPHA_KEY') }}"},
    "beta": {"convox_method": "cloudformation", "convox_stack_name": "beta", "convox_region": "us-east-1"},
    "gamma": {
        "convox_api_key": "{{ lookup('ansible.builtin.env', 'GAMMA_KEY') }}",
        "convox_method": "api",
        "convox_activate": "signing_key",
    },
}


def fingerprint(key: str | None) -> str:
    """As the collection tells keys apart."""
    return hashlib.sha256(key.encode()).hexdigest()[:12] if key else "none"


class Fleet:
    """The stand-in, as a program of its own."""

    def __init__(self, directory: Path, environment: dict[str, str], log: Path) -> None:
        description = directory / "fleet.json"
        description.write_text(json.dumps(FLEET, indent=2), encoding="utf-8")
        command = [sys.executable, "-m", "tests.standin", "--fleet", str(description), "--dir", str(directory / "standin"), "--until-eof"]
        with log.open("w", encoding="utf-8") as errors:
            self._process = processes.start(command, environment, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors)
        line = self._process.stdout.readline() if self._process.stdout else ""
        if not line:
            raise SystemExit(f"the stand-in did not start; see {log}")
        self.addresses: dict[str, Any] = json.loads(line)
        self.before = self.truth()

    def truth(self) -> dict[str, Any]:
        """What nobody could know from outside, without the requests."""
        return self._ask("/truth?requests=0")

    def wait_at_rest(self) -> None:
        """Until nothing goes on in any rack."""
        for name in self.addresses["racks"]:
            self._ask(f"/racks/{name}/wait", {"seconds": 30})

    def stop(self) -> None:
        """End it as its starter's end would."""
        with contextlib.suppress(BrokenPipeError):
            self._process.communicate(timeout=10)

    def inventory(self) -> dict[str, Any]:
        """Hosts that nobody logs into."""
        racks = self.addresses["racks"]
        return {
            "all": {"vars": {"convox_ca_path": self.addresses["ca_path"]}},
            "convox_racks": {
                "vars": {"convox_confirm_period": CONFIRM_PERIOD},
                "hosts": {name: {"convox_host": racks[name]["host"], **how} for name, how in HOW.items()},
            },
        }

    def _ask(self, path: str, values: dict[str, Any] | None = None) -> Any:
        request = urllib.request.Request(self.addresses["control_url"] + path, method="GET")  # noqa: S310
        if values is not None:
            request = urllib.request.Request(  # noqa: S310
                self.addresses["control_url"] + path, json.dumps(values).encode(), {"Content-Type": "application/json"}
            )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=60) as reply:
            return json.load(reply)
