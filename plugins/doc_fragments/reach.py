# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """Which rack or Console, and how it is trusted: module_utils/options.py reach()."""

    DOCUMENTATION = r"""
options:
  host:
    description:
      - The Console or rack, as C(name), C(name:port) or an C(https) URL.
      - Taken from the environment variable E(CONVOX_HOST) when not given, then from the host that the Convox CLI last
        logged into, then V(console.convox.com).
    type: str
  api_key:
    description:
      - The key that is in force now.
      - Taken from E(CONVOX_PASSWORD) when not given, but only where O(host) is not given either, since that variable
        would apply to every host. Then the first of O(ignore:stores) that has one, then the CLI's C(auth) file.
    type: str
  rack:
    description:
      - A rack behind a Console, as C(organization/name). The O(host) is then the Console.
      - Taken from E(CONVOX_RACK) when neither it nor O(host) is given. Never taken from the CLI's active rack.
    type: str
  rack_url:
    description:
      - Host and key in one, as C(https://user:key@host).
      - Taken from E(RACK_URL) when none of O(host), O(rack), O(api_key) and O(rack_url) is given.
    type: str
  config_dir:
    description:
      - The directory of the Convox CLI's files.
      - Taken from E(CONVOX_CONFIG) when not given. Else all existing of C($XDG_CONFIG_HOME/convox2),
        C($XDG_CONFIG_HOME/convox) and C(~/.convox) are read, in that order, and the first that has the host is written.
    type: path
  validate_certs:
    description:
      - Whether the certificate is verified before a key is sent. With V(false) the result carries a warning.
    type: bool
    default: true
  ca_path:
    description:
      - A file of certificates of the authorities to trust, in PEM.
    type: path
  tls_fingerprint:
    description:
      - The SHA-256 of the server's certificate, 64 hex digits, colons allowed. That certificate alone is then trusted,
        and names are not compared.
      - V(accept_new) trusts what is seen the first time and keeps it in C(tls-fingerprints) in O(config_dir), which every
        module reads when this option is not given.
    type: str
  timeout:
    description:
      - Seconds that one request may take.
    type: int
    default: 30
  retries:
    description:
      - How often a read is tried again after 429, 502, 503, 504 and refused connections. What changes something is never
        repeated blindly.
    type: int
    default: 3
requirements:
  - requests
"""
