"""The baseline of one series: what is usual, learned as points come; pure, and all that others call of it.

A point goes through references (what is usual now), judging (is this far off?) and learning (what stays of it).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import isfinite, sqrt
from typing import Literal

from monitor.detection import baseline_learning as learning
from monitor.detection.baseline_alarms import (
    accept_level,
    capped,
    go_on,
    hold_off,
    note_level,
)
from monitor.detection.baseline_judging import Deviation, Judge
from monitor.detection.baseline_memory import Memory
from monitor.detection.baseline_records import memory_from, record_of
from monitor.detection.baseline_references import (
    NOTHING_KNOWN,
    references_at,
)
from monitor.detection.baseline_scale import COUNT_SIGMA
from monitor.detection.baseline_settings import SHIPPED, BaselineSettings

_HALF_HOUR = 1800
_HOUR = 3600.0
_HALF_HOURS_A_DAY = 48
_DIRECTIONS: dict[int, Literal["high", "low"]] = {1: "high", -1: "low"}


@dataclass(frozen=True, slots=True)
class BaselineVerdict:
    """What a point is, compared with what is usual."""

    is_alarm: bool
    is_learning: bool
    usual: float | None
    """What comes at this time on a usual day; None while that is not known."""
    low: float | None
    high: float | None
    """The band in which a single value is usual."""
    direction: Literal["high", "low", ""]
    since_seconds: float | None
    """When the alarm began, by the clock of the points."""


_NOTHING_KNOWN = BaselineVerdict(
    is_alarm=False,
    is_learning=True,
    usual=None,
    low=None,
    high=None,
    direction="",
    since_seconds=None,
)


class Baseline:
    """What is usual for one series; `judge` changes it."""

    def __init__(
        self, settings: BaselineSettings = SHIPPED, memory: Memory | None = None
    ) -> None:
        self._settings = settings
        self._memory = memory or Memory()
        self._judge = self._judge_at(self._memory.half_hour)
        self._is_hour_covered = False
        """Whether a value of the current hour was part of an incident that is known."""
        self._is_hour_taught = True
        """Whether all values of it count for what is usual."""

    @classmethod
    def from_record(
        cls, record: object, settings: BaselineSettings = SHIPPED
    ) -> Baseline:
        """Return the baseline that a record describes; ValueError if it describes none."""
        return cls(settings, memory_from(record))

    def to_record(self) -> dict[str, object]:
        """Return all that is known, for JSON."""
        return record_of(self._memory)

    def accept(self, at_seconds: float) -> None:
        """Take the level of the alarm that is on for the new usual one."""
        if self._memory.alarm.is_on:
            accept_level(self._memory, at_seconds)
            self._judge = self._judge_at(self._memory.half_hour)

    def judge(
        self,
        at_seconds: float,
        value: float,
        *,
        teaches: bool = True,
        accepts: bool = True,
        clock_shift_seconds: float = 0.0,
    ) -> BaselineVerdict:
        """Return what a point is, and learn from it, unless it is known to be part of an incident.

        What is said to be an incident at the same hour day after day is what is usual then, and taught all the same.
        `accepts`: whether the level of an alarm that lasts becomes the usual one. `clock_shift_seconds`: by how much
        the clock that says the hour is ahead of the one of `at_seconds`, which nobody sets.
        """
        if not isfinite(value):
            raise ValueError(f"{value} is no value of a series")
        memory = self._memory
        learning.note_time(memory, at_seconds)
        memory.scale = memory.scale.with_value(value)
        self._turn_to(int((at_seconds + clock_shift_seconds) // _HALF_HOUR))
        learning.note_value(memory, value)
        self._is_hour_covered |= not teaches
        teaches = teaches or learning.is_routine(memory)
        self._is_hour_taught &= teaches
        values = self._values(at_seconds)
        if not values:
            if teaches:
                self._learn(at_seconds, value, None, values)
            return _NOTHING_KNOWN
        deviation = self._judge.deviation(value, values, memory.points, COUNT_SIGMA)
        direction = self._direction(at_seconds, value, deviation)
        if direction:
            self._alarm(at_seconds, value, direction, teaches=teaches, accepts=accepts)
        else:
            memory.alarm.is_on = False
        if teaches and not direction:
            self._learn(at_seconds, value, deviation, values)
        return self._verdict(at_seconds, values)

    def _values(self, at: float) -> tuple[float, ...]:
        """Return what the next point is compared with."""
        values = self._judge.references.values
        if self._judge.is_long or not learning.is_recent(
            self._memory, self._settings, at
        ):
            return values
        return (*values, self._memory.recent)

    def _direction(self, at: float, value: float, deviation: Deviation) -> int:
        """Return 1 or -1 where a point is an alarm, 0 where it is usual."""
        memory = self._memory
        is_unusual = self._judge.is_unusual(
            value,
            deviation,
            memory.points,
            is_run_rare=memory.step >= self._settings.independent_seconds,
        )
        if self._is_learning(at):
            return 0
        if is_unusual and not self._may_be_weekend(at, value, deviation):
            return deviation.direction
        if memory.alarm.is_on and abs(deviation.sigmas) >= self._settings.end_sigmas:
            return deviation.direction
        return memory.hourly_direction

    def _may_be_weekend(self, at: float, value: float, deviation: Deviation) -> bool:
        """Return whether it is a fall that may be the first weekend."""
        if deviation.sigmas > 0 or self._age(at) >= self._settings.week_seconds:
            return False
        return value >= (1 - self._settings.first_week_fall) * deviation.reference

    def _alarm(
        self, at: float, value: float, direction: int, *, teaches: bool, accepts: bool
    ) -> None:
        """Go on with an alarm, or accept its level if it has lasted for long."""
        alarm = go_on(self._memory, self._settings, at, direction)
        if not accepts:
            hold_off(alarm, at)
            return
        usual = self._judge.references.usual
        note_level(alarm, value, value if usual is None else usual)
        if at - alarm.since >= self._settings.accept_seconds:
            accept_level(self._memory, at)
            self._judge = self._judge_at(self._memory.half_hour)
        elif teaches:
            record = self._judge.references.high
            learning.note_high(self._memory, capped(value, self._settings, record))

    def _learn(
        self,
        at: float,
        value: float,
        deviation: Deviation | None,
        values: tuple[float, ...],
    ) -> None:
        """Learn from a point that is no alarm."""
        memory = self._memory
        learning.note_high(memory, value)
        if deviation is not None:
            value = learning.clipped(self._judge, memory, value, deviation)
            learning.learn_noise(self._judge, memory.points, value, values, memory.step)
        learning.learn_point(memory, self._settings, at, value)

    def _turn_to(self, half_hour: int) -> None:
        """Close the half hour before, and what ends with it."""
        memory = self._memory
        before = memory.half_hour
        if before == half_hour:
            if self._judge.is_long != self._is_long:
                # How far apart points are is known by now: a restart would judge by that, too.
                self._judge = self._judge_at(half_hour)
            return
        if before is not None and before // 2 != half_hour // 2:
            self._end_hour(is_followed=before // 2 + 1 == half_hour // 2)
            if before // _HALF_HOURS_A_DAY != half_hour // _HALF_HOURS_A_DAY:
                learning.end_day(memory, self._settings)
        memory.half_hour = half_hour
        self._judge = self._judge_at(half_hour)

    def _end_hour(self, *, is_followed: bool) -> None:
        """Judge the hour as a whole, where points are short, and learn it.

        Where the next point is not of the hour after it, it is too long ago to say anything of that.
        """
        memory = self._memory
        if not is_followed:
            memory.hourly_direction = 0
        elif not self._judge.is_long and self._judge.references.values:
            self._judge_hour()
        learning.end_hour(memory, self._settings)
        learning.note_covered(memory, is_covered=self._is_hour_covered)
        self._is_hour_covered, self._is_hour_taught = False, True

    def _judge_hour(self) -> None:
        """Find what is too little for a point and too much for an hour, or whether that goes on."""
        memory = self._memory
        total, points = memory.hour_sum, memory.hour_points
        if memory.hourly_direction:
            total, points = memory.seen_sum, memory.seen_points
        memory.hourly_direction = 0
        if points <= memory.seen_points / 2:
            return
        mean = total / points
        # Sums of independent points are surer than one point; those that overlap are no more than one.
        counted = min(points, _HOUR / self._settings.independent_seconds)
        values = self._judge.references.values
        judge = replace(self._judge, is_long=True)
        sigma = COUNT_SIGMA / sqrt(counted)
        deviation = judge.deviation(mean, values, memory.hourly, sigma)
        is_unusual = judge.is_unusual(mean, deviation, memory.hourly, is_run_rare=True)
        at = memory.last_at or 0.0
        is_weekend = self._may_be_weekend(at, mean, deviation)
        if is_unusual and not is_weekend and not self._is_learning(at):
            memory.hourly_direction = deviation.direction
        elif self._is_hour_taught:
            learning.learn_noise(judge, memory.hourly, mean, values, _HOUR)

    def _judge_at(self, half_hour: int | None) -> Judge:
        """Return who judges the points of a half hour."""
        memory = self._memory
        known = NOTHING_KNOWN
        if half_hour is not None:
            known = references_at(memory, self._settings, half_hour)
        return Judge(memory, self._settings, known, self._is_long)

    @property
    def _is_long(self) -> bool:
        """Return whether points are so far apart that each stands for its time."""
        return self._memory.step >= self._settings.long_step_seconds

    def _age(self, at: float) -> float:
        began = self._memory.first_at
        return 0.0 if began is None else at - began

    def _is_learning(self, at: float) -> bool:
        return self._age(at) < self._settings.learning_seconds

    def _verdict(self, at: float, values: tuple[float, ...]) -> BaselineVerdict:
        memory, alarm = self._memory, self._memory.alarm
        low, high = self._judge.band(values, memory.points)
        return BaselineVerdict(
            is_alarm=alarm.is_on,
            is_learning=self._is_learning(at),
            usual=self._judge.references.usual,
            low=low,
            high=high,
            direction=_DIRECTIONS[alarm.direction] if alarm.is_on else "",
            since_seconds=alarm.began if alarm.is_on else None,
        )
