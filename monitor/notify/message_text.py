"""What people read of alerts, whatever shows it; between notifications and senders; pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from urllib.parse import quote, urlsplit

from monitor.alerting.texts import shown_annotations
from monitor.model.alerts import Alert, AlertState, Notification
from monitor.model.results import EvidenceRow
from monitor.model.settings import Severity
from monitor.model.wording import format_number, readable, shortened, utc_second
from monitor.notify.payload import annotations_of, generator_url
from monitor.timing.durations import format_seconds

_TOLD_ELSEWHERE: Final = frozenset(
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


_SEVERITIES: Final = (Severity.CRITICAL, Severity.WARNING, Severity.INFO)
_MOST_OF_AN_ADDRESS: Final = 2000
_MOST_OF_A_NAME: Final = 200


@dataclass(frozen=True, slots=True)
class Story:
    """One alert as text for people: what, how bad, since when, for how long, and where to read on."""

    summary: str
    course: str
    severity: str
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
            yield ", ".join(
                f"{name} {'NULL' if cell is None else cell}"
                for name, cell in row.items()
            )


def story(
    alert: Alert, notification: Notification, external_url: str, *, most: int
) -> Story:
    """Put an alert into words, no text of it longer than `most`."""

    def clean(text: str) -> str:
        return plain(shortened(text, most))

    given = annotations_of(replace(alert, evidence=()))
    annotations = {clean(name): clean(text) for name, text in given.items()}
    return Story(
        summary=one_line(annotations.get("summary", "")) or one_line(alert.name),
        course=_course(alert, notification),
        severity=str(alert.severity),
        description=annotations.get("description", ""),
        value=format_number(alert.value),
        labels=tuple(
            (clean(name), clean(value))
            for name, value in alert.labels
            if name != "alertname"
        ),
        notes=tuple(
            (name, text)
            for name, text in annotations.items()
            if name not in _TOLD_ELSEWHERE
        ),
        evidence=tuple(
            {
                clean(name): clean(cell) if isinstance(cell, str) else cell
                for name, cell in row.items()
            }
            for row in alert.evidence
        ),
        links=tuple(_links(alert, external_url)),
        is_firing=alert.state is AlertState.FIRING,
    )


def title(notification: Notification) -> str:
    """Say in one line how bad it is, what, and where: `[critical] TokenColumnMissing main: The column …`.

    The first words are what a phone shows of it. Of several alerts the worst speaks: `(3)`.
    """
    ordered = sorted(notification.alerts, key=_worst_first)
    group = notification.group
    names = [
        one_line(shortened(group.get(key, ""), _MOST_OF_A_NAME))
        for key in ("alertname", "target")
    ]
    alike = [alert for alert in ordered if alert.state is ordered[0].state]
    number = f"({len(alike)})" if len(alike) > 1 else ""
    heading = " ".join(
        filter(None, (f"[{_state(notification, ordered)}]", *names, number))
    )
    summary = (
        one_line(shown_annotations(ordered[0]).get("summary", "")) if ordered else ""
    )
    return f"{heading}: {summary}" if summary else heading


def is_code(text: str) -> bool:
    """Return whether a note is to be copied as it stands, such as the SQL of a repair."""
    return "\n" in text.strip()


def _worst_first(alert: Alert) -> tuple[bool, int]:
    return alert.state is not AlertState.FIRING, _SEVERITIES.index(alert.severity)


def _state(notification: Notification, ordered: Sequence[Alert]) -> str:
    if not ordered or ordered[0].state is not AlertState.FIRING:
        return "resolved"
    still = ", still firing" if notification.is_repeat else ""
    return f"{ordered[0].severity}{still}"


def plain(text: str) -> str:
    """Replace what no text for people holds: control characters, and what UTF-8 cannot carry."""
    if text.isprintable() and text.isascii():
        return text
    text = readable(text)
    return "".join(
        c if c.isprintable() or c in "\n\t" else " " for c in text.replace("\r\n", "\n")
    )


def one_line(text: str) -> str:
    """Make one line of a text."""
    return " ".join(plain(text).split())


def web_address(text: str) -> str:
    """Give an address that can stand in a link, or nothing where a text is none."""
    try:
        is_web = len(text) <= _MOST_OF_AN_ADDRESS and urlsplit(text).scheme in (
            "http",
            "https",
        )
    except ValueError:
        return ""
    return quote(text, safe=":/?#[]@!$&'()*+,;=%~", errors="replace") if is_web else ""


def joined(pairs: Iterable[tuple[str, str]], separator: str) -> str:
    """Write names and values in one text."""
    return separator.join(f"{name}={value}" for name, value in pairs)


def instant(at: datetime | None) -> str:
    """Write an instant for people."""
    return "unknown" if at is None else utc_second(at)


def _course(alert: Alert, notification: Notification) -> str:
    if alert.fired_for is not None:
        reason = (
            f" ({alert.resolve_reason.replace('_', ' ')})"
            if alert.resolve_reason
            else ""
        )
        return f"resolved after {format_seconds(alert.fired_for)}{reason}"
    at_least = "at least " if alert.since_at_least else ""
    if notification.is_repeat and alert.fired_at is not None:
        for_how_long = format_seconds(notification.created_at - alert.fired_at)
        return f"still firing after {at_least}{for_how_long}"
    return f"firing, since {at_least}{instant(alert.active_at)}"


def _links(alert: Alert, external_url: str) -> Iterator[tuple[str, str]]:
    runbook = dict(alert.annotations).get("runbook_url", "")
    for text, address in (
        ("Alert", generator_url(alert, external_url)),
        ("Runbook", runbook),
    ):
        if address := web_address(address):
            yield text, address
