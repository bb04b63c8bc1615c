"""Alerts and instants as text for the tables, and back, also from other versions of this program."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from monitor.model.alerts import Alert, AlertState, Scope
from monitor.model.settings import Severity

# What is computed of the others is not written: nothing that was read can contradict its labels.
_FIELDS = tuple(field for field in fields(Alert) if field.compare)
_NAMES = frozenset(field.name for field in _FIELDS)
_INSTANTS = frozenset(
    field.name for field in _FIELDS if str(field.type).startswith("datetime")
)


class UnreadableError(ValueError):
    """A text that cannot become what it was written from."""


def instant_to_text(instant: datetime) -> str:
    """Write an instant so that texts sort as instants do."""
    return instant.astimezone(UTC).isoformat(timespec="microseconds")


def text_to_instant(text: str) -> datetime:
    """Read what `instant_to_text` wrote."""
    return datetime.fromisoformat(text)


def alert_to_record(alert: Alert) -> dict[str, Any]:
    """Make a value for JSON of an alert; nothing is left out."""
    return {
        field.name: _written(field.name, getattr(alert, field.name))
        for field in _FIELDS
    }


def record_to_alert(record: Mapping[str, Any]) -> Alert:
    """Make the alert again that `alert_to_record` was given.

    Keys that are not known are left out, missing ones take their default: a row outlives the version
    that wrote it. UnreadableError if it is no alert.
    """
    try:
        return Alert(
            **{
                name: _read(name, value)
                for name, value in record.items()
                if name in _NAMES
            }
        )
    except (ValueError, TypeError, AttributeError) as error:
        raise UnreadableError(f"{type(error).__name__}: {error}") from None


def alert_to_text(alert: Alert) -> str:
    """Write one alert; the standard library's JSON, since a value may be NaN."""
    return json.dumps(alert_to_record(alert), ensure_ascii=False)


def text_to_alert(text: str) -> Alert:
    """Read one alert; UnreadableError."""
    return record_to_alert(text_to_json(text))


def alerts_to_text(alerts: tuple[Alert, ...]) -> str:
    """Write several alerts in their order."""
    return json.dumps([alert_to_record(alert) for alert in alerts], ensure_ascii=False)


def text_to_alerts(text: str) -> tuple[Alert, ...]:
    """Read several alerts; UnreadableError if one of them cannot be read."""
    records = text_to_json(text)
    if not isinstance(records, list):
        raise UnreadableError("no list of alerts")
    return tuple(record_to_alert(record) for record in records)


def text_to_json(text: str) -> Any:
    """Read JSON; UnreadableError."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UnreadableError(f"{type(error).__name__}: {error}") from None


def _written(name: str, value: Any) -> Any:
    if name in _INSTANTS:
        return None if value is None else instant_to_text(value)
    if name == "scope":
        return [value.rule, value.target, value.subject]
    if name in ("labels", "annotations"):
        return dict(value)
    if name == "told":
        return {receiver: instant_to_text(told_at) for receiver, told_at in value}
    return [dict(row) for row in value] if name == "evidence" else value


def _read(name: str, value: Any) -> Any:
    if name in _INSTANTS:
        return None if value is None else text_to_instant(value)
    return _READERS[name](value) if name in _READERS else value


def _read_scope(value: Any) -> Scope:
    rule, target, subject = value
    return Scope(str(rule), str(target), str(subject))


def _read_told(value: Any) -> tuple[tuple[str, datetime], ...]:
    return tuple(
        sorted(
            (str(receiver), text_to_instant(told_at))
            for receiver, told_at in value.items()
        )
    )


def _read_pairs(value: Any) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((str(key), str(text)) for key, text in value.items()))


_READERS: Mapping[str, Callable[[Any], Any]] = MappingProxyType(
    {
        "scope": _read_scope,
        "labels": _read_pairs,
        "annotations": _read_pairs,
        "severity": Severity,
        "state": AlertState,
        "value": float,
        "peak": lambda value: None if value is None else float(value),
        "told": _read_told,
        "evidence": lambda rows: tuple(dict(row) for row in rows),
    }
)
