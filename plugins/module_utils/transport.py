# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""One HTTP session to one host: TLS, timeouts, retries of reads, session challenge, and one meaning for each failure."""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import email.utils
import functools
import json
import os
import re
import ssl
import threading
import typing as t

from ansible_collections.convox.credentials.plugins.module_utils import tls
from ansible_collections.convox.credentials.plugins.module_utils.errors import BadInput, BadReply, ConvoxError, NoAnswer, Refused, Untrusted
from ansible_collections.convox.credentials.plugins.module_utils.keys import Secrets
from ansible_collections.convox.credentials.plugins.module_utils.times import UTC, Clock

try:
    import requests
    import requests.adapters
    import urllib3

    HAS_REQUESTS = True
except ImportError:
    HAS_REQUESTS = False

USER = "convox"
TOKEN_USER = "jwt"
# Sent as the CLI does; a Console wants to know it (convox-protocol 6.1).
CLIENT_VERSION = "20260326150533"
# What a server says for itself, and what gateways say for one that is silent.
OWN_STATUS = (429,)
RETRIED_STATUS = (*OWN_STATUS, 502, 503, 504)
LONGEST_TEXT = 300
# A list of ten thousand racks is a tenth of it, and none takes so many time-outs.
LARGEST_REPLY, MOST_TIMEOUTS = 32 << 20, 10
LONGEST_PAUSE_S = 60
# One context is made at a time: who needs the same waits for it.
_MAKING = threading.Lock()
# As much of a proxy's URL as the libraries take for granted: credentials are ASCII, and it names a host.
_PROXY = re.compile("([a-z0-9]+://)?([!-.0->A-~]*@)?(\\[[^]@/?#]+\\]|[^]\\s@/?#:[]+)(:[0-9]+)?/?", re.IGNORECASE)
# The words for a certificate that is not the right one, of OpenSSL and of urllib3.
_NOT_TRUSTED = re.compile("CERTIFICATE_VERIFY_FAILED|certificate verify failed|doesn't match|Fingerprint")


@dataclasses.dataclass(frozen=True)
class Credential:
    """``user`` is ``convox``, or ``jwt`` where the key is a token."""

    key: str
    user: str = USER

    @property
    def encoded(self) -> str:
        """As the request's header has both, but for the padding: a server can repeat that as well as the key."""
        return base64.b64encode(f"{self.user}:{self.key}".encode("utf-8", "surrogatepass")).decode("ascii").rstrip("=")


@dataclasses.dataclass(frozen=True)
class Reply:
    status: int
    text: str
    content_type: str
    request_id: str | None
    about: str

    def json(self) -> t.Any:
        with contextlib.suppress(ValueError, RecursionError):
            return json.loads(self.text)
        raise BadReply(
            f"{self.about}: answered {self.content_type or 'nothing'} where JSON was expected; check that the host is a Convox rack or Console",
            self.status,
        )


class Sessions(t.Protocol):
    """Where the ids that a Console's session challenge gives are kept (the CLI's file ``session``)."""

    def session(self, host: str) -> str | None: ...

    def set_session(self, host: str, session: str) -> None: ...


def passing(exc: Exception) -> bool:
    """Whether asking again may help, as while a rack restarts: then a gateway answers for it, or nobody."""
    if isinstance(exc, NoAnswer):
        return not exc.lasting
    return isinstance(exc, BadReply) and exc.status in RETRIED_STATUS


