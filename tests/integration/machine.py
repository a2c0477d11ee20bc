# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The machine that a test works on: a home of its own, the CLI's files in it, and Ansible."""
from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.integration.ansible import Playbook, Result, SharedPlaybook, environment_in
from tests.integration.leaks import find_leaks
from tests.integration.watching import stages_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.standin import Standin

# Rounds of confirmation follow each other at once, where a test is not about them.
AT_ONCE = {name: {"confirm_period": 0, "confirm_interval": 0} for name in ("rack_keyroll", "rack_access")}
# Options of ``run`` that are the task's, not the module's.
KEYWORDS = ("check_mode", "diff", "environment", "no_log", "register")


class Machine:
    """A person's machine. ``defaults``: options of all modules. ``aws``: whether AWS credentials are set up.

    ``stores``: files that are there to hold keys, beside the CLI's own. ``unknowable``: keys of others that nobody here
    can learn of. ``returned``: keys that are in the output by the test's own wish. ``typed``: secrets that only the test
    knows, for it gave them to a task.
    """

    def __init__(self, convox: Standin, root: Path, shared: SharedPlaybook) -> None:
        self.convox = convox
        self.root = root
        self.home = root / "home"
        self.config = self.home / ".config" / "convox"
        self.inputs = root / "inputs"
        self.defaults: dict[str, Any] = {"ca_path": convox.ca_path}
        self.environment: dict[str, str] = {}
        self.aws = True
        self.verbosity = 0
        self.stores: set[Path] = set()
        self.unknowable: set[str] = set()
        self.returned: set[str] = set()
        self.typed: set[str] = set()
        self._shared = shared
        self._mark = shared.mark()
        self._playbooks: list[Playbook] = []
        self._basis = environment_in(root)
        self.inputs.mkdir()

    # -- Ansible --------------------------------------------------------------------------------------------------
    def run(self, module: str, **options: Any) -> Result:
        """Run one task, which succeeds."""
        result = self.result(module, **options)
        assert not result.failed, result.msg
        return result

    def fail(self, module: str, **options: Any) -> Result:
        """Run one task, which fails: in one line, and not by an exception of ours."""
        result = self.result(module, **options)
        assert result.failed
        # The collection's own words for an exception, and Ansible's, new and old.
        assert not any(words in result.msg.lower() for words in ("internal error", "module failed", "module failure")), result.msg
        assert "\n" not in result.msg
        return result

    def result(self, module: str, **options: Any) -> Result:
        """Run one task, however it ends."""
        return self.done(self._task(module, options))

    def done(self, task: dict[str, Any]) -> Result:
        """Run one task as it is written, however it ends."""
        if self.verbosity:
            # A task's environment is printed from -vvv on, so that it has to be that of the whole play.
            last = self._playbooks[-1] if self._playbooks else None
            if last is None or (last.environment, last.verbosity) != (self.variables(), self.verbosity):
                last = self._open()
            last.begin(task)
            return last.end()
        ours = {name: value for name, value in self.variables().items() if not name.startswith("ANSIBLE_")}
        playbook = self._shared.get()
        playbook.begin({**task, "environment": {**ours, **task.get("environment", {})}})
        return playbook.end()

    def begin(self, module: str, **options: Any) -> Playbook:
        """Begin one task, in a play of its own."""
        playbook = self._open()
        playbook.begin(self._task(module, options))
        return playbook

    def _open(self) -> Playbook:
        self._playbooks.append(Playbook(self.inputs / str(len(self._playbooks)), self.variables(), self.verbosity))
        return self._playbooks[-1]

    def _task(self, module: str, options: dict[str, Any]) -> dict[str, Any]:
        keywords = {name: options.pop(name) for name in KEYWORDS if name in options}
        defaults = {
            "group/convox.credentials.convox": self.defaults,
            **{f"convox.credentials.{name}": values for name, values in AT_ONCE.items()},
        }
        return {"name": module, f"convox.credentials.{module}": options, "module_defaults": defaults, **keywords}

    def close(self) -> str:
        """End every play of its own. Returns all that was printed, in which there is no secret."""
        for each in self._playbooks:
            each.close()
        output = "".join(each.output() for each in self._playbooks) + self._shared.output_since(self._mark)
        self._playbooks, self._mark = [], self._shared.mark()
        assert "Traceback" not in output, output
        leaks = set(find_leaks(self, output)) - self.returned
        assert leaks == set(), output
        return output

    def kill(self) -> None:
        """End what is left."""
        for each in self._playbooks:
            each.kill()

    def variables(self) -> dict[str, str]:
        """The environment of the modules."""
        credentials = {"AWS_ACCESS_KEY_ID": "standin", "AWS_SECRET_ACCESS_KEY": "standin", "AWS_ENDPOINT_URL": self.convox.aws_url}
        return {**self._basis, **(credentials if self.aws else {}), **self.environment}

    # -- its files ------------------------------------------------------------------------------------------------
    def auth(self) -> dict[str, str]:
        """The CLI's hosts and their keys."""
        return self.read_json(self.config / "auth")

    def record(self, kind: str, identity: str) -> dict[str, Any]:
        """What the CLI's store remembers of one credential."""
        return self.read_json(self.config / "rotations.json")[kind][identity]

    def write(self, path: Path, text: str) -> None:
        """Put a file there as the CLI would."""
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        path.chmod(0o600)

    def log_in(self, host: str, key: str) -> None:
        """Have the CLI's files know a host, as after ``convox login``."""
        before = self.auth() if (self.config / "auth").exists() else {}
        self.write(self.config / "auth", json.dumps({**before, host: key}, indent=2))

    @staticmethod
    def read_json(path: Path) -> Any:
        return json.loads(path.read_text(encoding="utf-8"))

    def files(self, *, with_locks: bool = True) -> dict[str, bytes]:
        """Every file in its home, and with locks every directory too: to tell whether anything was changed."""
        paths = [path for path in sorted(self.home.rglob("*")) if with_locks or (path.is_file() and "lock" not in path.parent.name + path.suffix)]
        return {str(path.relative_to(self.home)): path.read_bytes() if path.is_file() else b"" for path in paths}

    def directories(self) -> list[Path]:
        """Where the CLI may have its files, in all three layouts."""
        return [self.config.with_name("convox2"), self.config, self.home / ".convox"]

    def record_files(self) -> list[Path]:
        """The files of stores, in the shape of ``rotations.json``, that are there."""
        paths = [*(each / "rotations.json" for each in self.directories()), *(path for path in self.stores if path.name != "auth")]
        return [path for path in paths if path.is_file()]

    def held_keys(self) -> set[str]:
        """Every key that a store holds: as current, pending or superseded."""
        held = {key for each in self.directories() if (each / "auth").is_file() for key in self.read_json(each / "auth").values()}
        for path in self.record_files():
            for kind in ("rack_api_key", "console_api_key", "instance_key"):
                for record in self.read_json(path).get(kind, {}).values():
                    pending = record.get("pending", {})
                    held |= {record.get("current"), *record.get("superseded", ()), pending.get("key"), *pending.get("found", ())}
        for value in (value for stages in self._secrets() for value in stages.values()):
            pending = value.get("pending", {})
            held |= {value.get("api_key"), value.get("private_key"), value.get("current"), *value.get("superseded", ()), *pending.get("found", ())}
        return {key for key in held if key}

    def records(self, kind: str, identity: str | None = None) -> list[dict[str, Any]]:
        """What each store remembers of one credential, or of all of a kind."""
        found = [(name, record) for path in self.record_files() for name, record in self.read_json(path).get(kind, {}).items()]
        for stages in self._secrets():
            about = stages.get("CONVOX", {})
            if about.get("kind") == kind:
                current = stages["AWSCURRENT"]
                found.append((about.get("identity"), {**about, "current": current.get("api_key", current.get("private_key"))}))
        return [record for name, record in found if record and identity in (None, name)]

    def _secrets(self) -> list[dict[str, dict[str, Any]]]:
        """What AWS Secrets Manager keeps where there are racks, by stage: versions without one are gone at any time."""
        cloud, regions = self.convox.cloud, {"us-east-1", *(rack.spec.region for rack in self.convox.racks.values())}
        return [stages_of(self.convox, name, region) for region in sorted(regions) for name in list(cloud.backend("secretsmanager", region).secrets)]

    def lost_keys(self) -> set[str]:
        """Keys that a rack which was rolled here accepts, or could accept after a restart, and no store holds."""
        known = {identity for path in self.record_files() for identity in self.read_json(path).get("rack_api_key", {})}
        known |= {stages["CONVOX"]["identity"] for stages in self._secrets() if stages.get("CONVOX", {}).get("kind") == "rack_api_key"}
        racks = [rack for rack in self.convox.racks.values() if rack.rack_domain in known]
        open_to = {key for rack in racks for key in rack.accepted_keys | {rack.key}}
        # Of v3 racks the private keys of what instances start with, or have: nobody tells them again.
        for rack in self.convox.racks.values():
            pairs = {rack.parameters["Key"], *(each.key_name for each in rack.instances.members())}
            open_to |= {rack.private_keys_told[name] for name in pairs & set(rack.private_keys_told)}
        return open_to - self.held_keys() - self.unknowable

    def left_behind(self) -> list[Path]:
        """Every file that is not there to hold keys."""
        allowed = {each / name for each in self.directories() for name in ("auth", "rotations.json", "session")} | self.stores
        inputs = {self.inputs, self._shared.inputs}
        paths = (path for root in (self.root, self._shared.place) for path in root.rglob("*"))
        return [path for path in paths if path.is_file() and path not in allowed and not inputs & set(path.parents)]
