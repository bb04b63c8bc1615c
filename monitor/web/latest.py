"""Keep what alerts did within the last day for the first page, which so waits for the disk once a minute at most."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from monitor.model.alerts import Transition
from monitor.storage.history_filter import HistoryFilter
from monitor.web.kept import KeptByTarget
from monitor.web.views import Past

_DAY: Final = timedelta(days=1)
_MAX_READ: Final = 300
"""Among so many are the few that the page shows, also where one alert did something every ten minutes of the day."""


class LatestTransitions:
    """What alerts did that somebody was to hear of; called in threads, several at once."""

    def __init__(self, past: Past) -> None:
        self._past = past
        self._kept: KeptByTarget[Sequence[Transition]] = KeptByTarget()
        self._reading = threading.Lock()

    def of(self, target: str, now: datetime) -> Sequence[Transition]:
        """Return those of a target within the last day, or of all by ""; the newest first, at most a minute old.

        One request reads; the others have what is known meanwhile, so that a disk that hangs holds up one alone.
        """
        fresh = self._kept.fresh(target, now)
        if fresh is not None:
            return fresh
        if not self._reading.acquire(blocking=False):
            return self._kept.last(target) or ()
        try:
            wanted = HistoryFilter(
                target=target or None, since=now - _DAY, was_told=True
            )
            found = self._past.transitions(_MAX_READ, wanted)
            return self._kept.keep(target, found, now)
        finally:
            self._reading.release()
