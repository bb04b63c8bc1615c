"""All receivers' workers together: started, poked at changes, drained and stopped."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Final

from monitor.model.alerts import ReceiverHealth
from monitor.model.health import DeliveryWorker
from monitor.model.settings import Receiver
from monitor.notify.context import DeliveryContext
from monitor.notify.kind import ReceiverWorkers
from monitor.notify.kinds import kind_of
from monitor.notify.worker import Worker

# Only a name look-up cannot be cut, and it ends with the process; who stops us waits longer than this.
_STOP_SECONDS: Final = 2.0


class Deliveries:
    """Delivers to every receiver, none waiting for another.

    Any thread may wake the workers or ask how they are; which there are is replaced in one step.
    """

    def __init__(self, receivers: Iterable[Receiver], context: DeliveryContext) -> None:
        self._context = context
        self._parts = self._made(receivers, {})

    def apply(self, receivers: Iterable[Receiver], *, external_url: str) -> None:
        """Deliver to these from now on; one that did not change goes on undisturbed, with its health."""
        before = self._parts
        known = before
        if external_url != self._context.external_url:
            # All that is sent names it: every worker begins again.
            self._context = replace(self._context, external_url=external_url)
            known = {}
        # In one step: another thread may ask for the status at any time.
        self._parts = self._made(receivers, known)
        gone = [
            part for name, part in before.items() if self._parts.get(name) is not part
        ]
        stopped = _workers_of(gone)
        _end(stopped)
        for worker in self._workers():
            worker.take_over(stopped)
        self.start()

    def start(self) -> None:
        """Start the workers that have not begun; they send at once what is due."""
        for worker in self._workers():
            worker.start()

    def poke(self) -> None:
        """Wake all workers, since alerts or the outbox changed; returns at once."""
        for worker in self._workers():
            worker.poke()

    def move(self, by: timedelta) -> None:
        """Move all instants that are kept: the clock was set by this much; and send at once."""
        for worker in self._workers():
            worker.move(by)
            worker.poke()

    def drain(self, deadline_seconds: float) -> None:
        """Try what waits once more and return when that is done, or at the deadline."""
        deadline = time.monotonic() + deadline_seconds
        # All begin before any is waited for.
        drained = [worker.drain() for worker in self._workers()]
        for event in drained:
            seconds_left = deadline - time.monotonic()
            event.wait(max(0.0, seconds_left))

    def close(self) -> None:
        """Stop all workers at once, cutting what is under way; takes two seconds at most."""
        _end(self._workers())

    def status(self) -> Mapping[str, ReceiverHealth]:
        """Return for each receiver, by name, what waits for it and whether it fails."""
        waiting = self._context.outbox.outbox()
        return {
            name: part.status(waiting.get(name)) for name, part in self._parts.items()
        }

    def delivery_workers(self) -> tuple[DeliveryWorker, ...]:
        """Return of each worker whether it lives and what it is at; waits for no lock."""
        return tuple(worker.liveness() for worker in self._workers())

    def _made(
        self, receivers: Iterable[Receiver], known: Mapping[str, ReceiverWorkers]
    ) -> Mapping[str, ReceiverWorkers]:
        """Return workers for these receivers: those that are known, where nothing changed."""
        parts: dict[str, ReceiverWorkers] = {}
        for receiver in receivers:
            part = known.get(receiver.name)
            if part is None or part.receiver != receiver:
                part = kind_of(receiver).workers(receiver, self._context)
            parts[receiver.name] = part
        return parts

    def _workers(self) -> Sequence[Worker]:
        return _workers_of(self._parts.values())


def _workers_of(parts: Iterable[ReceiverWorkers]) -> Sequence[Worker]:
    return [worker for part in parts for worker in part.workers]


def _end(workers: Sequence[Worker]) -> None:
    """Stop workers all at once, cutting what is under way; takes two seconds at most."""
    deadline = time.monotonic() + _STOP_SECONDS
    for worker in workers:
        worker.stop()
    for worker in workers:
        seconds_left = deadline - time.monotonic()
        worker.join(max(0.0, seconds_left))
