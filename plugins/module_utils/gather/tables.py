# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""What a self-hosted Console's tables tell an audit of its users (convox-protocol 6.3): chosen attributes, no key."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.convox.credentials.plugins.module_utils.audit_evidence import ANSWERED, PARTLY, SILENT, Source, User
from ansible_collections.convox.credentials.plugins.module_utils.aws import Aws
from ansible_collections.convox.credentials.plugins.module_utils.errors import ConvoxError

_DATE = re.compile(r"(\d{4})(\d\d)(\d\d)\.(\d\d)(\d\d)(\d\d)(\.\d+)?")
_ATTRIBUTES = {"#e": "email", "#k": "api-key-created-at", "#u": "cli-authenticated"}


class Seen(t.NamedTuple):
    users: list[User]
    deploy_keys: int
    prefix: str
    source: Source


def look(aws: Aws, prefix: str) -> Seen:
    failed: list[str] = []
    users = _scan(aws, f"{prefix}-users", failed, ProjectionExpression=", ".join(_ATTRIBUTES), ExpressionAttributeNames=_ATTRIBUTES)
    keys = _scan(aws, f"{prefix}-deploy-keys", failed, Select="COUNT")
    people = [_user(item) for page in users for item in page["Items"]]
    count = sum(page["Count"] for page in keys)
    said = "; ".join([f"{len(people)} users, {count} deploy keys", *failed])
    return Seen(people, count, prefix, Source("tables", prefix, (ANSWERED, PARTLY, SILENT)[len(failed)], said))


def _scan(aws: Aws, table: str, failed: list[str], **what: t.Any) -> list[t.Mapping[str, t.Any]]:
    """Its pages; none, and a line in ``failed``, where it does not answer."""
    try:
        return list(aws.pages("dynamodb", "scan", TableName=table, **what))
    except ConvoxError as exc:
        failed.append(f"{table}: {exc}")
        return []


def _user(item: t.Mapping[str, t.Any]) -> User:
    email, made, used = (str(item.get(name, {}).get("S", "")) for name in _ATTRIBUTES.values())
    return User(email, _date(made), _date(used))


def _date(text: str) -> str | None:
    """``YYYYMMDD.HHMMSS.nnnnnnnnn``, in UTC."""
    match = _DATE.fullmatch(text)
    return "{}-{}-{}T{}:{}:{}Z".format(*match.groups()[:6]) if match else None
