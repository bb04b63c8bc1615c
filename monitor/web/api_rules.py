"""Write the rules and their alerts as Prometheus's /api/v1/rules does; pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from monitor.alerting.query_view import QueryStatus, QueryView
from monitor.model.alerts import Alert, AlertState
from monitor.model.detectors import judged_promql
from monitor.model.populations import words_of
from monitor.model.settings import Config, Rule
from monitor.web.alert_order import by_name
from monitor.web.api import (
    Json,
    active_alerts,
    alert_json,
    reason_of,
    time_text,
)
from monitor.web.views import Scene

OWN_GROUP = "token_monitor"
"""The group of the rules about the monitor itself."""
NEVER = "0001-01-01T00:00:00Z"
"""Go's zero time, by which Prometheus says "not yet"."""


@dataclass(frozen=True, slots=True)
class RuleUse:
    """A rule of a query, and the views of that query on the targets where the rule reads so."""

    rule: Rule
    views: list[QueryView] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class RuleEvaluation:
    """How a rule was last evaluated; `health` is one of Prometheus's words: ok, err, unknown."""

    health: str
    error: str = ""
    seconds: float = 0.0
    last: str = NEVER
    """When, as the answer has it. In this form the earlier of two instants is the lesser text."""


@dataclass(frozen=True, slots=True)
class JudgedRule:
    """A rule, how it was last evaluated, and its active alerts."""

    rule: Rule
    evaluation: RuleEvaluation
    alerts: Sequence[Alert]


def rules(scene: Scene, config: Config) -> Json:
    """Return the data of /api/v1/rules: a group for each query, and one for the monitor's own rules.

    A rule that reads the same on several targets is there once, with the alerts of all; it is as old
    as it is on the target where it was judged least recently.
    """
    alerts = by_name(active_alerts(scene.snapshot))
    groups = [
        _query_group(uses, alerts, scene) for uses in _uses(scene, config).values()
    ]
    if config.own_rules:
        groups.append(_own_group(config, alerts, scene))
    return {"asOf": time_text(scene.now), "groups": groups}


def expression(rule: Rule) -> str:
    """Write a rule's condition as PromQL would."""
    matchers = [f'{name}="{_escaped(value)}"' for name, value in rule.where]
    matchers += rule.pattern_matchers
    selector = f"{rule.metric}{{{','.join(matchers)}}}" if matchers else rule.metric
    written = rule.condition.promql(judged_promql(rule.detector, selector))
    # What PromQL has no word for is a comment.
    condition = rule.condition
    said = [
        written,
        condition.clear_words,
        words_of(rule.population),
        rule.active_words,
    ]
    return " # ".join(filter(None, said))


def _uses(scene: Scene, config: Config) -> dict[str, list[RuleUse]]:
    """Return the rules of each query, by its name, with the targets on which they read alike."""
    found: dict[str, list[RuleUse]] = {}
    for job in config.all_jobs:
        view = scene.snapshot.queries.get(job.key)
        if view is None:
            continue  # the snapshot is of before a reload
        for rule in view.job.query.rules:
            uses = found.setdefault(job.query.name, [])
            _use_of(rule, uses).views.append(view)
    return found


def _use_of(rule: Rule, uses: list[RuleUse]) -> RuleUse:
    # Rules hold mappings and have no hash; there are few in a query.
    for use in uses:
        if use.rule == rule:
            return use
    uses.append(RuleUse(rule))
    return uses[-1]


def _own_group(
    config: Config, alerts: Mapping[str, Sequence[Alert]], scene: Scene
) -> Json:
    evaluation = RuleEvaluation("ok", last=_evaluated_text(scene.evaluated_at))
    judged = [
        JudgedRule(rule, evaluation, alerts.get(rule.name, ()))
        for rule in config.own_rules
    ]
    # They are judged at each tick, not on an interval of their own.
    head: dict[str, Json] = {
        "name": OWN_GROUP,
        "file": str(config.path),
        "interval": 0.0,
    }
    return {**head, **_members_json(judged, scene)}


def _query_group(
    uses: Sequence[RuleUse], alerts: Mapping[str, Sequence[Alert]], scene: Scene
) -> Json:
    query = uses[0].views[0].job.query
    head: dict[str, Json] = {
        "name": query.name,
        "file": str(query.source),
        "interval": query.schedule.interval_seconds or 0.0,
    }
    judged: list[JudgedRule] = []
    for use in uses:
        own = _alerts_of(use, alerts.get(use.rule.name, ()))
        judged += _by_levels(use.rule, _evaluation(use, scene), own)
    return {**head, **_members_json(judged, scene)}


