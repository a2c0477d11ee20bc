# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventory plugin in a real ansible-inventory, and in the playbooks that work on it."""
from __future__ import annotations

import json
import re
import statistics
import subprocess
import time
from typing import TYPE_CHECKING, Any

import pytest
import requests
import yaml

from tests.integration.ansible import PATIENCE_S, PROGRAM
from tests.integration.leaks import find_leaks
from tests.leaks import found_in
from tests.measured import MEASURED
from tests.standin.accounts import RackRecord
from tests.standin.stacks import forget_stacks, make_stack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.integration.conftest import NewRack
    from tests.integration.machine import Machine
    from tests.standin.console import Console

PLUGIN = "convox.credentials.racks"
HERE = {"regions": ["us-east-1"]}
# What every stack of the tests holds beside its key.
ALWAYS_SECRET = ["proxy-secret", "password-of-"]


class Inventory:
    """A file for the plugin, on somebody's machine."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.path = machine.inputs / "fleet.convox.yml"
        self.options: dict[str, Any] = {"plugin": PLUGIN, "ca_path": machine.convox.ca_path}
        self.output = self.warnings = ""

    def run(self, *arguments: str, program: str = "ansible-inventory", source: Path | None = None, status: int = 0, **environment: str) -> str:
        """Returns what is on standard output; the rest, as one line, is in ``warnings``."""
        self.path.write_text(yaml.safe_dump(self.options), encoding="utf-8")
        ended = subprocess.run(
            [str(PROGRAM.with_name(program)), "-i", str(source or self.path), *arguments],
            cwd=self.machine.inputs,
            env={**self.machine.variables(), "ANSIBLE_NOCOLOR": "1", "ANSIBLE_LOCALHOST_WARNING": "0", **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        self.output, self.warnings = ended.stdout, " ".join(ended.stderr.split())
        everything = self.output + ended.stderr
        assert ended.returncode == status, everything
        assert "Traceback" not in everything.replace("Traceback (most recent call last)", "") or "-vvvv" in arguments, everything
        assert "deprecat" not in everything.lower(), everything
        assert find_leaks(self.machine, everything) == []
        assert found_in(everything, ALWAYS_SECRET) == []
        return self.output

    def hosts(self, *arguments: str, source: Path | None = None) -> dict[str, dict[str, Any]]:
        """Each host's variables."""
        output = self.run("--list", *arguments, source=source)
        self.listed = json.loads(output[output.index("{\n") :])
        return self.listed["_meta"]["hostvars"]

    def group(self, name: str) -> list[str]:
        return sorted(self.listed.get(name, {}).get("hosts", []))

    def asked(self) -> list[str]:
        """Of whom and what, so far."""
        return [f"{each['server']} {each['path']}" for each in self.machine.convox.journal.entries()]


@pytest.fixture
def inventory(machine: Machine, console: Console) -> Iterator[Inventory]:
    """Of somebody who is logged into the Console."""
    machine.log_in(console.host, console.api_key)
    machine.write(machine.config / "host", console.host)
    yield Inventory(machine)
    machine.convox.clear_faults()
    machine.convox.cloud.accounts.clear()
    forget_stacks(machine.convox)
    console.records[:] = [each for each in console.records if each.hostname != "nowhere.example.com"]


def record(console: Console, name: str, organization: str = "acme") -> None:
    console.records.append(RackRecord(organization, name, "nowhere.example.com", "k" * 30))


def answers(console: Console, value: Any) -> None:
    console.fault("status", status=200, body=json.dumps(value), content_type="application/json", path="^/racks$")


