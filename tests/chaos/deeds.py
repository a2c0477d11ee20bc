# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a fault does when a run comes to its place. Everything here happens in the run's own process."""

from __future__ import annotations

import datetime
import http.client
import json
import os
import signal
import time
import typing as t
import urllib.parse

import requests

from tests.chaos.disk import Disk
from tests.chaos.faults import Fault

JSON = {"Content-Type": "application/json"}


class Deeds:
    """The hand that does it: on this process, its disk and clock, or on the stand-in, by its control address."""

    def __init__(self, control_url: str, subject: str, asked: t.Mapping[str, str], tell: t.Callable[[str], None]) -> None:
        self._address = urllib.parse.urlsplit(control_url).netloc
        self._subject = subject
        self._asked = asked
        self._tell = tell
        # The host that is being asked.
        self.host = ""
        self.disk: Disk | None = None

    def __call__(self, fault: Fault, step: str) -> None:
        self._tell(fault.kind)
        getattr(self, fault.deed)(step, **fault.values)

    # -- the run --------------------------------------------------------------------------------------------------
    def kill(self, dummy_step: str) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def power_cut(self, step: str) -> None:
        if self.disk is not None:
            self.disk.forget()
        self.kill(step)

    def jump(self, dummy_step: str, seconds: float) -> None:
        """The machine's date, not its monotonic clock."""
        from ansible_collections.convox.credentials.plugins.module_utils import times

        class Jumped(datetime.datetime):
            @classmethod
            def now(cls, tz: datetime.tzinfo | None = None) -> t.Any:
                return datetime.datetime.now(tz) + datetime.timedelta(seconds=seconds)

        times.datetime = _Datetime(Jumped)  # type: ignore[assignment]

    def tls(self, dummy_step: str, when: str) -> None:
        raise requests.exceptions.SSLError(f"EOF occurred in violation of protocol ({when})")

    def disk_error(self, dummy_step: str, errno: int, *, lasting: bool) -> None:
        if self.disk is not None:
            self.disk.fail(errno, lasting=lasting)

    # -- the world ------------------------------------------------------------------------------------------------
    def rack_fault(self, dummy_step: str, **values: t.Any) -> None:
        self._post("faults", values, self._asked.get(self.host, self._asked[""]))

    def aws_fault(self, step: str, **values: t.Any) -> None:
        # The stand-in names operations as AWS does; a step is named after the right that it needs.
        self._post("faults", {"action": step, **values}, "aws")

    def restart(self, dummy_step: str) -> None:
        self._post("restart", {"container": None})

    def container_dies(self, dummy_step: str) -> None:
        running = [each["container"] for each in self._truth()["accepts"] if each["state"] == "running"]
        if running:
            self._post("restart", {"container": running[0]})

    def somebody(self, step: str, key: str, *, activated: bool) -> None:
        """A busy stack refuses it, then nothing happens."""
        self._post("password", {"key": key})
        if activated and self._at_rest():
            self.restart(step)

    def _at_rest(self) -> bool:
        end = time.monotonic() + 1.0
        while self._truth()["stack_status"].endswith("IN_PROGRESS"):
            if time.monotonic() > end:
                return False
            time.sleep(0.01)
        return True

    def _truth(self) -> dict[str, t.Any]:
        return self._ask("GET", f"/{self._subject}", {})

    def _post(self, verb: str, values: t.Mapping[str, t.Any], whose: str | None = None) -> None:
        self._ask("POST", f"/{whose or self._subject}/{verb}", values)

    def _ask(self, method: str, path: str, values: t.Mapping[str, t.Any]) -> t.Any:
        connection = http.client.HTTPConnection(self._address, timeout=30)
        try:
            connection.request(method, path, json.dumps(values), JSON)
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()


class _Datetime:
    """The module datetime with another clock."""

    def __init__(self, jumped: type[datetime.datetime]) -> None:
        self.datetime = jumped

    def __getattr__(self, name: str) -> t.Any:
        return getattr(datetime, name)
