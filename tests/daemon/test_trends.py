"""What of results is kept for plots: minute by minute, bounded, and nothing where there are too many targets."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from monitor.daemon.trends import (
    MAX_SERIES,
    MAX_TARGET_SERIES,
    MAX_TREND_TARGETS,
    Trends,
    series_limit,
)
from monitor.model.settings import Config, labels_of
from monitor.model.trends import COST_METRIC, DURATION_METRIC, SeriesName
from tests.web.picture import (
    BALANCES,
    FAILURE,
    NOW,
    a_config,
    a_result,
    a_target,
    seconds,
    subscribers,
    success,
)

CONFIG = a_config(queries=(BALANCES,))
(JOB,) = CONFIG.jobs
COST = SeriesName("", COST_METRIC)
TOOK = SeriesName("balances", DURATION_METRIC)
OK = SeriesName(
    "balances", "token_subscribers", labels_of({"plan": "pro", "status": "ok"})
)


def noted(*values: float, config: Config = CONFIG) -> Trends:
    """Return what one minute has after results with these values."""
    trends = Trends({})
    trends.due(NOW)
    for value in values:
        result = a_result(JOB, success(subscribers("pro", "ok", value)))
        trends.note(result, config)
    return trends


def test_a_minute_is_written_when_it_is_over_with_the_last_value_of_each_series() -> (
    None
):
    trends = noted(7, 8)
    assert trends.due(NOW + seconds(59)) is None
    news = trends.due(NOW + seconds(60))
    assert news is not None
    (row,) = news.rows
    slots = news.new_series["main"]
    assert (row.target, row.at_seconds) == ("main", int(NOW.timestamp()))
    assert row.values[slots[OK]] == 8
    assert row.values[slots[TOOK]] == 0.025
    assert trends.due(NOW + seconds(120)) is None


def test_what_statements_took_is_added_up_over_a_minute_of_failures_too() -> None:
    trends = noted()
    for outcome in (success(), FAILURE):
        result = replace(a_result(JOB, outcome), statement_seconds=0.5)
        trends.note(result, CONFIG)
    news = trends.due(NOW + seconds(60))
    assert news is not None
    assert news.rows[0].values[news.new_series["main"][COST]] == 1000


def test_a_failure_leaves_no_value() -> None:
    trends = noted()
    trends.note(a_result(JOB, FAILURE), CONFIG)
    news = trends.due(NOW + seconds(60))
    assert news is not None
    assert set(news.new_series["main"]) == {COST}


def test_series_are_new_until_they_are_written_and_known_after_a_restart() -> None:
    trends = noted(7)
    first = trends.due(NOW + seconds(60))
    assert first is not None
    again = Trends(first.new_series)
    again.due(NOW)
    again.note(a_result(JOB, success(subscribers("pro", "ok", 1))), CONFIG)
    second = again.due(NOW + seconds(60))
    assert second is not None
    assert second.rows[0].values.keys() == first.rows[0].values.keys()


def test_the_series_of_a_target_are_bounded() -> None:
    trends = noted()
    samples = [subscribers(f"plan {number}", "ok", 1) for number in range(1000)]
    trends.note(a_result(JOB, success(*samples)), CONFIG)
    news = trends.due(NOW + seconds(60))
    assert news is not None
    assert len(news.rows[0].values) == MAX_TARGET_SERIES


def test_the_more_targets_the_fewer_series_of_each_and_beyond_a_hundred_none() -> None:
    assert series_limit(1) == MAX_TARGET_SERIES
    assert series_limit(MAX_TREND_TARGETS) == MAX_SERIES // MAX_TREND_TARGETS == 20
    assert series_limit(MAX_TREND_TARGETS + 1) == 0
    many = a_config(*(a_target(f"shop{n}") for n in range(101)), queries=(BALANCES,))
    trends = noted(7, config=many)
    assert trends.due(NOW + timedelta(minutes=1)) is None


def test_a_target_that_is_gone_is_written_no_more_though_its_places_are_kept() -> None:
    two = a_config(a_target("main"), a_target("gone"), queries=(BALANCES,))
    trends = Trends({})
    trends.due(NOW)
    for job in two.jobs:
        trends.note(a_result(job, success(subscribers("pro", "ok", 1))), two)
    minute = NOW
    written: list[set[str]] = []
    for _ in range(3 * 60):
        minute += seconds(60)
        news = trends.due(minute)
        assert news is not None
        if news.new_series:
            written.append(set(news.new_series))
        trends.note_written()
        trends.note(a_result(JOB, success(subscribers("pro", "ok", 1))), CONFIG)
    # As new ones, with all at the first full hour, and from then on those alone that still say something.
    assert written[0] == {"main", "gone"}
    assert written[-1] == {"main"}
