"""The memory of a baseline as JSON and back, beside what the pipeline keeps; a record that is broken is refused."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TypeVar

from monitor.detection.baseline_learning import SIGNIFICANT
from monitor.detection.baseline_memory import HOURS_A_DAY, LevelAlarm, Memory, Track
from monitor.detection.baseline_scale import Scale

_VERSION = 1
_LONGEST_LIST = 100
_NEVER = " ".join("0" * HOURS_A_DAY)
"""What a record of before does not have: hours that were covered."""

_Kind = TypeVar("_Kind")


def record_of(memory: Memory) -> dict[str, object]:
    """Return a memory as a record; small, since many are kept."""
    return {
        "version": _VERSION,
        "times": [memory.first_at, memory.last_at, memory.half_hour],
        "step": [memory.step, memory.gaps],
        "kind": [memory.scale.is_count, memory.scale.is_positive],
        "hours": [_text(values) for values in memory.hours],
        "last_day": _text(memory.last_day),
        "offsets": _text(memory.offsets),
        "highs": _text(memory.highs),
        "now": [
            memory.high_today,
            memory.recent,
            memory.recent_at,
            memory.hour_sum,
            memory.hour_points,
            memory.seen_sum,
            memory.seen_points,
            memory.hourly_direction,
        ],
        "points": _track_record(memory.points),
        "hourly": _track_record(memory.hourly),
        "alarm": _alarm_record(memory.alarm),
        "covered": " ".join(map(str, memory.covered)),
    }


def memory_from(record: object) -> Memory:
    """Return the memory that a record describes; ValueError if it describes none."""
    if not isinstance(record, Mapping):
        raise _broken("it is no mapping")
    if record.get("version") != _VERSION:
        raise ValueError(f"a baseline's record has version {_VERSION}")
    try:
        return _memory_from(record)
    except (KeyError, TypeError) as error:
        raise _broken(repr(error)) from error


def _memory_from(record: Mapping[object, object]) -> Memory:
    first_at, last_at, half_hour = _exactly(3, record["times"], "times")
    step, gaps = _exactly(2, record["step"], "step")
    is_count, is_positive = _exactly(2, record["kind"], "kind")
    high_today, recent, recent_at, *hour, direction = _exactly(8, record["now"], "now")
    hours = _exactly(HOURS_A_DAY, record["hours"], "hours")
    return Memory(
        first_at=_maybe(first_at, "times"),
        last_at=_maybe(last_at, "times"),
        half_hour=None if half_hour is None else _of(int, half_hour, "times"),
        step=_number(step, "step"),
        gaps=_of(int, gaps, "step"),
        scale=Scale(
            is_count=_of(bool, is_count, "flags"),
            is_positive=_of(bool, is_positive, "flags"),
        ),
        hours=[_numbers(text, "hours") for text in hours],
        last_day=_numbers(record["last_day"], "last_day"),
        offsets=_numbers(record["offsets"], "offsets"),
        highs=_numbers(record["highs"], "highs"),
        high_today=_maybe(high_today, "now"),
        recent=_number(recent, "now"),
        recent_at=_number(recent_at, "now"),
        hour_sum=_number(hour[0], "now"),
        hour_points=_of(int, hour[1], "now"),
        seen_sum=_number(hour[2], "now"),
        seen_points=_of(int, hour[3], "now"),
        hourly_direction=_direction(direction),
        points=_track_from(_exactly(3, record["points"], "points")),
        hourly=_track_from(_exactly(3, record["hourly"], "hourly")),
        alarm=_alarm_from(_exactly(7, record["alarm"], "alarm")),
        covered=_covered_from(record.get("covered", _NEVER)),
    )


def _track_record(track: Track) -> list[object]:
    return [track.noise, track.points, track.run]


def _track_from(items: list[object]) -> Track:
    return Track(
        noise=_number(items[0], "noise"),
        points=_of(int, items[1], "points"),
        run=[_direction(item) for item in _list(items[2], "run")],
    )


def _alarm_record(alarm: LevelAlarm) -> list[object]:
    times = [alarm.began, alarm.since, alarm.last]
    return [alarm.is_on, alarm.direction, *times, alarm.values, alarm.usuals]


def _alarm_from(items: list[object]) -> LevelAlarm:
    is_on, direction, *numbers = items
    began, since, last, values, usuals = (_number(item, "alarm") for item in numbers)
    return LevelAlarm(
        is_on=_of(bool, is_on, "flags"),
        direction=_direction(direction),
        began=began,
        since=since,
        last=last,
        values=values,
        usuals=usuals,
    )


def _covered_from(text: object) -> list[int]:
    words = _exactly(HOURS_A_DAY, _of(str, text, "covered").split(), "covered")
    try:
        return [int(str(word)) for word in words]
    except ValueError as error:
        raise _broken("covered has what is no number") from error


def _text(values: list[float]) -> str:
    """Return numbers of few digits as text, which takes half the room."""
    return " ".join(_short(value) for value in values)


def _short(value: float) -> str:
    scientific = f"{value:.{SIGNIFICANT}g}".replace("e+", "e").replace("e0", "e")
    scientific = scientific.replace("e-0", "e-")
    return min(scientific, f"{value:.0f}", key=len) if value % 1 == 0 else scientific


def _numbers(text: object, name: str) -> list[float]:
    words = _of(str, text, name).split()[:_LONGEST_LIST]
    try:
        values = [float(word) for word in words]
    except ValueError as error:
        raise _broken(f"{name} has what is no number") from error
    return [_number(value, name) for value in values]


def _list(value: object, name: str) -> list[object]:
    items = _of(list, value, name)
    if len(items) > _LONGEST_LIST:
        raise _broken(f"{name} is too long")
    return items


def _exactly(length: int, value: object, name: str) -> list[object]:
    items = _list(value, name)
    if len(items) != length:
        raise _broken(f"{name} has {len(items)} parts")
    return items


def _number(value: object, name: str) -> float:
    number = float(value) if type(value) is int else _of(float, value, name)
    if not math.isfinite(number):
        raise _broken(f"{name} is no number")
    return number


def _maybe(value: object, name: str) -> float | None:
    return None if value is None else _number(value, name)


def _of(kind: type[_Kind], value: object, name: str) -> _Kind:
    # not isinstance: True is no number here
    if type(value) is not kind:
        raise _broken(f"{name} is not what it should be")
    return value


def _direction(value: object) -> int:
    if value not in (1, 0, -1):
        raise _broken("a direction is none")
    return _of(int, value, "direction")


def _broken(what: str) -> ValueError:
    return ValueError(f"a baseline's record is broken: {what}")
