# shellcheck shell=bash
# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Sourced by the other tools: whatever they run writes inside the checkout and sees none of the caller's credentials.

ROOT=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd -P)
CACHE=$ROOT/.cache
mkdir -p "$CACHE/home" "$CACHE/tmp" "$CACHE/log" "$CACHE/ansible/tmp"

# pip must still find the caller's package index when its home is another one.
if [[ -z ${PIP_CONFIG_FILE-} ]]; then
    for file in "${XDG_CONFIG_HOME:-$HOME/.config}/pip/pip.conf" "$HOME/.pip/pip.conf"; do
        [[ -f $file ]] && export PIP_CONFIG_FILE=$file && break
    done
fi

for name in $(compgen -e | grep -E '^(ANSIBLE_|AWS_|CONVOX_|GIT_|PYTHON|VIRTUAL_ENV$|RACK_URL$)'); do
    unset "$name"
done

export HOME=$CACHE/home TMPDIR=$CACHE/tmp
export XDG_CACHE_HOME=$CACHE/xdg XDG_CONFIG_HOME=$HOME/.config XDG_DATA_HOME=$HOME/.local/share
export PIP_CACHE_DIR=$CACHE/pip PIP_DISABLE_PIP_VERSION_CHECK=1
export ANSIBLE_HOME=$CACHE/ansible ANSIBLE_LOCAL_TEMP=$CACHE/ansible/tmp ANSIBLE_REMOTE_TEMP=$CACHE/ansible/tmp
export LC_ALL=C.UTF-8
cd -- "$ROOT" || exit 1
