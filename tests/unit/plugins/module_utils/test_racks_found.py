# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which racks are one, what each is called, and what plays may know: whatever a Console and AWS tell."""
from __future__ import annotations

import dataclasses
import re
import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.convox.credentials.plugins.module_utils import racks_found
from ansible_collections.convox.credentials.plugins.module_utils.racks_found import Found
from tests.places import ROOT
from tests.unit.plugins.module_utils.support import failing

BadInput = racks_found.BadInput


def listed(name: str, organization: str = "acme", **more: str) -> Found:
    return Found(name, organization, "console.example.com", **{"provider": "aws", "status": "running", **more})


def stack(name: str, region: str = "us-east-1", account: str = "111111111111", **more: str) -> Found:
    domain = f"{name}.{region}.{account}.convox.site"
    return Found(name, provider="aws", region=region, account=account, stack=name, **{"domain": domain, "profile": "ops", **more})


# Few names, so that many are equal; domains that Console's racks have with stacks, with each other, or alone.
NAMES = st.sampled_from(["web", "api", "all", "a-b"])
ORGANIZATIONS = st.sampled_from(["acme", "umbrella", "a.b", "a", "x:y", "x_y", "x!y", "111111111111.us-east-1"])
ACCOUNTS = st.sampled_from(["111111111111", "222222222222"])
REGIONS = st.sampled_from(["us-east-1", "eu-west-1"])
STACKS = st.lists(st.builds(stack, NAMES, REGIONS, ACCOUNTS, profile=st.sampled_from(["", "one", "two"])), max_size=8)
DOMAINS = st.one_of(st.just(""), st.builds(lambda n, r, a: stack(n, r, a).domain, NAMES, REGIONS, ACCOUNTS))
LISTED = st.lists(st.builds(lambda n, o, d: listed(n, o, domain=d), NAMES, ORGANIZATIONS, DOMAINS), max_size=8, unique_by=lambda rack: rack.full_name)


@given(LISTED, STACKS)
def test_each_rack_once(console: list[Found], stacks: list[Found]) -> None:
    """By what proves it: the domain. Nothing is lost, but what is told of."""
    racks, told = racks_found.join(console, stacks)
    domains = [rack.domain for rack in racks if rack.domain]
    assert len(domains) == len(set(domains))
    assert set(domains) == {rack.domain for rack in console + stacks if rack.domain}
    assert len(racks) == len(set(domains)) + sum(not rack.domain for rack in console)
    assert len(told) == sum(bool(rack.domain) for rack in console) - len({rack.domain for rack in console if rack.domain})
    for rack in racks:
        assert bool(rack.stack) == (rack.domain in {each.domain for each in stacks}), "what AWS knows of it is known"
        if rack.console:
            (same,) = [each for each in console if each.full_name == rack.full_name]
            assert same.domain == rack.domain


@given(LISTED, STACKS, st.sets(NAMES))
def test_what_a_console_can_hold(console: list[Found], stacks: list[Found], held: set[str]) -> None:
    """Such a stack is there as the Console's rack or not at all, which is told; the rest is as ever."""
    every, told = racks_found.join(console, stacks)
    racks, more = racks_found.join(console, stacks, held)
    assert racks == [rack for rack in every if rack.console or rack.name not in held]
    assert [line for line in more if line not in told] == [line for line in more if line.startswith("the stack ")]
    assert len(more) - len(told) == len(every) - len(racks)


@given(LISTED, STACKS)
def test_the_first_profile_counts(console: list[Found], stacks: list[Found]) -> None:
    racks, dummy = racks_found.join(console, stacks)
    for rack in racks:
        if rack.stack:
            assert rack.profile == next(each.profile for each in stacks if each.domain == rack.domain)


@given(LISTED, STACKS, st.sampled_from(["full", "name", "domain"]))
def test_no_host_for_two_racks(console: list[Found], stacks: list[Found], by: str) -> None:
    racks, dummy = racks_found.join(console, stacks)
    names = racks_found.host_names(racks, by)
    assert len(names) == len(set(names)) == len(racks)
    assert all(re.fullmatch("[A-Za-z0-9_.-]+", name) for name in names)
    assert not {"all", "ungrouped", "localhost", "convox_racks"} & set(names)


@given(LISTED, STACKS)
def test_other_racks_rename_none(console: list[Found], stacks: list[Found]) -> None:
    """A file in host_vars and --limit mean the same rack tomorrow."""
    if "111111111111.us-east-1" in {rack.organization for rack in console}:
        return  # an organization that is called like an account's region: such racks' names get a mark when they meet
    racks, dummy = racks_found.join(console, stacks)
    assert racks_found.host_names(racks, "full") == [racks_found.host_names([rack], "full")[0] for rack in racks]


