# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""AWS Secrets Manager as a store: one secret a credential, which several controllers can share.

The key in force is AWSCURRENT, the one on its way AWSPENDING, the former one AWSPREVIOUS, each as
``{"host": ..., "api_key": ...}``; an instance key has ``private_key`` and ``key_name`` in place of ``api_key``. What a
rotation must remember besides is the version of stage ``CONVOX``: the record (records.py). Tags tell people and policies
the rest, and no secret.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import re
import typing as t

from ansible_collections.convox.credentials.plugins.module_utils import records
from ansible_collections.convox.credentials.plugins.module_utils.aws import Aws, as_tags, tags_of
from ansible_collections.convox.credentials.plugins.module_utils.errors import BadInput, BadReply, Damaged, RequestFailed, StoreFailed
from ansible_collections.convox.credentials.plugins.module_utils.keys import fingerprint
from ansible_collections.convox.credentials.plugins.module_utils.records import Pending, Record
from ansible_collections.convox.credentials.plugins.module_utils.store import Met, Promotion
from ansible_collections.convox.credentials.plugins.module_utils.times import format_date

DEFAULT_NAME = "convox/<rack-domain>"
_IDENTITY = "<rack-domain>"
_STAGES = _CURRENT, _PENDING, _RECORD = "AWSCURRENT", "AWSPENDING", "CONVOX"
# What people find a key under, and the private half of an instance key, with the name of its pair.
_API_KEY, _PRIVATE_KEY, _KEY_NAME = "api_key", "private_key", "key_name"
_PENDING_SINCE = "convox:pending_since"
# What names of secrets and values of tags may hold (AWS's references of CreateSecret and of tagging).
_NOT_IN_NAMES = re.compile("[^A-Za-z0-9/_+=.@-]")
_NOT_IN_TAGS = re.compile("[^A-Za-z0-9 /_+=.:@-]")
_LONGEST_TAG = 256


@dataclasses.dataclass(frozen=True)
class Secret:
    """A secret as it is now: which version each stage is on, and what the versions hold."""

    name: str
    versions: t.Mapping[str, str]
    values: t.Mapping[str, t.Mapping[str, t.Any]]
    tags: t.Mapping[str, str]
    staged_at: str | None

    def key(self, stage: str) -> str | None:
        value = self.values.get(stage, {})
        found = value.get(_API_KEY, value.get(_PRIVATE_KEY))
        return found if isinstance(found, str) and found else None

    @property
    def pending_key(self) -> str | None:
        """A key that was staged and not promoted: afterwards its version is the current one."""
        return self.key(_PENDING) if self.versions.get(_PENDING) != self.versions.get(_CURRENT) else None


