"""What each query last gave on each target, as it is kept for commands that explain."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from monitor.model.results import Sample
from monitor.storage.serialization import (
    UnreadableError,
    instant_to_text,
    text_to_instant,
    text_to_json,
)

# Made once: it is asked for each result, and json.dumps would make it anew.
_AS_JSON = json.JSONEncoder(ensure_ascii=False)
# Enough to see what is wrong; a query may give as many samples as it has rows.
_MAX_SAMPLES = 200


class LastResultRow(NamedTuple):
    """A row of `last_results`."""

    target: str
    query: str
    run_at: str
    success_at: str | None
    status: str
    reason: str
    message: str
    consecutive_failures: int
    first_failure_at: str | None
    samples: str
    sample_count: int


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
        """Return whether it ever ran: what did not, being blocked, has neither succeeded nor failed."""
        return self.success_at is not None or self.first_failure_at is not None


def result_to_row(result: LastResult) -> LastResultRow:
    """Return the row that `row_to_result` reads."""
    samples = [
        [sample.metric, dict(sample.labels), sample.value]
        for sample in result.samples[:_MAX_SAMPLES]
    ]
    return LastResultRow(
        target=result.target,
        query=result.query,
        run_at=instant_to_text(result.run_at),
        success_at=_to_text(result.success_at),
        status=result.status,
        reason=result.reason,
        message=result.message,
        consecutive_failures=result.consecutive_failures,
        first_failure_at=_to_text(result.first_failure_at),
        samples=_AS_JSON.encode(samples),
        sample_count=max(result.sample_count, len(result.samples)),
    )


def row_to_result(row: Sequence[Any]) -> LastResult:
    """Read a row with the columns of LastResultRow; UnreadableError."""
    found = LastResultRow(*row)
    try:
        samples = text_to_json(found.samples)
        return LastResult(
            target=found.target,
            query=found.query,
            run_at=text_to_instant(found.run_at),
            success_at=_to_instant(found.success_at),
            status=found.status,
            reason=found.reason,
            message=found.message,
            consecutive_failures=found.consecutive_failures,
            first_failure_at=_to_instant(found.first_failure_at),
            samples=tuple(_sample(*sample) for sample in samples),
            sample_count=found.sample_count,
        )
    except (ValueError, TypeError, AttributeError) as error:
        raise UnreadableError(f"{type(error).__name__}: {error}") from None


def _sample(metric: str, labels: dict[str, str], value: float) -> Sample:
    return Sample(metric, tuple(sorted(labels.items())), float(value))


def _to_text(instant: datetime | None) -> str | None:
    return None if instant is None else instant_to_text(instant)


def _to_instant(text: str | None) -> datetime | None:
    return None if text is None else text_to_instant(text)
