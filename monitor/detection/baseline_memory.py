"""What the baseline remembers of one series, as plain numbers; everything else of it reads or writes this."""

from __future__ import annotations

from dataclasses import dataclass, field

from monitor.detection.baseline_scale import Scale

HOURS_A_DAY = 24
RUN_POINTS = 4


@dataclass(slots=True)
class Track:
    """How far values are usually from what was expected, and how far the last ones were."""

    noise: float = 0.0
    """The average distance on the scale."""
    points: int = 0
    run: list[int] = field(default_factory=list)
    """Of the last points: 1 above and -1 below what is usual, far enough for a run."""


@dataclass(slots=True)
class LevelAlarm:
    """The alarm that is on, or the last one; at first none, that has no direction."""

    is_on: bool = False
    direction: int = 0
    began: float = 0.0
    since: float = 0.0
    """The same, but for an alarm that came again soon: when it began for the first time."""
    last: float = 0.0
    values: float = 0.0
    usuals: float = 0.0
    """The sums of what came and of what was usual meanwhile: their ratio is the new level."""


@dataclass(slots=True)
class Memory:
    """What is known of a series."""

    first_at: float | None = None
    last_at: float | None = None
    step: float = 3600.0
    gaps: int = 0
    """How many steps were seen, for the average."""
    scale: Scale = field(default_factory=Scale)
    hours: list[list[float]] = field(
        default_factory=lambda: [[] for _ in range(HOURS_A_DAY)]
    )
    """The means of each hour of the day on the last days."""
    last_day: list[float] = field(default_factory=list)
    """The means of the last 24 hours."""
    offsets: list[float] = field(default_factory=list)
    """By how much the last hours differed from what was usual then."""
    highs: list[float] = field(default_factory=list)
    """The highest value of each of the last days."""
    high_today: float | None = None
    recent: float = 0.0
    recent_at: float = 0.0
    """The level of the last hour, and when it was learned."""
    half_hour: int | None = None
    """The current half hour, counted from 1970."""
    hour_sum: float = 0.0
    hour_points: int = 0
    """What was learned within the current hour."""
    seen_sum: float = 0.0
    seen_points: int = 0
    """All that came within it, alarms too."""
    points: Track = field(default_factory=Track)
    hourly: Track = field(default_factory=Track)
    covered: list[int] = field(default_factory=lambda: [0] * HOURS_A_DAY)
    """Of each hour of the day: a bit for each of the last days, the lowest for the last one; 1 where an incident that
    is known covered it."""
    hourly_direction: int = 0
    """Where the last whole hour was unusual, for series of short steps."""
    alarm: LevelAlarm = field(default_factory=LevelAlarm)
