"""Check whether the daemon does its work: gathers signs of life from all threads, asks no database."""

from __future__ import annotations

from dataclasses import dataclass

from monitor.collector.scheduler import Schedule
from monitor.collector.targets import TargetRunners
from monitor.daemon.heartbeat import Heartbeat
from monitor.daemon.inbox import Inbox
from monitor.daemon.latest import Latest
from monitor.daemon.ticker import Ticker
from monitor.model.health import LoopThread, ProcessHealth, faults
from monitor.notify.manager import Deliveries
from monitor.timing.clock import Clock


@dataclass(frozen=True, slots=True)
class Health:
    """What there is to look at. Any thread may ask; nothing waits for a lock.

    The heartbeat is left out of what the heartbeat itself asks: if it asks, it lives.
    """

    clock: Clock
    schedule: Schedule
    ticker: Ticker
    inbox: Inbox
    latest: Latest
    runners: TargetRunners
    deliveries: Deliveries
    heartbeat: Heartbeat | None = None

    def check(self) -> tuple[bool, str]:
        """Return whether runs are scheduled, made, taken and delivered, and in words what is wrong."""
        now = self.clock.now()
        ticker, awake_since = self.ticker.sign(now)
        loops = [
            LoopThread("pipeline", self.inbox.is_alive(), self.latest.evaluated_at),
            ticker,
        ]
        if self.heartbeat is not None:
            loops.append(LoopThread("heartbeat", self.heartbeat.is_alive(), now))
        process = ProcessHealth(
            awake_since=awake_since,
            is_scheduling=self.schedule.is_running(),
            overdue=self.schedule.overdue(now),
            loops=tuple(loops),
            pools=self.runners.pools(),
            delivery_workers=self.deliveries.delivery_workers(),
        )
        wrong = faults(process, now)
        return (False, "; ".join(wrong)) if wrong else (True, "healthy")


class Readiness:
    """Whether the first runs have begun to give results; once that is so, it stays so."""

    def __init__(self, latest: Latest) -> None:
        self._latest = latest
        self._is_ready = False

    def check(self) -> tuple[bool, str]:
        """Return whether a run has ended since the start, and that in words."""
        if not self._is_ready:
            views = self._latest.snapshot.queries.values()
            # A shard may have no target at all: nothing is late there.
            has_nothing_to_do = not self._latest.config.jobs
            self._is_ready = has_nothing_to_do or any(view.outcome for view in views)
        return (True, "ready") if self._is_ready else (False, "no run has ended yet")
