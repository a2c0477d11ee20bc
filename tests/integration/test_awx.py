# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""AWX: what is created in it, and that its jobs do their work though nothing of them stays but what is in the store."""
from __future__ import annotations

import contextlib
import datetime
import json
import os
import re
import shlex
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import boto3
import pytest
import yaml

from tests.integration.ansible import PROGRAM, environment_in
from tests.integration.awx_api import serving
from tests.integration.awx_jobs import Awx, definitions, injected, templates
from tests.integration.plays import in_force, times_set
from tests.integration.watching import wait_until
from tests.places import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.awx_api import AwxApi
    from tests.integration.conftest import NewRack
    from tests.integration.machine import Machine
    from tests.standin.console import Console
    from tests.standin.rack import Rack

ROLL, SLICES = "Convox: roll Rack API keys", "Convox: roll Rack API keys in slices"
LEAK = "Convox: respond to a leak"


# -- what is defined ----------------------------------------------------------------------------------------------
def surveys() -> list[tuple[str, dict[str, Any]]]:
    known = definitions()
    return [(each["name"], one) for each in [*known["awx_job_templates"], known["awx_workflow"]] for one in each.get("survey_spec", {}).get("spec", [])]


def known_variables() -> set[str]:
    """What the playbooks and roles read."""
    paths = [*(ROOT / "playbooks").rglob("*.*"), *(ROOT / "roles").rglob("*.yml")]
    return {name for path in paths for name in re.findall(r"\bconvox_\w+", path.read_text(encoding="utf-8"))}


def test_every_playbook_has_a_job_template() -> None:
    there = {f"playbooks/{path.name}" for path in (ROOT / "playbooks").glob("*.yml")}
    assert {each["playbook"] for each in templates().values()} == there


def test_surveys_ask_for_what_is_read_and_for_no_secret() -> None:
    for _name, question in surveys():
        assert question["variable"] in known_variables()
        # A question of type password would be an extra var, too.
        assert question["type"] in ("text", "integer", "multiplechoice")
        assert not re.search("key|password|secret|token|url", question["variable"])
        limits = {"choices"} if question["type"] == "multiplechoice" else {"min", "max"}
        assert limits | {"required", "question_name"} <= set(question)
        assert question.get("default", "") in question.get("choices", [question.get("default", "")])


def test_credentials_go_into_the_environment() -> None:
    """Secrets only there; and into no variable that makes one rack of a fleet."""
    for each in definitions()["awx_credential_types"]:
        assert set(each["injectors"]) <= {"env", "extra_vars"}
        assert "RACK_URL" not in each["injectors"]["env"]
        fields = {one["id"]: one for one in each["inputs"]["fields"]}
        secret = {name for name, one in fields.items() if one.get("secret")}
        assert secret == {name for name in fields if re.search("api_key|password|secret|session_token", name)}
        used = {kind: set(re.findall(r"\{\{ (\w+) \}\}", json.dumps(texts))) for kind, texts in each["injectors"].items()}
        assert used["env"] | used.get("extra_vars", set()) == set(fields)
        assert not used.get("extra_vars", set()) & secret


def test_what_is_not_filled_in_is_empty() -> None:
    environment, extra = injected({"Convox AWS role": {"region": "eu-west-1"}})
    assert (environment["AWS_DEFAULT_REGION"], environment["AWS_ROLE_ARN"], extra) == ("eu-west-1", "", {})


