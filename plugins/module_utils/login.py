# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""Logging in and out as the CLI does: the key is proven first, then its files are written (convox-protocol 2)."""

from __future__ import annotations

import contextlib
import json
import os

from ansible_collections.convox.credentials.plugins.module_utils import files
from ansible_collections.convox.credentials.plugins.module_utils.cli_config import Layout
from ansible_collections.convox.credentials.plugins.module_utils.errors import BadInput, Damaged, Refused
from ansible_collections.convox.credentials.plugins.module_utils.keys import fingerprint
from ansible_collections.convox.credentials.plugins.module_utils.rack import Rack, System, user_id
from ansible_collections.convox.credentials.plugins.module_utils.store_cli import keep_last_copy
from ansible_collections.convox.credentials.plugins.module_utils.target import Reach, Target, check_full_name, find_target
from ansible_collections.convox.credentials.plugins.module_utils.task import Task
from ansible_collections.convox.credentials.plugins.module_utils.transport import TOKEN_USER


def login(task: Task) -> dict[str, object]:
    """The result of the module convox_login."""
    target = find_target(task)
    if task.options.get("switch_to"):
        check_full_name("switch_to", task.options["switch_to"])
    if task.options["state"] == "absent":
        return _log_out(task, target)
    if target.user == TOKEN_USER:
        raise BadInput(f"{target.host}: a token can't be logged in with, for the Convox CLI would send it as a key: nothing was written; set RACK_URL instead")
    return _Login(task, target).run()


def _log_out(task: Task, target: Target) -> dict[str, object]:
    there = task.cli.holds(target.host)
    if there and not task.check_mode:
        _keep(task, target.host)
        task.cli.forget(target.host)
    # Each is more than a login: the CLI's own list of its racks. One that can't be read tells nothing here.
    with contextlib.suppress(Damaged):
        left = ", ".join(name for dummy, name in task.cli.rack_keys(target.host))
        if left:
            task.warn_once(f"{target.host}: its key stands in the v3 CLI's {left}, too, and is left there; remove that file where nobody works with it")
    result: dict[str, object] = {
        "changed": there,
        "host": target.host,
        "rack": None,
        "fingerprint": None,
        "kind": None,
        "id": None,
        "system": None,
        "config_dir": task.cli.home.path,
    }
    if there:
        result["diff"] = {"before": {"host": target.host}, "after": {}}
    return result


def _keep(task: Task, host: str) -> None:
    """What a roll has made and only the login holds is not lost with it."""
    for key in keep_last_copy(task.cli, host):
        task.secrets.add(key)
        task.warn_once(
            f"{host}: its key {fingerprint(key)} was made by a roll, and stood in its login alone: it is kept in rotations.json, "
            "beside the CLI's files, as superseded; no task uses it"
        )


class _Login:
    def __init__(self, task: Task, target: Target) -> None:
        self._task = task
        self._target = target
        self._reach = Reach(task, target)
        self._layout: Layout = task.cli.layout_of(target.host)

    def run(self) -> dict[str, object]:
        key, identity, system = self._prove()
        before = self._written()
        after = self._to_write(key, identity)
        changed = any(before[name] != text for name, text in after.items())
        old = before["auth"]
        if changed and not self._task.check_mode:
            self._write(key, before, after)
        result: dict[str, object] = {
            "changed": changed,
            "host": self._target.host,
            "rack": self._target.via or (system.name if system else None),
            "fingerprint": fingerprint(key),
            "kind": "console" if identity is not None else "rack",
            "id": identity,
            "system": system.safe() if system else None,
            "config_dir": self._layout.path,
        }
        if changed:
            result["diff"] = {
                "before": {**before, "auth": fingerprint(old) if old else None},
                "after": {**before, **after, "auth": fingerprint(key)},
            }
        return result

    def _prove(self) -> tuple[str, str | None, System | None]:
        """The first known key that is accepted, the Console's id of the user, and what a rack says of itself."""
        known = dict.fromkeys(key for key in (self._target.key, self._task.cli.key(self._target.host)) if key)
        if not known:
            raise BadInput(f"api_key: no key is known for {self._target.host}; give one, or set CONVOX_PASSWORD")
        refusal: Refused | None = None
        for key in known:
            try:
                # The host's own word, not that of a rack behind it: a Console passes GET /auth on to the rack that is named.
                host = Rack(self._reach.transport(self._target.host), self._reach.credential(key))
                identity = user_id(host.auth().text)
                needs_system = identity is None or self._target.via is not None
                return key, identity, self._reach.rack(key).system() if needs_system else None
            except Refused as exc:
                refusal = exc
                if key is self._target.key:
                    # Given by the caller: another one from the files would hide a wrong option.
                    break
        raise Refused(f"{refusal}; nothing was written; check api_key", 401)

    def _written(self) -> dict[str, str | None]:
        """What the files say now, by their names."""
        layout = self._layout
        if self._task.options.get("switch_to") and not layout.v3:
            # Damaged, it is better met before anything is written.
            files.read_json(layout.file("racks"))
        return {
            "auth": layout.key(self._target.host),
            "active": layout.text(os.path.basename(layout.active_host_file)),
            "id": layout.text("id"),
            "rack": layout.text("rack"),
            "current": layout.text("current"),
        }

    def _to_write(self, key: str, identity: str | None) -> dict[str, str | None]:
        task, layout = self._task, self._layout
        after: dict[str, str | None] = {"auth": key}
        if task.options["activate"]:
            after["active"] = self._target.host
            if identity is not None:
                after["id"] = identity
            if layout.text(os.path.basename(layout.active_host_file)) != self._target.host:
                after["rack"] = None
        switch_to = task.options.get("switch_to")
        if switch_to and layout.v3:
            after["current"] = json.dumps({"name": switch_to, "type": "console"}, separators=(",", ":"))
        elif switch_to:
            after["rack"] = switch_to
        return after

    def _write(self, key: str, before: dict[str, str | None], after: dict[str, str | None]) -> None:
        """The key first: a crash after it leaves a login that is only not active."""
        layout = self._layout
        if before["auth"] not in (None, key):
            _keep(self._task, self._target.host)
        self._task.cli.set_key(self._target.host, key)
        for name, path in (("active", layout.active_host_file), ("id", layout.file("id")), ("rack", layout.file("rack")), ("current", layout.file("current"))):
            if name not in after or after[name] == before[name]:
                continue
            text = after[name]
            if text is None:
                files.remove(path)
            else:
                files.write(path, text)
        switch_to = self._task.options.get("switch_to")
        if switch_to and not layout.v3:
            with files.updating(layout.file("racks")) as racks:
                racks[self._target.host] = switch_to
