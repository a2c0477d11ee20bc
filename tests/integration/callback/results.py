# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lets a test run one task after the other in one play: see ansible.py beside this folder.

What each task returned goes to a file, one line of JSON a task, as any other callback sees it. Before a file of tasks
is included it is waited for: the test writes it when it knows what comes next.
"""
from __future__ import annotations

import json
import os
import time
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: results
type: aggregate
short_description: Write each result to a file
description: For the integration tests, which name the file in RESULTS_PATH.
"""

INCLUDE = "ansible.builtin.include_tasks"


class CallbackModule(CallbackBase):
    """Results as they come."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "results"
    CALLBACK_NEEDS_ENABLED = True

    def _write(self, failed: bool, result: Any) -> None:
        line = json.dumps({"failed": failed, "result": result._result}, default=str)
        with open(os.environ["RESULTS_PATH"], "a", encoding="utf-8") as file:
            file.write(line + "\n")

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:
        if task.action != INCLUDE or not os.path.isabs(task.args["_raw_params"]):
            return  # A role's own file is named beside it.
        parent = os.getppid()
        while not os.path.exists(task.args["_raw_params"]):
            if os.getppid() != parent:
                raise SystemExit("the test is gone")
            time.sleep(0.005)

    def v2_runner_on_ok(self, result: Any) -> None:
        if result._task.action != INCLUDE:
            self._write(False, result)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        self._write(True, result)

    def v2_runner_on_unreachable(self, result: Any) -> None:
        self._write(True, result)
