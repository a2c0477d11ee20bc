# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""The v3 CLI's directory ``racks``: a plain file for each rack, which is a URL with the rack's key in it (convox-protocol 2)."""

from __future__ import annotations

import codecs
import contextlib
import os
import re
import string
import typing as t
import urllib.parse

from ansible_collections.convox.credentials.plugins.module_utils import files
from ansible_collections.convox.credentials.plugins.module_utils.errors import Damaged

_SCHEME = "https://"
_URL = re.compile(r"(\s*https://[^\s/?#:]*:)([^\s/?#]+)(@([^\s/?#:@]+(?::[0-9]{1,5})?)(?:[/?#]\S*)?\s*)", re.IGNORECASE)
# One that ends within the key or before the host; what is a port is no key.
_CUT_OFF = re.compile(r"https://[^\s/?#:]*:(?![0-9]{1,5}$)[^\s/?#@]*@?", re.IGNORECASE)
# A power cut leaves zeros of what was not on the disk yet.
_NOTHING = "\0" + string.whitespace


class Login(t.NamedTuple):
    """What one file says. ``host``: in small letters, with its port if it has one. ``before`` and ``after`` the key: the rest of the text."""

    path: str
    host: str
    key: str
    before: str
    after: str


def paths(directory: str) -> list[str]:
    """The files there by their names, without hidden ones; none where ``racks`` is not a directory, as of the v2 CLI."""
    names: list[str] = []
    with files.translated("read", directory), contextlib.suppress(FileNotFoundError, NotADirectoryError):
        names = sorted(os.listdir(directory))
    return [path for path in (os.path.join(directory, name) for name in names if not name.startswith(".")) if os.path.isfile(path)]


def read(path: str) -> Login | None:
    """None for a file that is no URL with a key. Raises Damaged for what can have been one."""
    text = files.read(path)
    if text is None:
        # Removed since its name was read.
        return None
    found = _URL.fullmatch(text)
    if found:
        before, key, after, host = found.groups()
        return Login(path, host.lower(), urllib.parse.unquote(key), before, after)
    rest = text.strip(_NOTHING)
    if _SCHEME.startswith(rest.lower()) or _CUT_OFF.fullmatch(rest):
        raise Damaged(
            f"{path}: no whole URL, but empty or cut off, as the CLI leaves it when it is killed; nothing was changed; write the rack's URL there, or remove it"
        )
    return None


def logins(directory: str) -> list[Login]:
    """Those of all files there. Raises Damaged, for a rack that is not found may be one that was lost."""
    return [login for login in map(read, paths(directory)) if login is not None]


def replace(directory: str, new: str, wanted: t.Callable[[Login], bool]) -> None:
    """Put the new key into each file that is wanted, and leave the rest of it as it is."""
    if not any(map(wanted, logins(directory))):
        return
    # The lock is beside the directory: in it, the CLI would take it for a rack.
    with files.locked(os.path.realpath(directory) + ".lock", directory, files.LOCK_PATIENCE_S):
        for login in filter(wanted, logins(directory)):
            files.sweep(os.path.realpath(login.path))
            files.write(login.path, f"{_mark(login.path)}{login.before}{urllib.parse.quote(new, safe='')}{login.after}")


def _mark(path: str) -> str:
    """The byte-order mark, which reading leaves out."""
    with files.reading(path) as file:
        return "\ufeff" if file is not None and file.read(len(codecs.BOM_UTF8)) == codecs.BOM_UTF8 else ""
