# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of Sphinx for the pages that tests/tools/docs.py lays out; nothing is fetched."""
from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import yaml
from docutils import nodes
from pygments.lexers.special import TextLexer

if TYPE_CHECKING:
    from sphinx.addnodes import pending_xref
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment

GALAXY = yaml.safe_load((Path(__file__).parents[2] / "galaxy.yml").read_text(encoding="utf-8"))

project = f"{GALAXY['namespace']}.{GALAXY['name']}"
copyright = "2026, The convox.credentials developers"  # noqa: A001 - Sphinx calls it so
release = GALAXY["version"]
extensions = ["myst_parser", "sphinx_antsibull_ext"]
# As GitHub makes them, so that a link to a heading works in both.
myst_heading_anchors = 4

html_theme = "furo"
html_title = f"{project} {release}"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False
# The reference's colours are those of the theme, light and dark: static/site.css.
antsibull_ext_color_scheme = "none"

# Where labels of Ansible's own site lead, which antsibull's pages refer to.
ANSIBLE = "https://docs.ansible.com/ansible/latest"
LABELS = {
    "action_plugins": "plugins/action.html",
    "ansible_configuration_settings": "reference_appendices/config.html",
    "common_return_values": "reference_appendices/common_return_values.html",
}
_PLUGIN = re.compile(r"ansible_collections\.(?P<namespace>\w+)\.(?P<collection>\w+)\.(?P<plugin>\w+)")


def page_elsewhere(label: str) -> str | None:
    """The page of Ansible's own site that a label is on: that of a plugin of another collection, or one of LABELS."""
    found = _PLUGIN.match(label)
    if found and f"{found['namespace']}.{found['collection']}" != project:
        return f"collections/{'/'.join(found.groups())}.html"
    return LABELS.get(label)


def refer_elsewhere(_app: Sphinx, _env: BuildEnvironment, node: pending_xref, content: nodes.Element) -> nodes.reference | None:
    """Lead there; what is unknown there too stays a warning."""
    page = page_elsewhere(node["reftarget"])
    if not page:
        return None
    reference = nodes.reference("", "", refuri=f"{ANSIBLE}/{page}", internal=False)
    reference += content
    return reference


def drop_contents(_app: Sphinx, doctree: nodes.document) -> None:
    """The theme has a page's headings beside it, and puts an error in the place of a second list of them."""
    for topic in list(doctree.findall(nodes.topic)):
        if "contents" in topic["classes"]:
            topic.parent.remove(topic)


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("doctree-read", drop_contents)
    app.connect("missing-reference", refer_elsewhere)
    # GitHub draws it; drawing it here would take a script from elsewhere.
    app.add_lexer("mermaid", TextLexer)
