# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every exchange that was recorded with the real server, asked of the stand-in."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable

import pytest

from tests.standin import RackSpec, Standin

if TYPE_CHECKING:
    from collections.abc import Iterator

    import requests

    from tests.standin.rack import Rack

WIRE = Path(__file__).parents[2] / "standin" / "wire" / "rack-v2-20260326150533.json"
EXCHANGES = json.loads(WIRE.read_text())["requests"]
PLACEHOLDER = re.compile(r"<[^<>]+>")
# Each of these lists instances that the emulation made for itself.
MADE_UP = {"id", "private-ip", "public-ip", "started"}


@pytest.fixture(scope="module")
def alpha() -> Iterator[tuple[Standin, Rack]]:
    """A rack as the recorded one was. Its instances' names are not on loopback, which is all that differs."""
    recorded = RackSpec(
        name="alpha",
        domain="alpha.convox.site",
        rack_domain="rack.alpha.convox.site",
        mask_no_echo=False,
        parameters={"HttpProxy": "http://user:hidden@proxy:3128"},
        update_seconds=0.0,
        instance_seconds=0.0,
        restart_seconds=0.02,
        drain_seconds=0.02,
    )
    with Standin([recorded]) as standin:
        yield standin, standin.racks["alpha"]


def test_every_recorded_exchange(alpha: tuple[Standin, Rack], ask: Callable[..., requests.Response]) -> None:
    """The exchanges build on each other, so they are asked in their order."""
    standin, rack = alpha
    key = rack.key
    state = {"token": ""}
    differences: list[str] = []
    for exchange in EXCHANGES:
        asked, recorded = exchange["request"], exchange["response"]
        credentials = {
            "ok": ("convox", key),
            "other-user": ("somebody", key),
            "wrong": ("convox", "wrong"),
            "none": None,
            "empty": ("convox", ""),
            "jwt-bad": ("jwt", "garbage"),
            "jwt-read": ("jwt", state["token"]),
        }[asked["auth"]]
        reply = ask(
            rack,
            asked["method"],
            asked["path"],
            auth=credentials or _no_auth,
            data=asked["form"],
            verify=standin.ca_path,
        )
        if recorded["body"] == '{\n  "token": "<token>"\n}\n':
            state["token"] = reply.json()["token"]
        differences += [f"{exchange['name']}: {each}" for each in _differences(recorded, reply)]
        rack.wait_at_rest()
    assert differences == []


def _no_auth(request: Any) -> Any:
    return request


def _differences(recorded: dict[str, Any], reply: requests.Response) -> list[str]:
    found = []
    seen = {
        "status": reply.status_code,
        "content_type": reply.headers.get("Content-Type"),
        "request_id": "Request-Id" in reply.headers,
    }
    found += [f"{name}: {value!r} is not {recorded[name]!r}" for name, value in seen.items() if value != recorded[name]]
    if recorded["content_type"] == "application/json":
        found += _unlike(json.loads(recorded["body"]), reply.json(), "body")
        if json.loads(recorded["body"]) in ([], {"token": ""}) and reply.text != recorded["body"]:
            found.append(f"body: {reply.text!r} is not {recorded['body']!r}")
    else:
        found += _unlike(recorded["body"], reply.text, "body")
    return found


def _unlike(recorded: Any, seen: Any, where: str) -> list[str]:
    """Differences, but for what stands in angle brackets, and for keys of objects that the emulation adds."""
    if isinstance(recorded, dict) and isinstance(seen, dict):
        missing = [f"{where}: no {name}" for name in recorded if name not in seen]
        common = [name for name in recorded if name in seen and name not in MADE_UP]
        order = [name for name in seen if name in recorded]
        if order != list(recorded):
            missing.append(f"{where}: the order is {order}")
        return missing + [each for name in common for each in _unlike(recorded[name], seen[name], f"{where}.{name}")]
    if isinstance(recorded, list) and isinstance(seen, list) and len(recorded) == len(seen):
        pairs = enumerate(zip(recorded, seen))
        return [each for index, (one, other) in pairs for each in _unlike(one, other, f"{where}[{index}]")]
    if isinstance(recorded, str) and isinstance(seen, str):
        pattern = ".+".join(re.escape(part) for part in PLACEHOLDER.split(recorded))
        return [] if re.fullmatch(pattern, seen, re.DOTALL) else [f"{where}: {seen!r} is not {recorded!r}"]
    return [] if recorded == seen else [f"{where}: {seen!r} is not {recorded!r}"]
