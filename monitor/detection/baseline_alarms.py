"""How an alarm of the baseline goes on, ends, and becomes the new level; between judging and learning."""

from __future__ import annotations

import math

from monitor.detection.baseline_learning import significant
from monitor.detection.baseline_memory import LevelAlarm, Memory, Track
from monitor.detection.baseline_settings import BaselineSettings

_MOST_CHANGE = 1000.0
"""A level that moved by more, or to 0, has nothing in common with the one before: all is learned anew."""


def go_on(
    memory: Memory, settings: BaselineSettings, at: float, direction: int
) -> LevelAlarm:
    """Return the alarm that a point begins or goes on with."""
    alarm = memory.alarm
    is_soon = at - alarm.last <= settings.same_alarm_seconds
    if alarm.direction != direction or not is_soon:
        memory.alarm = alarm = LevelAlarm(direction=direction, since=at)
    if not alarm.is_on:
        alarm.is_on = True
        alarm.began = at
    alarm.last = at
    return alarm


def capped(value: float, settings: BaselineSettings, record: float | None) -> float:
    """Return what an alarm counts for in the records."""
    if record is None or record <= 0:
        return value
    return min(value, settings.record_cap * record)


def hold_off(alarm: LevelAlarm, at: float) -> None:
    """Have the time until the level of an alarm is accepted begin now, and the level with it."""
    alarm.since = at
    alarm.values = alarm.usuals = 0.0


def note_level(alarm: LevelAlarm, value: float, usual: float) -> None:
    """Remember what came during an alarm, and what was usual then."""
    alarm.values += value
    alarm.usuals += usual


def accept_level(memory: Memory, at: float) -> None:
    """Take the level of the alarm that is on for the new usual one, with the day's curve as it was."""
    alarm = memory.alarm
    memory.alarm = LevelAlarm()
    memory.hourly_direction = 0
    memory.points.run.clear()
    memory.hourly.run.clear()
    factor = alarm.values / alarm.usuals if alarm.usuals else 0.0
    if 1 / _MOST_CHANGE <= factor <= _MOST_CHANGE:
        _multiply(memory, factor)
    else:
        _forget(memory, at)


def _multiply(memory: Memory, factor: float) -> None:
    """Move all that is known of the level by a factor."""
    for values in (*memory.hours, memory.last_day, memory.offsets, memory.highs):
        values[:] = [significant(value * factor) for value in values]
    if memory.high_today is not None:
        memory.high_today *= factor
    memory.recent *= factor
    memory.hour_sum *= factor
    memory.seen_sum, memory.seen_points = 0.0, 0
    of_noise = math.sqrt(factor) if memory.scale.is_positive else factor
    memory.points.noise *= of_noise
    memory.hourly.noise *= of_noise


def _forget(memory: Memory, at: float) -> None:
    """Begin to learn anew; what kind of numbers they are, and how far apart, stays known."""
    empty = Memory()
    memory.first_at = at
    memory.hours = empty.hours
    memory.last_day, memory.offsets, memory.highs = [], [], []
    memory.high_today = None
    memory.recent_at = 0.0
    memory.hour_sum, memory.hour_points = 0.0, 0
    memory.seen_sum, memory.seen_points = 0.0, 0
    memory.points, memory.hourly = Track(), Track()
