# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One stand-in for all tests here, and a fresh rack for each."""

from __future__ import annotations

import functools
import itertools
from typing import TYPE_CHECKING, Any, Callable

import boto3
import pytest
import requests

from tests.standin import AWS_CREDENTIALS, RackSpec, Standin

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.standin.rack import Rack

# Times that still let a test look at what lies between.
BRISK = {"update_seconds": 0.03, "restart_seconds": 0.03, "drain_seconds": 0.02, "instance_seconds": 0.02}
_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def convox() -> Iterator[Standin]:
    """A stand-in without racks."""
    with Standin() as standin:
        yield standin


@pytest.fixture(autouse=True)
def _calm(convox: Standin) -> Iterator[None]:
    """What a test did to Console and to AWS is undone."""
    yield
    convox.clear_faults()
    convox.console.set(challenge=False, hardware_token=False, expired=False)
    convox.console.records.clear()


@pytest.fixture
def new_rack(convox: Standin) -> Iterator[Callable[..., Rack]]:
    """Makes racks, which are gone after the test."""
    made: list[Rack] = []

    def make(**values: Any) -> Rack:
        rack = convox.add_rack(RackSpec(**{"name": f"rack{next(_numbers)}", **BRISK, **values}))
        made.append(rack)
        return rack

    yield make
    for rack in made:
        convox.remove_rack(rack.name)


@pytest.fixture
def rack(new_rack: Callable[..., Rack]) -> Rack:
    """A rack of the latest release."""
    return new_rack()


@pytest.fixture
def ask(convox: Standin) -> Callable[..., requests.Response]:
    """Asks a rack, or Console, over a new connection each time."""

    def ask(where: Any, method: str, path: str, key: str | None = None, **more: Any) -> requests.Response:
        auth = more.pop("auth", None) or ("convox", where.key if key is None else key)
        with requests.Session() as session:
            session.trust_env = False
            url = f"https://{where.host}{path}"
            return session.request(
                method, url, auth=auth, verify=more.pop("verify", convox.ca_path), timeout=10, **more
            )

    return ask


@pytest.fixture(scope="session")
def aws(convox: Standin) -> Callable[[str], Any]:
    """Makes clients of the stand-in's AWS."""

    @functools.cache
    def client(service: str, region: str = "us-east-1") -> Any:
        return boto3.client(service, endpoint_url=convox.aws_url, region_name=region, **AWS_CREDENTIALS)

    return client
