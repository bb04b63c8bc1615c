"""What kinds of metrics there are, as Prometheus and OpenMetrics know them, and what a histogram is made of; pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

Aggregate: TypeAlias = Literal["sum", "min", "max"]
"""What becomes of rows that have the same labels."""

MetricType: TypeAlias = Literal["gauge", "counter", "stateset", "info", "histogram"]

BUCKET_LABEL: Final = "le"
INFINITE: Final = "+Inf"
"""The last bucket of each histogram, which counts everything."""
ANY_OTHER_WORD: Final = "*"
"""In `states`: what each word becomes that is not listed."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """One bucket of a histogram: how many were at most so much."""

    upper_bound: str
    """As it stands in the label `le`."""
    column: str


@dataclass(frozen=True, slots=True)
class HistogramColumns:
    """The columns of a histogram; buckets are cumulative and in the order of their bounds, without +Inf."""

    buckets: tuple[Bucket, ...]
    sum: str
    count: str

    @property
    def columns(self) -> tuple[str, ...]:
        """Return every column that it reads."""
        buckets = [bucket.column for bucket in self.buckets]
        return (*buckets, self.sum, self.count)
