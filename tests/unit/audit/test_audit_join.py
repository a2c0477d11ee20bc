# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which host, stack and entry of the Console is which rack, where some of them do not tell."""
from __future__ import annotations

import itertools

import pytest

from ansible_collections.convox.credentials.plugins.module_utils.audit_evidence import (
    ACCEPTED,
    ANSWERED,
    CHANGED,
    COPY_OK,
    COPY_STALE,
    COPY_UNKNOWN,
    PINNED,
    UNVERIFIED,
    Asked,
    Certificate,
    Key,
    Rolled,
    Source,
)
from ansible_collections.convox.credentials.plugins.module_utils.audit_join import Copy, Heard, Joined, join
from ansible_collections.convox.credentials.plugins.module_utils.gather.aws import SeenRack
from ansible_collections.convox.credentials.plugins.module_utils.gather.files import Held
from ansible_collections.convox.credentials.plugins.module_utils.gather.racks import Answer
from ansible_collections.convox.credentials.plugins.module_utils.gather.secrets import Seen
from ansible_collections.convox.credentials.plugins.module_utils.rack import System
from ansible_collections.convox.credentials.plugins.module_utils.racks_found import Found
from ansible_collections.convox.credentials.plugins.module_utils.records import CONSOLE_API_KEY

CONSOLE = "console.test"
SOURCES = [Source("console", CONSOLE, ANSWERED, ""), Source("aws", "us-east-1", ANSWERED, "")]


def stack(name: str, region: str = "us-east-1") -> SeenRack:
    found = Found(name, provider="aws", region=region, domain=f"{name}.{region}.test", account="123456789012", stack=name)
    return SeenRack(found, None, None, None, False)


def listed(name: str, organization: str = "acme", domain: str = "", state: str = COPY_UNKNOWN) -> Copy:
    return Copy(Found(name, organization, CONSOLE, "aws", domain=domain), state, "" if domain else "it did not answer")


def joined(stacks: list[SeenRack], copies: list[Copy]) -> Joined:
    heard = Heard({}, sources=list(SOURCES))
    heard.stacks = {each.found.domain: each for each in stacks}
    heard.copies = {each.found.full_name: each for each in copies}
    return join(heard)


def told(found: Joined) -> dict[str, tuple[bool | None, bool | None]]:
    """Of each rack, whether a Console lists it and a stack backs it."""
    return {rack.label: (rack.listed, rack.backed) for rack in found.racks}


def test_one_that_tells_its_domain_is_that_stack() -> None:
    found = joined([stack("web"), stack("web", "eu-west-1")], [listed("web", domain="web.eu-west-1.test", state=COPY_OK)])
    assert told(found) == {"123456789012/us-east-1/web": (False, True), "acme/web": (True, True)}


def test_a_silent_one_is_the_one_stack_of_its_name() -> None:
    found = joined([stack("web"), stack("api")], [listed("web", state=COPY_STALE)])
    assert told(found) == {"acme/web": (True, True), "123456789012/us-east-1/api": (False, True)}
    assert found.racks[1].console_copy == COPY_STALE


@pytest.mark.parametrize("order", list(itertools.permutations(range(2))))
def test_it_takes_no_other_s_stack(order: tuple[int, ...]) -> None:
    """Whoever answers first."""
    copies = [listed("web"), listed("web", "umbrella", "web.us-east-1.test", COPY_OK)]
    found = joined([stack("web")], [copies[place] for place in order])
    assert told(found) == {"acme/web": (True, False), "umbrella/web": (True, True)}


@pytest.mark.parametrize(
    ("stacks", "copies"),
    [([stack("web"), stack("web", "eu-west-1")], [listed("web")]), ([stack("web")], [listed("web"), listed("web", "umbrella")])],
)
def test_of_several_nobody_can_tell(stacks: list[SeenRack], copies: list[Copy]) -> None:
    """So none of them is said to be outside of the Console, or without a stack."""
    found = joined(stacks, copies)
    assert len(found.racks) == 3
    assert {(rack.listed, rack.backed) for rack in found.racks if rack.found.stack} == {(None, True)}
    assert {(rack.listed, rack.backed) for rack in found.racks if not rack.found.stack} == {(True, None)}


