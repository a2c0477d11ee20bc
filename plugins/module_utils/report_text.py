# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""What the formats of the audit's report have in common: texts that every reader takes, and what follows from the document. Pure."""

from __future__ import annotations

import re
import typing as t

# Without a limit they are about all racks of an inventory.
_OF_RACKS = ("convox.credentials.rotate_rack_keys", "convox.credentials.rotate_instance_keys")
# No host is called so, whatever is in an inventory: who runs it as it is changes nothing. In a pattern a blank would be the
# end of one name and the begin of the next.
PLACEHOLDER = "<rack-in-your-inventory>"
# What can't be seen, breaks a line or turns text around; halves of surrogate pairs, which UTF-8 can't hold; and what XML 1.0
# forbids. Written out, for what Python calls printable differs between its releases.
_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufdd0-\ufdef\ufeff\ufff9-\ufffb\ufffe\uffff]")


def plain(value: t.Any) -> t.Any:
    """The same value as JSON has them, in whose texts such characters are shown by their code, as ``\\u000a``."""
    if isinstance(value, str):
        return _UNSEEN.sub(_code, value)
    if isinstance(value, t.Mapping):
        return {plain(name): plain(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    return value


def _code(match: re.Match[str]) -> str:
    return f"\\u{ord(match.group()):04x}"


def borne(accepted: t.Mapping[str, str]) -> str:
    """Who bears a finding, how long, and why: one line."""
    return f"accepted by {accepted['owner']} until {accepted['until']}: {accepted['reason']}"


def racks_of(finding: t.Mapping[str, t.Any]) -> list[str]:
    """Ids of all racks that it is about. A report of a former release names one at most."""
    return list(finding.get("racks") or ([finding["rack"]] if finding["rack"] else []))


def command(finding: t.Mapping[str, t.Any]) -> str | None:
    """What mends it, to be typed where ``-i`` is one's own. What one rack needs is not to be done to all of an inventory."""
    playbook = finding["playbook"]
    if not playbook:
        return None
    limit = f" --limit '{PLACEHOLDER}'" if racks_of(finding) or playbook in _OF_RACKS else ""
    return f"ansible-playbook {playbook}{limit}"
