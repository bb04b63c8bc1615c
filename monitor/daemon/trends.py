"""Collect what results say, minute by minute, for plots; owned by the pipeline's thread, written by maintenance."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from monitor.model.results import Result
from monitor.model.settings import Config
from monitor.model.trends import (
    COST_METRIC,
    HOUR,
    MINUTE,
    SeriesName,
    Slots,
    TrendNews,
    TrendRow,
    trend_values,
)

MAX_TREND_TARGETS = 100
"""With more targets nothing is kept for plots: whoever has so many has a Prometheus (docs/adr/0061)."""
MAX_SERIES = 2000
"""Of all targets together."""
MAX_TARGET_SERIES = 200


def series_limit(targets: int) -> int:
    """Return how many series of a target are kept, where there are so many targets."""
    if targets > MAX_TREND_TARGETS:
        return 0
    return min(MAX_TARGET_SERIES, MAX_SERIES // max(targets, 1))


class Trends:
    """The values of the minute that goes on, and the places of all series."""

    def __init__(self, known: Mapping[str, Slots]) -> None:
        self._slots = {target: dict(slots) for target, slots in known.items()}
        self._values: dict[str, dict[int, float]] = {}
        self._new: dict[str, dict[SeriesName, int]] = {}
        self._noted: set[str] = set()
        """The targets that said something since all series were written last."""
        self._minute = 0

    def note(self, result: Result, config: Config) -> None:
        """Take what a result says into the minute that goes on; nothing of a run that asked no server.

        That a target has something in a minute says that it was looked at then.
        """
        if not result.outcome.has_reached_server:
            return
        limit = series_limit(len(config.targets))
        target = result.job.target.name
        cost = self._slot(target, SeriesName("", COST_METRIC), limit)
        if cost is None:
            return
        self._noted.add(target)
        values = self._values.setdefault(target, {})
        values[cost] = values.get(cost, 0.0) + 1000 * result.statement_seconds
        for name, value in trend_values(result):
            slot = self._slot(target, name, limit)
            if slot is not None:
                values[slot] = value

    def due(self, now: datetime) -> TrendNews | None:
        """Return the minute that is over, to be written; None while it goes on, or where nothing came."""
        minute = int(now.timestamp()) // MINUTE
        before, self._minute = self._minute, minute
        if before in (0, minute) or not self._values:
            return None
        began = before * MINUTE
        rows = [TrendRow(name, began, values) for name, values in self._values.items()]
        self._values = {}
        if began % HOUR == 0:
            # Once an hour all of them: a file that was lost meanwhile knows none. Not of targets that are gone, of
            # which the file forgets them.
            self._new = {target: dict(self._slots[target]) for target in self._noted}
            self._noted = set()
        return TrendNews(rows, self._new)

    def note_written(self) -> None:
        """Note that the last minute was written, and with it the series that were new."""
        self._new = {}

    def _slot(self, target: str, name: SeriesName, limit: int) -> int | None:
        """Return the place of a series; None where there is no place for another one."""
        slots = self._slots.setdefault(target, {})
        slot = slots.get(name)
        if slot is None and len(slots) < limit:
            slot = slots[name] = max(slots.values(), default=-1) + 1
            self._new.setdefault(target, {})[name] = slot
        return slot