class Transport:
    """Requests to one host (``name[:port]``), always by TLS. Redirects are refused: they would carry the key along."""

    def __init__(
        self,
        host: str,
        trust: tls.Trust,
        secrets: Secrets,
        clock: Clock,
        timeout: float = 30,
        retries: int = 3,
        sessions: Sessions | None = None,
        retried: tuple[int, ...] = RETRIED_STATUS,
    ) -> None:
        self.host = host
        self.timeout = timeout
        self._trust = trust
        self._secrets = secrets
        self._clock = clock
        self._sessions = sessions
        self._session_id: str | None = None
        self.certificate: tls.Certificate | None = None
        self._http = _session(trust, retries, self._note_certificate, retried)
        self._retries = retries

    def _note_certificate(self, certificate: tls.Certificate) -> None:
        """Of the latest connection, before anything is sent over it; also where nothing is, for it is not trusted."""
        self.certificate = certificate

    def fresh(self) -> Transport:
        """A transport of its own connections, without retries: for questions where one container's answer counts."""
        return Transport(self.host, self._trust, self._secrets, self._clock, self.timeout, 0, self._sessions)

    def close(self) -> None:
        self._http.close()

    def get(self, path: str, credential: Credential | None, headers: t.Mapping[str, str] | None = None) -> Reply:
        return self._send("GET", path, credential, headers or {}, None)

    def send(
        self,
        method: str,
        path: str,
        credential: Credential | None,
        form: t.Mapping[str, str] | None = None,
        headers: t.Mapping[str, str] | None = None,
    ) -> Reply:
        """A write: sent once, never repeated here (a refused session challenge has not acted)."""
        return self._send(method, path, credential, headers or {}, {"data": dict(form or {})})

    def post_json(self, path: str, body: t.Any, bearer: str | None) -> Reply:
        headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
        return self._send("POST", path, None, headers, {"json": body})

    def _send(
        self,
        method: str,
        path: str,
        credential: Credential | None,
        headers: t.Mapping[str, str],
        body: dict[str, t.Any] | None,
    ) -> Reply:
        if credential is not None:
            self._secrets.add_unless_short(credential.key)
            self._secrets.add(credential.encoded)
        response, text = self._exchange(method, path, credential, headers, body)
        challenge = _challenge(response)
        if response.status_code == 401 and challenge is not None:
            self._open_session(challenge, credential, headers)
            response, text = self._exchange(method, path, credential, headers, body)
        return self._reply(method, path, response, text)

    def _exchange(self, method, path, credential, headers, body):  # type: ignore[no-untyped-def]
        session_id = self._session_id or (self._sessions.session(self.host) if self._sessions else None)
        self._secrets.add(session_id)
        sent = {"User-Agent": f"convox.go/{CLIENT_VERSION}", "Version": CLIENT_VERSION, **headers}
        if session_id:
            sent["Session"] = session_id
        try:
            response = self._http.request(
                method,
                f"https://{self.host}{path}",
                headers=sent,
                auth=_basic(credential),
                timeout=self.timeout,
                verify=_verify(self._trust),
                allow_redirects=False,
                stream=True,
                **(body or {}),
            )
            return response, self._read(method, path, response)
        except (OSError, UnicodeError, urllib3.exceptions.HTTPError) as exc:
            failure = self._no_answer(method, path, exc)
        # Out here, so that nothing of the library's error is kept: it carries the whole request along.
        raise failure

    def _read(self, method: str, path: str, response: t.Any) -> str:
        """The body. ``timeout`` is from one byte to the next, so that whoever wants to could send for ever."""
        end, parts, length = self._clock.now() + MOST_TIMEOUTS * self.timeout, [], 0
        with contextlib.closing(response):
            for part in response.iter_content(1 << 16):
                parts.append(part)
                length += len(part)
                if length > LARGEST_REPLY or self._clock.now() > end:
                    raise NoAnswer(
                        f"{self._about(method, path)}: a reply without end, {length} bytes until now; check that the host is a Convox rack or Console"
                    )
        return _decoded(b"".join(parts), response.encoding or "utf-8")

    def _open_session(self, path: str, credential: Credential | None, headers: t.Mapping[str, str]) -> None:
        """Answer the Console's challenge (convox-protocol 6.1); the id is good for the requests that follow."""
        self._session_id = None
        reply = self._reply("POST", path, *self._exchange("POST", path, credential, headers, {"data": {}}))
        data = reply.json()
        if not isinstance(data, dict) or not isinstance(data.get("id"), str):
            raise BadReply(f"{self.host}: opened no session; log in with the Convox CLI and run again", reply.status)
        self._session_id = data["id"]
        self._secrets.add(self._session_id)
        if self._sessions is not None:
            self._sessions.set_session(self.host, data["id"])

    def _reply(self, method: str, path: str, response: t.Any, text: str) -> Reply:
        self._hear_date(response.headers.get("Date"))
        about = self._about(method, path)
        content_type = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        reply = Reply(response.status_code, text, content_type, response.headers.get("Request-Id"), about)
        if 300 <= reply.status < 400:
            to = self._secrets.redact(response.headers.get("Location", "nowhere"))
            raise BadReply(f"{about}: redirected to {to}; a key is never sent on; name that host if it is the right one", reply.status)
        if content_type == "text/html":
            raise BadReply("%s: answered a web page (%d); check the host, and rack for a Console" % (about, reply.status), reply.status)
        if reply.status >= 400:
            raise self._bad_reply(reply)
        return reply

    def _bad_reply(self, reply: Reply) -> BadReply:
        text = self._secrets.redact(_error_text(reply))
        quoted = f" (Request-Id {reply.request_id})" if reply.request_id else ""
        if "cli token is expired" in text:
            return Refused(f"{self.host}: the Console API key is expired; roll it with rotate_console_api_key{quoted}", reply.status, text)
        kind = Refused if reply.status == 401 else BadReply
        shown = text if len(text) <= LONGEST_TEXT else text[:LONGEST_TEXT] + "…"
        return kind("%s: %d %s%s" % (reply.about, reply.status, shown or "without a text", quoted), reply.status, text)

    def _no_answer(self, method: str, path: str, exc: Exception) -> NoAnswer:
        about = self._about(method, path)
        if isinstance(exc, (UnicodeError, requests.exceptions.InvalidHeader)):
            return NoAnswer(f"{about}: HTTP can't carry what is to be sent; check rack, the CLI's session file, and HTTPS_PROXY", sent=False)
        if isinstance(exc, requests.exceptions.SSLError) and _NOT_TRUSTED.search(str(exc)):
            seen = self._seen()
            return Untrusted(f"{about}: {self._untrusted(seen)}", seen.fingerprint if seen else "unknown", bool(self._trust.fingerprint))
        if isinstance(exc, requests.exceptions.SSLError):
            # Perhaps after the request was read: what came of it is not known.
            return NoAnswer(f"{about}: TLS broke off; check that the host speaks TLS, then try again")
        # The host is a good one: it was looked at before.
        if isinstance(exc, (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema, urllib3.exceptions.LocationParseError)):
            return NoAnswer(f"{about}: the proxy's URL is none that can be used; set HTTPS_PROXY as http://name:port", sent=False, lasting=True)
        if isinstance(exc, requests.exceptions.ProxyError):
            return NoAnswer(f"{about}: the proxy does not answer; check HTTPS_PROXY and NO_PROXY", sent=False)
        if isinstance(exc, requests.exceptions.ConnectTimeout):
            return NoAnswer(f"{about}: no connection within {self.timeout:g} s; check the host and the way to it", sent=False)
        if isinstance(exc, requests.exceptions.Timeout):
            return NoAnswer(f"{about}: no reply within {self.timeout:g} s; try again, or raise timeout")
        text = str(exc)
        if re.search("NameResolution|getaddrinfo|not known|No address", text):
            return NoAnswer(f"{about}: there is no such host name; check host", sent=False, lasting=True)
        if "NewConnectionError" in text or "refused" in text.lower():
            return NoAnswer(f"{about}: the connection is refused; check that it is up, and the port", sent=False)
        if "CA certificate bundle" in text:
            return NoAnswer(f"{about}: {' '.join(text.split())}; check REQUESTS_CA_BUNDLE and CURL_CA_BUNDLE", sent=False)
        return NoAnswer(f"{about}: the connection was cut before a reply came; try again")

    def _untrusted(self, seen: tls.Certificate | None) -> str:
        certificate = seen.fingerprint if seen is not None else "unknown"
        own = " (the API's own, O=convox, CN=api, which each container makes for itself at its start)" if seen is not None and seen.api_own else ""
        if self._trust.fingerprint:
            told = f"the certificate is another than the pinned one: pinned {self._trust.fingerprint}, seen {certificate}{own}"
            return told + f"; find out why before you change {self._trust.pin_in}"
        return (
            f"the certificate can't be verified, so no key was sent; it shows SHA-256 {certificate}{own}; name its CA in ca_path, or, once you "
            f"compared that value at the server, pin it in {self._trust.pin_in} (a key is then sent to that certificate only)"
        )

    def _seen(self) -> tls.Certificate | None:
        """What the failing connection showed, if it was pinned; else another one has to be asked, which may meet another container."""
        noted = self.certificate
        if noted is not None and self._trust.fingerprint not in (None, noted.fingerprint):
            return noted
        with contextlib.suppress(ConvoxError):
            looked = tls.look_at(self.host, self.timeout)
            self._note_certificate(looked)
            return looked
        return None

    def _about(self, method: str, path: str) -> str:
        """The request as messages name it; what stands behind ``?`` is nobody's business."""
        route = path.partition("?")[0]
        return f"{self.host} {method} {route}"

    def _hear_date(self, header: str | None) -> None:
        if header:
            try:
                self._clock.hear(email.utils.parsedate_to_datetime(header).astimezone(UTC))
            except (TypeError, ValueError, OverflowError):
                pass


