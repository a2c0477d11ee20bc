# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Waits for all racks of a batch at once (docs/fleet.md); its documentation is in plugins/modules/wait_for_rolls.py."""

from __future__ import annotations

import functools
import os
import typing as t

from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ansible_collections.convox.credentials.plugins.module_utils import instance_roll, rack_roll, records, transport
from ansible_collections.convox.credentials.plugins.module_utils.aws_clients import Clients
from ansible_collections.convox.credentials.plugins.plugin_utils import progress
from ansible_collections.convox.credentials.plugins.plugin_utils.batch import Batch, Wait, Work
from ansible_collections.convox.credentials.plugins.plugin_utils.begun import Begun

display = Display()
WORK: dict[str, t.Callable[[Begun], Work]] = {
    # What the stores know is all that a commit needs, unless its task was given a key: then that may be the one to be replaced.
    records.RACK_API_KEY: lambda begun: functools.partial(rack_roll.wait, sent_for=begun.sent_for, commit=not begun.key_was_given),
    records.INSTANCE_KEY: lambda begun: functools.partial(instance_roll.wait, sent_for=begun.sent_for),
}
# A person is to hear at least every 15 s.
EVERY_S = 12.0
READY, COMMITTED, STOPPED, LEFT = "ready", "committed", "stopped", "left"


class ActionModule(ActionBase):
    """Never fails: what it can't do is left to the task after it."""

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        super().run(tmp, task_vars)
        dummy, arguments = self.validate_argument_spec(
            argument_spec={
                "kind": {"type": "str", "required": True, "choices": list(WORK)},
                "result_variable": {"type": "str", "required": True},
                "wait_variables": {"type": "list", "elements": "str", "default": []},
            }
        )
        begun = self._begun(arguments, task_vars or {})
        reason = self._reason_to_leave()
        if reason and begun:
            _print(f"Each rack is waited for in its own task: {reason}")
        if reason or not begun:
            return {"changed": False, "racks": {each.name: {"reached": LEFT} for each in begun}}
        return self._wait(arguments["kind"], begun)

    def _begun(self, arguments: t.Mapping[str, t.Any], task_vars: t.Mapping[str, t.Any]) -> list[Begun]:
        """The racks of this batch that something is to be waited for on."""
        found = []
        for name in task_vars.get("ansible_play_batch", ()):
            variables = task_vars["hostvars"][name]
            wish = next((variables[each] for each in arguments["wait_variables"] if variables.get(each) not in (None, "")), True)
            each = Begun.of(name, variables.get(arguments["result_variable"]))
            if each is not None and boolean(wish, strict=False):
                found.append(each)
        return found

    def _reason_to_leave(self) -> str | None:
        """Why this process can't do what the module can."""
        if self._connection.transport != "local":
            return f"the connection is {self._connection.transport}, not local"
        if not transport.HAS_REQUESTS:
            return "requests is not installed for the Python that ansible-playbook runs in"
        if self._play_context.become:
            return "it becomes another user"
        return None

    def _wait(self, kind: str, begun: list[Begun]) -> dict[str, t.Any]:
        environment: dict[str, str] = {}
        self._compute_environment_string(environment)
        # boto3 reads it for itself; this process is this task's own.
        os.environ.update({name: str(value) for name, value in environment.items()})
        batch, clients = Batch(), Clients()
        known = [each for each in begun if each.options is not None]
        for each in known:
            batch.add(each.name, WORK[kind](each), functools.partial(each.task, os.environ, clients), each.patience)
        if known:
            _print(f"Waiting for {progress.count(len(known))}{_up_to(known)}; an interrupt loses nothing")
        parent = os.getppid()
        batch.run(_say, EVERY_S, wanted=lambda: os.getppid() == parent)
        by_name = {each.name: each for each in begun}
        outcomes = {wait.name: _outcome(wait, by_name[wait.name]) for wait in batch.waits}
        return {
            "changed": any(outcome["reached"] == COMMITTED for outcome in outcomes.values()),
            "racks": {each.name: outcomes.get(each.name, {"reached": LEFT}) for each in begun},
            "warnings": list(dict.fromkeys(text for wait in batch.waits for text in wait.warnings)),
        }


def _up_to(begun: list[Begun]) -> str:
    """The longest wait_timeout, where every rack has one."""
    longest = [each.wait_timeout for each in begun]
    return f", up to {progress.clock(max(filter(None, longest)))}" if all(longest) else ""


def _say(seconds: float, waits: list[Wait]) -> None:
    for line in progress.lines(seconds, waits):
        _print(line)


def _print(line: str) -> None:
    """To stderr: it is not held back where the output is no terminal, and callbacks that print JSON keep stdout to themselves."""
    display.display(line, stderr=True)


def _outcome(wait: Wait, begun: Begun) -> dict[str, t.Any]:
    if wait.error is None:
        return {**wait.result, "reached": {"committed": COMMITTED, None: LEFT}.get(wait.result.get("phase"), READY)}
    if begun.key_was_given and (not wait.result.get("phase") or wait.result.get("needs_key")):
        # Only the rack's own task has the key that it was given.
        return {"reached": LEFT}
    return {**wait.result, "reached": STOPPED, "msg": wait.error}
