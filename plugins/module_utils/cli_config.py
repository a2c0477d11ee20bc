# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""The Convox CLI's own files, in all three layouts: lenient in, strict out (convox-protocol 2)."""

from __future__ import annotations

import dataclasses
import glob
import os
import stat
import sys
import typing as t

from ansible_collections.convox.credentials.plugins.module_utils import cli_racks, files
from ansible_collections.convox.credentials.plugins.module_utils.errors import Damaged, OpenToAll
from ansible_collections.convox.credentials.plugins.module_utils.keys import SHORTEST_MASKED

DEFAULT_CONSOLE = "console.convox.com"
# The active host's file, of the v3 CLI and of those before it; two CLIs can share a directory.
_ACTIVE = ("console", "host")
# The files with keys, and those that say to whom a key is sent.
_OF_KEYS = ("auth", "session", "rotations.json")
_OF_WAYS = ("tls-fingerprints", *_ACTIVE)


@dataclasses.dataclass(frozen=True)
class Layout:
    """One directory of the CLI. ``v3``: the layout of the v3 CLI, which names some files otherwise."""

    path: str

    def file(self, name: str) -> str:
        return os.path.join(self.path, name)

    @property
    def v3(self) -> bool:
        if os.path.exists(self.file("console")):
            return True
        return os.path.basename(self.path) == "convox" and not os.path.exists(self.file("host"))

    @property
    def active_host_file(self) -> str:
        return self.file("console" if self.v3 else "host")

    def json(self, name: str) -> dict[str, t.Any]:
        return files.read_json(self.file(name))

    def auth(self) -> dict[str, t.Any]:
        return self.json("auth")

    def key(self, host: str) -> str | None:
        """None also where what stands there is too short for a key: to mask it would blank out every message."""
        key = self.auth().get(host)
        return key if isinstance(key, str) and len(key) >= SHORTEST_MASKED else None

    def text(self, name: str) -> str | None:
        value = files.read(self.file(name))
        return value.strip() or None if value is not None else None


@dataclasses.dataclass(frozen=True)
class _Seen(Layout):
    """One whose files are read once each: with as many entries as hosts are asked about, every reading takes longer."""

    read: dict[str, dict[str, t.Any]] = dataclasses.field(default_factory=dict, compare=False)

    def json(self, name: str) -> dict[str, t.Any]:
        if name not in self.read:
            self.read[name] = super().json(name)
        return self.read[name]


class Loose(t.NamedTuple):
    """A file or directory of keys that is not for its owner alone. ``writable``: by everybody; ``mend``: a command."""

    path: str
    mode: str
    writable: bool
    mend: str


def check_modes(cli: CliConfig, stores: t.Iterable[str | None], warn: t.Callable[[str], None]) -> None:
    """Refuse what everybody on the machine could have written, and warn of keys that others can read (as ssh does)."""
    for path, mode, writable, mend in loose(cli.layouts, stores):
        if writable:
            raise OpenToAll(f"{path}: everybody can write there (mode {mode}): nothing was asked and nothing changed; look what is in it, then {mend}")
        warn(f"{path}: not for its owner alone (mode {mode}); {mend}")


def loose(layouts: t.Sequence[Layout], stores: t.Iterable[str | None]) -> t.Iterator[Loose]:
    """Whoever writes there sends the next key to a host, or past a pin, of his own. ``stores``: files of keys beside the CLI's."""
    of_keys = [layout.file(name) for layout in layouts for name in _OF_KEYS] + [os.path.expanduser(path) for path in stores if path]
    # The v3 CLI has a file for each rack, with the key in it (convox-protocol 2).
    of_keys += [path for layout in layouts for path in sorted(glob.glob(os.path.join(glob.escape(layout.file("racks")), "*")))]
    of_ways = [layout.path for layout in layouts] + [layout.file(name) for layout in layouts for name in _OF_WAYS]
    # Who can put another file in a file's place needs not write the file; in a sticky directory, as /tmp, nobody else can.
    around = {os.path.dirname(os.path.realpath(path)) for path in of_keys}.difference(of_ways)
    # What gets a warning; around them, nothing does.
    warned = {**dict.fromkeys(of_keys, stat.S_IRWXG | stat.S_IRWXO), **dict.fromkeys(of_ways, stat.S_IWGRP), **dict.fromkeys(sorted(around), 0)}
    for path, bits in warned.items():
        try:
            status = os.stat(path)
        except (OSError, ValueError):
            continue
        mode = stat.S_IMODE(status.st_mode)
        if not bits and mode & stat.S_ISVTX:
            continue
        if mode & (stat.S_IWOTH | bits):
            command = "o-w" if not bits else "700" if stat.S_ISDIR(status.st_mode) else "600"
            yield Loose(path, f"{mode:04o}", bool(mode & stat.S_IWOTH), f"run: chmod {command} {path}")


