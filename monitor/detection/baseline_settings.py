"""What the baseline detector is set to, each number with its reason; the same for every series."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BaselineSettings:
    """All constants of the baseline; docs/detection.md has them in a table."""

    limit_sigmas: float = 7.5
    """One point this far off is unusual: noise of services has fat tails, and 7 to 8 find the same."""
    run_sigmas: float = 4.0
    """Three of four points this far off are as rare as one at the limit."""
    rise: float = 0.7
    """A rise by less is nobody's incident, however quiet the series: a marketing mail brings more than half."""
    fall: float = 0.25
    """Three of four points must fall by so much."""
    single_fall: float = 0.5
    """A single point that stands for a long step must fall by so much: the mirror of a doubling."""
    least_noise: float = 0.03
    """Of the usual value: a series that never moved is not known more exactly than that."""
    noise_seconds: float = 3 * 86_400.0
    """The noise is an average of about so long: a weekend and a working day."""
    hour_days: int = 12
    """So many values of each hour of the day are kept: two weekends are among them."""
    offset_hours: int = 24
    """By how much today differs is the median of so many hours: a whole day outlasts an incident of hours."""
    recent_seconds: float = 3600.0
    """The level that points of short steps are also compared with is an average of about so long."""
    record_days: int = 21
    """A rise of long steps must exceed the days before: three weeks see what comes weekly three times."""
    record_rank: int = 2
    """The highest day, and the lowest of an hour, may be an accident: the second one counts."""
    high_by: float = 1.4
    """A rise of long steps must exceed that record by so much."""
    low_by: float = 1.2
    """A fall must be below the record by so much; less than high_by, since a fall ends at 0."""
    record_sigmas: float = 2.0
    """And by so many sigmas, since chance alone beats a record by a little."""
    record_cap: float = 4.0
    """What alarmed raises the record to no more than so many times itself: it is to be found again."""
    clip_sigmas: float = 4.0
    """What is further off is learned as if it were so far off: one point moves little."""
    end_sigmas: float = 2.5
    """An alarm ends with the first point that is nearer than that."""
    learning_seconds: float = 3 * 86_400.0
    """No alarm before: who starts on a weekend has then seen a working day."""
    week_seconds: float = 7 * 86_400.0
    """Before a week is known, any fall may be the first weekend."""
    first_week_fall: float = 0.9
    """Until then a fall must be deeper than weekends are: they take three quarters."""
    accept_seconds: float = 25 * 3600.0
    """What outlasts a day is the new level: a holiday ends before."""
    same_alarm_seconds: float = 3600.0
    """An alarm that begins again within it goes on, as far as the new level is concerned."""
    long_step_seconds: float = 1200.0
    """From here on a point stands for so much time that one alone may be an incident."""
    independent_seconds: float = 300.0
    """Points that are closer may have counted the same events: a run of them proves no more than one."""


SHIPPED = BaselineSettings()
"""The settings that the product uses."""
