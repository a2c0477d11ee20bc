# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""Which release of the collection this is, for documents that outlive it; a test holds it to galaxy.yml."""

from __future__ import annotations

NAME = "convox.credentials"
VERSION = "0.1.0"
