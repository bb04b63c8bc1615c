"""Describe in words how far a sweep has come, for the page; pure."""

from __future__ import annotations

from datetime import timedelta

from monitor.model.positions import Position, SweepPosition
from monitor.model.sweeps import PartCycle
from monitor.model.walks import Sweep
from monitor.model.wording import counted
from monitor.timing.durations import format_duration

_SECOND = timedelta(seconds=1)


def sweep_cadence(sweep: Sweep, position: Position | None) -> str:
    """Return how often there is a new result, how long that really took, and how much is read of the next."""
    words = f"every {format_duration(sweep.cycle)}"
    if not isinstance(position, SweepPosition):
        return words
    last, under_way = position.last, position.under_way
    took = f", last cycle {_seconds_text(last.length)}" if last else ""
    read = f", next {_read_text(under_way)} read" if under_way else ""
    return f"{words}{took}{read}"


def _read_text(under_way: PartCycle) -> str:
    if under_way.progress is None:
        return counted(under_way.so_far.pieces, "piece")
    return f"{under_way.progress:.0%}"


def _seconds_text(length: timedelta) -> str:
    """Return a time in whole seconds; of what was through at once, that."""
    if length < _SECOND:
        return "< 1s"
    return format_duration(timedelta(seconds=round(length.total_seconds())))
