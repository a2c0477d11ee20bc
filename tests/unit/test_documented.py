# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The examples of a page are found as people read them, and what is wrong with a command that can't be run here is seen."""
from __future__ import annotations

import pytest

from tests.documented import PLACES, blocks_in, pages
from tests.integration.elsewhere import ELSEWHERE, galaxy
from tests.places import ROOT

PAGE = """Text with ``` in it.

```console
$ one    # and why
$ two a \\
    b
what two prints
```

1. In a list:

   ```yaml
   # inventory.yml, for all
   convox_racks: {}
   ```

```yaml
max_age: {}
# policy.yml
```
"""


def test_blocks_are_found_where_they_are() -> None:
    console, inventory, part = blocks_in("p.md", PAGE)
    assert [str(block) for block in (console, inventory, part)] == ["p.md:3", "p.md:12", "p.md:17"]
    assert [(command.line, command.plain) for command in console.commands()] == [(4, "one"), (5, "two a b")]
    assert (inventory.file, inventory.data) == ("inventory.yml", {"convox_racks": {}})
    assert (part.file, part.language) == ("", "yaml")


def test_a_fence_without_an_end_is_none() -> None:
    with pytest.raises(ValueError, match=r"p\.md:3: the fence has no end"):
        blocks_in("p.md", "\n\n```yaml\na: 1\n")


def test_every_page_is_read() -> None:
    """But those for who changes the collection's tests: they are not for users."""
    there = {str(path.relative_to(ROOT)) for folder in ("docs", "roles", "playbooks", "awx") for path in (ROOT / folder).rglob("*.md")}
    assert there - set(pages()) == set()
    assert all(list(ROOT.glob(place)) for place in PLACES if not place.startswith("awx/"))


@pytest.mark.parametrize(
    ("command", "wrong"),
    [
        ("aws ec2 delete-key-pair --key-name one", ""),
        ("aws ec2 delete-key-pair --key one", "delete-key-pair has no --key"),
        ("aws ec2 delete-key-pairs --key-name one", "ec2 has no delete-key-pairs"),
        ("aws iam create-policy --policy-name one", "create-policy needs --policy-document"),
        ("aws ec3 anything", "Unknown service: 'ec3'"),
        ("aws cloudformation wait stack-update-complete --stack-name one --region us-east-1", ""),
        ("aws cloudformation wait stack-updated --stack-name one", "cloudformation has no stack-updated"),
        ("make test PYTEST_ARGS=-x", ""),
        ("make tests", "the Makefile has no tests"),
        ("make test ARG=-x", "the Makefile has no ARG=-x"),
        ("convox rack params set Password=x --rack acme/production", ""),
        ("convox rack params set Password=x --racks production", "--racks is not known here"),
        ("convox rack parameters", "convox rack parameters: not known here"),
        ("podman push registry.example.com/image", ""),
        ("podman pull registry.example.com/image", "none of push"),
    ],
)
def test_what_is_not_run_is_looked_at(command: str, wrong: str) -> None:
    program, *arguments = command.split()
    said = ELSEWHERE[program].check(arguments)
    assert wrong in said
    assert bool(wrong) == bool(said)


def test_what_galaxy_does_not_take() -> None:
    galaxy(["collection", "install", "awx.awx"])
    with pytest.raises(SystemExit):
        galaxy(["collection", "install", "awx.awx", "--forced"])
