"""Describe one alert for its page: as it is or last was, what it did, who was notified of it; pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from monitor.model.alerts import Alert, Transition
from monitor.model.rule_words import firing_words
from monitor.model.settings import Rule
from monitor.model.silences import may_be_silenced
from monitor.storage import DeliveryAttempt
from monitor.web.alert_groups import AlertGroup, PageContext, group_of
from monitor.web.alert_sections import with_consequences
from monitor.web.headline import headline
from monitor.web.history_rows import (
    PastChange,
    PastDelivery,
    past_change,
    past_delivery,
)
from monitor.web.plots import Plot
from monitor.web.trend_plots import RANGES, PlotSource, TimeRange, alert_plot
from monitor.web.views import Scene
from monitor.web.words import When, when

MAX_CHANGES = 200
MAX_DELIVERIES = 100


@dataclass(frozen=True, slots=True)
class NotifiedReceiver:
    """A receiver that was notified of an alert, and when last."""

    receiver: str
    at: When


@dataclass(frozen=True, slots=True)
class AlertPast:
    """What the state has of one alert, the newest first."""

    transitions: Sequence[Transition]
    deliveries: Sequence[DeliveryAttempt]
    source: PlotSource
    """Of the alert's target."""


@dataclass(frozen=True, slots=True)
class AlertPage:
    """One alert."""

    now: datetime
    headline: str
    group: AlertGroup
    """The alert as it stands on the first page."""
    fingerprint: str
    cause: str
    """The fingerprint of the alert under which it is muted, and its name; empty where there is none."""
    cause_name: str
    query: str
    """The query that found it; empty of one about the monitor itself."""
    target: str
    condition: str
    """When its rule fires, as a sentence goes on behind "fires"."""
    """Empty where its rule is gone."""
    changes: tuple[PastChange, ...]
    deliveries: tuple[PastDelivery, ...]
    notified: tuple[NotifiedReceiver, ...]
    plot: Plot | None
    range: TimeRange
    may_write: bool
    """Who looks has given a password, and may silence it and acknowledge it."""
    may_be_silenced: bool
    may_be_acknowledged: bool
    is_acknowledged: bool
    ranges: tuple[TimeRange, ...] = RANGES


def alert_page_of(alert: Alert, past: AlertPast, context: PageContext) -> AlertPage:
    """Describe an alert as it is, or as it was when it last changed."""
    scene = context.scene
    known = context.rules.get(alert.name)
    cause = alert.muted_by or ""
    cause_name = context.roots.get(cause, "")
    return AlertPage(
        now=scene.now,
        headline=_headline(alert, context),
        group=_group(alert, context),
        fingerprint=alert.fingerprint,
        cause=cause if cause_name else "",
        cause_name=cause_name,
        query=alert.scope.subject if _is_of_query(alert, scene) else "",
        target=alert.scope.target
        if alert.scope.target in scene.snapshot.targets
        else "",
        condition="" if known is None else _condition(known.rule),
        changes=tuple(past_change(one, scene.now) for one in past.transitions),
        deliveries=tuple(past_delivery(one, scene.now) for one in past.deliveries),
        notified=tuple(_notified(alert, scene.now)),
        plot=_plot(alert, past.source, context),
        range=past.source.range,
        may_write=scene.shows_evidence,
        may_be_silenced=may_be_silenced(alert.name) and not alert.is_over(),
        may_be_acknowledged=alert.is_firing() and alert.may_be_acknowledged(),
        is_acknowledged=alert.acknowledged is not None,
    )


def _group(alert: Alert, context: PageContext) -> AlertGroup:
    """Describe the alert, and what is muted under it now."""
    group = group_of([alert], context)
    if alert.is_over():
        return group
    found = [
        one
        for one in context.scene.snapshot.alerts
        if one.muted_by == alert.fingerprint and not one.is_over()
    ]
    return with_consequences(group, found, context, {alert.fingerprint})


def newest_of(
    fingerprint: str, scene: Scene, transitions: Sequence[Transition]
) -> Alert | None:
    """Return the alert with a fingerprint as it is, or as it was when it last changed; None: nobody knows it."""
    for alert in scene.snapshot.alerts:
        if alert.fingerprint == fingerprint:
            return alert
    return transitions[0].alert if transitions else None


def _headline(alert: Alert, context: PageContext) -> str:
    group = group_of([alert], context)
    if alert.is_over():
        return group.summary
    return headline([alert], context.rules.get(alert.name), context.scene.now)


def _is_of_query(alert: Alert, scene: Scene) -> bool:
    return (alert.scope.target, alert.scope.subject) in scene.snapshot.queries


def _plot(alert: Alert, source: PlotSource, context: PageContext) -> Plot | None:
    """Draw the value that the alert is about; None of one about the monitor itself, or where its rule is gone."""
    view = context.scene.snapshot.query_of(alert)
    if view is None:
        return None
    rule = next(rule for rule in view.job.query.rules if rule.name == alert.name)
    return alert_plot(alert, rule, view, source, context.scene)


def _condition(rule: Rule) -> str:
    hours = rule.active_words
    return f"{firing_words(rule)}, {hours}" if hours else firing_words(rule)


def _notified(alert: Alert, now: datetime) -> Iterator[NotifiedReceiver]:
    for receiver, at in alert.notified:
        yield NotifiedReceiver(receiver, when(at, now))
