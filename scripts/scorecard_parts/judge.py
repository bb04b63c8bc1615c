"""What is to be said of a played incident: caught by what, how soon, how often told; pure."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any

from scripts.scorecard_parts.play import Played, Told, matches

_MINUTE = timedelta(minutes=1)


class Verdict(StrEnum):
    """How an incident was told."""

    CAUSE = "cause first"
    LATE = "cause later"
    SYMPTOM = "symptom only"
    UNTRUE = "untrue"
    NOTED = "information only"
    MISSED = "missed"


CAUGHT = (Verdict.CAUSE, Verdict.LATE, Verdict.SYMPTOM)


@dataclass(frozen=True, slots=True)
class Judged:
    """A line of the table."""

    kind: str
    group: str
    size: float
    seed: int
    began_at: str
    verdict: Verdict
    first: str
    """The alert that called first, and its summary."""
    minutes: float | None
    """From the beginning to the first page."""
    minutes_to_cause: float | None
    pages: int
    all_pages: tuple[str, ...]
    """Each with its minute."""
    others: tuple[str, ...]
    """Pages that are neither the cause nor follow from it."""
    false_resolves: tuple[str, ...]
    before: tuple[str, ...]
    """Pages before it began."""
    failures: tuple[str, ...]

    def document(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return asdict(self)


def judged(played: Played) -> Judged:
    """Judge what was told of an incident."""
    incident = played.incident
    pages = [one for one in played.told if one.is_page]
    causes = [one for one in pages if matches(incident.cause, one.alerts)]
    fitting = (
        f"{incident.cause}|{incident.symptoms}" if incident.symptoms else incident.cause
    )
    others = [one for one in pages if not matches(fitting, one.alerts)]
    return Judged(
        kind=incident.kind,
        group=incident.group,
        size=played.size,
        seed=played.seed,
        began_at=played.began_at.isoformat(),
        verdict=_verdict(played, pages, causes, fitting),
        first=_line(pages[0]) if pages else "",
        minutes=_minutes(played, pages),
        minutes_to_cause=_minutes(played, causes),
        pages=len(pages),
        all_pages=tuple(f"{_minutes(played, [one])} {_line(one)}" for one in pages),
        others=tuple(map(_line, others)),
        false_resolves=tuple(map(_line, _false_resolves(played, fitting))),
        before=tuple(_line(one) for one in played.before if one.is_page),
        failures=played.failures[:3],
    )


def _verdict(
    played: Played, pages: Sequence[Told], causes: Sequence[Told], fitting: str
) -> Verdict:
    if not pages:
        noted = [one for one in played.told if matches(fitting, one.alerts)]
        return Verdict.NOTED if noted else Verdict.MISSED
    if pages[0] in causes:
        return Verdict.CAUSE
    if causes:
        return Verdict.LATE
    if matches(fitting, pages[0].alerts):
        return Verdict.SYMPTOM
    return Verdict.UNTRUE


def _false_resolves(played: Played, fitting: str) -> list[Told]:
    """Return what resolved although the incident went on; what fired before it may resolve."""
    fired = {alert for one in played.told if one.is_firing for alert in one.alerts}
    return [
        one
        for one in played.told
        if not one.is_firing
        and matches(fitting, one.alerts)
        and fired.intersection(one.alerts)
        and not matches(played.incident.ends, one.alerts)
    ]


def _minutes(played: Played, told: Sequence[Told]) -> float | None:
    if not told:
        return None
    return round((told[0].at - played.began_at) / _MINUTE, 1)


def _line(told: Told) -> str:
    more = f" and {len(told.alerts) - 1} more" if len(told.alerts) > 1 else ""
    return f"{told.alerts[0]}{more}: {told.summary}"


@dataclass(frozen=True, slots=True)
class Totals:
    """What all incidents together say."""

    incidents: int
    caught: int
    cause_first: int
    pages: int
    true_pages: int
    false_resolves: int
    median_minutes: float | None

    @property
    def recall(self) -> float:
        """Return the share of the incidents that called somebody, by cause or symptom."""
        return self.caught / self.incidents if self.incidents else 0.0

    @property
    def precision(self) -> float:
        """Return the share of the pages that are the cause or follow from it."""
        return self.true_pages / self.pages if self.pages else 1.0


def totals(lines: Iterable[Judged]) -> Totals:
    """Add up the lines of a table."""
    lines = list(lines)
    minutes = [
        one.minutes
        for one in lines
        if one.minutes is not None and one.verdict in CAUGHT
    ]
    pages = sum(one.pages + len(one.before) for one in lines)
    false_pages = sum(len(one.others) + len(one.before) for one in lines)
    return Totals(
        incidents=len(lines),
        caught=sum(one.verdict in CAUGHT for one in lines),
        cause_first=sum(one.verdict is Verdict.CAUSE for one in lines),
        pages=pages,
        true_pages=pages - false_pages,
        false_resolves=sum(len(one.false_resolves) for one in lines),
        median_minutes=statistics.median(minutes) if minutes else None,
    )
