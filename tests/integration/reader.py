# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Somebody who types what a page says, word for word but for what is the reader's own: hosts, homes, addresses and secrets."""
from __future__ import annotations

import hashlib
import re
import shlex
import shutil
import ssl
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.documented import files_of
from tests.integration.ansible import PATIENCE_S, PROGRAM, kill_with_descendants
from tests.integration.elsewhere import ELSEWHERE
from tests.integration.leaks import find_leaks
from tests.places import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.documented import Command
    from tests.integration.conftest import NewRack
    from tests.integration.machine import Machine
    from tests.standin.console import Console
    from tests.standin.rack import Rack

# Where a file is shown that pages use without showing it again.
SHOWN_IN = ("README.md", "docs/inventory.md", "docs/audit.md")
ANSIBLE = ("ansible", "ansible-doc", "ansible-galaxy", "ansible-inventory", "ansible-playbook")
# What a shell has at hand. It finds nothing else, so that a program that nobody has thought of is not found.
LOCAL = (
    "cat", "chmod", "cp", "grep", "gzip", "head", "install", "jq", "ls", "mkdir", "mv", "openssl", "python3", "rm", "sed", "sha256sum", "sort", "tail", "tar",
    "tr", "tty", "wc",
)  # fmt: skip
# What takes seconds by contract, as between two looks at the Console, takes none here.
FAST_CLOCK = Path(__file__).with_name("fast_clock")
# Rounds of confirmation follow each other at once, and all racks are one batch where a command does not say otherwise: what is said last counts.
AT_ONCE = ("-e", "convox_confirm_period=0", "-e", "convox_confirm_interval=0")
ONE_BATCH = ("-e", "convox_serial=100%")
# Whose racks a Console holds: those that are reached through it, or that it lists.
THROUGH_CONSOLE = re.compile(r"convox_rack:|plugin: convox\.credentials\.racks|convox_host=console\.example\.com|host: console\.example\.com")
_WRAPPER = """#!/bin/bash
{{ printf '%s\\0' {name} "$@"; printf '\\n\\0'; }} >>{calls}
{then}
"""
_LOCAL_ONLY = """[[ $2 == install && -f $3 ]] || exit 0
export ANSIBLE_COLLECTIONS_PATH=$HOME/.ansible/collections
"""


@dataclass
class Ran:
    """How one command ended. ``calls``: the programs that were called, each with its arguments."""

    status: int
    output: str
    calls: list[list[str]] = field(default_factory=list)


def fingerprint_of(rack: Rack) -> str:
    """Of the certificate that it shows."""
    host, dummy, port = rack.host.rpartition(":")
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate((host, int(port))))).hexdigest()


