"""Take notifications from the outbox, oldest first, and send each until its receiver has it."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Final, Protocol

from monitor.model.alerts import Notification, ReceiverHealth, Untaken
from monitor.model.errors import DeliveryError
from monitor.model.settings import Receiver
from monitor.notify.attempt import Attempt
from monitor.notify.backoff import NOTIFICATION, RECEIVER
from monitor.notify.context import DeliveryContext, Waiting
from monitor.notify.worker import Worker
from monitor.timing.shift import moved

# One that fails may be refused for what it says; two different ones in a row are the receiver's doing.
_FAILED_FOR_A_BREAK: Final = 2


class Sender(Protocol):
    """Sends one notification to a kind of receiver; DeliveryError if it was not taken."""

    def send(self, notification: Notification, now: datetime) -> None:
        """Make one attempt, within the receiver's timeout."""
        ...

    def abort(self) -> None:
        """Cut the attempt under way, from another thread; nothing is sent afterwards."""
        ...

    def close(self) -> None:
        """Close connections."""
        ...


class OutboxWorker(Worker):
    """The thread of one receiver that is notified of changes, each once and in order.

    A notification that fails waits longer each time, and others pass it, save those about the same
    rule and target. When several fail in a row it is the receiver that fails: then nothing is tried
    for a while but one after the other, those with the fewest attempts first, until one is taken.
    """

    def __init__(
        self, receiver: Receiver, sender: Sender, context: DeliveryContext
    ) -> None:
        super().__init__(receiver, context)
        self._outbox = context.outbox
        self._sender = sender
        self._unrecorded: deque[Callable[[], None]] = deque()
        self._recording = threading.Lock()
        self._former: OutboxWorker | None = None
        self._failed: set[int | None] = set()
        self._failures = 0
        self._not_before: datetime | None = None
        self._is_moved = False
        self._clock_shift = context.clock.clock_shift
        # By their numbers: that others are taken does not say that these are.
        self._untaken: Mapping[int, Untaken] = {}

    @property
    def workers(self) -> Sequence[Worker]:
        """Return the threads of this receiver: one."""
        return (self,)

    def status(self, waiting: Waiting | None) -> ReceiverHealth:
        """Return what waits and how the last attempts went."""
        health = self.health
        if waiting is None:
            return ReceiverHealth(
                health.failing_since, health.last_reason, health.last_message
            )
        return ReceiverHealth(
            health.failing_since,
            health.last_reason,
            health.last_message,
            waiting.waiting,
            waiting.oldest_at,
            waiting.full_since,
            min(self._untaken.values(), key=lambda one: one.since, default=None),
        )

    def move(self, by: timedelta) -> None:
        """Move what is kept; what waits is tried at once."""
        super().move(by)
        self._untaken = moved(self._untaken, by)
        self._not_before = None
        self._clock_shift = self._clock.clock_shift
        # An attempt under way may yet write when to try again by the old clock.
        self._is_moved = True

    def take_over(self, stopped: Sequence[Worker]) -> None:
        """Record, before anything is sent, what the one before had sent and could not record."""
        name = self.receiver.name
        for one in stopped:
            if isinstance(one, OutboxWorker) and one.receiver.name == name:
                self._former = one

    def _work(self) -> float | None:
        self.record()
        now = self._clock.now()
        if self._is_moved:
            self._is_moved = False
            self._unrecorded.append(self._retry_now)
            self.record()
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
        self.record()
        self._trim()
        failed = 0
        while not self._is_stopping and failed < _FAILED_FOR_A_BREAK:
            due = self._outbox.due(
                self.receiver.name,
                now=self._clock.now(),
                least_tried_first=failed > 0,
                whenever=True,
            )
            if not due:
                break
            if not self._deliver(due[0]):
                failed += 1
        return 0.0

    @property
    def _is_broken(self) -> bool:
        """Return whether several notifications failed in a row: that is the receiver's, not theirs."""
        return len(self._failed) >= _FAILED_FOR_A_BREAK

    def _trim(self) -> None:
        # The receiver's health is left alone: that these were not taken, their attempts have said.
        now, clock_shift = self._clock.reading()
        if clock_shift != self._clock_shift:
            # The clock was set, and what waits was not moved with it yet: its age is not known.
            return
        expired = self._outbox.expire(self.receiver.name, now=now)
        if expired:
            # Which they were is not said; what still waits is known again after its next attempt.
            self._untaken = {}
        for given_up in expired:
            self._on_delivery(given_up)

    def _deliver(self, notification: Notification) -> bool:
        """Make one attempt and record it; return whether it was taken."""
        done = self._attempt(partial(self._sender.send, notification))
        was_broken = self._is_broken
        self._weigh(notification, done.error)
        self._untaken = self._with_attempt(notification, done)
        self._unrecorded.append(partial(self._record_attempt, notification, done))
        if done.error is None and was_broken:
            self._unrecorded.append(self._retry_now)
        try:
            self.record()
        finally:
            self._report(done)
        return done.error is None

    def _with_attempt(
        self, notification: Notification, done: Attempt
    ) -> Mapping[int, Untaken]:
        """Return what waits although it was tried, with one more attempt; made anew, since others read it."""
        untaken = dict(self._untaken)
        id_, error = notification.id or 0, done.error
        known = untaken.pop(id_, None)
        if error is not None and error.recoverable:
            since = done.at if known is None else known.since
            untaken[id_] = Untaken(since, error.reason, error.message)
        return untaken

    def _weigh(self, notification: Notification, error: DeliveryError | None) -> None:
        """Break off for a while when the receiver fails; an answer that is of no use again is an answer."""
        self._not_before = None
        if error is None or not error.recoverable:
            self._failed.clear()
            self._failures = 0
            return
        self._failed.add(notification.id)
        self._failures += 1
        if error.retry_after_seconds is None and not self._is_broken:
            return
        seconds = RECEIVER.seconds_after(error, self._failures, self._jitter)
        self._not_before = self._clock.now() + timedelta(seconds=seconds)

    def record(self) -> None:
        """Write what came of the last attempt; until that is done nothing is sent, or it were sent twice.

        A step that is done is never made again, even if the next one fails.
        """
        if self._former is not None:
            self._former.record()
            self._former = None
        # The thread of one that was stopped may still be at it.
        with self._recording:
            while self._unrecorded:
                self._unrecorded[0]()
                self._unrecorded.popleft()

    def _record_attempt(self, notification: Notification, done: Attempt) -> None:
        delivery = done.delivery(self.receiver.name)
        error = done.error
        if error is None:
            self._outbox.delivered(notification, delivery)
            return
        next_try_at = None
        if error.recoverable:
            attempts = notification.attempts + 1
            seconds = NOTIFICATION.seconds_after(error, attempts, self._jitter)
            next_try_at = self._clock.now() + timedelta(seconds=seconds)
        self._outbox.failed(notification, delivery, next_try_at=next_try_at)

    def _retry_now(self) -> None:
        self._outbox.retry_now(self.receiver.name, now=self._clock.now())

    def _abort(self) -> None:
        self._sender.abort()

    def _close(self) -> None:
        self._sender.close()
