# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""What a rack and EC2 say of instances and key pairs, whatever the generation; nothing is changed here (convox-protocol 3.3, 4.5)."""

from __future__ import annotations

import dataclasses
import datetime
import re
import typing as t

from ansible_collections.convox.credentials.plugins.module_utils.aws import Aws, Ec2Instance, Pair
from ansible_collections.convox.credentials.plugins.module_utils.errors import RequestFailed
from ansible_collections.convox.credentials.plugins.module_utils.rack import Rack
from ansible_collections.convox.credentials.plugins.module_utils.rack_subject import Subject, of_aws
from ansible_collections.convox.credentials.plugins.module_utils.records import Record
from ansible_collections.convox.credentials.plugins.module_utils.task import Task
from ansible_collections.convox.credentials.plugins.module_utils.times import format_date, parse_date


@dataclasses.dataclass(frozen=True)
class Count:
    """``on_new`` of ``total`` own instances have the pair. ``by_pair``: EC2 said so, else they have begun since it was set."""

    on_new: int
    total: int
    by_pair: bool


class InstanceView:
    """One rack's instances. ``others``: those of the rack that are in none of its own groups, as last counted."""

    # What the names of its pairs end in.
    numbers = "[0-9]{4}"

    def __init__(self, task: Task, subject: Subject, rack: Rack, aws: Aws | None) -> None:
        self._task = task
        self._subject = subject
        self._rack = rack
        self._last_total = 1
        self.aws = aws
        self.others: list[str] = []

    def key_name(self) -> str | None:
        """The pair that instances start with: empty for none, None where it can't be read."""
        raise NotImplementedError

    def pairs(self) -> list[Pair] | None:
        """The rack's own pairs in the account, oldest first; None where EC2 can't be asked.

        A rack whose name begins alike is another rack: what follows its name is a number.
        """
        aws = self.aws
        if aws is None:
            return None
        prefix = f"{self._subject.name}-keypair-"
        found = self.ask(lambda: aws.pairs(prefix))
        if found is None:
            return None
        own = [pair for pair in found if re.fullmatch(re.escape(prefix) + self.numbers, pair.name)]
        return sorted(own, key=lambda pair: (pair.created.timestamp() if pair.created else 0.0, pair.name))

    def made_at(self, key_name: str | None, record: Record) -> str | None:
        """When the pair was made: EC2's word, else this collection's own record of the roll."""
        for pair in self.pairs() or [] if key_name else []:
            if pair.name == key_name and pair.created is not None:
                return format_date(pair.created)
        return record.rolled_at if key_name and record.key_name == key_name else None

    def count(self, key_name: str | None, since: str | None) -> Count:
        """Without EC2: those that started after ``since``."""
        aws = self.aws
        found = self.ask(lambda: aws.instances(self._subject.name)) if aws is not None else None
        if found is None or not self.believable(found):
            return self._count_by_start(since)
        own = self.own(found)
        self.others = sorted(instance.id for instance in found if instance not in own)
        return Count(sum(1 for instance in own if instance.key_name == key_name), len(own), True)

    def own(self, found: list[Ec2Instance]) -> list[Ec2Instance]:
        """Those that a keyroll replaces."""
        return found

    def believable(self, found: list[Ec2Instance]) -> bool:
        """Whether what EC2 found can be this rack's. No rack is without instances: where it finds none, the rack is asked."""
        return bool(found)

    def prune(self, keep: str | None, deleted: t.Callable[[str], None]) -> None:
        """Delete the rack's former pairs that nothing can need any more, and tell each; the rack itself never does (3.3)."""
        aws, pairs = self.aws, self.pairs() or []
        unneeded = {pair.name for pair in pairs} - {keep} - {pair.name for pair in pairs[-1:]}
        if aws is None or not unneeded:
            return
        unneeded -= aws.pairs_of_instances(unneeded) | aws.launch_template_pairs()
        for name in sorted(unneeded):
            aws.delete_pair(name)
            deleted(name)

    def _count_by_start(self, since: str | None) -> Count:
        try:
            instances = self._rack.instances()
        except RequestFailed:
            return Count(0, self._last_total, False)
        self._last_total = max(1, len(instances))
        # One whose date is missing or none is not known to be new.
        started = [date for date in (_date(instance.started) for instance in instances) if date is not None]
        return Count(sum(1 for date in started if since is not None and date > parse_date(since)), len(instances), False)

    def ask(self, question: t.Callable[[], t.Any]) -> t.Any:
        """The answer of AWS, or None with a warning where it denies it."""
        return of_aws(self._task, self._subject, question)


def _date(text: str) -> datetime.datetime | None:
    try:
        return parse_date(text)
    except ValueError:
        return None
