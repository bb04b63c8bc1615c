"""Write what is known as JSON, alerts and history in Prometheus's own form, so that its clients read them; pure.

Each function returns the `data` of one path under /api/v1; `api_rules` has that of the rules. Keys and their
order are public. Instants are RFC 3339 in UTC to the millisecond; null is what is not known or has not been.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TypeAlias

from monitor.alerting.query_view import QueryView
from monitor.alerting.shown import confirmed_at, shown_annotations
from monitor.alerting.snapshot import Snapshot
from monitor.model.alerts import Alert, AlertState, Transition
from monitor.model.results import reason_and_message
from monitor.web.views import Scene

Json: TypeAlias = (
    "str | int | float | bool | Sequence[Json] | Mapping[str, Json] | None"
)

_ACTIVE = (AlertState.PENDING, AlertState.FIRING)


def alerts(scene: Scene) -> Json:
    """Return the data of /api/v1/alerts: what is pending or firing, held alerts included."""
    found = [alert_json(alert, scene) for alert in active_alerts(scene.snapshot)]
    return {"asOf": time_text(scene.now), "alerts": found}


def queries(snapshot: Snapshot, now: datetime) -> Json:
    """Return the data of /api/v1/queries: how each query does on each target."""
    found = [_query_json(view, now) for view in snapshot.queries.values()]
    return {"asOf": time_text(now), "queries": found}


def history(transitions: Iterable[Transition]) -> Json:
    """Return the data of /api/v1/history: the transitions in the order in which they are given."""
    return {"history": [_transition_json(transition) for transition in transitions]}


def active_alerts(snapshot: Snapshot) -> list[Alert]:
    """Return the alerts that are pending or firing."""
    return [alert for alert in snapshot.alerts if alert.state in _ACTIVE]


def alert_json(alert: Alert, scene: Scene) -> dict[str, Json]:
    """Write an active alert with how old it is and what data last confirmed it.

    With its evidence only where the scene shows evidence.
    """
    confirmed = time_text(confirmed_at(alert, scene.snapshot, scene.evaluated_at))
    body = _alert_json(alert)
    body["fingerprint"] = alert.fingerprint
    body["ageSeconds"] = round((scene.now - alert.active_at).total_seconds(), 3)
    body["confirmedAt"] = confirmed
    if alert.held:
        body["noDataSince"] = confirmed
    if alert.is_in_deploy:
        body["inDeployment"] = True
    if scene.shows_evidence and alert.evidence:
        body["evidence"] = [_row_json(row) for row in alert.evidence]
    return body


def time_text(at: datetime | None) -> str | None:
    """Write an instant as RFC 3339 in UTC, to the millisecond."""
    if at is None:
        return None
    text = at.astimezone(UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def reason_of(view: QueryView) -> tuple[str, str]:
    """Return why a query gives no data, or no newer data: the reason's word and the message; else both empty."""
    return reason_and_message(view.last_word)


def _alert_json(alert: Alert) -> dict[str, Json]:
    body: dict[str, Json] = {
        "labels": dict(alert.labels),
        "annotations": shown_annotations(alert),
        "state": alert.state.value,
        "activeAt": time_text(alert.active_at),
        "value": _value_json(alert.value),
    }
    if alert.keep_since is not None:
        body["keepFiringSince"] = time_text(alert.keep_since)
    if alert.held:
        body["held"] = True
    if alert.muted_by is not None:
        body["mutedBy"] = alert.muted_by
    if alert.silence is not None:
        body["silencedBy"] = list(alert.silenced_by)
        body["silence"] = alert.silence.words
    if alert.acknowledged is not None:
        body["acknowledged"] = alert.acknowledged.words
    return body


def _row_json(row: Mapping[str, object]) -> dict[str, Json]:
    return {name: _cell_json(cell) for name, cell in row.items()}


def _cell_json(cell: object) -> Json:
    if isinstance(cell, int) and not -(2**63) <= cell < 2**64:
        # What writes the JSON has no such number, and most that read it would round it.
        return str(cell)
    if isinstance(cell, str | int | float | None):
        return cell
    return str(cell)


def _value_json(value: float) -> str:
    """Write a value as Prometheus does, a string, since JSON has no number for NaN or infinity; none is rounded."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    texts = (f"{value:.{digits}e}" for digits in range(6, 17))
    return next(text for text in texts if float(text) == value)


def _transition_json(transition: Transition) -> dict[str, Json]:
    alert = transition.alert
    return {
        "at": time_text(transition.at),
        "change": transition.change.value,
        "fingerprint": alert.fingerprint,
        "resolvedAt": time_text(alert.resolved_at),
        "resolveReason": alert.resolve_reason,
        **_alert_json(alert),
    }


def _query_json(view: QueryView, now: datetime) -> dict[str, Json]:
    target, name = view.job.key
    reason, message = reason_of(view)
    schedule = view.paced.query.schedule
    return {
        "target": target,
        "query": name,
        "summary": view.job.query.summary,
        "status": view.status.value,
        "reason": reason,
        "message": message,
        # One of these two is null, of a derived value both.
        "interval": schedule.interval_seconds,
        "cron": schedule.cron,
        "lastRun": time_text(view.last_run_at),
        "lastSuccess": time_text(view.last_success_at),
        "dataAt": time_text(view.data_at),
        "dataAgeSeconds": _age_seconds(view.data_at, now),
        "isCurrent": view.has_data_at(now),
        "firstFailure": time_text(view.first_failure_at),
        "nextRun": time_text(view.next_run_at),
        "durationSeconds": view.duration_seconds,
        "consecutiveFailures": view.consecutive_failures,
        "missed": view.missed,
        "samples": len(view.samples_at(now)),
    }


def _age_seconds(at: datetime | None, now: datetime) -> float | None:
    if at is None:
        return None
    return round((now - at).total_seconds(), 3)
