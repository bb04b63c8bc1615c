"""All receivers' workers together: started, told of changes, drained and stopped."""

from __future__ import annotations

import random
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Final, TypeAlias

from monitor.model.alerts import ReceiverHealth
from monitor.model.health import Courier
from monitor.model.settings import Receiver
from monitor.notify.alertmanager import Alertmanager, Snapshot
from monitor.notify.backoff import Jitter
from monitor.notify.notifiers import sender_for
from monitor.notify.outbox import Outbox, OutboxWorker
from monitor.notify.routing import takes_notifications
from monitor.notify.transport import Means
from monitor.notify.worker import OnDelivery, Worker
from monitor.timing.clock import SettableClock

_STOP_SECONDS: Final = 2.0

_Part: TypeAlias = Alertmanager | OutboxWorker


class Deliveries:
    """Deliver to every receiver, none waiting for another.

    `on_delivery` is told of every attempt, by the workers' threads, and must not raise. `jitter`
    gives numbers from 0 to below 1.
    """

    def __init__(
        self,
        receivers: Iterable[Receiver],
        state: Outbox,
        *,
        clock: SettableClock,
        snapshot: Snapshot,
        external_url: str,
        on_delivery: OnDelivery,
        means: Means,
        jitter: Jitter | None = None,
    ) -> None:
        self._state = state
        self._clock = clock
        self._snapshot = snapshot
        self._external_url = external_url
        self._on_delivery = on_delivery
        self._jitter = jitter or random.SystemRandom().random
        self._means = means
        self._parts: Mapping[str, _Part] = {
            receiver.name: self._part(receiver) for receiver in receivers
        }

    def apply(self, receivers: Iterable[Receiver], *, external_url: str) -> None:
        """Deliver to these from now on; one that did not change goes on undisturbed, with its health."""
        old, is_same_url = self._parts, external_url == self._external_url
        self._external_url = external_url
        parts: dict[str, _Part] = {}
        for receiver in receivers:
            known = old.get(receiver.name)
            is_kept = known is not None and is_same_url and known.receiver == receiver
            parts[receiver.name] = known if known and is_kept else self._part(receiver)
        self._parts = parts
        kept = set(map(id, parts.values()))
        _end(
            [
                worker
                for part in old.values()
                if id(part) not in kept
                for worker in part.workers
            ]
        )
        for part in parts.values():
            for worker in part.workers:
                worker.start()

    def start(self) -> None:
        """Start the workers; they send at once what is due."""
        for worker in self._workers():
            worker.start()

    def poke(self) -> None:
        """Say that alerts or the outbox changed; returns at once."""
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
        for done in [worker.drain() for worker in self._workers()]:
            done.wait(max(0.0, deadline - time.monotonic()))

    def close(self) -> None:
        """Stop all workers at once, cutting what is under way; takes two seconds at most."""
        _end(self._workers())

    def status(self) -> Mapping[str, ReceiverHealth]:
        """Tell of each receiver what waits for it and whether it fails."""
        outbox = self._state.outbox()
        return {
            name: part.status(outbox.get(name)) for name, part in self._parts.items()
        }

    def couriers(self) -> tuple[Courier, ...]:
        """Tell of each worker whether it lives and what it is at; waits for no lock."""
        return tuple(worker.courier() for worker in self._workers())

    def _part(self, receiver: Receiver) -> _Part:
        if takes_notifications(receiver):
            return OutboxWorker(
                receiver,
                self._state,
                sender_for(receiver, self._means, external_url=self._external_url),
                clock=self._clock,
                on_delivery=self._on_delivery,
                jitter=self._jitter,
            )
        return Alertmanager(
            receiver,
            self._snapshot,
            clock=self._clock,
            external_url=self._external_url,
            on_delivery=self._on_delivery,
            jitter=self._jitter,
            means=self._means,
        )

    def _workers(self) -> tuple[Worker, ...]:
        return tuple(worker for part in self._parts.values() for worker in part.workers)


def _end(workers: Sequence[Worker]) -> None:
    """Stop workers all at once, cutting what is under way; takes two seconds at most."""
    deadline = time.monotonic() + _STOP_SECONDS
    for worker in workers:
        worker.stop()
    for worker in workers:
        worker.join(max(0.0, deadline - time.monotonic()))
