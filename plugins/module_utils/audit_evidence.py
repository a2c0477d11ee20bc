# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""What an audit has seen: data without any key in it, and what follows from it about a rack's key. Pure.

Dates are ISO 8601 in UTC. What nobody told is None or empty; a finding never takes that for good.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.convox.credentials.plugins.module_utils import keys
from ansible_collections.convox.credentials.plugins.module_utils.racks_found import Found
from ansible_collections.convox.credentials.plugins.module_utils.times import parse_date

# What a server said to a key.
ACCEPTED, REFUSED, NO_ANSWER = "accepted", "refused", "no answer"
# How the key stands that is known of a rack.
IN_FORCE, LATENT, ALL_REFUSED, OPEN, UNKNOWN = "in_force", "latent", "refused", "open", "unknown"
# A source's answer.
ANSWERED, PARTLY, SILENT = "answered", "partly", "silent"
# Console's copy of a rack's key.
COPY_OK, COPY_STALE, COPY_UNKNOWN, COPY_NONE = "ok", "stale", "unknown", "none"
# A certificate: vouched for, pinned, another than the pinned one, neither.
VERIFIED, PINNED, CHANGED, UNVERIFIED = "verified", "pinned", "changed", "unverified"
# Who knows when a key was made; the date in SSM is that of its last change, which a rollback makes too.
BY_STORE, BY_LEDGER, BY_EC2, BY_SSM, BY_TABLE = "store", "ledger", "ec2", "ssm", "table"


@dataclasses.dataclass(frozen=True)
class Key:
    """A key, told from others by its whole digest, which is never shown."""

    digest: str
    fingerprint: str

    @classmethod
    def of(cls, key: str) -> Key:
        return cls(keys.digest(key), keys.fingerprint(key))

    @property
    def weak(self) -> bool:
        return self.fingerprint == "weak"


@dataclasses.dataclass(frozen=True)
class Login:
    """A key that somebody holds for a host. ``where``: a file or a store, as people know it."""

    host: str
    key: Key
    where: str


@dataclasses.dataclass(frozen=True)
class Stray:
    """A login for a host that is neither a rack nor a Console, as far as anybody knows. ``why``: what came of asking it."""

    login: Login
    why: str = ""


@dataclasses.dataclass(frozen=True)
class Asked:
    """What a server said to a key. ``key``: None for one made up, which nobody is to accept."""

    key: Key | None
    said: str


@dataclasses.dataclass(frozen=True)
class Made:
    """When a credential was made, and who knows. ``exact``: else it is at least so old."""

    at: str
    by: str

    @property
    def exact(self) -> bool:
        return self.by != BY_SSM


@dataclasses.dataclass(frozen=True)
class Rolled:
    """That a store or a ledger has noted a roll. ``digest``: of the new key; else ``fingerprint``."""

    at: str
    by: str
    fingerprint: str
    digest: str | None = None

    def is_of(self, key: Key) -> bool:
        return self.digest == key.digest if self.digest else self.fingerprint == key.fingerprint and not key.weak


@dataclasses.dataclass(frozen=True)
class Unfinished:
    """A rotation that was begun and not committed. ``kind`` as in records.py; ``step``: the last one that was noted."""

    kind: str
    since: str
    step: str
    where: str


@dataclasses.dataclass(frozen=True)
class StoredKey:
    """The SSM parameter of a rack: the key that the next restart brings. ``key``: None where it may not be read.

    ``oldest_task``: when the oldest container of the API was started; None where ECS was not asked, or did not tell.
    """

    key: Key | None
    modified_at: str
    oldest_task: str | None = None

    @property
    def not_taken_up(self) -> bool:
        """Whether a container is older than the last change, so that it has the key before that (convox-protocol 3.2)."""
        return self.oldest_task is not None and parse_date(self.oldest_task) < parse_date(self.modified_at)


@dataclasses.dataclass(frozen=True)
class Instances:
    """``pair``: the stack's, empty for none. ``others``: ids of instances on another one. ``left``: pairs that nothing uses."""

    pair: str
    pair_made_at: str | None
    total: int
    others: tuple[str, ...]
    left: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Certificate:
    """``own``: the API process's own, which changes at each restart. ``expires_at``: None where it can't be read.

    ``sent``: whether a key was sent to who showed it. ``pinned``: the SHA-256 that is pinned for the host, empty for none.
    """

    state: str
    fingerprint: str = ""
    expires_at: str | None = None
    own: bool = False
    sent: bool = True
    pinned: str = ""


