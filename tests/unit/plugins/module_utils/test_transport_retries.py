# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is tried again: reads, and only where a retry can help. A write is sent once."""
from __future__ import annotations

import contextlib
import typing as t

import pytest
import urllib3

from ansible_collections.convox.credentials.plugins.module_utils import tls
from ansible_collections.convox.credentials.plugins.module_utils import transport as transports
from ansible_collections.convox.credentials.plugins.module_utils.errors import BadReply, NoAnswer
from ansible_collections.convox.credentials.plugins.module_utils.transport import Credential, Transport
from tests.standin.rack import Rack as StandinRack
from tests.unit.plugins.module_utils.conftest import Asked
from tests.unit.plugins.module_utils.support import failing

NewTransport = t.Callable[..., Transport]


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses between tries, which are not made."""
    made: list[float] = []
    monkeypatch.setattr(urllib3.util.retry.time, "sleep", made.append)
    return made


def get(transport: Transport, rack: StandinRack) -> str:
    return transport.get("/auth", Credential(rack.key)).text


def put(transport: Transport, rack: StandinRack) -> str:
    return transport.send("PUT", "/system", Credential(rack.key), {"parameters": "InstanceCount=4"}).text


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_read_is_tried_again(rack: StandinRack, transport: NewTransport, asked: Asked, pauses: list[float], status: int) -> None:
    rack.fault("status", status=status, times=3)
    assert get(transport(rack.host, retries=3), rack) == "ok\n"
    assert [each["status"] for each in asked(rack)] == [status] * 3 + [200]
    assert all(pause <= 3 for pause in pauses)


@pytest.mark.parametrize("status", [429, 502, 503, 504])
@pytest.mark.parametrize("retries", [0, 2])
def test_but_not_for_ever(rack: StandinRack, transport: NewTransport, asked: Asked, status: int, retries: int) -> None:
    rack.fault("status", status=status, body="busy", times=None)
    with failing(BadReply, str(status), "busy", hiding=[rack.key]) as caught:
        get(transport(rack.host, retries=retries), rack)
    assert caught.value.status == status
    assert len(asked(rack)) == 1 + retries


@pytest.mark.parametrize("status", [400, 401, 403, 404, 408, 409, 413, 500, 501, 505])
def test_other_answers_are_answers(rack: StandinRack, transport: NewTransport, asked: Asked, status: int) -> None:
    rack.fault("status", status=status, times=1)
    with pytest.raises(BadReply):
        get(transport(rack.host, retries=3), rack)
    assert len(asked(rack)) == 1


@pytest.mark.parametrize("fault", [{"action": "drop_before"}, {"action": "drop_after"}])
def test_a_read_that_was_cut_is_not_tried_again(rack: StandinRack, transport: NewTransport, asked: Asked, fault: dict[str, t.Any]) -> None:
    rack.fault(**fault)
    with failing(NoAnswer, "cut", hiding=[rack.key]) as caught:
        get(transport(rack.host, retries=3), rack)
    assert caught.value.sent
    assert len(asked(rack)) == 1


def test_a_read_that_takes_too_long_is_not_tried_again(rack: StandinRack, transport: NewTransport, asked: Asked) -> None:
    rack.fault("delay", seconds=60, times=None)
    with failing(NoAnswer, "no reply within 0.2 s", hiding=[rack.key]) as caught:
        get(transport(rack.host, retries=3, timeout=0.2), rack)
    assert caught.value.sent
    assert [each["hits"] for each in rack.faults.list()] == [1]


@pytest.mark.parametrize("status", [429, 502, 503, 504, 500])
def test_a_write_is_sent_once(rack: StandinRack, transport: NewTransport, asked: Asked, status: int) -> None:
    rack.fault("status", status=status, times=1)
    with failing(BadReply, str(status), hiding=[rack.key]):
        put(transport(rack.host, retries=3), rack)
    assert len(asked(rack)) == 1


@pytest.mark.parametrize("action", ["drop_before", "drop_after"])
def test_a_write_that_was_cut_may_have_acted(rack: StandinRack, transport: NewTransport, asked: Asked, action: str) -> None:
    rack.fault(action)
    with failing(NoAnswer, "cut", hiding=[rack.key]) as caught:
        put(transport(rack.host, retries=3), rack)
    assert caught.value.sent
    assert len(asked(rack)) == 1


def test_a_kept_connection_that_has_ended_meanwhile(rack: StandinRack, transport: NewTransport, asked: Asked) -> None:
    """A write over it is not sent twice either; a read finds another connection."""
    way = transport(rack.host, retries=3)
    assert get(way, rack) == "ok\n"
    rack.restart()
    rack.wait_at_rest()
    assert get(way, rack) == "ok\n"
    rack.restart()
    rack.wait_at_rest()
    with contextlib.suppress(NoAnswer):
        put(way, rack)
    assert len(asked(rack, "PUT")) <= 1


# -- pauses -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("header", "pause"),
    [
        ("7", 7),
        ("86400", 60),
        ("0", None),
        ("Fri, 01 Jan 2100 00:00:00 GMT", 60),
        ("Fri, 01 Jan 2010 00:00:00 GMT", None),
        ("soon", None),
    ],
)
def test_retry_after_is_honoured_within_reason(
    rack: StandinRack, transport: NewTransport, pauses: list[float], header: str, pause: float | None
) -> None:
    rack.fault("status", status=429, headers={"Retry-After": header})
    assert get(transport(rack.host, retries=1), rack) == "ok\n"
    assert [each for each in pauses if each] == ([] if pause is None else [pause])


# -- no connection ------------------------------------------------------------------------------------------------
def test_a_refused_connection_is_tried_again_for_a_read(rack: StandinRack, transport: NewTransport, asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    rack.listener.refuse()
    monkeypatch.setattr(urllib3.util.retry.time, "sleep", lambda _seconds: rack.listener.listen())
    assert get(transport(rack.host, retries=2), rack) == "ok\n"
    assert len(asked(rack)) == 1


def test_but_not_for_a_write(rack: StandinRack, transport: NewTransport, asked: Asked, pauses: list[float]) -> None:
    rack.listener.refuse()
    with failing(NoAnswer, "refused", rack.host, hiding=[rack.key]) as caught:
        put(transport(rack.host, retries=3), rack)
    assert not caught.value.sent
    assert pauses == []


def test_refused_for_good(rack: StandinRack, transport: NewTransport, pauses: list[float]) -> None:
    rack.listener.refuse()
    with failing(NoAnswer, "refused", rack.host, hiding=[rack.key]) as caught:
        get(transport(rack.host, retries=3), rack)
    assert not caught.value.sent
    assert len(pauses) == 2, "the first time at once"


def test_no_such_host(transport: NewTransport) -> None:
    with failing(NoAnswer, "no such host name", "nobody.invalid") as caught:
        transport("nobody.invalid", retries=0).get("/auth", Credential("x" * 30))
    assert not caught.value.sent


class Policy(t.NamedTuple):
    """The rule by which requests are tried again, and the library's own errors to ask it with."""

    retry: t.Any
    pool: t.Any

    def goes_on(self, method: str, error: Exception) -> bool:
        try:
            self.retry.increment(method, "/auth", error=error, _pool=self.pool)
        except (urllib3.exceptions.HTTPError, OSError):
            return False
        return True


