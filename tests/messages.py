# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every text that the collection can say to people, read out of its code: of Python by ast, of YAML and templates by Jinja.

A message is a literal of two words or more; what is filled in is ``…``. What is none in spite of that is told by its place in the
syntax (documentation, patterns, what something is compared with), or stands in NO_MESSAGES.
"""
from __future__ import annotations

import ast
import fnmatch
import functools
import re
from typing import TYPE_CHECKING, Any, NamedTuple

import jinja2
import yaml
from jinja2 import nodes

from tests.places import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

FILLED = "…"
# By file, by the name of what it stands in, and by text, all of them patterns: what is no message, and why.
NO_MESSAGES = {
    "plugins/module_utils/findings/*": "a finding's words: each has its page in docs/findings/",
    "plugins/module_utils/audit.py::_[Ee]*": "the words of the finding acceptance_expired",
    "plugins/module_utils/audit_evidence.py::too_old": "what findings say of an age",
    "plugins/module_utils/audit_evidence.py::days": "what findings say of an age",
    "plugins/module_utils/audit_report.py::summary": "the report's words, which tell of findings",
    "plugins/module_utils/gather/*::look::*users, … deploy keys": "the report's words for what a source told",
    "plugins/module_utils/gather/*::look::*logins in … directories*": "the report's words for what a source told",
    "plugins/module_utils/report_*": "the report as a page",
    "plugins/module_utils/reports/*": "the report in other formats",
    "plugins/module_utils/*::NO_ANSWER": "the name of a state",
    "plugins/module_utils/*rotation*.py::STOPPED_*": "the name of a state",
    "plugins/module_utils/rotation.py::REST": "the name of a state",
    "plugins/module_utils/rotation.py::TURNED_AWAY": "the name of a state",
    "plugins/module_utils/instance_rotation_v3.py::NOTE_SET": "the name of a state",
    "plugins/module_utils/console.py::_[A-Z]*": "GraphQL",
    "plugins/module_utils/console.py::_text": "an error that is caught where the reply is read",
    "plugins/module_utils/transport.py::_kinds*::no URL of a proxy": "an error that is caught where the request is sent",
    "plugins/module_utils/rack.py::_UNAUTHORIZED": "a rack's own words, which replies are searched for",
    "plugins/module_utils/files.py::prove_writable::convox.credentials proves*": "what is written to prove that it can be",
    "plugins/module_utils/store_secretsmanager.py::*._create::Convox … of …": "the description of a secret in AWS",
    "*::*::*Application Support*": "a part of a path",
    "*::*::and … more": "what stands for the rest of a list",
    "*::*::… and … more": "what stands for the rest of a list",
    **dict.fromkeys(("*::*::a new key", "*::*::a new one", "*::*::a new pair", "*::*::the one in force"), "what stands for a key in a result's diff"),
    **dict.fromkeys(
        ("*::*::the Console", "*::*::the rack", "*::*::the roll", "*::*::the keyroll", "*::*::the secret …", "*::*::its name", "*::*::its own region",
         "*::*::its region", "*::*::all regions", "*::*::of their making", "*::*::of this name", "*::*::kind and subject", "*::*::finding and subject"),
        "a name for something, which is filled into messages",
    ),
}  # fmt: skip
# Names of what Ansible reads as documentation.
_DOCUMENTATION = ("DOCUMENTATION", "EXAMPLES", "RETURN")
_WORD = re.compile("[A-Za-z][A-Za-z'_-]+")
# As str.format takes it; of an example in braces there is more within them than a name.
_FIELD = re.compile(r"\{[a-z_]+\}")
_PERCENT = re.compile("%[0-9.]*[a-z]")
# What a playbook says by itself; of variables of a task, such texts are filled into it.
_SAID = ("msg", "fail_msg", "success_msg")
_OF_PLAYS = ("awx", "playbooks", "roles")


class Message(NamedTuple):
    """``scope``: the function, class or constant that it stands in; empty for YAML and templates."""

    path: str
    line: int
    scope: str
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.text}"


def normal(text: str) -> str:
    """What is compared: blanks and what joins a part to the rest do not count, nor how many things are filled in side by side."""
    return re.sub(f"{FILLED}+", FILLED, " ".join(text.split())).strip(" ;:,.")


def is_message(text: str) -> bool:
    return " " in text.strip() and len(_WORD.findall(text)) > 1


def of_collection() -> list[Message]:
    """All of them, but for NO_MESSAGES."""
    return [message for message in _every() if not any(_is_in(message, place) for place in NO_MESSAGES)]


def useless_exceptions() -> list[str]:
    """The entries of NO_MESSAGES that nothing is left out by."""
    return [place for place in NO_MESSAGES if not any(_is_in(message, place) for message in _every())]


def _is_in(message: Message, place: str) -> bool:
    pattern = [*place.split("::"), "*", "*"]
    return all(fnmatch.fnmatchcase(text, each) for text, each in zip((message.path, message.scope, message.text), pattern))


@functools.cache
def _every() -> tuple[Message, ...]:
    readers = {".py": of_python, ".yml": of_yaml, ".yaml": of_yaml, ".j2": of_template}
    paths = [*sorted((ROOT / "plugins").rglob("*.py")), *(path for place in _OF_PLAYS for path in sorted((ROOT / place).rglob("*")))]
    return tuple(
        message
        for path in paths
        if path.suffix in readers
        for message in readers[path.suffix](path.read_text(encoding="utf-8"), path.relative_to(ROOT).as_posix())
    )


# -- Python -------------------------------------------------------------------------------------------------------
def of_python(text: str, path: str) -> list[Message]:
    reader = _Python(path)
    reader.visit(ast.parse(text))
    return reader.found


class _Python(ast.NodeVisitor):
    def __init__(self, path: str) -> None:
        self._path = path
        self._scopes: list[str] = []
        self.found: list[Message] = []

    # -- what is no message by its place ------------------------------------------------------------------------------
    def visit_Expr(self, node: ast.Expr) -> None:
        # A text that nothing is done with documents something.
        if not isinstance(node.value, ast.Constant):
            self.generic_visit(node)

    def visit_Compare(self, node: ast.Compare) -> None:
        # What something is compared with is somebody else's word.
        for side in (node.left, *node.comparators):
            if not isinstance(side, ast.Constant):
                self.visit(side)

    def visit_Call(self, node: ast.Call) -> None:
        called = node.func
        module = called.value.id if isinstance(called, ast.Attribute) and isinstance(called.value, ast.Name) else ""
        if module == "re":
            return
        is_cast = isinstance(called, ast.Attribute) and called.attr == "cast"
        self.visit(called)
        for argument in (*node.args[is_cast:], *node.keywords):
            self.visit(argument)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self._within(node.target, node.value)

    def visit_Assign(self, node: ast.Assign) -> None:
        name, value = node.targets[0], node.value
        if isinstance(name, ast.Tuple) and isinstance(value, ast.Tuple) and len(name.elts) == len(value.elts):
            for each in zip(name.elts, value.elts):
                self._within(*each)
        elif not isinstance(name, ast.Name) or name.id not in _DOCUMENTATION:
            self._within(name, value)

    def visit_arg(self, node: ast.arg) -> None:
        """An annotation is no text."""

    # -- where it stands ----------------------------------------------------------------------------------------------
    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._scoped(node.name, node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        node.returns = None
        self._scoped(node.name, node)

    def _within(self, name: ast.expr, value: ast.expr) -> None:
        if self._scopes or not isinstance(name, ast.Name):
            self.visit(value)
        else:
            self._scoped(name.id, value, itself=True)

    def _scoped(self, name: str, node: ast.AST, itself: bool = False) -> None:
        self._scopes.append(name)
        (self.visit if itself else self.generic_visit)(node)
        self._scopes.pop()

    # -- what is one --------------------------------------------------------------------------------------------------
    def visit_Constant(self, node: ast.Constant) -> None:
        self._text(node)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        self._text(node)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        self._text(node)

    def _text(self, node: ast.expr) -> None:
        text = self._template(node)
        if text is not None and is_message(text):
            self.found.append(Message(self._path, node.lineno, ".".join(self._scopes), normal(text)))

    def _template(self, node: ast.expr) -> str | None:
        """None for what is no text, which is looked into by itself."""
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return _FIELD.sub(FILLED, node.value)
        if isinstance(node, ast.JoinedStr):
            return "".join(self._part(each) for each in node.values)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod) and isinstance(node.left, ast.Constant):
            self.visit(node.right)
            return _PERCENT.sub(FILLED, str(node.left.value))
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            return self._template_or_filled(node.left) + self._template_or_filled(node.right)
        self.generic_visit(node)
        return None

    def _part(self, node: ast.expr) -> str:
        if isinstance(node, ast.FormattedValue):
            self.visit(node.value)
            return FILLED
        return str(node.value) if isinstance(node, ast.Constant) else FILLED

    def _template_or_filled(self, node: ast.expr) -> str:
        if isinstance(node, (ast.BinOp, ast.Constant, ast.JoinedStr)):
            return self._template(node) or FILLED
        self.visit(node)
        return FILLED


# -- YAML and templates -------------------------------------------------------------------------------------------
class _Loader(yaml.SafeLoader):
    """Ansible's own tags are texts here."""