def _decoded(body: bytes, encoding: str) -> str:
    try:
        return body.decode(encoding, errors="replace")
    except (LookupError, ValueError):
        # There is no such encoding.
        return body.decode("utf-8", errors="replace")


def _challenge(response: t.Any) -> str | None:
    """The path that opens a session; an account with a hardware token can't be automated (convox-protocol 6.1)."""
    header = response.headers.get("WWW-Authenticate", "")
    if not header.startswith("Session"):
        return None
    fields = dict(re.findall(r'(\w+)="([^"]*)"', header))
    if fields.get("token") == "true":
        host = re.sub("^https://([^/]*).*", r"\1", response.url)
        raise Refused(
            f"{host}: the account has a hardware token, which no automation can answer; use a deploy key of this Console instead",
            401,
        )
    path = fields.get("path", "")
    return path if path.startswith("/") else None


def _error_text(reply: Reply) -> str:
    """One line: plain text, or the ``error`` of a JSON object (convox-protocol 3)."""
    text = reply.text
    if reply.content_type == "application/json":
        with contextlib.suppress(ValueError, RecursionError):
            data = json.loads(text)
            text = str(data["error"]) if isinstance(data, dict) and "error" in data else text
    return " ".join(text.split())


def _verify(trust: tls.Trust) -> bool | str:
    if trust.fingerprint or not trust.verify:
        return False
    return trust.ca_path or True


