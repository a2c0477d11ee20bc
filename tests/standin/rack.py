# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One rack: its stack, its instances, its containers and its address, and how they hang together."""

from __future__ import annotations

import secrets
import threading
import time
from typing import TYPE_CHECKING, Any

from . import tls
from .containers import Image, Service
from .ecs import RestartRefused
from .faults import Faults
from .instances import InstanceGroup
from .life import Life
from .messages import Reply, Request
from .rack_api import RackApi
from .server import Connection, Dropped, Listener
from .spec import V3, RackSettings, RackSpec, change, generation_of, settings_of
from .stack import RackStack
from .template import REPLACES_INSTANCES, RESTARTS_API, key_is_a_secret, parameters, template
from .truth import rack_truth

if TYPE_CHECKING:
    from .cloud import Cloud
    from .containers import Container, Deployment
    from .journal import Journal

# One for all v2 racks of an account and region (3).
SIGNING_KEY = "convox-jwt-key"
# A v3 rack's parameters, and what of the stack that nobody sees plays them.
_VARIABLES = {"high_availability": "HighAvailability", "key_pair_name": "Key", "node_type": "InstanceType", "release": "Version"}


class Rack:
    """A rack that runs."""

    def __init__(self, spec: RackSpec, cloud: Cloud, authority: tls.Authority, journal: Journal) -> None:
        self.spec = spec
        self.name = spec.name
        self.region = spec.region
        self.settings: RackSettings = settings_of(RackSettings, spec)
        self.generation = generation_of(spec.version)
        # A v3 rack has Terraform's state in place of a stack; here it has a stack that nobody sees.
        self.has_stack = self.generation != V3
        # A v3 rack keeps a signing key of its own in its cluster; here it is where nobody looks for one.
        self._signing_name = SIGNING_KEY if self.has_stack else f"{spec.name}-jwt-key"
        self.life = Life()
        self.faults = Faults(self.life, self._refuse_for)
        self.listener = Listener(self._answer, self._admit)
        self.host = self.listener.address
        self.domain = spec.domain or self.host
        self.rack_domain = spec.rack_domain or self.host
        self.key_pair_in_settings: str | None = None
        # Of v3: what each keyroll told, by the pair's name.
        self.private_keys_told: dict[str, str] = {}
        self._cloud = cloud
        self._authority = authority
        self._journal = journal
        # Several may close and open the address at a time: one looks and acts after the other.
        self._door = threading.Lock()
        self._refused_for = 0
        self._carried: dict[str, str] = {}
        self._certificate = self._stable_certificate()
        self._api = RackApi(self)
        self._ensure_signing_key()
        self._make_key_pairs()
        self.stack = self._create_stack()
        self.instances = InstanceGroup(cloud, self.region, self.name, self.life, self.settings)
        self.instances.launch(int(self.parameters["InstanceCount"]), self.parameters)
        self.service = Service(self.life, self.settings, self.faults, self._image, self._desired)
        self.service.task_prefix = f"arn:aws:ecs:{self.region}:{cloud.account}:task/{self.cluster.name}"
        self.service.on_change = self._open_or_refuse
        self.service.begin()
        self.listener.listen()

    # What it is

    @property
    def url(self) -> str:
        """Its address with its key, as RACK_URL has it; the key is the one that the stack holds."""
        return f"https://convox:{self.key}@{self.host}"

    @property
    def key(self) -> str:
        """The key that the stack holds: not always one that a container accepts (3.2)."""
        return self.parameters["Password"]

    @property
    def version(self) -> str:
        """Its release."""
        return self.parameters["Version"]

    @property
    def parameters(self) -> dict[str, str]:
        """The stack's parameters, with nothing masked."""
        return self.stack.parameters

    @property
    def cluster(self) -> Any:
        """The ECS cluster."""
        return self.stack.physical("Cluster")

    @property
    def web(self) -> Any:
        """The ECS service of the API."""
        return self.stack.physical("ServiceWebApi")

    def status(self) -> str:
        """Its status in its own words, which is not to be trusted (3.1)."""
        return self._api.status()

    @property
    def accepted_keys(self) -> set[str]:
        """The keys that a request sent now may find accepted."""
        return {each.key for each in self.service.answering()}

    def carry(self, app: str, key: str) -> None:
        """An app was promoted: with RackUrl it has this key from now on."""
        self._carried[app] = key

    def carried_keys(self) -> dict[str, str]:
        """The key that each app with RackUrl has: that of its last promotion (3.2)."""
        return {
            each["name"]: self._carried.get(each["name"], self.spec.key)
            for each in self.settings.apps
            if each.get("parameters", {}).get("RackUrl") == "Yes"
        }

    def truth(self) -> dict[str, Any]:
        """What nobody could know from outside."""
        return rack_truth(self)

    # What others do to it

    def set(self, **values: Any) -> None:
        """Change settings while it runs; what takes its time just now takes the new one."""
        change(self.settings, values)
        self.life.look_again()

    def fault(self, action: str, **values: Any) -> None:
        """Let something go wrong; see faults.Fault."""
        self.faults.add(action=action, **values)

    def set_password(self, key: str) -> None:
        """Somebody else changes the stack's Password."""
        self.stack.change({"Password": key})

    def set_dates(
        self, *, key_days: float | None = None, pair_days: float | None = None, signing_key_days: float | None = None
    ) -> None:
        """As if SSM had its key and its region's signing key, and EC2 its present pair, as they are for so many days."""
        if key_days is not None:
            self._cloud.set_parameter_date(self.region, self.stack.secret_name, key_days)
        if signing_key_days is not None:
            self._cloud.set_parameter_date(self.region, self._signing_name, signing_key_days)
        if pair_days is not None:
            self._cloud.set_pair_date(self.region, self.parameters["Key"], pair_days)

    def restart(self, container: str | None = None) -> None:
        """Containers start anew unasked."""
        self.service.restart(container)

    def replace_instance(self, instance: str | None = None) -> None:
        """One instance fails, by default the one that the first container is on, and the group replaces it."""
        failing = self.instances.fail(instance or self.service.answering()[0].instance)
        self.life.spawn(self.instances.replace_failing, failing, self.parameters, self.service.evacuate)

    def wait_at_rest(self, seconds: float = 30.0) -> None:
        """Wait until stack, instances and containers have nothing more to do."""
        deadline = Life.deadline(seconds)
        while not self._at_rest():
            if deadline():
                raise TimeoutError(f"{self.name} is not at rest: {self.stack.status}")
            self.life.pause(0.005)

    def _at_rest(self) -> bool:
        busy = self.stack.status.endswith("IN_PROGRESS") or not self.instances.all_in_service()
        return not busy and self.service.quiet()

    def stop(self) -> None:
        """Close its address and end all that goes on."""
        self.life.stop()
        self.listener.close()

    def remove(self) -> None:
        """Stop, and leave nothing in AWS but what a rack leaves: the key pairs that it made."""
        self.stop()
        with self._cloud.lock:
            self._cloud.backend("ec2", self.region).key_pairs.pop(self.spec.key_pair, None)
            self._cloud.backend("cloudformation", self.region).stacks.pop(self.stack.stack_id, None)
            self.stack.delete()
            self.instances.end_all()

    # What Terraform does to a v3 rack (5)

    @property
    def variables(self) -> dict[str, str]:
        """The rack parameters of a v3 rack, in its own words."""
        return {name: self.parameters[ours] for name, ours in _VARIABLES.items() if self.parameters[ours]}

    def apply_terraform(self, values: dict[str, str]) -> None:
        """Set rack parameters, and have the nodes replaced that they concern; names that there are not are ignored."""
        self.stack.change({_VARIABLES[name]: value for name, value in values.items() if name in _VARIABLES})

    # What it does itself

    def update(self, values: dict[str, str]) -> None:
        """Update its own stack; it always sends more than it was asked for (3)."""
        self.stack.change({**self.settings.own_parameters, **values})

    def deploy(self, cause: str) -> Deployment:
        """Have ECS start the API's containers anew."""
        fault = self.faults.event("restart")
        if fault is not None:
            raise RestartRefused(fault.error, fault.message)
        return self.service.deploy(cause)

    def rotate_signing_key(self) -> None:
        """Store a new signing key first, and restart then: an error can still mean "changed" (3)."""
        self._cloud.put_parameter(self.region, self._signing_name, secrets.token_hex(32))
        self.deploy("jwt/rotate")

    def roll_key_pair(self) -> Any:
        """The three steps of a keyroll, of which only the last can be refused (3.3); on v3 there is the first alone (5)."""
        if not self.has_stack:
            pair = self._make_key_pair(f"{self.name}-keypair-{int(time.time())}")
            self.private_keys_told[pair.key_name] = pair.key_material
            return pair
        name = self.make_orphaned_pair()
        # The tags come from an unordered map: another order is another value, as was recorded.
        tags = ",".join(reversed(self.parameters["Tags"].split(",")))
        self.update({"Key": name, "Tags": tags})
        return None

    def make_orphaned_pair(self) -> str:
        """As a keyroll that found the stack busy: the pair is made, the settings have its private key, nothing names it (3.3)."""
        name = f"{self.name}-keypair-{1000 + secrets.randbelow(8999)}"
        self._make_key_pair(name)
        self.key_pair_in_settings = name
        return name

    def signing_key(self) -> Any:
        """The SSM parameter that has the signing key."""
        return self._cloud.parameter(self.region, self._signing_name)

    def secret(self) -> Any:
        """The SSM parameter that has the key, if this release has one (4.4)."""
        return self._cloud.parameter(self.region, self.stack.secret_name)

    def key_pairs(self) -> list[str]:
        """The account's key pairs that carry its name."""
        with self._cloud.lock:
            there = self._cloud.backend("ec2", self.region).key_pairs
            return [name for name in there if name.startswith(f"{self.name}-keypair-")]

    # How it hangs together

    def _create_stack(self) -> RackStack:
        stack = RackStack(
            self._cloud,
            self.region,
            self.life,
            self.settings,
            self.faults,
            name=self.name,
            template=template(self.spec, self.domain, self.rack_domain),
            parameters=parameters(self.spec),
            tags={"System": "convox", "Type": "rack", "Rack": self.name},
        )
        stack.carry_out = self._carry_out
        stack.create(visible=self.has_stack)
        return stack

    def _ensure_signing_key(self) -> None:
        with self._cloud.lock:
            if self.signing_key() is None:
                self._cloud.put_parameter(self.region, self._signing_name, secrets.token_hex(32))

    def _make_key_pair(self, name: str) -> Any:
        with self._cloud.lock:
            return self._cloud.backend("ec2", self.region).create_key_pair(name, "rsa", {})

    def _make_key_pairs(self) -> None:
        """The pairs that are there from the beginning: of former keyrolls, and the present one."""
        for number in range(self.spec.former_key_pairs):
            self._make_key_pair(f"{self.name}-keypair-{1000 + number}")
        if self.spec.key_pair:
            self._make_key_pair(self.spec.key_pair)
            self.key_pair_in_settings = self.spec.key_pair

    def _carry_out(self, before: dict[str, str], after: dict[str, str], broken_off: bool) -> None:
        """What CloudFormation brings about besides the values, in the time that it takes (3.2, 3.3)."""
        changed = {name for name in after if before.get(name) != after[name]}
        restarts = set(RESTARTS_API) if key_is_a_secret(after["Version"]) else {*RESTARTS_API, "Password"}
        if changed & restarts:
            self.service.deploy("stack update")
            self.life.wait_until(self.service.settled)
        count = int(after["InstanceCount"])
        if changed & set(REPLACES_INSTANCES) or self.settings.image_drift:
            self.settings.image_drift = False
            self.instances.replace(after, self.service.evacuate, count=count, only_first=broken_off)
        elif "InstanceCount" in changed:
            self.instances.scale(count, after, self.service.evacuate)

    def _desired(self) -> int:
        return 1 if self.parameters.get("HighAvailability") == "No" else 2

    def _image(self) -> Image:
        secret = self.secret() if key_is_a_secret(self.version) else None
        return Image(
            key=self.key if secret is None else secret.value,
            signing_key=self.signing_key().value,
            task_definition=self.stack.physical("ApiWebTasks").arn,
            tls=tls.api_certificate() if self.spec.certificate == "api" else None,
            instance=self.instances.place(),
        )

    def _stable_certificate(self) -> Any:
        if self.spec.certificate == "self_signed":
            return tls.self_signed(f"{self.name}.stand-in.invalid", days=self.spec.certificate_days)
        named = self.spec.rack_domain.partition(":")[0]
        return self._authority.context("" if named in tls.LOOPBACK_NAMES else named, self.spec.certificate_days)

    # Its address

    def _admit(self, connection: Connection) -> None:
        container = self._assign(connection)
        connection.tls = (container.tls if container else None) or self._certificate

    def _assign(self, connection: Connection) -> Container | None:
        container = self.service.next()
        if container is None and self.settings.outage == "refuse":
            raise Dropped
        connection.guest = container
        if container is not None:
            self.service.attach(connection, container)
        return container

    def _answering(self, connection: Connection) -> Container | None:
        """The container of a connection; a new connection whose container stopped meanwhile gets another."""
        container: Container | None = connection.guest
        if self.settings.balance_requests and connection.requests > 1 and container is not None and container.tls is None:
            return self.service.next()
        if container is None or container.state != "stopped":
            return container
        if connection.requests > 1 or container.tls is not None:
            raise Dropped
        return self._assign(connection)

    def _answer(self, request: Request) -> Reply:
        container = self._answering(request.connection)
        return self._journal.watch(
            f"rack {self.name}",
            request,
            lambda: self.faults.around(request, request.path, lambda: self._reply(request, container)),
            container=container.id if container else None,
        )

    def _reply(self, request: Request, container: Container | None) -> Reply:
        if container is None:
            status = int(self.settings.outage) if self.settings.outage.isdigit() else 503
            return Reply.text("Bad Gateway\n" if status == 502 else "Service Unavailable\n", status)
        return self._api.answer(request, container)

    def _open_or_refuse(self) -> None:
        if self.life.over:
            return
        with self._door:
            away = self.settings.outage == "refuse" and not self.service.answering()
            if away or self._refused_for:
                self.listener.refuse()
            else:
                self.listener.listen()

    def _refuse_for(self, seconds: float) -> None:
        with self._door:
            self._refused_for += 1
        self._open_or_refuse()
        self.life.spawn(self._answer_again, seconds)

    def _answer_again(self, seconds: float) -> None:
        self.life.pause(seconds)
        with self._door:
            self._refused_for -= 1
        self._open_or_refuse()
