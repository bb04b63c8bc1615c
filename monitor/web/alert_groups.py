"""Put the alerts of one rule together as a person reads them: one text, one repair, a row for each; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from monitor.alerting.shown import (
    AFFECTED,
    DEPLOYMENT,
    confirmed_at,
    is_current,
    is_waiting,
    opens_at,
    shown_annotations,
)
from monitor.alerting.snapshot import Snapshot
from monitor.model.alerts import Alert, AlertState
from monitor.model.results import EvidenceRow
from monitor.model.settings import Config, Severity
from monitor.model.wording import format_number, utc_minute
from monitor.web.headline import (
    OWN_LABELS,
    KnownRule,
    differing_labels,
    shared_labels,
    since_text,
    summary_of,
)
from monitor.web.verdict import Tone
from monitor.web.views import Scene
from monitor.web.words import When, clock_text, until, when, when_known

MAX_GROUP_ROWS = 50
"""More rows of one rule than that nobody reads; the worst are shown."""
OPEN_ROWS: Final = 5
"""So many rows of a group are seen at once, the worst; the others when they are asked for."""
_LEAST_FOLDED: Final = 4
"""Fewer than that take no more room than to say that there are more."""
_MAX_NAMED: Final = 3
SEVERITY_TONES: Final[Mapping[Severity, Tone]] = {
    Severity.CRITICAL: "bad",
    Severity.WARNING: "warn",
    Severity.INFO: "info",
}


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

    fingerprint: str
    anchor: str
    cells: tuple[tuple[str, str], ...]
    """The labels in which it differs from the others of its group."""
    value: str
    state: str
    since: When
    began_text: str
    """The same by the clock, to be compared with what else happened then."""
    fired: When | None
    at_least: bool
    confirmed: When | None
    is_current: bool
    note: str
    declared: str
    """What people said of it: that it is silenced, that somebody knows."""
    texts: Texts | None
    """Its own, where they are not the group's."""
    evidence: tuple[EvidenceRow, ...]
    is_asked_for: bool

    @property
    def name_of_its_own(self) -> str:
        """Return what it is called beside the others of its group; empty where nothing tells it from them."""
        return ", ".join(value for _, value in self.cells if value)


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
    declared: str = ""
    """What people said of all its alerts; empty where they did not, or of each something else."""
    consequences: tuple[AlertGroup, ...] = ()
    """What is muted under its alerts, by rule."""
    consequences_title: str = ""
    consequences_left_out: int = 0
    """So many more alerts are, of rules that are not among these."""

    @property
    def consequence_count(self) -> int:
        """Return how many alerts are muted under its own."""
        listed = sum(one.size for one in self.consequences)
        return listed + self.consequences_left_out

    @property
    def row_count(self) -> int:
        """Return how many alerts have a row or a line in it."""
        return len(self.rows) + sum(len(one.rows) for one in self.consequences)

    @property
    def open_rows(self) -> tuple[AlertRow, ...]:
        """Return the rows that are seen at once."""
        is_folded = len(self.rows) >= OPEN_ROWS + _LEAST_FOLDED
        return self.rows[:OPEN_ROWS] if is_folded else self.rows

    @property
    def folded_rows(self) -> tuple[AlertRow, ...]:
        """Return the rows that are seen when they are asked for."""
        return self.rows[len(self.open_rows) :]

    @property
    def folded_words(self) -> str:
        """Return how many alerts are not seen at once, and what the first of them are called."""
        names = [row.name_of_its_own for row in self.folded_rows[:_MAX_NAMED]]
        return f"{self.size - len(self.open_rows)} more: {', '.join(names)} …"

    @property
    def repaired_alone(self) -> str:
        """Return which alert the group's repair is of, where others have their own; empty where all have it."""
        others = [row.texts.repair for row in self.rows if row.texts is not None]
        return self.rows[0].name_of_its_own if any(others) else ""

    @property
    def severity_tone(self) -> Tone:
        """Return the colour of its severity, which is nothing to be pleased with once it is over."""
        return "wait" if self.tone == "ok" else self.tone

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

    @property
    def shows_asked_for(self) -> bool:
        """Return whether it is here, or among what follows."""
        below = any(one.has_asked_for for one in self.consequences)
        return below or self.has_asked_for


@dataclass(frozen=True, slots=True)
class PageContext:
    """What all groups of one page share; `asked` is the fingerprint that the address asks for."""

    scene: Scene
    rules: Mapping[str, KnownRule] = field(default_factory=dict)
    roots: Mapping[str, str] = field(default_factory=dict)
    """The names of the alerts that others are muted under, by fingerprint."""
    asked: str = ""
    runbooks_url: str = ""
    """Where the monitor serves its runbooks to its readers, with a slash at the end."""


def known_rules(snapshot: Snapshot, config: Config | None) -> dict[str, KnownRule]:
    """Return the rules by name, each as the first of its targets has it."""
    known: dict[str, KnownRule] = {}
    if config is not None:
        known.update((rule.name, KnownRule(rule)) for rule in config.own_rules)
    for view in snapshot.queries.values():
        for rule in view.job.query.rules:
            known.setdefault(rule.name, KnownRule(rule, view.job.query.parameters))
    return known


