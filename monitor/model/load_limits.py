"""How much of a server the queries of a target may use: what the configuration says of load courtesy."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, TypeAlias

LOAD_WINDOW = timedelta(minutes=10)
"""Over how long the share of a target's queries is measured."""

PutOffReason: TypeAlias = Literal["busy", "replica_lagging"]
"""Why a run waits: too many threads run on the server, or its replica is too late."""


@dataclass(frozen=True, slots=True)
class LoadLimits:
    """What all queries of a target together may cost its server; `docs/configuration.md`, `[load]`."""

    share: float = 0.01
    """The part of time in which one statement of ours may run, of all monitors that watch the target."""
    threads_running: int = 50
    """Above so many running threads what is not critical waits; 0: however many."""
    max_rows_read: int = 20_000_000
    """A query that would read more rows at a run is refused by `validate --connect`."""
    replicas: int = 1
    """How many monitors watch the target, and share the share."""

    @property
    def own_share(self) -> float:
        """Return the part of time for this monitor, where several watch the target."""
        return self.share / self.replicas

    @property
    def budget_seconds(self) -> float:
        """Return how long statements may run within the window, in seconds."""
        return self.own_share * LOAD_WINDOW.total_seconds()

    def busy_words(self, threads_running: int | None) -> str:
        """Return that a server with so many running threads is busy; empty where it is not, or does not say."""
        limit = self.threads_running
        if not limit or threads_running is None or threads_running <= limit:
            return ""
        # Without the number itself: a message that differs at each run would be written at each run.
        return f"more than {limit} threads run on the server (threads_running)"
