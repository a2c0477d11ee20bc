# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""What the CLI's files and this collection's own tell an audit, in one home or many: logins, records, modes and damage."""

from __future__ import annotations

import functools
import glob
import os
import stat
import typing as t

from ansible_collections.convox.credentials.plugins.module_utils import cli_config, cli_racks
from ansible_collections.convox.credentials.plugins.module_utils.audit_evidence import ANSWERED, PARTLY, File, Source, words
from ansible_collections.convox.credentials.plugins.module_utils.cli_config import Layout
from ansible_collections.convox.credentials.plugins.module_utils.errors import ConvoxError, Damaged
from ansible_collections.convox.credentials.plugins.module_utils.records import Record
from ansible_collections.convox.credentials.plugins.module_utils.store_file import FileStore

# Of what failed, so that it stays one line.
_MOST_TOLD = 3
_PLACES = (".config/convox2", ".config/convox", "Library/Application Support/convox", ".convox")


class Held(t.NamedTuple):
    """A key that a file has for a host, in memory only."""

    host: str
    key: str
    where: str


class Files(t.NamedTuple):
    logins: list[Held]
    records: list[tuple[str, Record]]
    files: list[File]
    source: Source


class Homes(t.NamedTuple):
    """``failed``: a line for each pattern that names none, and for each place that can't be looked at."""

    layouts: list[Layout]
    failed: list[str]


def find_homes(patterns: t.Sequence[str]) -> Homes:
    """Those that are there in each home; a pattern names several homes."""
    found = Homes([], [])
    for pattern in patterns:
        homes = sorted(glob.glob(os.path.expanduser(pattern)))
        if not homes:
            found.failed.append(f"homes: there is none like {pattern}")
        for path in (os.path.join(home, place) for home in homes for place in _PLACES):
            try:
                if stat.S_ISDIR(os.stat(path).st_mode):
                    found.layouts.append(Layout(path))
            except (FileNotFoundError, NotADirectoryError):
                pass
            except OSError as exc:
                found.failed.append(f"{path}: {exc.strerror}")
    return found


def look(layouts: t.Sequence[Layout], stores: t.Sequence[str], not_found: t.Sequence[str] = ()) -> Files:
    """``stores``: files of keys beside the CLI's, by their paths. ``not_found``: what could not be looked at before."""
    seen = Files(
        [], [], [File(each.path, each.mode, each.writable, each.mend) for each in cli_config.loose(layouts, stores)], Source("files", "", ANSWERED, "")
    )
    failed = list(not_found)
    for layout in layouts:
        _each(seen, failed, layout.file("auth"), functools.partial(_logins, layout), seen.logins)
        _each(seen, failed, layout.file("rotations.json"), functools.partial(_records, layout.file("rotations.json")), seen.records)
        for name in ("tls-fingerprints", "session"):
            _each(seen, failed, layout.file(name), functools.partial(_nothing, layout, name), [])
        for path in _racks(layout, failed):
            _each(seen, failed, path, functools.partial(_url, path), seen.logins)
    for path in stores:
        _each(seen, failed, path, functools.partial(_records, path), seen.records)
    places = f"{len(seen.logins)} logins in {len(layouts)} directories: {words([layout.path for layout in layouts], _MOST_TOLD)}"
    said = "; ".join([places if layouts else "there are none", *failed[:_MOST_TOLD]])
    return seen._replace(source=Source("files", "", PARTLY if failed else ANSWERED, said))


def _each(seen: Files, failed: list[str], path: str, read: t.Callable[[], t.Iterable[t.Any]], into: list[t.Any]) -> None:
    try:
        into.extend(read())
    except Damaged as exc:
        seen.files.append(File(path, damage=str(exc)))
    except ConvoxError as exc:
        failed.append(str(exc))


def _logins(layout: Layout) -> list[Held]:
    path = layout.file("auth")
    return [Held(host, key, path) for host, key in layout.auth().items() if isinstance(key, str) and key]


def _nothing(layout: Layout, name: str) -> tuple[()]:
    """Of a file that holds no key: only whether it can be read, for who can't is asked nothing by it."""
    layout.json(name)
    return ()


def _records(path: str) -> list[tuple[str, Record]]:
    return [(path, record) for record in FileStore(path).every()]


def _racks(layout: Layout, failed: list[str]) -> list[str]:
    """The v3 CLI's files, one a rack."""
    try:
        return cli_racks.paths(layout.file("racks"))
    except ConvoxError as exc:
        failed.append(str(exc))
        return []


def _url(path: str) -> list[Held]:
    login = cli_racks.read(path)
    return [Held(login.host, login.key, path)] if login is not None else []