_Loader.add_multi_constructor("!", lambda loader, dummy, node: loader.construct_scalar(node))


def of_yaml(text: str, path: str) -> list[Message]:
    """What tasks say."""
    lines = text.splitlines()
    found = []
    for said in _said(yaml.load(text, _Loader)):  # noqa: S506 (it is a safe one)
        for message in of_template(said, path):
            # YAML's parser does not tell where a text began: it is where its first words are.
            start = next((number for number, line in enumerate(lines, 1) if said.split()[:3] and " ".join(said.split()[:3]) in line), 1)
            found.append(message._replace(line=start))
    return found


def _said(data: Any, told: bool = False) -> Iterator[str]:
    """``told``: whether what is below is said."""
    if isinstance(data, dict):
        is_task = "name" in data and "hosts" not in data
        for name, value in data.items():
            yield from _said(value, told or name in _SAID or (is_task and name == "vars"))
    elif isinstance(data, list):
        for each in data:
            yield from _said(each, told)
    elif told and isinstance(data, str):
        yield data


def of_template(text: str, path: str) -> list[Message]:
    found: list[Message] = []
    for line, said in _outputs(jinja2.Environment(autoescape=True).parse(text)):
        # What a template prints may be of several lines.
        found += [Message(path, line, "", normal(each)) for each in said.splitlines() if is_message(each)]
    return found


