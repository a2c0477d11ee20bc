# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one place that knows Ansible, with Ansible's own AnsibleModule: what comes out, and what never does."""
from __future__ import annotations

import json
import re
import typing as t

import pytest
from ansible.module_utils import basic
from ansible.module_utils.common.parameters import PASS_VARS

from ansible_collections.convox.credentials.plugins.module_utils import adapter, options, transport
from ansible_collections.convox.credentials.plugins.module_utils.adapter import Made
from ansible_collections.convox.credentials.plugins.module_utils.errors import BadInput, ConvoxError, Refused
from ansible_collections.convox.credentials.plugins.module_utils.keys import MASK
from ansible_collections.convox.credentials.plugins.module_utils.task import Task
from ansible_collections.convox.credentials.plugins.modules import (
    console_api_key,
    convox_login,
    credential_audit,
    instance_keyroll,
    ledger_info,
    rack_access,
    rack_keyroll,
)
from tests.unit.plugins.module_utils.support import NEW, OLD, OTHER, secrets_in

MODULES = {
    "console_api_key": console_api_key,
    "convox_login": convox_login,
    "credential_audit": credential_audit,
    "instance_keyroll": instance_keyroll,
    "ledger_info": ledger_info,
    "rack_access": rack_access,
    "rack_keyroll": rack_keyroll,
}
SPEC: dict[str, t.Any] = {
    **options.reach(),
    **options.rotation(),
    "new_key": {"type": "str", "no_log": True},
    "api_keys": options.audit()["api_keys"],
    "return_key": {"type": "bool", "default": False, "no_log": False},
    "wait_timeout": {"type": "int"},
    "confirmations": {"type": "int"},
    "confirm_period": {"type": "int"},
    "confirm_interval": {"type": "int"},
}


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: t.Any) -> t.Callable[..., dict[str, t.Any]]:
    """Does a module's work as Ansible has it done, options in by stdin's way, and tells all that came out."""

    def ended(work: t.Callable[[Task], Made], _ansible: dict[str, t.Any] | None = None, **given: t.Any) -> dict[str, t.Any]:
        # ansible-core 2.21 shows the options only where it is told to; others always do, and know no such word.
        shows = {"inject_invocation": True} if "inject_invocation" in PASS_VARS else {}
        arguments = {"config_dir": str(tmp_path), **given, **{f"_ansible_{name}": value for name, value in {**shows, **(_ansible or {})}.items()}}
        monkeypatch.setattr(basic, "_ANSIBLE_ARGS", json.dumps({"ANSIBLE_MODULE_ARGS": arguments}).encode())
        # ansible-core 2.19 and later want to know how the arguments are written.
        monkeypatch.setattr(basic, "_ANSIBLE_PROFILE", "legacy", raising=False)
        with pytest.raises(SystemExit) as ending:
            adapter.run(work, dict(SPEC))
        # ansible-core 2.19 and later say warnings at once where they are not in a process of their own.
        out, err = capsys.readouterr()
        result = json.loads(out)
        assert ending.value.code == (1 if result.get("failed") else 0)
        return {**result, "said": out + err}

    return ended


Ended = t.Callable[..., dict[str, t.Any]]


# -- going well ---------------------------------------------------------------------------------------------------
def test_a_result(ended: Ended) -> None:
    def work(task: Task) -> Made:
        task.warn_once("mind this")
        task.warn_once("mind this")
        return Made({"changed": True, "host": task.options["host"], "diff": {"before": {"a": 1}}})

    result = ended(work, host="rack.example.com")
    assert (result["changed"], result["host"], result["diff"]) == (True, "rack.example.com", {"before": {"a": 1}})
    assert result["said"].count("mind this") == 1


def test_check_mode_and_defaults(ended: Ended) -> None:
    seen: list[t.Any] = []

    def work(task: Task) -> Made:
        seen.extend([task.check_mode, task.options["stores"][0]["type"], task.options["timeout"], task.options["validate_certs"]])
        return Made({"changed": False})

    ended(work, {"check_mode": True})
    assert seen == [True, "cli", 30, True]


