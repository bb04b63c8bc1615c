"""Put the snapshot into Prometheus's own JSON, so that its clients read our alerts and rules; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeAlias

from monitor.alerting.blocking import missing_columns
from monitor.alerting.data_age import confirmed_at, has_data
from monitor.alerting.snapshot import QueryStatus, QueryView, Snapshot
from monitor.alerting.texts import shown_annotations
from monitor.model.alerts import Alert, AlertState, Transition
from monitor.model.results import Blocked, Failure
from monitor.model.settings import ColumnName, Config, Every, Rule

Json: TypeAlias = (
    "str | int | float | bool | Sequence[Json] | Mapping[str, Json] | None"
)

OWN_GROUP = "token_monitor"
"""The group of the rules about the monitor itself."""
NEVER = "0001-01-01T00:00:00Z"
"""Go's zero time, by which Prometheus says "not yet"."""

Missing: TypeAlias = Mapping[str, frozenset[ColumnName]]
"""Which columns each target lacks."""

_ACTIVE = (AlertState.PENDING, AlertState.FIRING)


@dataclass(frozen=True, slots=True)
class Active:
    """An alert that is pending or firing, and how old it and what is known of it are."""

    alert: Alert
    seconds: float
    confirmed_at: datetime | None
    shows_evidence: bool = False


def active_of(
    snapshot: Snapshot,
    now: datetime,
    judged_at: datetime,
    *,
    shows_evidence: bool = False,
) -> list[Active]:
    """Choose what is pending or firing, held alerts included, each with its ages."""
    return [
        Active(
            alert,
            (now - alert.active_at).total_seconds(),
            confirmed_at(alert, snapshot, judged_at),
            shows_evidence,
        )
        for alert in snapshot.alerts
        if alert.state in _ACTIVE
    ]


def alerts(
    snapshot: Snapshot,
    now: datetime,
    judged_at: datetime,
    *,
    shows_evidence: bool = False,
) -> Json:
    """Give `data` of /api/v1/alerts; evidence only for who has given a password."""
    active = active_of(snapshot, now, judged_at, shows_evidence=shows_evidence)
    return {"asOf": _time(now), "alerts": [_active(one) for one in active]}


def rules(
    snapshot: Snapshot,
    config: Config,
    now: datetime,
    judged_at: datetime,
    *,
    shows_evidence: bool = False,
) -> Json:
    """Give `data` of /api/v1/rules: a group for each query, and one for the monitor's own rules.

    A rule that reads the same on several targets is there once, with the alerts of all; it is as old
    as it is on the target where it was judged least recently.
    """
    active = active_of(snapshot, now, judged_at, shows_evidence=shows_evidence)
    views: dict[str, list[QueryView]] = {}
    for job in config.jobs:
        if (view := snapshot.queries.get(job.key)) is not None and job.query.rules:
            views.setdefault(job.query.name, []).append(view)
    missing = {name: missing_columns(snapshot, name, now) for name in snapshot.targets}
    groups = [_query_group(members, active, missing, now) for members in views.values()]
    if config.own_rules:
        own = [
            _rule(
                rule,
                [one for one in active if one.alert.name == rule.name],
                health="ok",
                at=judged_at,
            )
            for rule in config.own_rules
        ]
        groups.append(_group(OWN_GROUP, str(config.path), 0.0, own))
    return {"asOf": _time(now), "groups": groups}


def queries(snapshot: Snapshot, now: datetime) -> Json:
    """Give `data` of /api/v1/queries: how each query does on each target."""
    return {
        "asOf": _time(now),
        "queries": [_query(view, now) for view in snapshot.queries.values()],
    }


def history(transitions: Iterable[Transition]) -> Json:
    """Give `data` of /api/v1/history: transitions, the newest first."""
    return {
        "history": [
            {
                "at": _time(transition.at),
                "change": transition.change.value,
                "fingerprint": transition.alert.fingerprint,
                "resolvedAt": _time(transition.alert.resolved_at),
                "resolveReason": transition.alert.resolve_reason,
                **_alert(transition.alert),
            }
            for transition in transitions
        ]
    }


def expression(rule: Rule) -> str:
    """Write a rule's condition as PromQL would."""
    matchers = ",".join(f'{name}="{_escaped(value)}"' for name, value in rule.where)
    selector = f"{rule.metric}{{{matchers}}}" if matchers else rule.metric
    return rule.condition.promql(selector)


def reason_of(view: QueryView) -> tuple[str, str]:
    """Say why a query gives no data: the reason's word and the message; both empty when it does."""
    if isinstance(view.outcome, Failure) and view.status is not QueryStatus.OK:
        return view.outcome.reason.value, view.outcome.message
    if isinstance(view.outcome, Blocked):
        return "blocked", view.outcome.message
    return "", ""


def _query_group(
    views: list[QueryView], active: list[Active], missing: Missing, now: datetime
) -> dict[str, Json]:
    members: list[tuple[Rule, list[QueryView]]] = []
    for view in views:
        for rule in view.job.query.rules:
            # Rules hold mappings and have no hash; there are few in a query.
            same = next((found for known, found in members if known == rule), None)
            if same is None:
                members.append((rule, [view]))
            else:
                same.append(view)
    query = views[0].job.query
    seconds = (
        query.schedule.interval.total_seconds()
        if isinstance(query.schedule, Every)
        else 0.0
    )
    rules = [_query_rule(rule, found, active, missing, now) for rule, found in members]
    return _group(query.name, str(query.source), seconds, rules)


