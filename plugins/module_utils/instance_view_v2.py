# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""What the stack of a v2 rack says of its instances, beside EC2 (convox-protocol 3.3)."""

from __future__ import annotations

from ansible_collections.convox.credentials.plugins.module_utils.aws import Ec2Instance
from ansible_collections.convox.credentials.plugins.module_utils.instance_view import InstanceView
from ansible_collections.convox.credentials.plugins.module_utils.rack import Rack
from ansible_collections.convox.credentials.plugins.module_utils.rack_subject import Subject
from ansible_collections.convox.credentials.plugins.module_utils.task import Task


class InstanceViewV2(InstanceView):
    """By the stack where AWS can be asked for it."""

    def __init__(self, task: Task, subject: Subject, rack: Rack) -> None:
        super().__init__(task, subject, rack, subject.aws.aws if subject.aws is not None else None)

    def key_name(self) -> str:
        """The stack's parameter ``Key``."""
        aws = self._subject.aws
        parameters = aws.stack().parameters if aws is not None else self._rack.system().parameters
        return parameters.get("Key", "")

    def own(self, found: list[Ec2Instance]) -> list[Ec2Instance]:
        """Spot fleets and what people started by hand are not replaced."""
        groups = self.ask(self._subject.aws.groups) if self._subject.aws is not None else None
        return [instance for instance in found if not groups or instance.group in groups]
