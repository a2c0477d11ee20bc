# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""AWS: the emulator, with what it does not play put before it (convox-protocol.md, 4.7)."""

from __future__ import annotations

import datetime
import functools
import itertools
import json
import re
import threading
import uuid
from typing import TYPE_CHECKING, Any, Callable
from urllib.parse import urlsplit
from xml.sax.saxutils import escape

from moto.backends import get_backend
from moto.core.exceptions import ServiceException
from moto.core.utils import utcnow
from moto.ec2.models.core import TaggedEC2Resource
from moto.ec2.utils import EC2_PREFIX_TO_RESOURCE, get_prefix
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.test import EnvironBuilder, run_wsgi_app

from .messages import Reply, Request
from .server import Listener

if TYPE_CHECKING:
    from .faults import Fault, Faults
    from .journal import Journal

_XML_SERVICES = ("cloudformation", "ec2", "sts", "iam", "autoscaling", "sns", "elasticloadbalancing")
_accounts = itertools.count(123456789012)

# Plays one operation: region, the request's fields; None when it is the emulator's after all.
Play = Callable[[str, "dict[str, Any]"], "Reply | None"]


class Cloud:
    """The AWS account of the racks, and others for those who have their access keys; reached at one address."""

    def __init__(self, faults: Faults, journal: Journal) -> None:
        # The emulator keeps its state by account in the whole process: an account for each stand-in.
        self.account = str(next(_accounts))
        # Whose access keys lead to another account than that of the racks.
        self.accounts: dict[str, str] = {}
        # It is not safe to use from several threads.
        self.lock = threading.RLock()
        self.faults = faults
        self._journal = journal
        self._emulator = _Emulator(create_backend_app)
        self._plays: dict[tuple[str, str], Play] = {}
        self.listener = Listener(self.answer)

    @property
    def url(self) -> str:
        """What to give a client as endpoint."""
        return f"http://{self.listener.address}"

    def play(self, service: str, operation: str, play: Play) -> None:
        """Have an operation played by something else than the emulator."""
        self._plays[(service, operation)] = play

    def backend(self, service: str, region: str) -> Any:
        """The emulator's state of one service."""
        return get_backend(service)[self.account][region]

    def parameter(self, region: str, name: str) -> Any:
        """An SSM parameter, or None."""
        with self.lock:
            return self.backend("ssm", region).get_parameter(name)

    def parameter_version(self, region: str, name: str) -> int:
        """How often an SSM parameter was set."""
        parameter = self.parameter(region, name)
        return parameter.version if parameter else 0

    def set_parameter_version(self, region: str, name: str, version: int) -> None:
        """Correct how often an SSM parameter was set."""
        parameter = self.parameter(region, name)
        if parameter is not None:
            parameter.version = version

    def set_parameter_date(self, region: str, name: str, days: float) -> None:
        """Have an SSM parameter as it is for so many days."""
        parameter = self.parameter(region, name)
        if parameter is not None:
            parameter.last_modified_date = utcnow() - datetime.timedelta(days=days)

    def set_pair_date(self, region: str, name: str, days: float) -> None:
        """Have a key pair for so many days."""
        with self.lock:
            pair = self.backend("ec2", region).key_pairs.get(name)
            if pair is not None:
                pair.create_time = utcnow() - datetime.timedelta(days=days)

    def put_parameter(self, region: str, name: str, value: str) -> None:
        """Set an SSM parameter."""
        with self.lock:
            self.backend("ssm", region).put_parameter(
                name=name, description="", value=value, parameter_type="String", allowed_pattern="", keyid=None,
                overwrite=True, tags=[], data_type="text", tier=None, policies=None,
            )  # fmt: skip

    # Requests

    def answer(self, request: Request) -> Reply:
        """Answer one request of a client."""
        call = _Call(request)
        return self._journal.watch(
            "aws",
            request,
            lambda: self.faults.around(request, call.name, lambda: self._act(call), call.fault),
            path=call.name,
        )

    def _act(self, call: _Call) -> Reply:
        play = self._plays.get((call.service, call.operation))
        try:
            reply = play(call.region, call.fields) if play else None
        except ServiceException as error:
            return call.error(error.code or "ValidationError", error.message or "")
        return reply if reply is not None else self._emulate(call.request, self.accounts.get(call.access_key, self.account))

    def _emulate(self, request: Request, account: str) -> Reply:
        parts = urlsplit(request.target)
        builder = EnvironBuilder(
            path=parts.path,
            query_string=parts.query,
            base_url=self.url,
            method=request.method,
            headers=[*request.headers.items(), ("x-moto-account-id", account)],
            data=request.body,
        )
        with self.lock:
            body, status, headers = run_wsgi_app(self._emulator, builder.get_environ(), buffered=True)
        kept = {name: value for name, value in headers.items() if name.lower() not in ("content-length", "date")}
        content_type = kept.pop("Content-Type", None)
        return Reply(int(status.split()[0]), b"".join(body), content_type, kept)


class _Emulator(DomainDispatcherApplication):
    """It lists its own folder to know a service by its name, at each request anew: a quarter of its time."""

    def __init__(self, create_app: Callable[[str], Any]) -> None:
        super().__init__(create_app)
        self.get_backend_for_host = functools.cache(super().get_backend_for_host)


def _tags_of(thing: Any) -> list[dict[str, str]]:
    """What it is tagged with. The emulator looks for that among the tags of everything, for each thing anew."""
    kind = EC2_PREFIX_TO_RESOURCE.get(get_prefix(thing.id), "") if thing.id else ""
    tags = thing.ec2_backend.tags.get(thing.id, {}) if thing.id else {}
    return [{"resource_id": thing.id, "key": key, "value": value, "resource_type": kind} for key, value in tags.items()]


TaggedEC2Resource.get_tags = _tags_of  # type: ignore[method-assign]


class _Call:
    """A request in AWS's terms."""

    def __init__(self, request: Request) -> None:
        self.request = request
        scope = re.search(r"Credential=([^/]*)/\d+/([^/]+)/([^/]+)/", request.headers.get("Authorization", ""))
        self.access_key, self.region, self.service = scope.groups() if scope else ("", "us-east-1", "")
        target = request.headers.get("X-Amz-Target", "")
        self.fields: dict[str, Any] = (request.json or {}) if target else request.form
        self.operation = target.rpartition(".")[2] or self.fields.get("Action", "")
        self.name = f"{self.service}:{self.operation}" if self.operation else f"{self.service}:{request.path}"

    def fault(self, fault: Fault) -> Reply:
        """An error that was asked for."""
        return self.error(fault.error, fault.message or f"not allowed to perform {self.name}", fault.status)

    def error(self, code: str, message: str, status: int = 400) -> Reply:
        """An error in the words of the service's protocol."""
        request_id = str(uuid.uuid4())
        if self.service not in _XML_SERVICES:
            body = json.dumps({"__type": code, "message": message, "Message": message})
            headers = {"x-amzn-RequestId": request_id, "x-amzn-ErrorType": code}
            return Reply(status, body.encode(), "application/x-amz-json-1.1", headers)
        error = f"<Code>{escape(code)}</Code><Message>{escape(message)}</Message>"
        if self.service == "ec2":
            body = f"<Response><Errors><Error>{error}</Error></Errors><RequestID>{request_id}</RequestID></Response>"
        else:
            error = f"<Error><Type>Sender</Type>{error}</Error>"
            body = f"<ErrorResponse>{error}<RequestId>{request_id}</RequestId></ErrorResponse>"
        return Reply(status, body.encode(), "text/xml", {"x-amzn-RequestId": request_id})
