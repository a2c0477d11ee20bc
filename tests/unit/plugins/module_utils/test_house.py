# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The house's own rules, read off its source: arrows run downwards, and what is pure asks nobody (architecture, 1)."""
from __future__ import annotations

import ast
import functools
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest

from tests.places import COLLECTIONS, ROOT

PRIVATE = "ansible_collections.convox.credentials.plugins.module_utils"
UTILS, PLUGINS = ROOT / "plugins" / "module_utils", ROOT / "plugins"

# From the roof to the ground: a file imports from the floors below its own only. A new file gets its floor here.
FLOORS: tuple[frozenset[str], ...] = tuple(
    frozenset(names.split())
    for names in (
        "adapter",
        "login console_roll rack_keyroll instance_roll ledger_info app_promote rack_info rack_access credential_audit",
        "rack_roll audit_gather report_formats",
        "audit_join reports",
        "gather",
        "fleet signing_key_roll report_page.summary report_page.findings",
        "instance_roll_v2 instance_roll_v3",
        "rack_engine instance_run instance_view_v2 instance_view_v3",
        "rack_preflight rack_namesakes instance_view latent_key tokens terraform audit_report console_listing report_page.chart report_page.lists",
        "console_reimport",
        "console_holder stack_watch rack_due",
        "rack_subject audit report_page.text report_page.style report_page.script",
        "rack_identity findings",
        "credentials",
        "target ledger rack_lock instance_rotation_v3 audit_finding",
        "instance_rotation",
        "rack console task rotation audit_evidence audit_policy",
        "stores transport",
        "store_cli store_secretsmanager",
        "store_file racks_found",
        "store aws report_text",
        "cli_config records tls ledger_chain",
        "cli_racks",
        "files keys times options",
        "errors release rack_kinds console_sync ways aws_clients",
    )
)
FLOOR = {name: number for number, names in enumerate(FLOORS) for name in names}
# What decides, and so must be able to be asked a million times: by what it may import at all.
PURE = {
    "rotation": {"__future__", "dataclasses", "typing", f"{PRIVATE}.records", f"{PRIVATE}.ways"},
    "instance_rotation": {"__future__", "dataclasses", "typing", f"{PRIVATE}.records", f"{PRIVATE}.rotation"},
    "instance_rotation_v3": {"__future__", "dataclasses", *(f"{PRIVATE}.{name}" for name in ("instance_rotation", "records", "rotation"))},
    "console_sync": {"__future__", "dataclasses"},
    "records": {"__future__", "dataclasses", "typing", f"{PRIVATE}.errors", f"{PRIVATE}.keys", f"{PRIVATE}.times"},
    "options": {"__future__", "typing"},
    "errors": {"__future__", "typing"},
    "ways": {"__future__"},
    "rack_kinds": {"__future__", "re", "typing"},
    "audit_evidence": {"__future__", "dataclasses", "typing", *(f"{PRIVATE}.{name}" for name in ("keys", "racks_found", "times"))},
    "audit_policy": {"__future__", "dataclasses", "datetime", "difflib", "fnmatch", "re", "typing", f"{PRIVATE}.errors", f"{PRIVATE}.times"},
    "audit_finding": {"__future__", "dataclasses", "typing", *(f"{PRIVATE}.{name}" for name in ("audit_evidence", "audit_policy", "rack_kinds"))},
    "audit": {
        "__future__", "dataclasses", "datetime", "typing",
        *(f"{PRIVATE}.{name}" for name in ("audit_evidence", "audit_finding", "audit_policy", "findings", "times")),
    },
}
# Who may know what comes from outside; everybody may know the rest of Python's own library.
OUTSIDE = {
    "ansible": {"adapter"}, "requests": {"transport"}, "urllib3": {"transport"}, "boto3": {"aws"}, "botocore": {"aws"}, "cryptography": {"tls"},
    "yaml": {"credential_audit"},
}
ERRORS = {"BadInput", "Damaged", "StoreFailed", "Held", "RequestFailed", "NoAnswer", "BadReply", "Refused", "Denied", "ConvoxError"}


@functools.cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def imported(path: Path) -> set[str]:
    """The modules that a file imports, anywhere in it, by their full names."""
    found: set[str] = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports can't be followed when a module is packed"
            found |= {f"{node.module}.{alias.name}" for alias in node.names} if node.module == PRIVATE else {node.module or ""}
    return found


FILES = [path for path in sorted(UTILS.rglob("*.py")) if path.stem != "__init__"]
FINDINGS = [path for path in FILES if path.parent.name == "findings"]


def place(name: str) -> str:
    """What FLOORS calls it: by its folder, where the files in that are of one kind."""
    folder = name.partition(".")[0]
    return folder if folder in FLOOR else name


def full_name(path: Path) -> str:
    """What it is imported as, below module_utils."""
    return ".".join(path.relative_to(UTILS).with_suffix("").parts)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_arrows_run_downwards(path: Path) -> None:
    own = place(full_name(path))
    assert own in FLOOR, "say in FLOORS where it stands"
    below = {place(name.removeprefix(f"{PRIVATE}.")) for name in imported(path) if name.startswith(f"{PRIVATE}.")}
    assert sorted(name for name in below if FLOOR[name] <= FLOOR[own]) == []


