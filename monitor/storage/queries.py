"""What can be asked of the state: the half that the daemon shares with commands beside it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar

from monitor.detection.rules import RuleMemory
from monitor.model.alerts import (
    Alert,
    AlertState,
    Change,
    GivenUp,
    NoticeGroup,
    Transition,
    Untold,
)
from monitor.model.deploys import Deploys
from monitor.model.positions import Position
from monitor.model.settings import JobKey, Labels
from monitor.model.silences import Silences
from monitor.model.trends import SeriesName, Slots, TargetTrends
from monitor.storage.deploys import DEPLOY_COLUMNS, row_to_deploys
from monitor.storage.destinations import OF_DESTINATIONS, destination_in
from monitor.storage.given_up import OF_GIVEN_UP, untold_of
from monitor.storage.history import (
    DeliveryAttempt,
    DeliveryRow,
    TransitionRow,
    row_to_attempt,
    row_to_transition,
)
from monitor.storage.history_filter import EVERYTHING, HistoryFilter
from monitor.storage.last_results import LastResult, LastResultRow, row_to_result
from monitor.storage.limits import DEFAULT_LIMITS
from monitor.storage.marks import CLOCK_SHIFT, mark_to_shift
from monitor.storage.positions import POSITION_COLUMNS, row_to_position
from monitor.storage.rows import column_list
from monitor.storage.rule_memories import (
    MEMORY_COLUMNS,
    MemoryKey,
    row_to_memory,
)
from monitor.storage.serialization import (
    instant_to_text,
    text_to_alert,
    text_to_alerts,
    text_to_instant,
    text_to_json,
)
from monitor.storage.silences import SILENCE_COLUMNS, row_to_silence
from monitor.storage.trends import SERIES_COLUMNS, row_to_slot

# A bad disk may spoil every row; each warning is a line of the log.
_MAX_WARNINGS = 100
# What is given up because it waited too long has a row without an attempt, which took no time.
_ATTEMPTS = "sum(outcome != 'given_up' OR duration_seconds > 0) OVER (PARTITION BY receiver, key ORDER BY id)"
_Row = tuple[Any, ...]
_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class OutboxView:
    """What waits for one receiver."""

    waiting: int
    oldest_at: datetime
    full_since: datetime | None = None
    """Since when what is new has to wait outside."""


class StateQueries(ABC):
    """Answer from the tables. A row that cannot be read is left out, and is in `warnings`. Instants are in UTC."""

    def __init__(self, history_rows: int = DEFAULT_LIMITS.history_rows) -> None:
        self._history_rows = history_rows
        self._warnings: dict[str, None] = {}

    @property
    def warnings(self) -> tuple[str, ...]:
        """Return what could not be read so far, each once, a hundred at most."""
        return tuple(self._warnings)

    def active_alerts(self) -> tuple[Alert, ...]:
        """Return pending and firing alerts, by scope and labels."""
        alerts = self._readable(
            "alerts", _alert, self._rows("SELECT alert FROM alerts")
        )
        return tuple(sorted(alerts, key=lambda alert: (alert.scope, alert.labels)))

    def recently_resolved(self, since: datetime, until: datetime) -> tuple[Alert, ...]:
        """Return alerts as they last resolved between two instants, oldest first; not those that fire again.

        What a clock that was ahead wrote is after `until`: it is not of late, and must not end in the future.
        """
        firing = self._rows(
            "SELECT fingerprint FROM alerts WHERE state = ?", (AlertState.FIRING,)
        )
        again = {fingerprint for (fingerprint,) in firing}
        resolved = self._rows(
            "SELECT fingerprint, alert FROM transitions"
            " WHERE change = ? AND at BETWEEN ? AND ? ORDER BY id",
            (Change.RESOLVED, instant_to_text(since), instant_to_text(until)),
        )
        # Not asked of the tables together: that compares every alert with every other.
        rows = [(text,) for fingerprint, text in resolved if fingerprint not in again]
        latest: dict[Labels, Alert] = {}
        for alert in self._readable("transitions", _alert, rows):
            # So that it comes where it last resolved.
            latest.pop(alert.labels, None)
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
        """Return past transitions, newest first, at most `limit`; of one alert's name or target where given."""
        wanted = HistoryFilter(alertname, target, since=since)
        return self.transitions(limit, wanted)

    def transitions(
        self, limit: int, wanted: HistoryFilter = EVERYTHING
    ) -> tuple[Transition, ...]:
        """Return the past transitions that are wanted, newest first, at most `limit`."""
        where, values = wanted.of_transitions()
        rows = self._rows(
            f"SELECT {column_list(TransitionRow._fields)} FROM transitions"
            f" WHERE {where} ORDER BY id DESC LIMIT ?",
            (*values, limit),
        )
        return tuple(self._readable("transitions", row_to_transition, rows))

    def history_cut_at(self) -> datetime | None:
        """Return from when on all transitions are kept, where there were too many; None where only age took some."""
        # Their numbers reach as far as may be: had age taken more than that did, they would reach less far.
        rows = self._rows(
            "SELECT at FROM transitions WHERE id = (SELECT min(id) FROM transitions)"
            " AND (SELECT max(id) FROM transitions) - id + 1 >= ?",
            (self._history_rows,),
        )
        return next(self._readable("transitions", _instant, rows), None)

    def deliveries(
        self,
        limit: int,
        *,
        is_over: bool = False,
        wanted: HistoryFilter = EVERYTHING,
    ) -> tuple[DeliveryAttempt, ...]:
        """Return past attempts at what was in the outbox, newest first; `is_over`: only the last of each."""
        where, values = wanted.of_deliveries()
        rows = self._rows(
            f"SELECT {column_list(DeliveryRow._fields)}, attempts FROM"
            f" (SELECT *, {_ATTEMPTS} AS attempts FROM deliveries)"
            f" WHERE outcome != ? AND {where} ORDER BY id DESC LIMIT ?",
            ("failed" if is_over else "", *values, limit),
        )
        return tuple(self._readable("deliveries", row_to_attempt, rows))

    def outbox(self) -> Mapping[str, OutboxView]:
        """Return how much waits, for each receiver that has something waiting."""
        rows = self._rows(
            "SELECT receiver, count(*), min(created_at) FROM outbox GROUP BY receiver"
        )
        return dict(self._readable("outbox", _outbox_view, rows))

    def destinations(self) -> Mapping[str, str]:
        """Return for receivers by their names a digest of where they were when a configuration last had them."""
        rows = self._rows(
            "SELECT name FROM marks WHERE name GLOB ?", (OF_DESTINATIONS,)
        )
        return dict(self._readable("marks", destination_in, rows))

    def waiting_fingerprints(self, receiver: str) -> frozenset[str]:
        """Return which firing alerts a receiver is told of by what waits for it."""
        rows = self._rows("SELECT alerts FROM outbox WHERE receiver = ?", (receiver,))
        waiting: set[str] = set()
        for found in self._readable("outbox", _alerts, rows):
            waiting |= {alert.fingerprint for alert in found if alert.is_firing()}
        return frozenset(waiting)

    def waiting_groups(self) -> frozenset[NoticeGroup]:
        """Return of which rules and targets something waits, with its receiver."""
        rows = self._rows("SELECT DISTINCT receiver, labels FROM outbox")
        return frozenset(self._readable("outbox", _waiting_group, rows))

    def last_results(self) -> tuple[LastResult, ...]:
        """Return what each query last gave, by target and query."""
        columns = column_list(LastResultRow._fields)
        rows = self._rows(f"SELECT {columns} FROM last_results ORDER BY target, query")
        return tuple(self._readable("last_results", row_to_result, rows))

    def positions(self) -> Mapping[JobKey, Position]:
        """Return how far each walk has come; one that cannot be read begins anew."""
        rows = self._rows(f"SELECT {column_list(POSITION_COLUMNS)} FROM positions")
        read = partial(row_to_position, clock_shift=self.clock_shift())
        return dict(self._readable("positions", read, rows))

    def memories(self) -> Mapping[MemoryKey, RuleMemory]:
        """Return what rules remember, by their jobs and names; its times are behind ours by the `clock_shift`."""
        rows = self._rows(f"SELECT {column_list(MEMORY_COLUMNS)} FROM memories")
        return dict(self._readable("memories", row_to_memory, rows))

    def deploys(self) -> Deploys:
        """Return which deployments are declared, by the names of their targets."""
        rows = self._rows(f"SELECT {column_list(DEPLOY_COLUMNS)} FROM deploys")
        return dict(self._readable("deploys", row_to_deploys, rows))

    def silences(self) -> Silences:
        """Return the silences by their ids, the oldest first."""
        rows = self._rows(
            f"SELECT {column_list(SILENCE_COLUMNS)} FROM silences ORDER BY number"
        )
        found = self._readable("silences", row_to_silence, rows)
        return {silence.id: silence for silence in found}

    def trend_slots(self) -> Mapping[str, Slots]:
        """Return which series are kept for plots, by the names of their targets."""
        rows = self._rows(f"SELECT {column_list(SERIES_COLUMNS)} FROM trend_series")
        return self._slots_in(rows)

    def trends(self, target: str, span_seconds: int, since: datetime) -> TargetTrends:
        """Return what is kept of a target's series since an instant: of each minute, or of each hour."""
        series = self._rows(
            f"SELECT {column_list(SERIES_COLUMNS)} FROM trend_series WHERE target = ?",
            (target,),
        )
        rows = self._rows(
            "SELECT at, points FROM trend_points"
            " WHERE target = ? AND span = ? AND at >= ? ORDER BY at",
            (target, span_seconds, int(since.timestamp())),
        )
        slots = self._slots_in(series).get(target, {})
        return TargetTrends(slots, span_seconds, [(at, points) for at, points in rows])

    def trend_times(
        self, target: str, span_seconds: int, since: datetime
    ) -> Sequence[int]:
        """Return of which minutes, or hours, since an instant something is kept of a target, in Unix time."""
        rows = self._rows(
            "SELECT at FROM trend_points WHERE target = ? AND span = ? AND at >= ? ORDER BY at",
            (target, span_seconds, int(since.timestamp())),
        )
        return [at for (at,) in rows]

    def _slots_in(self, rows: list[_Row]) -> Mapping[str, Slots]:
        found: dict[str, dict[SeriesName, int]] = {}
        for target, name, slot in self._readable("trend_series", row_to_slot, rows):
            found.setdefault(target, {})[name] = slot
        return dict(found)

    def read_mark(self, name: str) -> datetime | None:
        """Return the instant that was remembered under a name; None where there is none, or one that is spoilt."""
        rows = self._rows("SELECT at FROM marks WHERE name = ?", (name,))
        return next(self._readable("marks", _instant, rows), None)

    def given_up(self) -> GivenUp:
        """Return what firing alerts whose receivers did not get it were given up, and is not taken back yet."""
        rows = self._rows(
            "SELECT name, at FROM marks WHERE name GLOB ?", (OF_GIVEN_UP,)
        )
        return dict(self._readable("marks", _given_up, rows))

    def clock_shift(self) -> timedelta:
        """Return how far the clock was set since the state began."""
        return mark_to_shift(self.read_mark(CLOCK_SHIFT))

    @abstractmethod
    def _rows(self, sql: str, values: tuple[object, ...] = ()) -> list[_Row]:
        """Return the rows of a SELECT."""

    def _readable(
        self, table: str, read: Callable[[_Row], _Value], rows: Iterable[_Row]
    ) -> Iterator[_Value]:
        for row in rows:
            try:
                yield read(row)
            except (ValueError, TypeError) as error:
                self._warn(f"a row of {table} cannot be read and is left out: {error}")

    def _warn(self, warning: str) -> None:
        if len(self._warnings) < _MAX_WARNINGS:
            self._warnings[warning] = None


def _alert(row: _Row) -> Alert:
    (text,) = row
    return text_to_alert(text)


def _alerts(row: _Row) -> tuple[Alert, ...]:
    (text,) = row
    return text_to_alerts(text)


def _instant(row: _Row) -> datetime:
    (text,) = row
    return text_to_instant(text)


def _given_up(row: _Row) -> tuple[Untold, datetime]:
    name, text = row
    return untold_of(name), text_to_instant(text)


def _waiting_group(row: _Row) -> NoticeGroup:
    receiver, labels = row
    group = dict(text_to_json(labels))
    return receiver, group.get("alertname", ""), group.get("target", "")


def _outbox_view(row: _Row) -> tuple[str, OutboxView]:
    receiver, count, oldest = row
    return receiver, OutboxView(count, text_to_instant(oldest))