def _outputs(node: nodes.Node) -> Iterator[tuple[int, str]]:
    """What is printed in one go, and each text within an expression."""
    if isinstance(node, nodes.Output):
        yield node.lineno, "".join(each.data if isinstance(each, nodes.TemplateData) else _end_of_line(each) or FILLED for each in node.nodes)
        for each in node.nodes:
            yield from _texts(each)
    elif isinstance(node, (nodes.Assign, nodes.ExprStmt)):
        yield from _texts(node.node)
    elif not isinstance(node, nodes.Expr):
        # A condition says nothing.
        for child in node.iter_child_nodes():
            yield from _outputs(child)


def _end_of_line(node: nodes.Node) -> str:
    """A blank or an end of line, as templates write it where Jinja would take it away."""
    return str(node.value) if isinstance(node, nodes.Const) and not str(node.value).strip() else ""


def _texts(node: nodes.Node) -> Iterator[tuple[int, str]]:
    if isinstance(node, nodes.TemplateData):
        return
    template = _joined(node)
    if template is not None:
        yield node.lineno, template
    if isinstance(node, nodes.Compare):
        return
    for child in node.iter_child_nodes():
        if template is None or not isinstance(child, (nodes.Const, nodes.Concat)):
            yield from _texts(child)


def _joined(node: nodes.Node) -> str | None:
    """The template of a text; None for what is none."""
    if isinstance(node, nodes.Const):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, nodes.Concat):
        return "".join(_joined(each) or FILLED for each in node.nodes)
    if isinstance(node, nodes.Mod) and isinstance(node.left, nodes.Const):
        return _PERCENT.sub(FILLED, str(node.left.value))
    return None


if __name__ == "__main__":
    for each in of_collection():
        print(each)
