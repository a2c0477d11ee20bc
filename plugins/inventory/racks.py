# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: racks
short_description: The racks of a Convox Console, of AWS accounts, or of both
version_added: 0.1.0
description:
  - Makes a host of each rack that a Console lists, and of each that is a CloudFormation stack in some AWS accounts and
    regions. A rack that both know is one host, once it has said of itself that it is the stack's.
  - The hosts have the variables that the roles and playbooks of this collection need, and no secret. All of them are in
    the group C(convox_racks), which is what the playbooks work on.
  - A rack whose name or other words can't be used is kept out, and told of by a warning. So is an account or a region that
    does not answer, as long as another source does.
  - A Console that was to be asked and does not answer fails the inventory, whatever AWS says, since AWS can't tell which
    racks the Console holds, and their keys would be rolled behind its back. For the same reason a stack that can be a rack
    of the Console's which did not describe itself is kept out.
  - The file's name ends in C(convox.yml) or C(convox.yaml).
author:
  - The convox.credentials developers (@convox-credentials)
extends_documentation_fragment:
  - ansible.builtin.constructed
  - ansible.builtin.inventory_cache
  - convox.credentials.filters
requirements:
  - requests
  - boto3 (where AWS is asked)
notes:
  - All options that are texts can be templates, those inside of O(aws) and O(filters), too.
  - The answer is kept in the cache only if every source gave one. There is no secret in it.
options:
  plugin:
    description:
      - Says that the file is this plugin's.
    type: str
    required: true
    choices: [convox.credentials.racks]
  console:
    description:
      - Whether a Console is asked for its racks.
      - When not given it is asked if O(host) or the environment variable E(CONVOX_HOST) names one, or if O(aws) is empty.
      - V(false) makes hosts of all racks in O(aws), also of those that a Console holds, and has the roles reach them directly.
    type: bool
  host:
    description:
      - The Console, as C(name), C(name:port) or an C(https) URL.
      - Taken from E(CONVOX_HOST) when not given, then from the host that the Convox CLI last logged into, then
        V(console.convox.com).
    type: str
  api_key:
    description:
      - The Console API key, or a deploy key of the Console. Better left out of the file.
      - Taken from E(CONVOX_PASSWORD) when not given, but only where O(host) is not given either, since that variable
        would apply to every host. Then from the files of the Convox CLI. The hosts get it in no variable.
      - A text; its type is only checked later, where what is wrong with it is told without showing it.
    type: raw
  config_dir:
    description:
      - The directory of the Convox CLI's files.
      - Taken from E(CONVOX_CONFIG) when not given. Else all existing of C($XDG_CONFIG_HOME/convox2),
        C($XDG_CONFIG_HOME/convox) and C(~/.convox) are read, in that order.
    type: path
  validate_certs:
    description:
      - Whether the Console's certificate is verified before a key is sent. V(false) is warned of, and is not handed on to
        the roles.
    type: bool
    default: true
  ca_path:
    description:
      - A file of certificates of the authorities to trust, in PEM.
    type: path
  tls_fingerprint:
    description:
      - The SHA-256 of the Console's certificate, 64 hex digits, colons allowed. That certificate alone is then trusted, and
        names are not compared.
      - V(accept_new) trusts what is seen the first time and keeps it in C(tls-fingerprints) in O(config_dir).
    type: str
  timeout:
    description:
      - Seconds that one request may take.
    type: int
    default: 30
  retries:
    description:
      - How often the Console is asked again after 429, 502, 503, 504 and refused connections.
    type: int
    default: 3
  ask_racks:
    description:
      - Asks each rack of the Console for its release, region and domain, through the Console, several at a time. One that
        does not answer is kept out.
      - Without it a Console tells name, organization, provider, status and, some of them, the release. Only racks that have
        the name of a stack that was found in O(aws) are then asked, see O(join_by).
    type: bool
    default: false
  aws:
    description:
      - The AWS accounts whose racks are hosts, each asked once a region, all at once. Racks are the CloudFormation stacks
        with the tags C(System=convox) and C(Type=rack), which are those of the generations classic and v2.
      - The right C(cloudformation:DescribeStacks) is needed.
    type: list
    elements: dict
    default: []
    suboptions:
      profile:
        description:
          - A profile of the AWS configuration; a role to be assumed is named there. Credentials come from boto3's own
            environment and files otherwise.
        type: str
      regions:
        description:
          - The regions. V(all) is each that is enabled for the account, which needs the right C(ec2:DescribeRegions).
          - Default is the one of the profile or of boto3's environment.
        type: list
        elements: str
  join_by:
    description:
      - How it is known that a rack of the Console is a stack in AWS. With V(domain) each rack that has the name of a stack
        is asked for its domain, through the Console. One that does not answer is kept out, and so are the stacks of its
        name, unless the rack itself refuses the Console's copy of its key, which is dead then.
      - With V(name) nobody is asked where one rack and one stack alone have the name. That is for whoever knows that no
        rack of the Console is in an account or a region that is not asked, since that one's host would be another rack's.
    type: str
    choices: [domain, name]
    default: domain
  endpoint_url:
    description:
      - Another address for all AWS services. boto3 itself reads E(AWS_ENDPOINT_URL).
    type: str
  hostname:
    description:
      - What hosts are called. With V(full) that is C(organization.name) for a rack that a Console knows and
        C(account.region.name) for others, so that no host is called otherwise when another rack is there.
      - V(name) is the rack's name alone and V(domain) its own domain. Racks for which that is not known or not unique have
        their full name.
      - What has a meaning in patterns of hosts becomes C(_), with a mark that keeps such names apart.
    type: str
    choices: [full, name, domain]
    default: full
  through_console:
    description:
      - How the roles reach a rack that a Console and AWS know. Through the Console they need no key but the Console's, and
        they can tell that the Console holds a copy of the rack's key, which a roll would make useless.
      - With V(false) they go to the rack itself and need its own key.
    type: bool
    default: true
