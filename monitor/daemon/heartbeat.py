"""Call an address for as long as all that matters runs in time; an edge that only reads the snapshot."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from monitor.alerting.freshness import max_silence, run_ends_by
from monitor.alerting.snapshot import QueryStatus, QueryView, Snapshot
from monitor.model.alerts import Delivery
from monitor.model.process_settings import HeartbeatSettings
from monitor.model.settings import Every
from monitor.model.wording import utc_second
from monitor.timing.clock import Clock
from monitor.timing.shift import moved

_LOOK_SECONDS = 1.0
_NAMED = 5


class Call(Protocol):
    """One attempt at the far end, within its time limit; never raises."""

    def __call__(self) -> Delivery:
        """Make it, and say what came of it."""
        ...

    def abort(self) -> None:
        """Cut what is under way, from another thread."""
        ...


class Listener(Protocol):
    """What is told of heartbeats, in their own thread; must not raise."""

    def on_heartbeat(self, delivery: Delivery) -> None:
        """Hear of an attempt."""

    def on_withheld(self, reason: str, message: str) -> None:
        """Hear that none is sent from now on, and why."""

    def on_resumed(self, seconds: float) -> None:
        """Hear that they are sent again, and for how long they were not."""


@dataclass(frozen=True, slots=True)
class Withheld:
    """Why no heartbeat is sent; without a reason nothing is wrong, and the first runs are awaited."""

    reason: str = ""
    message: str = ""


class Heartbeat:
    """A thread that sleeps and looks; `apply` says what to call, and may be called again."""

    def __init__(
        self,
        clock: Clock,
        *,
        snapshot: Callable[[], Snapshot],
        is_healthy: Callable[[], tuple[bool, str]],
        listener: Listener,
    ) -> None:
        self._clock = clock
        self._snapshot = snapshot
        self._is_healthy = is_healthy
        self._listener = listener
        self._lock = threading.Lock()
        self._settings: HeartbeatSettings | None = None
        self._call: Call | None = None
        self._next_at = clock.now()
        self._withheld: tuple[str, datetime] | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def apply(self, settings: HeartbeatSettings | None, call: Call | None) -> None:
        """Call this from now on, or nothing; equal settings change nothing."""
        with self._lock:
            if settings == self._settings:
                return
            self._settings, before, self._call = settings, self._call, call
            self._next_at = self._clock.now()
            self._withheld = None
        if before is not None:
            before.abort()

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def is_alive(self) -> bool:
        """Tell whether the thread lives."""
        return self._thread.is_alive()

    def stop(self, seconds: float) -> None:
        """End, cutting what is under way; waits so long at most."""
        self._stopping.set()
        with self._lock:
            call = self._call
        if call is not None:
            call.abort()
        if self._thread.is_alive():
            self._thread.join(seconds)

    def move(self, by: timedelta) -> None:
        """Move what is kept: the clock was set by this much."""
        with self._lock:
            self._next_at += by
            self._withheld = moved(self._withheld, by)

    def look(self) -> None:
        """Send a heartbeat if one is due and nothing speaks against it."""
        now = self._clock.now()
        with self._lock:
            settings, call = self._settings, self._call
            if settings is None or call is None:
                return
            # Further away than one interval it is only after the clock was set.
            if now < self._next_at <= now + settings.interval:
                return
        against = withheld(settings, self._snapshot(), self._is_healthy(), now)
        if against is not None:
            self._withhold(against, now)
            return
        held = self._withheld  # a reload may forget it meanwhile
        if held is not None:
            self._withheld = None
            self._listener.on_resumed((now - held[1]).total_seconds())
        delivery = call()
        with self._lock:
            if settings is not self._settings:  # a reload has put another in its place
                return
            self._next_at = now + settings.interval
        if not self._stopping.is_set() or not delivery.reason:
            self._listener.on_heartbeat(delivery)

    def _withhold(self, against: Withheld, now: datetime) -> None:
        held = self._withheld
        if not against.reason or (held is not None and held[0] == against.reason):
            return
        self._withheld = (against.reason, now if held is None else held[1])
        self._listener.on_withheld(against.reason, against.message)

    def _run(self) -> None:
        while not self._stopping.wait(_LOOK_SECONDS):
            self.look()


def withheld(
    settings: HeartbeatSettings,
    snapshot: Snapshot,
    health: tuple[bool, str],
    now: datetime,
) -> Withheld | None:
    """Say why no heartbeat may be sent at `now`; None where nothing speaks against it."""
    is_healthy, words = health
    if not is_healthy:
        return Withheld("unhealthy", words)
    views = [
        view for key, view in snapshot.queries.items() if key[1] in settings.queries
    ]
    late = [view for view in views if is_late(view, now)]
    if late:
        told = [_told(view) for view in late[:_NAMED]]
        more = [f"and {len(late) - _NAMED} more"] if len(late) > _NAMED else []
        return Withheld("late", "not in time: " + "; ".join([*told, *more]))
    awaited = (view for view in views if isinstance(view.job.query.schedule, Every))
    return (
        Withheld()
        if not views or any(view.data_at is None for view in awaited)
        else None
    )


def is_late(view: QueryView, now: datetime) -> bool:
    """Tell whether a query had no success within three intervals and its time limit; cron: at its last time.

    A cron query that was not due since we began is not late.
    """
    if (allowed := max_silence(view.job)) is not None:
        since = view.data_at or view.since
        return since is not None and now > since + allowed
    if view.first_failure_at is not None or view.status in (
        QueryStatus.BLOCKED,
        QueryStatus.SKIPPED,
    ):
        return True
    return view.next_run_at is not None and now > run_ends_by(
        view.job, view.next_run_at
    )


def _told(view: QueryView) -> str:
    target, query = view.job.key
    since = (
        f"no data since {utc_second(view.data_at)}" if view.data_at else "no data yet"
    )
    return f"{query} on {target} ({since})"
