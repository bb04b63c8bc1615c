"""Rules on rates, through the pipeline: pictures of time with resets, gaps, restarts and reloads."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from monitor.detection.rate import RateMemory
from monitor.model.alerts import Change
from monitor.model.conditions import Condition
from monitor.model.detectors import RateDetector, RateUnit
from monitor.model.errors import Reason
from monitor.model.results import Failure, Success
from monitor.model.settings import Metric, Query, Rule
from tests.support.harness import MINUTE, Harness, a_config, a_query, a_rule, samples

INCREASE = RateDetector(RateUnit.INCREASE, timedelta(minutes=5))
FAILED = Failure(Reason.TIMEOUT, "took too long")
MARKS = {"pending": "P", "firing": "F"}


def rated(**changes: object) -> Rule:
    settings: dict[str, object] = {
        "condition": Condition("above", 10.0),
        "detector": INCREASE,
        "summary": "{queue} has {value} more jobs, above {threshold}",
    }
    return a_rule("JobsFailing", "jobs", **{**settings, **changes})


def query(rule: Rule) -> Query:
    metric = Metric("jobs", "", ("queue",), value="failed", kind="counter")
    return a_query("queues", metrics=(metric,), rules=(rule,))


def harness(rule: Rule | None = None) -> Harness:
    return Harness(a_config(query(rule or rated())))


def picture(one: Harness, counts: str) -> str:
    """Return what the alert is after each run, a minute apart: P, F, - for none, small letters while it is held.

    `counts` has a number for each run, `x` for one that failed, `.` for one without the row.
    """
    seen = []
    for count in counts.split():
        one.at += MINUTE
        if count == "x":
            one.run("queues", FAILED)
        else:
            found = (
                () if count == "." else samples("jobs", {"mail": float(count)}, "queue")
            )
            one.run("queues", Success(found, len(found)))
        seen.append(mark(one))
    return " ".join(seen)


def mark(one: Harness) -> str:
    alerts = [
        alert for alert in one.pipeline.active_alerts() if alert.name == "JobsFailing"
    ]
    if not alerts:
        return "-"
    (alert,) = alerts
    letter = MARKS[str(alert.state)]
    return letter.lower() if alert.held else letter


def test_it_fires_while_the_counter_rises_and_resolves_when_it_stands() -> None:
    one = harness()
    assert picture(one, "900 900 920 940 940 940 940 940 940") == "- - F F F F F F -"


def test_a_counter_that_is_high_and_stands_is_no_finding() -> None:
    assert picture(harness(), "900 900 900 900 900 900 900") == "- - - - - - -"


def test_a_reset_is_no_rise_and_hides_none() -> None:
    assert picture(harness(), "900 900 900 0 0 0") == "- - - - - -"
    assert picture(harness(), "900 900 900 6 12 18 18 18") == "- - - - F F F F"


def test_for_is_about_the_rate() -> None:
    one = harness(rated(hold=2 * MINUTE))
    picture_of = picture(one, "900 900 920 940 960 980 980 980 980 980 980")
    assert picture_of == "- - P P F F F F F F -"


def test_runs_without_data_hold_and_so_does_the_first_one_after_a_long_gap() -> None:
    one = harness()
    assert picture(one, "900 920 940") == "- F F"
    assert picture(one, "x x x x x x") == "f f f f f f"
    assert picture(one, "940 940") == "f -"
    assert one.transitions[-1].change is Change.RESOLVED


def test_a_row_that_is_gone_resolves_when_the_while_is_over() -> None:
    one = harness()
    assert picture(one, "900 920 940") == "- F F"
    assert picture(one, ". . . . .") == "F F F F -"


def test_a_restart_costs_no_alert_and_no_rate() -> None:
    one = harness()
    picture(one, "900 900 900 906 906")
    again = one.restarted(MINUTE)
    assert picture(again, "912 912") == "F F"
    third = again.restarted(timedelta(hours=1))
    assert picture(third, "912 912") == "f -"


def test_a_crash_loses_less_than_the_while() -> None:
    one = harness()
    # Written at least every quarter of the while, also while nothing is found.
    picture(one, "900 900 900 900")
    (memory,) = one.state.memories().values()
    (series,) = memory.series.values()
    assert isinstance(series, RateMemory)
    newest = series.points[-1]
    assert one.at.timestamp() - newest.at <= INCREASE.over.total_seconds() / 4


def test_a_reload_that_changes_the_threshold_goes_on_and_another_rate_begins_anew() -> (
    None
):
    one = harness()
    picture(one, "900 900 908 908")
    lower = a_config(query(rated(condition=Condition("above", 5.0))))
    assert picture(one.restarted(MINUTE, lower), "908") == "F"
    longer = replace(INCREASE, over=timedelta(minutes=10))
    other = a_config(query(rated(detector=longer)))
    assert picture(one.restarted(MINUTE, other), "908") == "f"


def test_texts_have_the_rate_and_the_threshold() -> None:
    one = harness()
    picture(one, "900 900 900 900 900 924")
    (alert,) = [a for a in one.pipeline.active_alerts() if a.name == "JobsFailing"]
    assert alert.value == 24.0
    texts = dict(alert.annotations)
    assert texts["summary"] == "mail has 24 more jobs, above 10"
