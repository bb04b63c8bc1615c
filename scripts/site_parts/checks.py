"""Look at a built site as a browser meets it: every link leads somewhere, nothing is loaded from elsewhere.

`python -m scripts.site_parts.checks FOLDER` prints what is wrong, or what the site has.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

WORDS = ("tokens_remaining", "keep_firing_for", "TokenBalancesUninitialized")
"""What people look for first; the search has to know it."""

_LOADED = {
    "script": "src",
    "img": "src",
    "iframe": "src",
    "source": "src",
    "embed": "src",
    "video": "src",
    "audio": "src",
    "object": "data",
}
"""By which attribute a tag has something loaded; of <link> it depends on its rel."""
_LOADING_RELS = {"stylesheet", "icon", "preload", "modulepreload", "manifest"}
_OUTSIDE = re.compile(r"(https?:)?//", re.IGNORECASE)
_CSS_OUTSIDE = re.compile(
    r"(?:url\(\s*['\"]?|@import\s+['\"])((?:https?:)?//[^'\")]*)", re.IGNORECASE
)
_ENDING = 6
"""So many letters of a word are left out when its stem is looked for: the index has stems."""
_INDEX = re.compile(r"Search\.setIndex\((.*)\)\s*;?\s*", re.DOTALL)


@dataclass(slots=True)
class Page:
    """What of a page others can lead to, and where it leads."""

    anchors: set[str] = field(default_factory=set)
    links: list[str] = field(default_factory=list)
    loaded: list[str] = field(default_factory=list)


class _PageReader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.page = Page()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.page.anchors.update(values[key] for key in ("id", "name") if key in values)
        if tag == "link" and _LOADING_RELS & set(values.get("rel", "").split()):
            self.page.loaded.append(values.get("href", ""))
        elif tag in ("a", "link") and "href" in values:
            self.page.links.append(values["href"])
        elif _LOADED.get(tag, "") in values:
            self.page.loaded.append(values[_LOADED[tag]])


def read_pages(folder: Path) -> dict[Path, Page]:
    """Read every page of a site, by its path."""
    pages = {}
    for path in sorted(folder.rglob("*.html")):
        reader = _PageReader()
        reader.feed(path.read_text(encoding="utf-8"))
        pages[path.resolve()] = reader.page
    return pages


def problems_of(folder: Path, pages: Mapping[Path, Page]) -> Iterator[str]:
    """Yield what is wrong with a site."""
    for path, page in pages.items():
        name = path.relative_to(folder.resolve())
        for link in page.links:
            yield from (f"{name}: {link}: {why}" for why in _dead(link, path, pages))
        for address in page.loaded:
            if _OUTSIDE.match(address):
                yield f"{name}: loads from elsewhere: {address}"
            elif not address.startswith("data:"):
                why = _dead(address, path, pages)
                yield from (f"{name}: {address}: {one}" for one in why)
    for style in sorted(folder.rglob("*.css")):
        for address in _CSS_OUTSIDE.findall(style.read_text(encoding="utf-8")):
            yield f"{style.name}: loads from elsewhere: {address}"


def _dead(link: str, path: Path, pages: Mapping[Path, Page]) -> Iterator[str]:
    """Yield why a link within the site leads nowhere; nothing where it leads somewhere, or out."""
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        return
    goal = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    anchor = unquote(parts.fragment)
    if not goal.is_file():
        yield "no such file"
    elif anchor and goal in pages and anchor not in pages[goal].anchors:
        yield "no such anchor"


def missing_words(folder: Path, words: tuple[str, ...] = WORDS) -> list[str]:
    """Return the words that the search does not know."""
    found = _INDEX.fullmatch((folder / "searchindex.js").read_text(encoding="utf-8"))
    assert found is not None, "the index of the search is not as it was"
    index = json.loads(found[1])
    known = [*index["terms"], *index["titleterms"]]
    return [
        word
        for word in words
        if not any(term.startswith(word.lower()[:-_ENDING]) for term in known)
    ]


def main(folder: Path) -> int:
    """Print what is wrong with a site, or what it has; return the exit code."""
    pages = read_pages(folder)
    problems = [*problems_of(folder, pages)]
    problems += [f"the search does not know {word}" for word in missing_words(folder)]
    for problem in problems:
        print(problem, file=sys.stderr)
    links = sum(len(page.links) + len(page.loaded) for page in pages.values())
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    print(
        f"{len(pages)} pages, {links:,} links, {size / 1e6:.1f} MB, {len(problems)} problems"
    )
    return 1 if problems or not pages else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
