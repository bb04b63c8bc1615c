"""How much a healthy result and a tick make the pipeline do, counted in calls, and what more targets add to that."""

from __future__ import annotations

from dataclasses import replace

import pytest

from monitor.model.results import Outcome, Result
from monitor.model.settings import Config, Job
from tests.support.calls import steps
from tests.support.harness import (
    COLUMNS,
    MINUTE,
    SECOND,
    SERVER,
    TARGET,
    Harness,
    a_config,
    a_query,
    columns,
    usage,
)

_QUERIES = (COLUMNS, *(a_query(f"q{number}") for number in range(7)))
_HEALTHY = {"missing_columns": columns()}


def a_fleet(targets: int) -> Config:
    fleet = tuple(replace(TARGET, name=f"t{number}") for number in range(targets))
    jobs = tuple(Job(target, query) for target in fleet for query in _QUERIES)
    return replace(a_config(), targets=fleet, jobs=jobs)


def settled(targets: int) -> Harness:
    """Return a pipeline in which each query has run several times, and all has been well for long."""
    harness = Harness(a_fleet(targets))
    harness.next_run_at_of = lambda _key: harness.at + MINUTE
    for _ in range(3):
        for job in harness.config.jobs:
            harness.take(healthy(harness, job))
        harness.after(30 * SECOND)
    return harness


def healthy(harness: Harness, job: Job) -> Result:
    outcome: Outcome = _HEALTHY.get(job.query.name, usage(5))
    at = harness.at
    return Result(
        job, at, at, at, 0.01, outcome, SERVER, let_in_at=at, statement_seconds=0.001
    )


@pytest.fixture(scope="module")
def harnesses() -> tuple[Harness, Harness]:
    return settled(2), settled(42)


def test_a_healthy_result_makes_it_do_the_same_however_many_targets_there_are(
    harnesses: tuple[Harness, Harness],
) -> None:
    calls: list[int] = []
    for harness in harnesses:
        result = healthy(harness, harness.config.jobs[3])
        calls.append(steps(lambda: harness.take(result)))  # noqa: B023
    few, many = calls
    assert many == few <= 470


def test_a_tick_looks_at_a_target_with_which_all_is_well_in_a_handful_of_calls(
    harnesses: tuple[Harness, Harness],
) -> None:
    few, many = (steps(harness.tick) for harness in harnesses)
    assert few <= 700
    assert many - few <= 5 * 40
