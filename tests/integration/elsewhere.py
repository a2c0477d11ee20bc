# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs that the documentation has people run and that are not run in tests: why not, and what of such a command can be checked here."""
from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import botocore.session
from ansible.cli.galaxy import GalaxyCLI
from botocore import xform_name

from tests.places import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable

# As the vendor's documentation and the open-source CLI have them, each with its options.
CONVOX: dict[tuple[str, ...], set[str]] = {
    ("apps",): set(),
    ("instances", "keyroll"): {"--rack", "-r"},
    ("instances", "ssh"): {"--rack", "-r"},
    ("login",): {"--password"},
    ("rack", "params", "set"): {"--rack", "-r"},
    ("racks",): set(),
}
# Options of the AWS CLI itself that a command may have.
_AWS = {"--region", "--profile", "--query", "--output"}


@dataclass(frozen=True)
class Program:
    """``check``: takes a command's arguments; says what is wrong with it, or nothing. ``then``: what is done in its place, in bash."""

    why: str
    check: Callable[[list[str]], str]
    then: str = "exit 0"


def make(arguments: list[str]) -> str:
    """There are such targets, and such variables."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets, variables = (set(re.findall(rf"^(\w+){sign}", makefile, re.MULTILINE)) for sign in (":(?!=)", r" \?="))
    wrong = [each for each in arguments if (each.partition("=")[0] not in variables if "=" in each else each not in targets)]
    return f"the Makefile has no {', '.join(wrong)}" if wrong else ""


def aws(arguments: list[str]) -> str:
    """There is such an operation, with such options, and none that must be there is missing."""
    service, operation, *options = arguments
    try:
        model: Any = botocore.session.get_session().get_service_model(service)
    except Exception as exc:  # noqa: BLE001 (of several kinds)
        return str(exc)
    if operation == "wait":
        waiters = botocore.session.get_session().get_waiter_model(service).waiter_names
        names = {xform_name(name, "-"): model.operation_model(_waits_by(service, name)) for name in waiters}
        operation, *options = options
    else:
        names = {xform_name(name, "-"): model.operation_model(name) for name in model.operation_names}
    if operation not in names:
        return f"{service} has no {operation}"
    shape = names[operation].input_shape
    members = {f"--{xform_name(name, '-')}" for name in (shape.members if shape else ())}
    needed = {f"--{xform_name(name, '-')}" for name in (shape.required_members if shape else ())}
    given = {each.partition("=")[0] for each in options if each.startswith("--")}
    wrong = given - members - {f"--no-{name[2:]}" for name in members} - _AWS
    return "; ".join([*(f"{operation} has no {name}" for name in sorted(wrong)), *(f"{operation} needs {name}" for name in sorted(needed - given))])


def _waits_by(service: str, waiter: str) -> str:
    return str(botocore.session.get_session().get_waiter_model(service).get_waiter(waiter).operation)


def convox(arguments: list[str]) -> str:
    """The vendor's CLI has such a command, with such options."""
    for words, options in CONVOX.items():
        if tuple(arguments[: len(words)]) == words:
            wrong = [each for each in arguments[len(words) :] if each.startswith("-") and each not in options]
            return f"convox {' '.join(words)}: {', '.join(wrong)} is not known here" if wrong else ""
    return f"convox {' '.join(arguments[:2])}: not known here; if the vendor's CLI has it, add it to CONVOX"


def words(*known: str) -> Callable[[list[str]], str]:
    """One of these is what such a program is told."""
    return lambda arguments: "" if " ".join(arguments).startswith(known) else f"none of {', '.join(known)}"


ELSEWHERE = {
    "ansible-builder": Program("it takes a container engine; tests/integration/test_awx.py has it make the build's context", words("build --tag ")),
    "ansible-sign": Program("it takes a key of a maintainer's, and gpg", words("project gpg-sign ", "project gpg-verify ")),
    "aws": Program("the AWS CLI is not here; botocore knows its commands", aws),
    "convox": Program("the vendor's CLI is not here", convox),
    "git": Program(
        "the repository is not a test's to change, nor is there a network",
        words("clone https://", "add ", "commit "),
        then='[[ $1 != clone ]] || mkdir "${@: -1}"',
    ),
    "gpg": Program("it takes a key of a maintainer's", words("--armor --detach-sign ", "--no-default-keyring --keyring ")),
    "make": Program("each target is run for itself, and one of them runs these tests", make),
    "podman": Program("it takes a container engine and a registry", words("push ")),
}
# What ansible-galaxy takes from Galaxy, which tests do not ask.
FROM_GALAXY = {"awx.awx", "convox.credentials"}


def galaxy(arguments: list[str]) -> None:
    """Its own parser takes the command, or ends the test by SystemExit."""
    cli = GalaxyCLI(["ansible-galaxy", *arguments])
    cli.init_parser()
    cli.parser.parse_args(arguments)
