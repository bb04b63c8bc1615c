"""Take notifications from the outbox, oldest first, and send each until its receiver has it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from monitor.model.alerts import Delivery, Notification, ReceiverHealth
from monitor.model.errors import DeliveryError
from monitor.model.settings import Receiver
from monitor.notify.backoff import Jitter, backoff_seconds
from monitor.notify.notifiers import Sender
from monitor.notify.worker import OnDelivery, Waiting, Worker
from monitor.timing.clock import SettableClock

_FIRST_RETRY_SECONDS = 1.0
_LONGEST_RETRY_SECONDS = 300.0
_LONGEST_BREAK_SECONDS = 60.0
_FAILED_FOR_A_BREAK = 2


class Outbox(Protocol):
    """Where notifications wait; the state, as its workers see it. Any of it may fail for a while."""

    def due(
        self,
        receiver: str,
        *,
        now: datetime,
        limit: int = 1,
        least_tried_first: bool = False,
        whenever: bool = False,
    ) -> Sequence[Notification]:
        """List what to send now or `whenever`, oldest first; of one rule and target only the oldest."""
        ...

    def next_try_at(self, receiver: str) -> datetime | None:
        """Tell when the next may be tried; None if nothing waits."""
        ...

    def retry_now(self, receiver: str, *, now: datetime) -> None:
        """Let all that waits be tried at once."""
        ...

    def trim(self, receiver: str, *, now: datetime) -> Sequence[Delivery]:
        """Give up what is too old or too much."""
        ...

    def delivered(self, notification: Notification, delivery: Delivery) -> None:
        """Take out what the receiver has."""
        ...

    def failed(
        self,
        notification: Notification,
        delivery: Delivery,
        *,
        next_try_at: datetime | None,
    ) -> None:
        """Count a failed attempt; None gives up."""
        ...

    def outbox(self) -> Mapping[str, Waiting]:
        """Count what waits for each receiver."""
        ...


class OutboxWorker(Worker):
    """The thread of one receiver that is told of changes, each once and in order.

    A notification that fails waits longer each time, and others pass it, save those about the same
    rule and target. When several fail in a row it is the receiver that fails: then nothing is tried
    for a while but one after the other, those with the fewest attempts first, until one is taken.
    """

    def __init__(
        self,
        receiver: Receiver,
        outbox: Outbox,
        sender: Sender,
        *,
        clock: SettableClock,
        on_delivery: OnDelivery,
        jitter: Jitter,
    ) -> None:
        super().__init__(
            receiver.name, receiver, clock=clock, on_delivery=on_delivery, jitter=jitter
        )
        self._clock: SettableClock = clock
        self._outbox = outbox
        self._sender = sender
        self._unrecorded: deque[Callable[[], None]] = deque()
        self._failed: dict[int | None, None] = {}
        self._failures = 0
        self._not_before: datetime | None = None
        self._is_moved = False
        self._clock_shift = clock.clock_shift

    @property
    def workers(self) -> tuple[Worker, ...]:
        """Give the threads of this receiver: one."""
        return (self,)

    def status(self, waiting: Waiting | None) -> ReceiverHealth:
        """Tell what waits and how the last attempts went."""
        return ReceiverHealth(
            self.health.failing_since,
            self.health.last_reason,
            self.health.last_message,
            0 if waiting is None else waiting.waiting,
            None if waiting is None else waiting.oldest_at,
            None if waiting is None else waiting.full_since,
        )

    def move(self, by: timedelta) -> None:
        """Move what is kept; what waits is tried at once."""
        super().move(by)
        self._not_before = None
        self._clock_shift = self._clock.clock_shift
        self._is_moved = True  # an attempt under way may yet write when to try again by the old clock

    def _work(self) -> float | None:
        self._record()
        now = self._clock.now()
        if self._is_moved:
            self._is_moved = False
            self._unrecorded.append(self._retry_now)
            self._record()
        self._trim()
        if self._not_before is not None and now < self._not_before:
            return (self._not_before - now).total_seconds()
        due = self._outbox.due(
            self.receiver.name, now=now, least_tried_first=self._is_broken
        )
        if due:
            self._deliver(due[0])
            return 0.0
        next_try_at = self._outbox.next_try_at(self.receiver.name)
        if next_try_at is None:
            return None
        return max(0.0, (next_try_at - self._clock.now()).total_seconds())

    def _work_off(self) -> float | None:
        self._record()
        self._trim()
        failed = 0
        while not self._is_stopping and failed < _FAILED_FOR_A_BREAK:
            now = self._clock.now()
            due = self._outbox.due(
                self.receiver.name, now=now, least_tried_first=failed > 0, whenever=True
            )
            if not due:
                break
            failed += not self._deliver(due[0])
        return 0.0

    @property
    def _is_broken(self) -> bool:
        """Tell whether several notifications failed in a row: that is the receiver's, not theirs."""
        return len(self._failed) >= _FAILED_FOR_A_BREAK

    def _trim(self) -> None:
        # The receiver's health is left alone: that these were not taken, their attempts have told.
        now, clock_shift = self._clock.reading()
        if clock_shift != self._clock_shift:
            return  # the clock was set, and what waits was not moved with it yet: its age is not known
        for given_up in self._outbox.trim(self.receiver.name, now=now):
            self._on_delivery(given_up)

    def _deliver(self, notification: Notification) -> bool:
        at, seconds, error = self._attempt(
            lambda now: self._sender.send(notification, now)
        )
        outcome = self._outcome(error, at, seconds)
        was_broken = self._is_broken
        self._weigh(notification, error)

        def record() -> None:
            if error is None:
                self._outbox.delivered(notification, outcome)
                return
            next_try_at = self._next_try_at(notification, error)
            self._outbox.failed(notification, outcome, next_try_at=next_try_at)

        self._unrecorded.append(record)
        if error is None and was_broken:
            self._unrecorded.append(self._retry_now)
        try:
            self._record()
        finally:
            self._told(error, at, seconds)
        return error is None

    def _weigh(self, notification: Notification, error: DeliveryError | None) -> None:
        """Break off for a while when the receiver fails; an answer that is no use again is an answer."""
        self._not_before = None
        if error is None or not error.recoverable:
            self._failed.clear()
            self._failures = 0
            return
        self._failed[notification.id] = None
        self._failures += 1
        seconds = error.retry_after_seconds
        if seconds is None and self._is_broken:
            seconds = backoff_seconds(
                self._failures,
                first=_FIRST_RETRY_SECONDS,
                most=_LONGEST_BREAK_SECONDS,
                jitter=self._jitter,
            )
        if seconds is not None:
            self._not_before = self._clock.now() + timedelta(seconds=seconds)

    def _record(self) -> None:
        """Write what came of the last attempt; until that is done nothing is sent, or it were sent twice.

        A step that is done is never made again, even if the next one fails.
        """
        while self._unrecorded:
            self._unrecorded[0]()
            self._unrecorded.popleft()

    def _retry_now(self) -> None:
        self._outbox.retry_now(self.receiver.name, now=self._clock.now())

    def _next_try_at(
        self, notification: Notification, error: DeliveryError
    ) -> datetime | None:
        if not error.recoverable:
            return None
        seconds = error.retry_after_seconds
        if seconds is None:
            seconds = backoff_seconds(
                notification.attempts + 1,
                first=_FIRST_RETRY_SECONDS,
                most=_LONGEST_RETRY_SECONDS,
                jitter=self._jitter,
            )
        return self._clock.now() + timedelta(seconds=seconds)

    def _abort(self) -> None:
        self._sender.abort()

    def _close(self) -> None:
        self._sender.close()
