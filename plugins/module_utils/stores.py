# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""Where keys are kept: the kinds of stores, and those of one run as one.

A store keeps records (records.py). It writes each one durably or raises; what it does at the end of a rotation with
the key that came into force is its ``promote``. To add a kind: one file with a class as store.py says, and its name here.
"""

from __future__ import annotations

import typing as t

from ansible_collections.convox.credentials.plugins.module_utils import records
from ansible_collections.convox.credentials.plugins.module_utils.cli_config import CliConfig
from ansible_collections.convox.credentials.plugins.module_utils.errors import BadInput, Damaged, Held, StoreFailed
from ansible_collections.convox.credentials.plugins.module_utils.keys import Secrets
from ansible_collections.convox.credentials.plugins.module_utils.records import Record
from ansible_collections.convox.credentials.plugins.module_utils.store import Promotion, Store, overtaken, staged_meanwhile
from ansible_collections.convox.credentials.plugins.module_utils.store_cli import CliStore
from ansible_collections.convox.credentials.plugins.module_utils.store_file import FileStore

if t.TYPE_CHECKING:
    from ansible_collections.convox.credentials.plugins.module_utils.aws import Aws

# Set by AWX and ansible-runner for each job, whose files are gone after it (documented in docs/stores.md).
JOB_VARIABLES = ("AWX_HOST", "TOWER_HOST", "AWX_PRIVATE_DATA_DIR", "AWX_ISOLATED_DATA_DIR", "RUNNER_OMIT_EVENTS")

Option = t.Mapping[str, t.Any]
AskAws = t.Callable[[], "Aws"]

KINDS: dict[str, t.Callable[[Option, CliConfig, AskAws], Store]] = {
    "cli": lambda option, cli, aws: CliStore(cli, bool(option.get("persistent"))),
    "file": lambda option, cli, aws: FileStore(_path(option), bool(option.get("persistent"))),
    "aws_secretsmanager": lambda option, cli, aws: _secretsmanager(option, aws),
}


def job_variable(environ: t.Mapping[str, str]) -> str | None:
    """The variable that tells a job whose files are gone after it."""
    return next((name for name in JOB_VARIABLES if environ.get(name)), None)


def _path(option: Option) -> str:
    if not option.get("path"):
        raise BadInput("stores: an entry of type file has no path; name the file, as in {type: file, path: ~/keys.json}")
    return str(option["path"])


def _secretsmanager(option: Option, aws: AskAws) -> Store:
    # Not at the top: each task pays for what it loads (docs/performance.md).
    from ansible_collections.convox.credentials.plugins.module_utils.store_secretsmanager import SecretsManagerStore

    return SecretsManagerStore(aws(), option.get("name"), option.get("kms_key_id"), option.get("tags"))


class StoreSet:
    """The stores of one run, as one: the first is written first, and each of them before anything goes on.

    ``account``: the email of whom the run works for at a Console, where it was told.
    """

    def __init__(self, options: t.Sequence[Option], cli: CliConfig, secrets: Secrets, aws: AskAws, account: str | None = None) -> None:
        if not options:
            raise BadInput("stores: empty; a new key must be kept somewhere; leave the option out for the CLI's files")
        self._account = account
        self._cli = cli
        self._secrets = secrets
        self._stores = [KINDS[option["type"]](option, cli, aws) for option in options]
        # An unfinished rotation in the CLI's directory counts, whatever stores are named.
        self._also_read = [] if any(isinstance(store, CliStore) for store in self._stores) else [CliStore(cli)]

    @property
    def labels(self) -> list[str]:
        return [store.label for store in self._stores]

    @property
    def named(self) -> str:
        """The stores as messages name them."""
        return ", ".join(self.labels)

    def load(self, kind: str, name: str) -> Record:
        """What the stores know, joined: a pending rotation from whichever has one, the word of the one that saw the last roll otherwise."""
        places = self._stores + self._also_read
        joined = (records.join([r for r in (s.load(kind, each) for s in places) if r is not None]) for each in self._names(kind, name))
        record = next((each for each in joined if each is not None), None)
        if record is None:
            return Record(kind, name)
        for key in record.secrets():
            self._secrets.add(key)
        return record

    def refuse_overtaken(self, decided_on: Record, current: str | None) -> None:
        """Raises StoreFailed where another run began or ended a rotation since the record was loaded, before the first store is written.

        ``current``: the key in force as the run knows it, which proving may have written.
        """
        now = self.load(decided_on.kind, decided_on.identity)
        if now.pending is not None and now.pending.key and now.pending != decided_on.pending:
            raise staged_meanwhile(self.named, decided_on, now.pending.key)
        decided = (decided_on.pending, decided_on.rotation_ids)
        if (now.pending, now.rotation_ids) != decided or now.current not in (decided_on.current, current):
            raise overtaken(decided_on)

    def save(self, record: Record) -> None:
        for store in self._stores:
            store.save(record)

    def promote(self, record: Record, promotion: Promotion) -> None:
        """Make the pending key the one that people find, then take the mark off. May be repeated; StoreFailed says so."""
        try:
            self._promote(record, promotion)
        except (Damaged, Held, StoreFailed) as exc:
            raise StoreFailed(f"{record.identity}: the new key is in force and kept as pending: {exc}; then run again, which commits it", changed=True) from exc

    def _promote(self, record: Record, promotion: Promotion) -> None:
        for store in self._stores:
            store.promote(record, promotion)
        self._exchange_logins(promotion, record.superseded)
        for store in self._stores + [s for s in self._also_read if s.load(record.kind, record.identity)]:
            store.save(record.committed())

    def _exchange_logins(self, promotion: Promotion, dead: t.Container[str]) -> None:
        """Whoever is logged in with the old key, or by a dead one, goes on with the new one: also where the CLI's files are no store."""
        if promotion.old is not None:
            self._cli.replace_key(promotion.old, promotion.new, promotion.others)
        if promotion.own is not None and promotion.own_was_refused and self._cli.key(promotion.own):
            self._cli.set_key(promotion.own, promotion.new)
        if promotion.own is not None:
            # Of the v3 CLI's files nobody asked for a refusal: what is superseded now is what was refused on the way.
            self._cli.replace_rack_keys(promotion.own, dead, promotion.new)

    def keys(self, kind: str, host: str) -> list[tuple[str, str]]:
        """(key, where it was found), in the stores' order."""
        names = self._names(kind, host)
        found = [(next(filter(None, (store.key(kind, name) for name in names)), None), store.label) for store in self._stores]
        for key, dummy in found:
            self._secrets.add(key)
        return [(key, label) for key, label in found if key]

    def _names(self, kind: str, name: str) -> list[str]:
        """What a credential may be filed under: a Console's key is the account's, and a secret has that one name."""
        of_account = kind == records.CONSOLE_API_KEY and self._account and "@" not in name
        return [f"{self._account}@{name}", name] if of_account else [name]

    def refuse_short_lived(self, environ: t.Mapping[str, str]) -> None:
        """A key must not be kept where the job's end deletes it."""
        job = job_variable(environ)
        short = ", ".join(store.label for store in self._stores if not store.persistent)
        if job and short:
            raise BadInput(
                f"stores: {short} would be lost with this job ({job} is set): nothing was rolled; name a store outside of it, "
                "or say persistent: true if its path outlives the job"
            )

    def prove(self, record: Record, dry: bool) -> None:
        for store in self._stores:
            store.prove(record, dry)
