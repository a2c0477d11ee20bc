# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""The ways in which a request can end badly, translated once, here and in transport.py and aws.py.

A message is one line: what happened, to which rack, and what to do next. It never holds a secret.
"""

from __future__ import annotations

import typing as t


def printable(text: str) -> str:
    """Without what a terminal would take for a command, or show as nothing: a server's words are in messages."""
    return "".join(each if each.isprintable() else " " if each.isspace() else "\N{REPLACEMENT CHARACTER}" for each in text)


class ConvoxError(Exception):
    """Anything that ends a task. ``result`` is returned to the user beside the message."""

    def __init__(self, message: str, **result: t.Any) -> None:
        super().__init__(printable(message))
        self.result = result


class BadInput(ConvoxError):
    """An option, a variable or a file holds what it can't hold. Nothing was asked and nothing was changed."""


class OpenToAll(BadInput):
    """Everybody on this machine could have written what says where keys go."""


class Damaged(ConvoxError):
    """A file of keys can't be read whole. It is never overwritten."""


class StoreFailed(ConvoxError):
    """A store can't be read or written."""


class Held(ConvoxError):
    """Another run holds the lock of this rack or Console."""


class RequestFailed(ConvoxError):
    """A request to a rack, a Console or AWS did not end as it should."""


class NoAnswer(RequestFailed):
    """No reply was received: refused, timed out, cut, or the certificate did not verify.

    ``sent`` tells whether the server can have seen the request; only then its outcome is unknown. ``lasting``: asking
    again does not help, as it may while a rack restarts.
    """

    def __init__(self, message: str, sent: bool = True, lasting: bool = False, **result: t.Any) -> None:
        super().__init__(message, **result)
        self.sent = sent
        self.lasting = lasting


class Untrusted(NoAnswer):
    """The server's certificate is not to be trusted; nothing was sent. ``pinned``: it is another than the pinned one.

    ``fingerprint``: the SHA-256 of what it showed, or ``unknown``.
    """

    def __init__(self, message: str, fingerprint: str, pinned: bool) -> None:
        super().__init__(message, sent=False, lasting=True)
        self.fingerprint = fingerprint
        self.pinned = pinned


class BadReply(RequestFailed):
    """The server replied with something else than success."""

    def __init__(self, message: str, status: int, text: str = "", **result: t.Any) -> None:
        super().__init__(message, **result)
        self.status = status
        self.text = text


class Refused(BadReply):
    """401: the credential is not accepted (convox-protocol 3: ``invalid authentication``)."""


class Denied(RequestFailed):
    """AWS knows the caller and denies the action; ``action`` names the missing right."""

    def __init__(self, message: str, action: str, **result: t.Any) -> None:
        super().__init__(message, **result)
        self.action = action


def allowed(question: t.Callable[[], t.Any], skipped: t.Callable[[str], None]) -> t.Any:
    """The answer, or None where AWS denies it or has none; what was skipped is named (architecture 4, Confirm)."""
    try:
        return question()
    except Denied as exc:
        skipped(exc.action)
    except (BadReply, NoAnswer) as exc:
        skipped(str(exc))
    return None
