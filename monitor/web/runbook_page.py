"""Turn a shipped runbook into a page that a person reads at night; behind the answers."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from markdown_it.token import Token
    from markupsafe import Markup

_ENDING = ".md"
_ENDS_OF_LINK = ("link_open", "link_close")


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
        _lead_to_what_is_served(token.children or (), names)
    html = reader.renderer.render(rest, reader.options, {})
    # What the renderer wrote is escaped.
    return RunbookPage(headline, Markup(html))  # noqa: S704


def _without_headline(tokens: Sequence[Token]) -> tuple[str, list[Token]]:
    """Return the text of the first heading, which stands above all else, and what follows it."""
    _opening, words, _closing, *rest = tokens
    return words.content, rest


def _lead_to_what_is_served(tokens: Sequence[Token], names: Collection[str]) -> None:
    """Have the links of a paragraph lead to what is served here; of others only the words stay."""
    is_hidden = False
    for token in tokens:
        if token.type == "link_open":
            address = _served_address(str(token.attrs["href"]), names)
            is_hidden = not address
            token.attrs["href"] = address
        if token.type in _ENDS_OF_LINK:
            token.hidden = is_hidden


def _served_address(address: str, names: Collection[str]) -> str:
    """Return where a link of a runbook leads here; nothing where to a file that is not served."""
    if address.startswith(("https://", "http://")):
        return address
    # Headings have no anchors here: the page is short.
    name = address.partition("#")[0].removesuffix(_ENDING)
    return name if name in names else ""
