"""What a server says of itself, of its clock and its replication, part of every Result."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from monitor.model.certificates import Certificate
from monitor.model.levels import Flavor
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


@dataclass(frozen=True, slots=True)
class Server:
    """Which server answered, as it said of itself at connect, and how it stands: of at most 15 s before."""

    flavor: Flavor
    version: str
    hostname: str = ""
    read_only: bool | None = None
    limits: tuple[str, ...] = ()
    """Session limits that took effect: statement, lock, read_only."""
    clock: ClockOffset | None = None
    replication: Replication | None = None
    """None where it is not a replica, or where that cannot be known."""
    knows_replication: bool = False
    """Whether it said so; without the right to ask, nobody knows."""
    altered: tuple[str, ...] = ()
    """Session variables that change an answer and are not as we set them, each with its value."""
    unstated: tuple[str, ...] = ()
    """Session variables that only change what a statement costs and are not as we set them."""
    time_zone: str = ""
    """The server's own time zone, by the name that it gives; empty where it does not say."""
    utc_offsets: tuple[timedelta, ...] = ()
    """How far that zone is ahead of UTC in January and in July; () where the server does not say."""
    certificates: tuple[Certificate, ...] = ()
    """The server's own, where it speaks TLS, and the one that we show it."""
    surplus_rights: tuple[str, ...] | None = None
    """What the account may do beyond reading, as `RIGHT on WHERE`; None where SHOW GRANTS did not say."""
    threads_running: int | None = None
    """How many threads ran a statement; None where it did not say."""

    @property
    def clock_offset_seconds(self) -> float | None:
        """Return how far its clock is ahead of ours; None where unknown."""
        return None if self.clock is None else self.clock.seconds

    @property
    def replica_lag_seconds(self) -> float | None:
        """Return how far it is behind its source; None where it stands, is not a replica or cannot know."""
        return None if self.replication is None else self.replication.lag_seconds

    def refuses_writes(self, *, took_them: bool) -> bool | None:
        """Return whether it takes no writes although it is to: it is not a replica, or took them before.

        None where that cannot be known: an account that may not ask of replication met it read only.
        """
        if self.read_only is None:
            return None
        if not self.read_only or self.replication is not None:
            return False
        is_to_take_some = self.knows_replication or took_them
        return True if is_to_take_some else None

    def replica_fault(self, max_lag: timedelta) -> str:
        """Return why its data is too old for rules; empty where it is not, or `max_lag` is 0."""
        return "" if self.replication is None else self.replication.fault(max_lag)
