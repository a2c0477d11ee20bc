# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The racks, each with what was done to it. The name of a function is the rack's."""
from __future__ import annotations

import hashlib
import json
import ssl
from typing import Callable

from ansible_collections.convox.credentials.plugins.module_utils import ledger
from ansible_collections.convox.credentials.plugins.module_utils.keys import fingerprint
from ansible_collections.convox.credentials.plugins.module_utils.records import INSTANCE_KEY, RACK_API_KEY, Pending, Record
from ansible_collections.convox.credentials.plugins.module_utils.store_file import FileStore
from tests.audit_fleet.fleet import ELSEWHERE, THERE, Fleet, ago
from tests.standin.accounts import RackRecord
from tests.standin.rack import Rack

CLASSIC = "20221208145355"
RACKS: list[Callable[[Fleet, str], None]] = []


def rack(make: Callable[[Fleet, str], None]) -> Callable[[Fleet, str], None]:
    RACKS.append(make)
    return make


def make_racks(fleet: Fleet) -> None:
    for make in RACKS:
        make(fleet, make.__name__.replace("_", "-"))


# -- in order -----------------------------------------------------------------------------------------------------
@rack
def clean_store(fleet: Fleet, name: str) -> None:
    fleet.note(fleet.rack(name))


@rack
def clean_ledger(fleet: Fleet, name: str) -> None:
    """Nobody but the ledger knows when its key was rolled."""
    rack = fleet.rack(name)
    fleet.log_in(rack.host, rack.key)
    write_line(fleet, rack)


@rack
def clean_vault(fleet: Fleet, name: str) -> None:
    """EC2 still lists an instance that was on a former pair."""
    rack = fleet.rack(name)
    fleet.note_in_vault(rack)
    former = rack.instances.members()[0].id
    rack.instances.set_pair(former, f"{name}-keypair-4000")
    rack.replace_instance(former)
    rack.wait_at_rest()


@rack
def clean_file(fleet: Fleet, name: str) -> None:
    fleet.note(fleet.rack(name, region=THERE), path=fleet.store)


@rack
def clean_alias(fleet: Fleet, name: str) -> None:
    """One rack by two names: it shares its key with nobody."""
    rack = fleet.rack(name)
    fleet.note(rack)
    for host in (rack.host, f"localhost:{rack.listener.port}"):
        fleet.log_in(host, rack.key)


@rack
def clean_pinned(fleet: Fleet, name: str) -> None:
    rack = fleet.rack(name, certificate="self_signed")
    fleet.note(rack)
    pin(fleet, rack, certificate_of(rack))


@rack
def clean_classic(fleet: Fleet, name: str) -> None:
    """Of a release that has no parameter in SSM."""
    fleet.note(fleet.rack(name, version=CLASSIC, region=THERE))


@rack
def clean_restarted(fleet: Fleet, name: str) -> None:
    """Its key was latent until its only container died."""
    rack = fleet.rack(name, high_availability=False)
    fleet.log_in(rack.host, rack.key, fleet.people / "eve" / ".convox")
    fleet.set_password(rack, fleet.other_key())
    rack.restart()
    rack.wait_at_rest()
    fleet.log_in(rack.host, rack.key, fleet.people / "eve" / ".convox")
    fleet.convox.console.set_copy(f"acme/{name}", rack.key)
    fleet.note(rack, days=2)


@rack
def clean_rolled_back(fleet: Fleet, name: str) -> None:
    """The key was to change, and the update was taken back: SSM's date says yesterday."""
    rack = fleet.rack(name)
    fleet.note(rack)
    rack.fault("rollback")
    fleet.set_password(rack, fleet.other_key(), key_days=1)


@rack
def clean_legacy(fleet: Fleet, name: str) -> None:
    """The policy lets its key grow old."""
    fleet.note(fleet.rack(name, key_days=200), days=200)


@rack
def clean_v3(fleet: Fleet, name: str) -> None:
    """Of version 3: the Console alone knows it, and its key."""
    fleet.rack(name, version="3.18.2", region=THERE)


@rack
def clean_gcp(fleet: Fleet, name: str) -> None:
    fleet.rack(name, version="3.18.2", provider="gcp")


@rack
def clean_direct(fleet: Fleet, name: str) -> None:
    """AWS alone knows it, which somebody has accepted."""
    fleet.note(fleet.rack(name, console=False))


