"""Keep what alerts did within the last day for the first page, which so waits for the disk once a minute at most."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from monitor.model.alerts import Transition
from monitor.storage.history_filter import HistoryFilter
from monitor.web.views import Past

_DAY: Final = timedelta(days=1)
_MAX_READ: Final = 40
"""Among so many are the few that the page shows, also where a part of it is asked for."""
_MAX_TARGETS: Final = 8
"""Of so many targets they are kept."""
_RENEWED_AFTER: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class _KeptTransitions:
    at: datetime
    transitions: Sequence[Transition]


class LatestTransitions:
    """What alerts did that somebody was to hear of; called in threads, several at once."""

    def __init__(self, past: Past) -> None:
        self._past = past
        self._known: dict[str, _KeptTransitions] = {}
        self._reading = threading.Lock()

    def of(self, target: str, now: datetime) -> Sequence[Transition]:
        """Return those of a target within the last day, or of all by ""; the newest first, at most a minute old.

        One request reads; the others have what is known meanwhile, so that a disk that hangs holds up one alone.
        """
        known = self._known.get(target)
        if known is not None and timedelta(0) <= now - known.at < _RENEWED_AFTER:
            return known.transitions
        if not self._reading.acquire(blocking=False):
            return () if known is None else known.transitions
        try:
            return self._read(target, now)
        finally:
            self._reading.release()

    def _read(self, target: str, now: datetime) -> Sequence[Transition]:
        wanted = HistoryFilter(target=target or None, since=now - _DAY, was_told=True)
        found = self._past.transitions(_MAX_READ, wanted)
        newest = list(self._known.items())[1 - _MAX_TARGETS :]
        self._known = {**dict(newest), target: _KeptTransitions(now, found)}
        return found
