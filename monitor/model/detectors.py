"""Detectors of rules: with what that is remembered of a series a rule compares it; part of the configuration."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import ClassVar, Final, TypeAlias, TypeGuard

from monitor.timing.durations import format_duration

ACCEPTED_AFTER = timedelta(hours=24)
"""For so long what was found stays a finding; then it is what there is, and the new normal."""


class Direction(StrEnum):
    """Which way a value has to go to be found."""

    ANY = "any"
    UP = "up"
    DOWN = "down"

    def allows(self, difference: float) -> bool:
        """Return whether a value that differs by this much goes the way that is looked for."""
        if self is Direction.ANY:
            return True
        return difference > 0 if self is Direction.UP else difference < 0


@dataclass(frozen=True, slots=True)
class SeriesSource:
    """What of a metric's samples is one series for a detector."""

    is_total: bool = False
    """All of them added up, in place of each by itself."""
    per: str = ""
    """Divided by this metric of the same query and the same labels; empty: not divided."""
    missing_is_zero: bool = True
    """What a series is that was there and is not in a result; else it is not judged."""
    share_of: str = field(default="", repr=False)
    """Of a change: the metric that it is a part of, and may grow with. What is learned is the same with any."""

    @property
    def counts_missing(self) -> bool:
        """Return whether a series that is not there is 0; of a ratio nothing is known then."""
        return self.missing_is_zero and not self.per


@dataclass(frozen=True, slots=True)
class BaselineDetector:
    """Compare with what is usual for the series at this hour."""

    key: ClassVar[str] = "baseline"
    knows_past: ClassVar[bool] = False
    """Whether it compares with what was there before as it was, which a deployment may change on purpose."""
    texts: ClassVar[tuple[str, ...]] = ("usual", "usual_low", "usual_high", "direction")
    """What of a finding the texts of the rule can name."""

    source: SeriesSource = field(default_factory=SeriesSource)
    direction: Direction = Direction.ANY
    least_rise: float = field(default=0.0, repr=False)
    """A rise by a smaller share of what is usual is nobody's incident. What is learned is the same with any."""

    @property
    def counts_missing(self) -> bool:
        """Return whether a series that was there and is not is judged, as 0."""
        return self.source.counts_missing


@dataclass(frozen=True, slots=True)
class ChangeDetector:
    """Compare with the last while: what should move slowly, and has moved by a share of itself."""

    key: ClassVar[str] = "change"
    knows_past: ClassVar[bool] = True
    texts: ClassVar[tuple[str, ...]] = ("before", "change", "direction", "which")

    by: float
    """Share of what it was; 0.2 is a fifth."""
    over: timedelta
    at_least: float = 0.0
    """And by so much at least."""
    source: SeriesSource = field(default_factory=SeriesSource)
    direction: Direction = Direction.ANY
    accept: timedelta = ACCEPTED_AFTER

    @property
    def counts_missing(self) -> bool:
        """Return whether a series that was there and is not is judged, as 0."""
        return self.source.counts_missing


@dataclass(frozen=True, slots=True)
class NewDetector:
    """Find label values that were never seen before."""

    key: ClassVar[str] = "new"
    knows_past: ClassVar[bool] = True
    texts: ClassVar[tuple[str, ...]] = ("first_seen",)

    source: SeriesSource = field(default_factory=SeriesSource)
    learn: timedelta = timedelta(days=1)
    """What is seen within it, from the first result on, is known."""
    accept: timedelta = ACCEPTED_AFTER
    counts_missing: ClassVar[bool] = False


@dataclass(frozen=True, slots=True)
class SloDetector:
    """Compare with an objective: the budget of what may miss it is spent too fast."""

    key: ClassVar[str] = "slo"
    knows_past: ClassVar[bool] = False
    texts: ClassVar[tuple[str, ...]] = ("served", "objective", "burn_rate", "window")

    objective: float | None = None
    """A share below 1; None: the usual share of the first two weeks, less half a point."""
    over: tuple[str, ...] = ("1h", "6h", "3d")
    """By which of the workbook's long windows it is judged."""
    source: SeriesSource = field(default_factory=SeriesSource)
    counts_missing: ClassVar[bool] = False


class RateUnit(StrEnum):
    """In what the rise of a counter is said."""

    PER_SECOND = "per_second"
    INCREASE = "increase"
    RESETS = "resets"
    """Not its rise, but how often it began anew."""


_FUNCTIONS: Final = MappingProxyType(
    {
        RateUnit.PER_SECOND: "rate",
        RateUnit.INCREASE: "increase",
        RateUnit.RESETS: "resets",
    }
)
"""Of PromQL."""


@dataclass(frozen=True, slots=True)
class RateDetector:
    """Judge how fast a series counts, and not how far it has counted; the rule's condition is about that."""

    key: ClassVar[str] = "rate"
    knows_past: ClassVar[bool] = False
    texts: ClassVar[tuple[str, ...]] = ()

    unit: RateUnit
    over: timedelta
    source: SeriesSource = field(default_factory=SeriesSource)

    @property
    def words(self) -> str:
        """Return what is judged, as a person reads it."""
        what = "rate per second"
        if self.unit is not RateUnit.PER_SECOND:
            what = str(self.unit)
        return f"{what} over {format_duration(self.over)}"

    def promql(self, series: str) -> str:
        """Return what is judged of a series, as PromQL writes it."""
        return f"{_FUNCTIONS[self.unit]}({series}[{format_duration(self.over)}])"


LearningDetector: TypeAlias = (
    BaselineDetector | ChangeDetector | NewDetector | SloDetector
)
"""Those that learn from a series what is as it should be; what they find is a finding by itself."""
Detector: TypeAlias = LearningDetector | RateDetector
DETECTORS = (BaselineDetector, ChangeDetector, NewDetector, SloDetector, RateDetector)


def learns(detector: Detector | None) -> TypeGuard[LearningDetector]:
    """Return whether a rule compares with what it learned of a series, which becomes what there is in time."""
    return isinstance(detector, LearningDetector)


def judged_words(detector: Detector | None) -> str:
    """Return what of a series a rule compares, as a person reads it; empty where that is its value."""
    if isinstance(detector, RateDetector):
        return f"{detector.words} is"
    return ""


def judged_promql(detector: Detector | None, series: str) -> str:
    """Return what of a series a rule compares, as PromQL writes it."""
    if isinstance(detector, RateDetector):
        return detector.promql(series)
    return series
