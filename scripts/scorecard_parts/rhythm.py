"""How much the application is used at an instant: hours, weekends, growth, holidays, chance; pure."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import date, datetime

_OF_HOUR = (
    *(0.22, 0.16, 0.13, 0.12, 0.14, 0.22, 0.45, 0.85, 1.30, 1.65, 1.75, 1.70),
    *(1.45, 1.55, 1.70, 1.65, 1.50, 1.30, 1.10, 1.00, 0.90, 0.72, 0.50, 0.33),
)
_OF_WEEKEND = 0.42
_OF_HOLIDAY = 0.35
_GROWTH_A_DAY = 0.004
_DAY_SPREAD, _HOUR_SPREAD = 0.07, 0.06


@dataclass(frozen=True, slots=True)
class Rhythm:
    """Calls a minute at each instant; the same instant gives the same number."""

    calls_a_minute: float
    """On average over a working day at the beginning."""
    since: datetime
    seed: int
    holidays: frozenset[date] = frozenset()
    bursts: tuple[tuple[datetime, datetime, float], ...] = ()
    """From when to when how many times as much: marketing."""

    def at(self, instant: datetime) -> float:
        """Return how many calls a minute are to be expected."""
        hour, part = instant.hour, instant.minute / 60
        shape = _OF_HOUR[hour] * (1 - part) + _OF_HOUR[(hour + 1) % 24] * part
        growth = 1 + _GROWTH_A_DAY * (instant - self.since).days
        return self.calls_a_minute * shape * growth * self._of_day(instant)

    def _of_day(self, instant: datetime) -> float:
        day = instant.date()
        factor = _OF_WEEKEND if day.weekday() >= 5 else 1.0
        if day in self.holidays:
            factor = _OF_HOLIDAY
        for begins, ends, times in self.bursts:
            if begins <= instant < ends:
                factor *= times
        ordinal = day.toordinal()
        factor *= _chance(self.seed, ordinal, _DAY_SPREAD)
        return factor * _chance(self.seed, ordinal * 100 + instant.hour, _HOUR_SPREAD)


def how_many(expected: float, rng: random.Random) -> int:
    """Draw a count by Poisson; beyond 30 the normal distribution is near enough."""
    if expected > 30:
        return max(0, round(rng.gauss(expected, expected**0.5)))
    arrived, count = rng.expovariate(1.0), 0
    while arrived < expected:
        arrived += rng.expovariate(1.0)
        count += 1
    return count


def _chance(seed: int, number: int, spread: float) -> float:
    return random.Random(seed * 1_000_003 + number).lognormvariate(0.0, spread)
