# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys: made, checked, told by a fingerprint, and kept out of every text."""
from __future__ import annotations

import hashlib
import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.convox.credentials.plugins.module_utils import keys
from ansible_collections.convox.credentials.plugins.module_utils.errors import BadInput
from ansible_collections.convox.credentials.plugins.module_utils.keys import MASK, Secrets
from tests.unit.plugins.module_utils.support import NEW, OLD, failing

MADE = st.text(alphabet=keys.ALPHABET, min_size=8, max_size=12)


@pytest.mark.parametrize("length", [24, 40, 50])
def test_a_key_that_was_made_is_one_that_is_taken(length: int) -> None:
    made = {keys.make_key(length) for _turn in range(200)}
    assert (len(made), {len(key) for key in made}) == (200, {length})
    assert set("".join(made)) == set(keys.ALPHABET)
    for key in made:
        keys.check_new_key(key)


@pytest.mark.parametrize("key", ["", "a" * 23, "a" * 51, "a" * 30 + "\n", "a" * 30 + "-", "\xe9" * 30, "\u0661" * 30, " " * 30, "a" * 29 + "/"])
def test_a_key_that_some_tool_could_not_carry(key: str) -> None:
    with failing(BadInput, "new_key", str(len(key)), "24 to 50 letters and digits", hiding=[key] if len(key.strip()) > 1 else []):
        keys.check_new_key(key)


def test_a_fingerprint_tells_a_key_and_gives_nothing_away() -> None:
    assert keys.fingerprint(NEW) == hashlib.sha256(NEW.encode()).hexdigest()[:12]
    assert keys.digest(NEW).startswith(keys.fingerprint(NEW))
    assert [keys.fingerprint("a" * length) for length in (0, 7, 23)] == ["weak"] * 3, "a short one could be guessed from it"
    assert keys.fingerprint("a" * 24) != "weak"


def test_a_key_of_any_letters_has_a_fingerprint() -> None:
    """Somebody may have put it into a file by hand."""
    odd = "\ud800\u4e2d" * 12
    assert len(keys.fingerprint(odd)) == 12
    assert len(keys.digest(odd)) == 64


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *((name, "a") for name in ("Password", "docker_hub_password", "secret_key", "token", "access_id", "aws_access_key", "ApiToken", "PrivateKey")),
        *((name, "a") for name in ("private_eks_pass", "private_eks_user", "webhook_signing_key", "api_key", "DbPasswd", "ssh_passphrase")),
        ("HttpProxy", "http://proxy"),
        ("syslog", "tcp+tls://user:hidden@logs:1"),
        ("Registry", "https://t@h"),
    ],
)
def test_what_has_the_name_or_the_look_of_a_secret_is_left_out(name: str, value: str) -> None:
    assert keys.without_secrets({name: value, "node_type": "t3.small"}) == {"node_type": "t3.small"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Passive", "No"),
        ("key_pair_name", "one"),
        ("Key", "one"),
        ("Development", "Yes"),
        ("whitelist", "10.0.0.0/8"),
        ("mail", "ops@example.com"),
        ("url", "https://h/a@b"),
    ],
)
def test_what_only_resembles_one_is_kept(name: str, value: str) -> None:
    assert keys.without_secrets({name: value}) == {name: value}


@pytest.mark.parametrize(("value", "text"), [(3, "3"), (True, "True"), (None, "None")])
def test_values_of_other_kinds_are_kept_as_texts(value: t.Any, text: str) -> None:
    assert keys.without_secrets({"count": value}) == {"count": text}


def test_a_url_in_what_is_no_text_is_seen() -> None:
    assert keys.without_secrets({"drains": ["tcp://user:hidden@logs:1"]}) == {}


def test_ansible_is_told_of_each_secret_once() -> None:
    told: list[str] = []
    secrets = Secrets(told.append)
    for value in (NEW, None, "", OLD, NEW):
        secrets.add(value)
    assert told == [NEW, OLD]


@given(values=st.lists(MADE, max_size=4), text=st.text(max_size=10))
def test_nothing_shows_through(values: list[str], text: str) -> None:
    """Not even where one secret is a part of another, or where two overlap at the ends."""
    secrets = Secrets()
    for value in values:
        secrets.add(value)
    redacted = secrets.redact(text.join(values) + text)
    assert [value for value in values if value in redacted] == []


def test_the_longest_is_masked_first() -> None:
    secrets = Secrets()
    for value in (NEW, f"https://convox:{NEW}@rack.example.com", NEW + "tail"):
        secrets.add(value)
    assert secrets.redact(f"a {NEW}tail, {NEW}, https://convox:{NEW}@rack.example.com.") == f"a {MASK}, {MASK}, {MASK}."


@given(st.lists(MADE, min_size=1, max_size=20), st.lists(st.one_of(MADE, st.text("aB1:/@ \xe9", max_size=5)), max_size=20))
def test_it_masks_as_if_each_secret_were_looked_for(plain: list[str], parts: list[str]) -> None:
    """Whatever their number: within a longer run of letters, beside others, and within a secret that has more in it."""
    values = [*plain, f"user:{plain[0]}@", plain[-1] + "0123"]
    secrets = Secrets()
    for value in values:
        secrets.add(value)
    text = "".join(part for pair in zip(parts, values * 20) for part in pair)
    expected = text
    for value in sorted(set(values), key=len, reverse=True):
        expected = expected.replace(value, MASK)
    assert secrets.redact(text) == expected


@pytest.mark.parametrize(
    ("value", "scrubbed"),
    [
        ({"a": NEW, NEW: 1, "b": {"c": [f"x{NEW}y", (NEW, 2)]}}, {"a": MASK, MASK: 1, "b": {"c": [f"x{MASK}y", [MASK, 2]]}}),
        ([None, True, 1.5, "text"], [None, True, 1.5, "text"]),
        (NEW, MASK),
        ({}, {}),
    ],
)
def test_a_result_is_scrubbed_everywhere(value: t.Any, scrubbed: t.Any) -> None:
    secrets = Secrets()
    secrets.add(NEW)
    assert secrets.scrub(value) == scrubbed


def test_names_of_fields_can_stay() -> None:
    """A key may be a word, and a report without its fields is none."""
    secrets = keys.Secrets()
    secrets.add("findings")
    secrets.add("find")
    assert secrets.scrub({"findings": ["findings of 3", ("find", 3)]}, names=False) == {"findings": [f"{MASK} of 3", [MASK, 3]]}
