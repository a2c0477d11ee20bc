# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fleet, made for real: what is wrong with it is done to it as it happens (racks.py, around.py).

What an audit is to find in it is in expected.yml, written down by hand.
"""
from __future__ import annotations

import datetime
import json
import re
from pathlib import Path
from typing import Any

from ansible_collections.convox.credentials.plugins.module_utils.aws import Aws
from ansible_collections.convox.credentials.plugins.module_utils.keys import Secrets, digest
from ansible_collections.convox.credentials.plugins.module_utils.records import RACK_API_KEY, Pending, Record
from ansible_collections.convox.credentials.plugins.module_utils.store_file import FileStore
from ansible_collections.convox.credentials.plugins.module_utils.store_secretsmanager import SecretsManagerStore
from ansible_collections.convox.credentials.plugins.module_utils.times import Clock, format_date
from tests.integration.leaks import secrets_of
from tests.standin import AT_ONCE, ConsoleSpec, RackSpec, Standin
from tests.standin.rack import Rack
from tests.standin.spec import new_key

# Where nobody looks; the audit is told of the first two.
REGIONS = HERE, THERE, ELSEWHERE = "us-east-1", "eu-west-1", "ap-northeast-1"
TABLES = "convox"
_HOST = re.compile(r"(?:127\.0\.0\.1|localhost):(\d+)")


def ago(days: float) -> str:
    return format_date(datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=days))


class Fleet:
    """``home``: of who audits; ``people``: others' homes. AWS credentials are to be in the environment."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.home, self.people = root / "home", root / "people"
        self.config = self.home / ".config" / "convox"
        self.store = root / "stores" / "keys.json"
        self.ledger = self.config / "ledger.jsonl"
        self.dead_api_key = "0123456789abcdef" * 2
        # Keys that stand somewhere and that the stand-in never knew, or knows no more.
        self.keys = {self.dead_api_key}
        self.convox = Standin(console=ConsoleSpec(deploy_keys=("d" * 16 + "e" * 16,)), directory=root / "standin")
        for directory in (self.config, self.store.parent):
            directory.mkdir(mode=0o700, parents=True)
        self.log_in(self.convox.console.host, self.convox.console.api_key)

    def stop(self) -> None:
        self.convox.stop()

    # -- racks ----------------------------------------------------------------------------------------------------
    def rack(self, name: str, *, key_days: float = 20, pair_days: float = 30, **spec: Any) -> Rack:
        """A rack that a Console lists, with a key and a pair as old as that; nobody has noted its key."""
        values = {"name": name, "console": True, "key_pair": f"{name}-keypair-5000", "instances": 2, **AT_ONCE, **spec}
        rack = self.convox.add_rack(RackSpec(**values))
        rack.set_dates(key_days=key_days, pair_days=pair_days)
        return rack

    @staticmethod
    def set_password(rack: Rack, key: str, key_days: float = 2) -> None:
        """Somebody changes the key as the vendor says, so many days ago."""
        rack.set_password(key)
        rack.wait_at_rest()
        rack.set_dates(key_days=key_days)

    # -- who knows their keys -------------------------------------------------------------------------------------
    def log_in(self, host: str, key: str, config: Path | None = None) -> Path:
        """As after ``convox login``; by default, who audits. Returns the file."""
        directory = config or self.config
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = directory / "auth"
        before = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        path.write_text(json.dumps({**before, host: key}, indent=2), encoding="utf-8")
        path.chmod(0o600)
        self.keys.add(key)
        return path

    def note(self, rack: Rack, days: float = 20, *, key: str | None = None, pending: Pending | None = None, path: Path | None = None) -> None:
        """A store has noted that this key, by default that of the stack, was rolled so many days ago."""
        FileStore(str(path or self.config / "rotations.json")).save(self._record(rack, days, key or rack.key, pending))

    def note_in_vault(self, rack: Rack, days: float = 20, pending: Pending | None = None) -> None:
        """The same in AWS Secrets Manager."""
        aws = Aws(Secrets(), Clock(), HERE, endpoint_url=self.convox.aws_url)
        SecretsManagerStore(aws).save(self._record(rack, days, rack.key, pending))

    def _record(self, rack: Rack, days: float, key: str, pending: Pending | None) -> Record:
        self.keys |= {key, *([pending.key] if pending and pending.key else [])}
        noted = {"digest": digest(key), "rolled_at": ago(days), "rotation_ids": ("spring",)}
        return Record(RACK_API_KEY, rack.rack_domain, rack.name, rack.host, current=key, pending=pending, **noted)

    def other_key(self) -> str:
        """One that no rack has."""
        key = new_key()
        self.keys.add(key)
        return key

    # -- what is told of it ---------------------------------------------------------------------------------------
    def options(self, **more: Any) -> dict[str, Any]:
        """What the module is told to have all of it audited."""
        return {
            "host": self.convox.console.host,
            "console": True,
            "api_key": self.dead_api_key,
            "ca_path": self.convox.ca_path,
            "aws": [{"regions": [HERE, THERE]}],
            "racks": [self.convox.racks["named"].host],
            "region": HERE,
            "endpoint_url": self.convox.aws_url,
            "homes": [str(self.home), str(self.people / "*")],
            "stores": [{"type": "cli"}, {"type": "file", "path": str(self.store)}, {"type": "aws_secretsmanager"}],
            "tables": {"prefix": TABLES, "region": HERE},
            "policy_file": str(Path(__file__).with_name("policy.yml")),
            "timeout": 10,
            "retries": 0,
            "max_returned": 1000,
            **more,
        }

    def secrets(self) -> set[str]:
        """Every key and password that is or was anywhere in it."""
        return secrets_of(self.convox) | self.keys

    def plain(self, text: str) -> str:
        """With names in place of what is another one each time: addresses, the account, folders."""
        names = {str(rack.listener.port): f"{rack.name}.rack" for rack in self.convox.racks.values()}
        names[str(self.convox.console.listener.port)] = "console"
        text = _HOST.sub(lambda match: names.get(match[1], match[0]), text)
        return text.replace(self.convox.cloud.account, "account").replace(f"{self.root}/", "")
