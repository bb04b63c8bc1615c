"""What a run gives: rows from the database edge, samples from the pure stage, a result in the queue."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TypeAlias

from monitor.errors import Reason
from monitor.model.settings import ColumnName, Flavor, Job, Labels

Cell: TypeAlias = bool | int | float | Decimal | str | bytes | datetime | date | timedelta | None
EvidenceRow: TypeAlias = Mapping[str, str | int | float | bool | None]
EvidenceKey: TypeAlias = tuple[str, Labels]
"""Rule name and the sample's labels (without target, alertname, severity)."""


@dataclass(frozen=True, slots=True)
class Rows:
    """What the driver gave: column names, and each row's cells in their order."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True, slots=True)
class Server:
    """Which server answered, as it said of itself at connect."""

    flavor: Flavor
    version: str
    hostname: str = ""
    read_only: bool | None = None
    limits: tuple[str, ...] = ()
    """Session limits that took effect: statement, lock, read_only."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One number with its labels (without the target's), and texts for alerts."""

    metric: str
    labels: Labels
    value: float
    details: Labels = ()


@dataclass(frozen=True, slots=True)
class Success:
    """A run that gave data; no samples at all is data too."""

    samples: tuple[Sample, ...]
    row_count: int
    evidence: Mapping[EvidenceKey, tuple[EvidenceRow, ...]] = field(default_factory=dict)
    evidence_errors: tuple[str, ...] = ()
    missing: frozenset[ColumnName] | None = None
    """From a schema query: which expected columns are missing; None from any other query."""


CANCELLED = "cancelled"
"""The detail of a run that we ended ourselves, because its target goes or the monitor stops."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A run that gave no data, and why. `lost`: the target itself could not be reached or entered."""

    reason: Reason
    message: str
    code: int | None = None
    detail: str = ""
    lost: bool = False


@dataclass(frozen=True, slots=True)
class Blocked:
    """A run that was not made, because columns that it needs are known to be missing."""

    missing: tuple[ColumnName, ...]


Outcome: TypeAlias = Success | Failure | Blocked


@dataclass(frozen=True, slots=True)
class Result:
    """One run and its outcome. Times are UTC; `scheduled_at` is the instant that rules reckon with."""

    job: Job
    scheduled_at: datetime
    started_at: datetime
    finished_at: datetime
    duration_seconds: float
    outcome: Outcome
    server: Server | None = None
