"""What a derived value is made of: the latest results of other queries, and how their series are put together."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal, TypeAlias

from monitor.model.columns import Labels
from monitor.model.expressions import Expression

SeriesAggregate: TypeAlias = Literal["sum", "min", "max", "avg"]
"""What becomes of the series of an input that differ only in labels that the derived value has not."""


_NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class DerivedInput:
    """One name in an expression: the metric of a query on a target, or those of its series that have some labels."""

    name: str
    metric: str
    target: str
    query: str
    where: Labels = ()
    absent: float | None = None
    """The value of a series that this input lacks and another one has; None: then there is no value."""

    @property
    def key(self) -> tuple[str, str]:
        """Return the key of the job that gives it."""
        return (self.target, self.query)

    def selects(self, metric: str, labels: Labels) -> bool:
        """Return whether a sample is of the input."""
        return metric == self.metric and set(self.where).issubset(labels)

    def may_be(self, labels: Labels) -> bool:
        """Return whether a sample of it can have these labels, among others."""
        selected = dict(self.where)
        return all(selected.get(name, value) == value for name, value in labels)

    @property
    def words(self) -> str:
        """Return what it is, for people."""
        return f"{self.name} ({self.metric} on {self.target})"


@dataclass(frozen=True, slots=True)
class Derivation:
    """How a value is derived on one target. Series of the inputs belong together where `labels` are equal."""

    expression: Expression
    text: str
    """The expression as the file has it."""
    inputs: tuple[DerivedInput, ...]
    labels: tuple[str, ...] = ()
    aggregate: SeriesAggregate = "sum"
    """Of one series all are the same."""
    max_age: timedelta | None = None
    """How old the data of an input may be; None: as long as it holds by its own schedule."""

    def too_old_at(self, data_at: datetime) -> datetime:
        """Return from when on data of an instant is too old; never, where only its own schedule says so."""
        return _NEVER if self.max_age is None else data_at + self.max_age

    @property
    def own_label_sets(self) -> tuple[Labels, ...]:
        """Return the label sets that it has by itself: without labels one, that of the value."""
        return () if self.labels else ((),)

    def kept(self, labels: Labels) -> Labels:
        """Return those labels of an input that the derived value has."""
        return tuple(pair for pair in labels if pair[0] in self.labels)
