# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""(a) An audit of many racks, beside the same requests by themselves and what people would loop over the racks with."""
from __future__ import annotations

import datetime
import json
import os
import sys
from typing import TYPE_CHECKING, Any

from tests.audit_fleet.scale import Asked, LargeFleet
from tests.bench.figures import Aim, Section, in_turn, row
from tests.places import ROOT

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Callable

RACKS = 1000
# How many hosts, or racks, of the slow ways are measured; the rest is multiplied.
URI_HOSTS, CLI_RACKS = 200, 50
MOST_OF_BARE, LEAST_OF_URI = 2.5, 50.0


def measure(place: Path, rounds: int, told: Callable[[str], None]) -> Section:
    with_cli = os.environ.get("CONVOX_CLI", "")
    with LargeFleet(place / "racks", RACKS) as fleet:
        began = datetime.datetime.now(datetime.timezone.utc)
        fleet.audit(aws=[])
        asked = Asked(fleet, fleet.asked_since(began))
        questions = asked.questions()
        sdk_questions = fleet.root / "sdk.json"
        sdk_questions.write_text(json.dumps([[host, asking] for host, _keep, asking in questions.visits]), encoding="utf-8")
        works = {
            "empty": fleet.play_nothing,
            "bare": lambda: float(fleet.fetch(questions)["seconds"]),
            "audit": lambda: fleet.audit(aws=[]).seconds,
            "sdk": lambda: fleet.run([sys.executable, str(ROOT / "tests" / "bench" / "sdk.py"), str(sdk_questions)], SSL_CERT_FILE=fleet.ca_path).seconds,
            "uri, one": lambda: fleet.tasks(_uri(fleet)[:1], "all", inventory=_hosts(fleet), patience=1800).seconds,
            "uri, same": lambda: fleet.tasks(_uri(fleet), "all", inventory=_hosts(fleet), patience=1800).seconds,
        }
        if with_cli:
            works["cli"] = lambda: fleet.run(["/bin/sh", "-c", _cli_loop(fleet, with_cli)], patience=1800, SSL_CERT_FILE=fleet.ca_path).seconds
        taken = in_turn(works, rounds, told)
    for name in ("uri, one", "uri, same"):
        # A play's own start is not to be multiplied.
        pairs = zip(taken[name].values, taken["empty"].values)
        taken[name].values = [(value - nothing) * RACKS / URI_HOSTS + nothing for value, nothing in pairs]
    if with_cli:
        taken["cli"].times = RACKS / CLI_RACKS
    bare, audit, uri = (taken[name].median for name in ("bare", "audit", "uri, same"))
    requests = len(asked.of_console) + sum(len(each) for each in asked.of_racks.values())
    rows = [
        row(f"the same {requests} requests by themselves, {questions.at_once} at once", taken["bare"], bare, "the limit"),
        row("`credential_audit`, the whole playbook", taken["audit"], bare),
        row("an empty playbook", taken["empty"], bare),
        row("the vendor's SDK, the same requests in a loop", taken["sdk"], bare),
        row("`ansible.builtin.uri`, one request for each host", taken["uri, one"], bare, f"{URI_HOSTS} hosts measured, times {RACKS // URI_HOSTS}"),
        row("`ansible.builtin.uri`, the same three requests", taken["uri, same"], bare, f"{URI_HOSTS} hosts measured, times {RACKS // URI_HOSTS}"),
    ]
    notes = []
    if with_cli:
        rows.append(row("`convox api get /system` in a loop", taken["cli"], bare, f"{CLI_RACKS} racks measured, times {RACKS // CLI_RACKS}"))
    else:
        notes.append("The Convox CLI was not measured: `CONVOX_CLI` named none.")
    aims = [
        Aim("audit without an empty playbook, by the bare requests", (audit - taken["empty"].median) / bare, MOST_OF_BARE),
        Aim("`uri` with the same requests, by the audit", uri / audit, LEAST_OF_URI, at_least=True),
    ]
    return Section([f"{RACKS} racks", "Median", "Least to most", "Times the limit"], rows, aims, notes)


def _hosts(fleet: LargeFleet) -> str:
    """An inventory of some of the racks, with what uri needs."""
    path = fleet.root / "uri_hosts.json"
    console = fleet.convox["console"]
    hosts = {name: {"host": fleet.host(name), "key": fleet.convox["racks"][name]["key"]} for name in fleet.names[:URI_HOSTS]}
    everywhere = {"console": console["host"], "console_key": console["api_key"]}
    path.write_text(json.dumps({"all": {"vars": everywhere, "hosts": hosts}}), encoding="utf-8")
    return str(path)


def _uri(fleet: LargeFleet) -> list[dict[str, Any]]:
    """What the audit asks of a rack: its own API with the key and with none that is right, and through the Console."""

    def task(host: str, key: str, **more: Any) -> dict[str, Any]:
        given = {"url": f"https://{host}/system", "url_username": "convox", "url_password": key, "force_basic_auth": True, "ca_path": fleet.ca_path, **more}
        return {"ansible.builtin.uri": given}

    return [
        task("{{ host }}", "{{ key }}"),
        task("{{ host }}", "no key of any rack", status_code=401),
        task("{{ console }}", "{{ console_key }}", headers={"Rack": "acme/{{ inventory_hostname }}"}),
    ]


def _cli_loop(fleet: LargeFleet, cli: str) -> str:
    """The CLI finds each host's key in its own files."""
    return "; ".join(f"CONVOX_HOST={fleet.host(name)} {cli} api get /system" for name in fleet.names[:CLI_RACKS])