def configure(api: AwxApi, place: Path, *arguments: str, status: int = 0) -> str:
    """What awx/configure.yml does, by awx.awx, over HTTP."""
    environment = {**environment_in(place), "CONTROLLER_HOST": api.url, "CONTROLLER_OAUTH_TOKEN": "t" * 30}
    done = subprocess.run([str(PROGRAM), "awx/configure.yml", *arguments], cwd=place, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == status, done.stdout + done.stderr
    return " ".join((done.stdout + done.stderr).split())


@pytest.mark.awx_collection
def test_the_printed_commands_work_in_their_order(tmp_path: Path) -> None:
    """Types, then somebody makes credentials of them, then all the rest."""
    for name in ("awx", "playbooks"):
        shutil.copytree(ROOT / name, tmp_path / name)
    text = (ROOT / "docs" / "awx.md").read_text(encoding="utf-8")
    commands = re.findall(r"^\$ (.*)$", text, re.MULTILINE)
    (given,) = re.findall(r"```yaml\n(# platform.yml\n.*?)```", text, re.DOTALL)
    (tmp_path / "platform.yml").write_text(given, encoding="utf-8")
    known = yaml.safe_load(given)
    types, everything = (shlex.split(each)[2:] for each in commands if each.startswith("ansible-playbook awx/configure.yml"))
    (pushed,) = re.findall(r"podman push (\S+)", "\n".join(commands))
    assert f"ansible-builder build --tag {pushed})" in commands[0]
    assert pushed == known["awx_image"]
    with serving() as api:
        api.things["organizations"][2] = {"id": 2, "name": known["awx_organization"], "type": "organization"}
        configure(api, tmp_path, *types)
        assert set(api.things) == {"organizations", "credential_types"}
        assert "awx_inventory_credential: not given" in configure(api, tmp_path, status=2)
        kinds = api.by_name("credential_types")
        for name, kind in (("Our AWS", "Convox AWS role"), ("Our Console", "Convox Console"), ("Our inventory", "Convox inventory")):
            api.post(["credentials"], {"name": name, "credential_type": kinds[kind]["id"], "organization": 2})
        configure(api, tmp_path, *everything)
        credentials, (environment,) = api.by_name("credentials"), api.by_name("execution_environments").values()
        assert (environment["image"], environment["organization"]) == (pushed, 2)
        for each in api.by_name("job_templates").values():
            assert sorted(each["credentials"]) == sorted(credentials[name]["id"] for name in known["awx_credentials"])
        (source,) = api.by_name("inventory_sources").values()
        assert (source["credential"], source["execution_environment"]) == (credentials["Our inventory"]["id"], environment["id"])
        assert json.loads(source["source_vars"]) == {"CONVOX_AWS_REGIONS": ",".join(known["awx_inventory_regions"])}
        assert (ROOT / source["source_path"]).name == "racks_and_aws.convox.yml"


@pytest.mark.awx_collection
def test_all_of_it_is_created(tmp_path: Path) -> None:
    """A second time changes nothing of it."""
    shutil.copytree(ROOT / "awx", tmp_path / "awx")
    shutil.copytree(ROOT / "playbooks", tmp_path / "playbooks")
    with serving() as api:
        names = []
        api.post(["credentials"], {"name": "Our Console"})
        for _time in range(2):
            configure(api, tmp_path, "-e", "awx_inventory_credential='Our Console'")
            names.append({kind: sorted(api.by_name(kind)) for kind in api.things})
        assert names[0] == names[-1]
        known = definitions()
        types = api.by_name("credential_types")
        assert {name: each["injectors"] for name, each in types.items()} == {each["name"]: each["injectors"] for each in known["awx_credential_types"]}
        made = api.by_name("job_templates")
        assert {name: each["playbook"] for name, each in made.items()} == {each["name"]: each["playbook"] for each in known["awx_job_templates"]}
        assert made[SLICES]["job_slice_count"] == 3
        assert made[ROLL]["survey"]["spec"][0]["variable"] == "convox_serial"
        (inventory,) = api.by_name("inventories").values()
        assert json.loads(inventory["variables"]) == known["awx_inventory"]["variables"]
        (source,) = api.by_name("inventory_sources").values()
        assert (ROOT / source["source_path"]).exists()
        assert source["execution_environment"] == api.by_name("execution_environments")[known["awx_execution_environment"]["name"]]["id"]
        nodes = api.by_name("workflow_job_template_nodes")
        ids = {each["id"]: name for name, each in nodes.items()}
        order = ["audit-before", "canary", "slices", "audit-after"]
        assert {name: [ids[number] for number in each.get("success_nodes", [])] for name, each in nodes.items()} == {
            name: order[place + 1 : place + 2] for place, name in enumerate(order)
        }
        assert nodes["canary"]["limit"] == "convox_racks[0]"
        assert [nodes[name].get("extra_data", {}) for name in order] == [{"convox_fail_on": "never"}, {}, {}, {}]
        assert [each["enabled"] for each in api.by_name("schedules").values()] == [False, False]


def test_an_execution_environment_can_be_built(tmp_path: Path) -> None:
    """ansible-builder takes the definition, and the step that it makes of ours installs the artifact, of whatever release that is."""
    copy = tmp_path / "collection"
    for name in ("awx", "playbooks"):
        shutil.copytree(ROOT / name, copy / name)
    about = yaml.safe_load((ROOT / "galaxy.yml").read_text(encoding="utf-8"))
    (copy / "galaxy.yml").write_text(json.dumps({**about, "version": "7.8.9"}), encoding="utf-8")
    (copy / "README.md").touch()
    galaxy = str(PROGRAM.with_name("ansible-galaxy"))
    subprocess.run([galaxy, "collection", "build"], cwd=copy, env=environment_in(tmp_path), check=True, capture_output=True)
    create = [str(PROGRAM.with_name("ansible-builder")), "create", "-f", "execution-environment.yml", "-c", "context", "--output-filename", "Containerfile"]
    done = subprocess.run(create, cwd=copy / "awx", env=environment_in(tmp_path), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    context = copy / "awx" / "context"
    steps = (context / "Containerfile").read_text(encoding="utf-8")
    assert "FROM $EE_BASE_IMAGE" in steps
    assert "ca-certificates" in (context / "_build" / "bindep.txt").read_text(encoding="utf-8")
    (install,) = (line[4:] for line in steps.splitlines() if "artifacts/" in line)
    # Where ansible-builder's own step puts the others, and where later stages look.
    place = "/usr/share/ansible/collections"
    assert steps.index(f'-r requirements.yml --collections-path "{place}"') < steps.index(install) < steps.index("COPY --from=galaxy")
    assert f'--collections-path "{place}"' in install
    environment = {**environment_in(tmp_path), "PATH": f"{PROGRAM.parent}:{os.environ['PATH']}"}
    subprocess.run(["sh", "-c", install.replace(place, str(tmp_path / "there"))], cwd=context / "_build", env=environment, check=True, capture_output=True)
    there = tmp_path / "there" / "ansible_collections" / "convox" / "credentials" / "MANIFEST.json"
    assert json.loads(there.read_text(encoding="utf-8"))["collection_info"]["version"] == "7.8.9"


# -- jobs ---------------------------------------------------------------------------------------------------------
@pytest.fixture
def awx(machine: Machine, console: Console) -> Awx:
    """Without racks; with credentials for AWS and the Console."""
    credentials = {
        "Convox AWS role": {"region": "us-east-1", "access_key": "standin", "secret_key": "standin"},
        "Convox Console": {"host": console.host, "email": console.email, "api_key": console.api_key, "account_password": console.password},
    }
    return Awx(machine, [], credentials)


def vault(awx: Awx, region: str = "us-east-1") -> Any:
    """AWS Secrets Manager."""
    return boto3.client(
        "secretsmanager", region_name=region, endpoint_url=awx.machine.convox.aws_url, aws_access_key_id="standin", aws_secret_access_key="standin"
    )


def keep(awx: Awx, *racks: Rack) -> None:
    """Have AWS Secrets Manager hold the racks' keys, as whoever begins with AWX puts them there."""
    for rack in racks:
        vault(awx).create_secret(Name=f"convox/{rack.rack_domain.replace(':', '_')}", SecretString=json.dumps({"host": rack.host, "api_key": rack.key}))
    awx.racks += racks


def rolled_once(awx: Awx) -> None:
    """Every rack has one new key, and the store has it."""
    assert [times_set(rack) for rack in awx.racks] == [1] * len(awx.racks)
    for rack in awx.racks:
        (record,) = awx.machine.records("rack_api_key", rack.rack_domain)
        assert record["current"] == in_force(rack) == rack.key


ROLLS_CONSOLE = ("Convox: roll the Console API key", "Convox: roll all")
ROLLS_RACKS = (ROLL, SLICES, "Convox: roll all", LEAK)
ROLLS_INSTANCES = ("Convox: roll instance keys", "Convox: roll all", LEAK)


@pytest.mark.parametrize("name", templates())
def test_each_job_template_does_its_work(awx: Awx, console: Console, new_rack: NewRack, name: str) -> None:
    """With the keys of its credentials, and once more with what the store has."""
    rack = new_rack()
    awx.racks = [rack]
    awx.credentials["Convox Rack"] = {"host": rack.host, "api_key": rack.key}
    # AWX's credential holds it.
    awx.machine.unknowable = {rack.key}
    before = console.api_key
    survey = {"convox_leaked": "rack_key", "convox_hosts": "convox_racks"} if name == LEAK else {}
    awx.run(name, **survey)
    assert (console.api_key != before) == (name in ROLLS_CONSOLE)
    assert times_set(rack) == (name in ROLLS_RACKS)
    assert bool(rack.parameters["Key"]) == (name in ROLLS_INSTANCES)


# -- on the inventory that is shipped -----------------------------------------------------------------------------
def test_a_leak_where_the_console_has_the_racks(awx: Awx, console: Console, new_rack: NewRack) -> None:
    """The Console is a URL in the credential; a rack that it holds is rolled once the survey says so, and the next job goes on from the record."""
    rack = new_rack(console=True)
    awx.racks = [rack]
    inventory_source_has(awx, console, host=f"HTTPS://{console.host}/")
    record = awx.machine.inputs / "incident.json"
    survey: dict[str, Any] = {"convox_leaked": "rack_key", "convox_hosts": "convox_racks", "convox_rotation_id": "i7", "convox_incident_path": str(record)}
    former = rack.key
    for _time in range(2):
        ended = awx.run(LEAK, convox_console_sync="none", **survey)
        assert f"All that leaked is refused, or on no instance any more. The record is in {record}" in ended.words
        told = ended.artifacts["convox_incident"]
        assert (told["leaked"], told["rotation_id"], told["not_proven"], "racks" in told) == ("rack_key", "i7", [], False)
    assert former not in rack.accepted_keys
    rolled_once(awx)


def inventory_source_has(awx: Awx, console: Console, regions: str = "", **values: str) -> str:
    """Update the inventory with what the job's credentials hold, as one credential."""
    awx.credentials["Convox Console"].update(values)
    there = {**awx.credentials["Convox Console"], **awx.credentials["Convox AWS role"]}
    type_name = "Convox inventory" if regions else "Convox Console"
    (fields,) = ({one["id"] for one in each["inputs"]["fields"]} for each in definitions()["awx_credential_types"] if each["name"] == type_name)
    return awx.update_inventory(type_name, {name: value for name, value in there.items() if name in fields}, regions)


def test_racks_of_several_regions_are_rolled_again(awx: Awx, console: Console, new_rack: NewRack) -> None:
    """Once the Console's copies are dead, the stacks say which keys are theirs, each in its region."""
    awx.racks = [new_rack(console=True), new_rack(console=True, region="eu-west-1")]
    for number in (1, 2):
        told = inventory_source_has(awx, console, "us-east-1,eu-west-1")
        assert told.count("is kept out of the inventory") == (0 if number == 1 else 2)
        awx.run(ROLL, convox_console_sync="none", convox_serial="100%")
        assert [times_set(rack) for rack in awx.racks] == [number, number]
    for rack in awx.racks:
        kept = vault(awx, rack.spec.region).get_secret_value(SecretId=f"convox/{rack.rack_domain.replace(':', '_')}", VersionStage="AWSCURRENT")
        assert json.loads(kept["SecretString"])["api_key"] == in_force(rack) == rack.key


def test_the_next_job_finds_the_key_in_the_store(awx: Awx, new_rack: NewRack) -> None:
    rack = new_rack()
    awx.racks = [rack]
    awx.credentials["Convox Rack"] = {"host": rack.host, "api_key": rack.key}
    awx.run(ROLL)
    awx.run(ROLL)
    assert times_set(rack) == 2
    assert "left as it is" in awx.run(ROLL, convox_max_age="1d").words


def test_a_job_on_another_node(awx: Awx, new_rack: NewRack) -> None:
    keep(awx, new_rack())
    with awx.job(ROLL) as job:
        ended = job.through_mesh()
    assert "committed, activated by ecs, old key refused" in ended.words
    rolled_once(awx)


def test_a_job_says_what_it_waits_for(awx: Awx, new_rack: NewRack) -> None:
    """At least every 15 seconds, in its events."""
    keep(awx, new_rack(update_seconds=18.0))
    ended = awx.run(ROLL)
    told = [each for each in ended.events if re.match(r"Waiting for|\[0:", each["stdout"])]
    assert any("applied, waiting for the stack (UPDATE_IN_PROGRESS)" in each["stdout"] for each in told)
    # Up to what is said after the last of them.
    told.append(next(each for each in ended.events[ended.events.index(told[-1]) + 1 :] if each["stdout"]))
    times = [datetime.datetime.fromisoformat(each["created"]).timestamp() for each in told]
    assert times[-1] - times[0] > 15
    assert max(after - before for before, after in zip(times, times[1:])) <= 15


# -- the workflow -------------------------------------------------------------------------------------------------
def slices_of(awx: Awx, artifacts: dict[str, Any], workflow: int) -> list[Any]:
    """Three of three jobs: a workflow of its own, as AWX makes one. The survey of the outer one was not answered."""
    extra = {**artifacts, "awx_workflow_job_id": workflow, "tower_workflow_job_id": workflow, "convox_rotation_id": ""}
    return [awx.job(SLICES, part=(number, 3), extra=extra, convox_serial="100%") for number in (1, 2, 3)]


def canary(awx: Awx) -> dict[str, Any]:
    """What the job before the slices leaves to them."""
    (step,) = (each for each in definitions()["awx_workflow_steps"] if each["identifier"] == "canary")
    ended = awx.run(step["template"], limit=step["limit"], extra={"awx_workflow_job_id": 5, "tower_workflow_job_id": 5})
    assert ended.artifacts == {"convox_workflow_rotation_id": "awx-workflow-5"}
    assert sum(times_set(rack) for rack in awx.racks) == 1
    return ended.artifacts


def test_slices_do_each_its_part(awx: Awx, new_rack: NewRack) -> None:
    """One of them is killed in the middle, and run again."""
    keep(awx, *(new_rack(update_seconds=1.0) for _number in range(7)))
    artifacts = canary(awx)
    mine = sorted(awx.racks, key=lambda rack: rack.name)[1::3]
    with contextlib.ExitStack() as stack:
        jobs = [stack.enter_context(each).begin() for each in slices_of(awx, artifacts, 7)]
        wait_until(lambda: any(times_set(rack) for rack in mine))
        jobs[1].kill()
        ended = [job.end() for job in (jobs[0], jobs[2])]
    assert [each.status for each in ended] == [0, 0], [each.output for each in ended]
    assert not list(awx.machine.root.glob("job*"))
    # AWX starts it again as it was; the slices' workflow is another one then.
    with slices_of(awx, artifacts, 9)[1] as job:
        assert job.end().status == 0
    rolled_once(awx)


@pytest.mark.parametrize("moment", ["sent", "committed"])
def test_a_killed_job_is_finished_by_the_next(awx: Awx, new_rack: NewRack, moment: str) -> None:
    keep(awx, new_rack(update_seconds=1.0), new_rack(update_seconds=4.0))
    first = awx.racks[0]
    former = first.key
    with awx.job(ROLL, convox_rotation_id="q4", convox_serial="1,100%") as job:
        job.begin()
        wait_until(lambda: times_set(first) == 1 if moment == "sent" else times_set(awx.racks[1]) == 1)
        job.kill()
    assert former in awx.machine.held_keys() or first.accepted_keys == {first.key}
    awx.run(ROLL, convox_rotation_id="q4")
    rolled_once(awx)


def test_the_audits_of_the_workflow(awx: Awx, new_rack: NewRack) -> None:
    """The first does not end it, whatever it finds; the last says what was mended, and fails where something is left."""
    keep(awx, new_rack(), new_rack())
    latent = awx.racks[0]
    latent.set_password("L" * 30)
    latent.wait_at_rest()
    awx.hosts = {rack.name: {"convox_host": rack.host, "convox_region": rack.region, "convox_stack_name": rack.name} for rack in awx.racks}
    report = awx.machine.inputs / "audit.json"
    steps = {each["identifier"]: each for each in definitions()["awx_workflow_steps"]}
    template = steps["audit-before"]["template"]

    ended = awx.run(template, status=2, convox_dest=str(report))
    assert "The policy is broken (fail_on: high) by open findings: 1 critical." in ended.words
    before = awx.run(template, convox_dest=str(report), extra=steps["audit-before"]["extra_data"])
    told = before.artifacts["convox_audit"]
    assert (told["summary"]["by_severity"]["critical"], told["report"], told["findings"][0]["id"]) == (1, str(report), "rack_key_latent")
    assert "Report: " + str(report.with_suffix(".html")) in before.words

    awx.run(ROLL, convox_serial="100%")
    after = awx.run(steps["audit-after"]["template"], extra=before.artifacts, convox_dest=str(report), convox_fail_on="high")
    # The latent key, and the other one's age.
    assert after.artifacts["convox_audit"]["changes"] == {"new": 0, "open": len(told_open(after)), "mended": 2, "unknown": 0}
    assert "rack_key_latent" not in told_open(after)


def told_open(ended: Any) -> list[str]:
    """The ids of the open findings that a job leaves as its artifact."""
    return [each["id"] for each in ended.artifacts["convox_audit"]["findings"]]
