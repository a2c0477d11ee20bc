#!/usr/bin/python

# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later


from __future__ import annotations

DOCUMENTATION = r"""
module: credential_audit
short_description: Audit the credentials of a Convox fleet
version_added: 0.1.0
description:
  - Tells who holds which key of a fleet, how old it is, whether it is still good, and what is to be done, for one rack or a
    thousand, in one task.
  - A Console, the racks, AWS, the Convox CLI's files, the stores, the ledger and a self-hosted Console's tables are asked at
    the same time. Each is optional. One that does not answer is a finding itself, and what only it could have told is
    unknown, never good.
  - Nothing is changed anywhere. Each rack is asked at most three times, AWS once for each account and region.
  - With O(filters) some racks only are audited. What is found beside racks, in files and with people, is told all the same.
  - A finding is no failure of the task. RV(summary) says whether the policy is broken; the role
    P(convox.credentials.audit#role) fails then.
author:
  - The convox.credentials developers (@convox-credentials)
extends_documentation_fragment:
  - convox.credentials.attributes
  - convox.credentials.reach
  - convox.credentials.aws
  - convox.credentials.filters
  - convox.credentials.stores_to_read
attributes:
  check_mode:
    description: Asks the same questions, and writes no report.
    support: full
  diff_mode:
    description: A report has no earlier state that could be shown; O(compare) tells what changed.
    support: N/A
requirements:
  - PyYAML (with O(policy_file))
notes:
  - Of secrets in AWS, the tags alone are read, whatever their names are.
  - No report has a key in it. Keys are told by the first 12 hex digits of their SHA-256, weak ones not even by these.
  - The findings, their meaning and how to mend them are in C(docs/findings) of the collection.
options:
  console:
    description:
      - Whether a Console is asked for its racks, and those through it.
      - When not given it is asked if O(host) or E(CONVOX_HOST) names one, or if the Convox CLI is logged into one.
    type: bool
  api_key:
    description:
      - The Console API key, or a deploy key of the Console.
      - Taken from E(CONVOX_PASSWORD) when not given, but only where O(host) is not given either, then from the files of the
        Convox CLI.
    type: str
  rack:
    description:
      - Look at this rack of the Console only, as C(organization/name); O(filters) can say more.
      - Not taken from the environment.
    type: str
  rack_url:
    description:
      - A rack and its key, as C(https://user:key@host), beside those that are found.
      - Not taken from the environment. Not together with O(host), O(rack) or O(api_key).
    type: str
  ask_racks:
    description:
      - Whether racks are asked. Without it a latent key is told by dates alone, those of SSM and of the API's containers in ECS.
    type: bool
    default: true
  racks:
    description:
      - Hosts of racks that are audited beside those that the other sources name, as C(name) or C(name:port).
    type: list
    elements: str
    default: []
  api_keys:
    description:
      - Racks and their keys, beside those that are found, as an inventory has them. They are audited as O(racks) are.
    type: list
    elements: dict
    default: []
    suboptions:
      host:
        description:
          - The rack's host, as C(name) or C(name:port). The key is sent to it alone.
        type: str
        required: true
      api_key:
        description:
          - The rack's key.
        type: str
        required: true
  tls_fingerprints:
    description:
      - The certificates of racks and of the Console that are pinned, each a SHA-256 under the host that shows it.
      - They count before those that are kept in C(tls-fingerprints), and O(tls_fingerprint) before them.
    type: dict
    default: {}
  aws:
    description:
      - The AWS accounts whose racks are audited, each asked a few times a region, whatever the number of racks.
      - The rights that it takes are in C(docs/iam/audit.json) of the collection.
    type: list
    elements: dict
    default: []
    suboptions:
      profile:
        description:
          - A profile of the AWS configuration. Credentials come from boto3's own environment and files otherwise.
        type: str
      role_arn:
        description:
          - A role that is assumed, as C(arn:aws:iam::123456789012:role/audit).
        type: str
      region:
        description:
          - The region that is asked which regions there are, with V(all). Default is the profile's or that of boto3's
            environment.
        type: str
      regions:
        description:
          - The regions. V(all) is each that is enabled for the account. Default is the one of the profile or of boto3's
            environment.
        type: list
        elements: str
  homes:
    description:
      - Homes of people whose files of the Convox CLI are read, in each of its layouts. A pattern as V(/home/*) names several.
      - Default is the files that the Convox CLI of this machine would use.
    type: list
    elements: str
    default: []
  tables:
    description:
      - A self-hosted Console's tables in DynamoDB, which tell of its users.
    type: dict
    suboptions:
      prefix:
        description:
          - What the names of the tables begin with, before C(-users) and C(-deploy-keys).
        type: str
        required: true
      region:
        description:
          - Their region. Default is the profile's or that of boto3's environment.
        type: str
      profile:
        description:
          - A profile of the AWS configuration.
        type: str
      role_arn:
        description:
          - A role that is assumed.
        type: str
  ledger_path:
    description:
      - The ledger. Default is C(ledger.jsonl) in O(config_dir).
    type: path
  policy:
    description:
      - What is asked of credentials; C(docs/audit.md) of the collection describes it, and C(docs/schemas/policy-1.json) is
        its schema. What it does not say has a default.
    type: dict
  policy_file:
    description:
      - The same as a YAML file, on the machine that the module runs on.
    type: path
  fail_on:
    description:
      - The policy is broken where an open finding is as severe as this, or more. It goes before the C(fail_on) of the policy,
        whose default is V(high).
    type: str
    choices: [critical, high, medium, low, info, never]
  compare:
    description:
      - The JSON report of an earlier audit. The new one then says what is new, what is mended and what is still open.
    type: path
  dest:
    description:
      - Where the report is written, one JSON document that C(docs/schemas/report-1.json) of the collection describes.
      - Written whole or not at all; a new file has the mode 0600.
      - Without it there is no report, only what the module returns.
    type: path
  formats:
    description:
      - Further formats of the report, each a file beside O(dest) of the same name with the ending C(.html), C(.csv),
        C(.xml) or C(.sarif).
      - V(html) is one page for people. V(csv) has a line for each finding. V(junit) has a test for each rack, for CI.
        V(sarif) is SARIF 2.1.0, for code scanning.
    type: list
    elements: str
    choices: [html, csv, junit, sarif]
    default: [html]
  max_returned:
    description:
      - Return so many findings, the most severe ones. The report has all of them.
    type: int
    default: 100
"""