@dataclasses.dataclass(frozen=True)
class Rack:
    """One rack. ``listed``, ``backed``: whether a Console lists it and a stack backs it; None where nobody could tell.

    ``answered``: None where it was not asked. ``why``: one line where it did not answer.
    """

    found: Found
    listed: bool | None = None
    backed: bool | None = None
    answered: bool | None = None
    why: str = ""
    asked: tuple[Asked, ...] = ()
    logins: tuple[Login, ...] = ()
    stored: StoredKey | None = None
    rolled: tuple[Rolled, ...] = ()
    unfinished: tuple[Unfinished, ...] = ()
    certificate: Certificate | None = None
    key_in_outputs: bool = False
    console_copy: str = COPY_NONE
    instances: Instances | None = None

    @property
    def id(self) -> str:
        return self.found.domain or self.label

    @property
    def label(self) -> str:
        """As people call it."""
        found = self.found
        return found.full_name if found.console or found.account else found.name or found.domain

    @property
    def open(self) -> bool:
        """Whether it took a key that was made up."""
        return any(asked.key is None and asked.said == ACCEPTED for asked in self.asked)

    @property
    def in_force(self) -> Key | None:
        """The key that it accepts; a rack in order accepts exactly one (docs/audit.md)."""
        return None if self.open else next((asked.key for asked in self.asked if asked.key and asked.said == ACCEPTED), None)

    @property
    def latent(self) -> bool:
        """Whether the key that the next restart brings is not the one in force (convox-protocol 3.2)."""
        if self.stored is None or self.open:
            return False
        # What the rack itself says goes before dates: a change that was taken back is one, too.
        return self.stored.not_taken_up if self.in_doubt else self._said_to_stored == REFUSED

    @property
    def in_doubt(self) -> bool:
        """Whether SSM has a key for it, and it has not told whether that is the one in force."""
        return self.stored is not None and not self.open and self._said_to_stored not in (ACCEPTED, REFUSED)

    def running_since(self, oldest_task: str) -> Rack:
        """The same, with what ECS tells of its containers."""
        return dataclasses.replace(self, stored=dataclasses.replace(self.stored, oldest_task=oldest_task)) if self.stored else self

    @property
    def _said_to_stored(self) -> str | None:
        return self.said_to(self.stored.key) if self.stored and self.stored.key else None

    @property
    def standing(self) -> str:
        if self.open:
            return OPEN
        if self.latent:
            return LATENT
        if self.in_force is not None:
            return IN_FORCE
        return ALL_REFUSED if any(asked.key and asked.said == REFUSED for asked in self.asked) else UNKNOWN

    def said_to(self, key: Key) -> str | None:
        """What it says to a key: asked, or told from the one in force; None where neither is known."""
        said = next((asked.said for asked in self.asked if asked.key == key), None)
        if said is None and self.in_force is not None:
            return REFUSED
        return said

    def holds(self, key: Key) -> bool:
        """Whether it has this key, as far as is known; one that it refuses was only given it, by mistake."""
        given = any(login.key == key for login in self.logins) and self.said_to(key) != REFUSED
        return given or bool(self.stored and self.stored.key == key)

    @property
    def lost(self) -> bool:
        """Whether nobody who was asked has a key that it accepts."""
        return self.standing == ALL_REFUSED and self.console_copy != COPY_OK and not self.kept_unseen

    @property
    def kept_unseen(self) -> bool:
        """Whether a store has noted a key that nobody told: a secret of AWS, of which an audit reads the tags alone."""
        told = [login.key for login in self.logins] + [asked.key for asked in self.asked if asked.key]
        return any(rolled.by == BY_STORE and not any(rolled.is_of(key) for key in told) for rolled in self.rolled)

    @property
    def keyless(self) -> bool:
        """Whether it answers and nobody who was asked gave its key; that its Console's copy is good or dead says more."""
        given = self.logins or (self.stored and self.stored.key) or any(asked.key for asked in self.asked)
        unseen = not given or (self.standing == ALL_REFUSED and self.kept_unseen)
        return self.answered is True and not self.open and unseen and self.console_copy in (COPY_NONE, COPY_UNKNOWN)

    @property
    def made(self) -> Made | None:
        """When the key in force was made; at least so long ago, where only SSM's date is known."""
        key = self.in_force
        if key is None:
            return None
        noted = [rolled for rolled in self.rolled if rolled.is_of(key)]
        if noted:
            last = max(noted, key=lambda rolled: parse_date(rolled.at))
            return Made(last.at, last.by)
        return Made(self.stored.modified_at, BY_SSM) if self.stored and self.stored.key == key else None