def test_a_console(inventory: Inventory, console: Console, new_rack: NewRack) -> None:
    rack = new_rack(console=True)
    record(console, "web", "big-corp")
    hosts = inventory.hosts("-vvvv")
    shared = {
        "ansible_connection": "local",
        "ansible_python_interpreter": "{{ ansible_playbook_python }}",
        "convox_ca_path": console_ca(inventory),
        "convox_console": console.host,
        "convox_host": console.host,
        "convox_provider": "aws",
    }
    assert hosts == {
        f"acme.{rack.name}": {
            **shared, "convox_rack": f"acme/{rack.name}", "convox_name": rack.name, "convox_organization": "acme", "convox_status": "running"
        },
        "big-corp.web": {**shared, "convox_rack": "big-corp/web", "convox_name": "web", "convox_organization": "big-corp", "convox_status": "unknown"},
    }  # fmt: skip
    both = sorted(hosts)
    assert (inventory.group("convox_racks"), inventory.group("provider_aws")) == (both, both)
    assert (inventory.group("organization_big_corp"), inventory.group("status_running")) == (both[1:], both[:1])
    assert "convox_racks" in inventory.listed["all"]["children"]


def console_ca(inventory: Inventory) -> str:
    return str(inventory.options["ca_path"])


def test_both_and_whatever_is_wrong_with_some(inventory: Inventory, console: Console, new_rack: NewRack) -> None:
    """One run, and a line for each that is not there."""
    machine = inventory.machine
    joined, alone = new_rack(console=True, parameters={"Development": "Yes"}), new_rack(region="eu-west-1")
    stale = new_rack(console=True, console_key="stale" * 6)
    make_stack(machine.convox, "web", account="210987654321")
    make_stack(machine.convox, "web", "eu-west-1", account="210987654321")
    make_stack(machine.convox, "db", account="210987654321")
    make_stack(machine.convox, "db", "eu-west-1", account="210987654321")
    make_stack(machine.convox, "half-made", Domain="x")
    machine.convox.cloud.accounts["two"] = "210987654321"
    credentials = "".join(f"[{name}]\naws_access_key_id = {name}\naws_secret_access_key = secret-of-{name}\n" for name in ("one", "two"))
    machine.write(machine.home / ".aws" / "credentials", credentials)
    machine.convox.aws_faults.add(action="cloudformation:DescribeStacks", signed_for="two/20", skip=2, error="AccessDenied", times=None)
    record(console, "{{ lookup('pipe','touch pwned') }}")
    record(console, "web")
    inventory.options["host"] = console.host
    inventory.options["aws"] = [
        {"profile": "one", "regions": ["us-east-1", "eu-west-1"]},
        {"profile": "two", "regions": ["us-east-1", "eu-west-1", "ap-south-1"]},
    ]
    # The third question of this profile is denied, whichever it is: of one region at most the racks are missing.
    hosts = inventory.hosts()
    account = machine.convox.cloud.account
    assert {f"acme.{joined.name}", f"{account}.eu-west-1.{alone.name}", f"{account}.us-east-1.{stale.name}"} <= set(hosts)
    elsewhere = [name for name in hosts if name.startswith("210987654321.")]
    assert elsewhere
    # Nobody answers for acme/web: that it has a stack's name makes it a rack to be asked, and the stack one that it can be.
    assert {name.rpartition(".")[2] for name in elsewhere} == {"db"}
    assert hosts[f"acme.{joined.name}"] == {
        **hosts[f"acme.{joined.name}"],
        "convox_host": console.host,
        "convox_rack": f"acme/{joined.name}",
        "convox_stack_name": joined.name,
        "convox_region": "us-east-1",
        "convox_profile": "one",
        "convox_domain": joined.host,
        "convox_account": account,
        "convox_version": joined.version,
        "convox_generation": "v2",
    }
    assert hosts[f"{account}.eu-west-1.{alone.name}"]["convox_host"] == alone.host
    assert "convox_rack" not in hosts[f"{account}.eu-west-1.{alone.name}"]
    for words in (
        f"the rack acme/{stale.name} is kept out of the inventory: ",
        "the stack 'half-made' is kept out of the inventory: it has no output RackDomain",
        "its name is none that Convox gives",
        "by profile two: AWS denies cloudformation:DescribeStacks",
    ):
        assert words in inventory.warnings
    assert "the rack acme/web is kept out of the inventory: " in inventory.warnings
    assert inventory.warnings.count("is kept out of the inventory") == 4 + len(elsewhere)
    assert inventory.warnings.count("/web is kept out of the inventory: it can be a rack that the Console holds") == len(elsewhere)
    assert not list(machine.root.rglob("pwned"))