# -- latent, open, silent -----------------------------------------------------------------------------------------
@rack
def latent(fleet: Fleet, name: str) -> None:
    """``convox rack params set Password=...`` said OK."""
    rack = fleet.rack(name)
    fleet.log_in(rack.host, rack.key)
    fleet.note(rack)
    fleet.set_password(rack, fleet.other_key())


@rack
def latent_unknown(fleet: Fleet, name: str) -> None:
    """The same, and only the Console has the key in force."""
    fleet.set_password(fleet.rack(name), fleet.other_key())


@rack
def latent_midroll(fleet: Fleet, name: str) -> None:
    """A run died before it restarted the API; two stores know it."""
    rack = fleet.rack(name)
    fleet.log_in(rack.host, rack.key)
    old, new = rack.key, fleet.other_key()
    fleet.set_password(rack, new, key_days=3)
    pending = Pending(new, ago(3), ("summer",), applying=ago(3))
    for path in (None, fleet.store):
        fleet.note(rack, days=60, key=old, pending=pending, path=path)


@rack
def latent_open_file(fleet: Fleet, name: str) -> None:
    """Its login is where everybody could have put it, but AWS says as well which host it has."""
    rack = fleet.rack(name)
    fleet.log_in(rack.host, rack.key, fleet.people / "dave" / ".convox").chmod(0o666)
    fleet.note(rack)
    fleet.set_password(rack, fleet.other_key())


@rack
def open_to_all(fleet: Fleet, name: str) -> None:
    """It has no key; whoever logged in believes that it has."""
    rack = fleet.rack(name, key="")
    fleet.log_in(rack.host, fleet.other_key())


@rack
def silent(fleet: Fleet, name: str) -> None:
    rack = fleet.rack(name)
    fleet.note(rack)
    rack.fault("refuse_all", seconds=3600.0)


# -- Console and AWS ----------------------------------------------------------------------------------------------
@rack
def gone(fleet: Fleet, name: str) -> None:
    """The Console still lists it."""
    console = fleet.convox.console
    console.records.append(RackRecord(console.organization, name, f"{name}.rack.invalid", fleet.other_key()))


@rack
def elsewhere(fleet: Fleet, name: str) -> None:
    """In a region that nobody audits."""
    fleet.rack(name, region=ELSEWHERE)


@rack
def stale_copy(fleet: Fleet, name: str) -> None:
    """Rolled behind the Console's back."""
    fleet.note(fleet.rack(name, console_key=fleet.other_key()))


@rack
def stale_v3(fleet: Fleet, name: str) -> None:
    fleet.rack(name, version="3.18.2", provider="gcp", console_key=fleet.other_key())


@rack
def shadow(fleet: Fleet, name: str) -> None:
    """Not in the Console."""
    fleet.note(fleet.rack(name, console=False, region=THERE))


@rack
def shadow_login(fleet: Fleet, name: str) -> None:
    """Not in AWS either, as far as is seen: somebody is logged in."""
    rack = fleet.rack(name, console=False, region=ELSEWHERE)
    fleet.log_in(rack.host, rack.key, fleet.people / "eve" / ".convox")
    fleet.note(rack, path=fleet.store)


# -- keys ---------------------------------------------------------------------------------------------------------
@rack
def twin_a(fleet: Fleet, name: str) -> None:
    fleet.note(fleet.rack(name, key="TwinTwinTwinTwinTwinTwinTwin01"))


@rack
def twin_b(fleet: Fleet, name: str) -> None:
    """It has the same, and a run that was to change that got no further than to stage a new one."""
    rack = fleet.rack(name, key="TwinTwinTwinTwinTwinTwinTwin01")
    fleet.note_in_vault(rack, pending=Pending(fleet.other_key(), ago(1), ("summer",)))


@rack
def pasted(fleet: Fleet, name: str) -> None:
    """Somebody logged in with another rack's key, which this one refuses: they do not share it."""
    rack = fleet.rack(name)
    fleet.note(rack)
    fleet.log_in(rack.host, fleet.convox.racks["clean-store"].key)


@rack
def weak(fleet: Fleet, name: str) -> None:
    """As it was installed: with a password that a person thought of, and no key pair."""
    fleet.note(fleet.rack(name, key="Rack-Pass-2020", key_pair=""))


@rack
def refused(fleet: Fleet, name: str) -> None:
    """Two people have keys that it had once."""
    rack = fleet.rack(name)
    fleet.note(rack)
    for person in ("bob", "eve"):
        fleet.log_in(rack.host, fleet.other_key(), fleet.people / person / ".convox")