@pytest.fixture
def policy() -> Policy:
    session = transports._session(tls.Trust(), 3, lambda certificate: None)
    return Policy(session.get_adapter("https://rack.example.com").max_retries, urllib3.HTTPSConnectionPool("rack.example.com"))


def test_what_costs_a_whole_time_out_is_not_repeated(policy: Policy) -> None:
    """A connection that was not made within the time-out, as when packets are dropped."""
    slow = urllib3.exceptions.ConnectTimeoutError(policy.pool, "timed out")
    refused = urllib3.exceptions.NewConnectionError(policy.pool, "refused")
    assert [policy.goes_on("GET", error) for error in (refused, slow)] == [True, False]
    assert [policy.goes_on("PUT", error) for error in (refused, slow)] == [False, False]


def test_no_connection_within_the_time_out(transport: NewTransport, rack: StandinRack, monkeypatch: pytest.MonkeyPatch) -> None:
    tries = []

    def time_out(*_args: t.Any, **_named: t.Any) -> t.NoReturn:
        tries.append(1)
        raise TimeoutError

    monkeypatch.setattr(urllib3.util.connection, "create_connection", time_out)
    with failing(NoAnswer, "no connection within 5 s", hiding=[rack.key]) as caught:
        get(transport(rack.host, retries=3), rack)
    assert (caught.value.sent, len(tries)) == (False, 1)