def test_the_environment_is_the_task_s(ended: Ended, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONVOX_HOST", "environment.example.com")
    assert ended(lambda task: Made({"changed": False, "host": task.environ["CONVOX_HOST"]}))["host"] == "environment.example.com"


# -- secrets ------------------------------------------------------------------------------------------------------
def work_that_tells_all(task: Task) -> Made:
    """Made a key, and says it and every other one wherever it can."""
    for key in (NEW, OTHER):
        task.secrets.add(key)
    task.warn_once(f"the key is {NEW}, the other {OTHER}, the given {OLD}")
    return Made({"changed": True, "a": NEW, "b": {NEW: [f"x{OTHER}y", OLD]}, "diff": {"after": {"key": NEW}}}, NEW)


def test_no_secret_comes_out(ended: Ended) -> None:
    said = ended(work_that_tells_all, {"verbosity": 4, "diff": True}, api_key=OLD)["said"]
    assert secrets_in(said, [OLD, NEW, OTHER]) == []


@pytest.mark.parametrize(
    "given",
    [
        {"api_key": OLD, "stores": "cli"},
        {"api_key": OLD, "timeout": "soon"},
        {"api_key": [OLD], "stores": "cli"},
        {"api_key": {"key": OLD, OTHER: 1}, "stores": "cli"},
        {"api_keys": [{"host": "rack.example.com", "api_key": OLD}], "stores": "cli"},
        {"api_keys": [{"host": "rack.example.com", "api_key": {"of": OLD}}], "timeout": "soon"},
        {"api_keys": [{"host": "rack.example.com", "apikey": OLD}, OTHER]},
        {"api_keys": {"rack.example.com": OLD}, "stores": "cli"},
        {"api_keys": OLD},
        {"apikey": OLD},
        {"apikeys": [{"of": OLD}], "stores": [OLD]},
        {"new_key": OLD, "rack_url": f"https://convox:{OTHER}@rack.example.com", "host": "rack.example.com"},
    ],
)
def test_no_secret_comes_out_where_options_are_wrong(ended: Ended, given: dict[str, t.Any]) -> None:
    """Ansible's own validation fails, and shows the options at -vvv."""
    result = ended(lambda task: Made({"changed": False}), {"verbosity": 4}, **given)
    assert result["failed"]
    assert "module_args" in result["said"]
    assert secrets_in(result["said"], [OLD, OTHER]) == []


def test_what_stands_beside_a_secret_in_a_suboption_is_shown(ended: Ended) -> None:
    given = [{"host": "rack.example.com", "api_key": OLD}, {"host": "other.example.com", "api_key": NEW}]
    result = ended(lambda task: Made({"changed": False, "a": f"rack.example.com has {OLD}", "b": f"other.example.com {NEW}"}), {"verbosity": 4}, api_keys=given)
    assert (result["a"], result["b"]) == (f"rack.example.com has {MASK}", f"other.example.com {MASK}")
    assert secrets_in(result["said"], [OLD, NEW]) == []


@pytest.mark.parametrize("name", ["endpoint_url", "rack", "host"])
def test_credentials_in_a_url_are_masked(ended: Ended, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Whatever shows it: Ansible, which prints options that are not secret, or an error of a library."""
    monkeypatch.setenv("HTTPS_PROXY", f"http://proxy:{OTHER}@proxy.example.com:3128")
    monkeypatch.setenv("AWS_ENDPOINT_URL_ECS", f"http://me:{NEW}@aws.example.com")
    percent = f"{OLD}%2f"

    def work(task: Task) -> Made:
        environ = (task.environ["HTTPS_PROXY"], task.environ["AWS_ENDPOINT_URL_ECS"])
        raise ConvoxError(f"no way to {task.options[name]} by {environ}: {OLD}/ and {OTHER} are refused")

    monkeypatch.setitem(SPEC, "endpoint_url", {"type": "str"})
    result = ended(work, {"verbosity": 4}, **{name: f"https://somebody:{percent}@there.example.com/path"})
    assert "there.example.com/path by" in result["msg"]
    assert "proxy.example.com:3128" in result["msg"]
    assert "somebody" not in result["said"]
    assert secrets_in(result["said"], [OLD, NEW, OTHER]) == []


@pytest.mark.parametrize("slip", [{"tiemout": 3}, {"timeout": "soon"}])
def test_credentials_in_a_url_are_masked_beside_a_slip(ended: Ended, slip: dict[str, t.Any]) -> None:
    """Ansible's own validation ends it before anything of ours is run, and shows the other options at -vvv."""
    result = ended(lambda task: Made({"changed": False}), {"verbosity": 4}, host=f"https://somebody:{OLD}@there.example.com", **slip)
    assert result["failed"]
    assert "there.example.com" in result["said"]
    assert secrets_in(result["said"], [OLD]) == []


@pytest.mark.parametrize("scheme", ["https://", "http://", "//", "", "https:///"])
@pytest.mark.parametrize("before", ["", "/", "#", "?", ":", "@", "//", "\r\n", "%2f"])
def test_credentials_in_what_is_hardly_a_url(ended: Ended, monkeypatch: pytest.MonkeyPatch, scheme: str, before: str) -> None:
    """A password that nobody encoded, and one before a host without a scheme."""
    monkeypatch.setenv("http_proxy", f"{scheme}me:{before}{OTHER}@127.0.0.1:1")

    def work(task: Task) -> Made:
        raise ConvoxError(f"no way by {task.environ['http_proxy']} to {before}{OLD}@")

    result = ended(work, {"verbosity": 4}, host=f"{scheme}somebody:{before}{OLD}@there.example.com")
    assert result["failed"]
    assert secrets_in(result["said"], [OLD, OTHER]) == []


def test_a_key_alone_before_the_host(ended: Ended) -> None:
    result = ended(lambda task: Made({"changed": False}), {"verbosity": 4}, host=f"https://{OLD}@there.example.com")
    assert secrets_in(result["said"], [OLD]) == []


@pytest.mark.parametrize("host", ["@there.example.com", "https://@there.example.com", "https://there.example.com"])
def test_nothing_before_the_host(ended: Ended, host: str) -> None:
    assert ended(lambda task: Made({"changed": False, "a": "me@example.com"}), host=host)["a"] == "me@example.com"


def test_what_only_looks_like_credentials_is_shown(ended: Ended) -> None:
    result = ended(lambda task: Made({"changed": False, "a": task.options["rotation_id"]}), rotation_id="2026-11-23T12:30:00@night")
    assert result["a"] == "2026-11-23T12:30:00@night"


def test_a_short_password_in_a_url_masks_no_other_word(ended: Ended) -> None:
    result = ended(lambda task: Made({"changed": False, "a": "a reply"}), {"verbosity": 4}, host="https://me:re@there.example.com")
    assert result["a"] == "a reply"
    assert "me:re" not in result["said"]


@pytest.mark.parametrize("name", ["api_key", "rack_url", "new_key"])
def test_a_secret_of_one_letter_changes_no_name(ended: Ended, name: str) -> None:
    def work(task: Task) -> Made:
        raise BadInput("there is nothing to mask in it")

    assert ended(work, **{name: "m"})["failed"]
    assert "changed" in ended(lambda task: Made({"changed": False}), **{name: "h"})


def test_return_key_is_its_field_and_nothing_else(ended: Ended) -> None:
    result = ended(work_that_tells_all, {"verbosity": 4, "diff": True}, api_key=OLD, return_key=True)
    assert result["api_key"] == NEW
    assert result["said"].count(NEW) == 1
    assert secrets_in(result["said"], [OLD, OTHER]) == []


@pytest.mark.parametrize("shown", [None, f"https://jwt:{NEW}@rack.example.com"])
def test_the_field_is_the_module_s(ended: Ended, shown: str | None) -> None:
    """The secret alone, or the text that it is a part of."""

    def work(task: Task) -> Made:
        task.secrets.add(NEW)
        task.warn_once(f"issued {NEW}: {shown}")
        return Made({"changed": True, "diff": {"after": {"url": shown, "key": NEW}}}, NEW, "rack_url", shown)

    result = ended(work, {"verbosity": 4, "diff": True}, return_key=True)
    assert result["rack_url"] == (shown or NEW)
    assert "api_key" not in {name for name in result if name != "invocation"}
    assert result["said"].count(NEW) == 1
    assert result["diff"]["after"] == {"url": shown and shown.replace(NEW, MASK), "key": MASK}
    assert "rack_url" not in ended(work)


def test_return_key_without_a_key(ended: Ended) -> None:
    """The run found nothing to do, or made none."""
    assert "api_key" not in ended(lambda task: Made({"changed": False}), return_key=True)


def test_the_key_is_not_returned_unasked(ended: Ended) -> None:
    assert "api_key" not in ended(work_that_tells_all)


def test_return_key_returns_no_key_that_was_given(ended: Ended) -> None:
    result = ended(work_that_tells_all, new_key=NEW, return_key=True)
    assert result["failed"]
    assert "return_key" in result["msg"]
    assert secrets_in(result["said"], [NEW]) == []


# -- going wrong --------------------------------------------------------------------------------------------------
def test_a_failure_with_its_result(ended: Ended) -> None:
    def work(task: Task) -> Made:
        task.secrets.add(OTHER)
        raise Refused(f"no: {OLD} {OTHER}", 401, changed=True, phase="staged", keys={"k": OTHER})

    result = ended(work, {"verbosity": 4}, api_key=OLD)
    assert (result["failed"], result["msg"], result["changed"], result["phase"]) == (True, "no: ******** ********", True, "staged")
    assert "Traceback" not in result["said"]
    assert secrets_in(result["said"], [OLD, OTHER]) == []


@pytest.mark.parametrize("verbosity", [0, 3])
def test_a_fault_of_our_own_is_one_line_too(ended: Ended, verbosity: int) -> None:
    """A traceback on stderr would go past all masking; here it is a field, which Ansible shows to who asks for it."""

    def work(task: Task) -> Made:
        task.secrets.add(NEW)
        raise KeyError(f"{NEW}\n{OLD}")

    result = ended(work, {"verbosity": verbosity}, api_key=OLD)
    assert result["failed"]
    assert re.fullmatch(r"internal error, please report it: KeyError: .*", result["msg"])
    assert secrets_in(result["said"], [OLD, NEW]) == []


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_an_interruption_is_none_of_ours(kind: type[BaseException], monkeypatch: pytest.MonkeyPatch) -> None:
    def work(task: Task) -> Made:
        raise kind

    monkeypatch.setattr(basic, "_ANSIBLE_ARGS", b'{"ANSIBLE_MODULE_ARGS": {}}')
    monkeypatch.setattr(basic, "_ANSIBLE_PROFILE", "legacy", raising=False)
    with pytest.raises(kind):
        adapter.run(work, dict(SPEC))


@pytest.mark.parametrize(
    ("name", "value", "least"),
    [
        ("timeout", 0, "1 or more"),
        ("timeout", -1, "1 or more"),
        ("wait_timeout", 0, "1 or more"),
        ("confirmations", 0, "1 or more"),
        ("retries", -1, "0 or more"),
        ("confirm_period", -1, "0 or more"),
        ("confirm_interval", -5, "0 or more"),
    ],
)
def test_numbers_that_make_no_sense(ended: Ended, name: str, value: int, least: str) -> None:
    result = ended(pytest.fail, **{name: value})
    assert result["failed"]
    assert [word for word in (name, str(value), least) if word not in result["msg"]] == []


def test_numbers_at_their_least(ended: Ended) -> None:
    fine = {"timeout": 1, "wait_timeout": 1, "confirmations": 1, "retries": 0, "confirm_period": 0, "confirm_interval": 0}
    assert not ended(lambda task: Made({"changed": False}), **fine).get("failed")


@pytest.mark.parametrize("other", ["host", "rack", "api_key"])
def test_rack_url_beside_what_it_says_already(ended: Ended, other: str) -> None:
    result = ended(pytest.fail, rack_url=f"https://convox:{NEW}@rack.example.com", **{other: OLD})
    assert result["failed"]
    assert "mutually exclusive" in result["msg"]
    assert secrets_in(result["said"], [NEW]) == []


def test_without_the_library(ended: Ended, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "HAS_REQUESTS", False)
    assert "requests" in ended(pytest.fail)["msg"]


def test_an_error_knows_its_result() -> None:
    assert (ConvoxError("m").result, BadInput("m", a=1).result) == ({}, {"a": 1})


# -- every module's options ---------------------------------------------------------------------------------------
@pytest.fixture(params=MODULES)
def spec(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> dict[str, t.Any]:
    """The argument spec that a module hands over."""
    handed: list[dict[str, t.Any]] = []
    monkeypatch.setattr(adapter, "run", lambda _work, argument_spec, **_more: handed.append(argument_spec))
    MODULES[request.param].main()
    return handed[0]


SECRET = {"api_key", "rack_url", "new_key", "account_password"}


def in_all(spec: dict[str, t.Any]) -> t.Iterator[tuple[str, dict[str, t.Any]]]:
    """Options and suboptions; of a list of suboptions, these alone hold anything."""
    for name, option in spec.items():
        if "options" in option:
            yield from in_all(option["options"])
        else:
            yield name, option


def test_every_option_that_holds_a_secret_says_so(spec: dict[str, t.Any]) -> None:
    """And every other one whose name could be taken for one says that it holds none."""
    named = list(in_all(spec))
    assert {name for name, option in named if option.get("no_log")} == SECRET & {name for name, dummy in named}
    suspicious = [(name, option) for name, option in named if re.search("key|password|secret|token|url", name)]
    assert {name for name, option in suspicious if "no_log" not in option} <= {"endpoint_url"}


def test_every_module_has_the_shared_options_as_they_are(spec: dict[str, t.Any]) -> None:
    assert {name: spec.get(name) for name in options.reach()} == options.reach()
    shared = {**options.rotation(), **options.aws()}
    assert {name: spec[name] for name in shared if name in spec} == {name: option for name, option in shared.items() if name in spec}


def test_a_spec_is_the_module_s_own() -> None:
    """What one module adds is no other's."""
    options.reach()["host"] = None
    assert options.reach()["host"] == {"type": "str"}
