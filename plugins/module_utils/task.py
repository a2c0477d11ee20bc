# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""What one task was given, without Ansible: what the modules hand to the work, and tests hand to it alike."""

from __future__ import annotations

import dataclasses
import re
import typing as t
import urllib.parse

from ansible_collections.convox.credentials.plugins.module_utils.aws_clients import Clients
from ansible_collections.convox.credentials.plugins.module_utils.cli_config import CliConfig
from ansible_collections.convox.credentials.plugins.module_utils.errors import printable
from ansible_collections.convox.credentials.plugins.module_utils.keys import Secrets, fingerprint
from ansible_collections.convox.credentials.plugins.module_utils.times import Clock

if t.TYPE_CHECKING:
    from ansible_collections.convox.credentials.plugins.module_utils.aws import Aws
    from ansible_collections.convox.credentials.plugins.module_utils.stores import StoreSet

_HOLDS_URL = re.compile("PROXY$|URL", re.IGNORECASE)


class Standing(t.NamedTuple):
    """How far a run got and what it waits for, to be shown while it does. ``status``: the last word heard of that."""

    phase: str
    waiting_for: str
    status: str


@dataclasses.dataclass
class Task:
    """``options``: the module's parameters. ``warn``: one line to the user. ``environ``: where options fall back to.

    ``show``: takes in where the run stands before it waits. ``clients``: AWS's, which tasks of one process share.
    """

    options: t.Mapping[str, t.Any]
    environ: t.Mapping[str, str]
    secrets: Secrets
    warn: t.Callable[[str], None]
    check_mode: bool = False
    clock: Clock = dataclasses.field(default_factory=Clock)
    show: t.Callable[[Standing], None] = lambda standing: None
    clients: Clients = dataclasses.field(default_factory=Clients)

    def __post_init__(self) -> None:
        self._warned: set[str] = set()
        # By host, those that this run opened at a Console.
        self.sessions: dict[str, str] = {}
        self.cli = CliConfig.find(self.options.get("config_dir") or self.environ.get("CONVOX_CONFIG"), self.environ)

    def stores(self) -> StoreSet:
        stores = self.stores_to_read()
        stores.refuse_short_lived(self.environ)
        return stores

    def stores_to_read(self) -> StoreSet:
        """The same, where nothing is rolled: then none of them is too short-lived."""
        # Not at the top, as little as AWS: each task pays for what it loads (docs/performance.md).
        from ansible_collections.convox.credentials.plugins.module_utils.stores import StoreSet

        return StoreSet(self.options["stores"], self.cli, self.secrets, self.aws, self.options.get("email"))

    def aws(self) -> Aws:
        """AWS as the options say; nobody is asked yet."""
        from ansible_collections.convox.credentials.plugins.module_utils.aws import Aws

        region, profile, endpoint_url = (self.options.get(name) for name in ("region", "profile", "endpoint_url"))
        return Aws(self.secrets, self.clock, region, profile, endpoint_url, float(self.options["timeout"]), self.clients)

    def warn_once(self, text: str) -> None:
        if text not in self._warned:
            self._warned.add(text)
            self.warn(self.secrets.redact(printable(text)))

    def name_other_login(self, label: str, host: str, in_force: str | None) -> None:
        """An entry of somebody else's for this very host is left (architecture 4, Commit); the run that left it may have died."""
        other = self.cli.key(host)
        if in_force is None or other is None or other == in_force:
            return
        self.secrets.add(other)
        self.warn_once(
            f"{label}: the CLI's auth has another key ({fingerprint(other)}) for {host}, which this roll did not touch; log in anew if that is not wanted"
        )


def conceal_urls(secrets: Secrets, options: t.Mapping[str, t.Any], environ: t.Mapping[str, str]) -> None:
    """Nothing shows what a URL carries before its host, for errors of libraries and Ansible itself (-vvv) show URLs whole."""
    urls = [value for name, value in options.items() if name == "host" or (isinstance(value, str) and "//" in value)]
    for url in urls + [value for name, value in environ.items() if _HOLDS_URL.search(name)]:
        # Up to the last @: in a password that nobody encoded, anything can stand.
        before, at, dummy = (url or "").rpartition("@")
        credentials = before.partition("//")[2] or before
        secrets.add(credentials + at if credentials else None)
        # As libraries show it once they took the URL apart.
        password = credentials.partition(":")[2]
        for each in (password, urllib.parse.unquote(password)):
            secrets.add_unless_short(each)
