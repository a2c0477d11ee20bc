# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""Keys: made, checked, told by a fingerprint, and kept out of every text."""

from __future__ import annotations

import hashlib
import re
import secrets
import string
import typing as t

from ansible_collections.convox.credentials.plugins.module_utils.errors import BadInput

# Convox's tools percent-encode a key in one place and not in another: only these are safe (convox-protocol 3).
ALPHABET = string.ascii_letters + string.digits
SHORTEST, LONGEST = 24, 50
# Ansible masks a secret wherever it occurs in a result: a short one would blank out half of it.
SHORTEST_MASKED = 8
MASK = "********"
_PLAIN = re.compile("[A-Za-z0-9]+")
# Parameters and outputs of a rack that hold secrets, whole or in part: they are never shown (convox-protocol 3).
SECRET_NAMES = frozenset(["Password", "HttpProxy"])
# Others have such a word in their names, as those of v3 racks for registries and clouds, or carry the secret in a URL.
_NAMES_SECRET = re.compile(
    "pass(word|wd|phrase)?(_|$)|password|secret|token|credential|(private|signing|api)_?key|access_?(key|id)|private_eks_", re.IGNORECASE
)
_URL_WITH_SECRET = re.compile("//[^/\\s]*@")


def fingerprint(key: str) -> str:
    """The first 12 hex digits of the key's SHA-256; ``weak`` for keys that could be guessed from them."""
    if len(key) < SHORTEST:
        return "weak"
    return digest(key)[:12]


def digest(key: str) -> str:
    """The whole SHA-256, to tell in a store whether a key is the very one; never shown."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def make_key(length: int) -> str:
    return "".join(secrets.choice(ALPHABET) for dummy in range(length))


def check_new_key(key: str) -> None:
    """Refuse a Rack API key that one of Convox's tools could not carry."""
    if not re.fullmatch(f"[A-Za-z0-9]{{{SHORTEST},{LONGEST}}}", key):
        raise BadInput(f"new_key: {len(key)} characters; it must be {SHORTEST} to {LONGEST} letters and digits, for Convox's own tools break on others")


def without_secrets(values: t.Mapping[str, t.Any]) -> dict[str, str]:
    """Parameters or outputs of a rack that may be shown, as texts: those that hold no secret by their name or their look."""
    texts = {str(name): str(value) for name, value in values.items()}
    return {
        name: text for name, text in texts.items() if name not in SECRET_NAMES and not _NAMES_SECRET.search(name) and not _URL_WITH_SECRET.search(text)
    }


class Secrets:
    """Every secret that a run made or received. ``on_add`` tells Ansible of each at once."""

    def __init__(self, on_add: t.Callable[[str], None] | None = None) -> None:
        self._known: set[str] = set()
        # Thousands, in an audit: of those that are letters and digits it is looked up whether a text has them.
        self._plain: dict[int, set[str]] = {}
        self._other: set[str] = set()
        self._on_add = on_add

    def add(self, value: str | None) -> None:
        if not value or value in self._known:
            return
        self._known.add(value)
        if "\n" in value:
            # A private key: JSON, and whoever prints it line by line, write its ends of lines otherwise.
            for line in value.splitlines():
                self.add(line if len(line) >= SHORTEST and not line.startswith("-----") else None)
        if _PLAIN.fullmatch(value):
            self._plain.setdefault(len(value), set()).add(value)
        else:
            self._other.add(value)
        if self._on_add is not None:
            self._on_add(value)

    def add_unless_short(self, value: str | None) -> None:
        """One that somebody else has chosen: where it is a word like any, masking it would blank out half of a result, and tell it."""
        self.add(value if value and len(value) >= SHORTEST_MASKED else None)

    def redact(self, text: str) -> str:
        """The text with each secret masked."""
        return _masked(text, self._in(text))

    def _in(self, text: str) -> list[str]:
        """Those that a text has, the longest first, so that none shows through another."""
        return sorted(self._plain_in(text).union(secret for secret in self._other if secret in text), key=len, reverse=True)

    def _plain_in(self, text: str) -> set[str]:
        """Those of letters and digits alone that the text has: each is within a run of such."""
        found: set[str] = set()
        shortest = min(self._plain, default=0)
        runs = {run for run in _PLAIN.findall(text) if len(run) >= shortest} if shortest else set()
        for run in runs:
            for length, secrets_of_length in self._plain.items():
                found.update(secrets_of_length.intersection(run[at : at + length] for at in range(len(run) - length + 1)))
        return found

    def scrub(self, value: t.Any, names: bool = True) -> t.Any:
        """A result with each secret masked in every string. ``names``: in those of its fields, too."""
        # Looked for once, for a report has a hundred thousand strings, and an audit thousands of secrets.
        return _scrubbed(value, self._in("\n".join(_strings(value))), names)


def _masked(text: str, secrets_in_order: t.Iterable[str]) -> str:
    for secret in secrets_in_order:
        text = text.replace(secret, MASK)
    return text


def _strings(value: t.Any) -> t.Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for pair in value.items():
            yield from _strings(pair)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _strings(item)


def _scrubbed(value: t.Any, found: t.Sequence[str], names: bool) -> t.Any:
    if isinstance(value, str):
        return _masked(value, found)
    if isinstance(value, dict):
        return {_scrubbed(k, found, names) if names else k: _scrubbed(v, found, names) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_scrubbed(item, found, names) for item in value]
    return value
