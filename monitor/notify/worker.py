"""A thread that sleeps until there is something to send, or until it is time to try again."""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from monitor.model.alerts import Delivery
from monitor.model.errors import DeliveryError
from monitor.model.health import Courier, UnderWay
from monitor.model.settings import Receiver
from monitor.notify.backoff import Jitter
from monitor.timing.clock import Clock
from monitor.timing.shift import moved

OnDelivery = Callable[[Delivery], None]
_AFTER_A_DEFECT_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Health:
    """How the attempts at one address went; the last trouble stays for reading."""

    failures: int = 0
    failing_since: datetime | None = None
    last_reason: str = ""
    last_message: str = ""


class Waiting(Protocol):
    """What the outbox says of one receiver."""

    @property
    def waiting(self) -> int:
        """Count what was not taken yet."""
        ...

    @property
    def oldest_at(self) -> datetime:
        """Tell when the oldest of it was made."""
        ...

    @property
    def full_since(self) -> datetime | None:
        """Tell since when what is new has to wait outside, if it has."""
        ...


class Worker(ABC):
    """One thread for one address. `poke` wakes it, `drain` asks for one last go, `stop` and `join` end it."""

    def __init__(
        self,
        name: str,
        receiver: Receiver,
        *,
        clock: Clock,
        on_delivery: OnDelivery,
        jitter: Jitter,
    ) -> None:
        self.health = Health()
        self._without_defect = self.health
        self._with_defect: Health | None = None
        self.receiver = receiver
        self._clock = clock
        self._on_delivery = on_delivery
        self._jitter = jitter
        self._changed = threading.Condition()
        self._is_poked = False
        self._drain: threading.Event | None = None
        self._is_stopping = False
        self._is_wanted = False
        self._busy_since: datetime | None = None
        self._thread = threading.Thread(
            target=self._run, name=f"deliver {name}", daemon=True
        )

    def start(self) -> None:
        """Begin, if it has not yet; what is due already is sent at once. RuntimeError without a thread."""
        self._is_wanted = True
        if self._thread.ident is None:
            self._thread.start()

    def poke(self) -> None:
        """Say that there may be something new."""
        with self._changed:
            self._is_poked = True
            self._changed.notify()

    def move(self, by: timedelta) -> None:
        """Move what is kept: the clock was set by this much."""
        with self._changed:
            is_of_defect = self.health is self._with_defect
            self.health = moved(self.health, by)
            self._without_defect = moved(self._without_defect, by)
            if is_of_defect:
                self._with_defect = self.health

    def drain(self) -> threading.Event:
        """Ask to try all that waits once more, now; the event is set when that is done."""
        done = threading.Event()
        with self._changed:
            self._drain = done
            if self._is_stopping or not self._thread.is_alive():
                done.set()
            self._changed.notify()
        return done

    def stop(self) -> None:
        """Ask to end, and cut what is under way; returns at once."""
        with self._changed:
            self._is_stopping = True
            self._changed.notify()
        self._abort()

    def join(self, seconds: float) -> None:
        """Wait for the end after `stop`, and close connections."""
        if self._thread.is_alive():
            # Only a name look-up cannot be cut; it ends with the process.
            self._thread.join(seconds)
        if not self._thread.is_alive():
            self._close()

    def courier(self) -> Courier:
        """Tell whether it lives and what it is at; waits for no lock."""
        is_alive = not self._is_wanted or self._thread.is_alive() or self._is_stopping
        name, since = self.receiver.name, self._busy_since
        attempt = (
            None if since is None else UnderWay(name, since, self.receiver.timeout)
        )
        return Courier(name, is_alive, attempt)

    @abstractmethod
    def _work(self) -> float | None:
        """Send what is due; give the seconds until the next turn, None to sleep until poked."""

    @abstractmethod
    def _work_off(self) -> float | None:
        """Try all that waits once more, until the receiver seems to fail; gives what `_work` does."""

    @abstractmethod
    def _abort(self) -> None:
        """Cut what is under way; called from another thread."""

    @abstractmethod
    def _close(self) -> None:
        """Close connections; the thread has ended."""

    def _run(self) -> None:
        seconds: float | None = 0.0
        while True:
            with self._changed:
                self._changed.wait_for(self._has_news, seconds)
                if self._is_stopping:
                    return
                drain, self._drain, self._is_poked = self._drain, None, False
            self._busy_since = self._clock.now()
            seconds = self._turn(self._work if drain is None else self._work_off)
            self._busy_since = None
            if drain is not None:
                drain.set()

    def _has_news(self) -> bool:
        return self._is_poked or self._is_stopping or self._drain is not None

    def _turn(self, work: Callable[[], float | None]) -> float | None:
        try:
            seconds = work()
        except Exception as error:  # noqa: BLE001 # a defect here must not end the deliveries for good
            if self.health is not self._with_defect:
                self._without_defect = self.health
            failed = DeliveryError("internal", type(error).__name__, recoverable=True)
            self._told(failed, self._clock.now(), 0)
            self._with_defect = self.health
            return _AFTER_A_DEFECT_SECONDS
        if self.health is self._with_defect:
            # No attempt has been made since; with nothing to send it would count as failing for good.
            self.health = replace(
                self._without_defect,
                last_reason=self.health.last_reason,
                last_message=self.health.last_message,
            )
        return seconds

    def _attempt(
        self, send: Callable[[datetime], None]
    ) -> tuple[datetime, float, DeliveryError | None]:
        self._busy_since = (
            self._clock.now()
        )  # a turn can make many, each with its own time limit
        return attempt(self._clock, send)

    def _told(
        self,
        error: DeliveryError | None,
        at: datetime,
        seconds: float,
        notifications: int = 1,
    ) -> None:
        """Report an attempt, and remember how it went."""
        self._note(error, at)
        self._on_delivery(self._outcome(error, at, seconds, notifications))

    def _note(self, error: DeliveryError | None, at: datetime) -> None:
        with self._changed:
            before = self.health
            if error is None:
                self.health = Health(
                    last_reason=before.last_reason, last_message=before.last_message
                )
            else:
                since = before.failing_since or at
                self.health = Health(
                    before.failures + 1, since, error.reason, error.message
                )

    def _outcome(
        self,
        error: DeliveryError | None,
        at: datetime,
        seconds: float,
        notifications: int = 1,
    ) -> Delivery:
        return outcome(self.receiver.name, error, at, seconds, notifications)


def attempt(
    clock: Clock, send: Callable[[datetime], None]
) -> tuple[datetime, float, DeliveryError | None]:
    """Make one attempt; gives its start, its seconds and what went wrong."""
    began, error = time.monotonic(), None
    try:
        send(clock.now())
    except DeliveryError as failed:
        error = failed
    except Exception as defect:  # noqa: BLE001 # around a delivery: a defect is one more failed attempt
        error = DeliveryError("internal", type(defect).__name__, recoverable=True)
    seconds = time.monotonic() - began
    # Reckoned back from its end: the clock may have been set meanwhile.
    return clock.now() - timedelta(seconds=seconds), seconds, error


def outcome(
    receiver: str,
    error: DeliveryError | None,
    at: datetime,
    seconds: float,
    notifications: int = 1,
) -> Delivery:
    """Say what came of an attempt."""
    if error is None:
        return Delivery(receiver, at, seconds, notifications)
    return Delivery(
        receiver,
        at,
        seconds,
        notifications,
        error.reason,
        error.message,
        recoverable=error.recoverable,
    )
