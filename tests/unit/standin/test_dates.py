# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Dates that lie months back, as they are told by AWS, by certificates, and by a Console's tables."""

from __future__ import annotations

import datetime
import re
import socket
import ssl
from typing import TYPE_CHECKING, Any, Callable

import pytest
from cryptography import x509

from tests.standin.tables import Person, make_tables

if TYPE_CHECKING:
    from tests.standin import Standin
    from tests.standin.rack import Rack


def days_since(moment: datetime.datetime) -> float:
    return (datetime.datetime.now(datetime.timezone.utc) - moment).total_seconds() / 86400


def test_what_aws_tells(new_rack: Callable[..., Rack], aws: Callable[[str], Any]) -> None:
    """A change begins to count anew."""
    rack, other = new_rack(key_pair="dated-keypair-5000"), new_rack()
    rack.set_dates(key_days=120, pair_days=400, signing_key_days=500)
    pair = aws("ec2").describe_key_pairs(KeyNames=["dated-keypair-5000"])["KeyPairs"][0]
    assert days_since(pair["CreateTime"]) == pytest.approx(400, abs=0.01)

    def dates() -> list[float]:
        pages = aws("ssm").get_paginator("describe_parameters").paginate()
        found = {each["Name"]: days_since(each["LastModifiedDate"]) for page in pages for each in page["Parameters"]}
        return [found[name] for name in (rack.stack.secret_name, other.stack.secret_name, "convox-jwt-key")]

    assert dates() == pytest.approx([120, 0, 500], abs=0.01)
    rack.set_password("N" * 30)
    assert dates() == pytest.approx([0, 0, 500], abs=0.01)


@pytest.mark.parametrize("certificate", ["ca", "self_signed"])
@pytest.mark.parametrize("days", [365, 10, -3])
def test_certificates(new_rack: Callable[..., Rack], convox: Standin, certificate: str, days: int) -> None:
    rack = new_rack(certificate=certificate, certificate_days=days)
    pem = ssl.get_server_certificate(("127.0.0.1", rack.listener.port))
    assert days_since(x509.load_pem_x509_certificate(pem.encode()).not_valid_after_utc) == pytest.approx(-days, abs=0.01)
    verifying = ssl.create_default_context(cafile=convox.ca_path)
    with socket.create_connection(("127.0.0.1", rack.listener.port)) as plain:
        if certificate == "ca" and days > 0:
            verifying.wrap_socket(plain, server_hostname="127.0.0.1").close()
        else:
            with pytest.raises(ssl.SSLCertVerificationError):
                verifying.wrap_socket(plain, server_hostname="127.0.0.1")


def test_tables(convox: Standin, aws: Callable[[str], Any]) -> None:
    make_tables(convox, "dated", [Person("ann@example.com", 200, 1.5), Person("bob@example.com")], deploy_keys=2)
    ann, bob = sorted(aws("dynamodb").scan(TableName="dated-users")["Items"], key=lambda item: item["email"]["S"])
    assert set(bob) == {"id", "email"}
    for name, days in {"api-key-created-at": 200, "cli-authenticated": 1.5}.items():
        assert re.fullmatch(r"\d{8}\.\d{6}\.\d{9}", ann[name]["S"])
        moment = datetime.datetime.strptime(ann[name]["S"][:15], "%Y%m%d.%H%M%S").replace(tzinfo=datetime.timezone.utc)
        assert days_since(moment) == pytest.approx(days, abs=0.01)
    assert aws("dynamodb").scan(TableName="dated-deploy-keys")["Count"] == 2
