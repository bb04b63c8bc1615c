"""What is declared once is used everywhere: paths in their table, what is computed for the page in its template."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args

import pytest

import monitor.web
from monitor.web.alert_groups import AlertGroup, AlertRow, Texts
from monitor.web.answers import Answers
from monitor.web.banners import Banner
from monitor.web.page import Page
from monitor.web.routes import ENDPOINTS, OPEN_PATHS, application
from monitor.web.tables import QueryRow, ReceiverRow, TargetRow
from monitor.web.verdict import Tone, Verdict
from monitor.web.words import When
from tests.web.serving import ServedState

WEB = Path(monitor.web.__file__).parent
TEMPLATE = (WEB / "templates" / "page.html").read_text(encoding="utf-8")
STYLE = (WEB / "static" / "page.css").read_text(encoding="utf-8")
SHOWN = (
    *(Page, Verdict, Banner, AlertGroup, AlertRow, Texts),
    *(TargetRow, QueryRow, ReceiverRow, When),
)
# Known to the code alone.
NOT_SHOWN = {"Verdict.is_sick"}


@pytest.mark.parametrize("value", SHOWN)
def test_everything_that_is_computed_for_the_page_is_in_its_template(
    value: type[Any],
) -> None:
    names = {field.name for field in fields(value)}
    unused = {
        f"{value.__name__}.{name}"
        for name in names
        if not re.search(rf"\.{name}\b", TEMPLATE)
    }
    assert unused - NOT_SHOWN == set(), "not in templates/page.html"


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("page", (Page,)),
        ("group", (AlertGroup,)),
        ("banner", (Banner,)),
        ("row", (AlertRow, TargetRow, QueryRow, ReceiverRow)),
        ("moment", (When,)),
    ],
)
def test_the_template_names_only_what_is_computed_for_it(
    name: str, values: tuple[type[Any], ...]
) -> None:
    # Not page.css, which is a file.
    named = set(re.findall(rf"(?<![\w/]){name}\.(\w+)", TEMPLATE))
    known = {attribute for value in values for attribute in dir(value)}
    assert named - known == set(), f"no value for the page has these of {name}"


def test_every_tone_has_its_colours() -> None:
    missing = [tone for tone in get_args(Tone) if f".{tone}" not in STYLE]
    assert missing == [], "not in static/page.css"


def test_every_answer_has_its_path() -> None:
    answers = {name for name in vars(Answers) if not name.startswith("_")}
    routed = {
        cell.cell_contents.__name__
        for endpoint in ENDPOINTS
        for cell in endpoint.binding.__closure__ or ()
    }
    assert answers - routed == set(), "not in monitor.web.routes.ENDPOINTS"


def test_only_what_orchestrators_ask_is_open() -> None:
    assert {"/-/healthy", "/-/ready"} == OPEN_PATHS


def test_every_path_is_there_once() -> None:
    paths = [(endpoint.method, endpoint.path) for endpoint in ENDPOINTS]
    assert len(paths) == len(set(paths))
    assert len(application(ServedState().views()).routes) == len(paths)
