# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A rack's CloudFormation stack: the emulator's, with the time that an update takes and the ways in which it fails.

The emulator applies an update at once and never fails; here the same update is in progress for a while, refuses others
meanwhile, and may be rolled back (convox-protocol.md, 3, 3.1, 4).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Callable

from moto.cloudformation.exceptions import ValidationError
from moto.cloudformation.models import Stack
from moto.cloudformation.utils import generate_stack_id
from moto.core.utils import pascal_to_camelcase, remap_nested_keys, utcnow
from moto.ecs.models import TaskDefinition

from .template import PASSWORD_LENGTH

if TYPE_CHECKING:
    from .cloud import Cloud
    from .faults import Fault, Faults
    from .life import Life
    from .spec import RackSettings

AT_REST = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE")
MASK = "****"

# What an update brings about besides itself: from, to, and whether it breaks off after the first step.
CarryOut = Callable[["dict[str, str]", "dict[str, str]", bool], None]


class RackStack(Stack):
    """The stack of one rack."""

    def __init__(self, cloud: Cloud, region: str, life: Life, settings: RackSettings, faults: Faults, **kwargs: Any):
        self._cloud = cloud
        self._life = life
        self._settings = settings
        self._faults = faults
        self._shown: str | None = None
        self._silent = False
        # What the values were before an update whose rollback failed.
        self._before_failure: dict[str, str] = {}
        self.carry_out: CarryOut = lambda before, after, broken_off: None
        # Changes of the key, each with from, to, at, and what became of it.
        self.password_updates: list[dict[str, Any]] = []
        self.keys_seen: list[str] = [kwargs["parameters"]["Password"]]
        super().__init__(
            stack_id=generate_stack_id(kwargs["name"], region, cloud.account),
            account_id=cloud.account,
            region_name=region,
            **kwargs,
        )

    def create(self, *, visible: bool) -> None:
        """Make the resources, and let AWS know the stack."""
        with self._cloud.lock:
            if visible:
                self._cloud.backend("cloudformation", self.region_name).stacks[self.stack_id] = self
            self.create_resources()

    # What the emulator asks

    @property
    def status(self) -> str:
        """The status as AWS shows it, whatever the emulator thinks."""
        return self._shown or self._status

    @status.setter
    def status(self, value: str) -> None:
        self._status = value

    @property
    def parameter_list(self) -> list[dict[str, Any]]:
        """The parameters as AWS shows them: what is NoEcho is masked (4.3); the emulator means to, and does not."""
        hidden = self.resource_map.no_echo_parameter_keys
        return [
            {"ParameterKey": name, "ParameterValue": MASK if name in hidden else value}
            for name, value in self.stack_parameters.items()
        ]

    def _parse_template(self) -> None:
        # The template is JSON, which the emulator reads as YAML, slowly.
        self.template_dict = json.loads(self.template)

    def _add_stack_event(self, *args: Any, **kwargs: Any) -> None:
        if not self._silent:
            super()._add_stack_event(*args, **kwargs)

    # Updates

    def refuse_unless_at_rest(self) -> None:
        """Refuse an update as AWS does while another goes on (3)."""
        if self.status not in AT_REST:
            raise ValidationError(message=f"Stack:{self.stack_id} is in {self.status} state and can not be updated.")

    def change(self, values: dict[str, str]) -> None:
        """Update some parameters, as the rack itself does; names that there are not are ignored (3)."""
        with self._cloud.lock:
            self.request({**self.parameters, **{name: values[name] for name in values if name in self.parameters}})

    def request(self, wanted: dict[str, str], tags: dict[str, str] | None = None) -> None:
        """Update, unless there is nothing to change."""
        with self._cloud.lock:
            self.refuse_unless_at_rest()
            same = wanted == self.parameters and tags in (None, self.tags)
            if same and not self.image_drift:
                raise ValidationError(message="No updates are to be performed.")
            self.update(self.template, parameters=wanted, tags=tags)

    @property
    def image_drift(self) -> bool:
        """Whether AWS has a newer image than the instances run (4.2)."""
        return self._settings.image_drift

    def update(
        self,
        template: str,
        role_arn: str | None = None,
        parameters: dict[str, Any] | None = None,
        tags: dict[str, str] | None = None,
    ) -> None:
        """Start an update; what it brings about comes beside."""
        with self._cloud.lock:
            before, after = dict(self.parameters), dict(parameters or self.parameters)
            self._validate(after)
            if before["Password"] != after["Password"]:
                self.password_updates.append(
                    {
                        "from": before["Password"],
                        "to": after["Password"],
                        "at": utcnow().isoformat(),
                        "outcome": "in progress",
                    }
                )
                self.keys_seen.append(after["Password"])
            self._apply(after, "UPDATE_IN_PROGRESS", "User Initiated", role_arn, tags, template)
            fault = self._faults.event("stack_update")
        self._life.spawn(self._go_on, before, after, fault)

    def continue_rollback(self) -> None:
        """Somebody mends what made a rollback fail, and has CloudFormation continue it: every value is as before (4.6)."""
        with self._cloud.lock:
            if self.status != "UPDATE_ROLLBACK_FAILED":
                raise ValidationError(message=f"Stack:{self.stack_id} is in {self.status} state and can not be continued.")
            before = self._before_failure
            after = dict(self.parameters)
            self._apply(before, "UPDATE_ROLLBACK_IN_PROGRESS", "User Initiated")
        self._life.spawn(self._take_back, before, after, self._update_seconds)

    @staticmethod
    def _validate(parameters: dict[str, str]) -> None:
        password = parameters["Password"]
        if not 1 <= len(password) <= PASSWORD_LENGTH:
            raise ValidationError(
                message=f"Parameter 'Password' must contain {'at least 1' if not password else 'at most 50'} characters"
            )

    def _apply(
        self,
        parameters: dict[str, str],
        status: str,
        reason: str,
        role_arn: str | None = None,
        tags: dict[str, str] | None = None,
        template: str | None = None,
    ) -> None:
        """Let the emulator set the values and change the resources, all in one, and show a status."""
        with self._cloud.lock:
            was = self._shown
            self._show(status, reason)
            self._silent = True
            version = self._cloud.parameter_version(self.region_name, self.secret_name)
            before = self.parameters["Password"]
            try:
                super().update(template or self.template, role_arn or self.role_arn, parameters, tags)
            except Exception:
                self._shown = was
                raise
            finally:
                self._silent = False
            self._mend_task_definitions()
            if before != parameters["Password"]:
                # The emulator makes the parameter anew, and so begins to count again (4.7).
                self._cloud.set_parameter_version(self.region_name, self.secret_name, version + 1)

    def _mend_task_definitions(self) -> None:
        """The emulator forgets, at an update, to write names as ECS does, and so loses most of a definition (4.7)."""
        for each in self.resource_map.values():
            if isinstance(each, TaskDefinition):
                # What was there as an empty default, too, comes later in the template's words, and so prevails.
                each.container_definitions = remap_nested_keys(each.container_definitions, pascal_to_camelcase)

    def _show(self, status: str, reason: str | None = None) -> None:
        self._shown = status
        self.last_updated_time = utcnow()
        self._add_stack_event(status, resource_status_reason=reason)

    def _update_seconds(self) -> float:
        return self._settings.update_seconds

    def _go_on(self, before: dict[str, str], after: dict[str, str], fault: Fault | None) -> None:
        self._life.pause_for(self._update_seconds)
        if fault is not None and fault.action != "never_ends":
            self._roll_back(before, after, fault)
            return
        if fault is not None:
            self._life.wait_until(lambda: not self._faults.holds(fault))
        self.carry_out(before, after, False)
        self._complete("UPDATE", "complete")

    def _roll_back(self, before: dict[str, str], after: dict[str, str], fault: Fault) -> None:
        def seconds() -> float:
            if not fault.seconds:
                return self._update_seconds()
            return fault.seconds if self._faults.holds(fault) else 0.0

        self.carry_out(before, after, True)
        reason = fault.message or "The following resource(s) failed to update: [Instances]."
        if fault.action == "rollback_failed":
            # What had been set stays set: nothing was taken back (4.6).
            self._before_failure = before
            self._show("UPDATE_ROLLBACK_IN_PROGRESS", reason)
            self._life.pause_for(seconds)
            self._end("UPDATE_ROLLBACK_FAILED", "rollback failed")
            return
        self._apply(before, "UPDATE_ROLLBACK_IN_PROGRESS", reason)
        self._take_back(before, after, seconds)

    def _take_back(self, before: dict[str, str], after: dict[str, str], seconds: Callable[[], float]) -> None:
        self._life.pause_for(seconds)
        self.carry_out(after, before, False)
        self._complete("UPDATE_ROLLBACK", "rolled back")

    def _complete(self, kind: str, outcome: str) -> None:
        if self._settings.cleanup_seconds > 0:
            self._show(f"{kind}_COMPLETE_CLEANUP_IN_PROGRESS")
            self._life.pause_for(lambda: self._settings.cleanup_seconds)
        self._end(f"{kind}_COMPLETE", outcome)

    def _end(self, status: str, outcome: str) -> None:
        for each in self.password_updates:
            if each["outcome"] == "in progress":
                each["outcome"] = outcome
        self._show(status)

    # What others ask

    @property
    def secret_name(self) -> str:
        """The name of the SSM parameter that has the key (4.4)."""
        return f"{self.name}RackApiSecret"

    def physical(self, logical_id: str) -> Any:
        """The emulator's object for one of the resources."""
        return self.resource_map[logical_id]

    def output_values(self) -> dict[str, str]:
        """The outputs, by name."""
        return {each["OutputKey"]: each["OutputValue"] for each in self.outputs or []}
