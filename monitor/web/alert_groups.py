"""Put the alerts of one rule together as a person reads them: one text, one repair, a row for each; pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from monitor.alerting.data_age import confirmed_at, is_current, is_waiting
from monitor.alerting.snapshot import Snapshot
from monitor.alerting.texts import shown_annotations
from monitor.model.alerts import Alert, AlertState
from monitor.model.results import EvidenceRow
from monitor.model.settings import Config, Labels, Severity
from monitor.model.wording import format_number
from monitor.web.headline import (
    OWN_LABELS,
    KnownRule,
    differing_labels,
    shared_labels,
    since_text,
    summary_of,
)
from monitor.web.verdict import Tone
from monitor.web.words import When, until, when, when_known

MAX_GROUP_ROWS = 50
"""More rows of one rule than that nobody reads; the worst are shown."""

_RANK = {Severity.CRITICAL: 0, Severity.WARNING: 1, Severity.INFO: 2}
_STATE_RANK = {AlertState.FIRING: 0, AlertState.PENDING: 1, AlertState.RESOLVED: 2}
_TONES: dict[Severity, Tone] = {
    Severity.CRITICAL: "bad",
    Severity.WARNING: "warn",
    Severity.INFO: "info",
}
_OWN_PREFIX = "TokenMonitor"
Weight = tuple[int, int, bool, float, datetime, Labels]
"""By what alerts of one rule are sorted, the worst first."""


@dataclass(frozen=True, slots=True)
class Texts:
    """What a rule says beyond its summary."""

    description: str
    repair: str
    runbook: str
    """An address, or a name."""


@dataclass(frozen=True, slots=True)
class AlertRow:
    """One label set: how bad, since when, and what data last said of it."""

    anchor: str
    cells: tuple[tuple[str, str], ...]
    """The labels in which it differs from the others of its group."""
    value: str
    state: str
    since: When
    fired: When | None
    at_least: bool
    confirmed: When | None
    is_current: bool
    note: str
    texts: Texts | None
    """Its own, where they are not the group's."""
    evidence: tuple[EvidenceRow, ...]
    is_asked_for: bool


@dataclass(frozen=True, slots=True)
class AlertGroup:
    """The alerts of one rule that stand in one place of the page, the worst first."""

    name: str
    tone: Tone
    severity: str
    state: str
    summary: str
    texts: Texts
    labels: tuple[tuple[str, str], ...]
    """Those that all share."""
    columns: tuple[str, ...]
    rows: tuple[AlertRow, ...]
    left_out: int
    size: int

    @property
    def note(self) -> str:
        """Return the note that all its rows have; empty where they differ."""
        notes = {row.note for row in self.rows}
        return notes.pop() if len(notes) == 1 else ""

    @property
    def is_current(self) -> bool:
        """Return whether any of its alerts is what data says now."""
        return any(row.is_current for row in self.rows)

    @property
    def has_asked_for(self) -> bool:
        """Return whether the alert that the address asks for is here."""
        return any(row.is_asked_for for row in self.rows)


@dataclass(frozen=True, slots=True)
class Scene:
    """What all groups of one page share; `asked` is the fingerprint that the address asks for."""

    snapshot: Snapshot
    now: datetime
    judged_at: datetime
    rules: Mapping[str, KnownRule]
    names: Mapping[str, str]
    """The names of the alerts that others are muted under, by fingerprint."""
    asked: str = ""
    shows_evidence: bool = False
    runbooks_url: str = ""
    """Where the monitor serves its runbooks to the world, with a slash at the end."""


def known_rules(snapshot: Snapshot, config: Config | None) -> dict[str, KnownRule]:
    """List the rules by name, each as the first of its targets has it."""
    known: dict[str, KnownRule] = {}
    if config is not None:
        known.update((rule.name, KnownRule(rule)) for rule in config.own_rules)
    for view in snapshot.queries.values():
        for rule in view.job.query.rules:
            known.setdefault(rule.name, KnownRule(rule, view.job.query.parameters))
    return known


def by_rule(
    alerts: Iterable[Alert], rules: Mapping[str, KnownRule]
) -> list[list[Alert]]:
    """Put alerts of one rule together; worst group first, and in each the worst alert first.

    Of the same severity what is wrong with the database comes before what is wrong with the monitor.
    """
    groups: dict[str, list[Alert]] = {}
    for alert in alerts:
        groups.setdefault(alert.name, []).append(alert)
    ordered = [
        sorted(group, key=_weight(rules.get(name))) for name, group in groups.items()
    ]
    return sorted(ordered, key=lambda group: _group_weight(group))


