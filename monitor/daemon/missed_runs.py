"""Write of each query once an hour how many runs were missed, however many are; between pipeline and log, pure."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from monitor.model.mappings import among
from monitor.model.settings import JobKey

WRITTEN_AGAIN_AFTER: Final = timedelta(hours=1)
"""Who is late with thousands of queries must not be later for what it writes of that."""


@dataclass(slots=True)
class MissedRuns:
    """Keeps of each query how many missed runs are not written yet. For the pipeline's thread."""

    _unwritten: dict[JobKey, int] = field(default_factory=dict)
    _written_at: dict[JobKey, datetime] = field(default_factory=dict)

    def count_to_write(self, key: JobKey, count: int, at: datetime) -> int:
        """Return how many missed runs of a query are to be written now, these included; 0 if it is too soon."""
        unwritten = self._unwritten.get(key, 0) + count
        written_at = self._written_at.get(key)
        if written_at is not None and at - written_at < WRITTEN_AGAIN_AFTER:
            self._unwritten[key] = unwritten
            return 0
        self._unwritten.pop(key, None)
        self._written_at[key] = at
        return unwritten

    def keep(self, keys: Set[JobKey]) -> None:
        """Forget the queries that are not among these."""
        self._unwritten = among(self._unwritten, keys)
        self._written_at = among(self._written_at, keys)

    def move(self, by: timedelta) -> None:
        """Move what is kept: the clock was set by this much."""
        self._written_at = {key: at + by for key, at in self._written_at.items()}
