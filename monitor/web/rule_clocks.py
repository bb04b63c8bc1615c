"""Describe the rules of one query on one target, each with its clock: ok, pending since, firing since; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from monitor.alerting.query_view import QueryView
from monitor.model.alerts import Alert
from monitor.model.results import Sample
from monitor.model.rule_words import condition_words
from monitor.model.rules import Rule
from monitor.model.wording import format_number
from monitor.web.alert_groups import tone_of
from monitor.web.verdict import Tone
from monitor.web.views import Scene
from monitor.web.words import When, until, when

MAX_CLOCK_ALERTS = 20
"""Of one rule on one target; its alerts are on the first page too."""


@dataclass(frozen=True, slots=True)
class AlertClock:
    """One alert of a rule: since when it is pending or fires, and how bad it is."""

    fingerprint: str
    labels: str
    tone: Tone
    state: str
    since: When
    fires: When | None
    """Of one that is pending: when it fires, if it is still found then."""
    value: str


@dataclass(frozen=True, slots=True)
class RuleClock:
    """One rule: what it judges, what it finds now, since when."""

    name: str
    tone: Tone
    state: str
    condition: str
    value: str
    """Of what it judges, the value that is nearest to a finding; empty where there is none."""
    alerts: tuple[AlertClock, ...]
    left_out: int


def rule_clocks(view: QueryView, scene: Scene) -> tuple[RuleClock, ...]:
    """Describe each rule of a query on a target, in the order of its file."""
    alerts = _active_of(view, scene)
    return tuple(
        _clock(rule, view, alerts.get(rule.name, ()), scene)
        for rule in view.job.query.rules
    )


def _active_of(view: QueryView, scene: Scene) -> Mapping[str, list[Alert]]:
    """Return the alerts of a query on a target that are not over, by the names of their rules."""
    target, query = view.job.key
    found: dict[str, list[Alert]] = {}
    for alert in scene.snapshot.alerts:
        is_own = alert.scope.target == target and alert.scope.subject == query
        if is_own and not alert.is_over():
            found.setdefault(alert.name, []).append(alert)
    return found


def _clock(
    rule: Rule, view: QueryView, alerts: Sequence[Alert], scene: Scene
) -> RuleClock:
    # Those that fire first.
    ordered = sorted(alerts, key=Alert.is_pending)
    tone, state = _state(rule, view, ordered, scene)
    return RuleClock(
        name=rule.name,
        tone=tone,
        state=state,
        condition=condition_words(rule),
        value=_nearest(rule, view.samples_at(scene.now)),
        alerts=tuple(
            _alert_clock(alert, rule, scene) for alert in ordered[:MAX_CLOCK_ALERTS]
        ),
        left_out=max(0, len(ordered) - MAX_CLOCK_ALERTS),
    )


def _state(
    rule: Rule, view: QueryView, ordered: Sequence[Alert], scene: Scene
) -> tuple[Tone, str]:
    """Return colour and word: of its alerts the loudest first, without any how far it can tell."""
    if ordered:
        worst = ordered[0]
        held = ", held" if worst.held else ""
        return tone_of(worst), f"{worst.state.value}{held}"
    if rule.is_closed_at(scene.now):
        return "wait", "outside its hours"
    if not view.has_data_at(scene.now):
        return "wait", "no data"
    return "ok", "ok"


def _alert_clock(alert: Alert, rule: Rule, scene: Scene) -> AlertClock:
    return AlertClock(
        fingerprint=alert.fingerprint,
        labels=own_labels_text(alert),
        tone=tone_of(alert),
        state=alert.state.value,
        since=when(alert.fired_at or alert.active_at, scene.now),
        fires=_fires(alert, rule, scene),
        value=format_number(alert.value),
    )


def own_labels_text(alert: Alert) -> str:
    """Write the labels in which an alert differs from others of its rule and target."""
    labels = dict(alert.labels)
    for name in ("alertname", "severity", "target"):
        labels.pop(name, None)
    return ", ".join(f"{name}: {value}" for name, value in labels.items())


def _fires(alert: Alert, rule: Rule, scene: Scene) -> When | None:
    """Return when an alert fires, if it is still found then; None of one that does, or has no data."""
    if not alert.is_pending() or alert.held:
        return None
    return until(alert.active_at + rule.hold, scene.now)


def _nearest(rule: Rule, samples: Sequence[Sample]) -> str:
    """Return the value that is nearest to a finding, of a rule that judges values; empty of any other."""
    if rule.detector is not None:
        return ""
    worst: float | None = None
    for sample in samples:
        if sample.metric == rule.metric and rule.selects(sample.labels):
            worst = rule.condition.worst(worst, sample.value)
    return "" if worst is None else format_number(worst)
