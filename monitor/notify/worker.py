"""A thread that sleeps until there is something to send, or until it is time to try again."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from monitor.model.errors import DeliveryError
from monitor.model.health import DeliveryWorker, UnderWay
from monitor.model.settings import Receiver
from monitor.notify.attempt import Attempt, Send, attempt, failure_of
from monitor.notify.context import DeliveryContext
from monitor.timing.shift import moved

# Long enough that a defect that comes at each turn fills neither a core nor the log.
_AFTER_A_DEFECT_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class AddressHealth:
    """How the attempts at one address went; the last trouble stays for reading."""

    failures: int = 0
    failing_since: datetime | None = None
    last_reason: str = ""
    last_message: str = ""

    def after(self, error: DeliveryError | None, at: datetime) -> AddressHealth:
        """Return it with one more attempt, which began at an instant."""
        if error is None:
            return self.without_failures()
        since = self.failing_since or at
        return AddressHealth(self.failures + 1, since, error.reason, error.message)

    def without_failures(self) -> AddressHealth:
        """Return it as after an attempt that went well."""
        return replace(self, failures=0, failing_since=None)


class Worker(ABC):
    """One thread for one address. `poke` wakes it, `drain` asks for one last go, `stop` and `join` end it."""

    def __init__(self, receiver: Receiver, context: DeliveryContext) -> None:
        self.receiver = receiver
        self.health = AddressHealth()
        self._without_defect = self.health
        self._with_defect: AddressHealth | None = None
        self._clock = context.clock
        self._on_delivery = context.on_delivery
        self._jitter = context.jitter
        self._changed = threading.Condition()
        self._is_poked = False
        self._drain: threading.Event | None = None
        self._is_stopping = False
        self._is_started = False
        self._busy_since: datetime | None = None
        self._thread = threading.Thread(
            target=self._run, name=f"deliver {receiver.name}", daemon=True
        )

    def start(self) -> None:
        """Begin, if it has not yet; what is due already is sent at once. RuntimeError without a thread."""
        self._is_started = True
        if self._thread.ident is None:
            self._thread.start()

    def poke(self) -> None:
        """Wake it, since there may be something new; returns at once."""
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

    def liveness(self) -> DeliveryWorker:
        """Return whether it lives and what it is at; waits for no lock."""
        name, since = self.receiver.name, self._busy_since
        is_alive = self._thread.is_alive()
        if self._is_stopping or not self._is_started:
            is_alive = True  # nobody misses it
        under_way = None
        if since is not None:
            under_way = UnderWay(name, since, self.receiver.timeout)
        return DeliveryWorker(name, is_alive, under_way)

    @abstractmethod
    def take_over(self, stopped: Sequence[Worker]) -> None:
        """Go on where one of these was stopped that delivered to this receiver, if one did."""

    @abstractmethod
    def _work(self) -> float | None:
        """Send what is due; return the seconds until the next turn, None to sleep until poked."""

    @abstractmethod
    def _work_off(self) -> float | None:
        """Try all that waits once more, until the receiver seems to fail; return what `_work` does."""

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
            self._report(Attempt(self._clock.now(), 0, failure_of(error)))
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

    def _attempt(self, send: Send) -> Attempt:
        # A turn can make many attempts, each with its own time limit.
        self._busy_since = self._clock.now()
        return attempt(self._clock, send)

    def _report(self, done: Attempt) -> None:
        """Report an attempt, and remember how it went."""
        self._note(done.error, done.at)
        self._on_delivery(done.delivery(self.receiver.name))

    def _note(self, error: DeliveryError | None, at: datetime) -> None:
        """Remember how an attempt went."""
        with self._changed:
            self.health = self.health.after(error, at)
