# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets Manager: what a version holds is never changed, which the emulator forgets of pending ones.

AWS's reference of PutSecretValue: a token that a version has already, with another value, is a ResourceExistsException.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moto.core.exceptions import ServiceException

from .messages import Reply
from .spec import RackSpec

if TYPE_CHECKING:
    from .cloud import Cloud


class VersionExists(ServiceException):
    """The token names a version with another value."""

    code = "ResourceExistsException"


class Vault:
    """Puts AWS's rule before the emulator."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._regions = {RackSpec.region}
        cloud.play("secretsmanager", "PutSecretValue", self._put)

    def clear(self) -> None:
        """Forget every secret: the emulator outlives this stand-in, and a rack at a port that is used again is another one."""
        with self._cloud.lock:
            for region in self._regions:
                self._cloud.backend("secretsmanager", region).secrets.clear()

    def _put(self, region: str, fields: dict[str, Any]) -> Reply | None:
        """Look and act in one: of two that come at once, one is second."""
        token, name = fields.get("ClientRequestToken"), fields.get("SecretId", "")
        backend = self._cloud.backend("secretsmanager", region)
        self._regions.add(region)
        with self._cloud.lock:
            secret = backend.secrets.get(name)
            version = secret.versions.get(token) if secret else None
            if secret is None or "SecretString" not in fields:
                return None
            if version is not None and version.get("secret_string") != fields["SecretString"]:
                raise VersionExists("You can't modify an existing version, you can only create new ones.")
            reply = backend.put_secret_value(
                secret_id=name,
                secret_string=fields["SecretString"],
                secret_binary="",
                client_request_token=token,
                version_stages=list(fields.get("VersionStages") or ["AWSCURRENT"]),
            )
        return Reply(200, reply.encode(), "application/x-amz-json-1.1", {})
