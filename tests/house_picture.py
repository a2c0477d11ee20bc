# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The picture of the house, docs/pictures/house.svg: which files stand on which storey, and who meets the outside world.

``python -m tests.house_picture`` draws it. tests/unit/test_house_picture.py holds it to the code.
"""
from __future__ import annotations

from dataclasses import dataclass
from html import escape

from tests.places import ROOT

PICTURE = ROOT / "docs" / "pictures" / "house.svg"


@dataclass(frozen=True)
class Storey:
    """``files``: those of module_utils, without their ending; a folder stands for all that is in it."""

    title: str
    what: str
    files: tuple[str, ...]
    color: str


# From the roof to the ground. The first two are no files of module_utils.
ROOF = Storey("Who runs it", "playbooks, roles, plugins of the controller", ("playbooks/", "roles/", "inventory/", "action/", "filter/", "lookup/"), "#eceff1")
MODULES = Storey("Modules", "documentation, options, one call", ("plugins/modules/",), "#eceff1")
STOREYS = tuple(
    Storey(title, what, tuple(files.split()), color)
    for title, what, files, color in (
        ("Ansible's door", "masks secrets, says errors once", "adapter", "#ffe0b2"),
        (
            "What a module does",
            "one file each: what its result says",
            "login console_roll rack_keyroll instance_roll rack_access app_promote rack_info ledger_info credential_audit",
            "#fff3c4",
        ),
        (
            "How it is done",
            "a roll from begin to end; a fleet; an audit",
            ("rack_roll instance_roll_v2 instance_roll_v3 instance_run instance_view_v2 instance_view_v3 signing_key_roll fleet audit_gather gather/ "
             "audit_join report_formats reports/ report_page.summary report_page.findings"),
            "#e8f5c8",
        ),
        (
            "Parts of it",
            "what meets the world during a roll; a report's parts",
            ("rack_engine rack_preflight rack_due rack_namesakes latent_key tokens stack_watch instance_view terraform console_reimport console_holder "
             "console_listing audit_report report_page.lists report_page.chart report_page.text report_page.style report_page.script"),
            "#d5f0dc",
        ),
        (
            "Which rack, which key",
            "options, environment, the CLI's files; locks",
            "rack_subject rack_identity credentials target task rack_lock ledger",
            "#cdeeee",
        ),
        (
            "What decides",
            "pure: no file, no request, no clock",
            "rotation instance_rotation instance_rotation_v3 audit findings/ audit_finding audit_evidence audit_policy",
            "#f8d3e4",
        ),
        (
            "The outside worlds",
            "what can be asked or kept, and nothing about rolls",
            (
                "rack console transport tls aws aws_clients stores store store_cli store_file store_secretsmanager "
                "cli_config cli_racks files ledger_chain racks_found"
            ),
            "#d3e2fb",
        ),
        ("The ground", "words, shapes, dates: for all", "records keys times options ways rack_kinds console_sync report_text release errors", "#e4daf7"),
    )
)
# Who alone meets what is outside.
WORLDS = {"adapter": "Ansible", "transport": "racks, Consoles", "tls": "certificates", "aws": "AWS", "files": "the disk"}

_WIDTH, _LEFT, _LETTER, _LINE, _GAP = 1180, 250, 7.3, 26, 8


def _text(x: float, y: float, words: str, more: str) -> str:
    return f'<text x="{x:g}" y="{y:g}" {more}>{escape(words)}</text>'


def _boxes(storey: Storey) -> tuple[list[tuple[float, int, float, str]], int]:
    """Each file's x, row, width and words; how many rows there are."""
    found, x, row = [], float(_LEFT), 0
    for name in storey.files:
        words = f"{name} \u2192 {WORLDS[name]}" if name in WORLDS else name
        width = len(words) * _LETTER + 14
        if x + width > _WIDTH - 20:
            x, row = float(_LEFT), row + 1
        found.append((x, row, width, words))
        x += width + _GAP
    return found, row + 1


def draw() -> str:
    """The picture, as SVG."""
    lines, y = [], 16
    for storey in (ROOF, MODULES, *STOREYS):
        boxes, rows = _boxes(storey)
        told = _folded(storey.what)
        height = max(rows * (_LINE + _GAP) + 16, 34 + 14 * len(told))
        lines.append(f'<rect x="50" y="{y}" width="{_WIDTH - 66}" height="{height}" rx="6" fill="{storey.color}"/>')
        lines.append(_text(62, y + 22, storey.title, 'font-weight="bold"'))
        lines += [_text(62, y + 38 + 14 * number, line, 'font-size="11" fill="#444"') for number, line in enumerate(told)]
        for x, row, width, words in boxes:
            top = y + 12 + row * (_LINE + _GAP)
            edge = "#b3261e" if "\u2192" in words else "#777"
            lines.append(f'<rect x="{x:g}" y="{top}" width="{width:g}" height="{_LINE}" rx="4" fill="#fff" stroke="{edge}"/>')
            lines.append(_text(x + 7, top + 17, words, 'font-family="monospace" font-size="12"'))
        y += height + _GAP
    arrow = f'<path d="M25 20 V{y - 30}" stroke="#333" stroke-width="3"/><path d="M15 {y - 34} h20 l-10 18 z" fill="#333"/>'
    label = f'<text transform="translate(18 {y // 2}) rotate(-90)" text-anchor="middle" font-size="12">imports run downwards only</text>'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{y + 8}" viewBox="0 0 {_WIDTH} {y + 8}" font-family="sans-serif" font-size="14">'
    licence = "<!--\nCopyright (c) 2026, The convox.credentials developers\nSPDX-License-Identifier: GPL-3.0-or-later\n-->"
    title = "<title>The house: who runs it above, the ground below; red boxes meet the outside world</title>"
    return "\n".join([head, licence, title, f'<rect width="{_WIDTH}" height="{y + 8}" fill="#fff"/>', arrow, label, *lines, "</svg>", ""])


def _folded(text: str, width: int = 30) -> list[str]:
    lines = [""]
    for word in text.split():
        if len(lines[-1]) + len(word) >= width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines


if __name__ == "__main__":
    PICTURE.parent.mkdir(exist_ok=True)
    PICTURE.write_text(draw(), encoding="utf-8")
