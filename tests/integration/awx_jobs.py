# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs as AWX runs them: by ansible-runner, in a private data directory and a home that are gone with the job."""
from __future__ import annotations

import contextlib
import itertools
import json
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import jinja2
import yaml

from tests.integration.ansible import PATIENCE_S, PROGRAM, environment_in, kill_with_descendants
from tests.integration.leaks import all_secrets
from tests.leaks import found_in, found_in_file
from tests.places import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.integration.machine import Machine
    from tests.standin.rack import Rack

RUNNER = PROGRAM.with_name("ansible-runner")
IDENT = "1"


class _Loader(yaml.SafeLoader):
    """Reads templates that are not Ansible's as the texts that they are."""


_Loader.add_constructor("!unsafe", lambda loader, node: loader.construct_scalar(node))


def definitions() -> dict[str, Any]:
    found: dict[str, Any] = yaml.load((ROOT / "awx" / "definitions.yml").read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506
    return found


def templates() -> dict[str, dict[str, Any]]:
    """The job templates, by name."""
    return {each["name"]: each for each in definitions()["awx_job_templates"]}


def injected(credentials: dict[str, dict[str, str]]) -> tuple[dict[str, str], dict[str, Any]]:
    """The environment and the extra vars of a job with these credentials: as AWX, what is not filled in is empty."""
    environment: dict[str, str] = {}
    extra: dict[str, Any] = {}
    for each in definitions()["awx_credential_types"]:
        if each["name"] in credentials:
            values = {**{one["id"]: "" for one in each["inputs"]["fields"]}, **credentials[each["name"]]}
            for kind, into in (("env", environment), ("extra_vars", extra)):
                into.update({name: jinja2.Template(text).render(values) for name, text in each["injectors"].get(kind, {}).items()})
    return environment, extra


def answers(template: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """What a survey hands on: its defaults, and what was answered."""
    spec = template.get("survey_spec", {}).get("spec", [])
    assert set(given) <= {each["variable"] for each in spec}
    return {**{each["variable"]: each["default"] for each in spec if "default" in each}, **given}


@dataclass
class Ended:
    """What is known of a job when its files are gone."""

    status: int
    output: str
    events: list[dict[str, Any]]
    leaks: list[str]

    @property
    def words(self) -> str:
        return " ".join(self.output.split())

    @property
    def artifacts(self) -> dict[str, Any]:
        """What later jobs of the workflow get as extra vars."""
        found: dict[str, Any] = {}
        for each in self.events:
            found.update(each.get("event_data", {}).get("artifact_data", {}))
        return found


@dataclass
class Awx:
    """One that has an inventory of racks, and starts jobs. ``hosts``: those of the last update; without one, the racks themselves."""

    machine: Machine
    racks: list[Rack]
    credentials: dict[str, dict[str, str]] = field(default_factory=dict)
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(11))
    hosts: dict[str, dict[str, Any]] | None = None

    def update_inventory(self, credential: str, values: dict[str, str], regions: str = "") -> str:
        """From its source: that has one credential, and variables that are put into the environment. Returns what is told beside the hosts."""
        source = definitions()["awx_inventory_source"]
        regions_given = {"awx_inventory_regions": regions.split(",") if regions else []}
        path, variables = (jinja2.Template(json.dumps(source[name])).render(regions_given) for name in ("source_path", "source_vars"))
        place = self.machine.root / f"update{next(self.numbers)}"
        environment = {
            **environment_in(place),
            **injected({credential: values})[0],
            **json.loads(variables),
            "AWS_ENDPOINT_URL": self.machine.convox.aws_url,
            "REQUESTS_CA_BUNDLE": self.machine.convox.ca_path,
            "ANSIBLE_INVENTORY_UNPARSED_FAILED": "True",
        }
        program = str(PROGRAM.with_name("ansible-inventory"))
        done = subprocess.run(
            [program, "-i", str(ROOT / json.loads(path)), "--list", "--export"], cwd=place, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        shutil.rmtree(place)
        listed = json.loads(done.stdout)
        assert found_in(done.stdout + done.stderr, all_secrets(self.machine)) == []
        self.hosts = {name: listed["_meta"]["hostvars"][name] for name in listed.get("convox_racks", {}).get("hosts", [])}
        return " ".join(done.stderr.split())

    def run(self, name: str, status: int = 0, **options: Any) -> Ended:
        """Run a job to its end."""
        with self.job(name, **options) as job:
            ended = job.end()
        assert ended.status == status, ended.output
        return ended

    @contextlib.contextmanager
    def job(self, name: str, *, part: tuple[int, int] = (1, 1), limit: str = "", extra: dict[str, Any] | None = None, **survey: Any) -> Iterator[Job]:
        """A job of a template that was started. Whatever happens to it, its files are gone after it."""
        number = next(self.numbers, 0)
        environment, extra_vars = injected(self.credentials)
        extra_vars = {**extra_vars, "awx_job_id": number, "tower_job_id": number, **answers(templates()[name], survey), **(extra or {})}
        place = self.machine.root / f"job{number}"
        known = {rack.name: {"convox_host": rack.host} for rack in self.racks} if self.hosts is None else self.hosts
        hosts = dict(sorted(known.items())[part[0] - 1 :: part[1]])
        private = place / "private"
        for folder in ("env", "inventory", "project"):
            (private / folder).mkdir(parents=True)
        shutil.copytree(ROOT / "playbooks", private / "project" / "playbooks")
        environment.update({"AWX_HOST": "https://awx.example.com", "JOB_ID": str(number), "ANSIBLE_NOCOLOR": "1", "ANSIBLE_FORCE_COLOR": "0"})
        (private / "env" / "envvars").write_text(json.dumps(environment), encoding="utf-8")
        (private / "env" / "extravars").write_text(json.dumps(extra_vars), encoding="utf-8")
        (private / "env" / "cmdline").write_text(f"--limit {limit}" if limit else "", encoding="utf-8")
        script = private / "inventory" / "hosts"
        script.write_text(f"#!{sys.executable}\nprint({json.dumps(self._inventory(hosts))!r})\n", encoding="utf-8")
        script.chmod(0o700)
        job = Job(self, place, private, templates()[name]["playbook"])
        try:
            yield job
        finally:
            job.kill()
            shutil.rmtree(place)

    def _inventory(self, hosts: dict[str, dict[str, Any]]) -> dict[str, Any]:
        """As AWX's script prints it."""
        known = definitions()["awx_inventory"]["variables"]
        everywhere = {**known, "convox_ca_path": self.machine.convox.ca_path, "convox_confirm_period": 0, "convox_confirm_interval": 0}
        return {
            "all": {"vars": everywhere, "children": ["convox_racks"]},
            "convox_racks": {"hosts": list(hosts)},
            "_meta": {"hostvars": hosts},
        }


class Job:
    """ansible-runner in a place of its own. ``begin`` and ``end`` are those of a job on one node, ``through_mesh`` of one on another."""

    def __init__(self, awx: Awx, place: Path, private: Path, playbook: str) -> None:
        self.awx = awx
        self.place = place
        self.private = private
        self.arguments = ["-p", playbook, "--ident", IDENT]
        self.process: subprocess.Popen[bytes] | None = None
        # A container's shell says where the job is. AWS is where the stand-in is; keys for it come from the credential alone.
        self.environment = {**environment_in(place), "PWD": str(place), "AWS_ENDPOINT_URL": awx.machine.convox.aws_url}

    def begin(self) -> Job:
        self.process = self._start("run", str(self.private), *self.arguments)
        return self

    def end(self, private: Path | None = None) -> Ended:
        """Wait for it, and look for secrets in all that AWX would keep of it."""
        process = self.process or self.begin().process
        assert process is not None
        status = process.wait(PATIENCE_S)
        artifacts = (private or self.private) / "artifacts" / IDENT
        events = [json.loads(path.read_text(encoding="utf-8")) for path in (artifacts / "job_events").glob("[0-9]*-*.json")]
        events.sort(key=lambda each: each["counter"])
        known = all_secrets(self.awx.machine)
        # The environment, where keys belong, is in runner's own record of its command. AWX masks it.
        command = artifacts / "command"
        record = json.loads(command.read_text(encoding="utf-8"))
        command.write_text(json.dumps({**record, "env": {}}), encoding="utf-8")
        leaks = [f"{path}: {secret}" for path in artifacts.rglob("*") if path.is_file() for secret in found_in_file(path, known)]
        output = "\n".join(each["stdout"] for each in events)
        assert "Traceback" not in output, output
        assert leaks == [], leaks
        return Ended(status, output, events, leaks)

    def through_mesh(self) -> Ended:
        """From here to a worker that has nothing of it, and its events back."""
        worker, back = self.place / "worker", self.place / "back"
        worker.mkdir()
        stream, results = self.place / "stream", self.place / "results"
        with stream.open("wb") as to:
            assert self._start("transmit", str(self.private), *self.arguments, stdout=to).wait(PATIENCE_S) == 0
        with stream.open("rb") as source, results.open("wb") as to:
            assert self._start("worker", "--private-data-dir", str(worker), stdin=source, stdout=to).wait(PATIENCE_S) == 0
        with results.open("rb") as source:
            self.process = self._start("process", str(back), "--ident", IDENT, stdin=source)
            return self.end(back)

    def kill(self) -> None:
        if self.process is not None:
            kill_with_descendants(self.process)

    def _start(self, *arguments: str, **streams: Any) -> subprocess.Popen[bytes]:
        with (self.place / "log").open("ab") as log:
            return subprocess.Popen(
                [str(RUNNER), *arguments],
                cwd=self.place,
                env=self.environment,
                **{"stdin": subprocess.DEVNULL, "stdout": log, "stderr": log, **streams},
                start_new_session=True,
            )
