"""What a run gives: rows from the database edge, samples from the pure stage, a result in the queue."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import TypeAlias

from monitor.model.blocked import Blocked as Blocked
from monitor.model.counted_from import CountedFrom, counted_since
from monitor.model.deferral import Deferred
from monitor.model.errors import Reason, message_with_excerpt
from monitor.model.for_each import FailedItem, ItemOutcomes
from monitor.model.learning import NO_LEARNING, Learning
from monitor.model.lower_bounds import LowerBound
from monitor.model.positions import Position
from monitor.model.server_facts import ClockOffset as ClockOffset
from monitor.model.server_facts import Replication as Replication
from monitor.model.server_facts import Server as Server
from monitor.model.settings import ColumnName, Job, Labels, Rule

Cell: TypeAlias = (
    bool | int | float | Decimal | str | bytes | datetime | date | timedelta | None
)
EvidenceRow: TypeAlias = Mapping[str, str | int | float | bool | None]
EvidenceKey: TypeAlias = tuple[str, Labels]
"""Rule name and the sample's labels (without target, alertname, severity)."""


class ColumnType(StrEnum):
    """What a server says that a column is, as far as it matters for reading its cells."""

    NUMBER = "number"
    TEXT = "text"
    JSON = "json"
    BINARY = "binary"
    BIT = "bit"
    DATE = "date"
    DATETIME = "datetime"
    TIME = "time"
    SPATIAL = "spatial"


@dataclass(frozen=True, slots=True)
class ServerWarning:
    """What a server remarked on its own answer; the words are masked as those of errors are."""

    code: int
    message: str


