# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The DynamoDB tables of a Console that somebody hosts (convox-protocol.md, 6.3)."""

from __future__ import annotations

import datetime
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

import boto3

from .fleet import AWS_CREDENTIALS
from .journal import now

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .fleet import Standin


@dataclass(frozen=True)
class Person:
    """So many days ago the key was made and used; None: never noted."""

    email: str
    key_days: float | None = None
    used_days: float | None = None


def make_tables(standin: Standin, prefix: str, people: Sequence[Person], deploy_keys: int = 0, region: str = "us-east-1") -> None:
    """Keep these people, and so many deploy keys."""
    client = boto3.client("dynamodb", endpoint_url=standin.aws_url, region_name=region, **AWS_CREDENTIALS)
    items: dict[str, list[dict[str, str]]] = {"users": [_item(person) for person in people], "deploy-keys": [{}] * deploy_keys}
    for table, rows in items.items():
        client.create_table(
            TableName=f"{prefix}-{table}",
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            BillingMode="PAY_PER_REQUEST",
        )
        for row in rows:
            values = {"id": str(uuid.uuid4()), **row}
            client.put_item(TableName=f"{prefix}-{table}", Item={name: {"S": text} for name, text in values.items()})


def _item(person: Person) -> dict[str, str]:
    dates = {"api-key-created-at": person.key_days, "cli-authenticated": person.used_days}
    return {"email": person.email, **{name: _stamp(days) for name, days in dates.items() if days is not None}}


def _stamp(days: float) -> str:
    return (now() - datetime.timedelta(days=days)).strftime("%Y%m%d.%H%M%S.%f") + "000"
