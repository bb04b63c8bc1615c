"""Keep Alertmanagers informed of what is active, again and again, each address by a thread of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from types import MappingProxyType
from typing import Final, TypeAlias

from urllib3.util import parse_url

from monitor.model.alerts import Alert, AlertState, ReceiverHealth
from monitor.model.errors import DeliveryError
from monitor.model.settings import Labels, Receiver
from monitor.notify.alertmanager.sender import DELAYS_UNTIL_END, AlertmanagerSender
from monitor.notify.alertmanager.settings import AlertmanagerSettings
from monitor.notify.attempt import Attempt
from monitor.notify.backoff import resend_backoff
from monitor.notify.context import DeliveryContext, Waiting
from monitor.notify.routing import wants
from monitor.notify.worker import Worker

_Version: TypeAlias = tuple[Labels, AlertState, datetime | None]
"""What of an alert an Alertmanager must know: another one is news to it."""
_Exact: TypeAlias = tuple[_Version, Labels]
"""A version with its annotations: all that an Alertmanager can refuse."""

# As many as Prometheus sends at once (its notification queue's maxBatchSize).
_MAX_BATCH: Final = 256
_QUARANTINE_DELAYS: Final = 10
# Refusals of what is sent: 400 names one of the alerts, 413 may be one of them alone.
_POISON: Final = frozenset({"http_400", "http_413"})
# What has the same labels as another alert, and stands behind it here, takes its place.
_PRECEDENCE: Final = MappingProxyType(
    {AlertState.PENDING: 0, AlertState.RESOLVED: 1, AlertState.FIRING: 2}
)
_FOR_EVER: Final = datetime.max.replace(tzinfo=UTC)
_LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class _Chosen:
    """What of a snapshot the receiver wants; the snapshot is known again by its identity."""

    snapshot: Sequence[Alert] = ()
    alerts: tuple[Alert, ...] = ()


@dataclass(frozen=True, slots=True)
class _Lacking:
    """The alerts that no address had taken, of these alerts and after so many takes; holds until then."""

    chosen: tuple[Alert, ...] = ()
    takes: tuple[int, ...] = ()
    until: datetime = _LONG_AGO
    alerts: tuple[Alert, ...] = ()

    def holds(
        self, chosen: tuple[Alert, ...], takes: tuple[int, ...], now: datetime
    ) -> bool:
        """Return whether nothing can have changed since."""
        return self.chosen is chosen and self.takes == takes and now < self.until


class AlertmanagerWorkers:
    """One receiver of this kind: the same alerts to every address at once, never through one of them."""

    def __init__(
        self,
        receiver: Receiver,
        settings: AlertmanagerSettings,
        context: DeliveryContext,
    ) -> None:
        self.receiver = receiver
        self._clock = context.clock
        self._snapshot = context.snapshot
        self._chosen = _Chosen()
        self._known_lacking = _Lacking()
        self.workers = tuple(
            AddressWorker(receiver, settings, url, self._alerts, context)
            for url in settings.urls
        )

    def status(self, _waiting: Waiting | None) -> ReceiverHealth:
        """Count the alerts that no address took, for nothing waits; it fails while every address does."""
        lacking = self._lacking()
        healths = [worker.health for worker in self.workers]
        worst = max(healths, key=lambda health: (health.failures, health.last_reason))
        failing_since = [
            health.failing_since
            for health in healths
            if health.failing_since is not None
        ]
        is_failing = len(failing_since) == len(healths)
        changed_at: list[datetime] = []
        for alert in lacking:
            at = _changed_at(alert)
            if at is not None:
                changed_at.append(at)
        return ReceiverHealth(
            max(failing_since) if is_failing else None,
            worst.last_reason,
            worst.last_message,
            len(lacking),
            min(changed_at, default=None),
        )

    def _alerts(self) -> tuple[Alert, ...]:
        """Choose what is wanted of the snapshot; the same tuple for as long as that is the same."""
        snapshot = self._snapshot()
        chosen = self._chosen
        if chosen.snapshot is not snapshot:
            chosen = _Chosen(snapshot, _wanted(self.receiver, snapshot))
            self._chosen = chosen
        return chosen.alerts

    def _lacking(self) -> tuple[Alert, ...]:
        """List the alerts that no address took, again only where that can have changed since the last look."""
        now, chosen = self._clock.now(), self._alerts()
        takes = tuple(worker.takes for worker in self.workers)
        if self._known_lacking.holds(chosen, takes, now):
            return self._known_lacking.alerts
        lacking = tuple(
            alert
            for alert in chosen
            if not any(worker.has_taken(alert, now) for worker in self.workers)
        )
        until = min(worker.taken_until(now) for worker in self.workers)
        self._known_lacking = _Lacking(chosen, takes, until, lacking)
        return lacking


class AddressWorker(Worker):
    """The thread of one Alertmanager."""

    def __init__(
        self,
        receiver: Receiver,
        settings: AlertmanagerSettings,
        url: str,
        alerts: Callable[[], tuple[Alert, ...]],
        context: DeliveryContext,
    ) -> None:
        super().__init__(receiver, context)
        self._alerts = alerts
        self._resend_delay = settings.resend_delay
        self._sender = AlertmanagerSender(
            url, settings.resend_delay, context.for_sender(receiver.timeout)
        )
        # What a log line names, where there are several.
        self._address = ""
        if len(settings.urls) > 1:
            self._address = parse_url(url).netloc or ""
        self._not_before = _LONG_AGO
        self._all_due_at = _LONG_AGO
        self._taken: dict[_Version, datetime] = {}
        self._quarantine: dict[_Exact, datetime] = {}
        self.takes = 0
        """How often what this address has taken changed."""

    def has_taken(self, alert: Alert, now: datetime) -> bool:
        """Return whether this address knows the alert in its present state, and has not forgotten it."""
        return self._taken.get(_version(alert), now) > now

    def taken_until(self, now: datetime) -> datetime:
        """Return when the first of the firing alerts that this address has is forgotten there."""
        # Another thread adds to it meanwhile; a list is made in one step.
        ends = list(self._taken.values())
        return min((end for end in ends if end > now), default=_FOR_EVER)

    def take_over(self, _stopped: Sequence[Worker]) -> None:
        """Take nothing over: all is sent again, as often as you like."""

    def move(self, by: timedelta) -> None:
        """Move what is kept; all is sent again, with the right times."""
        super().move(by)
        self._not_before = _LONG_AGO
        self._all_due_at = _LONG_AGO
        self._taken, self._quarantine = {}, {}
        self.takes += 1

    def _work(self) -> float | None:
        now = self._clock.now()
        if now < self._not_before:
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
        self._forget(alerts, now)
        is_all_due = now >= self._all_due_at
        # With thousands of alerts, to send all of them for each that changes would be most of our work.
        due = [
            alert for alert in alerts if is_all_due or not self.has_taken(alert, now)
        ]
        sound = [alert for alert in due if not self._is_quarantined(alert)]
        error = self._send_batches(sound, now)
        if error is not None:
            return self._wait_after(error)
        if not alerts:
            self._note(None, now)
        if is_all_due:
            self._all_due_at = now + self._resend_delay
        return self._seconds_to_all(now)

    def _forget(self, alerts: Sequence[Alert], now: datetime) -> None:
        """Forget what was taken of alerts that are no more, and what was in quarantine for long enough."""
        versions = {_version(alert) for alert in alerts}
        self._taken = {
            version: end for version, end in self._taken.items() if version in versions
        }
        self.takes += 1
        self._quarantine = {
            exact: end for exact, end in self._quarantine.items() if end > now
        }

    def _send_batches(
        self, alerts: Sequence[Alert], now: datetime
    ) -> DeliveryError | None:
        """Send in batches; return the error after which the rest has to wait."""
        refusal: DeliveryError | None = None
        for first in range(0, len(alerts), _MAX_BATCH):
            error = self._send_batch(alerts[first : first + _MAX_BATCH])
            if error is not None and error.recoverable:
                self._note(error, now)
                return error
            refusal = error or refusal
        if refusal is not None:
            self._note(refusal, now)
        if not all(self._is_quarantined(alert) for alert in alerts):
            self._note(None, now)
        return None

    def _seconds_to_all(self, now: datetime) -> float:
        return max(0.0, (self._all_due_at - now).total_seconds())

    def _send_batch(self, alerts: Sequence[Alert]) -> DeliveryError | None:
        """Send; halve what is refused until the alert is found that is, and quarantine that for a while."""
        if self._is_stopping:
            return None
        now = self._clock.now()
        is_known = all(self.has_taken(alert, now) for alert in alerts)
        done = self._attempt(partial(self._sender.send, alerts))
        error = done.error
        if error is None:
            self._take(alerts, done.at)
        elif error.reason not in _POISON:
            # Whatever else the status means: it is this Alertmanager's, or something's on the way.
            error.recoverable = True
        elif len(alerts) > 1:
            return self._send_halves(alerts)
        else:
            error = self._quarantined(alerts[0], error, done.at)
            done = Attempt(done.at, done.seconds, error)
        delivery = replace(
            done.delivery(self.receiver.name, len(alerts)),
            is_resend=is_known and error is None,
            address=self._address,
        )
        self._on_delivery(delivery)
        return error

    def _send_halves(self, alerts: Sequence[Alert]) -> DeliveryError | None:
        middle = len(alerts) // 2
        first = self._send_batch(alerts[:middle])
        if first is not None and first.recoverable:
            return first
        return self._send_batch(alerts[middle:]) or first

    def _is_quarantined(self, alert: Alert) -> bool:
        return _exact(alert) in self._quarantine

    def _quarantined(
        self, alert: Alert, error: DeliveryError, at: datetime
    ) -> DeliveryError:
        """Send an alert no more for a while; return the error that names it."""
        end = at + _QUARANTINE_DELAYS * self._resend_delay
        self._quarantine[_exact(alert)] = end
        message = f"{alert.name}: {error.message}"
        return DeliveryError(error.reason, message, recoverable=False)

    def _take(self, alerts: Sequence[Alert], at: datetime) -> None:
        """Note what the address knows now, and until when."""
        end = at + DELAYS_UNTIL_END * self._resend_delay
        # In place: a copy for each batch would cost the square of the alerts.
        for alert in alerts:
            is_firing = alert.state is AlertState.FIRING
            self._taken[_version(alert)] = end if is_firing else _FOR_EVER
        self.takes += 1

    def _wait_after(self, error: DeliveryError) -> float:
        """Return the seconds until the next turn; what the far end asks for holds for news too."""
        backoff = resend_backoff(self._resend_delay)
        seconds = backoff.seconds_after(error, self.health.failures, self._jitter)
        if error.retry_after_seconds is not None:
            self._not_before = self._clock.now() + timedelta(seconds=seconds)
        return seconds

    def _abort(self) -> None:
        self._sender.abort()

    def _close(self) -> None:
        self._sender.close()


def _wanted(receiver: Receiver, alerts: Sequence[Alert]) -> tuple[Alert, ...]:
    """Choose what this receiver wants, each label set once: firing before resolved."""
    chosen: dict[Labels, Alert] = {}
    for alert in sorted(alerts, key=_precedence):
        chosen[alert.labels] = alert
    return tuple(alert for _, alert in sorted(chosen.items()) if wants(receiver, alert))


def _precedence(alert: Alert) -> int:
    return _PRECEDENCE[alert.state]


def _version(alert: Alert) -> _Version:
    return alert.labels, alert.state, alert.fired_at


def _exact(alert: Alert) -> _Exact:
    return _version(alert), alert.annotations


def _changed_at(alert: Alert) -> datetime | None:
    return alert.resolved_at or alert.fired_at
