"""Turn a page into HTML by its template, which is compiled when somebody first looks; behind the answers."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from monitor.web.page import Page
from monitor.web.words import fit

if TYPE_CHECKING:
    from jinja2 import Template

_SOURCE = Path(__file__).parent / "templates" / "page.html"


class PageTemplate:
    """The template of the page.

    Its text is read at once, so that an update of the files does not mix two versions. Jinja and what it
    makes of the text are an eighth of the start and five megabytes: only a monitor that is looked at pays.
    """

    def __init__(self, *, version: str, runbooks: Mapping[str, str]) -> None:
        """`version`: of style and script, for their addresses. `runbooks`: those that can be linked to."""
        self._source = _SOURCE.read_text(encoding="utf-8")
        self._version = version
        self._runbooks = runbooks

    def render(self, page: Page) -> str:
        """Return the page as HTML; called from several threads at once."""
        return self._compiled.render(
            page=page, version=self._version, runbooks=self._runbooks
        )

    # Two that look first at the same time compile it twice, and nobody sees a difference.
    @cached_property
    def _compiled(self) -> Template:
        from jinja2 import Environment, StrictUndefined

        environment = Environment(
            # What a database says is text, whatever it looks like.
            autoescape=True,
            finalize=fit,
            # A name that is misspelt in the template is an error, not a gap on the page.
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        return environment.from_string(self._source)
