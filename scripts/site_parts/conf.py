"""Configure Sphinx: pages are read as they lie in the repository, so that links mean what they mean there."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

PARTS = Path(__file__).parent
ROOT = PARTS.parent.parent
NAVIGATION = tomllib.loads((PARTS / "navigation.toml").read_text(encoding="utf-8"))

project = "token-monitor"
version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))[
    "project"
]["version"]
release = version

extensions = ["myst_parser"]
root_doc = "docs/index"
source_suffix = {".md": "markdown"}
include_patterns = ["*.md", "docs/**"]
# Folders that are not walked.
exclude_patterns = [
    ".*",
    *("build", "deploy", "dist", "monitor", "queries", "requirements"),
    *("scripts", "secrets", "state", "tests"),
]
# GitHub makes an anchor of every heading.
myst_heading_anchors = 6
nitpicky = True
highlight_language = "text"
# Examples leave things out by "…", which is no JSON.
suppress_warnings = ["misc.highlighting_failure"]

html_theme = "furo"
html_title = f"token-monitor {version}"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_extra_path = ["root"]
html_copy_source = False
html_show_copyright = False
html_use_index = False


def add_navigation(_app: Sphinx, page: str, source: list[str]) -> None:
    """Append what stands below a page: in the page itself it would be seen as code elsewhere."""
    if page == root_doc:
        for part in NAVIGATION["part"]:
            source[0] += _toctree(part["pages"], f":caption: {part['caption']}")
    for below in NAVIGATION["below"]:
        if page == below["page"]:
            source[0] += _toctree([below["pages"]], ":glob:")


def _toctree(pages: list[str], *options: str) -> str:
    lines = ["", "```{toctree}", ":hidden:", ":titlesonly:", *options, ""]
    lines += [_entry(page) for page in pages]
    return "\n".join([*lines, "```", ""])


def _entry(page: str) -> str:
    title = NAVIGATION["titles"].get(page)
    return f"{title} </{page}>" if title else f"/{page}"


def add_anchors_of_github(_app: Sphinx, document: nodes.document) -> None:
    """Give each heading the anchor that it has on GitHub beside Sphinx's own, so that links can be copied."""
    for section in document.findall(nodes.section):
        slug = section.get("slug")
        if slug and slug not in document.ids:
            section["ids"].append(slug)


def setup(app: Sphinx) -> dict[str, Any]:
    app.connect("source-read", add_navigation)
    app.connect("doctree-read", add_anchors_of_github)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
