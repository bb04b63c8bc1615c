"""Log and count what becomes of what is sent: to receivers, to the heartbeat's address, to the list of targets."""

from __future__ import annotations

import threading
from collections.abc import Set
from datetime import datetime, timedelta

from monitor.daemon.declared_news import DeclaredEvents
from monitor.model.alerts import Delivery
from monitor.telemetry.counters import Telemetry
from monitor.telemetry.dedup import Deduplicator, Fields
from monitor.telemetry.log import Level, Log

# Two words, so that it is not a receiver's.
_HEARTBEAT = ("heartbeat", "")
_HTTP_SD = ("http_sd", "")


class DeliveryEvents(DeclaredEvents):
    """Writes each attempt that says something new, and counts all; called by the threads that made them."""

    def __init__(self, log: Log, telemetry: Telemetry) -> None:
        super().__init__(log)
        self._log = log
        self._telemetry = telemetry
        self._deliveries = Deduplicator()
        # Deliveries come from the receivers' own threads.
        self._delivery_lock = threading.Lock()

    def keep_receivers(self, names: Set[str]) -> None:
        """Forget the receivers that are not among these."""
        with self._delivery_lock:
            self._deliveries.keep(
                lambda subject: subject[0] in names or subject in (_HEARTBEAT, _HTTP_SD)
            )

    def move_deliveries(self, by: timedelta) -> None:
        """Move what is kept of deliveries: the clock was set by this much."""
        with self._delivery_lock:
            self._deliveries.move(by)

    def on_given_up(self, delivery: Delivery) -> None:
        """Log and count what nobody will get any more."""
        self.on_delivery(delivery)

    def on_unclaimed(self, receiver: str, count: int, oldest_at: datetime) -> None:
        """Log how much waits for a receiver that the configuration has no more."""
        self._log.warning(
            "delivery.unclaimed",
            receiver=receiver,
            notifications=count,
            oldest_at=oldest_at,
            message="no receiver has this name: it is kept, and sent if one has it within 24 h",
        )

    def on_delivery(self, delivery: Delivery) -> None:
        """Count and log one attempt at a receiver."""
        self._telemetry.delivered(delivery)
        fields: Fields = {
            "receiver": delivery.receiver,
            **({"address": delivery.address} if delivery.address else {}),
            "duration_seconds": round(delivery.duration_seconds, 6),
            "notifications": delivery.notifications,
        }
        # Each address of its own: one that works says nothing of another that does not.
        repeats = self._attempted((delivery.receiver, delivery.address), delivery)
        if not delivery.reason:
            # An Alertmanager gets the same again every minute: worth a line only after a failure.
            level: Level = "debug" if delivery.is_resend and not repeats else "info"
            self._log.event("delivery.succeeded", level, **fields, **(repeats or {}))
        elif repeats:
            self._log.error(
                "delivery.failed", **fields, recoverable=delivery.recoverable, **repeats
            )

    def on_heartbeat(self, delivery: Delivery) -> None:
        """Count and log an attempt at the heartbeat's address."""
        self._telemetry.heartbeat(delivery)
        fields: Fields = {"duration_seconds": round(delivery.duration_seconds, 6)}
        repeats = self._attempted(_HEARTBEAT, delivery)
        if not delivery.reason:
            # Once a minute: worth a line only after a failure.
            self._log.event(
                "heartbeat.succeeded",
                "info" if repeats else "debug",
                **fields,
                **(repeats or {}),
            )
        elif repeats:
            self._log.error("heartbeat.failed", **fields, **repeats)

    def on_http_sd(self, delivery: Delivery) -> None:
        """Count and log a request for the list of targets."""
        self._telemetry.http_sd(delivery)
        fields: Fields = {"duration_seconds": round(delivery.duration_seconds, 6)}
        repeats = self._attempted(_HTTP_SD, delivery)
        if not delivery.reason:
            level: Level = "info" if repeats else "debug"
            self._log.event("discovery.succeeded", level, **fields, **(repeats or {}))
        elif repeats:
            self._log.error("discovery.failed", **fields, **repeats)

    def _attempted(self, subject: tuple[str, ...], delivery: Delivery) -> Fields | None:
        with self._delivery_lock:
            if delivery.reason:
                return self._deliveries.failed(
                    subject, delivery.reason, delivery.message, delivery.at
                )
            return self._deliveries.succeeded(subject)

    def on_withheld(self, reason: str, message: str) -> None:
        """Log that no heartbeat is sent from now on, and why."""
        self._log.error("heartbeat.withheld", reason=reason, message=message)

    def on_resumed(self, seconds: float) -> None:
        """Log that heartbeats are sent again."""
        self._log.info("heartbeat.resumed", withheld_seconds=round(seconds, 1))
