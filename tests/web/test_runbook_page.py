"""A runbook as a page: all of its words, its links where they lead somewhere, and nothing that runs."""

from __future__ import annotations

import html
import re

import pytest

from monitor.config.shipped import read_runbooks
from monitor.web.runbook_page import runbook_page_of
from tests.web.picture import a_config
from tests.web.serving import ServedState, serving

RUNBOOKS = read_runbooks()


def words_of(text: str) -> list[str]:
    return re.findall(r"\w+", text)


@pytest.mark.parametrize("name", sorted(RUNBOOKS))
def test_every_shipped_runbook_says_the_same_as_a_page(name: str) -> None:
    text = RUNBOOKS[name]
    page = runbook_page_of(text, RUNBOOKS)
    assert text.startswith(f"# {page.headline}\n")
    shown = html.unescape(re.sub("<[^>]+>", " ", page.html))
    without_addresses = re.sub(r"\]\([^)]*\)", "] ", text)
    without_languages = re.sub(r"```\w+\n", " ", without_addresses)
    numbered = re.sub(r"(?m)^\d+\. ", "", without_languages)
    assert words_of(f"{page.headline} {shown}") == words_of(numbered)
    for address in re.findall('href="([^"]*)"', page.html):
        assert address in RUNBOOKS or address.startswith("https://")


def test_a_link_to_another_runbook_leads_there_and_one_that_is_not_served_is_words() -> (
    None
):
    text = "# Title\n\nSee [one](one.md#repair), [docs](../queries.md) and [*that*](https://example.com/).\n"
    page = runbook_page_of(text, {"one"})
    assert page.html == (
        '<p>See <a href="one">one</a>, docs and <a href="https://example.com/"><em>that</em></a>.</p>\n'
    )


def test_html_and_scripts_in_it_are_text() -> None:
    page = runbook_page_of(
        "# T\n\n<script>alert(1)</script> [x](javascript:alert(2)) `a < b`\n", ()
    )
    assert "<script" not in page.html
    assert "href" not in page.html
    assert "<code>a &lt; b</code>" in page.html


def test_a_browser_is_given_the_page_and_a_program_the_text() -> None:
    with serving(ServedState(a_config())) as client:
        browsers = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
        page = client.get("/runbooks/column-missing", Accept=browsers)
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert "<h1>TokenColumnMissing</h1>" in page.text
        assert "<h2>First look</h2>" in page.text
        assert 'href="../static/page.css' in page.text
        text = client.get("/runbooks/column-missing", Accept="*/*")
        assert text.text == RUNBOOKS["column-missing"]
        assert page.headers["vary"] == text.headers["vary"] == "accept"
        assert client.get("/runbooks/nothing", Accept=browsers).status == 404
