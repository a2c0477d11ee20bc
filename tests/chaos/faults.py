# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The catalogue of what goes wrong, and where: data only. deeds.py does it."""

from __future__ import annotations

import dataclasses
import errno
import typing as t

BEFORE, AFTER = "before", "after"
# Longer than a faulted run waits for a reply.
TIMEOUT_S, DELAY_S = 1, 1.15


@dataclasses.dataclass(frozen=True)
class Place:
    """A step boundary: before or after the so-manieth step of a name; without a name, the so-manieth boundary of all."""

    when: str
    step: str | None
    number: int

    def __str__(self) -> str:
        return f"{self.when} {self.step or 'step'}#{self.number}"


@dataclasses.dataclass(frozen=True)
class Fault:
    """One thing that goes wrong. ``kind`` names it in the table, ``deed`` is a function of deeds.py with ``values``.

    ``place``: None where it is so from the beginning.
    """

    kind: str
    deed: str
    values: t.Mapping[str, t.Any] = dataclasses.field(default_factory=dict)
    place: Place | None = None

    @property
    def endless(self) -> bool:
        """Whether it goes on until it is cleared."""
        return self.values.get("times", 1) is None or self.values.get("action") == "never_ends"

    def at(self, place: Place) -> Fault:
        return dataclasses.replace(self, place=place)

    def __str__(self) -> str:
        return self.kind + (f", {self.place}" if self.place else "")


# -- the run itself ------------------------------------------------------------------------------------------------
KILL = Fault("SIGKILL", "kill")
POWER_CUT = Fault("power cut", "power_cut")
CLOCK = tuple(Fault(f"clock jumps {words}", "jump", {"seconds": seconds}) for words, seconds in (("a day ahead", 86400), ("a day back", -86400)))
TLS = tuple(Fault(f"TLS breaks off {when} the request", "tls", {"when": when}) for when in (BEFORE, AFTER))


def killed_after(seconds: float) -> Fault:
    """At no boundary, but wherever the run is then."""
    return Fault("SIGKILL at a random instant", "kill_later", {"seconds": seconds})


# -- its files -----------------------------------------------------------------------------------------------------
DISK = tuple(
    Fault(words + (" for good" if lasting else ""), "disk_error", {"errno": number, "lasting": lasting})
    for words, number in (("disk full", errno.ENOSPC), ("read-only disk", errno.EROFS), ("no permission", errno.EACCES))
    for lasting in (False, True)
)

# -- one request to the rack, and what the balancer before it says --------------------------------------------------
CUT = tuple(
    Fault(kind, "rack_fault", {"action": action, **more})
    for kind, action, more in (
        ("request dropped before it acts", "drop_before", {}),
        ("reply dropped after it acted", "drop_after", {}),
        ("request delayed beyond the timeout", "delay", {"seconds": DELAY_S}),
        ("reply cut in the middle", "cut", {}),
        ("request duplicated", "duplicate", {}),
        ("web page for an answer", "html", {}),
    )
)
# As often as reads are tried again, and once more.
STATUS = tuple(
    Fault(f"status {status}", "rack_fault", {"action": "status", "status": status, "body": "it went wrong\n", "times": 4})
    for status in (429, 500, 502, 503, 504)
)
GONE = Fault("the rack refuses connections", "rack_fault", {"action": "refuse_all", "seconds": 0.3})

# -- one operation of AWS ------------------------------------------------------------------------------------------
AWS_CUT = tuple(
    Fault(kind.kind.replace("re", "AWS: re", 1), "aws_fault", {**{k: v for k, v in kind.values.items() if k != "action"}, "effect": kind.values["action"]})
    for kind in CUT
    if kind.values["action"] != "html"
)
AWS_ERRORS = tuple(
    Fault(f"AWS: {error}", "aws_fault", {"error": error, "status": status, "times": times})
    for error, status, times in (
        ("Throttling", 400, 6),
        ("ExpiredToken", 403, None),
        ("AccessDenied", 403, None),
        ("InternalFailure", 500, 6),
        ("ServiceUnavailable", 503, 1),
    )
)

# -- the rack by itself --------------------------------------------------------------------------------------------
UPDATES = tuple(
    Fault(kind, "rack_fault", {"action": action})
    for kind, action in (("update rolls back", "rollback"), ("update never ends", "never_ends"), ("UPDATE_ROLLBACK_FAILED", "rollback_failed"))
)
REFUSED_RESTART = (
    Fault("activation denied", "rack_fault", {"action": "refuse_restart", "error": "AccessDeniedException", "message": "no", "times": None}),
    Fault("activation fails once", "rack_fault", {"action": "refuse_restart", "error": "ServerException", "message": "later"}),
)
# ``skip``: the first one that starts does come up.
NEVER_UP = (
    Fault("a container does not come up at first", "rack_fault", {"action": "container_never_starts", "times": 3}),
    Fault("a container never comes up", "rack_fault", {"action": "container_never_starts", "times": None}),
    Fault("a second container never comes up", "rack_fault", {"action": "container_never_starts", "times": None, "skip": 1}),
)
RESTART = Fault("containers restart by themselves", "restart")
DEATH = Fault("a container dies", "container_dies")
SOMEBODY = Fault("somebody else sets a key", "somebody", {"activated": False})
SOMEBODY_ACTIVE = Fault("somebody else rolls the key", "somebody", {"activated": True})

# -- the Console --------------------------------------------------------------------------------------------------
# Placed by the so-manieth request that Console answers with what it knows of the rack, or passes on, once the key is rolled.
TAKEN = Fault("Console takes hold of the rack", "take_hold")
WHEN_ASKED = "request to Console"

OF_THE_RACK = UPDATES + REFUSED_RESTART + NEVER_UP
OF_THE_RUN = (KILL, POWER_CUT, *CLOCK)
OF_THE_CONTAINERS = (RESTART, DEATH)
OF_OTHERS = (SOMEBODY, SOMEBODY_ACTIVE)
OF_RACK_REQUESTS = CUT + STATUS + TLS + (GONE,)
OF_AWS_REQUESTS = AWS_CUT + AWS_ERRORS
BY_KIND = {fault.kind: fault for fault in (*OF_THE_RUN, *OF_THE_CONTAINERS, *OF_OTHERS, *DISK, *OF_RACK_REQUESTS, *OF_AWS_REQUESTS, *OF_THE_RACK, TAKEN)}
