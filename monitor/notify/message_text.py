"""What people read of alerts, whatever shows it; between notifications and senders; pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from monitor.alerting.severity import rank
from monitor.alerting.shown import shown_annotations
from monitor.model.alerts import Alert, AlertState, Notification
from monitor.model.results import EvidenceRow
from monitor.model.settings import Severity
from monitor.model.wording import format_number, shortened, utc_second
from monitor.notify.payload import annotations_of, generator_url
from monitor.notify.plain_text import one_line, plain, web_address
from monitor.timing.durations import format_seconds

# Annotations that have a place of their own in a message.
_NOT_NOTES: Final = frozenset(
    {
        "summary",
        "description",
        "evidence",
        "runbook_url",
        "fired_for",
        "firing_for",
        "resolve_reason",
    }
)
_MAX_NAME: Final = 200


@dataclass(frozen=True, slots=True)
class AlertText:
    """One alert as text for people: what, how bad, since when, for how long, and where to read on.

    All texts are plain: without control characters, and what is one line is one. Escaping for HTML or
    for a chat is up to who shows them.
    """

    summary: str
    status_line: str
    """Firing since when, or resolved after how long."""
    severity: Severity
    description: str
    value: str
    labels: tuple[tuple[str, str], ...]
    notes: tuple[tuple[str, str], ...]
    """The other annotations."""
    evidence: tuple[EvidenceRow, ...]
    links: tuple[tuple[str, str], ...]
    """Texts and addresses."""
    is_firing: bool

    @property
    def evidence_lines(self) -> Iterator[str]:
        """Write each row of the evidence."""
        for row in self.evidence:
            yield ", ".join(f"{name} {cell_text(cell)}" for name, cell in row.items())


def alert_text(
    alert: Alert, notification: Notification, external_url: str, *, max_length: int
) -> AlertText:
    """Put an alert of a notification into words, no text of it longer than `max_length`."""

    def clean(text: str) -> str:
        return plain(shortened(text, max_length))

    def clean_row(row: EvidenceRow) -> EvidenceRow:
        return {
            clean(name): clean(cell) if isinstance(cell, str) else cell
            for name, cell in row.items()
        }

    annotations = {
        clean(name): clean(text)
        for name, text in annotations_of(replace(alert, evidence=())).items()
    }
    labels = dict(alert.labels)
    labels.pop("alertname", None)
    return AlertText(
        summary=one_line(annotations.get("summary", "")) or one_line(alert.name),
        status_line=_status_line(alert, notification),
        severity=alert.severity,
        description=annotations.get("description", ""),
        value=format_number(alert.value),
        labels=tuple((clean(name), clean(value)) for name, value in labels.items()),
        notes=tuple(
            (name, text) for name, text in annotations.items() if name not in _NOT_NOTES
        ),
        evidence=tuple(clean_row(row) for row in alert.evidence),
        links=_links(alert, external_url),
        is_firing=alert.state is AlertState.FIRING,
    )


def title(notification: Notification) -> str:
    """Write in one line how bad it is, what, and where: `[critical] TokenColumnMissing main: The column …`.

    The first words are what a phone shows of it. Of several alerts the worst speaks: `(3)`.
    """
    about = []
    for key in ("alertname", "target"):
        name = shortened(notification.group.get(key, ""), _MAX_NAME)
        about.append(one_line(name))
    if not notification.alerts:
        return _joined_words("[resolved]", *about)
    worst = max(notification.alerts, key=_badness)
    alike = [alert for alert in notification.alerts if alert.state is worst.state]
    count = f"({len(alike)})" if len(alike) > 1 else ""
    heading = _joined_words(f"[{_state(worst, notification)}]", *about, count)
    summary = one_line(shown_annotations(worst).get("summary", ""))
    return f"{heading}: {summary}" if summary else heading


def worst_first(notification: Notification) -> list[Alert]:
    """Return its alerts: what fires first, and the worst of it foremost. Who shows some of them shows these."""
    return sorted(notification.alerts, key=_badness, reverse=True)


def _joined_words(*words: str) -> str:
    return " ".join(word for word in words if word)


def _badness(alert: Alert) -> tuple[bool, int]:
    return alert.state is AlertState.FIRING, rank(alert.severity)


def _state(worst: Alert, notification: Notification) -> str:
    if worst.state is not AlertState.FIRING:
        return "resolved"
    if notification.is_repeat:
        return f"{worst.severity}, still firing"
    return str(worst.severity)


def _status_line(alert: Alert, notification: Notification) -> str:
    if alert.fired_for is not None:
        line = f"resolved after {format_seconds(alert.fired_for)}"
        if alert.resolve_reason:
            line += f" ({alert.resolve_reason.replace('_', ' ')})"
        return line
    # After a start without a state nobody knows how much longer it has been so.
    at_least = "at least " if alert.since_at_least else ""
    if notification.is_repeat and alert.fired_at is not None:
        duration = format_seconds(notification.created_at - alert.fired_at)
        return f"still firing after {at_least}{duration}"
    return f"firing, since {at_least}{utc_second(alert.active_at)}"


def _links(alert: Alert, external_url: str) -> tuple[tuple[str, str], ...]:
    """Return the addresses of the alert's page and of its runbook, those that it has."""
    page = web_address(generator_url(alert, external_url))
    runbook = web_address(dict(alert.annotations).get("runbook_url", ""))
    named = (("Alert", page), ("Runbook", runbook))
    return tuple((text, address) for text, address in named if address)


def cell_text(cell: object) -> str:
    """Write a cell of the evidence as people read it."""
    return "NULL" if cell is None else str(cell)
