# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A module's work in this process, by a clock that runs fast: for what takes minutes by contract.

The module's own argument spec makes the options, and the module's own function does the work; only Ansible is not there.
"""
from __future__ import annotations

import importlib
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Callable

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.convox.credentials.plugins.module_utils import adapter
from ansible_collections.convox.credentials.plugins.module_utils.errors import ConvoxError
from ansible_collections.convox.credentials.plugins.module_utils.keys import Secrets
from ansible_collections.convox.credentials.plugins.module_utils.task import Task
from ansible_collections.convox.credentials.plugins.module_utils.times import Clock
from tests.integration.machine import AT_ONCE

if TYPE_CHECKING:
    import pytest

    from tests.integration.machine import Machine


class FastClock(Clock):
    """Seconds of waiting are short ones. The servers' dates are as they are. ``meanwhile``: what happens in the first pause."""

    def __init__(self, speed: float = 40.0, meanwhile: Callable[[], None] | None = None) -> None:
        super().__init__()
        self._speed = speed
        self._meanwhile = meanwhile

    def now(self) -> float:
        return time.monotonic() * self._speed

    def sleep(self, seconds: float) -> None:
        meanwhile, self._meanwhile = self._meanwhile, None
        if meanwhile is not None:
            meanwhile()
        super().sleep(seconds / self._speed)

    def age(self, stamp: str) -> float:
        return super().age(stamp) * self._speed


@dataclass
class Done:
    """How the work ended: with ``data``, or with ``msg`` too."""

    data: dict[str, Any]
    msg: str | None = None
    warnings: list[str] = field(default_factory=list)

    def __getitem__(self, name: str) -> Any:
        return self.data[name]


class Direct:
    """Does a module's work for a machine's owner."""

    def __init__(self, machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
        self._machine = machine
        self._monkeypatch = monkeypatch

    def __call__(
        self,
        module: str,
        *,
        speed: float = 40.0,
        waiting: Callable[[Task, float], dict[str, Any]] | None = None,
        meanwhile: Callable[[], None] | None = None,
        **options: Any,
    ) -> Done:
        """``waiting``: what is done in place of the module's own work, with the module's options. ``meanwhile``: see FastClock."""
        work, spec = self._parts(module)
        validated = ArgumentSpecValidator(spec).validate({**self._machine.defaults, **AT_ONCE.get(module, {}), **options})
        assert not validated.error_messages
        done = Done({})
        environment = self._machine.variables()
        # What boto3 and expanduser() read for themselves.
        for name in ("HOME", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL", "AWS_DEFAULT_REGION"):
            if name in environment:
                self._monkeypatch.setenv(name, environment[name])
            else:
                self._monkeypatch.delenv(name, raising=False)
        task = Task(validated.validated_parameters, environment, Secrets(), done.warnings.append, clock=FastClock(speed, meanwhile))
        try:
            done.data = waiting(task, task.clock.now()) if waiting is not None else work(task).result
        except ConvoxError as exc:
            done.data, done.msg = exc.result, str(exc)
        return done

    def _parts(self, module: str) -> tuple[Any, dict[str, Any]]:
        """The function and the argument spec that the module hands to the adapter."""
        found: list[tuple[Any, dict[str, Any]]] = []
        with self._monkeypatch.context() as patched:
            patched.setattr(adapter, "run", lambda work, spec, **more: found.append((work, spec)))
            importlib.import_module(f"ansible_collections.convox.credentials.plugins.modules.{module}").main()
        return found[0]