def _basic(credential: Credential | None) -> t.Callable[[t.Any], t.Any]:
    """Always something, so that no ~/.netrc puts in a credential of its own."""
    if credential is None:
        return lambda request: request
    return requests.auth.HTTPBasicAuth(credential.user.encode("utf-8"), credential.key.encode("utf-8"))


def check_authorities(path: str) -> None:
    """Raises BadInput for a file that no certificate can be verified with. What was read is kept for the connections."""
    # A pipe would be waited for, and a directory is not said to be none.
    if os.path.exists(path) and not os.path.isfile(path):
        raise BadInput(f"ca_path: {path}: no regular file; name a file of certificates in PEM")
    try:
        _context(ssl.CERT_REQUIRED, path, None)
    except urllib3.exceptions.SSLError as exc:
        cause = t.cast(OSError, exc.__cause__)
        raise BadInput(f"ca_path: {path}: {cause.strerror or cause}; name a file of certificates in PEM") from None


def _context(required: t.Any, file: str | None, directory: str | None) -> ssl.SSLContext:
    """What the library would make for each connection anew, which takes longer than all the rest where there are many authorities."""
    with _MAKING:
        return _made_context(urllib3.util.ssl_.resolve_cert_reqs(required), file, directory, tls.stamp(file or directory))


@functools.lru_cache(maxsize=16)
def _made_context(required: int, file: str | None, directory: str | None, dummy_stamp: t.Hashable) -> ssl.SSLContext:
    """As the library makes it, and with its word for authorities that can't be read."""
    context = urllib3.util.ssl_.create_urllib3_context(cert_reqs=required)
    try:
        if file or directory:
            context.load_verify_locations(file, directory)
        else:
            context.load_default_certs()
    except OSError as exc:
        raise urllib3.exceptions.SSLError(exc) from exc
    return tls.shared(context)


def _hold_to(pin: str | None, connection: t.Any) -> None:
    """Close a connection whose certificate is another than the pinned one, with the library's own error."""
    if pin is None:
        return
    try:
        urllib3.util.ssl_.assert_fingerprint(connection.sock.getpeercert(binary_form=True), pin)
    except BaseException:
        connection.close()
        raise
    # Else the library would warn of it.
    connection.is_verified = True


def _session(trust: tls.Trust, retries: int, note: t.Callable[[tls.Certificate], None], retried: tuple[int, ...] = RETRIED_STATUS) -> t.Any:
    """A requests session whose reads are tried again where a retry can help and costs no second timeout."""
    adapter, retry = _kinds()
    policy = retry(
        total=retries,
        connect=retries,
        read=False,
        redirect=0,
        other=0,
        status=retries,
        status_forcelist=retried,
        allowed_methods=frozenset(["GET"]),
        backoff_factor=0.3,
        raise_on_status=False,
    )
    session = requests.Session()
    session.mount("https://", adapter(trust.fingerprint, note, policy))
    if not trust.verify:
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
    return session


