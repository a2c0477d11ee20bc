# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an audit's requests take by themselves: the same ones, as many at once, and nothing done with the answers.

``python -m tests.audit_fleet.bare FILE``: a JSON file of ``Questions``. It prints the seconds, and how often each status came.
"""
from __future__ import annotations

import base64
import collections
import http.client
import json
import queue
import ssl
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TIMEOUT_S = 60


@dataclass
class Questions:
    """``visits``: each a host, whether its connection is kept for the next visit, and what is asked: path, key, rack."""

    ca_path: str
    at_once: int
    visits: list[tuple[str, bool, list[tuple[str, str, str | None]]]]


class Fetch:
    """One TLS context for all, a connection kept by each thread where one is to be kept."""

    def __init__(self, questions: Questions) -> None:
        self._questions = questions
        self._context = ssl.create_default_context(cafile=questions.ca_path)
        self._left: queue.SimpleQueue[Any] = queue.SimpleQueue()
        for visit in questions.visits:
            self._left.put(visit)
        self.statuses: collections.Counter[int] = collections.Counter()

    def run(self) -> None:
        threads = [threading.Thread(target=self._work) for _number in range(self._questions.at_once)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _work(self) -> None:
        kept: dict[str, http.client.HTTPSConnection] = {}
        while True:
            try:
                host, keep, asked = self._left.get_nowait()
            except queue.Empty:
                break
            connection = kept.pop(host, None) or http.client.HTTPSConnection(host, timeout=TIMEOUT_S, context=self._context)
            for path, key, rack in asked:
                self.statuses[_ask(connection, path, key, rack)] += 1
            if keep:
                kept[host] = connection
            else:
                connection.close()
        for connection in kept.values():
            connection.close()


def _ask(connection: http.client.HTTPSConnection, path: str, key: str, rack: str | None) -> int:
    headers = {"Authorization": "Basic " + base64.b64encode(f"convox:{key}".encode()).decode()}
    connection.request("GET", path, headers={**headers, "Rack": rack} if rack else headers)
    reply = connection.getresponse()
    reply.read()
    return reply.status


def main() -> None:
    questions = Questions(**json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
    began = time.monotonic()
    fetch = Fetch(questions)
    fetch.run()
    print(json.dumps({"seconds": time.monotonic() - began, "statuses": fetch.statuses}))


if __name__ == "__main__":
    main()