def group_of(
    alerts: Sequence[Alert], context: PageContext, *, max_rows: int = MAX_GROUP_ROWS
) -> AlertGroup:
    """Describe the alerts of one rule; `alerts` has the worst first, and at least one."""
    worst = alerts[0]
    differing = differing_labels(alerts)
    oldest = min(alerts, key=lambda alert: alert.active_at)
    texts = _texts(worst, oldest, context)
    shown = _shown(alerts, context.asked, min(max_rows, MAX_GROUP_ROWS))
    rows = [_row(alert, tuple(differing), oldest, context) for alert in shown]
    shared = shared_labels(worst, differing)
    return AlertGroup(
        name=worst.name,
        tone=tone_of(worst),
        severity=worst.severity.value,
        state=worst.state.value,
        summary=_summary(alerts, context.rules.get(worst.name)),
        texts=texts,
        labels=tuple(pair for pair in shared if pair[0] not in OWN_LABELS),
        columns=tuple(differing),
        rows=tuple(_without_texts_of(texts, row) for row in rows),
        left_out=len(alerts) - len(shown),
        size=len(alerts),
        declared=_declared_of_all(alerts),
    )


def _declared_of_all(alerts: Iterable[Alert]) -> str:
    said = {_declared(alert) for alert in alerts}
    return said.pop() if len(said) == 1 else ""


def _declared(alert: Alert) -> str:
    return "; ".join(alert.declared_words)


def without_anchor(group: AlertGroup, anchors: set[str]) -> AlertGroup:
    """Remove anchors that are on the page already: what resolved may be pending again.

    `anchors` are those of the page so far, and get those of the group.
    """
    rows = tuple(
        replace(row, anchor="") if row.anchor in anchors else row for row in group.rows
    )
    anchors.update(row.anchor for row in rows)
    return replace(group, rows=rows)


def tone_of(worst: Alert) -> Tone:
    """Return the colour of an alert: of its severity, and of one that is over that of all is well."""
    if worst.state is AlertState.RESOLVED:
        return "ok"
    return SEVERITY_TONES[worst.severity]


def _summary(alerts: Sequence[Alert], known: KnownRule | None) -> str:
    summary = summary_of(alerts, known)
    is_over = alerts[0].state is AlertState.RESOLVED
    # One alert that is over says so itself; the words of several were written for as long as they fire.
    if len(alerts) == 1 or not is_over or summary.startswith("Over "):
        return summary
    return f"Over: {summary}"


def _shown(alerts: Sequence[Alert], asked: str, count: int) -> list[Alert]:
    """Return the worst, and the one that the address asks for wherever it comes."""
    worst, others = alerts[:count], alerts[count:]
    return [*worst, *(alert for alert in others if alert.fingerprint == asked)]


def _texts(alert: Alert, oldest: Alert, context: PageContext) -> Texts:
    """Return an alert's texts, with the group's instant in place of its own, which is not a difference."""
    if alert.state is AlertState.RESOLVED:
        # What to do is over too: a repair that is pasted now would give again what was honestly spent.
        return Texts("", "", "")
    texts = shown_annotations(alert)
    description = texts.get("description", "")
    runbook = texts.get("runbook_url", texts.get("runbook", ""))
    return Texts(
        description=description.replace(since_text(alert), since_text(oldest)),
        repair=texts.get("repair", "").strip(),
        # Of our own by its name: the page may be read where its public address cannot be reached.
        runbook=runbook.removeprefix(context.runbooks_url),
    )


def _row(
    alert: Alert, columns: tuple[str, ...], oldest: Alert, context: PageContext
) -> AlertRow:
    scene = context.scene
    labels = dict(alert.labels)
    is_over = alert.state is AlertState.RESOLVED
    began_at = alert.active_at
    ended_at = alert.resolved_at if is_over else None
    fired_at = alert.fired_at if alert.state is AlertState.FIRING else None
    confirmed = confirmed_at(alert, scene.snapshot, scene.evaluated_at)
    return AlertRow(
        fingerprint=alert.fingerprint,
        anchor=f"alert-{alert.fingerprint}",
        cells=tuple((name, labels.get(name, "")) for name in columns),
        value=format_number(alert.value),
        state=alert.state.value,
        since=when(ended_at or began_at, scene.now),
        began_text=clock_text(ended_at or began_at, scene.now),
        fired=when_known(fired_at, scene.now),
        at_least=alert.since_at_least and not is_over,
        confirmed=when_known(confirmed, scene.now),
        is_current=is_current(alert, scene.snapshot, scene.now),
        note=_state_note(alert, context),
        declared=_declared(alert),
        texts=_texts(alert, oldest, context),
        evidence=alert.evidence if scene.shows_evidence else (),
        is_asked_for=alert.fingerprint == context.asked,
    )


def _without_texts_of(group: Texts, row: AlertRow) -> AlertRow:
    """Leave out a row's texts where the group says the same."""
    return replace(row, texts=None) if row.texts == group else row


def _state_note(alert: Alert, context: PageContext) -> str:
    """Return why an alert stays as it was, what became of whom it found, or why it resolved other than by data."""
    if alert.muted_by is not None:
        root = context.roots.get(alert.muted_by, "its root alert")
        if alert.cause:
            return f"muted under {root}, which explains it"
        return f"muted under {root}: no data while that is active"
    opens = opens_at(alert, context.scene.snapshot, context.scene.now)
    if opens is not None:
        return f"held: outside its hours until {utc_minute(opens)}"
    if is_waiting(alert, context.scene.snapshot, context.scene.now):
        return f"held: waits for its next run{_soon(alert, context.scene)}, and stays as it was"
    if alert.held:
        return "held: no data now, so it stays as it was"
    annotations = shown_annotations(alert)
    # What it explains is listed under it.
    notes = [annotations.get(DEPLOYMENT, ""), annotations.get(AFFECTED, "")]
    return "; ".join(filter(None, notes)) or alert.resolve_reason.replace("_", " ")


def _soon(alert: Alert, scene: Scene) -> str:
    view = scene.snapshot.queries[alert.scope.target, alert.scope.subject]
    if view.next_run_at is None:
        return ""
    return f" {until(view.next_run_at, scene.now).text}"
