# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The vendor's SDK asks each host in turn. ``sdk.py FILE``: JSON, of each visit the host and what is asked: path, key, rack.

A program of its own, which imports nothing of the tests, for its start is measured too.
"""
from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path

import convox


def main() -> None:
    for host, asked in json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")):
        clients = {}
        for path, key, rack in asked:
            if (key, rack) not in clients:
                clients[key, rack] = convox.ConvoxClient(host, key, rack=rack)
            with contextlib.suppress(convox.ConvoxAuthError):
                clients[key, rack].api.get(path)
        for client in clients.values():
            client.close()


if __name__ == "__main__":
    main()
