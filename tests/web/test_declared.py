"""What is declared once is used everywhere: paths in their table, what is computed for the page in its template."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args

import pytest

import monitor.web
from monitor.web.alert_groups import AlertGroup, AlertRow, Texts
from monitor.web.alert_page import AlertPage, NotifiedReceiver
from monitor.web.answers import Answers
from monitor.web.banners import Banner
from monitor.web.first_steps import FirstStep
from monitor.web.history_page import FilterLink, FilterLinks, HistoryPage
from monitor.web.history_rows import PastChange, PastDelivery
from monitor.web.missing_page import MissingPage, OfferedPage
from monitor.web.numbers import NumberTile, PlanTable
from monitor.web.page import Page
from monitor.web.page_filter import Choices, NarrowedPage, PageFilter
from monitor.web.plots import AxisTick, Band, Line, Plot, ThresholdLine
from monitor.web.query_page import QueryDetail, QueryPage
from monitor.web.routes import ENDPOINTS, OPEN_PATHS, application
from monitor.web.rule_clocks import AlertClock, RuleClock
from monitor.web.samples_table import SampleTable
from monitor.web.silence_pages import SilenceRow, SilencesPage
from monitor.web.tables import QueryRow, ReceiverRow, TargetRow
from monitor.web.target_page import SchemaContract, TargetPage
from monitor.web.target_search import FoundTarget, TargetSearch
from monitor.web.trend_plots import TimeRange
from monitor.web.verdict import Tone, Verdict
from monitor.web.words import When
from tests.web.serving import ServedState

WEB = Path(monitor.web.__file__).parent
TEMPLATES = {
    path.name: path.read_text(encoding="utf-8")
    for path in (WEB / "templates").glob("*.html")
}
TEMPLATE = "".join(TEMPLATES.values())
STYLE = (WEB / "static" / "page.css").read_text(encoding="utf-8")
SHOWN = (
    *(Page, Verdict, Banner, FirstStep, AlertGroup, AlertRow, Texts),
    *(TargetRow, QueryRow, ReceiverRow, When),
    *(QueryPage, QueryDetail, RuleClock, AlertClock, SampleTable),
    *(TargetPage, SchemaContract, AlertPage, NotifiedReceiver),
    *(HistoryPage, FilterLinks, FilterLink, PastChange, PastDelivery),
    *(MissingPage, OfferedPage, SilencesPage, SilenceRow),
    *(TargetSearch, FoundTarget),
    *(NumberTile, PlanTable, Choices, NarrowedPage, PageFilter),
    *(Plot, Line, AxisTick, Band, ThresholdLine, TimeRange),
)
# Known to the code alone.
NOT_SHOWN = {
    *("Verdict.is_sick", "Verdict.brief"),
    *("TimeRange.length", "TimeRange.span_seconds"),
}


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
    assert unused - NOT_SHOWN == set(), "not in templates/"


@pytest.mark.parametrize(
    ("name", "values"),
    [
        (
            "page",
            (
                *(Page, QueryPage, TargetPage, AlertPage),
                *(HistoryPage, MissingPage, SilencesPage),
            ),
        ),
        ("detail", (QueryDetail,)),
        ("rule", (RuleClock,)),
        ("alert", (AlertClock,)),
        ("table", (SampleTable,)),
        ("contract", (SchemaContract,)),
        ("tile", (NumberTile,)),
        ("choice", (Choices,)),
        ("value", (NarrowedPage,)),
        ("plot", (Plot,)),
        ("line", (Line,)),
        ("tick", (AxisTick,)),
        ("band", (Band,)),
        ("limit", (ThresholdLine,)),
        ("range", (TimeRange,)),
        ("change", (PastChange,)),
        ("delivery", (PastDelivery,)),
        ("filter", (FilterLinks,)),
        ("link", (FilterLink,)),
        ("group", (AlertGroup,)),
        ("banner", (Banner,)),
        ("row", (AlertRow, TargetRow, QueryRow, ReceiverRow, SilenceRow)),
        ("moment", (When,)),
    ],
)
def test_the_template_names_only_what_is_computed_for_it(
    name: str, values: tuple[type[Any], ...]
) -> None:
    # Not page.css, which is a file.
    named = set(re.findall(rf"(?<![\w/]){name}\.(?!html|css|js\b)(\w+)", TEMPLATE))
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
