"""A target that a reload removes leaves nothing in memory: lists may bring and take thousands of them in time."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from dataclasses import replace
from types import FunctionType, ModuleType

from monitor.alerting.resolved import RESOLVED_KEPT
from monitor.daemon.messages import NewConfig
from monitor.daemon.trends import Trends
from monitor.model.conditions import Condition
from monitor.model.detectors import NewDetector
from monitor.model.results import Outcome, Result, Success
from monitor.model.schedules import Every
from monitor.model.settings import Config, Job, Metric
from tests.support.harness import (
    COLUMNS,
    LOST,
    MINUTE,
    SERVER,
    TARGET,
    Harness,
    a_config,
    a_query,
    a_rule,
    columns,
    samples,
)

PASSING = replace(TARGET, name="a target that passes by")
NEW = a_rule("PlanNew", "plans", condition=Condition("new"), detector=NewDetector())
PLANS = a_query(
    "plans",
    metrics=(Metric("plans", "", ("plan",), value="users"),),
    rules=(NEW, a_rule("PlansUsed", "plans", keep_firing_for=MINUTE)),
    schedule=Every(MINUTE),
)


def watching(*, also_passing: bool = False) -> Config:
    config = a_config(COLUMNS, PLANS)
    if not also_passing:
        return config
    jobs = [Job(PASSING, job.query) for job in config.jobs]
    return replace(config, targets=(TARGET, PASSING), jobs=(*config.jobs, *jobs))


def run(one: Harness, job: Job, outcome: Outcome) -> None:
    server = None if outcome is LOST else SERVER
    one.take(Result(job, one.at, one.at, one.at, 0.01, outcome, server))


def used() -> Success:
    return Success(samples("plans", {"pro": 5}), 1)


def paths_to(word: str, root: object) -> Iterator[str]:
    """Yield how one comes from an object to a text, by the kinds of what is between."""
    # The places of series for plots stay, as long as those in the state's file have the same numbers.
    left_out = (type, ModuleType, FunctionType, Harness, Trends)
    # With the objects, or another one may have the number of one that is gone.
    seen: dict[int, object] = {}
    stack: list[tuple[object, str]] = [(root, "")]
    while stack:
        one, path = stack.pop()
        if one == word:
            yield path
        if id(one) in seen or isinstance(one, left_out):
            continue
        seen[id(one)] = one
        path += f".{type(one).__name__}"
        parts = (
            [*one, *one.values()] if isinstance(one, dict) else gc.get_referents(one)
        )
        stack += [(part, path) for part in parts]


def test_nothing_is_kept_in_memory_of_a_target_that_a_reload_removed() -> None:
    both = watching(also_passing=True)
    one = Harness(watching())
    one.take(NewConfig(both))
    schema, plans = (job for job in both.jobs if job.target == PASSING)
    run(one, schema, columns())
    run(one, plans, used())
    one.after(MINUTE)
    run(one, plans, LOST)
    one.after(MINUTE)
    run(one, schema, columns())
    one.after(MINUTE)
    assert one.wanted
    assert {alert.scope.target for alert in one.pipeline.active_alerts()} >= {
        PASSING.name
    }
    one.config = watching()
    one.take(NewConfig(one.config))
    one.after(RESOLVED_KEPT + MINUTE)
    one.run("plans", used())
    one.after(MINUTE)
    assert [*paths_to(PASSING.name, one.pipeline)] == []
