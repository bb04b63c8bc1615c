"""All receivers' workers together: started, told of changes, drained and stopped."""

from __future__ import annotations

import random
import ssl
import time
from collections.abc import Iterable, Mapping
from typing import Final

from monitor.clock import Clock
from monitor.deliver.alertmanager import Alertmanager, Snapshot
from monitor.deliver.backoff import Jitter
from monitor.deliver.outbox import Outbox, OutboxWorker
from monitor.deliver.selection import takes_notifications
from monitor.deliver.senders import sender_for
from monitor.deliver.worker import OnDelivery, ReceiverStatus, Worker
from monitor.model.settings import Receiver

_STOP_SECONDS: Final = 2.0


class Deliveries:
    """Deliver to every receiver, none waiting for another.

    `on_delivery` is told of every attempt, by the workers' threads, and must not raise. `jitter`
    gives numbers from 0 to below 1; `tls` is the context of https, the system's trust by default.
    """

    def __init__(
        self,
        receivers: Iterable[Receiver],
        state: Outbox,
        *,
        clock: Clock,
        snapshot: Snapshot,
        external_url: str,
        on_delivery: OnDelivery,
        jitter: Jitter | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        jitter = jitter or random.SystemRandom().random
        self._state = state

        def part(receiver: Receiver) -> Alertmanager | OutboxWorker:
            if takes_notifications(receiver):
                sender = sender_for(receiver, external_url=external_url, tls=tls)
                return OutboxWorker(
                    receiver, state, sender, clock=clock, on_delivery=on_delivery, jitter=jitter
                )
            return Alertmanager(
                receiver,
                snapshot,
                clock=clock,
                external_url=external_url,
                on_delivery=on_delivery,
                jitter=jitter,
                tls=tls,
            )

        self._parts = {receiver.name: part(receiver) for receiver in receivers}

    def start(self) -> None:
        """Start the workers; they send at once what is due."""
        for worker in self._workers():
            worker.start()

    def poke(self) -> None:
        """Say that alerts or the outbox changed; returns at once."""
        for worker in self._workers():
            worker.poke()

    def drain(self, deadline_seconds: float) -> None:
        """Try what waits once more and return when that is done, or at the deadline."""
        deadline = time.monotonic() + deadline_seconds
        for done in [worker.drain() for worker in self._workers()]:
            done.wait(max(0.0, deadline - time.monotonic()))

    def close(self) -> None:
        """Stop all workers at once, cutting what is under way; takes two seconds at most."""
        deadline = time.monotonic() + _STOP_SECONDS
        for worker in self._workers():
            worker.stop()
        for worker in self._workers():
            worker.join(max(0.0, deadline - time.monotonic()))

    def status(self) -> Mapping[str, ReceiverStatus]:
        """Tell of each receiver what waits for it and whether it fails."""
        outbox = self._state.outbox()
        return {name: part.status(outbox.get(name)) for name, part in self._parts.items()}

    def _workers(self) -> tuple[Worker, ...]:
        return tuple(worker for part in self._parts.values() for worker in part.workers)