class CliConfig:
    """All layouts in force for a run; the first is home to this collection's own files."""

    def __init__(self, layouts: t.Sequence[Layout]) -> None:
        self.layouts = list(layouts)
        self.home = self.layouts[0]

    @classmethod
    def find(cls, config_dir: str | None, environ: t.Mapping[str, str]) -> CliConfig:
        """The directory that was named, else those that exist, else the one that the CLI would make."""
        if config_dir:
            return cls([Layout(os.path.abspath(os.path.expanduser(config_dir)))])
        user = os.path.expanduser("~")
        macos = os.path.join(user, "Library", "Application Support")
        base = environ.get("XDG_CONFIG_HOME") or (macos if sys.platform == "darwin" else os.path.join(user, ".config"))
        known = [os.path.join(base, "convox2"), os.path.join(base, "convox"), os.path.join(user, ".convox")]
        return cls([Layout(path) for path in known if os.path.isdir(path)] or [Layout(os.path.join(base, "convox"))])

    def as_seen(self) -> CliConfig:
        """The same as it is now, for who asks about a whole fleet and changes nothing."""
        return CliConfig([_Seen(layout.path) for layout in self.layouts])

    def layout_of(self, host: str) -> Layout:
        """The layout to write a host in: the first that has it, else the first of all."""
        return next((layout for layout in self.layouts if host in layout.auth()), self.home)

    def key(self, host: str) -> str | None:
        return next((key for key in (layout.key(host) for layout in self.layouts) if key), None)

    def active_hosts(self) -> list[str]:
        """The host that each layout's CLI last logged into: people use several CLIs side by side."""
        return list(dict.fromkeys(host for dummy, host in self._active()))

    def active_host_and_file(self) -> tuple[str, str | None]:
        """The host that the CLI last logged into, after the file that says so."""
        return next(self._active(), ("", None))

    def _active(self) -> t.Iterator[tuple[str, str]]:
        for layout in self.layouts:
            for name in _ACTIVE:
                host = layout.text(name)
                if host:
                    yield layout.file(name), host

    def set_key(self, host: str, key: str) -> bool:
        """Enter one host's key where it is, else in the home layout. Returns whether that changed anything."""
        layout = self.layout_of(host)
        with files.updating(layout.file("auth")) as auth:
            changed = auth.get(host) != key
            auth[host] = key
        return changed

    def hosts_with(self, key: str) -> set[str]:
        """Whose entries hold the key, in any layout, and whose files of the v3 CLI."""
        logins = {login.host for login in self._rack_logins() if login.key == key}
        return logins | {host for layout in self.layouts for host, held in layout.auth().items() if held == key}

    def replace_key(self, old: str, new: str, but: t.Container[str] = ()) -> None:
        """In every entry of every layout that holds the old key, and each rack's file, put the new one; but in those of some hosts."""
        for layout in self.layouts:
            if any(key == old and host not in but for host, key in layout.auth().items()):
                with files.updating(layout.file("auth")) as auth:
                    for host in [host for host, key in auth.items() if key == old and host not in but]:
                        auth[host] = new
        self._replace_in_racks(new, lambda login: login.key == old and login.host not in but)

    def rack_keys(self, host: str) -> list[tuple[str, str]]:
        """(key, its file's name) of a host: where the v3 CLI has a file for each rack."""
        found = [login for login in self._rack_logins() if login.host == host.lower() and len(login.key) >= SHORTEST_MASKED]
        return [(login.key, os.path.join("racks", os.path.basename(login.path))) for login in found]

    def replace_rack_keys(self, host: str, old: t.Container[str], new: str) -> None:
        """In each file of one host with one of the old keys, put the new one."""
        self._replace_in_racks(new, lambda login: login.host == host.lower() and login.key in old)

    def _rack_logins(self) -> list[cli_racks.Login]:
        return [login for layout in self.layouts for login in cli_racks.logins(layout.file("racks"))]

    def _replace_in_racks(self, new: str, wanted: t.Callable[[cli_racks.Login], bool]) -> None:
        for layout in self.layouts:
            cli_racks.replace(layout.file("racks"), new, wanted)

    def forget(self, host: str) -> None:
        """Take one host out of ``auth`` and of what names it, in all layouts, and leave the rest as it is."""
        for layout in self.layouts:
            for name in ("auth", "session", "racks"):
                if os.path.isfile(layout.file(name)) and host in files.read_json(layout.file(name)):
                    with files.updating(layout.file(name)) as data:
                        data.pop(host, None)
            for name in _ACTIVE:
                if layout.text(name) == host:
                    files.remove(layout.file(name))
                    files.remove(layout.file("rack"))

    def holds(self, host: str) -> bool:
        """Whether ``forget`` would change anything."""
        return any(
            host in files.read_json(layout.file(name)) for layout in self.layouts for name in ("auth", "session", "racks") if os.path.isfile(layout.file(name))
        ) or any(layout.text(name) == host for layout in self.layouts for name in _ACTIVE)

    def session(self, host: str) -> str | None:
        for layout in self.layouts:
            session = layout.json("session").get(host)
            if isinstance(session, str) and session:
                return session
        return None

    def set_session(self, host: str, session: str) -> None:
        with files.updating(self.layout_of(host).file("session")) as data:
            data[host] = session

    def pinned(self, host: str) -> str | None:
        """The certificate's fingerprint that ``tls_fingerprint: accept_new`` kept for a host."""
        for layout in self.layouts:
            value = layout.json("tls-fingerprints").get(host)
            if isinstance(value, str):
                return value
            if value is not None:
                # Passed over, it would let in a certificate that it was to keep out.
                raise Damaged(f"{layout.file('tls-fingerprints')}: the entry of {host} is no text; write its certificate's SHA-256 there, or take it out")
        return None

    def pin(self, host: str, fingerprint: str) -> str:
        """The fingerprint that counts: another run may have seen the host first."""
        with files.updating(self.home.file("tls-fingerprints")) as data:
            return str(data.setdefault(host, fingerprint))
