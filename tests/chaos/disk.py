# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The file layer of a run under faults: a step at each change, errors of the disk, and power cuts.

A power cut takes back what was not made durable: a name that was given without its directory being synced stands for
what it stood for before, a file that was not synced itself is empty, and of a line that was appended a half is there.
"""

from __future__ import annotations

import os
import re
import tempfile
import typing as t
from pathlib import Path

from tests.chaos.steps import Steps


class Disk:
    """Stands in for ``os``, ``tempfile`` and ``open`` where the plugins write."""

    def __init__(self, steps: Steps) -> None:
        self._steps = steps
        self._synced: set[int] = set()
        self._hollow: set[str] = set()
        # What each name stood for when its directory was last synced.
        self._before: dict[str, bytes | None] = {}
        # How long a file was that has been appended to since it was last synced.
        self._lengths: dict[str, int] = {}
        self._lasting: int | None = None
        # What a temporary file is to become.
        self._names: dict[str, str] = {}

    def install(self) -> None:
        from ansible_collections.convox.credentials.plugins.module_utils import files, ledger

        files.os = ledger.os = self  # type: ignore[assignment]
        files.tempfile = self  # type: ignore[assignment]
        ledger.open = self._append  # type: ignore[attr-defined]

    def fail(self, number: int, *, lasting: bool) -> t.NoReturn:
        """This step does not work, and where it lasts no other one that writes."""
        if lasting:
            self._lasting = number
        raise OSError(number, os.strerror(number))

    def forget(self) -> None:
        """Power is cut."""
        for path in self._hollow - set(self._before):
            os.truncate(path, 0)
        for path, content in self._before.items():
            if content is not None:
                Path(path).write_bytes(content)
            elif os.path.exists(path):
                os.unlink(path)
        for path, length in [each for each in self._lengths.items() if os.path.exists(each[0])]:
            # In the middle of the line: what is written is on the disk by chance only, and not as a whole.
            os.truncate(path, (length + os.path.getsize(path)) // 2)

    # -- what the plugins call ------------------------------------------------------------------------------------
    def __getattr__(self, name: str) -> t.Any:
        """All that changes nothing."""
        return getattr(os, name)

    def mkstemp(self, prefix: str, **more: t.Any) -> tuple[int, str]:
        name = _plain(prefix.strip("."))
        handle, path = self._write(f"create {name}", lambda: tempfile.mkstemp(prefix=prefix, **more))
        self._names[path] = name
        return handle, path

    def mkdir(self, path: str, mode: int = 0o777) -> None:
        self._write(f"make {os.path.basename(path)}", lambda: os.mkdir(path, mode))

    def open(self, path: str, flags: int, mode: int = 0o777) -> int:
        if flags & os.O_CREAT and not os.path.exists(path):
            return self._write(f"create {'the lock' if ':' in path else os.path.basename(path)}", lambda: os.open(path, flags, mode))
        return os.open(path, flags, mode)

    def fsync(self, handle: int) -> None:
        path = os.readlink(f"/proc/self/fd/{handle}")
        directory = os.path.isdir(path)
        name = "the directory" if directory else self._names.get(path, os.path.basename(path))
        self._write(f"sync {name}", lambda: os.fsync(handle))
        if directory:
            self._before = {name: content for name, content in self._before.items() if os.path.dirname(name) != path}
        else:
            self._synced.add(os.fstat(handle).st_ino)
            self._lengths.pop(path, None)

    def replace(self, source: str, target: str) -> None:
        before = Path(target).read_bytes() if os.path.exists(target) else None
        synced = os.stat(source).st_ino in self._synced

        def act() -> None:
            os.replace(source, target)
            self._before.setdefault(target, before)
            (self._hollow.discard if synced else self._hollow.add)(target)

        self._write(f"rename {_plain(os.path.basename(target))}", act)

    def unlink(self, path: str) -> None:
        os.unlink(path)
        self._before.pop(path, None)
        self._hollow.discard(path)

    def _append(self, path: str, mode: str, **more: t.Any) -> t.Any:
        if "r" in mode:
            return open(path, mode, **more)
        if not os.path.exists(path):
            self._before.setdefault(path, None)
        self._lengths.setdefault(path, os.path.getsize(path) if os.path.exists(path) else 0)
        return self._write(f"append {os.path.basename(path)}", lambda: open(path, mode, **more))

    def _write(self, step: str, act: t.Callable[[], t.Any]) -> t.Any:
        if self._lasting is not None:
            self.fail(self._lasting, lasting=True)
        return self._steps.around(step, act)


def _plain(name: str) -> str:
    """Without the numbers of process and thread."""
    return re.sub(r"\.probe-\d+-\d+", ".probe", name)