EXAMPLES = r"""
- name: Audit the racks of the Console that the Convox CLI is logged into
  convox.credentials.credential_audit:
    dest: /srv/convox/audit.json
  register: audit

- name: Say how it stands
  ansible.builtin.debug:
    msg: "{{ audit.lines }}"

- name: Audit a Console's racks and two accounts of AWS against a policy, and compare with the last time
  convox.credentials.credential_audit:
    host: console.example.com
    aws:
      - regions: [us-east-1, eu-west-1]
      - role_arn: arn:aws:iam::123456789012:role/audit
        regions: [us-east-1]
    homes: ["/home/*"]
    policy:
      max_age: {rack_api_key: 60d}
      accepted:
        - finding: rack_not_in_console
          subject: "*/legacy"
          reason: it is used directly
          owner: platform@example.com
          until: "2099-12-31"
    compare: /srv/convox/audit.json
    dest: /srv/convox/audit-new.json
    formats: [html, csv, junit, sarif]

- name: Look at one rack
  convox.credentials.credential_audit:
    host: console.example.com
    rack: acme/production
  register: one

- name: Stop where its key is not in force, or nobody could tell
  ansible.builtin.assert:
    that: one.findings | selectattr('id', 'in', ['rack_key_latent', 'rack_silent', 'source_silent']) | length == 0
"""

