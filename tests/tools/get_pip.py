# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stands in for the get-pip.py that ansible-test downloads: the pip that comes with Python installs the one wanted."""
from __future__ import annotations

import subprocess
import sys

PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-qq"]
packages = [argument for argument in sys.argv[1:] if not argument.startswith("-")]

# A process of its own, for ensurepip turns pip's settings off in the one that it runs in.
subprocess.run([sys.executable, "-m", "ensurepip"], check=True, stdout=subprocess.DEVNULL)
subprocess.run([*PIP, "install", *packages], check=True)
if "--no-setuptools" in sys.argv:
    subprocess.run([*PIP, "uninstall", "--yes", "setuptools"], check=True)
