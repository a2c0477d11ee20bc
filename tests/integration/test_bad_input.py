# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bad input gets one line that names the option, the value (never a secret) and what would be right; nothing is asked.

Each table has: the options, and the words that the line has to hold.
"""
from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.integration.watching import nothing_changes

if TYPE_CHECKING:
    from tests.integration.machine import Machine
    from tests.standin.rack import Rack

SECRET = "Secret99" * 4
REACH: list[tuple[dict[str, Any], list[str]]] = [
    ({"host": "http://rack.example.com"}, ["host: http://", "https"]),
    ({"host": "rack example"}, ["host: 'rack example'", "name:port"]),
    ({"host": "rack.example.com/path"}, ["host: 'rack.example.com/path'", "name:port"]),
    ({"host": "rack.example.com:port"}, ["host: 'rack.example.com:port'", "name:port"]),
    ({"host": "rack.example.com:0"}, ["host: 'rack.example.com:0'", "port"]),
    ({"host": "rack.example.com\r\nX: y"}, ["host: ", "line break"]),
    ({"host": "RACK", "api_key": f"{SECRET}\n"}, ["api_key: ", "line break"]),
    ({"host": "rack.example.com:99999"}, ["host: 'rack.example.com:99999'", "port"]),
    ({"host": f"https://convox:{SECRET}@rack.example.com"}, ["host: ", "rack_url"]),
    ({"host": "rack.example.com", "api_key": "short"}, ["api_key: 5 characters", "8"]),
    ({"host": "rack.example.com", "api_key": SECRET, "rack": "production"}, ["rack: 'production'", "org/name"]),
    ({"rack_url": f"http://convox:{SECRET}@rack.example.com"}, ["rack_url: ", "https://user:key@host"]),
    ({"rack_url": f"https://{SECRET}.example.com"}, ["rack_url: ", "https://user:key@host"]),
    ({"rack_url": f"https://convox:{SECRET}@rack.example.com:port"}, ["rack_url: ", "https://user:key@host"]),
    ({"rack_url": f"https://convox:{SECRET}@rack.example.com", "host": "x"}, ["mutually exclusive", "rack_url|host"]),
    ({"rack_url": f"https://convox:{SECRET}@rack.example.com", "api_key": SECRET}, ["mutually exclusive", "rack_url|api_key"]),
    ({"host": "RACK", "api_key": SECRET, "tls_fingerprint": "ab:cd"}, ["tls_fingerprint: 'ab:cd'", "64 hex digits", "accept_new"]),
    ({"host": "RACK", "api_key": SECRET, "ca_path": "/nowhere/ca.pem"}, ["ca_path: /nowhere/ca.pem", "PEM"]),
    ({"host": "RACK", "api_key": SECRET, "timeout": 0}, ["timeout: 0", "1 or more"]),
    ({"host": "RACK", "api_key": SECRET, "timeout": 10**12}, ["timeout: 1000000000000", "3600 or less"]),
    ({"host": "RACK", "api_key": SECRET, "timeout": "soon"}, ["timeout", "int"]),
    ({"host": "RACK", "api_key": SECRET, "retries": -1}, ["retries: -1", "0 or more"]),
    ({"host": "RACK", "api_key": SECRET, "validate_certs": "perhaps"}, ["validate_certs", "perhaps", "bool"]),
    ({"host": "RACK", "api_key": SECRET, "no_such_option": 1}, ["no_such_option", "host"]),
]
LOGIN: list[tuple[dict[str, Any], list[str]]] = [
    ({"host": "RACK", "api_key": SECRET, "state": "gone"}, ["state", "gone", "present, absent"]),
    ({"host": "RACK", "api_key": SECRET, "switch_to": "production"}, ["switch_to: 'production'", "org/name"]),
    ({"host": "RACK"}, ["api_key: no key is known", "CONVOX_PASSWORD"]),
]
ROTATION: list[tuple[dict[str, Any], list[str]]] = [
    ({"max_age": "soon"}, ["max_age: 'soon'", "90d"]),
    ({"max_age": "90"}, ["max_age: '90'", "90d"]),
    ({"max_age": "-1d"}, ["max_age: '-1d'", "90d"]),
    ({"stores": []}, ["stores: empty", "leave the option out"]),
    ({"stores": [{"type": "s3"}]}, ["type", "s3", "cli, file", "stores"]),
    ({"stores": [{"type": "file"}]}, ["path", "stores"]),
    ({"stores": [{"path": "/x"}]}, ["type", "stores"]),
    # Ansible's own words, which don't name the option.
    ({"stores": "cli"}, ["dictionary requested"]),
    ({"stores": [{"type": "file", "path": "/"}]}, ["/"]),
]
RACK: list[tuple[dict[str, Any], list[str]]] = [
    *ROTATION,
    ({"key_length": 23}, ["key_length: 23", "24 to 50"]),
    ({"key_length": 51}, ["key_length: 51", "24 to 50"]),
    ({"new_key": SECRET[:20]}, ["new_key: 20 characters", "24 to 50 letters and digits"]),
    ({"new_key": SECRET + "-_%&"}, ["new_key: 36 characters", "letters and digits"]),
    ({"new_key": SECRET, "return_key": True}, ["return_key", "new_key"]),
    ({"wait_timeout": 0}, ["wait_timeout: 0", "1 or more"]),
    ({"confirmations": 0}, ["confirmations: 0", "1 or more"]),
    ({"confirm_period": -1}, ["confirm_period: -1", "0 or more"]),
    ({"confirm_interval": -1}, ["confirm_interval: -1", "0 or more"]),
    ({"method": "ssm"}, ["method", "ssm", "auto, api, cloudformation"]),
    ({"activate": "later"}, ["activate", "later", "auto, ecs, signing_key, none"]),
    ({"console_sync": "import"}, ["console_sync", "import", "auto, reimport, none"]),
    ({"profile": "nobody"}, ["profile: ", "nobody"]),
    ({"endpoint_url": "not a url"}, ["endpoint_url: ", "not a url"]),
    ({"stack_name": "elsewhere"}, ["stack_name", "elsewhere"]),
]
INSTANCE: list[tuple[dict[str, Any], list[str]]] = [
    *ROTATION[:4],
    ({"wait_timeout": 0}, ["wait_timeout: 0", "1 or more"]),
    ({"profile": "nobody"}, ["profile: ", "nobody"]),
]
CONSOLE: list[tuple[dict[str, Any], list[str]]] = [
    *ROTATION[:4],
    ({"email": None}, ["email"]),
    ({"account_password": "short"}, ["account_password", "8"]),
    ({"rack": "acme/alpha"}, ["rack: ", "leave it out"]),
    ({"state": "fresh"}, ["state", "fresh", "rolled, valid"]),
]
VARIABLES: list[tuple[dict[str, str], list[str]]] = [
    ({"CONVOX_HOST": "http://rack.example.com", "CONVOX_PASSWORD": SECRET}, ["CONVOX_HOST: http://", "https"]),
    ({"CONVOX_HOST": "rack.example.com", "CONVOX_PASSWORD": "short"}, ["CONVOX_PASSWORD: 5 characters"]),
    ({"CONVOX_HOST": "rack.example.com", "CONVOX_PASSWORD": f"{SECRET}\n"}, ["CONVOX_PASSWORD: ", "line break"]),
    ({"CONVOX_RACK": "production", "CONVOX_PASSWORD": SECRET}, ["CONVOX_RACK: 'production'", "org/name"]),
    ({"CONVOX_RACK": "acme/x\r\nHost: evil", "CONVOX_PASSWORD": SECRET}, ["CONVOX_RACK: ", "org/name"]),
    ({"RACK_URL": f"https://{SECRET}.example.com"}, ["RACK_URL: ", "https://user:key@host"]),
]


AUDIT: list[tuple[dict[str, Any], list[str]]] = [
    ({"racks": ["rack example"]}, ["racks: 'rack example'", "name:port"]),
    ({"filters": {"include": [{"nam": "x"}]}}, ["filters.include: a rack has no 'nam'", "name"]),
    ({"filters": {"include": [{"account": 12}]}}, ["filters.include: account", "quotes"]),
    ({"rack": "acme/x", "filters": {"include": [{"name": "x"}]}}, ["rack: filters.include is given, too"]),
    ({"policy": {"fail_on": "all"}}, ["policy.fail_on: 'all'", "critical"]),
    ({"policy": {}, "policy_file": "/nowhere.yml"}, ["mutually exclusive", "policy|policy_file"]),
    ({"policy_file": "/nowhere.yml"}, ["policy_file: /nowhere.yml: there is no such file"]),
    ({"policy_file": "POLICY"}, ["policy_file: ", "no YAML"]),
    ({"fail_on": "all"}, ["fail_on", "all", "critical"]),
    ({"compare": "/nowhere.json"}, ["compare: /nowhere.json: there is no such file"]),
    ({"compare": "POLICY"}, ["compare: ", "it is no JSON"]),
    ({"compare": "OTHER"}, ["compare: it is no report of credential_audit"]),
    ({"compare": "NEWER"}, ["compare: a report of version 2", "version 1"]),
    ({"dest": "/nowhere/report.HTML"}, ["dest: /nowhere/report.HTML: that ending is another format's", "/nowhere/report.json"]),
    ({"formats": ["pdf"]}, ["formats", "pdf", "html, csv, junit, sarif"]),
    ({"tables": {"region": "us-east-1"}}, ["prefix", "tables"]),
    ({"max_returned": -1}, ["max_returned: -1", "0 or more"]),
]


def check(machine: Machine, rack: Rack, module: str, table: list[tuple[dict[str, Any], list[str]]], **always: Any) -> None:
    """Run them all, and say at the end which lines were not as they should be."""
    wrong = []
    with nothing_changes(machine, locks=False):
        for options, words in table:
            given = {name: value.replace("RACK", rack.host) if isinstance(value, str) else value for name, value in {**always, **options}.items()}
            failed = machine.fail(module, **given)
            absent = [word for word in words if word not in failed.msg]
            if absent or SECRET in json.dumps(failed.data):
                wrong.append(f"{options}: no {absent} in: {failed.msg}")
    assert not wrong, "\n".join(wrong)


def test_how_something_is_reached(machine: Machine, rack: Rack) -> None:
    """The same for all modules."""
    check(machine, rack, "convox_login", REACH)


def test_convox_login(machine: Machine, rack: Rack) -> None:
    check(machine, rack, "convox_login", LOGIN)


def test_rack_keyroll(machine: Machine, rack: Rack) -> None:
    check(machine, rack, "rack_keyroll", RACK, host=rack.host, api_key=rack.key)


def test_instance_keyroll(machine: Machine, rack: Rack) -> None:
    check(machine, rack, "instance_keyroll", INSTANCE, host=rack.host, api_key=rack.key)


def test_console_api_key(machine: Machine, rack: Rack) -> None:
    console = machine.convox.console
    always = {"host": console.host, "api_key": console.api_key, "email": console.email, "account_password": console.password}
    check(machine, rack, "console_api_key", CONSOLE, **always)


def test_credential_audit(machine: Machine, rack: Rack) -> None:
    """Whoever can't be asked is a finding; what can't be meant is none."""
    files = {"POLICY": "a: [", "OTHER": '{"findings": [1]}', "NEWER": '{"version": 2, "at": "", "findings": []}'}
    for name, text in files.items():
        machine.write(machine.inputs / name, text)
    table = [({option: str(machine.inputs / value) if str(value) in files else value for option, value in options.items()}, words) for options, words in AUDIT]
    check(machine, rack, "credential_audit", REACH + table)


def test_variables(machine: Machine, rack: Rack) -> None:
    check(machine, rack, "convox_login", [({"environment": variables}, words) for variables, words in VARIABLES])


def test_a_directory_that_is_a_file(machine: Machine, rack: Rack) -> None:
    blocked = machine.home / "file"
    machine.write(blocked, "not a directory")
    check(machine, rack, "convox_login", [({"config_dir": str(blocked)}, [str(blocked)])], host=rack.host, api_key=rack.key)
    check(machine, rack, "rack_keyroll", [({"config_dir": str(blocked)}, [str(blocked)])], host=rack.host, api_key=rack.key)