def test_a_host_that_is_no_rack_is_a_stray_login() -> None:
    heard = Heard({}, sources=list(SOURCES))
    heard.keys["former.test"].append(Held("former.test", "K" * 30, "auth"))
    heard.answers = {"former.test": Answer((), None, None, False, "there is no such host name")}
    (stray,) = join(heard).strays
    assert (stray.login.host, stray.login.where, stray.why) == ("former.test", "auth", "there is no such host name")
    heard.named = ["former.test"]
    assert ([rack.label for rack in join(heard).racks], join(heard).strays) == (["former.test"], [])


@pytest.mark.parametrize(("state", "racks"), [(CHANGED, ["rack.test"]), (UNVERIFIED, []), (PINNED, [])])
def test_a_host_that_shows_another_than_the_pinned_certificate_is_no_stray(state: str, racks: list[str]) -> None:
    """Somebody meant it when he pinned it, and who stands there now wants to be known of."""
    heard = Heard({}, sources=list(SOURCES))
    heard.keys["rack.test"].append(Held("rack.test", "K" * 30, "auth"))
    heard.answers = {"rack.test": Answer((), None, Certificate(state, "f" * 64, sent=False), False, "it is not to be trusted")}
    found = join(heard)
    assert [rack.label for rack in found.racks] == racks
    assert len(found.strays) == 1 - len(racks)


def system(name: str, domain: str) -> System:
    return System(name, "running", "20240101000000", "aws", "us-east-1", domain, domain, 3, "t3.small", {}, {})


@pytest.mark.parametrize("order", list(itertools.permutations(("an-alias.test", "rack.test"))))
def test_a_rack_s_own_answer_counts_whoever_answers_first(order: tuple[str, ...]) -> None:
    """Its alias was not asked with a key that is made up, because it itself was to be."""
    key, made_up = Asked(Key.of("K" * 30), ACCEPTED), Asked(None, ACCEPTED)
    answers = {
        "an-alias.test": Answer((key,), system("web", "rack.test"), None, True),
        "rack.test": Answer((key, made_up), system("web", "rack.test"), Certificate(PINNED, "f" * 64), True),
    }
    heard = Heard({}, sources=list(SOURCES), answers={host: answers[host] for host in order})
    (rack,) = join(heard).racks
    assert (rack.id, rack.open) == ("rack.test", True)
    assert rack.certificate is not None


def test_a_host_that_may_be_the_one_that_the_console_has_no_domain_of() -> None:
    """Its copy of the key is dead, so that it can't say which rack it is; another name is another rack."""
    heard = Heard({}, sources=SOURCES[:1])
    heard.copies = {"acme/web": listed("web", state=COPY_STALE)}
    heard.answers = {f"{name}.test": Answer((), system(name, f"{name}.test"), None, True) for name in ("web", "api")}
    assert told(join(heard)) == {"acme/web": (True, None), "web": (None, None), "api": (False, None)}


def test_a_console_key_that_only_a_secret_of_aws_knows() -> None:
    """Under AWX neither files nor a ledger are left."""
    key, whose = "K" * 30, (CONSOLE_API_KEY, f"ann@example.com@{CONSOLE}")
    heard = Heard({}, sources=list(SOURCES), console=CONSOLE, tried=[(key, "api_key", True)])
    heard.tagged = [Seen({whose: Rolled("2026-01-01T00:00:00Z", "store", Key.of(key).fingerprint)}, {}, SOURCES[1])]
    (console,) = join(heard).consoles
    assert console.made is not None
    assert console.made.at == "2026-01-01T00:00:00Z"
