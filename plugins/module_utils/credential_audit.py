# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""The audit as one task: what is known is gathered, judged by the policy, and written as a report."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import re
import typing as t

from ansible_collections.convox.credentials.plugins.module_utils import (
    audit,
    audit_gather,
    audit_report,
    files,
    racks_found,
    report_formats,
    target,
    times,
    tls,
    transport,
)
from ansible_collections.convox.credentials.plugins.module_utils.audit_report import Document
from ansible_collections.convox.credentials.plugins.module_utils.errors import BadInput
from ansible_collections.convox.credentials.plugins.module_utils.task import Task

# A report of thousands of racks.
_LARGEST = 256 << 20


def run(task: Task) -> dict[str, t.Any]:
    """Raises BadInput for options that can't be meant, before anybody is asked. Who does not answer is a finding."""
    policy = audit.policy_of(*_policy(task))
    if task.options.get("fail_on"):
        policy = dataclasses.replace(policy, fail_on=task.options["fail_on"])
    paths, earlier, asking = _paths(task.options), _earlier(task.options.get("compare")), _asking(task)
    began = task.clock.now()
    seen = audit_gather.gather(asking)
    report = audit_report.document(seen, policy, audit.judge(seen, policy), task.clock.now() - began)
    if earlier:
        report["changes"] = audit_report.changes(earlier.document, earlier.sha256, report)
    return {
        "changed": bool(paths),
        "summary": report["summary"],
        "fail_on": policy.fail_on,
        "lines": audit_report.summary(report),
        "findings": report["findings"][: task.options["max_returned"]],
        "dest": paths.get("json"),
        "files": paths,
        "sha256": _write(task, paths, report) if paths else None,
        **({"changes": {name: len(report["changes"][name]) for name in audit_report.CHANGES}} if earlier else {}),
    }


def _asking(task: Task) -> Task:
    """The same task, which writes nothing anywhere, and goes by no rack that somebody's shell names."""
    api_keys = _api_keys(task.options["api_keys"])
    options = {
        **task.options,
        "rack": None,
        "filters": _filters(task.options),
        "racks": [*(target.parse_host(host, "racks") for host in task.options["racks"]), *(host for host, dummy in api_keys)],
        "api_keys": api_keys,
        # Of digits alone, YAML makes a number.
        "tls_fingerprints": {
            target.parse_host(host, tls.BY_HOST): tls.parse_fingerprint(str(pin), tls.BY_HOST)
            for host, pin in task.options["tls_fingerprints"].items()
        },
    }
    racks_found.check_filters(options["filters"])
    if options.get("ca_path"):
        transport.check_authorities(options["ca_path"])
    if options.get("tls_fingerprint") not in (None, "", tls.ACCEPT_NEW):
        tls.parse_fingerprint(options["tls_fingerprint"])
    environ = {name: value for name, value in task.environ.items() if name not in ("RACK_URL", "CONVOX_RACK")}
    return dataclasses.replace(task, options=options, environ=environ, clock=times.MedianClock(task.clock), check_mode=True)


def _api_keys(given: t.Sequence[t.Mapping[str, str]]) -> list[tuple[str, str]]:
    """(host, key) of each."""
    found = []
    for entry in given:
        host = target.parse_host(entry["host"], "api_keys")
        target.check_key(f"api_keys: {host}", entry["api_key"])
        found.append((host, entry["api_key"]))
    return found


def _filters(options: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """Those that were given, and ``rack`` as one of them."""
    filters = {name: entries for name, entries in options["filters"].items() if entries is not None}
    rack = options.get("rack")
    if not rack:
        return filters
    if filters.get("include"):
        raise BadInput("rack: filters.include is given, too; write the rack there, or leave that out")
    target.check_full_name("rack", rack)
    organization, dummy, name = rack.partition("/")
    return {**filters, "include": [{"organization": _literally(organization), "name": _literally(name)}]}


def _literally(text: str) -> str:
    """A pattern that nothing but the text fits."""
    return re.sub(r"([*?[])", r"[\1]", text)


def _policy(task: Task) -> tuple[t.Any, str]:
    """What was given, and what messages call it."""
    path = task.options.get("policy_file")
    if not path:
        return task.options.get("policy"), "policy"
    text = files.read(path)
    if text is None:
        raise BadInput(f"policy_file: {path}: there is no such file; name the policy's file, or leave it out")
    import yaml

    class Strict(yaml.SafeLoader):
        def construct_mapping(self, node: t.Any, deep: bool = False) -> dict[t.Any, t.Any]:
            """YAML forbids two of one name, and its library takes the last of them."""
            names = [str(name.value) for name, dummy in node.value]
            twice = next((name for name in names if names.count(name) > 1), None)
            if twice is not None:
                raise BadInput(f"policy_file: {path}: line {node.start_mark.line + 1}: {twice} stands there twice; leave one")
            return super().construct_mapping(node, deep)

    try:
        return yaml.load(text, Strict), path  # noqa: S506 (it is a safe one)
    # Of a date that there is not, the library makes an error of Python's.
    except (yaml.YAMLError, ValueError) as exc:
        raise BadInput(f"policy_file: {path}: no YAML ({' '.join(str(exc).split())}); mend that place") from None


class Earlier(t.NamedTuple):
    document: t.Any
    sha256: str


def _earlier(path: str | None) -> Earlier | None:
    """The report to compare with."""
    if not path:
        return None
    text = files.read(path, _LARGEST)
    if text is None:
        raise BadInput(f"compare: {path}: there is no such file; name the JSON file of an earlier audit, or leave it out")
    try:
        document = json.loads(text)
    except ValueError:
        raise BadInput(f"compare: {path}: it is no JSON; name the JSON file of an earlier audit") from None
    audit_report.check(document)
    return Earlier(document, hashlib.sha256(text.encode("utf-8")).hexdigest())


def _paths(options: t.Mapping[str, t.Any]) -> dict[str, str]:
    """Where each format of the report goes; nothing where none is wanted."""
    if not options.get("dest"):
        return {}
    path = os.path.abspath(os.path.expanduser(options["dest"]))
    stem, ending = os.path.splitext(path)
    if ending.lower() in {form.ending for form in report_formats.FORMATS.values()}:
        raise BadInput(f"dest: {path}: that ending is another format's; name the JSON file, as {stem}.json, and the others stand beside it")
    if not files.writable(path):
        raise BadInput(f"dest: {path}: it can't be written there; name a directory where it can")
    return {"json": path, **{name: stem + report_formats.FORMATS[name].ending for name in options["formats"]}}


def _write(task: Task, paths: t.Mapping[str, str], report: Document) -> str:
    """Returns the SHA-256 of the JSON document."""
    # Before it is written down: a key may be any word, that of a field as well.
    report = task.secrets.scrub(report, names=False)
    # The one that the next audit compares with is last: where it is, the others are.
    texts = {name: report_formats.FORMATS[name].render(report) for name in paths if name != "json"}
    texts["json"] = json.dumps(report, indent=2, sort_keys=True) + "\n"
    for name, text in texts.items():
        if not task.check_mode:
            files.write(paths[name], text)
    return hashlib.sha256(texts["json"].encode("utf-8")).hexdigest()
