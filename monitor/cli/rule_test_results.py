"""What the results of a rule test give: of a query its rows or samples, of a derived value those of its inputs."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Protocol, TypeAlias

from monitor.alerting.derived import derived_result
from monitor.alerting.query_view import QueryView
from monitor.alerting.snapshot import Snapshot
from monitor.cli.derived_check import view_of
from monitor.cli.rule_tests import (
    InputSchema,
    OutcomeSchema,
    ResultSchema,
    SampleSchema,
)
from monitor.collector.samples import samples_of
from monitor.collector.sweep_sums import added, samples_in, whole
from monitor.model.errors import Reason, SampleError
from monitor.model.positions import SweepPosition
from monitor.model.results import (
    Cell,
    Failure,
    Outcome,
    Result,
    Rows,
    Sample,
    Success,
)
from monitor.model.settings import Config, Job, JobKey, Query, labels_of
from monitor.model.sweeps import Cycle, Sums
from monitor.model.walks import Cursor, Sweep

_EVER: Final = datetime(2026, 1, 5, tzinfo=UTC)
_NO_ROWS: Final = (
    "a query with a cursor makes samples of what it remembers: give samples"
)
_NO_INPUTS: Final = "is not derived from others: give rows, samples or no_data"
_INPUTS_ONLY: Final = "is a derived value: give its inputs, and nothing else"

ResultAt: TypeAlias = Callable[[datetime], Result | None]
"""Return the result at an instant; None where there is none yet."""


class GivenResults(Protocol):
    """Make results of what a test gives, one after the other."""

    def given(self, given: ResultSchema) -> ResultAt:
        """Return what comes of it at each instant that it is given for; SampleError where it cannot be read."""


def results_for(
    job: Job, config: Config, defaults: Mapping[str, object]
) -> GivenResults:
    """Return what makes results of what a test of this job gives."""
    if job.query.derivation is None:
        return _OfQuery(job, defaults)
    jobs = {one.key: one for one in config.jobs}
    inputs = job.query.derived_by.inputs
    views = {one.key: QueryView(jobs[one.key]) for one in inputs}
    return _OfInputs(job, defaults, views)


@dataclass(frozen=True, slots=True)
class _OfQuery:
    """Results of a query: what is given is its own."""

    job: Job
    defaults: Mapping[str, object]

    def given(self, given: ResultSchema) -> ResultAt:
        """Return its rows or samples as a result."""
        if given.inputs is not None:
            raise SampleError(f"{self.job.query.name} {_NO_INPUTS}")
        outcome = _outcome(self.job.query, self.defaults, given)
        return lambda at: Result(self.job, at, at, at, 0.0, outcome)


@dataclass(frozen=True, slots=True)
class _OfInputs:
    """Results of a derived value: it is computed from what its inputs last gave."""

    job: Job
    defaults: Mapping[str, object]
    views: dict[JobKey, QueryView]
    """What each input last gave."""

    def given(self, given: ResultSchema) -> ResultAt:
        """Return what it comes to while these of its inputs give this, and the others what they gave before."""
        if given.says_something or not given.inputs:
            raise SampleError(f"{self.job.query.name} {_INPUTS_ONLY}")
        outcomes: dict[JobKey, Outcome] = {}
        for one in given.inputs:
            key = self._key(one)
            query = self.views[key].job.query
            outcomes[key] = _outcome(query, self.defaults, one)
        return lambda at: self._result(outcomes, at)

    def _key(self, given: InputSchema) -> JobKey:
        """Return the job of an input."""
        targets = [target for target, query in self.views if query == given.query]
        of_target = given.target or "*"
        fitting = fnmatch.filter(targets, of_target)
        if len(fitting) == 1:
            return fitting[0], given.query
        of_query = f'query "{given.query}" on "{of_target}"'
        name = self.job.query.name
        if not fitting:
            raise SampleError(f"no input of {name} is of {of_query}")
        names = ", ".join(sorted(fitting))
        raise SampleError(f"several inputs of {name} are of {of_query}: {names}")

    def _result(
        self, outcomes: Mapping[JobKey, Outcome], at: datetime
    ) -> Result | None:
        for key, outcome in outcomes.items():
            job = self.views[key].job
            self.views[key] = view_of(Result(job, at, at, at, 0.0, outcome))
        derived = derived_result(self.job, Snapshot(queries=self.views), at)
        return None if derived is None else derived.result


def _outcome(
    query: Query, defaults: Mapping[str, object], given: OutcomeSchema
) -> Outcome:
    """Return the result that a test gives; SampleError where its rows cannot be read."""
    if given.no_data:
        return Failure(Reason.QUERY_ERROR, "no data, as the test says")
    if given.samples is not None:
        samples = tuple(sample_of(one) for one in given.samples)
        return Success(samples, len(samples))
    if isinstance(query.walk, Cursor):
        raise SampleError(_NO_ROWS)
    rows = _rows(query, defaults, given.rows or [])
    samples = samples_of(query, rows)
    if not isinstance(query.walk, Sweep):
        return Success(samples, len(rows.rows))
    samples = samples_in(whole(query, added(Sums(), samples, {})))
    through = SweepPosition("", 1, last=Cycle(_EVER, _EVER))
    return Success(samples, len(rows.rows), position=through)


def sample_of(given: SampleSchema) -> Sample:
    """Return a sample as a test gives it."""
    return Sample(given.metric, labels_of(given.labels), given.value)


def _rows(
    query: Query,
    defaults: Mapping[str, object],
    given: Sequence[Mapping[str, object]],
) -> Rows:
    """Return rows with all columns that the query's metrics name; what a row leaves out is NULL."""
    columns: dict[str, None] = {}
    for metric in query.metrics:
        columns.update(dict.fromkeys(metric.labels))
        columns.update(dict.fromkeys(metric.value_columns))
        columns.update(dict.fromkeys(metric.details))
        columns.update(dict.fromkeys(metric.at_least.values()))
    for row in (defaults, *given):
        unknown = row.keys() - columns
        if unknown:
            raise SampleError(f"no metric or rule names column {min(unknown)}")
    cells = [{**dict.fromkeys(columns), **defaults, **row} for row in given]
    return Rows(tuple(columns), tuple(_cells(row.values()) for row in cells))


def _cells(values: Iterable[object]) -> tuple[Cell, ...]:
    cells: list[Cell] = []
    for value in values:
        is_cell = isinstance(value, bool | int | float | str | None)
        cells.append(value if is_cell else str(value))  # type: ignore[arg-type]
    return tuple(cells)