class SecretsManagerStore:
    """``name``: of the secrets, with ``<rack-domain>`` in it for the rack's, or for a Console key's ``email@host``."""

    persistent = True

    def __init__(self, aws: Aws, name: str | None = None, kms_key_id: str | None = None, tags: t.Mapping[str, str] | None = None) -> None:
        self._aws = aws
        self._template = name or DEFAULT_NAME
        self._kms_key_id = kms_key_id
        self._tags = _texts(tags or {})
        self.label = f"aws_secretsmanager:{self._template}"
        self._met = Met()

    # -- the interface of stores ----------------------------------------------------------------------------------
    def load(self, kind: str, name: str) -> Record | None:
        found = self._find(kind, name)
        if found is None:
            return None
        secret, record = found
        self._meet(secret, record)
        return record

    def save(self, record: Record) -> None:
        self._save(record, always=False)

    def promote(self, record: Record, promotion: Promotion) -> None:
        secret = self._own(record)
        if secret is not None and secret.key(_CURRENT) != record.current:
            # Before the first write, as ``save`` does.
            self._refuse_others(secret, record)
            if secret.key(_PENDING) == record.current:
                self._call(
                    "update_secret_version_stage",
                    SecretId=secret.name,
                    VersionStage=_CURRENT,
                    MoveToVersionId=secret.versions[_PENDING],
                    RemoveFromVersionId=secret.versions[_CURRENT],
                )
            else:
                self._put(secret, _CURRENT, {**secret.values.get(_CURRENT, {}), **_shown(record, record.current, record.key_name)})
        self.save(record)

    def key(self, kind: str, host: str) -> str | None:
        # Nothing is decided by it: what is saved afterwards is compared with what ``load`` returned.
        found = self._find(kind, host)
        return found[1].current if found else None

    def prove(self, record: Record, dry: bool) -> None:
        if dry:
            secret = self._own(record)
            if secret is not None:
                self._refuse_others(secret, record)
            return
        secret = self._save(record, always=True)
        back = self._find(record.kind, record.identity)
        if back is None or back[1].pending != record.pending:
            raise StoreFailed(f"{self.label}: what was written can't be read back; nothing was rolled; see who else writes there")
        if record.pending is None:
            self._prove_the_end(secret)

    def _prove_the_end(self, secret: Secret) -> None:
        """Asks for what only the end of a rotation needs, where it changes nothing: better denied now than with a key in force."""
        self._call("untag_resource", SecretId=secret.name, TagKeys=[_PENDING_SINCE])
        try:
            self._call("update_secret_version_stage", SecretId=secret.name, VersionStage=_PENDING, RemoveFromVersionId=secret.versions[_CURRENT])
        except StoreFailed as exc:
            # It is not there, and AWS says so (its reference of UpdateSecretVersionStage) only to who may.
            if not _said(exc, "Invalid"):
                raise

    # -- reading --------------------------------------------------------------------------------------------------
    def _name(self, kind: str, identity: str) -> str:
        name = self._template.replace(_IDENTITY, identity)
        return _NOT_IN_NAMES.sub("_", f"{name}/{kind}" if kind == records.INSTANCE_KEY else name)

    def _read(self, name: str) -> Secret | None:
        try:
            about = self._call("describe_secret", SecretId=name)
        except StoreFailed as exc:
            if _said(exc, "ResourceNotFoundException"):
                return None
            raise
        if about.get("DeletedDate"):
            raise StoreFailed(f"{self.label}: the secret {name} is about to be deleted; nothing was changed; restore it, or choose another name")
        versions = {stage: version for version, stages in about.get("VersionIdsToStages", {}).items() for stage in stages}
        found = {stage: self._call("get_secret_value", SecretId=name, VersionId=versions[stage]) for stage in _STAGES if stage in versions}
        values = {stage: self._value(name, version.get("SecretString") or "") for stage, version in found.items()}
        staged = found.get(_PENDING, {}).get("CreatedDate")
        return Secret(name, versions, values, tags_of(about), format_date(staged) if staged else None)

    def _find(self, kind: str, name: str) -> tuple[Secret, Record] | None:
        secret = self._read(self._name(kind, name))
        if secret is None or secret.values.get(_RECORD, {}).get("kind", kind) != kind:
            return None
        record = self._record(secret, kind, name)
        return (secret, record) if name in (record.identity, record.host) and self._foreign_host(secret, kind, name) is None else None

    def _value(self, name: str, text: str) -> t.Mapping[str, t.Any]:
        value = None
        with contextlib.suppress(ValueError):
            value = json.loads(text)
        if not isinstance(value, dict):
            raise Damaged(f"{self.label}: the secret {name} holds no JSON object; nothing was changed; choose another name in stores")
        return value

    def _record(self, secret: Secret, kind: str, name: str) -> Record:
        """The record, with what the stages know beside it: a run can have died between two writes, and people write too."""
        data = dict(secret.values.get(_RECORD, {}))
        identity = str(data.pop("identity", name))
        data.pop("kind", None)
        host = secret.values.get(_CURRENT, {}).get("host")
        record = records.from_json(kind, identity, {"host": host if isinstance(host, str) else None, **data}, f"{self.label}: {secret.name}")
        current, staged = secret.key(_CURRENT), secret.pending_key
        if current and current not in record.secrets():
            former = (record.current,) if record.current else ()
            record = dataclasses.replace(record, current=current, superseded=former + record.superseded)
        if staged and (record.pending is None or record.pending.key is None):
            begun = record.pending or Pending(None, secret.staged_at or "", ())
            key_name = secret.values[_PENDING].get(_KEY_NAME)
            record = dataclasses.replace(record, pending=dataclasses.replace(begun, key=staged, key_name=key_name if isinstance(key_name, str) else None))
        elif staged and staged not in record.secrets():
            record = record.note(found=(record.pending.found if record.pending else ()) + (staged,))
        return record

    def _own(self, record: Record) -> Secret | None:
        """The secret of a record; StoreFailed where it is another credential's."""
        secret = self._read(self._name(record.kind, record.identity))
        if secret is None:
            return None
        whose = secret.values.get(_RECORD, {})
        other = self._foreign_host(secret, record.kind, record.identity, record.host)
        if (whose.get("kind", record.kind), whose.get("identity", record.identity)) != (record.kind, record.identity):
            other = str(whose.get("identity"))
        if other is not None:
            raise StoreFailed(
                f"{self.label}: the secret {secret.name} is {other}'s, not {record.identity}'s; nothing was changed; "
                f"choose another name in stores, best one with {_IDENTITY} in it"
            )
        return secret

    def _foreign_host(self, secret: Secret, kind: str, *names: str | None) -> str | None:
        """Another host that a secret says it is of, where nothing else tells: neither a record, nor its name, which then may be anybody's.

        Names of a Console's keys are ``email@host``.
        """
        value = secret.values.get(_CURRENT, {})
        if _IDENTITY in self._template or _RECORD in secret.values or secret.key(_CURRENT) is None:
            return None
        host = value.get("host")
        known = {name.lower() for name in names if name}
        if kind == records.CONSOLE_API_KEY:
            known |= {name.rpartition("@")[2] for name in known}
        return None if isinstance(host, str) and host.lower() in known else str(host or "nobody")

    # -- two controllers ------------------------------------------------------------------------------------------
    def _meet(self, secret: Secret, record: Record) -> None:
        pending = record.pending.key if record.pending else None
        self._met.add(record.kind, record.identity, secret.pending_key, secret.key(_CURRENT), pending, record.current)

    def _refuse_others(self, secret: Secret, record: Record) -> None:
        """Of two that try at the same moment, AWS takes the first (by the tokens)."""
        self._met.refuse_others(self.label, record, secret.pending_key, secret.key(_CURRENT))

    # -- writing --------------------------------------------------------------------------------------------------
    def _save(self, record: Record, always: bool) -> Secret:
        """Returns it as it was before."""
        secret = self._own(record) or self._create(record)
        self._refuse_others(secret, record)
        if secret.versions.get(_CURRENT) in (None, secret.versions.get(_RECORD)):
            # It was made without a value: AWS makes current what is put first, which is not to be the record.
            self._put(secret, _CURRENT, {}, _token(record.identity, "created"))
            secret = self._read_again(secret.name)
        staged = record.pending.key if record.pending else None
        if staged and staged != secret.key(_CURRENT):
            self._stage(secret, record, staged)
        data = {"kind": record.kind, "identity": record.identity, **records.to_json(record, secret.values.get(_RECORD))}
        if always or data != secret.values.get(_RECORD):
            self._put(secret, _RECORD, data, _token(record.identity, _RECORD, secret.versions.get(_RECORD, "")))
        if record.pending is None and _PENDING in secret.versions and secret.versions[_PENDING] == secret.versions.get(_CURRENT):
            self._call("update_secret_version_stage", SecretId=secret.name, VersionStage=_PENDING, RemoveFromVersionId=secret.versions[_PENDING])
        self._tag(secret, record)
        self._meet(secret, record)
        return secret

    def _create(self, record: Record) -> Secret:
        name = self._name(record.kind, record.identity)
        value = _shown(record, record.current, record.key_name) if record.current else {}
        more = {"KmsKeyId": self._kms_key_id} if self._kms_key_id else {}
        self._call(
            "create_secret",
            Name=name,
            Description=f"Convox {record.kind.replace('_', ' ')} of {record.identity}",
            SecretString=json.dumps(value),
            ClientRequestToken=_token(record.identity, "created"),
            Tags=as_tags(self._tags),
            **more,
        )
        return self._read_again(name)

    def _read_again(self, name: str) -> Secret:
        secret = self._read(name)
        if secret is None:
            raise StoreFailed(f"{self.label}: the secret {name} can't be found after it was made; nothing was rolled; run again")
        return secret

    def _stage(self, secret: Secret, record: Record, staged: str) -> None:
        if secret.pending_key == staged:
            return
        token = _token(record.identity, secret.versions.get(_CURRENT, ""), secret.versions.get(_PENDING, ""))
        shown = _shown(record, staged, record.pending.key_name if record.pending else None)
        self._put(secret, _PENDING, {**secret.values.get(_CURRENT, {}), **shown}, token)

    def _put(self, secret: Secret, stage: str, value: t.Mapping[str, t.Any], token: str | None = None) -> None:
        more = {"ClientRequestToken": token} if token else {}
        try:
            self._call("put_secret_value", SecretId=secret.name, SecretString=json.dumps(value), VersionStages=[stage], **more)
        except StoreFailed as exc:
            if _said(exc, "ResourceExistsException"):
                raise StoreFailed(f"{self.label}: another run has just staged a key in {secret.name}; run again, which finishes that one") from None
            raise

    def _tag(self, secret: Secret, record: Record) -> None:
        """What is known without reading the secret."""
        told = {
            "convox:kind": record.kind,
            "convox:identity": record.identity,
            "convox:rack": record.name,
            "convox:fingerprint": fingerprint(record.current) if record.current else None,
            "convox:rolled_at": record.rolled_at,
            "convox:rotation_id": record.rotation_ids[-1] if record.rotation_ids else None,
            _PENDING_SINCE: record.pending.staged_at if record.pending else None,
        }
        wanted = {**self._tags, **{key: _NOT_IN_TAGS.sub("_", value)[:_LONGEST_TAG] for key, value in told.items() if value}}
        new = {key: value for key, value in wanted.items() if secret.tags.get(key) != value}
        if new:
            self._call("tag_resource", SecretId=secret.name, Tags=as_tags(new))
        gone = sorted(key for key in told if key in secret.tags and key not in wanted)
        if gone:
            self._call("untag_resource", SecretId=secret.name, TagKeys=gone)

    def _call(self, operation: str, **arguments: t.Any) -> dict[str, t.Any]:
        try:
            return self._aws.call("secretsmanager", operation, **arguments)
        except RequestFailed as exc:
            raise StoreFailed(f"{self.label}: {exc}") from exc


def _shown(record: Record, key: str | None, key_name: str | None) -> dict[str, t.Any]:
    """What those who use the secret read; what they added to it stays."""
    own = {_PRIVATE_KEY: key, _KEY_NAME: key_name} if record.kind == records.INSTANCE_KEY else {_API_KEY: key}
    return {"host": record.host or record.identity, **own}


def _said(exc: StoreFailed, code: str) -> bool:
    """Whether it is this error of AWS's that a call failed with."""
    return isinstance(exc.__cause__, BadReply) and exc.__cause__.text.startswith(code)


def _texts(tags: t.Mapping[str, t.Any]) -> dict[str, str]:
    """Tags as they were meant: a number or a truth value is one to YAML only."""
    wrong = next((key for key, value in tags.items() if not key or not isinstance(value, (str, int, float))), None)
    if wrong is not None:
        raise BadInput(f"stores: the tag {wrong!r} of the secret is no text; write it as name: value")
    return {key: str(value) for key, value in tags.items()}


def _token(*parts: str) -> str:
    """The same for all who see the same versions; a version's id is 32 to 64 characters."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
