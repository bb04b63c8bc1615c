"""A small installation in several states: what the tests of metrics and web look at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from monitor.alerting.configured import empty_snapshot
from monitor.alerting.snapshot import Snapshot, with_alerts
from monitor.model.alerts import Alert, AlertState, Change, Scope, Transition
from monitor.model.conditions import Condition
from monitor.model.errors import Reason
from monitor.model.process_settings import StateSettings, Web
from monitor.model.results import (
    Blocked,
    Failure,
    Outcome,
    Result,
    Sample,
    Server,
    Success,
)
from monitor.model.schedules import Every
from monitor.model.settings import (
    ColumnName,
    Config,
    Flavor,
    Job,
    Metric,
    Query,
    Receiver,
    Rule,
    SchemaColumns,
    Severity,
    Statement,
    labels_of,
)
from monitor.model.targets import Target, Tls
from monitor.notify.webhook.settings import WebhookSettings
from monitor.web.views import Scene
from tests.support.snapshots import with_result

NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)
MISSING = ColumnName("users", "tokens_remaining")
FIVE_MINUTES_AGO = NOW - timedelta(minutes=5)


def seconds(count: float) -> timedelta:
    """Return a duration."""
    return timedelta(seconds=count)


def a_target(name: str = "main", **labels: str) -> Target:
    """Make a target."""
    return Target(
        name, user="token_monitor", database="app", tls=Tls("disabled"), labels=labels
    )


def a_query(
    name: str = "balances",
    *,
    metrics: tuple[Metric, ...] = (),
    rules: tuple[Rule, ...] = (),
    schema: SchemaColumns | None = None,
) -> Query:
    """Make a query."""
    return Query(
        name=name,
        summary=f"What {name} finds",
        statement=Statement("SELECT 1"),
        schedule=Every(seconds(60)),
        timeout=seconds(10),
        max_rows=1000,
        source=Path(f"queries/{name}.toml"),
        metrics=metrics,
        rules=rules,
        schema=schema,
    )


SUBSCRIBERS = Metric(
    "token_subscribers",
    "Users with an active subscription, by plan and state of their balance.",
    labels=("plan",),
    values_label="status",
    values=("needs_init", "ok"),
)
COLUMN_MISSING = Metric(
    "token_schema_column_missing",
    "Whether an expected column is missing",
    labels=("table", "column"),
    value="missing",
)
UNINITIALIZED = Rule(
    name="TokenBalancesUninitialized",
    metric="token_subscribers",
    condition=Condition("above", 0),
    severity=Severity.CRITICAL,
    summary="{value} active {plan} subscribers on {target} have no balance",
    group_summary="{total} subscribers have no balance",
    description="Set the balance to the plan's limit.",
    where=(("status", "needs_init"),),
    hold=seconds(120),
)
GONE = Rule(
    name="TokenColumnMissing",
    metric="token_schema_column_missing",
    condition=Condition("above", 0),
    severity=Severity.CRITICAL,
    summary="{table}.{column} is missing on {target}",
)
OWN = Rule(
    name="TokenMonitorTargetDown",
    metric="token_monitor_up",
    condition=Condition("equals", 0),
    severity=Severity.CRITICAL,
    summary="{target} cannot be reached",
)
BALANCES = a_query(metrics=(SUBSCRIBERS,), rules=(UNINITIALIZED,))
COLUMNS = a_query(
    "missing_columns",
    metrics=(COLUMN_MISSING,),
    rules=(GONE,),
    schema=SchemaColumns("table", "column", "missing"),
)


def a_config(
    *targets: Target,
    queries: tuple[Query, ...] = (COLUMNS, BALANCES),
    receivers: tuple[str, ...] = ("oncall",),
    own_rules: tuple[Rule, ...] = (OWN,),
) -> Config:
    """Make a configuration with these targets and queries."""
    chosen = targets or (a_target(),)
    return Config(
        path=Path("config.toml"),
        targets=chosen,
        jobs=tuple(Job(target, query) for target in chosen for query in queries),
        receivers=tuple(Receiver(name, WebhookSettings()) for name in receivers),
        own_rules=own_rules,
        web=Web(port=0),
        state=StateSettings(Path("state")),
    )


def a_result(
    job: Job, outcome: Outcome, at: datetime = NOW, *, took: float = 0.025
) -> Result:
    """Make the result of a run that took so many seconds."""
    server = Server(Flavor.MARIADB, "10.11.6", "db1")
    return Result(job, at, at, at + seconds(took), took, outcome, server)


def success(*samples: Sample, missing: frozenset[ColumnName] | None = None) -> Success:
    """Make the outcome of a run that gave these samples."""
    return Success(samples, len(samples), missing=missing)


def subscribers(plan: str, status: str, value: float) -> Sample:
    """Make a sample of subscribers by plan and status."""
    return Sample(
        "token_subscribers", labels_of({"plan": plan, "status": status}), value
    )


def column(value: float) -> Sample:
    """Make the sample that says whether the column is missing."""
    labels = labels_of({"table": MISSING.table, "column": MISSING.column})
    return Sample("token_schema_column_missing", labels, value)


FAILURE = Failure(Reason.QUERY_ERROR, "Table is marked as crashed", code=145)
LOST = Failure(
    Reason.TARGET_DOWN, "Connection refused", detail="unreachable", lost=True
)
WELL: dict[str, Outcome] = {
    "missing_columns": success(column(0), missing=frozenset()),
    "balances": success(
        subscribers("pro", "needs_init", 0), subscribers("pro", "ok", 7)
    ),
}
COLUMN_GONE: dict[str, Outcome] = {
    "missing_columns": success(column(1), missing=frozenset({MISSING})),
    "balances": Blocked((MISSING,)),
}


def a_snapshot(
    config: Config, outcomes: Mapping[str, Outcome] | None = None, at: datetime = NOW
) -> Snapshot:
    """Run every query once, at the same instant."""
    chosen = WELL if outcomes is None else outcomes
    snapshot = empty_snapshot(config)
    for job in config.jobs:
        if job.query.name in chosen:
            snapshot = with_result(snapshot, a_result(job, chosen[job.query.name], at))
    return snapshot


def a_scene(
    snapshot: Snapshot, now: datetime = NOW, evaluated_at: datetime | None = None
) -> Scene:
    """Return what an answer shows: a picture at `now`, when the own rules were judged too by default."""
    return Scene(snapshot, now, evaluated_at or now)


def an_alert(
    rule: Rule = UNINITIALIZED,
    state: AlertState = AlertState.FIRING,
    *,
    target: str = "main",
    subject: str = "balances",
    since: datetime = FIVE_MINUTES_AGO,
    value: float = 3,
    **labels: str,
) -> Alert:
    """Make an alert of a rule."""
    every = {
        "alertname": rule.name,
        "severity": rule.severity.value,
        "target": target,
        **labels,
    }
    return Alert(
        scope=Scope(rule.name, target, subject),
        labels=labels_of(every),
        severity=rule.severity,
        state=state,
        value=value,
        active_at=since,
        fired_at=since + seconds(120) if state is not AlertState.PENDING else None,
        resolved_at=NOW - seconds(30) if state is AlertState.RESOLVED else None,
        annotations=labels_of(
            {"summary": f"summary of {rule.name}", "description": rule.description}
        ),
        evidence=({"user_id": 4711},),
    )


def the_incident(config: Config) -> Snapshot:
    """The column is gone: one root alert, and one held and muted under it."""
    root = an_alert(
        GONE,
        subject="missing_columns",
        table="users",
        column="tokens_remaining",
        value=1,
    )
    muted = replace(an_alert(plan="pro"), held=True, muted_by=root.fingerprint)
    return with_alerts(a_snapshot(config, COLUMN_GONE), (root, muted))


def a_transition(change: Change = Change.FIRED) -> Transition:
    """Make a transition of the alert."""
    states = {
        Change.PENDING: AlertState.PENDING,
        Change.FIRED: AlertState.FIRING,
        Change.RESOLVED: AlertState.RESOLVED,
    }
    return Transition(change, an_alert(state=states[change], plan="pro"), NOW)
