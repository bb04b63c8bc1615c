"""What the baseline detector is set to, each number with its reason; the same for every series."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BaselineSettings:
    """All constants of the baseline; docs/detection.md has them in a table."""

    limit_sigmas: float = 7.0
    """One point this far off is unusual: noise of services has fat tails, and 6 to 8 find much the same."""
    run_sigmas: float = 4.0
    """Three of four points this far off are as rare as one at the limit."""
    rise: float = 0.7
    """A rise of long steps by less is nobody's incident, however quiet the series."""
    short_rise: float = 1.0
    """Points of short steps must double: a marketing mail brings more than half, and chance its part."""
    fall: float = 0.25
    """Three of four points must fall by so much."""
    single_fall: float = 0.5
    """A single point that stands for a long step must fall by so much: the mirror of a doubling."""
    least_noise: float = 0.03
    """Of the usual value: a series that never moved is not known more exactly than that."""
    noise_seconds: float = 3 * 86_400.0
    """The noise is an average of about so long: a weekend and a working day."""
    hour_days: int = 14
    """So many values of each hour of the day are kept: two weekends are always among them."""
    offset_hours: int = 24
    """By how much today differs is the median of so many hours: a whole day outlasts an incident of hours."""
    recent_seconds: float = 3600.0
    """The level that points of short steps are also compared with is an average of about so long."""
    record_days: int = 18
    """A rise of long steps must exceed so many days before: in them is twice what comes weekly."""
    record_rank: int = 2
    """The highest day, and the lowest of an hour, may be an accident: the second one counts."""
    high_by: float = 1.3
    """A rise of long steps must exceed that record by so much."""
    low_by: float = 1.2
    """A fall must be below the record by so much; less than high_by, since a fall ends at 0."""
    record_sigmas: float = 2.5
    """And each of a run by so many sigmas (a single fall by run_sigmas): chance alone beats a record by a little."""
    record_cap: float = 3.0
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

    def above(self, record: float) -> float:
        """Return what is above a record by enough; above a negative one is nearer to 0."""
        return record * self.high_by if record >= 0 else record / self.high_by

    def below(self, record: float) -> float:
        """Return what is below a record by enough; below a negative one is further down."""
        return record / self.low_by if record >= 0 else record * self.low_by


SHIPPED = BaselineSettings()
"""The settings that the product uses."""