def test_an_organization_called_like_an_account() -> None:
    racks = [listed("web", "111111111111.us-east-1"), stack("web")]
    names = racks_found.host_names(racks, "full")
    assert len(set(names)) == 2
    assert all(re.fullmatch("111111111111.us-east-1.web-[0-9a-f]{6}", name) for name in names)


@pytest.mark.parametrize(
    ("by", "names"),
    [
        ("full", ["acme.web", "umbrella.web", "111111111111.us-east-1.db", "acme.localhost"]),
        ("name", ["acme.web", "umbrella.web", "db", "acme.localhost"]),
        ("domain", ["web.convox.site", "umbrella.web", "db.us-east-1.111111111111.convox.site", "acme.localhost"]),
    ],
)
def test_names_of_hosts(by: str, names: list[str]) -> None:
    racks = [listed("web", domain="web.convox.site"), listed("web", "umbrella"), stack("db"), listed("localhost")]
    assert racks_found.host_names(racks, by) == names


def test_names_of_a_port_and_of_odd_organizations() -> None:
    port, colon, bang = racks_found.host_names([stack("web", domain="127.0.0.1:5443"), listed("web", "a:b"), listed("web", "a!b")], "domain")
    assert re.fullmatch("127.0.0.1_5443-[0-9a-f]{6}", port)
    assert re.fullmatch("a_b.web-[0-9a-f]{6}", colon)
    assert re.fullmatch("a_b.web-[0-9a-f]{6}", bang)
    assert colon != bang


def test_equal_names_prove_nothing() -> None:
    console, stacks = [listed("web", domain="elsewhere.convox.site")], [stack("web")]
    assert racks_found.join(console, stacks) == (console + stacks, [])


def test_a_rack_that_its_console_calls_otherwise() -> None:
    own = stack("web")
    (rack,), told = racks_found.join([listed("production", domain=own.domain)], [own])
    assert (rack.name, rack.stack, rack.organization, told) == ("production", "web", "acme", [])


def test_a_rack_that_is_listed_twice() -> None:
    first, second = listed("web", domain="web.convox.site"), listed("web", "umbrella", domain="web.convox.site")
    (rack,), (line,) = racks_found.join([first, second], [])
    assert rack == first
    assert "umbrella/web" in line
    assert "acme/web" in line


def test_a_domain_of_two_stacks_proves_nothing() -> None:
    one, two = stack("web"), stack("web", "eu-west-1", domain=stack("web").domain)
    console = listed("web", domain=one.domain)
    assert racks_found.join([console], [one, two])[0] == [console, one, two]


def test_who_could_be_a_stack() -> None:
    could = [listed("web"), listed("web", "umbrella", provider="")]
    others = [listed("api"), listed("web", "b", provider="gcp"), listed("web", "c", version="3.18.2")]
    assert racks_found.namesakes(others + could, [stack("web"), stack("db")]) == could


def test_names_that_somebody_vouches_for() -> None:
    """Only where one rack and one stack have the name; in every other case it is asked."""
    console = [listed("web"), listed("db"), listed("db", "umbrella"), listed("api"), listed("web-3", version="3.1.0"), listed("other")]
    stacks = [stack("web"), stack("web", profile="again"), stack("db"), stack("api"), stack("api", "eu-west-1"), stack("web-3")]
    found = racks_found.presumed(console, stacks)
    assert [rack.domain for rack in found] == [stack("web").domain, "", "", "", "", ""]
    assert racks_found.namesakes(found, stacks) == console[1:4]
    racks, told = racks_found.join(found, stacks)
    assert (racks[0].stack, racks[0].full_name, told) == ("web", "acme/web", [])


# -- variables and groups -----------------------------------------------------------------------------------------
GIVEN = {"config_dir": "/c", "ca_path": "/ca.pem", "tls_fingerprint": "ab" * 32, "endpoint_url": "http://aws:4566", "api_key": "k" * 32}
BOTH = dataclasses.replace(stack("web"), organization="acme", console="console.example.com")


def way(rack: Found, through_console: bool = True) -> dict[str, str]:
    """The options of roles among its variables."""
    facts = {f"convox_{name}" for name in racks_found.FIELDS} - {"convox_region"}
    return {name: value for name, value in racks_found.variables(rack, through_console, GIVEN).items() if name not in facts}


AWS_WAY = {"convox_region": "us-east-1", "convox_profile": "ops", "convox_stack_name": "web", "convox_endpoint_url": "http://aws:4566"}
FILES = {"convox_config_dir": "/c", "convox_ca_path": "/ca.pem"}
CONSOLE_WAY = {"convox_host": "console.example.com", "convox_rack": "acme/web", "convox_tls_fingerprint": "ab" * 32}


