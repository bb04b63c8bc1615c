"""Keep Alertmanagers told of what is active, again and again, each address by a thread of its own."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

from urllib3.util import parse_url

from monitor.model.alerts import Alert, AlertState, ReceiverHealth
from monitor.model.errors import DeliveryError
from monitor.model.settings import Labels, Receiver
from monitor.notify.backoff import Jitter, backoff_seconds
from monitor.notify.http_client import Post
from monitor.notify.payload import alertmanager_alert
from monitor.notify.routing import wants
from monitor.notify.transport import Means
from monitor.notify.worker import OnDelivery, Waiting, Worker
from monitor.timing.clock import Clock

Snapshot: TypeAlias = Callable[[], Sequence[Alert]]
"""Gives the firing alerts, and those that resolved in the last 15 minutes."""
_Version: TypeAlias = tuple[Labels, AlertState, datetime | None]

_BATCH = 256
_FIRST_RETRY_SECONDS = 0.5
_QUARANTINE_DELAYS = 10
_POISON = frozenset({"http_400", "http_413"})
_FOR_EVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class _Counted:
    """The alerts that no address had taken, of these alerts and after so many takes; holds until then."""

    alerts: tuple[Alert, ...]
    takes: tuple[int, ...]
    until: datetime
    lacking: tuple[Alert, ...]


class Alertmanager:
    """One receiver of this kind: the same alerts to every address at once, never through one of them."""

    def __init__(
        self,
        receiver: Receiver,
        snapshot: Snapshot,
        *,
        clock: Clock,
        external_url: str,
        on_delivery: OnDelivery,
        jitter: Jitter,
        means: Means,
    ) -> None:
        self._clock = clock
        self.receiver = receiver
        self._snapshot = snapshot
        self._chosen: tuple[Sequence[Alert], tuple[Alert, ...]] = ((), ())
        self._counted: _Counted | None = None
        self.workers = tuple(
            AddressWorker(
                receiver,
                url,
                self._alerts,
                Post(means, timeout=receiver.timeout),
                clock=clock,
                external_url=external_url,
                on_delivery=on_delivery,
                jitter=jitter,
            )
            for url in receiver.urls
        )

    def _alerts(self) -> tuple[Alert, ...]:
        """Choose what is wanted of the snapshot; the same tuple for as long as that is the same."""
        alerts = self._snapshot()
        of, chosen = self._chosen
        if of is not alerts:
            chosen = _wanted(self.receiver, alerts)
            self._chosen = (alerts, chosen)
        return chosen

    def _lacking(self) -> tuple[Alert, ...]:
        """List the alerts that no address took, anew only where that can have changed since the last look."""
        now, alerts = self._clock.now(), self._alerts()
        takes = tuple(worker.takes for worker in self.workers)
        known = self._counted
        if (
            known is None
            or known.alerts is not alerts
            or known.takes != takes
            or now >= known.until
        ):
            lacking = tuple(
                a for a in alerts if not any(w.has_taken(a, now) for w in self.workers)
            )
            until = min(
                (until for w in self.workers if (until := w.taken_until(now))),
                default=_FOR_EVER,
            )
            known = self._counted = _Counted(alerts, takes, until, lacking)
        return known.lacking

    def status(self, _waiting: Waiting | None) -> ReceiverHealth:
        """Count the alerts that no address took, for nothing waits; it fails while every address does."""
        lacking = self._lacking()
        healths = [worker.health for worker in self.workers]
        failing = [
            health.failing_since
            for health in healths
            if health.failing_since is not None
        ]
        last = max(healths, key=lambda health: (health.failures, health.last_reason))
        return ReceiverHealth(
            max(failing) if len(failing) == len(healths) else None,
            last.last_reason,
            last.last_message,
            len(lacking),
            min(
                (instant for alert in lacking if (instant := _changed_at(alert))),
                default=None,
            ),
        )


class AddressWorker(Worker):
    """The thread of one Alertmanager."""

    def __init__(
        self,
        receiver: Receiver,
        url: str,
        alerts: Callable[[], tuple[Alert, ...]],
        post: Post,
        *,
        clock: Clock,
        external_url: str,
        on_delivery: OnDelivery,
        jitter: Jitter,
    ) -> None:
        super().__init__(
            receiver.name, receiver, clock=clock, on_delivery=on_delivery, jitter=jitter
        )
        self._url = url
        self._alerts = alerts
        self._post = post
        self._external_url = external_url
        self._not_before: datetime | None = None
        self._all_due_at: datetime | None = None
        self._taken: dict[_Version, datetime] = {}
        self.takes = 0
        """How often what this address has taken changed."""
        self._quarantine: dict[tuple[_Version, Labels], datetime] = {}

    def has_taken(self, alert: Alert, now: datetime) -> bool:
        """Say whether this address knows the alert in its present state, and has not forgotten it."""
        return self._taken.get(_version(alert), now) > now

    def taken_until(self, now: datetime) -> datetime | None:
        """Tell when the first of the firing alerts that this address has is forgotten there."""
        return min(
            (until for until in list(self._taken.values()) if until > now), default=None
        )

    def move(self, by: timedelta) -> None:
        """Move what is kept; all is told anew, with the right times."""
        super().move(by)
        self._not_before = None
        self._all_due_at = None
        self._taken, self._quarantine = {}, {}
        self.takes += 1

    def _work(self) -> float | None:
        now = self._clock.now()
        if self._not_before is not None and now < self._not_before:
            return (self._not_before - now).total_seconds()
        return self._send_all()

    def _work_off(self) -> float | None:
        now = self._clock.now()
        if all(self.has_taken(alert, now) for alert in self._alerts()):
            return self._seconds_to_all(now)
        return self._send_all()

    def _send_all(self) -> float:
        """Send what is new to this address, and once in each resend delay all of it."""
        alerts = self._alerts()
        now = self._clock.now()
        versions = {_version(alert) for alert in alerts}
        self._taken = {
            version: until
            for version, until in self._taken.items()
            if version in versions
        }
        self.takes += 1
        self._quarantine = {
            key: until for key, until in self._quarantine.items() if until > now
        }
        is_all_due = self._all_due_at is None or now >= self._all_due_at
        # With thousands of alerts, to send all of them for each that changes would be most of our work.
        due = [
            alert for alert in alerts if is_all_due or not self.has_taken(alert, now)
        ]
        error = self._send_batches(
            [alert for alert in due if _exact(alert) not in self._quarantine], now
        )
        if error is not None:
            return self._wait_after(error)
        if not alerts:
            self._note(None, now)
        if is_all_due:
            self._all_due_at = now + self.receiver.resend_delay
        return self._seconds_to_all(now)

    def _send_batches(
        self, sound: Sequence[Alert], now: datetime
    ) -> DeliveryError | None:
        """Send in batches; gives the error after which the rest has to wait."""
        poison: DeliveryError | None = None
        for first in range(0, len(sound), _BATCH):
            error = self._send_batch(sound[first : first + _BATCH])
            if error is not None and error.recoverable:
                self._note(error, now)
                return error
            poison = error or poison
        if poison is not None:
            self._note(poison, now)
        if any(_exact(alert) not in self._quarantine for alert in sound):
            self._note(None, now)
        return None

    def _seconds_to_all(self, now: datetime) -> float:
        due_at = self._all_due_at or now
        return max(0.0, (due_at - now).total_seconds())

    def _send_batch(self, alerts: Sequence[Alert]) -> DeliveryError | None:
        """Send, and halve what is refused until the poison is found, which is put aside for a while."""
        if self._is_stopping:
            return None
        now = self._clock.now()
        is_known = all(self.has_taken(alert, now) for alert in alerts)
        at, seconds, error = self._attempt(lambda now: self._send(alerts, now))
        if error is None:
            self._take(alerts, at)
        elif error.reason not in _POISON:
            error.recoverable = True
        elif len(alerts) > 1:
            return self._send_halves(alerts)
        else:
            error = DeliveryError(
                error.reason, f"{alerts[0].name}: {error.message}", recoverable=False
            )
            until = at + _QUARANTINE_DELAYS * self.receiver.resend_delay
            self._quarantine[_exact(alerts[0])] = until
        delivery = self._outcome(error, at, seconds, len(alerts))
        address = (
            parse_url(self._url).netloc or "" if len(self.receiver.urls) > 1 else ""
        )
        self._on_delivery(
            replace(delivery, is_resend=is_known and error is None, address=address)
        )
        return error

    def _send_halves(self, alerts: Sequence[Alert]) -> DeliveryError | None:
        middle = len(alerts) // 2
        first = self._send_batch(alerts[:middle])
        if first is not None and first.recoverable:
            return first
        return self._send_batch(alerts[middle:]) or first

    def _send(self, alerts: Sequence[Alert], now: datetime) -> None:
        post_alerts(
            self._post,
            self._url,
            alerts,
            headers=self.receiver.headers,
            now=now,
            resend_delay=self.receiver.resend_delay,
            external_url=self._external_url,
        )

    def _take(self, alerts: Sequence[Alert], at: datetime) -> None:
        until = at + 4 * self.receiver.resend_delay
        # In place: a copy for each batch would cost the square of the alerts.
        for alert in alerts:
            self._taken[_version(alert)] = (
                until if alert.state is AlertState.FIRING else _FOR_EVER
            )
        self.takes += 1

    def _wait_after(self, error: DeliveryError) -> float:
        if error.retry_after_seconds is not None:
            self._not_before = self._clock.now() + timedelta(
                seconds=error.retry_after_seconds
            )
            return error.retry_after_seconds
        return backoff_seconds(
            self.health.failures,
            first=_FIRST_RETRY_SECONDS,
            most=self._resend_seconds,
            jitter=self._jitter,
        )

    @property
    def _resend_seconds(self) -> float:
        return self.receiver.resend_delay.total_seconds()

    def _abort(self) -> None:
        self._post.abort()

    def _close(self) -> None:
        self._post.close()


def post_alerts(
    post: Post,
    url: str,
    alerts: Sequence[Alert],
    *,
    headers: Mapping[str, str],
    now: datetime,
    resend_delay: timedelta,
    external_url: str,
) -> None:
    """Tell one Alertmanager of alerts; the firing ones end there after four resend delays."""
    body = [
        alertmanager_alert(
            alert, now=now, resend_delay=resend_delay, external_url=external_url
        )
        for alert in alerts
    ]
    post.send(
        f"{url.rstrip('/')}/api/v2/alerts", json.dumps(body).encode(), headers, now=now
    )


def _wanted(receiver: Receiver, alerts: Sequence[Alert]) -> tuple[Alert, ...]:
    """Choose what this receiver wants, each label set once: firing before resolved."""
    resolved = {
        a.labels: a
        for a in alerts
        if a.state is AlertState.RESOLVED and wants(receiver, a)
    }
    firing = {a.labels: a for a in alerts if a.state is AlertState.FIRING}
    chosen = {**resolved, **firing}
    return tuple(alert for _, alert in sorted(chosen.items()) if wants(receiver, alert))


def _version(alert: Alert) -> _Version:
    return alert.labels, alert.state, alert.fired_at


def _exact(alert: Alert) -> tuple[_Version, Labels]:
    return _version(alert), alert.annotations


def _changed_at(alert: Alert) -> datetime | None:
    return alert.resolved_at or alert.fired_at
