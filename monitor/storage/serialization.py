"""Alerts and instants as text for the tables, and back, also from other versions of this program."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import astuple, dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from monitor.model.alerts import Alert, AlertState, FoundAtFiring, Scope, Unended
from monitor.model.settings import Severity
from monitor.model.silences import Acknowledgement, Quieted


class UnreadableError(ValueError):
    """A text that cannot become what it was written from."""


def instant_to_text(instant: datetime) -> str:
    """Write an instant so that texts sort as instants do."""
    return instant.astimezone(UTC).isoformat(timespec="microseconds")


def text_to_instant(text: str) -> datetime:
    """Read what `instant_to_text` wrote."""
    return datetime.fromisoformat(text)


def alert_to_record(alert: Alert) -> dict[str, Any]:
    """Return a value for JSON of an alert; nothing is left out but what is computed of the rest."""
    return {
        one.key or name: one.write(getattr(alert, name)) for name, one in FIELDS.items()
    }


def record_to_alert(record: Mapping[str, Any]) -> Alert:
    """Return the alert that `alert_to_record` was given.

    Keys that are not known are left out, missing ones take their default: a row outlives the version
    that wrote it. UnreadableError if it is not an alert.
    """
    values: dict[str, Any] = {}
    try:
        for name, one in FIELDS.items():
            key = one.key or name
            if key in record:
                values[name] = one.read(record[key])
        return Alert(**values)
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
        raise UnreadableError("not a list of alerts")
    return tuple(record_to_alert(record) for record in records)


def text_to_json(text: str) -> Any:
    """Read JSON; UnreadableError."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UnreadableError(f"{type(error).__name__}: {error}") from None


@dataclass(frozen=True, slots=True)
class StoredField:
    """How a field of an alert becomes a value for JSON, and is made of it again."""

    write: Callable[[Any], Any]
    read: Callable[[Any], Any]
    key: str = ""
    """The key in JSON where it is not the field's name: files of older versions have it."""


def _write_instant(value: datetime | None) -> str | None:
    return None if value is None else instant_to_text(value)


def _read_instant(value: str | None) -> datetime | None:
    return None if value is None else text_to_instant(value)


def _write_scope(scope: Scope) -> list[str]:
    return [scope.rule, scope.target, scope.subject]


def _read_scope(value: Any) -> Scope:
    rule, target, subject = value
    return Scope(str(rule), str(target), str(subject))


def _write_notified(notified: Iterable[tuple[str, datetime]]) -> dict[str, str]:
    return {receiver: instant_to_text(at) for receiver, at in notified}


def _read_notified(value: Any) -> tuple[tuple[str, datetime], ...]:
    notified = [(str(name), text_to_instant(at)) for name, at in value.items()]
    return tuple(sorted(notified))


def _write_unended(unended: Iterable[tuple[str, Unended]]) -> dict[str, list[str]]:
    return {
        receiver: [str(one.severity), instant_to_text(one.fired_at)]
        for receiver, one in unended
    }


def _read_unended(value: Any) -> tuple[tuple[str, Unended], ...]:
    unended: dict[str, Unended] = {}
    for receiver, (severity, fired_at) in value.items():
        unended[str(receiver)] = Unended(Severity(severity), text_to_instant(fired_at))
    return tuple(sorted(unended.items()))


def _read_pairs(value: Any) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((str(key), str(text)) for key, text in value.items()))


def _write_evidence(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [dict(row) for row in rows]


def _read_evidence(rows: Iterable[Mapping[str, Any]]) -> tuple[dict[str, Any], ...]:
    return tuple(dict(row) for row in rows)


def _read_members(ids: Iterable[str]) -> tuple[str, ...]:
    return tuple(map(str, ids))


def _write_at_firing(found: FoundAtFiring | None) -> list[Any] | None:
    return None if found is None else list(astuple(found))


def _read_at_firing(value: Any) -> FoundAtFiring | None:
    if value is None:
        return None
    count, listed, *flags = value
    is_exact, is_whole, knows_all = (bool(flag) for flag in flags)
    return FoundAtFiring(float(count), int(listed), is_exact, is_whole, knows_all)


def _write_quieted(quieted: Quieted | None) -> dict[str, Any] | None:
    if quieted is None:
        return None
    return {
        "by": list(quieted.by),
        "who": quieted.who,
        "why": quieted.why,
        "until": _write_instant(quieted.until),
    }


def _read_quieted(value: Any) -> Quieted | None:
    if value is None:
        return None
    by = tuple(map(str, value.get("by", ())))
    who, why = str(value.get("who", "")), str(value.get("why", ""))
    return Quieted(by, who, why, _read_instant(value.get("until")))


def _write_acknowledged(known: Acknowledgement | None) -> list[str] | None:
    if known is None:
        return None
    return [instant_to_text(known.at), known.by, known.comment]


def _read_acknowledged(value: Any) -> Acknowledgement | None:
    if value is None:
        return None
    at, by, comment = value
    return Acknowledgement(text_to_instant(at), str(by), str(comment))


def _read_peak(value: Any) -> float | None:
    return None if value is None else float(value)


def _as_it_is(value: Any) -> Any:
    return value


_PLAIN = StoredField(_as_it_is, _as_it_is)
_INSTANT = StoredField(_write_instant, _read_instant)
_PAIRS = StoredField(dict, _read_pairs)

FIELDS: Mapping[str, StoredField] = MappingProxyType(
    {
        "scope": StoredField(_write_scope, _read_scope),
        "labels": _PAIRS,
        "severity": StoredField(_as_it_is, Severity),
        "state": StoredField(_as_it_is, AlertState),
        "value": StoredField(_as_it_is, float),
        "active_at": _INSTANT,
        "fired_at": _INSTANT,
        "resolved_at": _INSTANT,
        "keep_since": _INSTANT,
        "annotations": _PAIRS,
        "evidence": StoredField(_write_evidence, _read_evidence),
        "reached": StoredField(_write_notified, _read_notified),
        "since_at_least": _PLAIN,
        "held": _PLAIN,
        "muted_by": _PLAIN,
        "resolve_reason": _PLAIN,
        "peak": StoredField(_as_it_is, _read_peak),
        "learned_from": _INSTANT,
        "cause": _PAIRS,
        "is_in_deploy": _PLAIN,
        "deploy": _PLAIN,
        "members": StoredField(list, _read_members),
        "at_firing": StoredField(_write_at_firing, _read_at_firing),
        "unended": StoredField(_write_unended, _read_unended),
        "silence": StoredField(_write_quieted, _read_quieted),
        "unsilenced_at": _INSTANT,
        "acknowledged": StoredField(_write_acknowledged, _read_acknowledged),
        "notified": StoredField(_write_notified, _read_notified, key="told"),
    }
)
"""Each field of an alert, by its name, which is its key too unless it says another. A test compares it with
Alert; what is computed of the others is not written, so that nothing that is read contradicts its labels.
"""
