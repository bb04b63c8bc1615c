"""Turn a shipped runbook into a page that a person reads at night; behind the answers."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from markdown_it.token import Token
    from markupsafe import Markup

_ENDING = ".md"


@dataclass(frozen=True, slots=True)
class RunbookPage:
    """A runbook: what its first heading says, and the rest as HTML."""

    headline: str
    html: Markup


def runbook_page_of(text: str, names: Collection[str]) -> RunbookPage:
    """Return a runbook's page; `names` are the runbooks that can be linked to.

    The text comes with the program; HTML in it is shown as text all the same.
    """
    # Only a monitor whose runbooks are read pays for both.
    from markdown_it import MarkdownIt
    from markupsafe import Markup

    reader = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = reader.parse(text)
    headline, rest = _without_headline(tokens)
    for token in rest:
        if token.children:
            token.children = _with_own_links(token.children, names)
    html = reader.renderer.render(rest, reader.options, {})
    # What the renderer wrote is escaped.
    return RunbookPage(headline, Markup(html))  # noqa: S704


def _without_headline(tokens: Sequence[Token]) -> tuple[str, list[Token]]:
    """Return the text of the first heading, which stands above all else, and what follows it."""
    _opening, words, _closing, *rest = tokens
    return words.content, rest


def _with_own_links(tokens: Sequence[Token], names: Collection[str]) -> list[Token]:
    """Return the words of a paragraph with links to what is served here; of others only the words."""
    kept: list[Token] = []
    is_dropped = False
    for token in tokens:
        if token.type == "link_open":
            address = _served_address(str(token.attrs["href"]), names)
            is_dropped = address is None
            token.attrs["href"] = address or ""
        if not (is_dropped and token.type in ("link_open", "link_close")):
            kept.append(token)
    return kept


def _served_address(address: str, names: Collection[str]) -> str | None:
    """Return where a link of a runbook leads here; None where to a file that is not served."""
    if address.startswith(("https://", "http://")):
        return address
    # Headings have no anchors here: the page is short.
    name = address.partition("#")[0].removesuffix(_ENDING)
    return name if name in names else None