def _query_rule(
    rule: Rule,
    views: list[QueryView],
    active: list[Active],
    missing: Missing,
    now: datetime,
) -> dict[str, Json]:
    keys = {view.job.key for view in views}
    own = [
        one
        for one in active
        if one.alert.name == rule.name
        and (one.alert.scope.target, one.alert.scope.subject) in keys
    ]
    faults = [(view, _fault_of(rule, view, missing, now)) for view in views]
    errors = [f"{view.job.target.name}: {fault}" for view, fault in faults if fault]
    is_unknown = any(view.status is QueryStatus.WAITING for view in views)
    health = "err" if errors else "unknown" if is_unknown else "ok"
    durations = [
        view.duration_seconds for view in views if view.duration_seconds is not None
    ]
    last = [view.last_run_at for view in views]
    return _rule(
        rule,
        own,
        health=health,
        error="; ".join(errors),
        seconds=max(durations, default=0.0),
        at=None if None in last else min(at for at in last if at is not None),
    )


def _fault_of(rule: Rule, view: QueryView, missing: Missing, now: datetime) -> str:
    """Say why the rule has no verdict on a target that is of now; empty where it has."""
    reason, message = reason_of(view)
    lacking = sorted(
        str(column) for column in missing[view.job.target.name].intersection(rule.needs)
    )
    if reason:
        return f"{reason}: {message}"
    if lacking:
        return f"blocked: missing: {', '.join(lacking)}"
    if view.status is not QueryStatus.WAITING and not has_data(view, now):
        return f"stale: no data since {_time(view.data_at) or 'the start'}"
    return ""


def _group(
    name: str, file: str, seconds: float, members: list[dict[str, Json]]
) -> dict[str, Json]:
    return {
        "name": name,
        "file": file,
        "interval": seconds,
        "limit": 0,
        "rules": members,
        "evaluationTime": max(
            (_number(member["evaluationTime"]) for member in members), default=0.0
        ),
        "lastEvaluation": max(
            (str(member["lastEvaluation"]) for member in members), default=NEVER
        ),
    }


def _rule(
    rule: Rule,
    active: list[Active],
    *,
    health: str,
    error: str = "",
    seconds: float = 0.0,
    at: datetime | None = None,
) -> dict[str, Json]:
    try:
        query = expression(rule)
    # A defect in one rule must not take all others from who asks; it is told where that rule stands.
    except Exception as defect:  # noqa: BLE001
        query, health = "", "err"
        error = "; ".join(
            filter(None, (error, f"cannot be shown: {type(defect).__name__}: {defect}"))
        )
    states = {one.alert.state for one in active}
    texts = {
        "summary": rule.summary,
        "description": rule.description,
        "runbook": rule.runbook,
    }
    return {
        "type": "alerting",
        "name": rule.name,
        "query": query,
        "duration": rule.hold.total_seconds(),
        "keepFiringFor": rule.keep_firing_for.total_seconds(),
        "labels": {**rule.labels, "severity": rule.severity.value},
        "annotations": {
            name: text for name, text in {**texts, **rule.annotations}.items() if text
        },
        "alerts": [_active(one) for one in active],
        "state": next(
            (s.value for s in (AlertState.FIRING, AlertState.PENDING) if s in states),
            "inactive",
        ),
        "health": health,
        "lastError": error,
        "evaluationTime": seconds,
        "lastEvaluation": _time(at) or NEVER,
    }


def _active(one: Active) -> dict[str, Json]:
    ages: dict[str, Json] = {
        "ageSeconds": round(one.seconds, 3),
        "confirmedAt": _time(one.confirmed_at),
    }
    if one.alert.held:
        ages["noDataSince"] = _time(one.confirmed_at)
    evidence: dict[str, Json] = {}
    if one.shows_evidence and one.alert.evidence:
        evidence["evidence"] = [
            {name: _cell(cell) for name, cell in row.items()}
            for row in one.alert.evidence
        ]
    return {
        **_alert(one.alert),
        "fingerprint": one.alert.fingerprint,
        **ages,
        **evidence,
    }


def _alert(alert: Alert) -> dict[str, Json]:
    body: dict[str, Json] = {
        "labels": dict(alert.labels),
        "annotations": shown_annotations(alert),
        "state": alert.state.value,
        "activeAt": _time(alert.active_at),
        "value": f"{alert.value:e}",
    }
    if alert.keep_since is not None:
        body["keepFiringSince"] = _time(alert.keep_since)
    if alert.held:
        body["held"] = True
    if alert.muted_by is not None:
        body["mutedBy"] = alert.muted_by
    return body


def _cell(cell: object) -> Json:
    return cell if cell is None or isinstance(cell, str | int | float) else str(cell)


def _query(view: QueryView, now: datetime) -> dict[str, Json]:
    target, name = view.job.key
    reason, message = reason_of(view)
    schedule = view.job.query.schedule
    return {
        "target": target,
        "query": name,
        "summary": view.job.query.summary,
        "status": view.status.value,
        "reason": reason,
        "message": message,
        "interval": schedule.interval.total_seconds()
        if isinstance(schedule, Every)
        else None,
        "cron": None if isinstance(schedule, Every) else schedule.expression,
        "lastRun": _time(view.last_run_at),
        "lastSuccess": _time(view.last_success_at),
        "dataAt": _time(view.data_at),
        "dataAgeSeconds": None
        if view.data_at is None
        else round((now - view.data_at).total_seconds(), 3),
        "isCurrent": has_data(view, now),
        "firstFailure": _time(view.first_failure_at),
        "nextRun": _time(view.next_run_at),
        "durationSeconds": view.duration_seconds,
        "consecutiveFailures": view.consecutive_failures,
        "missed": view.missed,
        "samples": len(view.samples_at(now)),
    }


def _time(at: datetime | None) -> str | None:
    return (
        None
        if at is None
        else at.astimezone(UTC)
        .isoformat(timespec="milliseconds")
        .replace("+00:00", "Z")
    )


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(value: Json) -> float:
    return value if isinstance(value, float) else 0.0
