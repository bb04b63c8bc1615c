"""Turn a page into HTML by its template, which is compiled when somebody first looks; behind the answers."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from monitor.web.words import fit

if TYPE_CHECKING:
    from jinja2 import Environment

_FOLDER = Path(__file__).parent / "templates"


class PageTemplate:
    """The templates of the pages.

    Their text is read at once, so that an update of the files does not mix two versions. Jinja and what it
    makes of the text are an eighth of the start and five megabytes: only a monitor that is looked at pays.
    """

    def __init__(self, *, version: str, runbooks: Mapping[str, str]) -> None:
        """`version`: of style and script, for their addresses. `runbooks`: those that can be linked to."""
        self._sources = {
            path.name: path.read_text(encoding="utf-8")
            for path in sorted(_FOLDER.glob("*.html"))
        }
        self._version = version
        self._runbooks = runbooks

    def render(self, name: str, page: object, *, root: str) -> str:
        """Return a page as HTML by the template of this name; called from several threads at once.

        `root` leads from the page's address to that of the first one.
        """
        template = self._environment.get_template(f"{name}.html")
        return template.render(page=page, root=root)

    # Two that look first at the same time make it twice, and nobody sees a difference.
    @cached_property
    def _environment(self) -> Environment:
        from jinja2 import DictLoader, Environment, StrictUndefined

        environment = Environment(
            loader=DictLoader(self._sources),
            # What a database says is text, whatever it looks like.
            autoescape=True,
            finalize=fit,
            # A name that is misspelt in a template is an error, not a gap on the page.
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        environment.globals.update(version=self._version, runbooks=self._runbooks)
        environment.filters["segment"] = _segment
        return environment


def _segment(name: str) -> str:
    """Return a name as one segment of an address."""
    return quote(name, safe="")
