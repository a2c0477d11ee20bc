# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The workflows at GitHub run what the Makefile has, with every ansible-core that is pinned, and with no more rights than they need."""
from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.places import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
MAY_WRITE = {("release.yml", "publish"): {"contents": "write"}}
PINNED = re.compile(r"[\w-]+/[\w-]+@[0-9a-f]{40}  # v\d+\.\d+\.\d+")


def workflow(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / ".github" / "workflows" / name).read_text(encoding="utf-8"))
    return found


def steps() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Every step, with its workflow and job."""
    for path in WORKFLOWS:
        for name, job in workflow(path.name)["jobs"].items():
            yield from ((path.name, name, step) for step in job.get("steps", ()))


def test_what_is_run_is_in_the_makefile() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    run = {target for _workflow, _job, step in steps() for target in re.findall(r"\bmake ([a-z]+)", step.get("run", ""))}
    assert run >= {"lint", "sanity", "matrix", "docs", "release"}
    assert run - targets == set()


def test_every_core_that_is_pinned_is_tried() -> None:
    pairs = workflow("ci.yml")["jobs"]["tests"]["strategy"]["matrix"]["pair"]
    pinned = {path.stem.removeprefix("matrix-") for path in (ROOT / "requirements").glob("matrix-2.*.txt")}
    assert {pair["core"] for pair in pairs} == pinned
    assert len({tuple(pair.values()) for pair in pairs}) == len(pairs)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_rights_are_the_least(path: Any) -> None:
    """What a job may write, this file names; what runs in it is of one commit; and it has no secret but where somebody has to agree."""
    found = workflow(path.name)
    assert found["permissions"] == {"contents": "read"}
    rights = {(path.name, name): job["permissions"] for name, job in found["jobs"].items() if "permissions" in job}
    assert rights == {place: value for place, value in MAY_WRITE.items() if place[0] == path.name}
    uses = re.findall(r"^\s*(?:- )?uses: (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    assert [each for each in uses if not PINNED.fullmatch(each) and not each.startswith("./")] == []
    with_secrets = {name for name, job in found["jobs"].items() if "secrets" in yaml.safe_dump(job)}
    assert with_secrets == {name for name, job in found["jobs"].items() if "environment" in job}


def test_no_checkout_keeps_the_token() -> None:
    checkouts = [step for _workflow, _job, step in steps() if step.get("uses", "").startswith("actions/checkout@")]
    assert len(checkouts) >= 6
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


def test_no_step_runs_what_others_wrote() -> None:
    """An expression in a script is put in as text: a branch's or a title's would be run. Those of the matrix are ours."""
    expressions = {each for _workflow, _job, step in steps() for each in re.findall(r"\$\{\{ *([\w.]+)", step.get("run", ""))}
    assert {each for each in expressions if not each.startswith("matrix.")} == set()