def group_of(alerts: Sequence[Alert], scene: Scene) -> AlertGroup:
    """Describe alerts of one rule, the worst first."""
    first = alerts[0]
    differing = differing_labels(alerts)
    shown = list(alerts[:MAX_GROUP_ROWS])
    shown += [
        alert
        for alert in alerts[MAX_GROUP_ROWS:]
        if scene.asked and alert.fingerprint == scene.asked
    ]
    oldest = min(alerts, key=lambda alert: alert.active_at)
    texts = _texts(first, oldest, scene)
    is_over = first.state is AlertState.RESOLVED
    summary = summary_of(alerts, scene.rules.get(first.name))
    return AlertGroup(
        name=first.name,
        tone="ok" if is_over else _TONES[first.severity],
        severity=first.severity.value,
        state=first.state.value,
        summary=_over(summary) if is_over and len(alerts) > 1 else summary,
        texts=texts,
        labels=tuple(
            pair
            for pair in shared_labels(first, differing)
            if pair[0] not in OWN_LABELS
        ),
        columns=tuple(differing),
        rows=tuple(
            _row(alert, tuple(differing), texts, oldest, scene) for alert in shown
        ),
        left_out=len(alerts) - len(shown),
        size=len(alerts),
    )


def _over(summary: str) -> str:
    """Say of a group that it is over, where the words of one alert do not say so themselves."""
    return summary if summary.startswith("Over ") else f"Over: {summary}"


def _weight(known: KnownRule | None) -> Callable[[Alert], Weight]:
    ascends = known is not None and known.rule.condition.is_lower_worse

    def weigh(alert: Alert) -> Weight:
        value = alert.value if ascends else -alert.value
        return (
            _STATE_RANK[alert.state],
            _RANK[alert.severity],
            alert.held,
            value,
            alert.active_at,
            alert.labels,
        )

    return weigh


def _group_weight(group: Sequence[Alert]) -> tuple[int, int, bool, datetime, str]:
    first = group[0]
    return (
        _STATE_RANK[first.state],
        _RANK[first.severity],
        first.name.startswith(_OWN_PREFIX),
        min(alert.active_at for alert in group),
        first.name,
    )


def _texts(alert: Alert, oldest: Alert, scene: Scene) -> Texts:
    """Return an alert's texts, with the group's instant in place of its own, which is no difference."""
    if alert.state is AlertState.RESOLVED:
        # What to do is over too: a repair that is pasted now would give again what was honestly spent.
        return Texts("", "", "")
    texts = shown_annotations(alert)
    return Texts(
        description=texts.get("description", "").replace(
            since_text(alert), since_text(oldest)
        ),
        repair=texts.get("repair", "").strip(),
        # Of our own by its name: the page may be read where its public address cannot be reached.
        runbook=texts.get("runbook_url", texts.get("runbook", "")).removeprefix(
            scene.runbooks_url
        ),
    )


def _row(
    alert: Alert, columns: tuple[str, ...], of_group: Texts, oldest: Alert, scene: Scene
) -> AlertRow:
    labels = dict(alert.labels)
    texts = _texts(alert, oldest, scene)
    confirmed = confirmed_at(alert, scene.snapshot, scene.judged_at)
    is_over = alert.state is AlertState.RESOLVED
    since = alert.resolved_at if is_over and alert.resolved_at else alert.active_at
    fired_at = alert.fired_at if alert.state is AlertState.FIRING else None
    return AlertRow(
        anchor=f"alert-{alert.fingerprint}",
        cells=tuple((name, labels.get(name, "")) for name in columns),
        value=format_number(alert.value),
        state=alert.state.value,
        since=when(since, scene.now),
        fired=when_known(fired_at, scene.now),
        at_least=alert.since_at_least and not is_over,
        confirmed=when_known(confirmed, scene.now),
        is_current=is_current(alert, scene.snapshot, scene.now),
        note=_note(alert, scene),
        texts=texts if texts != of_group else None,
        evidence=alert.evidence if scene.shows_evidence else (),
        is_asked_for=alert.fingerprint == scene.asked,
    )


def without_anchor(group: AlertGroup, taken: set[str]) -> AlertGroup:
    """Take away anchors that stand above already: what resolved may be pending again."""
    rows = tuple(
        replace(row, anchor="") if row.anchor in taken else row for row in group.rows
    )
    taken.update(row.anchor for row in rows)
    return replace(group, rows=rows)


def _note(alert: Alert, scene: Scene) -> str:
    if alert.muted_by is not None:
        root = scene.names.get(alert.muted_by, "its root alert")
        return f"muted under {root}: no data until that is mended"
    if is_waiting(alert, scene.snapshot, scene.now):
        next_run_at = scene.snapshot.queries[
            alert.scope.target, alert.scope.subject
        ].next_run_at
        soon = f" {until(next_run_at, scene.now).text}" if next_run_at else ""
        return f"held: is_waiting for its next run{soon}, and stays as it was"
    if alert.held:
        return "held: no data now, so it stays as it was"
    return alert.resolve_reason.replace("_", " ")
