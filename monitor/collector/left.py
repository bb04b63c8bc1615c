"""Look up who was repaired of those that a rule found earlier and finds no more; in a run, after its samples."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from monitor.alerting.affected import Members
from monitor.alerting.evaluate import matching
from monitor.collector.fetching import MIN_TRY_SECONDS, fetch
from monitor.collector.findings import RunFindings
from monitor.database import Session
from monitor.model.alerts import Alert, Scope
from monitor.model.binary_keys import key_of, key_text
from monitor.model.errors import QueryError
from monitor.model.results import Cell, Sample
from monitor.model.settings import Job, Labels, Query
from monitor.model.statements import Repaired


def with_left(
    findings: RunFindings,
    job: Job,
    session: Session,
    alerts: Sequence[Alert],
    ends_at_seconds: float,
) -> RunFindings:
    """Return a run's findings with how many left, of those whom each alert found and whom it does not find any more.

    Until an instant of the monotonic clock. What cannot be looked up is None, and fails nothing else.
    """
    left: dict[str, dict[Labels, int | None]] = {}
    errors = list(findings.success.evidence_errors)
    for question in _questions(job, findings.success.samples, alerts):
        alert = question.alert
        counts = left.setdefault(alert.name, {})
        left_seconds = max(MIN_TRY_SECONDS, ends_at_seconds - time.monotonic())
        try:
            counts[alert.labels] = _count(job.query, session, question, left_seconds)
        except QueryError as error:
            counts[alert.labels] = None
            errors.append(f"{alert.name}: {error.reason}: {error.message}")
    if not left:
        return findings
    success = replace(
        findings.success,
        left=left,
        evidence_errors=tuple(errors),
    )
    return replace(findings, success=success)


@dataclass(frozen=True, slots=True)
class _Question:
    """Of whom it is asked who was repaired: all whom an alert found that is over, else those who are not found."""

    alert: Alert
    repaired: Repaired
    members: tuple[str, ...]


def _questions(
    job: Job, samples: tuple[Sample, ...], alerts: Iterable[Alert]
) -> Iterator[_Question]:
    for rule in job.query.rules:
        if rule.repaired is None:
            continue
        scope = Scope(rule.name, *job.key)
        found = matching(rule, samples)
        listed = Members(rule, found)
        for alert in alerts:
            if alert.scope != scope or not alert.has_members():
                continue
            is_found = _is_found(alert, found)
            members = listed.gone(alert) if is_found else alert.members
            if members:
                yield _Question(alert, rule.repaired, members)


def _is_found(alert: Alert, found: Iterable[Sample]) -> bool:
    labels = set(alert.labels)
    return any(labels.issuperset(sample.labels) for sample in found)


def _count(
    query: Query, session: Session, question: _Question, left_seconds: float
) -> int:
    """Return how many of those who are asked about are not among the rows."""
    values = {
        **query.parameters,
        **dict(question.alert.labels),
        question.repaired.members: tuple(map(key_of, question.members)),
    }
    timeout = timedelta(seconds=left_seconds)
    max_rows = max(query.max_rows, len(question.members))
    rows = fetch(session, question.repaired.statement, values, timeout, max_rows)
    there = {_member(cells[0]) for cells in rows.rows}
    return len(set(question.members) - there)


def _member(cell: Cell) -> str:
    """Return an id as the lists of a query have it."""
    return key_text(cell) if isinstance(cell, bytes) else str(cell)
