"""Look at derived values once, from what the queries of a check gave; behind `run_once`; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final, assert_never

from monitor.alerting.derived import derived_result
from monitor.alerting.query_view import QueryStatus, QueryView
from monitor.alerting.snapshot import Snapshot
from monitor.cli.checked import Checked
from monitor.cli.judged import judged
from monitor.cli.output import label_pairs
from monitor.model.deferral import Deferred
from monitor.model.errors import Reason
from monitor.model.results import (
    Blocked,
    Failure,
    Outcome,
    Result,
    Sample,
    Success,
)
from monitor.model.settings import Job, JobKey
from monitor.model.wording import counted, format_number

_NEVER: Final = datetime.max.replace(tzinfo=UTC)
_SHOWN: Final = 3


def check_derived(
    jobs: Iterable[Job],
    checked: Sequence[Checked],
    now: datetime,
    runbook_base_url: str,
) -> list[Checked]:
    """Return what derived values come to, and what their rules find, in the order of `jobs`.

    `checked` are the queries of this check, which began at `now`: however long it took, what they gave counts as
    being of one instant. An input that is none of them is missing.
    """
    views = {one.result.job.key: view_of(one.result) for one in checked}
    found = []
    for job in jobs:
        result = _result(job, views, now)
        if isinstance(result.outcome, Success):
            note = _note(result.outcome.samples)
            one = judged(
                result,
                result.outcome,
                note,
                missing=frozenset(),
                runbook_base_url=runbook_base_url,
            )
        else:
            one = Checked(result)
        found.append(one)
    return found


def view_of(result: Result) -> QueryView:
    """Return what is known of a query after one run, which nothing makes old."""
    outcome = result.outcome
    samples = outcome.samples if isinstance(outcome, Success) else ()
    return replace(
        QueryView(result.job),
        status=_status(outcome),
        outcome=outcome,
        samples=samples,
        data_at=result.scheduled_at,
        expires_at=_NEVER,
    )


def _status(outcome: Outcome) -> QueryStatus:
    match outcome:
        case Success():
            return QueryStatus.OK
        case Failure():
            return QueryStatus.FAILED
        case Blocked():
            return QueryStatus.BLOCKED
        case Deferred():
            return QueryStatus.DEFERRED
        case unknown:
            assert_never(unknown)


def _result(job: Job, views: Mapping[JobKey, QueryView], now: datetime) -> Result:
    unchecked = [
        f"{one.words}: was not checked"
        for one in job.query.derived_by.inputs
        if one.key not in views
    ]
    if not unchecked:
        derived = derived_result(job, Snapshot(queries=views), now)
        if derived is not None:
            return derived.result
    failure = Failure(Reason.INPUT_MISSING, "; ".join(unchecked))
    return Result(job, now, now, now, 0.0, failure)


def _note(samples: Sequence[Sample]) -> str:
    """Return the values; of many how many there are."""
    if not 0 < len(samples) <= _SHOWN:
        return counted(len(samples), "value")
    return ", ".join(map(_shown, samples))


def _shown(sample: Sample) -> str:
    number = format_number(sample.value)
    return f"{label_pairs(sample.labels)} {number}" if sample.labels else number