RETURN = r"""
summary:
  description: How it stands, in numbers.
  returned: always
  type: dict
  contains:
    racks:
      description: How many racks were audited.
      type: int
      sample: 40
    racks_clean:
      description: Those without an open finding; one that was not asked is not clean.
      type: int
      sample: 31
    credentials:
      description: How many credentials are known of.
      type: int
      sample: 85
    open:
      description: Findings that nobody has accepted.
      type: int
      sample: 12
    accepted:
      description: Findings that the policy accepts.
      type: int
      sample: 2
    by_severity:
      description: How many open findings there are of each severity.
      type: dict
      sample: {"critical": 1, "high": 4, "medium": 3, "low": 4, "info": 0}
    failed:
      description: Whether an open finding is as severe as O(fail_on), or more.
      type: bool
      sample: true
fail_on:
  description: The severity from which on the policy is broken.
  returned: always
  type: str
  sample: high
lines:
  description: The same for people, and the most severe findings, at most 25 lines.
  returned: always
  type: list
  elements: str
  sample: ["Audit of 40 racks and 85 credentials in 2.1 s: 1 open finding (1 critical), 2 accepted; 39 racks are clean."]
findings:
  description: The most severe findings, at most O(max_returned), accepted ones too.
  returned: always
  type: list
  elements: dict
  contains:
    id:
      description: The kind of finding. C(docs/findings) of the collection has a page for each.
      type: str
      sample: rack_key_latent
    key:
      description: The same in each audit that finds it again.
      type: str
      sample: rack_key_latent:rack.example.convox.site
    severity:
      description: V(critical), V(high), V(medium), V(low) or V(info), as the policy has it.
      type: str
      sample: critical
    subject:
      description: What it is about, the rack as people call it, a Console, a person, a file or an account and region.
      type: str
      sample: acme/production
    rack:
      description: The rack's C(id) in the report. V(null) where it is about several together, or about something else.
      type: str
      sample: rack.example.convox.site
    racks:
      description: C(id) of each rack that it is about, and for which it counts.
      type: list
      elements: str
      sample: [rack.example.convox.site]
    title:
      description: Its kind in a few words.
      type: str
      sample: Latent Rack API key
    what:
      description: What was seen, in one line.
      type: str
      sample: >-
        acme/production: the key that its stack holds since 2026-11-20T09:00:00Z is not the one in force; the next restart of its API makes it so
    why:
      description: Why it matters.
      type: str
      sample: The next restart of the rack's API brings another key into force, and who has the present one is locked out.
    mend:
      description: How to mend it.
      type: str
      sample: Roll the rack's key.
    playbook:
      description: The playbook that mends it. V(null) where none does.
      type: str
      sample: convox.credentials.rotate_rack_keys
    evidence:
      description: What it rests on, without secrets.
      type: dict
      sample: {"in_force": "a1b2c3d4e5f6", "latent": "1f2e3d4c5b6a"}
    accepted:
      description: By whom, why and until when it is borne. V(null) where it is open.
      type: dict
      sample: {"owner": "platform@example.com", "reason": "it is used directly", "until": "2099-12-31"}
changes:
  description: How many findings are new, still open, mended, and not told of because somebody did not answer, since the report that O(compare) names.
  returned: with O(compare)
  type: dict
  sample: {"new": 1, "open": 4, "mended": 7, "unknown": 0}
dest:
  description: The JSON report that was written. V(null) without O(dest).
  returned: always
  type: str
  sample: /srv/convox/audit.json
files:
  description: All that was written, by format.
  returned: always
  type: dict
  sample: {"json": "/srv/convox/audit.json", "html": "/srv/convox/audit.html"}
sha256:
  description: The SHA-256 of the JSON report, to be noted where whoever can write the report can't. V(null) without O(dest).
  returned: always
  type: str
  sample: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
"""

from ansible_collections.convox.credentials.plugins.module_utils import adapter, credential_audit, options


def main() -> None:
    adapter.run(lambda task: adapter.Made(credential_audit.run(task)), options.audit(), mutually_exclusive=[("policy", "policy_file")])


if __name__ == "__main__":
    main()