@dataclasses.dataclass(frozen=True)
class Console:
    """A Console. ``asked``: what it said to the keys that are known of it; ``made``: when the accepted one was."""

    host: str
    asked: tuple[Asked, ...] = ()
    logins: tuple[Login, ...] = ()
    made: Made | None = None
    unfinished: tuple[Unfinished, ...] = ()

    @property
    def in_force(self) -> Key | None:
        return next((asked.key for asked in self.asked if asked.key and asked.said == ACCEPTED), None)

    @property
    def refused(self) -> set[Key]:
        return {asked.key for asked in self.asked if asked.key and asked.said == REFUSED}


@dataclasses.dataclass(frozen=True)
class User:
    """A person of a self-hosted Console. Dates: None where none was ever noted."""

    email: str
    key_made_at: str | None
    last_used_at: str | None


@dataclasses.dataclass(frozen=True)
class Account:
    """An AWS account in a region. ``readable``, ``defined``: names of racks whose keys SSM and task definitions hold in clear."""

    account: str
    region: str
    signing_key_modified_at: str | None = None
    readable: tuple[str, ...] = ()
    defined: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        return f"{self.account}/{self.region}"


@dataclasses.dataclass(frozen=True)
class File:
    """A file or directory that is not as it should be. ``mode``: of four octal digits, where others may read or write it."""

    path: str
    mode: str = ""
    writable: bool = False
    mend: str = ""
    damage: str = ""


@dataclasses.dataclass(frozen=True)
class Ledger:
    path: str
    whole: bool
    damage: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Source:
    """Who was asked. ``kind``: console, racks, aws, files, stores, ledger or tables."""

    kind: str
    subject: str
    state: str
    said: str


@dataclasses.dataclass(frozen=True)
class Evidence:
    """All that was seen. ``at``: when, by the servers' clocks. ``strays``: logins for hosts that nobody knows.

    ``tables``: the prefix of a self-hosted Console's. ``filters``: which racks were to be looked at; empty for all.
    """

    at: str
    racks: tuple[Rack, ...] = ()
    consoles: tuple[Console, ...] = ()
    accounts: tuple[Account, ...] = ()
    users: tuple[User, ...] = ()
    deploy_keys: int = 0
    tables: str = ""
    files: tuple[File, ...] = ()
    ledgers: tuple[Ledger, ...] = ()
    strays: tuple[Stray, ...] = ()
    sources: tuple[Source, ...] = ()
    filters: t.Mapping[str, t.Any] = dataclasses.field(default_factory=dict)

    def age(self, stamp: str) -> float:
        """Seconds."""
        return (parse_date(self.at) - parse_date(stamp)).total_seconds()

    def called(self) -> dict[str, str]:
        """By id, what tells a rack from all others: its label, unless another has that, too, as where only logins know them."""
        ids: dict[str, list[str]] = {}
        for rack in self.racks:
            ids.setdefault(rack.label, []).append(rack.id)
        return {each: label if len(same) == 1 else f"{label} ({each})" for label, same in ids.items() for each in same}

    def holders(self) -> dict[Key, dict[str, list[str]]]:
        """Of each key that is known: the racks and Consoles that it is for, by id, and where it is.

        One that refuses a key has only been given another's by mistake.
        """
        found: dict[Key, dict[str, list[str]]] = {}
        held = [(rack.id, login.key, login.where) for rack in self.racks for login in rack.logins if rack.said_to(login.key) != REFUSED]
        held += [(rack.id, rack.stored.key, "SSM") for rack in self.racks if rack.stored and rack.stored.key]
        held += [(console.host, login.key, login.where) for console in self.consoles for login in console.logins if login.key not in console.refused]
        for name, key, where in held:
            found.setdefault(key, {}).setdefault(name, []).append(where)
        return found


DAY = 86400.0


def days(seconds: float) -> str:
    """An age as people say it."""
    return "less than a day" if seconds < DAY else "1 day" if seconds < 2 * DAY else f"{int(seconds // DAY)} days"


def too_old(age: float, most: float, exact: bool = True) -> str:
    """How old it is, or is at least, and how old it may be; seconds."""
    old = f"{days(age)} old" if exact else f"at least {days(age)} old" if age >= DAY else f"{days(age)} old, maybe older"
    return f"{old}; the policy allows {days(most)}"


def words(names: t.Sequence[str], most: int = 5) -> str:
    """Some of many names, in one line."""
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
