"""What a value that was judged leaves in the memory; the last step of the baseline. What alarms teaches nothing."""

from __future__ import annotations

import math

from monitor.detection.baseline_judging import Deviation, Judge
from monitor.detection.baseline_memory import HOURS_A_DAY, Memory, Track
from monitor.detection.baseline_references import usuals_of
from monitor.detection.baseline_settings import BaselineSettings

SIGNIFICANT = 3
"""Digits that are kept of a mean: half a per cent, which is less than the least noise."""
_POINTS_FOR_NOISE = 10
_STEP_SHARE = 0.05
_LONGEST_STEP = 4
_DAYS_OF_COVER = (1 << 14) - 1
"""Two weeks: what covers each Saturday is as usual as what covers each night."""
_ROUTINE_DAYS = 3
"""An incident lasts for three days at most, or comes so often at the same hour of the day."""


def note_time(memory: Memory, at: float) -> None:
    """Remember when a point came, and how far apart points are; a gap counts as four steps at most."""
    if memory.first_at is None:
        memory.first_at = at
    if memory.last_at is not None and at > memory.last_at:
        memory.gaps += 1
        gap = min(at - memory.last_at, _LONGEST_STEP * memory.step)
        memory.step += (gap - memory.step) * max(_STEP_SHARE, 1 / memory.gaps)
    memory.last_at = at


def note_high(memory: Memory, value: float) -> None:
    """Remember the highest value of the day."""
    highest = memory.high_today
    memory.high_today = value if highest is None else max(highest, value)


def clipped(judge: Judge, memory: Memory, value: float, deviation: Deviation) -> float:
    """Return what is learned of a value: a far one moves what is usual no more than one less far."""
    limit = judge.settings.clip_sigmas * deviation.sigma
    is_known = memory.points.points > _POINTS_FOR_NOISE
    if not is_known or abs(deviation.distance) <= limit:
        return value
    distance = math.copysign(limit, deviation.distance)
    return memory.scale.unscaled(deviation.scaled_reference + distance)


def learn_noise(
    judge: Judge, track: Track, value: float, values: tuple[float, ...], lasts: float
) -> None:
    """Learn how far a value was from the nearest that was expected; it lasts so many seconds."""
    scale = judge.memory.scale
    nearest = min(values, key=lambda usual: abs(value - usual))
    distance = abs(scale.scaled(value) - scale.scaled(nearest))
    track.points += 1
    share = max(lasts / judge.settings.noise_seconds, 1 / track.points)
    track.noise += min(share, 1.0) * (distance - track.noise)


def is_recent(memory: Memory, settings: BaselineSettings, at: float) -> bool:
    """Return whether the level of the last hour is one, and not one from before an incident or a gap."""
    return 0 <= at - memory.recent_at <= settings.recent_seconds


def learn_point(
    memory: Memory, settings: BaselineSettings, at: float, value: float
) -> None:
    """Learn a value that was usual."""
    memory.hour_sum += value
    memory.hour_points += 1
    share = 1.0
    if is_recent(memory, settings, at):
        share = min(1.0, memory.step / settings.recent_seconds)
    memory.recent += share * (value - memory.recent)
    memory.recent_at = at


def note_value(memory: Memory, value: float) -> None:
    """Remember that a value came within the current hour, whatever it is."""
    memory.seen_sum += value
    memory.seen_points += 1


def note_covered(memory: Memory, *, is_covered: bool) -> None:
    """Remember of the hour that ends whether an incident that is known covered it."""
    if memory.half_hour is not None:
        hour = memory.half_hour // 2 % HOURS_A_DAY
        memory.covered[hour] = (memory.covered[hour] << 1 | is_covered) & _DAYS_OF_COVER


def is_routine(memory: Memory) -> bool:
    """Return whether this hour was covered on several of the days before: that is no incident, but a night."""
    if memory.half_hour is None:
        return False
    covered = memory.covered[memory.half_hour // 2 % HOURS_A_DAY]
    return covered.bit_count() >= _ROUTINE_DAYS


def end_hour(memory: Memory, settings: BaselineSettings) -> None:
    """Learn the current hour as a whole."""
    total, points = memory.hour_sum, memory.hour_points
    memory.hour_sum, memory.hour_points = 0.0, 0
    memory.seen_sum, memory.seen_points = 0.0, 0
    if points == 0 or memory.half_hour is None:
        return
    mean = significant(total / points)
    hour = memory.half_hour // 2 % HOURS_A_DAY
    for usual in usuals_of(memory, (hour,)):
        memory.offsets.append(significant(mean - usual))
        del memory.offsets[: -settings.offset_hours]
    memory.hours[hour].append(mean)
    del memory.hours[hour][: -settings.hour_days]
    memory.last_day.append(mean)
    del memory.last_day[:-HOURS_A_DAY]


def end_day(memory: Memory, settings: BaselineSettings) -> None:
    """Learn a day as a whole."""
    if memory.high_today is not None:
        memory.highs.append(significant(memory.high_today))
        del memory.highs[: -settings.record_days]
    memory.high_today = None


def significant(value: float) -> float:
    """Return a value with as many digits as are kept."""
    return float(f"{value:.{SIGNIFICANT - 1}e}")