@dataclass(frozen=True, slots=True)
class Rows:
    """What the driver gave: column names, each row's cells in their order, their types, warnings.

    `types` is empty where no server sent the rows; then each cell says by itself what it is.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    types: tuple[ColumnType, ...] = ()
    warnings: tuple[ServerWarning, ...] = ()


@dataclass(frozen=True, slots=True)
class Sample:
    """One number with its labels (without the target's), and texts for alerts."""

    metric: str
    labels: Labels
    value: float
    details: Labels = ()
    at_least: bool = False  # not all was counted, so that the value may be higher
    so_far: bool = False  # and the rest is still being counted


_QUOTED = re.compile(r"'([^']+)'")

BUSY = "busy"
"""The detail of a run for which no connection was free in time."""

ALTERED_SESSION = "session"
"""The detail of a run whose session has other variables than were set: all queries of the target share it."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A run that gave no data, and why.

    `lost`: the target itself could not be reached or entered. `refused`: it gave no new connection while
    another one of ours lived, and that one was not free in time.
    """

    reason: Reason
    message: str
    code: int | None = None
    detail: str = ""
    lost: bool = False
    excerpt: str = field(default="", repr=False)
    """Where the server stumbled over the statement: for its author's eyes, never for a log or a page."""
    refused: bool = False
    items: ItemOutcomes | None = None
    """Of a query that is asked for each of some items, none of which gave data: what became of them."""

    @property
    def why_no_data(self) -> tuple[str, str]:
        """Return the reason's word and the message."""
        return str(self.reason), self.message

    @property
    def remark(self) -> str:
        """Return what there is to say of it to people."""
        return f"{self.reason}: {self.message}"

    @property
    def has_reached_server(self) -> bool:
        """Return whether it has taken time of its server."""
        return not self.lost

    @property
    def author_message(self) -> str:
        """Return the message with the excerpt of a syntax error in it."""
        return message_with_excerpt(self.message, self.excerpt)

    @property
    def is_of_connection(self) -> bool:
        """Return whether the run had no connection, so that the query itself was not tried."""
        return self.lost or self.refused

    @property
    def is_of_target(self) -> bool:
        """Return whether the target explains it: lost, full, or behind its source."""
        return self.is_of_connection or self.is_for_server

    @property
    def is_for_server(self) -> bool:
        """Return whether it waits for a replica to catch up."""
        return self.reason is Reason.REPLICA_LAGGING

    @property
    def is_denial(self) -> bool:
        """Return whether the server let the account in and refused it what the query asks for."""
        return self.reason is Reason.ACCESS_DENIED and not self.is_of_connection

    @property
    def waited_for_connection(self) -> bool:
        """Return whether it waited in vain for a connection that others used."""
        return self.refused or self.detail == BUSY

    def columns_lacked(self, missing: Set[ColumnName]) -> Set[ColumnName]:
        """Return for want of which of the missing columns it gave no data."""
        return self.columns_named(missing)

    def columns_named(self, columns: Iterable[ColumnName]) -> frozenset[ColumnName]:
        """Return which of these columns an error of the schema speaks of, by their name or their table's."""
        if self.reason is not Reason.SCHEMA_MISSING:
            return frozenset()
        # Unknown column 'u.balance' in 'field list'; Table 'app.users' doesn't exist
        quoted = _QUOTED.findall(self.message)
        names = {text.rpartition(".")[2].lower() for text in quoted}
        return frozenset(column for column in columns if column.is_named_in(names))


@dataclass(frozen=True, slots=True)
class Success:
    """A run that gave data; no samples at all is data too."""

    samples: tuple[Sample, ...]
    row_count: int
    evidence: Mapping[EvidenceKey, tuple[EvidenceRow, ...]] = field(
        default_factory=dict
    )
    evidence_errors: tuple[str, ...] = ()
    left: Mapping[str, Mapping[Labels, int | None]] = field(default_factory=dict)
    """Of alerts that it does not find, by their rule and labels: how many left and were not repaired.

    None where that could not be looked up.
    """
    missing: frozenset[ColumnName] | None = None
    """From a schema query: which expected columns are missing; None from any other query."""
    unknown: frozenset[ColumnName] = frozenset()
    """From a schema query: of which columns it cannot be known, because a right to see them is lacking."""
    silent: tuple[Labels, ...] = ()
    """Labels about which this run says nothing: alerts that carry them are held, not resolved."""
    refusals: tuple[Failure, ...] = ()
    """What the server refused to let a schema query see, in the server's words."""
    warnings: tuple[ServerWarning, ...] = ()
    """What the server remarked on the answers of the run, none of which makes the result doubtful."""
    lower_bounds: tuple[LowerBound, ...] = ()
    """What was only counted in part: it may be more, and what was not found may be there."""
    position: Position | None = None
    """Where the next run of a walk begins; in force once it is recorded, together with what it found."""
    proven: tuple[Sample, ...] = ()
    """From a sweep: what the part of the cycle that is read proves to be more than the last whole one said."""
    detected: Mapping[str, tuple[Sample, ...]] = field(default_factory=dict)
    """What rules with a detector find in it, by their names; of one with a rate, the rates that are known."""
    undecided: Mapping[str, tuple[Labels, ...]] = field(default_factory=dict)
    """Of which series the detector of a rule cannot tell yet, by the rule's name."""
    learning: Mapping[str, Learning] = field(default_factory=dict)
    """Since when rules that learn remember what they judge by, by their names."""
    items: ItemOutcomes | None = None
    """Of a query that is asked for each of some items: what became of them."""
    counted_from: tuple[CountedFrom, ...] = ()
    """From when on was counted what tells of more than the moment."""

    @property
    def why_no_data(self) -> tuple[str, str]:
        """Return two empty texts: it gave data."""
        return "", ""

    @property
    def remark(self) -> str:
        """Return what the server remarked on it; empty where that is nothing."""
        texts = [
            f"warning {warning.code} of the server: {warning.message}"
            for warning in self.warnings
        ]
        if self.items is not None:
            texts += self.items.remarks
        return "; ".join(texts)

    @property
    def has_reached_server(self) -> bool:
        """Return whether it has taken time of its server."""
        return True

    def columns_lacked(self, _missing: Set[ColumnName]) -> Set[ColumnName]:
        """Return no column: it gave data."""
        return frozenset()

    @property
    def failed_items(self) -> tuple[FailedItem, ...]:
        """Return the items that gave no data; none where the query is not asked for items."""
        return () if self.items is None else self.items.failed

    def is_silent_about(self, metric: str, labels: Labels) -> bool:
        """Return whether that it found no such sample says nothing about an alert with these labels."""
        if any(set(unknown) <= set(labels) for unknown in self.silent):
            return True
        return any(bound.covers(metric, labels) for bound in self.lower_bounds)

    def counted_since(self, sample: Sample) -> datetime | None:
        """Return from when on was counted what a sample of it says; None: it says how it was at the moment."""
        return counted_since(self.counted_from, sample.metric, sample.labels)

    def unsaid_of(self, metric: str) -> list[Labels]:
        """Return the labels of samples of a metric about which it says nothing, or not all."""
        bounds = [one.labels for one in self.lower_bounds if one.metric == metric]
        return [*self.silent, *bounds]

    def as_seen_by(self, rule: Rule) -> Success:
        """Return it as one rule takes it: saying nothing either of the series that its detector cannot judge."""
        undecided = self.undecided.get(rule.name, ())
        if not undecided:
            return self
        return replace(self, silent=(*self.silent, *undecided))

    def learning_of(self, rule: Rule) -> Learning:
        """Return since when a rule remembers what it judges by."""
        return self.learning.get(rule.name, NO_LEARNING)

    def is_judged_for(self, rule: Rule) -> bool:
        """Return whether it says something to a rule: to one that remembers, if its detector has looked."""
        return rule.detector is None or rule.name in self.detected

    def says_nothing_of(self, rule: Rule, labels: Labels) -> bool:
        """Return whether that it has no finding says nothing about a rule's alert with these labels."""
        is_open = self.leaves_absence_open(rule)
        return is_open or self.is_silent_about(rule.metric, labels)

    def leaves_absence_open(self, rule: Rule) -> bool:
        """Return whether what a rule finds to be lacking may be there all the same."""
        if not rule.condition.finds_absence:
            return False
        wanted = dict(rule.where)
        for labels in self.silent:
            if all(wanted.get(name, value) == value for name, value in labels):
                return True
        return self.is_in_part(rule.metric)

    def is_in_part(self, metric: str) -> bool:
        """Return whether a metric was counted in part only: a sum of it is of what was counted."""
        return any(bound.metric == metric for bound in self.lower_bounds)

    def missing_after(
        self, before: frozenset[ColumnName] | None
    ) -> frozenset[ColumnName]:
        """Return which columns are missing now; those that it may not see are as they were before."""
        seen = self.missing or frozenset()
        if before is None:
            return seen
        # A lost right brings no column back: information_schema shows only what the account may see.
        return seen | (before & self.unknown)


CANCELLED = "cancelled"
"""The detail of a run that we ended ourselves, because its target goes or the monitor stops."""


Outcome: TypeAlias = Success | Failure | Blocked | Deferred


def reason_and_message(outcome: Outcome | None) -> tuple[str, str]:
    """Return why a run gave no data: the reason's word and a message; both empty where it did, or before one."""
    return ("", "") if outcome is None else outcome.why_no_data


@dataclass(frozen=True, slots=True)
class Result:
    """One run and its outcome. Times are UTC; `scheduled_at` is the instant by which rules are evaluated."""

    job: Job
    scheduled_at: datetime
    started_at: datetime
    finished_at: datetime
    duration_seconds: float
    outcome: Outcome
    server: Server | None = None
    clock_shift: timedelta | None = None
    """By how much the clock had been moved when the run was scheduled; None where nothing took time."""
    let_in_at: datetime | None = None
    """When the connection that it ran on was let in; None where it had none, or had it from its start."""
    refusal: Failure | None = None
    """Why a new connection was refused before it ran on one that lived already."""
    statement_seconds: float = 0.0
    """How long its statements ran, of `duration_seconds`."""

    @property
    def position(self) -> Position | None:
        """Return where the next run of a walk begins; None where this one made no way."""
        return self.outcome.position if isinstance(self.outcome, Success) else None

    @property
    def entered_at(self) -> datetime:
        """Return when the target let in the connection of this run, if it had one."""
        return self.let_in_at or self.started_at

    @property
    def loss(self) -> Failure | None:
        """Return why the target lets nobody in; None where the run does not say so."""
        if isinstance(self.outcome, Failure) and self.outcome.lost:
            return self.outcome
        return None