def _by_levels(
    rule: Rule, evaluation: RuleEvaluation, alerts: Sequence[Alert]
) -> Iterator[JudgedRule]:
    """Yield a rule once for each severity, with its alerts of that one: Prometheus's rules have one each."""
    levels = rule.by_levels()
    for level in levels:
        severity = level.severity
        own = [one for one in alerts if rule.spoken(one.severity) is severity]
        judged = JudgedRule(level, evaluation, own)
        yield judged


def _alerts_of(use: RuleUse, alerts: Sequence[Alert]) -> list[Alert]:
    """Return the alerts of a rule that are of these targets; elsewhere its parameters may be others."""
    keys = {view.job.key for view in use.views}
    return [
        alert for alert in alerts if (alert.scope.target, alert.scope.subject) in keys
    ]


def _evaluation(use: RuleUse, scene: Scene) -> RuleEvaluation:
    """Return how a rule was last evaluated on its targets: as on the worst of them."""
    errors: list[str] = []
    seconds: list[float] = []
    last: list[str] = []
    for view in use.views:
        error = _error_of(use.rule, view, scene)
        if error:
            errors.append(f"{view.job.target.name}: {error}")
        seconds.append(view.duration_seconds or 0.0)
        last.append(_evaluated_text(view.last_run_at))
    health = _health(errors, use.views)
    return RuleEvaluation(health, "; ".join(errors), max(seconds), min(last))


def _health(errors: Sequence[str], views: Sequence[QueryView]) -> str:
    if errors:
        return "err"
    if any(view.status is QueryStatus.WAITING for view in views):
        return "unknown"
    return "ok"


def _error_of(rule: Rule, view: QueryView, scene: Scene) -> str:
    """Return why what the rule says on a target is not of now; empty where it is."""
    reason, message = reason_of(view)
    if reason:
        return f"{reason}: {message}"
    if rule.needs:
        missing = scene.snapshot.missing_columns(view.job.target.name, scene.now)
        lacking = sorted(str(column) for column in missing.intersection(rule.needs))
        if lacking:
            return f"blocked: missing: {', '.join(lacking)}"
    if view.status is QueryStatus.WAITING or view.has_data_at(scene.now):
        return ""
    return f"stale: no data since {time_text(view.data_at) or 'the start'}"


def _members_json(judged: Sequence[JudgedRule], scene: Scene) -> dict[str, Json]:
    return {
        "limit": 0,
        "rules": [_rule_json(one, scene) for one in judged],
        "evaluationTime": max(one.evaluation.seconds for one in judged),
        "lastEvaluation": max(one.evaluation.last for one in judged),
    }


def _rule_json(judged: JudgedRule, scene: Scene) -> dict[str, Json]:
    rule, evaluation = judged.rule, judged.evaluation
    try:
        query = expression(rule)
    # A defect in one rule must not take all others from who asks; it is shown where that rule stands.
    except Exception as defect:  # noqa: BLE001
        query = ""
        evaluation = _with_defect(evaluation, defect)
    return {
        "type": "alerting",
        "name": rule.name,
        "query": query,
        "duration": rule.hold.total_seconds(),
        "keepFiringFor": rule.keep_firing_for.total_seconds(),
        "labels": {**rule.labels, "severity": rule.severity.value},
        "annotations": _annotations(rule),
        "alerts": [alert_json(alert, scene) for alert in judged.alerts],
        "state": _state(judged.alerts),
        "health": evaluation.health,
        "lastError": evaluation.error,
        "evaluationTime": evaluation.seconds,
        "lastEvaluation": evaluation.last,
    }


def _with_defect(evaluation: RuleEvaluation, defect: Exception) -> RuleEvaluation:
    error = f"cannot be shown: {type(defect).__name__}: {defect}"
    if evaluation.error:
        error = f"{evaluation.error}; {error}"
    return replace(evaluation, health="err", error=error)


def _annotations(rule: Rule) -> dict[str, str]:
    """Return the texts of a rule as its author wrote them, placeholders and all; the empty ones are not there."""
    texts = {
        "summary": rule.summary,
        "description": rule.description,
        "runbook": rule.runbook,
        **rule.annotations,
    }
    return {name: text for name, text in texts.items() if text}


def _state(alerts: Sequence[Alert]) -> str:
    if not alerts:
        return "inactive"
    is_firing = any(alert.state is AlertState.FIRING for alert in alerts)
    return "firing" if is_firing else "pending"


def _evaluated_text(at: datetime | None) -> str:
    return time_text(at) or NEVER


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