def test_the_ways_to_a_rack() -> None:
    direct = {"convox_host": BOTH.domain}
    assert way(stack("web")) == {**FILES, **AWS_WAY, **direct}
    assert way(listed("web")) == way(listed("web"), through_console=False) == {**FILES, **CONSOLE_WAY}
    assert way(BOTH) == {**FILES, **AWS_WAY, **CONSOLE_WAY}
    assert way(BOTH, through_console=False) == {**FILES, **AWS_WAY, **direct}


def test_what_is_not_handed_on() -> None:
    """Where accept_new was given the pin is in a file; and a URL can hold a password."""
    given = {**GIVEN, "tls_fingerprint": "accept_new", "endpoint_url": "http://user:password@aws"}
    values = racks_found.variables(BOTH, True, given)
    assert {"convox_tls_fingerprint", "convox_endpoint_url"} & set(values) == set()
    assert "k" * 32 not in values.values()


def test_facts_are_no_options_of_roles() -> None:
    """Or a role would take a fact for an option."""
    specs = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "roles").glob("*/meta/argument_specs.yml"))
    options = set(re.findall(r"^      (?:rack_api_key|console_api_key|instance_key|login)_(\w+):", specs, re.MULTILINE))
    assert {"host", "rack", "region", "profile", "stack_name"} <= options
    assert (set(racks_found.FIELDS) - {"region"}) & options == set()


@pytest.mark.parametrize(
    ("rack", "generation"),
    [
        (stack("web"), "v2"),
        (dataclasses.replace(stack("web"), version="20180708231844"), "classic"),
        (listed("web"), ""),
        (listed("web", version="3.18.2"), "v3"),
        (listed("web", version="20260326150533"), "v2"),
    ],
)
def test_generations(rack: Found, generation: str) -> None:
    assert rack.generation == generation


def test_groups() -> None:
    assert racks_found.groups(BOTH) == ["organization_acme", "provider_aws", "region_us-east-1", "generation_v2"]
    assert racks_found.groups(Found("web", "acme", "c")) == ["organization_acme"]


@pytest.mark.parametrize(
    ("status", "said"), [("UPDATE_ROLLBACK_COMPLETE", "running"), ("UPDATE_ROLLBACK_FAILED", "failed"), ("REVIEW_IN_PROGRESS", "unknown"), ("", "unknown")]
)
def test_statuses(status: str, said: str) -> None:
    assert racks_found.status_of_stack(status) == said


# -- filters ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("filters", "names"),
    [
        ({}, ["web-1", "web-2", "api"]),
        ({"include": [], "exclude": []}, ["web-1", "web-2", "api"]),
        ({"include": [{"name": "web-*"}]}, ["web-1", "web-2"]),
        ({"include": [{"name": "web-*", "organization": "acme"}, {"name": "api"}]}, ["web-1", "api"]),
        ({"include": [{"organization": ["acme", "umb*"]}], "exclude": [{"name": "web-?"}]}, ["api"]),
        ({"exclude": [{"version": "3"}, {"generation": "v3"}]}, ["web-1", "api"]),
        ({"include": [{"region": ""}]}, ["web-1", "web-2"]),
        ({"include": [{"name": "WEB-*"}]}, []),
    ],
)
def test_filters(filters: dict[str, t.Any], names: list[str]) -> None:
    racks = [listed("web-1"), listed("web-2", "umbrella", version="3.1.0"), stack("api", organization="acme")]
    racks_found.check_filters(filters)
    assert [rack.name for rack in racks if racks_found.wanted(rack, filters)] == names


@pytest.mark.parametrize(
    ("filters", "words"),
    [
        ({"includes": []}, ["'includes'", "include, exclude"]),
        ({"include": {"name": "a"}}, ["filters.include", "no list"]),
        ({"include": "name"}, ["filters.include", "no list"]),
        ({"exclude": ["name"]}, ["filters.exclude", "each entry"]),
        ({"exclude": [{}]}, ["filters.exclude", "each entry"]),
        ({"include": [{"organisation": "acme"}]}, ["'organisation'", "organization, "]),
        ({"include": [{"password": "x"}]}, ["'password'"]),
        ({"include": [{"name": None}]}, ["name is to be a pattern"]),
        ({"include": [{"name": [True]}]}, ["name is to be a pattern"]),
        # What YAML 1.1 makes of 001234567012 is another number, which no account has.
        ({"exclude": [{"account": 0o01234567012}]}, ["account is to be a pattern", "in quotes"]),
        ({"exclude": [{"account": ["111111111111", 210987654321]}]}, ["account is to be a pattern", "in quotes"]),
        ({"include": [{"name": []}]}, ["name is to be a pattern"]),
        ({"include": [{"name": {"a": 1}}]}, ["name is to be a pattern"]),
    ],
)
def test_filters_that_never_match(filters: dict[str, t.Any], words: list[str]) -> None:
    with failing(BadInput, *words):
        racks_found.check_filters(filters)
