"""What each query last gave on each target, as it is kept for commands that explain."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from monitor.model.results import Sample
from monitor.storage.serialization import (
    UnreadableError,
    instant_to_text,
    text_to_instant,
    text_to_json,
)

COLUMNS = (
    "target, query, run_at, success_at, status, reason, message, consecutive_failures, first_failure_at,"
    " samples, sample_count"
)
_MOST_SAMPLES = 200


@dataclass(frozen=True, slots=True)
class LastResult:
    """The last run of a query on a target; `status` and `reason` are the words of the metrics.

    At most 200 samples are kept, without their details; `sample_count` says how many there were.
    """

    target: str
    query: str
    run_at: datetime
    success_at: datetime | None = None
    status: str = ""
    reason: str = ""
    message: str = ""
    consecutive_failures: int = 0
    first_failure_at: datetime | None = None
    samples: tuple[Sample, ...] = ()
    sample_count: int = 0

    @property
    def has_run(self) -> bool:
        """Tell whether it ever ran: what did not, being blocked, has neither succeeded nor failed."""
        return self.success_at is not None or self.first_failure_at is not None


def result_to_row(result: LastResult) -> tuple[str | int | None, ...]:
    """Write a result in the order of COLUMNS."""
    samples = [
        [sample.metric, dict(sample.labels), sample.value]
        for sample in result.samples[:_MOST_SAMPLES]
    ]
    return (
        result.target,
        result.query,
        instant_to_text(result.run_at),
        _to_text(result.success_at),
        result.status,
        result.reason,
        result.message,
        result.consecutive_failures,
        _to_text(result.first_failure_at),
        json.dumps(samples, ensure_ascii=False),
        max(result.sample_count, len(result.samples)),
    )


def row_to_result(row: tuple[Any, ...]) -> LastResult:
    """Read what `result_to_row` wrote; UnreadableError."""
    (
        target,
        query,
        run_at,
        success_at,
        status,
        reason,
        message,
        failures,
        failure_at,
        samples,
        count,
    ) = row
    try:
        return LastResult(
            target,
            query,
            text_to_instant(run_at),
            _to_instant(success_at),
            status,
            reason,
            message,
            failures,
            _to_instant(failure_at),
            tuple(_sample(*sample) for sample in text_to_json(samples)),
            count,
        )
    except (ValueError, TypeError, AttributeError) as error:
        raise UnreadableError(f"{type(error).__name__}: {error}") from None


def _sample(metric: str, labels: dict[str, str], value: float) -> Sample:
    return Sample(metric, tuple(sorted(labels.items())), float(value))


def _to_text(instant: datetime | None) -> str | None:
    return None if instant is None else instant_to_text(instant)


def _to_instant(text: str | None) -> datetime | None:
    return None if text is None else text_to_instant(text)
