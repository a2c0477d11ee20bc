# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The demonstration: it tells the truth, shows no key, and leaves no process."""
from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.places import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator


def start(place: Path) -> subprocess.Popen[str]:
    """Ansible's local connection makes a socket in there: its name must be short."""
    command = [sys.executable, "-m", "tests.demo", "-vvv", "--fast", "--place", str(place)]
    return subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def processes_of(place: Path) -> Iterator[str]:
    """Those that were started with a place of the demonstration in their environment."""
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if str(place).encode() in (entry / "environ").read_bytes():
                yield (entry / "cmdline").read_text().replace("\0", " ")
        except OSError:
            continue


def test_all_is_as_it_should_be(tmp_path: Path) -> None:
    place = tmp_path / "demo"
    process = start(place)
    output, _nothing = process.communicate(timeout=280)
    assert process.returncode == 0, output
    assert "✗" not in output
    assert output.count("✓") == 21
    # Far more than this was looked at by the demonstration itself, which knows the keys.
    assert "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER" in output
    assert list(processes_of(place)) == []


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_nothing_stays_after_an_interruption(tmp_path: Path, signum: int) -> None:
    place = tmp_path / "demo"
    process = start(place)
    for line in process.stdout or ():
        if line.startswith("TASK [convox.credentials.console_api_key : Roll the Console API key]"):
            break
    time.sleep(2)
    assert len(list(processes_of(place))) > 2
    process.send_signal(signum)
    output, _nothing = process.communicate(timeout=30)
    assert process.returncode == 128 + signum
    assert output.endswith("interrupted\n")
    assert list(processes_of(place)) == []
