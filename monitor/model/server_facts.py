"""What a server says of its clock and its replication, part of every Result."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from monitor.timing.durations import format_duration


@dataclass(frozen=True, slots=True)
class ClockOffset:
    """How far a server's clock is ahead of ours (below 0: behind), and by how much that may be wrong."""

    seconds: float
    uncertainty_seconds: float

    @property
    def proven_seconds(self) -> float:
        """Return the part of the difference, in either direction, that no slow network explains."""
        return max(abs(self.seconds) - self.uncertainty_seconds, 0.0)


@dataclass(frozen=True, slots=True)
class Replication:
    """What a replica says of itself; `lag_seconds` is None where it stands, and `state` says how."""

    lag_seconds: float | None
    state: str = ""

    def fault(self, max_lag: timedelta) -> str:
        """Return why the data of this replica is too old for rules; empty where it is not."""
        if not max_lag:
            return ""
        if self.lag_seconds is None:
            return f"its replication stands ({self.state})"
        if self.lag_seconds <= max_lag.total_seconds():
            return ""
        # Without the lag itself: a message that differs at each run would be written at each run.
        limit = format_duration(max_lag)
        return f"the replica is more than {limit} behind (max_replica_lag)"
