# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""By which ways a Rack API key is set and comes into force: the words for them, and what they depend on (convox-protocol 3.2). Pure."""

from __future__ import annotations

# Releases: before the first, CloudFormation restarts the API itself; from the second, the rack can be asked to restart it
# (PUT /system/jwt/rotate).
LATENT_SINCE = "20230427130715"
SIGNING_KEY_SINCE = "20230704162933"

# How it is set: by the rack's own API, or past that.
API, CLOUDFORMATION = "api", "cloudformation"
# Who restarts the API.
ECS, SIGNING_KEY, STACK, NONE = "ecs", "signing_key", "stack", "none"
# Of the option console_sync: a Console's copy of it is renewed.
REIMPORT = "reimport"

# Refusals for so long are no passing state of a restart.
REFUSALS_S = 60.0
