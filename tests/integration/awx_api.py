# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""As much of AWX's API as awx.awx needs to create things: it keeps what it is given, by kind and id."""
from __future__ import annotations

import contextlib
import itertools
import json
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = "/api/v2/"
TEMPLATES = ("job_templates", "workflow_job_templates", "projects", "inventory_sources")
# Lists of other things that a thing has.
LISTS = ("credentials", "labels", "instance_groups", "always_nodes", "success_nodes", "failure_nodes", "workflow_nodes")


class AwxApi:
    """What was created. ``things[kind][id]`` holds fields, and lists of ids for associations."""

    def __init__(self) -> None:
        self.things: dict[str, dict[int, dict[str, Any]]] = {"organizations": {1: {"id": 1, "name": "Default", "type": "organization"}}}
        self.changes = 0
        self.url = ""
        self._ids = itertools.count(2)

    def by_name(self, kind: str) -> dict[str, dict[str, Any]]:
        return {each.get("identifier") or each["name"]: each for each in self.things.get(kind, {}).values()}

    def get(self, path: list[str], query: dict[str, str]) -> Any:
        if len(path) == 1:
            return _page([each for each in self._all(path[0]) if _matches(each, query)])
        thing = self.things[path[0]][int(path[1])]
        if len(path) == 2:
            return thing
        if path[2] == "survey_spec":
            return thing.get("survey", {})
        if path[2] == "workflow_nodes":
            return _page([each for each in self._all("workflow_job_template_nodes") if each["workflow_job_template"] == thing["id"]])
        kind = "workflow_job_template_nodes" if path[2].endswith("_nodes") else path[2]
        return _page([self.things[kind][number] for number in thing.get(path[2], [])])

    def post(self, path: list[str], data: dict[str, Any]) -> tuple[int, Any]:
        self.changes += 1
        if len(path) == 1:
            return 201, self._create(path[0], data)
        thing = self.things[path[0]][int(path[1])]
        if path[2] == "survey_spec":
            thing["survey"] = data
            return 200, {}
        ids = thing.setdefault(path[2], [])
        if data.get("disassociate"):
            ids.remove(data["id"])
        else:
            ids.append(data["id"])
        return 204, None

    def delete(self, path: list[str]) -> None:
        self.changes += 1
        del self.things[path[0]][int(path[1])]
        for each in self.things[path[0]].values():
            for name in LISTS:
                each[name] = [number for number in each.get(name, []) if number != int(path[1])]

    def patch(self, path: list[str], data: dict[str, Any]) -> Any:
        self.changes += 1
        self.things[path[0]][int(path[1])].update(data)
        return self.things[path[0]][int(path[1])]

    def _all(self, kind: str) -> list[dict[str, Any]]:
        kinds = TEMPLATES if kind == "unified_job_templates" else (kind,)
        return [each for one in kinds for each in self.things.get(one, {}).values()]

    def _create(self, kind: str, data: dict[str, Any]) -> dict[str, Any]:
        number = next(self._ids)
        url = f"{ROOT}{kind}/{number}/"
        thing = {**data, "id": number, "url": url, "type": kind[:-1], "related": {name: f"{url}{name}/" for name in (*LISTS, "survey_spec")}}
        self.things.setdefault(kind, {})[number] = thing
        return {**thing, "status": "successful", "scm_revision": "", "summary_fields": {}}


def _page(found: list[dict[str, Any]]) -> dict[str, Any]:
    return {"count": len(found), "next": None, "results": found}


def _matches(thing: dict[str, Any], query: dict[str, str]) -> bool:
    """Names are looked for in place of ids, too; the organization of what has none is any."""
    either = [thing.get(name[4:]) for name in query if name.startswith("or__")]
    if either and not any(str(value) in query.values() for value in either):
        return False
    return all(str(thing.get(name, value)) == value for name, value in query.items() if not name.startswith("or__"))


@contextlib.contextmanager
def serving() -> Iterator[AwxApi]:
    """An AWX on loopback."""
    api = AwxApi()

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            parts = urllib.parse.urlsplit(self.path)
            path = parts.path[len(ROOT) :].strip("/").split("/")
            length = int(self.headers.get("Content-Length") or 0)
            data = json.loads(self.rfile.read(length) or b"{}")
            status, reply = 200, None
            if self.command == "GET":
                reply = api.get(path, dict(urllib.parse.parse_qsl(parts.query)))
            elif self.command == "POST":
                status, reply = api.post(path, data)
            elif self.command == "PATCH":
                reply = api.patch(path, data)
            else:
                status, reply = 204, api.delete(path)
            content = b"" if status == 204 else json.dumps(reply).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PATCH = do_DELETE = _answer  # noqa: N815

        def log_message(self, *_arguments: Any) -> None:
            """Nothing is printed."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    api.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield api
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
