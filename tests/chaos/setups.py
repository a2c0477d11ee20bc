# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Racks, and how they are rolled."""

from __future__ import annotations

import dataclasses
import typing as t

RACK, THROUGH_CONSOLE, CONSOLE_KEY, INSTANCES = "rack", "rack through its Console", "Console API key", "instance key"
INSTANCES_V3, INSTANCES_V3_BEHIND = "instance key of v3", "instance key of v3, faults behind its Console"
RENEWED = "rack through its Console, whose record is renewed"
BEFORE_SECRETS = "20230301000000"
SLOWLY = {"update_seconds": 0.05, "restart_seconds": 0.06, "drain_seconds": 0.08}
# One that Console runs Terraform for, with a pair that people made.
V3 = {"version": "3.18.2", "uninstallable": True, "instances": 2, "key_pair": "people-s-own", "terminated_seconds": 0.0}


@dataclasses.dataclass(frozen=True)
class Setup:
    """``subject``: what is rolled (subjects.py). ``rack``: fields of RackSpec. ``options``: of the task. ``stores``: kinds, in their order.

    ``speed``: of the run's clock. ``rolled_before``: a rotation was committed before, lately.
    """

    name: str
    subject: str = RACK
    rack: t.Mapping[str, t.Any] = dataclasses.field(default_factory=dict)
    options: t.Mapping[str, t.Any] = dataclasses.field(default_factory=dict)
    stores: tuple[str, ...] = ("cli",)
    aws: bool = True
    speed: float = 100.0
    rolled_before: bool = False

    @property
    def waits(self) -> bool:
        """Whether there is a stack, with containers, to be waited for."""
        return self.subject != CONSOLE_KEY

    @property
    def contested(self) -> bool:
        """Whether somebody else could roll the same key meanwhile."""
        return self.subject in (RACK, THROUGH_CONSOLE, RENEWED)

    @property
    def of_v3(self) -> bool:
        return self.subject in (INSTANCES_V3, INSTANCES_V3_BEHIND)

    @property
    def hasty(self) -> bool:
        """Whether a roll takes seconds even where the clock does not run fast: nothing is waited for that can't be seen."""
        return self.aws and self.subject in (RACK, INSTANCES) and self.options.get("activate") != "signing_key"

    def __str__(self) -> str:
        return self.name


ECS = Setup("by ECS")
SIGNING_KEY = Setup("without AWS", aws=False, speed=200.0)
SECRETS_MANAGER = Setup("Secrets Manager", stores=("aws_secretsmanager",))
SETUPS = (
    ECS,
    SIGNING_KEY,
    SECRETS_MANAGER,
    Setup("by CloudFormation", options={"method": "cloudformation"}, stores=("cli", "file")),
    Setup("old release", rack={"version": BEFORE_SECRETS}),
    Setup("one container", rack={"high_availability": False}, stores=("file",)),
    Setup("slowly", rack=SLOWLY, stores=("file", "cli")),
    Setup("slowly, without AWS", rack=SLOWLY, aws=False, speed=200.0),
    Setup("rolled before", rolled_before=True),
    Setup("each request to the next container", rack={"balance_requests": True}),
    Setup("by API and signing key", options={"method": "api", "activate": "signing_key"}, speed=200.0),
    Setup("Secrets Manager and CLI", stores=("aws_secretsmanager", "cli")),
    Setup("through its Console", THROUGH_CONSOLE, options={"console_sync": "none"}),
    Setup("through its Console, without AWS", THROUGH_CONSOLE, options={"console_sync": "none"}, aws=False, speed=200.0),
)
# The clock is slow enough that a Console can be waited for, and asked once more.
RECORD_RENEWED = Setup("through its Console, record renewed", RENEWED, options={"console_sync": "reimport"}, speed=25.0)
CONSOLE = Setup("Console API key", CONSOLE_KEY, aws=False, speed=200.0)
INSTANCE_KEY = Setup("instance key", INSTANCES, rack={"instances": 2})
INSTANCE_KEY_V3 = Setup("instance key of v3, through its Console", INSTANCES_V3, rack=V3)
# The clock is slow enough that a second pair, after a reply that was lost, can have another name: the rack names them by the second.
V3_SLOWLY = Setup("instance key of v3, slowly", INSTANCES_V3, rack={**V3, **SLOWLY, "instance_seconds": 0.1}, stores=("file", "cli"), speed=10.0)
OTHERS = (
    CONSOLE,
    Setup("Console API key, two stores", CONSOLE_KEY, aws=False, speed=200.0, stores=("file", "cli")),
    INSTANCE_KEY,
    Setup("instance key, slowly", INSTANCES, rack={**SLOWLY, "instance_seconds": 0.1, "instances": 2}, stores=("file", "cli")),
    INSTANCE_KEY_V3,
    V3_SLOWLY,
    # Nodes are told by the second in which they began.
    Setup("instance key of v3, without AWS", INSTANCES_V3, rack={**V3, "update_seconds": 1.1}, aws=False),
    Setup("instance key of v3, Secrets Manager", INSTANCES_V3, rack=V3, stores=("aws_secretsmanager",)),
    Setup("instance key of v3, faults behind its Console", INSTANCES_V3_BEHIND, rack=V3),
    RECORD_RENEWED,
    Setup("through its Console, record renewed, without AWS", RENEWED, options={"console_sync": "reimport"}, aws=False, speed=25.0, stores=("file", "cli")),
)
ALL = SETUPS + OTHERS
