"""Call an address for as long as all that matters runs in time; an edge that only reads the snapshot."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from monitor.alerting.freshness import max_silence, run_ends_by
from monitor.alerting.query_view import QueryStatus, QueryView
from monitor.alerting.snapshot import Snapshot
from monitor.model.alerts import Delivery
from monitor.model.process_settings import HeartbeatSettings
from monitor.model.schedules import Every
from monitor.model.wording import utc_second
from monitor.timing.clock import Clock
from monitor.timing.shift import moved

# So often it is looked whether one is due, so that a reload and a recovery are seen at once.
_LOOK_SECONDS = 1.0
_MAX_NAMED = 5
"""How many queries a message names: it goes into one line of the log."""
_WITHOUT_A_RUN = (
    QueryStatus.BLOCKED,
    QueryStatus.DEFERRED,
    QueryStatus.SKIPPED,
)


class Call(Protocol):
    """One attempt at the far end, within its time limit; never raises."""

    def __call__(self) -> Delivery:
        """Make it; returns what came of it."""
        ...

    def abort(self) -> None:
        """Cut what is under way, from another thread."""
        ...


class HeartbeatListener(Protocol):
    """Called about heartbeats, in their own thread; must not raise."""

    def on_heartbeat(self, delivery: Delivery) -> None:
        """Log an attempt."""

    def on_withheld(self, reason: str, message: str) -> None:
        """Log that none is sent from now on, and why."""

    def on_resumed(self, seconds: float) -> None:
        """Log that they are sent again, and for how long they were not."""


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
        check_health: Callable[[], tuple[bool, str]],
        listener: HeartbeatListener,
    ) -> None:
        self._clock = clock
        self._snapshot = snapshot
        self._check_health = check_health
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
        """Return whether the thread lives."""
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
        obstacle = withheld(settings, self._snapshot(), self._check_health(), now)
        if obstacle is not None:
            self._withhold(obstacle, now)
            return
        # Read once: a reload may forget it meanwhile.
        held = self._withheld
        if held is not None:
            self._withheld = None
            self._listener.on_resumed((now - held[1]).total_seconds())
        delivery = call()
        with self._lock:
            if settings is not self._settings:
                # A reload has put another in its place.
                return
            self._next_at = now + settings.interval
        # What was cut by the end of the process is not a failure of the far end.
        if not self._stopping.is_set() or not delivery.reason:
            self._listener.on_heartbeat(delivery)

    def _withhold(self, obstacle: Withheld, now: datetime) -> None:
        reason, since = self._withheld or ("", now)
        if obstacle.reason in ("", reason):
            return
        self._withheld = (obstacle.reason, since)
        self._listener.on_withheld(obstacle.reason, obstacle.message)

    def _run(self) -> None:
        while not self._stopping.wait(_LOOK_SECONDS):
            self.look()


def withheld(
    settings: HeartbeatSettings,
    snapshot: Snapshot,
    health: tuple[bool, str],
    now: datetime,
) -> Withheld | None:
    """Return why no heartbeat may be sent at `now`; None where nothing speaks against it."""
    is_healthy, message = health
    if not is_healthy:
        return Withheld("unhealthy", message)
    views = [
        view for key, view in snapshot.queries.items() if key[1] in settings.queries
    ]
    late = [view for view in views if is_late(view, now)]
    if late:
        return Withheld("late", f"not in time: {_list(late)}")
    if not views or any(_is_awaited(view) for view in views):
        return Withheld()
    return None


def _is_awaited(view: QueryView) -> bool:
    """Return whether a query that runs by an interval, and so at the start, has not given data yet."""
    return view.data_at is None and isinstance(view.job.query.schedule, Every)


def is_late(view: QueryView, now: datetime) -> bool:
    """Return whether a query had no success within three intervals and its time limit; cron: at its last time.

    A cron query that was not due since we began is not late.
    """
    allowed = max_silence(view.paced)
    if allowed is not None:
        since = view.data_at or view.since
        return since is not None and now > since + allowed
    if view.first_failure_at is not None or view.status in _WITHOUT_A_RUN:
        return True
    if view.next_run_at is None:
        return False
    return now > run_ends_by(view.job, view.next_run_at)


def _list(late: list[QueryView]) -> str:
    named = [_describe(view) for view in late[:_MAX_NAMED]]
    if len(late) > _MAX_NAMED:
        named.append(f"and {len(late) - _MAX_NAMED} more")
    return "; ".join(named)


def _describe(view: QueryView) -> str:
    target, query = view.job.key
    since = "no data yet"
    if view.data_at is not None:
        since = f"no data since {utc_second(view.data_at)}"
    return f"{query} on {target} ({since})"
