# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""What a rack, its stack and EC2 say of instances and key pairs; nothing is changed here (convox-protocol 3.3, 4.5)."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.convox.credentials.plugins.module_utils.aws import Pair, allowed
from ansible_collections.convox.credentials.plugins.module_utils.errors import RequestFailed
from ansible_collections.convox.credentials.plugins.module_utils.rack import Rack
from ansible_collections.convox.credentials.plugins.module_utils.rack_subject import Subject
from ansible_collections.convox.credentials.plugins.module_utils.records import Record
from ansible_collections.convox.credentials.plugins.module_utils.task import Task
from ansible_collections.convox.credentials.plugins.module_utils.times import format_date, parse_date


class InstanceView:
    """One rack's instances. ``others``: those of the rack that are in none of its stack's own groups, as last counted."""

    def __init__(self, task: Task, subject: Subject, rack: Rack) -> None:
        self._task = task
        self._subject = subject
        self._rack = rack
        self._last_total = 1
        self.others: list[str] = []

    def key_name(self) -> str:
        """The stack's parameter ``Key``; empty before the first keyroll."""
        aws = self._subject.aws
        parameters = aws.stack().parameters if aws is not None else self._rack.system().parameters
        return parameters.get("Key", "")

    def pairs(self) -> list[Pair] | None:
        """The rack's own pairs in the account, oldest first; None where EC2 can't be asked.

        A v2 rack names them with a number of four digits; a rack whose name begins alike is another rack.
        """
        aws = self._subject.aws
        if aws is None:
            return None
        prefix = f"{self._subject.name}-keypair-"
        found = self.ask(lambda: aws.aws.pairs(prefix))
        if found is None:
            return None
        own = [pair for pair in found if re.fullmatch(re.escape(prefix) + "[0-9]{4}", pair.name)]
        return sorted(own, key=lambda pair: (pair.created.timestamp() if pair.created else 0.0, pair.name))

    def made_at(self, key_name: str, record: Record) -> str | None:
        """When the pair was made: EC2's word, else this collection's own record of the roll."""
        for pair in self.pairs() or [] if key_name else []:
            if pair.name == key_name and pair.created is not None:
                return format_date(pair.created)
        return record.rolled_at if key_name and record.key_name == key_name else None

    def count(self, key_name: str, since: str | None) -> tuple[int, int]:
        """Own instances that have the pair, and own instances. Without EC2: those that started after ``since``."""
        aws = self._subject.aws
        found = self.ask(lambda: aws.aws.instances(self._subject.name)) if aws is not None else None
        if aws is None or found is None:
            return self._count_by_start(since)
        groups = self.ask(aws.groups) or set()
        own = [instance for instance in found if not groups or instance.group in groups]
        self.others = sorted(instance.id for instance in found if instance not in own)
        return sum(1 for instance in own if instance.key_name == key_name), len(own)

    def _count_by_start(self, since: str | None) -> tuple[int, int]:
        try:
            instances = self._rack.instances()
        except RequestFailed:
            return 0, self._last_total
        self._last_total = max(1, len(instances))
        started = [parse_date(instance.started) for instance in instances if instance.started]
        return sum(1 for date in started if since is not None and date > parse_date(since)), len(instances)

    def ask(self, question: t.Callable[[], t.Any]) -> t.Any:
        """The answer of AWS, or None with a warning where it denies it."""
        return allowed(
            question,
            lambda what: self._task.warn_once(f"{self._subject.label}: AWS could not be asked, which is done without: {what}"),
        )
