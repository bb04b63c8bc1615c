"""When a query runs, at an interval or by a cron, and what follows: for how long it may be without news; pure.

Whoever asks a schedule something asks each kind of them: what all must be able to answer is in the union.
Instants and lengths leave out the time limit of the run, which is the query's. The numbers are decided in
docs/adr/0024-who-speaks-for-a-query.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TypeAlias

from monitor.timing.crontab import read_crontab, zone_named
from monitor.timing.durations import format_duration

SLOTS = 3
"""A single failure is no news: three slots without a success are."""
MAX_WAIT = timedelta(hours=2)
"""How much longer than one interval nobody is notified, at most: who waits for three days does not watch."""

CRON_GRACE = timedelta(minutes=1)
"""How much later than its time a cron query may begin."""
_CRON_FALLBACK = timedelta(days=1)
"""How long the data of a cron holds as long as its next run is not known."""


@dataclass(frozen=True, slots=True)
class Every:
    """A schedule on a fixed grid."""

    interval: timedelta

    @property
    def words(self) -> str:
        """Return how often it runs, for people."""
        return f"every {format_duration(self.interval)}"

    @property
    def interval_seconds(self) -> float | None:
        """Return its interval."""
        return self.interval.total_seconds()

    @property
    def cron(self) -> str | None:
        """Return None: it has no expression."""
        return None

    @property
    def period(self) -> timedelta:
        """Return how often it runs."""
        return self.interval

    @property
    def three_slots(self) -> timedelta:
        """Return how long three of its slots take; of a long interval, the next slot and two hours."""
        further_slots = (SLOTS - 1) * self.interval
        return self.interval + min(further_slots, MAX_WAIT)

    @property
    def max_silence(self) -> timedelta | None:
        """Return for how long no run may end, its time limit apart."""
        return self.three_slots

    def due_after(self, success_at: datetime) -> datetime:
        """Return by when there must be a success after this one, or somebody is notified."""
        return success_at + self.three_slots

    def holds_until(self, data_at: datetime, _next_run_at: datetime | None) -> datetime:
        """Return until when data holds: for three intervals; then nobody can say that it does."""
        return data_at + SLOTS * self.interval

    def news_until(
        self, _data_at: datetime, _next_run_at: datetime | None
    ) -> datetime | None:
        """Return None: it never waits longer than usual."""
        return None

    def as_run(self) -> QuerySchedule:
        """Return what of it bears on what a run gives: nothing."""
        return _AT_ANY_TIME

    def stretched(self, times: int) -> QuerySchedule:
        """Return the schedule with so many times its interval."""
        return self if times == 1 else Every(self.interval * times)


@dataclass(frozen=True, slots=True)
class Cron:
    """A schedule by a five-field cron expression in a named time zone."""

    expression: str
    time_zone: str = "UTC"

    @property
    def words(self) -> str:
        """Return when it runs, for who reads cron expressions."""
        return f"cron {self.expression}"

    @property
    def interval_seconds(self) -> float | None:
        """Return None: its slots may be any time apart."""
        return None

    @property
    def cron(self) -> str | None:
        """Return its expression."""
        return self.expression

    @property
    def period(self) -> timedelta:
        """Return how often it runs; as rarely as can be, since its slots may be any time apart."""
        return timedelta.max

    def slots_after(self, instant: datetime) -> Iterator[datetime]:
        """Yield its slots after an instant, in order, until it comes no more."""
        crontab = read_crontab(self.expression)
        zone = zone_named(self.time_zone)
        slot = crontab.next_after(instant, zone)
        while slot is not None:
            yield slot
            slot = crontab.next_after(slot, zone)

    @property
    def max_silence(self) -> timedelta | None:
        """Return None: it is silent from one slot to the next, and those may be any time apart."""
        return None

    def due_after(self, success_at: datetime) -> datetime:
        """Return by when there must be a success after this one: three slots, or the next and two hours."""
        slots = list(islice(self.slots_after(success_at), SLOTS))
        if not slots:
            return success_at + _CRON_FALLBACK + CRON_GRACE
        return min(slots[-1], slots[0] + MAX_WAIT) + CRON_GRACE

    def holds_until(self, data_at: datetime, next_run_at: datetime | None) -> datetime:
        """Return until when data holds: until the next run should have ended.

        Three times a weekend is no bound.
        """
        if next_run_at is None or next_run_at <= data_at:
            return data_at + _CRON_FALLBACK + CRON_GRACE
        return next_run_at + CRON_GRACE

    def news_until(
        self, data_at: datetime, next_run_at: datetime | None
    ) -> datetime | None:
        """Return until when what it said is news, where its next run is further away than the one after that.

        So it is over the night and the weekend of a cron of business hours: what it said last holds until it
        runs again, and nobody looks meanwhile.
        """
        if next_run_at is None:
            return None
        following = next(self.slots_after(next_run_at), None)
        if following is None:
            return None
        usual_wait = following - next_run_at
        if next_run_at - data_at <= usual_wait:
            return None
        return data_at + usual_wait

    def as_run(self) -> QuerySchedule:
        """Return what of it bears on what a run gives: nothing."""
        return _AT_ANY_TIME

    def stretched(self, _times: int) -> QuerySchedule:
        """Return the schedule itself: its times are somebody's choice, and have no interval."""
        return self


@dataclass(frozen=True, slots=True)
class OnResults:
    """No times of its own: a derived value is computed as soon as one of its inputs has a result.

    What it said holds as long as what its inputs said, which who computes it knows.
    """

    period: timedelta
    """How often the one of its inputs runs that runs most rarely."""

    @property
    def words(self) -> str:
        """Return when it is computed, for people."""
        return "with each result of its inputs"

    @property
    def interval_seconds(self) -> float | None:
        """Return None: it has no interval."""
        return None

    @property
    def cron(self) -> str | None:
        """Return None: it has no expression."""
        return None

    @property
    def max_silence(self) -> timedelta | None:
        """Return None: whether results are overdue is asked of its inputs."""
        return None

    def due_after(self, _success_at: datetime) -> datetime:
        """Return the end of time: those that are overdue are its inputs."""
        return _NEVER

    def holds_until(self, data_at: datetime, _next_run_at: datetime | None) -> datetime:
        """Return the instant itself: by itself it holds for no time."""
        return data_at

    def news_until(
        self, _data_at: datetime, _next_run_at: datetime | None
    ) -> datetime | None:
        """Return None: it does not wait."""
        return None

    def as_run(self) -> QuerySchedule:
        """Return the schedule itself."""
        return self

    def stretched(self, _times: int) -> QuerySchedule:
        """Return the schedule itself: it costs no server anything."""
        return self


QuerySchedule: TypeAlias = Every | Cron | OnResults
"""When a query runs."""

_NEVER = datetime.max.replace(tzinfo=UTC)

_AT_ANY_TIME = Every(timedelta(1))