def test_no_floor_is_empty_or_out_of_date() -> None:
    assert sorted(FLOOR) == sorted({place(full_name(path)) for path in FILES})


@pytest.mark.parametrize("name", PURE)
def test_what_decides_asks_nobody(name: str) -> None:
    assert imported(UTILS / f"{name}.py") <= PURE[name]


@pytest.mark.parametrize("path", FINDINGS, ids=lambda path: path.stem)
def test_findings_ask_nobody(path: Path) -> None:
    pure = {"__future__", "dataclasses", "typing", *(f"{PRIVATE}.{name}" for name in ("audit_evidence", "audit_finding", "audit_policy", "records"))}
    assert imported(path) <= pure


@pytest.mark.parametrize("path", [path for path in FILES if "report" in path.parent.name], ids=full_name)
def test_who_renders_asks_nobody(path: Path) -> None:
    """A report is what its document says, and nothing else."""
    harmless = {
        "__future__", "base64", "collections", "csv", "dataclasses", "hashlib", "html", "io", "json", "re", "typing", "urllib.parse",
        "xml.etree.ElementTree",
    }  # fmt: skip
    private = ("audit_evidence", "audit_policy", "report_page", "report_text", "times")
    assert {name for name in imported(path) - harmless if not name.startswith(tuple(f"{PRIVATE}.{each}" for each in private))} == set()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_one_file_knows_each_outsider(path: Path) -> None:
    packages = {name.partition(".")[0] for name in imported(path)} - sys.stdlib_module_names - {"ansible_collections"}
    assert {package for package in packages if path.stem not in OUTSIDE.get(package, ())} == set()


@pytest.mark.parametrize("path", sorted((PLUGINS / "modules").glob("*.py")), ids=lambda path: path.stem)
def test_modules_are_thin(path: Path) -> None:
    """Documentation, argument spec, one call: nothing to import but the adapter, the options and the work."""
    private = {name.rpartition(".")[2] for name in imported(path) if name != "__future__"}
    if (PLUGINS / "action" / path.name).exists():
        assert private == set(), "an action does the work, and this is its documentation"
    else:
        assert {"adapter", "options"} <= private <= {"adapter", "options", *FLOORS[1]}


def test_what_modules_need_does_not_need_the_controller() -> None:
    """plugin_utils is for what runs inside ansible-playbook itself, above all of module_utils; it does not know Ansible either."""
    above = [path for path in (PLUGINS / "plugin_utils").glob("*.py") if any(name.split(".")[0] == "ansible" for name in imported(path))]
    assert above == []
    assert [path for path in FILES if any(".plugin_utils" in name for name in imported(path))] == []


# -- what an import brings along ----------------------------------------------------------------------------------
def import_everything(before: str = "", after: str = "") -> None:
    """In a Python of its own, with something said before and after."""
    code = "\n".join(["import sys", before, *(f"import {PRIVATE}.{full_name(path)}" for path in FILES), after])
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": str(COLLECTIONS), "HOME": str(ROOT)})


def test_importing_everything_brings_no_aws() -> None:
    """It takes a second and fifty megabytes; most tasks need none."""
    import_everything(after="assert not {'boto3', 'botocore'} & set(sys.modules)")


def test_everything_can_be_imported_without_the_libraries() -> None:
    """ansible-doc and the argument spec do so where nothing is installed."""
    import_everything(before="sys.modules.update(dict.fromkeys(('requests', 'urllib3', 'boto3', 'botocore')))")


# -- how it is written --------------------------------------------------------------------------------------------
EVERY_PLUGIN = sorted(PLUGINS.rglob("*.py"))


@pytest.mark.parametrize("path", EVERY_PLUGIN, ids=lambda path: str(path.relative_to(PLUGINS)))
def test_python_3_9_reads_it(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    compile(ast.parse(text, str(path), feature_version=(3, 9)), str(path), "exec")
    assert not text or "from __future__ import annotations" in text, "types are written as newer Pythons write them"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_what_is_private_says_so(path: Path) -> None:
    assert "private to the collection" in "\n".join(path.read_text(encoding="utf-8").splitlines()[:6])


def raised(path: Path) -> t.Iterator[ast.Call]:
    """Every error of ours that a file makes."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ERRORS:
            yield node


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_message_is_one_line(path: Path) -> None:
    """As it is written; what is put into it at run time is tested where that is done."""
    texts = [constant.value for call in raised(path) for constant in ast.walk(call) if isinstance(constant, ast.Constant)]
    assert [text for text in texts if isinstance(text, str) and ("\n" in text or "\t" in text or "  " in text)] == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_nothing_is_printed_or_logged(path: Path) -> None:
    """What a module prints goes past all masking."""
    names = {node.func.id for node in ast.walk(tree(path)) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    assert names & {"print", "breakpoint", "exec", "eval"} == set()
    assert imported(path) & {"logging", "warnings", "pdb", "syslog"} == set()
