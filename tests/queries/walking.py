"""Walk a sweep step by step, as runs of the daemon do, with the position through the state's text in between."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from monitor.collector.courtesy import Courtesy
from monitor.collector.sweep import sweep_on
from monitor.database import Session
from monitor.model.positions import Position, SweepPosition
from monitor.model.results import Sample, Success
from monitor.model.schedules import Every
from monitor.model.settings import Metric, Query, Rule, Statement
from monitor.model.sweeps import Pace
from monitor.model.walked import walked_by
from monitor.model.walks import Sweep
from monitor.storage.positions import position_to_text, text_to_position
from tests.queries.tokens import NOW

MINUTE = timedelta(minutes=1)
SWEEP = Sweep("things", "id")
_WHERE = "FROM things WHERE id > %(from_key)s AND id <= %(to_key)s GROUP BY plan"
THINGS = Query(
    "things",
    "Things",
    Statement(
        f"SELECT plan, COUNT(*) AS things, COALESCE(SUM(n), 0) AS total {_WHERE}",
        ("from_key", "to_key"),
    ),
    Every(MINUTE),
    timedelta(seconds=20),
    1000,
    Path("things.toml"),
    metrics=(
        Metric("things", "Things", labels=("plan",), value="things", positive=True),
        Metric("total", "Sum", labels=("plan",), value="total"),
        Metric("all_things", "Things", value="things", positive=True),
    ),
    walk=SWEEP,
)


def sweep_of(query: Query) -> Sweep:
    """Return how a query walks; it is a sweep."""
    assert isinstance(query.walk, Sweep)
    return query.walk


def one_piece() -> Callable[[], bool]:
    """Return a server that has time for one piece."""
    answers = iter((False, False))
    return lambda: next(answers, True)


def step(
    query: Query,
    session: Session,
    position: Position | None,
    now: datetime = NOW,
    is_busy: Callable[[], bool] = lambda: False,
) -> Success:
    """Make one run that goes on from a position."""
    courtesy = Courtesy(is_busy=is_busy)
    return sweep_on(query, sweep_of(query), session, position, now, courtesy).success


def kept(success: Success, before: Position | None) -> Position | None:
    """Return where the next run begins: the position as it comes back from the state."""
    if success.position is None:
        return before
    return text_to_position(position_to_text(success.position))


def steps(query: Query, session: Session, widths: Iterator[int]) -> Iterator[Success]:
    """Yield the runs of one cycle, each of which reads one piece of the next of these widths."""
    position: Position | None = SweepPosition(walked_by(query), 0)
    while True:
        assert isinstance(position, SweepPosition)
        position = replace(position, pace=Pace(next(widths)))
        success = step(query, session, position, is_busy=one_piece())
        yield success
        position = kept(success, position)
        if isinstance(position, SweepPosition) and position.last is not None:
            return


def numbers(samples: tuple[Sample, ...]) -> dict[tuple[str, str], float]:
    """Return samples by metric and plan."""
    return {
        (sample.metric, dict(sample.labels).get("plan", "")): sample.value
        for sample in samples
    }


def with_rule(query: Query, rule: Rule) -> Query:
    """Return the query with one rule."""
    return replace(query, rules=(rule,))
