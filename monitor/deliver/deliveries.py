"""All receivers' workers together: started, told of changes, drained and stopped."""

from __future__ import annotations

import random
import ssl
import time
from collections.abc import Iterable, Mapping

from monitor.clock import Clock
from monitor.deliver.alertmanager import Alertmanager, Snapshot
from monitor.deliver.backoff import Jitter
from monitor.deliver.outbox import Outbox, OutboxWorker, Webhook
from monitor.deliver.post import Post
from monitor.deliver.worker import OnDelivery, ReceiverStatus, Worker
from monitor.model.settings import Receiver


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
        self._parts: dict[str, Alertmanager | OutboxWorker] = {}
        for receiver in receivers:
            if receiver.kind == "alertmanager":
                self._parts[receiver.name] = Alertmanager(
                    receiver,
                    snapshot,
                    clock=clock,
                    external_url=external_url,
                    on_delivery=on_delivery,
                    jitter=jitter,
                    tls=tls,
                )
            elif receiver.kind == "webhook":
                sender = Webhook(receiver, Post(timeout=receiver.timeout, tls=tls), external_url=external_url)
                self._parts[receiver.name] = OutboxWorker(
                    receiver, state, sender, clock=clock, on_delivery=on_delivery, jitter=jitter
                )
            else:
                raise ValueError(f"receiver {receiver.name}: no way to deliver to {receiver.kind}")

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
        """Stop the workers, cutting what is under way."""
        for worker in self._workers():
            worker.stop()

    def status(self) -> Mapping[str, ReceiverStatus]:
        """Tell of each receiver what waits for it and whether it fails."""
        return {name: part.status() for name, part in self._parts.items()}

    def _workers(self) -> tuple[Worker, ...]:
        workers: list[Worker] = []
        for part in self._parts.values():
            workers.extend(part.workers if isinstance(part, Alertmanager) else (part,))
        return tuple(workers)