def test_groups_variables_filters_and_names(inventory: Inventory, console: Console, new_rack: NewRack) -> None:
    for name, organization in (("web-prod", "acme"), ("web-dev", "acme"), ("api-prod", "umbrella")):
        record(console, name, organization)
    inventory.options.update(
        hostname="name",
        filters={"include": [{"name": "{{ 'web' }}-*"}, {"organization": ["umb*"]}], "exclude": [{"name": "*-dev"}]},
        keyed_groups=[{"key": "convox_name.split('-') | first", "prefix": "team"}, {"key": "tier", "separator": ""}],
        groups={"productive": "'prod' in convox_name", "never": "nowhere"},
        compose={"tier": "convox_organization ~ '_tier'", "broken": "nowhere.at.all"},
    )
    hosts = inventory.hosts()
    assert sorted(hosts) == inventory.group("productive") == ["api-prod", "web-prod"]
    assert (inventory.group("team_web"), inventory.group("acme_tier")) == (["web-prod"], ["web-prod"])
    assert "acme_tier" in str(hosts["web-prod"]["tier"]), "Ansible shows what comes out of a template as unsafe"
    assert "broken" not in hosts["web-prod"]
    inventory.options["strict"] = True
    inventory.run("--list")
    assert "Could not set broken for host" in inventory.warnings


def test_what_is_cached(inventory: Inventory, console: Console, new_rack: NewRack) -> None:
    """Racks and reports, once every source has answered; nothing secret."""
    place = inventory.machine.root / "cache"
    new_rack(console=True)
    make_stack(inventory.machine.convox, "web")
    record(console, "two words")
    inventory.options.update(
        aws=[HERE], host=console.host, endpoint_url=inventory.machine.convox.aws_url.replace("//", "//user:endpoint-password@"),
        cache=True, cache_plugin="ansible.builtin.jsonfile", cache_connection=str(place),
    )  # fmt: skip
    inventory.machine.typed.add("endpoint-password")
    inventory.machine.convox.aws_faults.add(action="cloudformation:*", error="AccessDenied", times=1)
    assert len(inventory.hosts()) == 1
    assert list(place.glob("*")) == [], "half an answer is asked for again"
    first = inventory.hosts()
    assert len(first) == 2
    asked = inventory.asked()
    inventory.options["hostname"] = "name"
    again = inventory.hosts()
    assert sorted(map(str, again.values())) == sorted(map(str, first.values()))
    assert set(again) != set(first), "names are none of the answer"
    assert "'acme/two words' is kept out" in inventory.warnings
    assert inventory.asked() == asked
    # That no secret is in it is seen to for each file that a test leaves.
    (kept,) = place.glob("*")
    assert found_in(kept.read_bytes(), [*ALWAYS_SECRET, console.api_key]) == []
    inventory.options["aws"] = []
    assert len(inventory.hosts()) == 1, "another question"
    inventory.run("convox.credentials.rotate_rack_keys", "--list-hosts", "--flush-cache", program="ansible-playbook")
    assert len(inventory.asked()) == len(asked) + 2


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"regions": ["us-east-1"], "apikey": "sesame-" * 4}, "there is no option apikey, regions; see ansible-doc"),
        ({"api_key": {"key": "sesame-" * 4}, "config_dir": "/nowhere"}, "api_key: it is no text"),
        ({"api_key": "sesame-" * 4, "config_dir": "/nowhere"}, "every known key is refused"),
        ({"host": "https://user:" + "sesame-" * 4 + "@console"}, "host: it holds credentials"),
        ({"aws": [{"region": "us-east-1"}]}, "region. Supported parameters include: profile, regions"),
        ({"aws": "us-east-1"}, ""),
        ({"filters": {"include": [{"colour": "red"}]}}, "a rack has no 'colour'; it has name, organization, "),
        ({"hostname": "short"}, "hostname"),
        ({"timeout": 0}, "timeout: 0; it must be 1 to 3600"),
        ({"console": False}, "there is nobody to be asked"),
        ({"ca_path": "/nowhere"}, "ca_path: /nowhere: No such file or directory; name a file of certificates"),
        ({"api_key": "{{ nowhere }}"}, "api_key: 'nowhere' is undefined"),
    ],
    ids=range(12),
)
def test_bad_options(inventory: Inventory, console: Console, options: dict[str, Any], words: str) -> None:
    """They are told, and no secret with them, however much Ansible says."""
    inventory.machine.typed.add("sesame-" * 4)
    inventory.options.update({"host": console.host, **options})
    inventory.run("--list", "-vvvv", status=1, ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED="1")
    assert words in " ".join((inventory.output + inventory.warnings).split())
    assert "internal error" not in inventory.output + inventory.warnings