@functools.cache
def _kinds() -> tuple[t.Any, t.Any]:
    """A session's adapter and retries as they are here. The classes are made once: that takes longer than a request."""

    class Retry(requests.adapters.Retry):
        def increment(self, method=None, url=None, response=None, error=None, *args, **kwargs):  # type: ignore[no-untyped-def]
            cause = getattr(error, "original_error", error)  # what a proxy's error is about
            refused = isinstance(cause, urllib3.exceptions.NewConnectionError)
            slow = isinstance(cause, urllib3.exceptions.ConnectTimeoutError) and not refused
            if slow or (refused and method != "GET"):
                raise urllib3.exceptions.MaxRetryError(kwargs["_pool"], url, error)
            return super().increment(method, url, response, error, *args, **kwargs)

        def is_retry(self, method, status_code, has_retry_after=False):  # type: ignore[no-untyped-def]
            # By a header Retry-After, the library would ask those again that are to be asked once.
            once = status_code in RETRIED_STATUS and status_code not in self.status_forcelist
            return not once and super().is_retry(method, status_code, has_retry_after)

        def get_retry_after(self, response):  # type: ignore[no-untyped-def]
            try:
                seconds = super().get_retry_after(response)
            except urllib3.exceptions.InvalidHeader:
                return None
            return min(seconds, LONGEST_PAUSE_S) if seconds else seconds

    class Connection(urllib3.connection.HTTPSConnection):
        def __init__(self, note, *args, **kwargs):  # type: ignore[no-untyped-def]
            super().__init__(*args, **kwargs)
            self._note = note

        def connect(self):  # type: ignore[no-untyped-def]
            given = self.ssl_context, self.ca_certs, self.ca_cert_dir, self.assert_fingerprint
            # The library would compare it before the certificate is noted, and keep that to itself.
            pin, self.assert_fingerprint = self.assert_fingerprint, None
            # With a proxy that is itself spoken to by TLS, the library has two contexts to make from what it was given.
            if self.ssl_context is None and getattr(getattr(self, "proxy", None), "scheme", "") != "https":
                self.ssl_context = _context(self.cert_reqs, self.ca_certs, self.ca_cert_dir)
                # It would read them into a context that it is given, too.
                self.ca_certs = self.ca_cert_dir = None
            try:
                super().connect()
            finally:
                self.ssl_context, self.ca_certs, self.ca_cert_dir, self.assert_fingerprint = given
            self._note(tls.shown_by(t.cast(ssl.SSLSocket, self.sock)))
            _hold_to(pin, self)

    class Pool(urllib3.HTTPSConnectionPool):
        def __init__(self, note, *args, **kwargs):  # type: ignore[no-untyped-def]
            super().__init__(*args, **kwargs)
            self.ConnectionCls = functools.partial(Connection, note)  # type: ignore[assignment]

    class Adapter(requests.adapters.HTTPAdapter):
        def __init__(self, fingerprint, note, retries):  # type: ignore[no-untyped-def]
            self._fingerprint = fingerprint
            self._pool = functools.partial(Pool, note)
            super().__init__(max_retries=retries)

        def init_poolmanager(self, *args, **kwargs):  # type: ignore[no-untyped-def]
            super().init_poolmanager(*args, assert_fingerprint=self._fingerprint, **kwargs)
            self.poolmanager.pool_classes_by_scheme = {**self.poolmanager.pool_classes_by_scheme, "https": self._pool}

        def proxy_manager_for(self, proxy, **kwargs):  # type: ignore[no-untyped-def]
            manager = super().proxy_manager_for(proxy, assert_fingerprint=self._fingerprint, **kwargs)
            manager.pool_classes_by_scheme = {**manager.pool_classes_by_scheme, "https": self._pool}
            return manager

        def send(self, request, stream=False, timeout=None, verify=True, cert=None, proxies=None):  # type: ignore[no-untyped-def]
            proxy = requests.utils.select_proxy(request.url, proxies)
            if proxy and not _PROXY.fullmatch(proxy):
                # Of some of these requests makes errors of Python's, of others a message with the password in it.
                raise requests.exceptions.InvalidProxyURL("no URL of a proxy")
            return super().send(request, stream, timeout, verify, cert, proxies)

    return Adapter, Retry
