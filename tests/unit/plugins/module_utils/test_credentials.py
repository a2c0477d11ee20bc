# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which of the known keys works now, and how long that is asked for."""
from __future__ import annotations

import typing as t

import pytest

from ansible_collections.convox.credentials.plugins.module_utils import credentials
from ansible_collections.convox.credentials.plugins.module_utils.credentials import Working
from ansible_collections.convox.credentials.plugins.module_utils.errors import BadReply, NoAnswer
from ansible_collections.convox.credentials.plugins.module_utils.keys import fingerprint
from ansible_collections.convox.credentials.plugins.module_utils.records import CONSOLE_API_KEY, RACK_API_KEY, Pending, Record
from ansible_collections.convox.credentials.plugins.module_utils.target import Reach, find_target
from ansible_collections.convox.credentials.plugins.module_utils.task import Task
from tests.standin.console import Console as StandinConsole
from tests.standin.rack import Rack as StandinRack
from tests.unit.plugins.module_utils.conftest import Asked, Tasks
from tests.unit.plugins.module_utils.support import NEW, OLD, OTHER, failing

GIVEN, IN_FILE, CURRENT = ("Given" * 6, "InTheFile" * 4, "Current" * 5)


def find(task: Task, patient: bool = False) -> Working:
    return credentials.find_working_key(task, Reach(task, find_target(task)), task.stores(), lambda: patient)


def candidates(task: Task) -> list[tuple[str, str]]:
    return credentials.candidates(task, Reach(task, find_target(task)), task.stores())


# -- which keys ---------------------------------------------------------------------------------------------------
def test_in_their_order(tasks: Tasks, rack: StandinRack, tmp_path: t.Any) -> None:
    """The given one, the stores', the CLI's, then those of an unfinished rotation; each once, and each a secret."""
    file = {"type": "file", "path": str(tmp_path / "keys.json")}
    task = tasks(host=rack.host, api_key=GIVEN, stores=[file, {"type": "cli"}])
    task.cli.set_key(rack.host, IN_FILE)
    task.stores().save(Record(RACK_API_KEY, "rack.example.com", host=rack.host, current=CURRENT, pending=Pending(NEW, "2026-11-23T12:00:00Z", ("id",))))
    found = candidates(task)
    assert [key for key, _source in found] == [GIVEN, CURRENT, IN_FILE, NEW]
    assert [source for _key, source in found][-2:] == ["the CLI's auth", "the pending rotation"]
    assert set(task.secrets.redact(" ".join(key for key, _source in found)).split()) == {"********"}


def test_each_once(tasks: Tasks, rack: StandinRack) -> None:
    task = tasks(host=rack.host, api_key=OLD)
    task.cli.set_key(rack.host, OLD)
    assert candidates(task) == [(OLD, "api_key")]


def test_through_a_console_its_own_key_counts(tasks: Tasks, rack: StandinRack, console: StandinConsole) -> None:
    task = tasks(host=console.host, rack=f"acme/{rack.name}")
    task.cli.set_key(console.host, IN_FILE)
    task.stores().save(Record(RACK_API_KEY, "rack.example.com", host=console.host, current=OTHER))
    task.stores().save(Record(CONSOLE_API_KEY, f"ops@{console.host}", host=console.host, current=OLD))
    assert OTHER not in dict(candidates(task))
    assert {IN_FILE, OLD} <= set(dict(candidates(task)))


def test_a_damaged_file_is_told(tasks: Tasks, rack: StandinRack) -> None:
    from ansible_collections.convox.credentials.plugins.module_utils.errors import Damaged

    tasks.config_dir.mkdir()
    (tasks.config_dir / "auth").write_text("", encoding="utf-8")
    with failing(Damaged, "auth"):
        find(tasks(host=rack.host, api_key=rack.key))


# -- asking with them ---------------------------------------------------------------------------------------------
def test_a_refused_one_gives_way_to_the_next(tasks: Tasks, rack: StandinRack) -> None:
    """With a warning that tells which, and shows none."""
    task = tasks(host=rack.host, api_key=GIVEN)
    task.cli.set_key(rack.host, rack.key)
    working = find(task)
    assert (working.key, working.refused) == (rack.key, (GIVEN,))
    assert working.system is not None
    assert working.system.name == rack.name
    (warning,) = tasks.warnings
    assert fingerprint(GIVEN) in warning
    assert "api_key" in warning
    assert GIVEN not in warning


def test_none_that_works(tasks: Tasks, rack: StandinRack) -> None:
    task = tasks(host=rack.host, api_key=GIVEN)
    task.cli.set_key(rack.host, IN_FILE)
    working = find(task)
    assert (working.system, working.key, working.refused) == (None, None, (GIVEN, IN_FILE))
    assert "invalid authentication" in working.why


def test_none_that_is_known(tasks: Tasks, rack: StandinRack, asked: Asked) -> None:
    for patient in (False, True):
        assert find(tasks(host=rack.host), patient) == Working(None, None, ())
    assert asked(rack) == []


def test_a_pending_one_is_tried(tasks: Tasks, rack: StandinRack) -> None:
    task = tasks(host=rack.host)
    task.stores().save(Record(RACK_API_KEY, "rack.example.com", host=rack.host, current=OLD, pending=Pending(rack.key, "2026-11-23T12:00:00Z", ("id",))))
    working = find(task)
    assert (working.key, working.refused) == (rack.key, (OLD,))


# -- patience -----------------------------------------------------------------------------------------------------
@pytest.fixture
def away(rack: StandinRack) -> StandinRack:
    rack.listener.refuse()
    return rack


def test_a_rack_that_is_away_is_told_at_once(tasks: Tasks, away: StandinRack) -> None:
    with failing(NoAnswer, "refused", hiding=[away.key]):
        find(tasks(host=away.host, api_key=away.key))


def test_or_after_a_minute_where_a_restart_may_be_under_way(tasks: Tasks, away: StandinRack) -> None:
    task = tasks(host=away.host, api_key=away.key)
    began = task.clock.now()
    with failing(NoAnswer, "refused", hiding=[away.key]):
        find(task, patient=True)
    assert 60 <= task.clock.now() - began < 90


@pytest.mark.parametrize(
    "fault",
    [
        {"action": "status", "status": 401, "body": "invalid authentication"},
        {"action": "status", "status": 502, "body": "Bad Gateway"},
        {"action": "status", "status": 503},
        {"action": "drop_before"},
    ],
)
def test_what_a_restart_does_is_waited_for(tasks: Tasks, rack: StandinRack, fault: dict[str, t.Any]) -> None:
    """Refused and away in turn; a gateway answers for a rack without any container."""
    rack.fault(**fault, times=4)
    task = tasks(host=rack.host, api_key=rack.key)
    assert find(task, patient=True).key == rack.key


@pytest.mark.parametrize("fault", [{"action": "html"}, {"action": "status", "status": 404, "body": "unknown host"}, {"action": "status", "status": 500}])
def test_what_no_waiting_mends_is_not(tasks: Tasks, rack: StandinRack, asked: Asked, fault: dict[str, t.Any]) -> None:
    rack.fault(**fault, times=None)
    with failing(BadReply, rack.host, hiding=[rack.key]):
        find(tasks(host=rack.host, api_key=rack.key), patient=True)
    assert len(asked(rack)) == 1