def test_another_rack_of_that_name(inventory: Inventory, console: Console) -> None:
    """Of another file, as another Console's."""
    record(console, "web")
    record(console, "api")
    both = inventory.machine.inputs / "both"
    both.mkdir()
    (both / "a.yml").write_text(yaml.safe_dump({"convox_racks": {"hosts": {"acme.web": {"convox_host": "other.example.com"}}}}), encoding="utf-8")
    inventory.path = both / "b.convox.yml"
    hosts = inventory.hosts(source=both)
    assert (hosts["acme.web"]["convox_host"], hosts["acme.api"]["convox_host"]) == ("other.example.com", console.host)
    assert "acme.web is kept out: another inventory source" in inventory.warnings


def test_racks_are_rolled_without_any_glue(inventory: Inventory, console: Console, new_rack: NewRack) -> None:
    """One that AWS alone knows is reached at its domain, one that a Console knows through it."""
    direct, through = new_rack(region="eu-west-1"), new_rack(console=True)
    inventory.machine.log_in(direct.host, direct.key)
    inventory.options.update(host=console.host, aws=[{"regions": ["us-east-1", "eu-west-1"]}])
    inventory.options["compose"] = {"convox_confirm_period": "0", "convox_confirm_interval": "0"}
    name = f"{inventory.machine.convox.cloud.account}.eu-west-1.{direct.name}"
    # As every rack that a Console holds, the other one is refused unless told otherwise: its copy of the key would be dead.
    output = inventory.run("convox.credentials.rotate_rack_keys", "-e", "convox_serial=100%", program="ansible-playbook", status=2)
    assert re.search(rf"{name}: rolled, \w+ -> \w+, committed, activated by ecs, old key refused", " ".join(output.split()))
    assert f"is held by the Console {console.host} as acme/{through.name}" in " ".join(output.split())
    direct.wait_at_rest()
    assert direct.accepted_keys == {inventory.machine.auth()[direct.host]}
    through.wait_at_rest()
    assert through.accepted_keys == {through.key} == {*through.stack.keys_seen}
    # The other way to it, as whoever has the rack's own key may go.
    inventory.options["through_console"] = False
    inventory.machine.log_in(through.host, through.key)
    arguments = ["convox.credentials.rotate_rack_keys", "--limit", f"acme.{through.name}", "-e", "convox_console_sync=none"]
    output = inventory.run(*arguments, program="ansible-playbook")
    assert re.search(r"rolled, \w+ -> \w+, committed, activated by ecs, old key refused, Console has the old key", " ".join(output.split()))
    through.wait_at_rest()
    assert through.accepted_keys == {inventory.machine.auth()[through.host]}


ROLL = ["convox.credentials.rotate_rack_keys", "-e", "convox_serial=100%"]