class Reader:
    """A machine whose owner reads one page. ``texts``: what of the page is done here; racks are made as it names them."""

    def __init__(self, machine: Machine, new_rack: NewRack, page: str, texts: Iterable[str], awx: str = "") -> None:
        self.machine = machine
        self.console: Console = machine.convox.console
        self._awx = awx
        self.page = (ROOT / page).read_text(encoding="utf-8")
        self.files = {**{name: text for each in reversed(SHOWN_IN) for name, text in files_of(each).items()}, **files_of(page)}
        self.used = self._used("\n".join(texts))
        self.text = "\n".join([*texts, *(self.files[name] for name in self.used)])
        self.place, self._bin, self._calls, self._state = (machine.inputs / name for name in ("page", "bin", "calls", "state"))
        if "/home/bob/.convox" in self.text:
            machine.config = machine.home / ".convox"
        self.racks = {name: self._install(new_rack, name) for name in self._names()}
        # What was rolled here, as (what, name).
        self.rolled: set[tuple[str, str]] = set()
        self.rotations: set[str] = set()
        self._set_up()

    # -- what is the reader's own ---------------------------------------------------------------------------------
    def own(self, text: str) -> str:
        """A text with the reader's own in place of what stands for it."""
        text = re.sub(r"\brack\.([\w-]+)\.convox\.site(?::443\b)?", lambda found: self.racks[found[1]].host, text)
        text = text.replace("console.example.com", self.console.host).replace("https://awx.example.com", self._awx or "https://awx.example.com")
        if 'fingerprint: "…"' in text:
            text = text.replace('fingerprint: "…"', f'fingerprint: "{fingerprint_of(next(iter(self.racks.values())))}"')
        text = re.sub(r"\b[\w.]+@example\.com\b", self.console.email, text)
        # Private keys are there to stay, which no other file of a machine may hold.
        text = text.replace("~/.ssh", str(self.machine.inputs / "ssh"))
        text = re.sub(r"(?<![\w.])/home/bob\b", str(self.machine.home), text)
        return re.sub(r"(?<![\w.])/srv\b", str(self.machine.home / "srv"), text)

    def logins(self) -> dict[str, str]:
        """The CLI's hosts and their keys."""
        return self.machine.auth() if (self.machine.config / "auth").exists() else {}

    def log_in(self) -> None:
        """As somebody who has worked with the CLI before."""
        for rack in self.racks.values():
            self.machine.log_in(rack.host, rack.key)

    def log_in_to_console(self) -> None:
        self.machine.log_in(self.console.host, self.console.api_key)
        for name in ("host", "console"):
            self.machine.write(self.machine.config / name, self.console.host)

    def _used(self, text: str) -> list[str]:
        """The files that are named, and those that these name."""
        found = [name for name in self.files if re.search(rf"(?<![\w./-]){re.escape(name)}\b", text)]
        more = [name for each in found for name in self._used_by(each) if name not in found]
        return [*found, *more]

    def _used_by(self, name: str) -> list[str]:
        return [each for each in self.files if each != name and re.search(rf"(?<![\w./-]){re.escape(each)}\b", self.files[name])]

    def _names(self) -> list[str]:
        named = re.findall(r"\brack\.([\w-]+)\.convox\.site", self.text) + re.findall(r"\bacme/([\w-]+)\b(?!\*)", self.text)
        for limit in re.findall(r"--limit[ =]'?([\w:,-]+)", self.text):
            named += [name for name in re.split("[:,]", limit) if name != "localhost"]
        return list(dict.fromkeys(named)) or ["production", "staging"]

    def _install(self, new_rack: NewRack, name: str) -> Rack:
        """With keys that are due, and pairs that are left over."""
        values: dict[str, Any] = {"key_pair": f"{name}-keypair-5000", "former_key_pairs": 2}
        if "kind='instance_key'" in self.text:
            # Only of such a rack is the private key here.
            values = {"version": "3.18.2", "uninstallable": True, "console": True}
        if "tls_fingerprint" in self.text:
            values["certificate"] = "self_signed"
        rack = new_rack(name=name, **{"console": self._held(), **values})
        if "key_pair" in values:
            rack.set_dates(key_days=400, pair_days=400, signing_key_days=400)
        return rack

    def _held(self) -> bool:
        """Whether a Console holds the racks: where it is asked for them, and where each roll says what is to become of its copy."""
        rolls = re.findall(r"ansible-playbook convox\.credentials\.(?:rotate_rack_keys|rotate_all|respond_to_leak)(?:.*\\\n)*.*", self.text)
        return bool(THROUGH_CONSOLE.search(self.text)) or (bool(rolls) and all("console_sync" in each for each in rolls))

    def _set_up(self) -> None:
        self.place.mkdir()
        (self.machine.home / "srv" / "convox").mkdir(parents=True)
        (self.machine.inputs / "ssh").mkdir()
        for name in self.used:
            self.write(name, self._with_all_hosts(name))
        for profile in re.findall(r"profile: ([\w-]+)", self.text):
            credentials = f"[{profile}]\naws_access_key_id = {profile}\naws_secret_access_key = standin\nregion = us-east-1\n"
            self.machine.write(self.machine.home / ".aws" / "credentials", credentials)
        # Some commands are typed in the checkout.
        for name in ("awx", "docs", "playbooks"):
            if re.search(r"\b(awx|docs)/", self.text):
                shutil.copytree(ROOT / name, self.place / name)
        self._bin.mkdir()
        # Programs that Ansible starts are looked for where this test looks for them.
        path = shlex.quote(self.machine.variables()["PATH"])
        for name in ANSIBLE:
            first, last = (shlex.join(each) if name == "ansible-playbook" else "" for each in (ONE_BATCH, AT_ONCE))
            before = _LOCAL_ONLY if name == "ansible-galaxy" else ""
            # What defines AWX's jobs takes an AWX.
            before += "[[ $1 != awx/* ]] || exit 0\n" if name == "ansible-playbook" and not self._awx else ""
            self._wrap(name, f'{before}PATH={path}:$PATH exec {PROGRAM.with_name(name)} {first} "$@" {last}')
        for name in LOCAL:
            there = shutil.which(name)
            if there:
                (self._bin / name).symlink_to(there)
        for name, program in ELSEWHERE.items():
            self._wrap(name, program.then)

    def write(self, name: str, text: str) -> None:
        """A file, as the page shows it."""
        (self.place / name).parent.mkdir(parents=True, exist_ok=True)
        (self.place / name).write_text(self.own(text), encoding="utf-8")

    def _with_all_hosts(self, name: str) -> str:
        """A reader's inventory has the racks that the page's commands name."""
        text, known = self.files[name], "\n  hosts:\n"
        if name != "inventory.yml" or known not in text:
            return text
        others = "".join(f"    {rack}: {{convox_host: rack.{rack}.convox.site}}\n" for rack in self._names() if f" {rack}:" not in text)
        return text.replace(known, known + others)

    def _wrap(self, name: str, then: str) -> None:
        (self._bin / name).write_text(_WRAPPER.format(name=name, calls=self._calls, then=then), encoding="utf-8")
        (self._bin / name).chmod(0o755)

    # -- what is typed --------------------------------------------------------------------------------------------
    def secret(self, name: str, text: str) -> str:
        """What the reader has for a variable."""
        rack = next(iter(self.racks.values()))
        known = {"CONVOX_ACCOUNT_PASSWORD": self.console.password, "CONVOX_PASSWORD": rack.key, "RACK_API_KEY": rack.key}
        known |= {f"{each.upper()}_KEY": rack.key for each, rack in self.racks.items()}
        known |= dict.fromkeys(("CONTROLLER_OAUTH_TOKEN", "VAULT_TOKEN"), "t" * 30)
        if "console.example.com" in text:
            known["CONVOX_PASSWORD"] = self.console.api_key
        return known[name]

    def environment(self) -> dict[str, str]:
        """What a page says that is set, and does not set."""
        read = set(re.findall(r"\bread -rs (\w+)", self.page))
        named = {name for name in ("CONVOX_ACCOUNT_PASSWORD", "RACK_API_KEY", "VAULT_TOKEN") if name in self.page}
        named |= {"CONVOX_PASSWORD"} & set(re.findall(r"\bexport (\w+)(?:$|  )", self.page, re.MULTILINE))
        trusted = dict.fromkeys(("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"), self.machine.convox.ca_path)
        own = {name: self.secret(name, self.text) for name in named - read}
        here = {"AWS_DEFAULT_REGION": "us-east-1", "PYTHONPATH": str(FAST_CLOCK), "ANSIBLE_NOCOLOR": "1"}
        return {**self.machine.variables(), **trusted, **here, "ANSIBLE_CALLBACK_RESULT_FORMAT": "yaml", **own, "PATH": str(self._bin)}

    def run(self, command: Command | str) -> Ran:
        """One command, in the shell of those before."""
        text = self.own(command if isinstance(command, str) else command.text)
        typed = "".join(f"{self.secret(name, self.text)}\n" for name in re.findall(r"\bread -rs (\w+)", text))
        self._state.touch()
        self._calls.write_text("", encoding="utf-8")
        keep = f'{{ export -p; printf "cd %q\\n" "$PWD"; }} >{self._state}'
        output = self.machine.inputs / "printed"
        with output.open("w+b") as file:
            process = subprocess.Popen(
                ["/bin/bash", "--noprofile", "--norc", "-c", f". {self._state}\nset -o pipefail\n{text}\ncode=$?\n{keep}\nexit $code"],
                cwd=self.place,
                env=self.environment(),
                stdin=subprocess.PIPE,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            try:
                process.communicate(typed.encode(), PATIENCE_S)
            finally:
                kill_with_descendants(process)
        said = output.read_text(encoding="utf-8", errors="replace")
        assert find_leaks(self.machine, said) == []
        assert "Traceback" not in said, said
        calls = [record.split("\0")[:-1] for record in self._calls.read_text(encoding="utf-8").split("\n\0")[:-1]]
        return Ran(process.returncode, said, calls)

    def at_rest(self) -> None:
        for rack in self.racks.values():
            rack.wait_at_rest()
