# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What kinds of examples there are in the documentation, and which of them are tried: of those that are the same, one."""
from __future__ import annotations

import functools
import importlib
import json
import re
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.documented import Block, Command, blocks, blocks_of, files_of
from tests.integration.promises import COLLECTION
from tests.integration.reader import SHOWN_IN
from tests.places import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterable

# Pictures, and what programs print: nobody types them.
SHOWN_ONLY = {"", "mermaid", "text"}
TRIED = {"console", "json", "python", "yaml"}
# Others' programs read these: that they are YAML is all that is known here.
OTHERS_FILES = {".gitlab-ci.yml": "GitLab's", ".github/workflows/audit.yml": "GitHub's"}
POLICY = set(json.loads((ROOT / "docs" / "schemas" / "policy-1.json").read_text(encoding="utf-8"))["properties"])
# These are followed from their beginning to their end.
GUIDES = "docs/guides/"
BLOCKS = blocks()
PASSWORD = "CONVOX_ACCOUNT_PASSWORD"


@functools.cache
def options_of(source: str) -> set[str]:
    """What the documentation of a plugin lists, with what it shares."""
    name = "ansible_collections.convox.credentials.plugins"
    about = yaml.safe_load(importlib.import_module(f"{name}.{source}").DOCUMENTATION)
    shared = [each.removeprefix(COLLECTION) for each in about["extends_documentation_fragment"] if each.startswith(COLLECTION)]
    fragments = [importlib.import_module(f"{name}.doc_fragments.{each}").ModuleDocFragment.DOCUMENTATION for each in shared]
    return {option for each in (about, *map(yaml.safe_load, fragments)) for option in each["options"]}


def kind_of(block: Block) -> str:
    """What is to be done with it."""
    if block.language != "yaml":
        return block.language
    if block.file in OTHERS_FILES:
        return "others"
    try:
        data = block.data
    except yaml.YAMLError:
        return "unknown"
    if isinstance(data, list):
        plays = {bool({"hosts", "ansible.builtin.import_playbook"} & set(each)) for each in data}
        return "unknown" if len(plays) > 1 else "play" if True in plays else "hook" if "convox_new_api_key" in block.text else "tasks"
    return _kind_of_mapping(data) if isinstance(data, dict) else "unknown"


def _kind_of_mapping(data: dict[str, Any]) -> str:
    keys = set(data)
    if keys & {"convox_racks", "all"}:
        return "inventory"
    if data.get("plugin") == f"{COLLECTION}racks":
        return "source"
    if keys <= POLICY:
        return "policy"
    if all(re.match(r"(?:convox|awx|login|audit|rack_api_key|instance_key|console_api_key)_", key) for key in keys):
        return "variables"
    if keys <= options_of("inventory.racks"):
        return "source"
    return "options" if keys == {"stores"} else "unknown"


KINDS = {str(block): kind_of(block) for block in BLOCKS}


def typed_with(block: Block) -> bool:
    """Whether a command of its page reads it, which shows what is in it."""
    typed = "".join(each.text for each in blocks_of(block.page) if each.language == "console")
    return bool(block.file) and bool(re.search(rf"[ @]{re.escape(block.file)}\b", typed))


def of_kind(*kinds: str, typed: bool = False) -> Any:
    """The blocks of some kinds, by page and line; of those that are the same, the first alone. ``typed``: without what commands read."""
    there = [block for block in reversed(BLOCKS) if KINDS[str(block)] in kinds and not (typed and typed_with(block))]
    found = {(block.text, tuple(_files(block))): block for block in there}
    return _each(found.values())


def _typed(block: Block, command: Command) -> tuple[str, ...]:
    """What makes one command another one: its words, what is set, the files, and whether the page says where the account's password is."""
    before = [each.text for each in block.commands() if each.line < command.line and is_setting(each)]
    password = PASSWORD if "email" in command.text and PASSWORD in (ROOT / block.page).read_text(encoding="utf-8") else ""
    return (command.plain, *setting(block), *before, *_files(block), password)


def _each(chosen: Iterable[Block]) -> Any:
    in_order = sorted(chosen, key=lambda block: (block.page, block.line))
    return pytest.mark.parametrize("block", in_order, ids=str)


def _files(block: Block) -> list[str]:
    """The files that its commands or its tasks name, as the page has them, or else where they are shown."""
    known = {**{name: text for page in reversed(SHOWN_IN) for name, text in files_of(page).items()}, **files_of(block.page)}
    return [text for name, text in sorted(known.items()) if name in block.text and text != block.text]


def setting(block: Block) -> list[str]:
    """What earlier blocks of the page export: one shell is used for all of it."""
    before = [command for each in blocks_of(block.page) if each.language == "console" and each.line < block.line for command in each.commands()]
    return [command.text for command in before if is_setting(command)]


def is_setting(command: Command) -> bool:
    return command.text.startswith(("export ", "read "))


def consoles() -> Any:
    """The blocks in which something is typed that no other one types just so; those with the most in them first."""
    there = [block for block in BLOCKS if block.language == "console" and not block.page.startswith(GUIDES)]
    followed = {command.plain for block in BLOCKS if block.language == "console" and block.page.startswith(GUIDES) for command in block.commands()}
    chosen: list[Block] = []
    seen: set[tuple[str, ...]] = set()
    for block in sorted(there, key=lambda block: -len(block.commands())):
        # One that reads no file of its own page is seen where a guide has it; the account's password each page has to say itself.
        alone = not any(name in block.text for name in files_of(block.page))
        typed = {_typed(block, each) for each in block.commands() if not (alone and each.plain in followed and "email" not in each.plain)}
        if not typed <= seen:
            chosen.append(block)
        seen |= typed
    return _each(chosen)
