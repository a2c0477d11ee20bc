# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Step boundaries of a run in its own process: before and after each durable write and each request.

Only names that the plugins look up are replaced, in a process that dies with the run: no plugin knows of it.
"""

from __future__ import annotations

import collections
import re
import typing as t
import urllib.parse

from tests.chaos.faults import AFTER, BEFORE, Fault, Place

if t.TYPE_CHECKING:
    from tests.chaos.deeds import Deeds

Deed = t.Callable[[Fault, str], None]


class Steps:
    """Counts the boundaries that are passed, and does at each what was ordered for it."""

    def __init__(self, faults: t.Sequence[Fault], deed: Deed) -> None:
        self._faults = [fault for fault in faults if fault.place is not None]
        self._deed = deed
        self._numbers: collections.Counter[str] = collections.Counter()
        self.passed: list[Place] = []

    def around(self, step: str, act: t.Callable[[], t.Any]) -> t.Any:
        """A step between its two boundaries."""
        number = self._numbers[step]
        self._numbers[step] += 1
        self._pass(Place(BEFORE, step, number))
        result = act()
        self._pass(Place(AFTER, step, number))
        return result

    def _pass(self, place: Place) -> None:
        index = len(self.passed)
        self.passed.append(place)
        for fault in self._faults:
            if fault.place == place or fault.place in (Place(BEFORE, None, index), Place(AFTER, None, index)):
                self._deed(fault, place.step or "")


def watch_requests(steps: Steps, deeds: Deeds) -> None:
    """Every request that goes out, with what the libraries repeat of it: to racks and Consoles, and to AWS."""
    import botocore.client
    import requests

    request, call = requests.Session.request, botocore.client.BaseClient._make_api_call

    def requested(self: t.Any, method: str, url: str, **more: t.Any) -> t.Any:
        asked = urllib.parse.urlsplit(url)
        deeds.host = asked.netloc
        return steps.around(f"{method} {_plain(asked.path)}", lambda: request(self, method, url, **more))

    def called(self: t.Any, operation: str, arguments: t.Any) -> t.Any:
        return steps.around(f"{self.meta.service_model.endpoint_prefix}:{operation}", lambda: call(self, operation, arguments))

    setattr(requests.Session, request.__name__, requested)
    setattr(botocore.client.BaseClient, call.__name__, called)


def _plain(path: str) -> str:
    """Without the rack's name, which is another in each case."""
    return re.sub("^/racks/.+", "/racks/org/name", path)
