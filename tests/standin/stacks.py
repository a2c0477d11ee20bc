# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stacks that look like racks', without a rack behind them: in any account and region, a millisecond each."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from moto.backends import get_backend
from moto.cloudformation.models import Stack
from moto.cloudformation.utils import generate_stack_id

if TYPE_CHECKING:
    from .fleet import Standin

TAGS = {"System": "convox", "Type": "rack"}


def make_stack(
    standin: Standin, name: str, region: str = "us-east-1", account: str | None = None, tags: dict[str, str] | None = None, **outputs: str
) -> Any:
    """Let AWS know it; it is gone with the stand-in, or by ``forget_stacks``."""
    cloud = standin.cloud
    account = account or cloud.account
    values = {"Version": "20260326150533", "Password": f"password-of-{name}-in-{region}", "HttpProxy": "http://user:proxy-secret@proxy:3128"}
    template = {
        "Parameters": {each: {"Type": "String"} for each in values},
        "Resources": {},
        "Outputs": {each: {"Value": value} for each, value in (outputs or {"RackDomain": f"{name}.{region}.{account}.convox.site"}).items()},
    }
    with cloud.lock:
        stack_id = generate_stack_id(name, region, account)
        stack = Stack(stack_id, name, json.dumps(template), values, account, region, tags=TAGS if tags is None else tags)
        get_backend("cloudformation")[account][region].stacks[stack_id] = stack
        stack.create_resources()
    return stack


def forget_stacks(standin: Standin) -> None:
    """Take them all away; those of racks stay."""
    for account in (standin.cloud.account, *standin.cloud.accounts.values()):
        for backend in get_backend("cloudformation")[account].values():
            for stack_id in [key for key, stack in backend.stacks.items() if stack.__class__ is Stack]:
                del backend.stacks[stack_id]
