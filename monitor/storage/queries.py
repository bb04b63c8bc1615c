"""What can be asked of the state: the half that the daemon shares with commands beside it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from monitor.model.alerts import Alert, AlertState, Change, Delivery, Transition
from monitor.model.settings import Labels
from monitor.storage import last_results
from monitor.storage.last_results import LastResult
from monitor.storage.outbox import in_words
from monitor.storage.serialization import (
    UnreadableError,
    instant_to_text,
    text_to_alert,
    text_to_alerts,
    text_to_instant,
    text_to_json,
)

_MOST_WARNINGS = 100
# What is given up because it waited too long has a row without an attempt, which took no time.
_ATTEMPTS = "sum(outcome != 'given_up' OR duration_seconds > 0) OVER (PARTITION BY receiver, key ORDER BY id)"
_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class OutboxView:
    """What waits for one receiver."""

    waiting: int
    oldest_at: datetime
    full_since: datetime | None = None
    """Since when what is new has to wait outside."""


@dataclass(frozen=True, slots=True)
class DeliveryAttempt:
    """What came of a notification, or of one attempt at it.

    `summary` says in words what it told of, as far as that was kept; `attempts` counts those up to this one.
    Of what was given up `alerts` are what the receiver never took.
    """

    delivery: Delivery
    key: str
    is_given_up: bool
    alerts: tuple[Alert, ...]
    summary: str = ""
    attempts: int = 1


class StateQueries(ABC):
    """Answer from the tables. A row that cannot be read is left out, and is in `warnings`."""

    def __init__(self) -> None:
        self._warnings: dict[str, None] = {}

    @property
    def warnings(self) -> tuple[str, ...]:
        """List what could not be read so far, each once, a hundred at most."""
        return tuple(self._warnings)

    def active_alerts(self) -> tuple[Alert, ...]:
        """List pending and firing alerts, by scope and labels."""
        alerts = self._readable(
            "alerts", text_to_alert, self._rows("SELECT alert FROM alerts")
        )
        return tuple(sorted(alerts, key=lambda alert: (alert.scope, alert.labels)))

    def recently_resolved(self, since: datetime) -> tuple[Alert, ...]:
        """List alerts as they last resolved, at or after an instant; not those that fire again."""
        firing = "SELECT fingerprint FROM alerts WHERE state = ?"
        again = {
            fingerprint for (fingerprint,) in self._rows(firing, (AlertState.FIRING,))
        }
        rows = self._rows(
            "SELECT fingerprint, alert FROM transitions WHERE change = ? AND at >= ? ORDER BY id",
            (Change.RESOLVED, instant_to_text(since)),
        )
        # Not asked of the tables together: that compares every alert with every other.
        rows = [(alert,) for fingerprint, alert in rows if fingerprint not in again]
        latest: dict[Labels, Alert] = {}
        for alert in self._readable("transitions", text_to_alert, rows):
            latest.pop(
                alert.labels, None
            )  # in the order in which they last did: the oldest go first
            latest[alert.labels] = alert
        return tuple(latest.values())

    def history(
        self,
        limit: int,
        *,
        alertname: str | None = None,
        target: str | None = None,
        since: datetime | None = None,
    ) -> tuple[Transition, ...]:
        """List past transitions, newest first."""
        rows = self._rows(
            "SELECT change, alert, at FROM transitions WHERE rule = coalesce(?, rule)"
            " AND target = coalesce(?, target) AND at >= ? ORDER BY id DESC LIMIT ?",
            (alertname, target, "" if since is None else instant_to_text(since), limit),
        )
        return tuple(self._readable("transitions", _transition, rows))

    def deliveries(
        self, limit: int, *, is_over: bool = False
    ) -> tuple[DeliveryAttempt, ...]:
        """List past attempts at what was in the outbox, newest first; `is_over`: only the last of each."""
        rows = self._rows(
            f"SELECT receiver, at, duration_seconds, reason, message, outcome, key, alerts, attempts FROM"
            f" (SELECT *, {_ATTEMPTS} AS attempts FROM deliveries)"
            " WHERE outcome != ? ORDER BY id DESC LIMIT ?",
            ("failed" if is_over else "", limit),
        )
        return tuple(self._readable("deliveries", _past_delivery, rows))

    def outbox(self) -> Mapping[str, OutboxView]:
        """Count what waits, for each receiver that has something waiting."""
        rows = self._rows(
            "SELECT receiver, count(*), min(created_at) FROM outbox GROUP BY receiver"
        )
        return dict(self._readable("outbox", _outbox_view, rows))

    def last_results(self) -> tuple[LastResult, ...]:
        """List what each query last gave, by target and query."""
        rows = self._rows(
            f"SELECT {last_results.COLUMNS} FROM last_results ORDER BY target, query"
        )
        return tuple(
            self._readable(
                "last_results", lambda *row: last_results.row_to_result(row), rows
            )
        )

    def read_mark(self, name: str) -> datetime | None:
        """Tell the instant that was remembered under a name."""
        rows = self._rows("SELECT at FROM marks WHERE name = ?", (name,))
        return next(self._readable("marks", text_to_instant, rows), None)

    @abstractmethod
    def _rows(self, sql: str, values: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
        """Ask the tables."""

    def _readable(
        self, table: str, read: Callable[..., _Value], rows: Iterable[tuple[Any, ...]]
    ) -> Iterator[_Value]:
        for row in rows:
            try:
                yield read(*row)
            except (ValueError, TypeError) as error:
                self._warn(f"a row of {table} cannot be read and is left out: {error}")

    def _warn(self, warning: str) -> None:
        if len(self._warnings) < _MOST_WARNINGS:
            self._warnings[warning] = None


def _transition(change: str, alert: str, at: str) -> Transition:
    return Transition(Change(change), text_to_alert(alert), text_to_instant(at))


def _outbox_view(receiver: str, count: int, oldest: str) -> tuple[str, OutboxView]:
    return receiver, OutboxView(count, text_to_instant(oldest))


def _past_delivery(
    receiver: str,
    at: str,
    seconds: float,
    reason: str,
    message: str,
    outcome: str,
    key: str,
    alerts: str,
    attempts: int,
) -> DeliveryAttempt:
    is_given_up = outcome == "given_up"
    recoverable = not is_given_up
    delivery = Delivery(
        receiver,
        text_to_instant(at),
        seconds,
        reason=reason,
        message=message,
        recoverable=recoverable,
    )
    try:
        words = text_to_json(alerts)
        given_up = () if isinstance(words, str) else text_to_alerts(alerts)
    except UnreadableError:
        words, given_up = "", ()  # that it was given up is worth more than what it was
    summary = words if isinstance(words, str) else in_words(given_up)
    return DeliveryAttempt(delivery, key, is_given_up, given_up, summary, attempts)
