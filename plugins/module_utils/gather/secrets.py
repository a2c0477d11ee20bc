# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""What the tags of Secrets Manager's secrets tell an audit (store_secretsmanager.py): no secret is read."""

from __future__ import annotations

import typing as t

from ansible_collections.convox.credentials.plugins.module_utils.audit_evidence import ANSWERED, BY_STORE, SILENT, Rolled, Source, Unfinished
from ansible_collections.convox.credentials.plugins.module_utils.aws import Aws, tags_of
from ansible_collections.convox.credentials.plugins.module_utils.errors import ConvoxError


class Seen(t.NamedTuple):
    """By kind and identity."""

    rolled: dict[tuple[str, str], Rolled]
    unfinished: dict[tuple[str, str], Unfinished]
    source: Source


def look(aws: Aws, label: str) -> Seen:
    seen = Seen({}, {}, Source("stores", label, ANSWERED, ""))
    try:
        for page in aws.pages("secretsmanager", "list_secrets", Filters=[{"Key": "tag-key", "Values": ["convox:identity"]}]):
            for secret in page["SecretList"]:
                _take(seen, secret["Name"], tags_of(secret))
    except ConvoxError as exc:
        return seen._replace(source=Source("stores", label, SILENT, str(exc)))
    return seen._replace(source=Source("stores", label, ANSWERED, f"{len(seen.rolled)} credentials"))


def _take(seen: Seen, name: str, tags: t.Mapping[str, str]) -> None:
    whose = tags.get("convox:kind", ""), tags.get("convox:identity", "")
    if tags.get("convox:rolled_at"):
        seen.rolled[whose] = Rolled(tags["convox:rolled_at"], BY_STORE, tags.get("convox:fingerprint", ""))
    if tags.get("convox:pending_since"):
        seen.unfinished[whose] = Unfinished(whose[0], tags["convox:pending_since"], "pending", f"the secret {name}")
