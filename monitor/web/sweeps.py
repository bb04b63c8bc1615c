"""Describe in words how far a sweep has come, for the page; pure."""

from __future__ import annotations

from datetime import timedelta

from monitor.model.positions import Position, SweepPosition
from monitor.model.sweeps import Cycle, PartCycle
from monitor.model.walks import Sweep
from monitor.timing.durations import format_duration

_SECOND = timedelta(seconds=1)


def sweep_cadence(sweep: Sweep, position: Position | None) -> str:
    """Return how often there is a new result, how long that really took, and how much is read of the next."""
    words = [f"a cycle every {format_duration(sweep.cycle)} at least"]
    if isinstance(position, SweepPosition):
        words.append(_last_text(position.last))
        words.append(_progress_text(position.under_way))
    return ", ".join(words)


def _last_text(last: Cycle | None) -> str:
    if last is None:
        return "none is through yet"
    return f"the last took {_seconds_text(last.length)}"


def _progress_text(under_way: PartCycle | None) -> str:
    if under_way is None:
        return "the next is not due yet"
    if under_way.progress is None:
        return f"{under_way.so_far.pieces} pieces of the next are read"
    return f"{under_way.progress:.0%} of the next is read"


def _seconds_text(length: timedelta) -> str:
    """Return a time in whole seconds; of what was through at once, that."""
    if length < _SECOND:
        return "less than 1s"
    return format_duration(timedelta(seconds=round(length.total_seconds())))
