# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""Which rack or Console a task means, and how it is reached: options first, then environment, then the CLI's files."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import re
import urllib.parse

from ansible_collections.convox.credentials.plugins.module_utils import cli_config, tls
from ansible_collections.convox.credentials.plugins.module_utils.errors import BadInput
from ansible_collections.convox.credentials.plugins.module_utils.keys import SHORTEST_MASKED
from ansible_collections.convox.credentials.plugins.module_utils.rack import Rack
from ansible_collections.convox.credentials.plugins.module_utils.task import Task
from ansible_collections.convox.credentials.plugins.module_utils.transport import RETRIED_STATUS, USER, Credential, Transport, check_authorities

HIGHEST_PORT = 65535
# As long as a path can be.
LONGEST_OPTION = 4096
LONGEST_SHOWN = 100
# Control characters, and halves of characters that UTF-8 has no bytes for.
_UNFIT = re.compile("[\0-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_LABEL = "[A-Za-z0-9]([A-Za-z0-9_-]{0,61}[A-Za-z0-9])?"
_HOST = re.compile(r"(?=[^:]{1,253}(:|$))%s(\.%s)*(:[0-9]{1,5})?" % (_LABEL, _LABEL))
# What an HTTP header can carry, but for the blank.
_FULL_NAME = re.compile("[!-.0-~]+/[!-.0-~]+")


@dataclasses.dataclass(frozen=True)
class Target:
    """``host``: ``name[:port]``. ``via``: ``org/name`` where the host is a Console. ``key``: given, or None."""

    host: str
    via: str | None
    key: str | None
    user: str = USER

    @property
    def short_name(self) -> str | None:
        """The rack's own name, where it is reached through a Console."""
        return self.via.rpartition("/")[2] if self.via else None

    @property
    def console(self) -> str | None:
        """The rack's name at its Console, with the Console's."""
        return f"{self.via}@{self.host}" if self.via else None


def find_target(task: Task) -> Target:
    """Raises BadInput. A variable in somebody's shell never turns many inventory hosts into one rack (architecture 2)."""
    options, environ = task.options, task.environ
    named = [name for name in ("host", "rack", "api_key") if options.get(name)]
    cli_config.check_modes(task.cli, [entry.get("path") for entry in options.get("stores") or ()], task.warn_once)
    url_source, url = _first(("rack_url", options.get("rack_url")), ("RACK_URL", None if named else environ.get("RACK_URL")))
    if url:
        return _from_rack_url(task, url_source, url)
    _conceal(task, options.get("host"))
    host_source, host = _first(("host", options.get("host")), ("CONVOX_HOST", environ.get("CONVOX_HOST")), task.cli.active_host_and_file())
    open_to_environment = not options.get("host")
    key_source, key = _first(("api_key", options.get("api_key")), ("CONVOX_PASSWORD", environ.get("CONVOX_PASSWORD") if open_to_environment else None))
    via_source, via = _first(("rack", options.get("rack")), ("CONVOX_RACK", environ.get("CONVOX_RACK") if open_to_environment else None))
    task.secrets.add(key)
    if key:
        check_key(key_source, key)
    if via:
        check_full_name(via_source, via)
    return Target(parse_host(host or cli_config.DEFAULT_CONSOLE, host_source), via, key)


def _first(*sources: tuple[str, str | None]) -> tuple[str, str | None]:
    """The first that says something, with the name that messages give it."""
    return next(((name, value) for name, value in sources if value), ("", None))


def check_text(option: str, text: str) -> None:
    """Refuse what no option holds and what a header, a path or a message in one line could not carry. It is not shown."""
    if len(text) > LONGEST_OPTION:
        raise BadInput(f"{option}: {len(text)} characters; it must be {LONGEST_OPTION} or less: check what was pasted")
    # A host is taken without the blanks around it, as it comes out of files.
    if _UNFIT.search(text.strip() if option == "host" else text):
        raise BadInput(f"{option}: it holds a line break or another control character; write it in one line, without an end of line")


def check_key(option: str, key: str) -> None:
    """Refuse what can be no Convox key. It is not shown."""
    check_text(option, key)
    if len(key) < SHORTEST_MASKED:
        raise BadInput(f"{option}: {len(key)} characters; no Convox key is shorter than {SHORTEST_MASKED}: check what was pasted")


def check_full_name(option: str, name: str) -> None:
    """Refuse what is not a rack's name as Consoles write it."""
    if not _FULL_NAME.fullmatch(name):
        raise BadInput(f"{option}: {_quoted(name)} is not org/name; write the organization too, as `convox racks` shows it")


def parse_host(text: str, source: str = "host") -> str:
    """``name[:port]`` of a name or a URL, as typed but for the scheme: the CLI files it under that."""
    name = text.strip()
    scheme, found, rest = name.partition("://")
    if found:
        if scheme.lower() != "https":
            raise BadInput(f"{source}: {_quoted(scheme)[1:-1]}:// would send the key in clear; Convox speaks https")
        name = rest.rstrip("/")
    if "@" in name:
        raise BadInput(f"{source}: it holds credentials; give a URL of that kind as rack_url, where it is kept secret")
    if not _HOST.fullmatch(name) or not 0 < int(name.partition(":")[2] or 443) <= HIGHEST_PORT:
        raise BadInput(f"{source}: {_quoted(name)} is no host; write name, name:port or https://name:port")
    return name


def _quoted(text: str) -> str:
    return repr(text if len(text) <= LONGEST_SHOWN else text[:LONGEST_SHOWN] + "…")


def _conceal(task: Task, host: str | None) -> None:
    """A key in ``host`` is refused, and not shown either: Ansible prints every option of a module at -vvv."""
    credentials, found, dummy = (host or "").rpartition("@")
    if found:
        task.secrets.add(credentials.rpartition(":")[2])


def _from_rack_url(task: Task, source: str, url: str) -> Target:
    task.secrets.add(url)
    parts = port = None
    # An error's text can hold a part of the key.
    with contextlib.suppress(ValueError):
        port = urllib.parse.urlsplit(url).port
        parts = urllib.parse.urlsplit(url)
    key = urllib.parse.unquote(parts.password or "") if parts else ""
    task.secrets.add(key)
    if parts is None or parts.scheme != "https" or not parts.hostname or len(key) < SHORTEST_MASKED:
        raise _bad_rack_url(source)
    try:
        host = parse_host(parts.hostname if port is None else f"{parts.hostname}:{port}")
        check_text(source, key + (parts.username or ""))
    except BadInput:
        raise _bad_rack_url(source) from None
    return Target(host, None, key, parts.username or USER)


def _bad_rack_url(source: str) -> BadInput:
    return BadInput(f"{source}: not https://user:key@host; its value is not shown because it can hold a key")


class Reach:
    """The way to one target: transports with the trust that was asked for, and clients over them."""

    def __init__(self, task: Task, target: Target) -> None:
        self._task = task
        self.target = target
        self._transports: dict[str, Transport] = {}
        self._trusts: dict[str, tls.Trust] = {}

    def rack(self, key: str) -> Rack:
        """The rack as the task reaches it: directly, or through its Console."""
        return Rack(self.transport(self.target.host), self.credential(key), self.target.via)

    def direct(self, host: str, key: str) -> Rack:
        """The rack by a host of its own, whatever way the task goes."""
        return Rack(self.transport(host), self.credential(key), None)

    def credential(self, key: str) -> Credential:
        return Credential(key, self.target.user if key == self.target.key else USER)

    def transport(self, host: str) -> Transport:
        if host not in self._transports:
            self._transports[host] = self.another(host)
        return self._transports[host]

    def transport_beside(self, host: str) -> Transport:
        """To a host that is asked beside the task's own, as the Console that holds its rack: ``validate_certs: false`` was not said of that."""
        return self.transport(host) if host == self.target.host else self._beside.transport(host)

    @functools.cached_property
    def _beside(self) -> Reach:
        return Reach(dataclasses.replace(self._task, options={**self._task.options, "validate_certs": True}), self.target)

    def another(self, host: str, retried: tuple[int, ...] = RETRIED_STATUS) -> Transport:
        """A transport that nobody else has, to be closed by whoever asked for it."""
        task = self._task
        return Transport(
            host,
            self.trust(host),
            task.secrets,
            task.clock,
            timeout=float(task.options["timeout"]),
            retries=int(task.options["retries"]),
            sessions=_Sessions(task),
            retried=retried,
        )

    def trust(self, host: str) -> tls.Trust:
        if host not in self._trusts:
            self._trusts[host] = self._find_trust(host)
        return self._trusts[host]

    def _find_trust(self, host: str) -> tls.Trust:
        task = self._task
        named = host == self.target.host
        wish = task.options.get("tls_fingerprint") if named else None
        # As the audit has read them, which asks many hosts.
        given = (task.options.get("tls_fingerprints") or {}).get(host)
        pinned = task.cli.pinned(host)
        if wish and wish != tls.ACCEPT_NEW:
            return tls.Trust(fingerprint=tls.parse_fingerprint(wish))
        if given:
            return tls.Trust(fingerprint=given, pin_in=tls.BY_HOST)
        if pinned is None and wish == tls.ACCEPT_NEW:
            seen = tls.look_at(host, float(task.options["timeout"]))
            if seen.api_own:
                task.warn_once(
                    f"{host}: the certificate to be pinned is the API's own (O=convox, CN=api), which is another one after each restart of the API: "
                    "the pin breaks with it; reach the rack by its rack-domain behind the load balancer"
                )
            pinned = seen.fingerprint if task.check_mode else task.cli.pin(host, seen.fingerprint)
        if pinned is not None:
            return tls.Trust(fingerprint=tls.parse_fingerprint(pinned, "tls-fingerprints"), pin_in=tls.FILE)
        if not task.options["validate_certs"]:
            task.warn_once(f"{host}: its certificate is not verified (validate_certs: false): anybody between could read the key")
            return tls.Trust(verify=False)
        return self._verified if named else dataclasses.replace(self._verified, pin_in=tls.FILE)

    @functools.cached_property
    def _verified(self) -> tls.Trust:
        """By the authorities that were named, which are read once."""
        ca_path = self._task.options.get("ca_path")
        if ca_path:
            check_authorities(ca_path)
        return tls.Trust(ca_path=ca_path)


class _Sessions:
    """This run's own, then the CLI's ``session`` file; check mode writes nothing."""

    def __init__(self, task: Task) -> None:
        self._task = task

    def session(self, host: str) -> str | None:
        return self._task.sessions.get(host) or self._task.cli.session(host)

    def set_session(self, host: str, session: str) -> None:
        self._task.sessions[host] = session
        if not self._task.check_mode:
            self._task.cli.set_session(host, session)


def describe(target: Target) -> str:
    """The rack or host as messages name it."""
    return f"{target.via} (through {target.host})" if target.via else target.host