def test_nothing_is_rolled_behind_a_silent_console(inventory: Inventory, console: Console, new_rack: NewRack) -> None:
    """As under AWX, where no file of the CLI's names a Console: what AWS alone knows must not be what the Console holds."""
    machine = inventory.machine
    held = new_rack(console=True)
    (machine.config / "host").unlink()
    machine.log_in(held.host, held.key)
    inventory.options.update(host=console.host, api_key=console.api_key, aws=[HERE])
    # One rack is silent, then the Console.
    console.fault("status", status=502, body="could not reach rack\n", path="^/system$", times=None)
    inventory.run(*ROLL, program="ansible-playbook", status=2)
    assert inventory.warnings.count("is kept out of the inventory") == 2
    console.faults.clear()
    console.fault("status", status=502, body="bad gateway\n", path="^/racks$", times=None)
    inventory.run(*ROLL, program="ansible-playbook", status=2)
    assert "AWS can't tell which racks that Console holds" in inventory.warnings
    inventory.run("--list", status=1, ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED="1")
    assert held.accepted_keys == {held.key}
    assert held.stack.password_updates == []
    # Whoever knows what that means may say so.
    console.faults.clear()
    inventory.options.update(host=None, api_key=None, console=False)
    assert list(inventory.hosts()) == [f"{machine.convox.cloud.account}.us-east-1.{held.name}"]


def test_a_record_that_is_being_renewed_is_the_rack_of_its_stack(inventory: Inventory, console: Console, new_rack: NewRack) -> None:
    """A run was cut short between the import beside and the removal: one rack, of which the old record is dead."""
    held = new_rack(console=True)
    inventory.options.update(host=console.host, api_key=console.api_key, aws=[HERE])
    assert list(inventory.hosts()) == [f"acme.{held.name}"]
    (old,) = [each for each in console.records if each.name == held.name]
    old.key = "dead" * 8
    console.records.append(RackRecord("acme", f"{held.name}-new-key", held.host, held.key))
    hosts = inventory.hosts()
    assert list(hosts) == [f"acme.{held.name}-new-key"]
    (rack,) = hosts.values()
    assert (rack["convox_domain"], rack["convox_stack_name"]) == (held.host, held.name)


# -- how long it takes --------------------------------------------------------------------------------------------
MANY = 1000
# Over the bare request and the same command on a file of the same hosts.
ALLOWED_S = 1.0


def seconds(work: Callable[[], object]) -> float:
    begun = time.monotonic()
    work()
    return time.monotonic() - begun


@pytest.mark.alone
def test_a_thousand_racks(inventory: Inventory, console: Console, record_property: Callable[[str, object], None]) -> None:
    """``ansible-inventory --graph`` costs at most a second more than what can't be done without."""
    for number in range(MANY):
        record(console, f"web-{number}", f"team{number % 20}")
    assert len(inventory.hosts()) == MANY
    # Without variables, which make a file slower and the plugin's work no less.
    written = Inventory(inventory.machine)
    written.path = inventory.machine.inputs / "written.yml"
    written.options = {name: {"hosts": dict.fromkeys(group["hosts"])} for name, group in inventory.listed.items() if "hosts" in group}

    def request() -> None:
        reply = requests.get(f"{console.url}/racks", auth=("convox", console.api_key), verify=inventory.options["ca_path"], timeout=60)
        assert len(reply.json()) == MANY

    # In turn, for others may be at work on this machine.
    rounds = [[seconds(work) for work in (lambda: inventory.run("--graph"), lambda: written.run("--graph"), request)] for _number in range(3)]
    plugin, file, bare = map(statistics.median, zip(*rounds))
    said = f"ansible-inventory --graph of {MANY} racks: {plugin:.2f} s; the bare request {bare:.2f} s, from a YAML file {file:.2f} s"
    record_property(MEASURED, said)
    assert plugin <= bare + file + ALLOWED_S, said