@rack
def lost(fleet: Fleet, name: str) -> None:
    """Nobody knows it but for a login, which it refuses."""
    rack = fleet.rack(name, console=False, region=ELSEWHERE)
    fleet.log_in(rack.host, fleet.other_key(), fleet.people / "eve" / ".convox")


@rack
def locked_out(fleet: Fleet, name: str) -> None:
    """Neither people nor the Console have the key that somebody gave it, nor does SSM."""
    rack = fleet.rack(name, version=CLASSIC, region=THERE, console_key=fleet.other_key())
    fleet.log_in(rack.host, fleet.other_key())


@rack
def named(fleet: Fleet, name: str) -> None:
    """The audit is told its host, and nobody told it a key."""
    fleet.rack(name, console=False, region=ELSEWHERE)


@rack
def unread(fleet: Fleet, name: str) -> None:
    """AWS knows it, and has no parameter of its key; nobody is logged in."""
    fleet.rack(name, version=CLASSIC, console=False, region=THERE)


@rack
def neglected(fleet: Fleet, name: str) -> None:
    """Nothing was rolled for long, but the pair, twice; that it is so was accepted until some day."""
    rack = fleet.rack(name, key_days=150, pair_days=400, former_key_pairs=2)
    fleet.log_in(rack.host, rack.key)


@rack
def age_unknown(fleet: Fleet, name: str) -> None:
    """Nobody has noted its key; its pair is deleted in EC2."""
    rack = fleet.rack(name)
    fleet.convox.cloud.backend("ec2", rack.region).delete_key_pair(rack.spec.key_pair)


@rack
def v3_login(fleet: Fleet, name: str) -> None:
    """Known to the v3 CLI, in a file of its own."""
    rack = fleet.rack(name, version="3.18.2")
    directory = fleet.config / "racks"
    directory.mkdir(mode=0o700)
    (directory / name).write_text(rack.url, encoding="utf-8")
    (directory / name).chmod(0o600)


@rack
def outputs(fleet: Fleet, name: str) -> None:
    """In development mode, with a key of last year."""
    fleet.note(fleet.rack(name, key_days=120, parameters={"Development": "Yes"}), days=120)


# -- instances ----------------------------------------------------------------------------------------------------
@rack
def pair_midroll(fleet: Fleet, name: str) -> None:
    """A run that rolled the instance key died; one instance is still on the former pair."""
    rack = fleet.rack(name, former_key_pairs=1)
    fleet.note(rack)
    rack.instances.set_pair(rack.instances.members()[0].id, f"{name}-keypair-1000")
    pending = Pending(None, ago(1), ("summer",), applying=ago(1), old_key_name=f"{name}-keypair-1000", key_name=rack.spec.key_pair)
    FileStore(str(fleet.config / "rotations.json")).save(Record(INSTANCE_KEY, rack.rack_domain, rack.name, rack.host, pending=pending))


# -- certificates -------------------------------------------------------------------------------------------------
@rack
def certificate_other(fleet: Fleet, name: str) -> None:
    """Another than the one that was pinned."""
    rack = fleet.rack(name, certificate="self_signed")
    fleet.note(rack)
    pin(fleet, rack, hashlib.sha256(b"the former one").hexdigest())


@rack
def certificate_ends(fleet: Fleet, name: str) -> None:
    fleet.note(fleet.rack(name, certificate_days=10))


@rack
def certificate_own(fleet: Fleet, name: str) -> None:
    """That of the API's process, for there is no balancer before it."""
    rack = fleet.rack(name, certificate="api")
    fleet.note(rack)


# -- what they need -----------------------------------------------------------------------------------------------
def write_line(fleet: Fleet, rack: Rack, days: float = 20) -> None:
    """The ledger's line of a roll."""
    entry = {
        "what": RACK_API_KEY,
        "identity": rack.rack_domain,
        "rack": rack.name,
        "old": fingerprint(fleet.other_key()),
        "new": fingerprint(rack.key),
        "at": ago(days),
        "rotation_ids": ["spring"],
        "seconds": 60,
    }
    ledger.append(str(fleet.ledger), entry, {})


def certificate_of(rack: Rack) -> str:
    der = ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate(("127.0.0.1", rack.listener.port)))
    return hashlib.sha256(der).hexdigest()


def pin(fleet: Fleet, rack: Rack, sha256: str) -> None:
    """As ``tls_fingerprint: accept_new`` keeps it."""
    path = fleet.config / "tls-fingerprints"
    before = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    path.write_text(json.dumps({**before, rack.host: sha256}), encoding="utf-8")
    path.chmod(0o600)
