# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""What Console or the rack itself says of a v3 rack's nodes, beside EC2 (convox-protocol 5, 6.1)."""

from __future__ import annotations

import datetime
import re

from ansible_collections.convox.credentials.plugins.module_utils.aws import Aws, Ec2Instance, Pair
from ansible_collections.convox.credentials.plugins.module_utils.instance_view import InstanceView
from ansible_collections.convox.credentials.plugins.module_utils.rack import Rack
from ansible_collections.convox.credentials.plugins.module_utils.rack_subject import Subject
from ansible_collections.convox.credentials.plugins.module_utils.records import Record
from ansible_collections.convox.credentials.plugins.module_utils.task import Task
from ansible_collections.convox.credentials.plugins.module_utils.terraform import Terraform
from ansible_collections.convox.credentials.plugins.module_utils.times import UTC, format_date

KEY_PAIR_NAME = "key_pair_name"


class InstanceViewV3(InstanceView):
    """No stack says whose account AWS's credentials are for: EC2 is believed once it knows a pair that the rack does."""

    # The unix time at which it was made (4.5).
    numbers = "[0-9]{9,11}"

    def __init__(self, task: Task, subject: Subject, rack: Rack, aws: Aws | None, terraform: Terraform) -> None:
        super().__init__(task, subject, rack, aws)
        self._terraform = terraform
        self._known: set[str] = set()

    def know(self, key_name: str | None) -> None:
        """The rack has told of this pair."""
        self._known.update({key_name} if key_name else ())

    def key_name(self) -> str | None:
        """The rack's parameter ``key_pair_name``."""
        parameters = self._terraform.parameters()
        name = None if parameters is None else parameters.get(KEY_PAIR_NAME, "")
        self.know(name)
        return name

    def pairs(self) -> list[Pair] | None:
        """None also where the account has no pair that the rack knows: then it is another's, with a rack of the same name."""
        found = super().pairs()
        return found if found is not None and self._known.intersection(pair.name for pair in found) else None

    def believable(self, found: list[Ec2Instance]) -> bool:
        return super().believable(found) and self.pairs() is not None

    def made_at(self, key_name: str | None, record: Record) -> str | None:
        """The pair's own name tells it."""
        number = (key_name or "").rpartition("-")[2]
        if re.fullmatch(self.numbers, number) and key_name == f"{self._subject.name}-keypair-{number}":
            return format_date(datetime.datetime.fromtimestamp(int(number), UTC))
        return super().made_at(key_name, record)
