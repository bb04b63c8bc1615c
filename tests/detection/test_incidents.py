"""What an alert covers teaches the detectors of what it explains nothing, and what nothing covers teaches them."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.alerting.active import ActiveAlerts
from monitor.detection.baseline import Baseline
from monitor.detection.change import ChangeMemory, look_for_change
from monitor.detection.incidents import (
    EVERYTHING,
    INCIDENT_AT_MOST,
    NOTHING,
    Causes,
    Lesson,
)
from monitor.detection.objective import ObjectiveMemory, look_for_miss
from monitor.model.alerts import Alert, AlertState, Scope
from monitor.model.cause_graph import graph_of
from monitor.model.conditions import Condition
from monitor.model.detectors import ChangeDetector, SloDetector
from monitor.model.settings import ColumnName, Job, Severity, labels_of
from tests.detection.series import DAY, HOUR, MINUTE, START
from tests.support.harness import TARGET, a_query, a_rule

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
CHANGE = ChangeDetector(by=0.2, over=timedelta(hours=1))
CAUSES_IN_TIME = Lesson(teaches=False, accepts=True)

STOPPED = a_rule("Stopped", "age", explains=("Total",))
TOTAL = a_rule(
    "Total",
    "events",
    condition=Condition("change"),
    detector=CHANGE,
    explains=("Feature",),
)
FEATURE = a_rule(
    "Feature", "events", condition=Condition("change"), detector=CHANGE, needs=()
)
JOB = Job(TARGET, a_query("usage", rules=(STOPPED, TOTAL, FEATURE)))
CAUSES = Causes(graph_of([JOB]), frozenset({"Total", "Feature"}))


def alert(name: str, fired_ago: timedelta | None, **labels: str) -> Alert:
    fired_at = None if fired_ago is None else NOW - fired_ago
    state = AlertState.PENDING if fired_at is None else AlertState.FIRING
    identity = {"alertname": name, "severity": "critical", "target": "main"}
    return Alert(
        Scope(name, "main", "usage"),
        labels_of({**identity, "region": "eu", **labels}),
        Severity.CRITICAL,
        state,
        1.0,
        NOW,
        fired_at=fired_at,
    )


def lesson(
    *alerts: Alert, missing: Sequence[ColumnName] = (), job: Job = JOB, **labels: str
) -> Lesson:
    active = ActiveAlerts()
    active.restore(alerts, (), timedelta(0))
    incidents = CAUSES.incidents(job, active, frozenset(missing), NOW)
    return incidents.lesson_of(job.query.rules[-1], labels_of(labels))


MINUTES = timedelta(minutes=5)


@pytest.mark.parametrize(
    ("alerts", "expected"),
    [
        ([], EVERYTHING),
        ([alert("Stopped", None)], EVERYTHING),
        ([alert("Feature", MINUTES, action="rewrite")], EVERYTHING),
        ([alert("Other", MINUTES)], EVERYTHING),
        ([alert("Stopped", MINUTES)], NOTHING),
        ([alert("Stopped", INCIDENT_AT_MOST)], EVERYTHING),
        ([alert("Total", MINUTES)], CAUSES_IN_TIME),
        ([alert("Total", MINUTES, action="seo_title")], EVERYTHING),
        ([alert("Total", MINUTES, action="rewrite", window="5m")], CAUSES_IN_TIME),
        ([alert("Total", MINUTES), alert("Stopped", MINUTES)], NOTHING),
        ([alert("Total", MINUTES, region="us")], EVERYTHING),
    ],
)
def test_a_series_is_covered_by_what_fires_and_explains_it_be_it_through_another(
    alerts: list[Alert], expected: Lesson
) -> None:
    assert lesson(*alerts, action="rewrite") == expected


def test_a_series_that_lacks_a_column_teaches_nothing() -> None:
    column = ColumnName("users", "tokens_remaining")
    needing = replace(FEATURE, needs=(column,))
    job = replace(JOB, query=replace(JOB.query, rules=(STOPPED, TOTAL, needing)))
    assert lesson(missing=[column], job=job, action="rewrite") == NOTHING
    assert lesson(missing=[column], action="rewrite") == EVERYTHING
    assert lesson(job=job, action="rewrite") == EVERYTHING


COUNTS = st.integers(0, 1000).map(float)
LESSONS = st.sampled_from([NOTHING, CAUSES_IN_TIME])
LEVELS = st.sampled_from([0.0, 0.7, 1.0, 1.3, 3.0])
INCIDENT = st.lists(st.tuples(LEVELS, LEVELS, st.integers(1, 30)), max_size=8)
"""How many times the usual value comes in one series and in the other, and for how many points."""


def usual(number: int) -> float:
    return 100.0 + 7 * (number % 5) + 3 * (number // 12 % 24)


@cache
def learned() -> Baseline:
    """Return a baseline that has seen nine days of usual values."""
    baseline = Baseline()
    for number in range(9 * 288):
        baseline.judge(START + number * 5 * MINUTE, usual(number))
    return baseline


def what_was_learned(baseline: Baseline) -> dict[str, object]:
    """Return the record without what judging remembers: the alarm, the run of the last points, all that came."""
    record = dict(baseline.to_record())
    del record["alarm"]
    of_now = record["now"]
    assert isinstance(of_now, list)
    record["now"] = of_now[:5]
    for track in ("points", "hourly"):
        of_track = record[track]
        assert isinstance(of_track, list)
        record[track] = of_track[:2]
    return record


@given(
    fall=st.integers(0, 40), offset=st.integers(0, 11), lesson=LESSONS, levels=INCIDENT
)
def test_what_a_baseline_has_learned_after_an_incident_depends_on_no_value_of_it(
    fall: int, offset: int, lesson: Lesson, levels: list[tuple[float, float, int]]
) -> None:
    began = [(1.0, EVERYTHING)] * offset + [(0.7, EVERYTHING)] * fall
    records = []
    for which in (0, 1):
        baseline = copy.deepcopy(learned())
        incident = [(level[which], lesson) for level in levels for _ in range(level[2])]
        for number, (level, of_point) in enumerate([*began, *incident], start=9 * 288):
            baseline.judge(
                START + number * 5 * MINUTE,
                round(level * usual(number)),
                teaches=of_point.teaches,
                accepts=of_point.accepts,
            )
        records.append(what_was_learned(baseline))
    first, second = records
    assert first == second


def test_a_baseline_finds_what_comes_after_two_days_of_a_known_incident() -> None:
    baseline = Baseline()
    step, on = 5 * MINUTE, []
    for number in range(16 * 288):
        day = number / 288
        is_known = 10 <= day < 12
        value = 0.0 if is_known or day >= 15 else usual(number)
        verdict = baseline.judge(
            START + number * step, value, teaches=not is_known, accepts=not is_known
        )
        on.append(verdict.is_alarm)
    assert not any(on[: 10 * 288])
    assert not any(on[12 * 288 + 12 : 15 * 288])
    assert any(on[15 * 288 : 15 * 288 + 3])


def test_the_day_until_a_level_is_accepted_begins_when_the_incident_is_over() -> None:
    baseline = Baseline()
    on: list[int] = []
    for number in range(15 * 288):
        day = number / 288
        is_known = 10 <= day < 12
        value = usual(number) * (3 if day >= 10 else 1)
        lesson_of = NOTHING if is_known else EVERYTHING
        verdict = baseline.judge(
            START + number * 5 * MINUTE,
            value,
            teaches=lesson_of.teaches,
            accepts=lesson_of.accepts,
        )
        if verdict.is_alarm:
            on.append(number)
    assert on[0] >= 10 * 288
    assert 12 * DAY + 24 * HOUR <= on[-1] * 5 * MINUTE <= 12 * DAY + 26 * HOUR


def test_what_is_covered_night_after_night_is_a_night_and_not_an_incident() -> None:
    """A product that nobody uses at night, where each night the rule fires that says so."""
    baseline, false = Baseline(), []
    for number in range(35 * 288):
        seconds = number * 5 * MINUTE
        hour = seconds / HOUR % 24
        is_open = 7 <= hour < 21
        value = 200 * math.sin((hour - 7) / 14 * math.pi) if is_open else 0.0
        is_covered = not 7 <= hour < 21.5
        if number % 288 == 0:
            # It is kept and read back each day.
            baseline = Baseline.from_record(
                json.loads(json.dumps(baseline.to_record()))
            )
        verdict = baseline.judge(
            START + seconds,
            round(value),
            teaches=not is_covered,
            accepts=not is_covered,
        )
        if verdict.is_alarm and not is_covered:
            false.append(seconds / DAY)
    assert false == []


@given(values=st.lists(st.tuples(COUNTS, COUNTS), min_size=1, max_size=240))
def test_what_a_change_is_compared_with_depends_on_no_value_of_an_incident(
    values: list[tuple[float, float]],
) -> None:
    memories = []
    for series in zip(*values, strict=True):
        memory = None
        for number in range(50):
            memory = look_for_change(CHANGE, memory, number * 5 * MINUTE, 100.0, {})
        for number, value in enumerate(series, start=50):
            at = number * 5 * MINUTE
            memory = look_for_change(CHANGE, memory, at, value, {}, NOTHING)
        after = look_for_change(CHANGE, memory, at + MINUTE, 100.0, {})
        memories.append(compared_with(after))
    first, second = memories
    assert first == second
    assert first[0] == {100.0}


def compared_with(memory: ChangeMemory) -> tuple[object, ...]:
    return set(memory.points.values()), memory.moves, memory.found


def test_a_change_that_its_cause_covers_for_days_is_not_what_there_is_by_then() -> None:
    memory = None
    for number in range(24):
        memory = look_for_change(CHANGE, memory, number * 5 * MINUTE, 100.0, {})
    for number in range(24, 3 * 288):
        memory = look_for_change(CHANGE, memory, number * 5 * MINUTE, 10.0, {}, NOTHING)
    assert memory is not None
    assert memory.found is not None
    assert memory.found.before == 100.0


@given(incident=st.lists(st.floats(0, 1), min_size=1, max_size=50))
def test_an_objective_is_learned_of_no_value_of_an_incident(
    incident: list[float],
) -> None:
    memory: ObjectiveMemory | None = None
    detector = SloDetector()
    for number in range(20):
        memory, _ = look_for_miss(detector, memory, number * HOUR, 0.99)
    assert memory is not None
    before = memory.days
    for number, share in enumerate(incident, start=20):
        memory, _ = look_for_miss(detector, memory, number * HOUR, share, teaches=False)
    assert memory.days == before
    assert memory.burn.newest > 0
