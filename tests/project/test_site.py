"""The documentation as a site: each page has its place, what is wrong is found, and the search works from a file."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.site_parts.checks import missing_words, problems_of, read_pages
from tests.conftest import LONG_NOT_ASKED
from tests.web.browser import Browser, a_browser

ROOT = Path(__file__).parent.parent.parent
NAVIGATION = ROOT / "scripts" / "site_parts" / "navigation.toml"
PHONE = {"width": 360, "height": 740, "deviceScaleFactor": 1, "mobile": False}
ASKED_BY = ("TOKEN_MONITOR_TEST_LONG", "TOKEN_MONITOR_TEST_SITE")

built = [
    pytest.mark.skipif(
        not any(os.environ.get(name) for name in ASKED_BY), reason=LONG_NOT_ASKED
    ),
    pytest.mark.timeout(900),  # the first time Sphinx is installed
]


def in_navigation() -> Counter[str]:
    """Count how often each page is in the navigation, by its path without its ending."""
    navigation = tomllib.loads(NAVIGATION.read_text(encoding="utf-8"))
    pages = [page for part in navigation["part"] for page in part["pages"]]
    for below in navigation["below"]:
        found = ROOT.glob(f"{below['pages']}.md")
        pages += [str(path.relative_to(ROOT).with_suffix("")) for path in found]
    return Counter(pages)


def test_every_page_is_in_the_navigation_once() -> None:
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    names = {str(path.relative_to(ROOT).with_suffix("")) for path in pages}
    assert in_navigation() == Counter(names - {"docs/index"})


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        stem, _, ending = name.rpartition("_")
        (folder / f"{stem}.{ending}").write_text(text, encoding="utf-8")
    return folder


def problems(folder: Path) -> list[str]:
    return [*problems_of(folder, read_pages(folder))]


def test_a_site_that_leads_only_to_itself_and_out_by_links_is_sound(
    tmp_path: Path,
) -> None:
    page = (
        '<link rel="stylesheet" href="s.css?v=1"><a href="b.html#there">b</a><a href="#here">'
        '<a href="https://example.com/x#y">out</a><h1 id="here">a</h1><img src="data:image/png;base64,">'
    )
    folder = write(
        tmp_path,
        a_html=page,
        b_html='<h2 id="there">b</h2>',
        s_css="a { background: url(data:image/svg+xml,x) }",
    )
    assert problems(folder) == []


def test_what_leads_nowhere_and_what_is_loaded_from_elsewhere_is_named(
    tmp_path: Path,
) -> None:
    page = (
        '<a href="gone.html">x</a><a href="b.html#gone">x</a><a href="#gone">x</a><img src="gone.svg">'
        '<script src="https://example.com/x.js"></script><link rel="icon stylesheet" href="//example.com/x.css">'
    )
    style = (
        '@import "https://example.com/x.css"; a { src: url(//example.com/font.woff2) }'
    )
    folder = write(tmp_path, a_html=page, b_html="<p id='there'>", s_css=style)
    assert problems(folder) == [
        "a.html: gone.html: no such file",
        "a.html: b.html#gone: no such anchor",
        "a.html: #gone: no such anchor",
        "a.html: gone.svg: no such file",
        "a.html: loads from elsewhere: https://example.com/x.js",
        "a.html: loads from elsewhere: //example.com/x.css",
        "s.css: loads from elsewhere: https://example.com/x.css",
        "s.css: loads from elsewhere: //example.com/font.woff2",
    ]


def test_a_word_that_the_search_does_not_know_is_named(tmp_path: Path) -> None:
    index = json.dumps({"terms": {"tokens_remain": [1]}, "titleterms": {"alert": [2]}})
    folder = write(tmp_path, searchindex_js=f"Search.setIndex({index})")
    words = ("tokens_remaining", "alerts", "keep_firing_for")
    assert missing_words(folder, words) == ["keep_firing_for"]


def make(root: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [root / "scripts" / "site", folder],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site") / "site"
    done = make(ROOT, folder)
    assert done.returncode == 0, done.stderr
    assert ", 0 problems" in done.stderr
    return folder


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with a_browser() as browser:
        yield browser


class TestBuilt:
    """What takes the whole site."""

    pytestmark = built

    def test_the_search_works_from_a_file(self, site: Path, browser: Browser) -> None:
        page = browser.open(f"{(site / 'search.html').as_uri()}?q=tokens_remaining")
        # It adds one after the other.
        found = "a[href*='docs/runbooks/column-missing.html']"
        page.wait_until(f'document.querySelector("ul.search {found}") !== null')

    def test_no_page_scrolls_sideways_on_a_phone(
        self, site: Path, browser: Browser
    ) -> None:
        for name in (
            "docs/index",
            "docs/concepts",
            "docs/configuration",
            "docs/metrics",
        ):
            page = browser.open((site / f"{name}.html").as_uri())
            page.call("Emulation.setDeviceMetricsOverride", **PHONE)
            wide = "document.documentElement.scrollWidth - window.innerWidth"
            assert page.ask(wide) <= 0, name

    def test_what_is_broken_fails_the_build_and_is_named(self, tmp_path: Path) -> None:
        for name in ("scripts", "requirements"):
            shutil.copytree(ROOT / name, tmp_path / name)
        shutil.copy(ROOT / "pyproject.toml", tmp_path)
        docs = tmp_path / "docs"
        docs.mkdir()
        links = "[a](gone.md) [b](alerts.md#gone) [c](../gone.toml)"
        pages = {"index": links, "alerts": "", "alone": ""}
        for name, text in pages.items():
            (docs / f"{name}.md").write_text(f"# Page\n{text}\n", encoding="utf-8")
        done = make(tmp_path, tmp_path / "site")
        assert done.returncode == 1
        for named in ("gone.md", "'gone'", "gone.toml", "alone.md"):
            assert named in done.stderr, done.stderr
        assert not (tmp_path / "site").exists()

    def test_a_folder_that_is_no_site_is_left_alone(self, tmp_path: Path) -> None:
        (tmp_path / "thesis.txt").write_text("years", encoding="utf-8")
        done = make(ROOT, tmp_path)
        assert done.returncode == 2
        assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