"""

EXAMPLES = r"""
# fleet.convox.yml: all racks of the Console that the Convox CLI is logged into.
plugin: convox.credentials.racks

---
# All racks of two AWS accounts. No Console is asked.
plugin: convox.credentials.racks
aws:
  - regions: [us-east-1, eu-west-1]
  - profile: staging
    regions: [all]

---
# A Console's racks, joined with what AWS knows of them, so that the roles can use AWS.
plugin: convox.credentials.racks
host: console.example.com
api_key: "{{ lookup('ansible.builtin.env', 'CONSOLE_KEY') }}"
aws:
  - profile: production
    regions: [us-east-1]
filters:
  include:
    - organization: acme
      name: ["web-*", "api-*"]
  exclude:
    - status: [creating, failed]

---
# Groups and variables of one's own, and a cache of ten minutes.
plugin: convox.credentials.racks
keyed_groups:
  - key: convox_name.split('-') | first
    prefix: team
groups:
  production: "'prod' in convox_name"
compose:
  convox_max_age: "'30d' if convox_organization == 'acme' else '90d'"
strict: true
cache: true
cache_plugin: ansible.builtin.jsonfile
cache_connection: ~/.cache/convox-racks
cache_timeout: 600

# The variables of each host. Options of the roles:
#   convox_host            the Console, with convox_rack; or the rack's own domain
#   convox_rack            organization/name, where the rack is reached through a Console
#   convox_stack_name, convox_region, convox_profile     where AWS was asked, and knows the rack
#   convox_config_dir, convox_ca_path, convox_tls_fingerprint, convox_endpoint_url     as they are given here
# Facts, as far as they are known:
#   convox_name, convox_organization, convox_console, convox_provider, convox_status, convox_version,
#   convox_generation (classic, v2, v3), convox_domain (the rack's own), convox_account (AWS's number)
# And: ansible_connection (local), ansible_python_interpreter (that of the playbook)
#
# The groups: convox_racks with all of them, and as far as that is known organization_<name>, provider_<name>,
# region_<name>, status_<word> and generation_<classic, v2 or v3>, in which what no group's name can hold becomes _.
"""

import os
import traceback
import typing as t

from ansible.errors import AnsibleError, AnsibleParserError
from ansible.module_utils.basic import missing_required_lib
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.plugins.inventory import BaseInventoryPlugin, Cacheable, Constructable

from ansible_collections.convox.credentials.plugins.module_utils import fleet, options, racks_found, transport
from ansible_collections.convox.credentials.plugins.module_utils.errors import BadInput, ConvoxError
from ansible_collections.convox.credentials.plugins.module_utils.keys import Secrets
from ansible_collections.convox.credentials.plugins.module_utils.task import Task

try:
    from ansible.template import trust_as_template
except ImportError:  # before ansible-core 2.19, which evaluates whatever looks like a template
    def trust_as_template(value: str) -> str:
        return value


def plain(value: str) -> str:
    """What can be no template is shown as it is, and not as unsafe; where there is a brace, it stays a text that nobody evaluates."""
    return value if "{" in value else trust_as_template(value)


class InventoryModule(BaseInventoryPlugin, Constructable, Cacheable):
    NAME = "convox.credentials.racks"

    def verify_file(self, path: str) -> bool:
        return bool(super().verify_file(path)) and path.endswith(("convox.yml", "convox.yaml"))

    def parse(self, inventory: t.Any, loader: t.Any, path: str, cache: bool = True) -> None:
        super().parse(inventory, loader, path, cache)
        config = self._read_config_data(path)
        secrets = Secrets()
        try:
            given = self._given(config)
            # A rack's URL or name in somebody's shell is for other commands.
            environ = {name: value for name, value in os.environ.items() if name not in ("RACK_URL", "CONVOX_RACK")}
            task = Task(given, environ, secrets, self.display.warning)
            racks = self._racks(task, path, cache)
        except ConvoxError as exc:
            failure = str(exc)
        except ModuleNotFoundError as exc:
            failure = missing_required_lib(str(exc.name))
        except Exception as exc:  # noqa: BLE001 - Ansible would show it unmasked
            self.display.vvv(secrets.redact(traceback.format_exc()))
            failure = f"internal error, please report it: {type(exc).__name__}: {' '.join(str(exc).split())}"
        else:
            self._populate(racks, given)
            return
        # Out here, where no exception is being handled: Ansible would show what it says, too.
        raise AnsibleParserError(secrets.redact(failure))

    def _given(self, config: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
        """This plugin's own options, templates in them done, each of the type that it has to be."""
        unknown = sorted(str(name) for name in set(config) - set(self.get_options()))
        if unknown:
            raise BadInput(f"there is no option {', '.join(unknown)}; see ansible-doc -t inventory {self.NAME}")
        if not transport.HAS_REQUESTS:
            raise BadInput(missing_required_lib("requests"))
        spec = {
            **{name: option for name, option in options.reach().items() if name not in ("rack", "rack_url")},
            "endpoint_url": options.aws()["endpoint_url"],
            "console": {"type": "bool"},
            "ask_racks": {"type": "bool", "default": False},
            "aws": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {"profile": {"type": "str"}, "regions": {"type": "list", "elements": "str"}},
            },
            "join_by": {"type": "str"},
            "hostname": {"type": "str"},
            "through_console": {"type": "bool"},
            "filters": {"type": "dict"},
        }
        values = {name: self._templated(name) for name in spec}
        if not isinstance(values["api_key"], (str, type(None))):
            raise BadInput("api_key: it is no text; write it in quotes, or better leave it out of the file")
        validated = ArgumentSpecValidator(spec).validate(values)
        if validated.error_messages:
            raise BadInput("; ".join(validated.error_messages))
        racks_found.check_filters(validated.validated_parameters["filters"])
        return validated.validated_parameters

    def _templated(self, name: str) -> t.Any:
        try:
            return self.templar.template(self.get_option(name))
        except AnsibleError as exc:
            raise BadInput(f"{name}: {' '.join(str(exc).split())}") from None

    def _racks(self, task: Task, path: str, cache: bool) -> list[tuple[str, racks_found.Found]]:
        """The racks that are wanted, each with its host's name; out of the cache if it has the answer."""
        kept = self._cache if self.get_option("cache") else {}
        found = fleet.recall(kept.get(self.get_cache_key(path)), task) if cache else None
        if found is None:
            found = fleet.find(task)
            if found.whole:
                kept[self.get_cache_key(path)] = fleet.remembered(found, task)
        for line in found.reports:
            task.warn_once(line)
        # Named before they are chosen: a filter calls no host otherwise.
        named = zip(racks_found.host_names(found.racks, task.options["hostname"]), found.racks)
        return [(name, rack) for name, rack in named if racks_found.wanted(rack, task.options["filters"])]

    def _populate(self, racks: list[tuple[str, racks_found.Found]], given: dict[str, t.Any]) -> None:
        self.inventory.add_group(racks_found.FLEET)
        for name, rack in racks:
            values = racks_found.variables(rack, given["through_console"], given)
            if self._taken(name, values):
                self.display.warning(f"{name} is kept out: another inventory source has a host of that name for another rack; set hostname: domain")
                continue
            self.inventory.add_host(name, group=racks_found.FLEET)
            for variable, value in {"ansible_connection": "local", **values}.items():
                self.inventory.set_variable(name, variable, plain(value))
            self.inventory.set_variable(name, "ansible_python_interpreter", trust_as_template("{{ ansible_playbook_python }}"))
            for group in racks_found.groups(rack):
                self.inventory.add_host(name, group=self.inventory.add_group(self._sanitize_group_name(group)))
            strict = self.get_option("strict")
            self._set_composite_vars(self.get_option("compose"), values, name, strict=strict)
            self._add_host_to_composed_groups(self.get_option("groups"), values, name, strict=strict)
            self._add_host_to_keyed_groups(self.get_option("keyed_groups"), values, name, strict=strict)

    def _taken(self, name: str, values: t.Mapping[str, str]) -> bool:
        """Whether an earlier source of the inventory gave the name to another rack."""
        host, way = self.inventory.hosts.get(name), ("convox_host", "convox_rack")
        before = host.get_vars() if host else {}
        return any(name in before for name in way) and any(before.get(name) != values.get(name) for name in way)
