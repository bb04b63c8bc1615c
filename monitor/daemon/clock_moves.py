"""Move what is on the disk when the machine's clock was set, as soon as the disk takes it; in the pipeline."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from monitor.daemon.commands import ShiftTimes
from monitor.daemon.maintenance import ALIVE
from monitor.daemon.messages import PipelineListener
from monitor.model.alerts import Alert, Scope
from monitor.model.declared import Declared
from monitor.model.settings import Labels
from monitor.storage import State
from monitor.storage.marks import CLOCK_SHIFT, shift_to_mark


class ClockMoves:
    """By how much the clock was set while the disk did not take that; owned by the pipeline's thread."""

    def __init__(self, state: State, listener: PipelineListener) -> None:
        self._state = state
        self._listener = listener
        self._kept = state.clock_shift()
        self._unmoved = timedelta(0)

    @property
    def clock_shift(self) -> timedelta:
        """Return how far the clock was set since the state began: what rules remember is behind ours by as much."""
        return self._kept + self._unmoved

    def steady(self, now: datetime) -> float:
        """Return an instant of ours by the clock that nobody sets, in Unix time."""
        return (now - self.clock_shift).timestamp()

    def marks(self, now: datetime) -> Mapping[str, datetime]:
        """Return what is marked with all that walks and rules remember: by which clock, and when we lived."""
        return {ALIVE: now, CLOCK_SHIFT: shift_to_mark(self.clock_shift)}

    def add(self, by: timedelta) -> None:
        """Note that the clock was set, and that all in memory has moved."""
        self._unmoved += by

    def record(
        self, alerts: Mapping[Scope, Mapping[Labels, Alert]], declared: Declared
    ) -> Iterator[ShiftTimes]:
        """Move what is on the disk, and then all that others keep; tried before anything is recorded."""
        if not self._unmoved:
            return
        self._state.move(self._unmoved, alerts, declared)
        by, self._unmoved = self._unmoved, timedelta(0)
        self._kept += by
        self._listener.on_clock_moved(by)
        yield ShiftTimes(by)
