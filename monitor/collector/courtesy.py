"""How a walk spares the server that it reads: by a share of its time, and by pausing; from a job to its walk."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from monitor.model.load_limits import LoadLimits
from monitor.model.schedules import Every
from monitor.model.settings import Query

_OF_SHARE: Final = 1 / 12
"""What one walk takes of the share of all queries of its target: the others want some, too."""
_OF_SHARE_ONCE: Final = 1 / 4
"""What it takes of it for what is read once, as the day before: so that this is over within minutes."""
_MOST_AT_ONCE_SECONDS: Final = 0.2
"""Of that, in one run: a query with a long interval would else read for long without a pause."""
_CRON_STEP: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Courtesy:
    """What a walk may take of its server's time."""

    share: float = LoadLimits().own_share
    """All queries of a target together may use so much of its statement time."""
    is_busy: Callable[[], bool] = lambda: False
    """Asked before each piece: whether the server has no time for it."""

    def step_seconds(self, step: timedelta) -> float:
        """Return how much statement time one of the runs may take that are so far apart."""
        return self.share * step.total_seconds() * _OF_SHARE

    def once_seconds(self, query: Query) -> float:
        """Return how much statement time a run of a query may take for what is read once, over some runs."""
        schedule = query.schedule
        step = schedule.interval if isinstance(schedule, Every) else _CRON_STEP
        return min(
            self.share * step.total_seconds() * _OF_SHARE_ONCE, _MOST_AT_ONCE_SECONDS
        )


USUAL: Final = Courtesy()
