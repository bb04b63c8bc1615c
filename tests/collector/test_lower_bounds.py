"""What a statement counted in part only: which samples it concerns, and those that are not there."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from monitor.collector.lower_bounds import lower_bounds_of, with_lower_bounds
from monitor.collector.samples import samples_of
from monitor.model.errors import SampleError
from monitor.model.lower_bounds import LowerBound
from monitor.model.results import Cell, Rows
from monitor.model.schedules import Every
from monitor.model.settings import Metric, Query, Statement

UNABLE = Metric("unable", "h", ("plan",), value="n", at_least={"n": "cut"})
STATES = Metric(
    "states",
    "h",
    ("plan",),
    values_label="state",
    values=("empty", "low"),
    at_least={"low": "cut"},
)
PLAIN = Metric("plain", "h", ("plan",), value="n")


def query(*metrics: Metric) -> Query:
    return Query(
        name="q",
        summary="s",
        statement=Statement("SELECT 1"),
        schedule=Every(timedelta(minutes=1)),
        timeout=timedelta(seconds=10),
        max_rows=1000,
        source=Path("q.toml"),
        metrics=metrics,
    )


def rows(*cells: tuple[Cell, ...]) -> Rows:
    return Rows(("plan", "n", "empty", "low", "cut"), cells)


def test_what_the_flag_of_any_row_says_is_so_of_all_rows_and_of_what_is_not_there() -> (
    None
):
    given = rows(("pro", 7, 1, 2, 0), ("basic", 3, 0, 0, 1))
    found = lower_bounds_of(query(UNABLE, STATES, PLAIN), given)

    assert found == (
        LowerBound("unable"),
        LowerBound("states", (("state", "low"),)),
    )
    marked = with_lower_bounds(samples_of(query(UNABLE, STATES, PLAIN), given), found)
    assert {
        (sample.metric, dict(sample.labels).get("state"))
        for sample in marked
        if sample.at_least
    } == {("unable", None), ("states", "low")}
    assert len([sample for sample in marked if sample.at_least]) == 4


def test_without_the_flag_everything_was_counted() -> None:
    given = rows(("pro", 7, 1, 2, 0), ("basic", 7, 1, 2, None))
    assert lower_bounds_of(query(UNABLE, STATES), given) == ()
    samples = samples_of(query(UNABLE, STATES), given)
    assert with_lower_bounds(samples, ()) == samples


def test_no_rows_at_all_say_nothing() -> None:
    assert lower_bounds_of(query(UNABLE), rows()) == ()
    assert lower_bounds_of(query(UNABLE), Rows((), ())) == ()


def test_a_flag_that_the_statement_does_not_give_is_an_error() -> None:
    with pytest.raises(SampleError, match="metric unable names column cut"):
        samples_of(query(UNABLE), Rows(("plan", "n"), (("pro", 1),)))
