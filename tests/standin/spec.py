# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a stand-in is made of, and what of it can be changed while it runs."""

from __future__ import annotations

import secrets
import string
from dataclasses import dataclass, field, fields
from typing import Any

LETTERS_AND_DIGITS = string.ascii_letters + string.digits

LATEST = "20260326150533"
# Since this release the key is read from SSM, and a changed Password restarts nothing (3.2).
SECRET_SINCE = "20230427130715"
# Since this release there are tokens, and a route that rolls their signing key (3.2).
TOKENS_SINCE = "20230704162933"
# The last release whose parameters go by the route of its app (3).
CLASSIC_UNTIL = "20180708231844"
CLASSIC, V2, V3 = "classic", "v2", "v3"


# What takes minutes at AWS is over at once.
AT_ONCE = {"update_seconds": 0.0, "restart_seconds": 0.0, "drain_seconds": 0.0, "instance_seconds": 0.0}


def generation_of(version: str) -> str:
    """By the release: dates but for v3, whose releases are numbers (5)."""
    if version.startswith("3."):
        return V3
    return CLASSIC if version <= CLASSIC_UNTIL else V2


def new_key() -> str:
    """A rack key as the installer makes them: 30 letters and digits (4.3)."""
    return "".join(secrets.choice(LETTERS_AND_DIGITS) for dummy in range(30))


@dataclass(kw_only=True)
class RackSettings:
    """What can be changed while a rack runs. Times are in seconds, and are short: real ones are minutes."""

    update_seconds: float = 0.2  # a stack update, each way
    cleanup_seconds: float = 0.0  # ..._CLEANUP_IN_PROGRESS after it; 0: none
    restart_seconds: float = 0.2  # from a container's start until it answers
    drain_seconds: float = 0.1  # how long a container that is being stopped still answers
    draining_takes_connections: bool = True  # whether a draining one gets new connections too
    balance_requests: bool = False  # whether each request over a connection reaches the next container, not each connection
    instance_seconds: float = 0.2  # a new instance, until it is in service
    terminated_seconds: float = 3600.0  # how long EC2 still lists a terminated instance
    status_cache_seconds: float = 0.0  # how old GET /system may be; a real rack: 5 (3.1)
    outage: str = "refuse"  # without any container: "refuse" connections, or answer 502 or 503
    mask_no_echo: bool = True  # whether the rack sees **** for its own key, as AWS shows it (4.3)
    image_drift: bool = False  # AWS has a newer image: the next update replaces every instance (4.2)
    own_parameters: dict[str, str] = field(default_factory=dict)  # what the rack sends along with each update (3)
    apps: list[dict[str, Any]] = field(default_factory=list)  # as GET /apps lists them, and "builds" of each


@dataclass(kw_only=True)
class RackSpec(RackSettings):
    """One rack."""

    name: str
    version: str = LATEST
    region: str = "us-east-1"
    key: str = field(default_factory=new_key)  # "": such a rack accepts any key (3)
    high_availability: bool = True
    instances: int = 3
    instance_type: str = "t3.small"
    key_pair: str = ""  # "": instances without one, as after an install (3.3)
    former_key_pairs: int = 0  # pairs left over from former keyrolls (3.3)
    domain: str = ""  # default: the rack's address on loopback
    rack_domain: str = ""  # default: the rack's address on loopback
    certificate: str = "ca"  # or "self_signed", or "api": each container its own (3)
    certificate_days: int = 365  # until it expires; below 0: since it did
    provider: str = "aws"  # of a v3 rack also "gcp" and others (5)
    terse: bool = False  # a v3 rack of the first releases tells nothing of itself but name, domain, provider, status, version
    console: bool = False  # whether Console knows it
    console_key: str | None = None  # Console's copy of its key; default: the key
    uninstallable: bool = False  # whether Console would uninstall it when it is removed; it holds a v3 rack's Terraform state then (6.2)
    parameters: dict[str, str] = field(default_factory=dict)  # more of its stack, or other values


@dataclass(kw_only=True)
class ConsoleSettings:
    """What can be changed while Console runs."""

    challenge: bool = False  # demand a session, see 6.1
    hardware_token: bool = False  # the account has one: no session, and a challenge that no automation passes
    expired: bool = False  # the present API key has expired
    access: str = "administrator"  # what the person may do in the organization: developer, operator, administrator
    dashboard: bool = True  # whether a path that is no API path shows the page


@dataclass(kw_only=True)
class ConsoleSpec(ConsoleSettings):
    """The Console."""

    email: str = "ops@example.com"
    password: str = "correct horse battery staple"
    organization: str = "acme"
    api_key: str = field(default_factory=lambda: secrets.token_hex(16))
    deploy_keys: tuple[str, ...] = ()


def settings_of(kind: type, spec: Any) -> Any:
    """The part of a spec that can be changed."""
    return kind(**{each.name: getattr(spec, each.name) for each in fields(kind)})


def change(settings: Any, values: dict[str, Any]) -> None:
    """Change some settings, all or none of them."""
    current = {each.name: getattr(settings, each.name) for each in fields(settings)}
    for name, value in values.items():
        if name not in current:
            raise ValueError(f"no such setting: {name}; there are {', '.join(current)}")
        if isinstance(current[name], bool) != isinstance(value, bool):
            raise ValueError(f"{name}: {value!r} is not of the type of {current[name]!r}")
    for name, value in values.items():
        setattr(settings, name, type(current[name])(value))
