"""Look up who was repaired of those that a rule found earlier and finds no more; in a run, after its samples."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta

from monitor.alerting.evaluate import matching
from monitor.collector.fetching import MIN_TRY_SECONDS, fetch
from monitor.collector.findings import RunFindings
from monitor.database import Session
from monitor.model.alerts import Alert, Scope
from monitor.model.errors import QueryError
from monitor.model.results import Sample
from monitor.model.settings import Job, Labels, Query
from monitor.model.statements import Repaired


def with_left(
    findings: RunFindings,
    job: Job,
    session: Session,
    alerts: Sequence[Alert],
    ends_at_seconds: float,
) -> RunFindings:
    """Return a run's findings with how many left, of each alert that it does not find any more.

    Until an instant of the monotonic clock. What cannot be looked up is None, and fails nothing else.
    """
    left: dict[str, dict[Labels, int | None]] = {}
    errors = list(findings.success.evidence_errors)
    for alert, repaired in _ended(job, findings.success.samples, alerts):
        counts = left.setdefault(alert.name, {})
        left_seconds = max(MIN_TRY_SECONDS, ends_at_seconds - time.monotonic())
        try:
            counts[alert.labels] = _count(
                job.query, session, alert, repaired, left_seconds
            )
        except QueryError as error:
            counts[alert.labels] = None
            errors.append(f"{alert.name}: {error.reason}: {error.message}")
    success = replace(
        findings.success,
        left=left,
        evidence_errors=tuple(errors),
    )
    return replace(findings, success=success)


def _ended(
    job: Job, samples: tuple[Sample, ...], alerts: Iterable[Alert]
) -> Iterator[tuple[Alert, Repaired]]:
    """Yield the alerts that the samples do not find, with the statement of their rule."""
    for rule in job.query.rules:
        if rule.repaired is None:
            continue
        scope = Scope(rule.name, *job.key)
        found = matching(rule, samples)
        for alert in alerts:
            is_asked = alert.scope == scope and alert.has_members()
            if is_asked and not _is_found(alert, found):
                yield alert, rule.repaired


def _is_found(alert: Alert, found: Iterable[Sample]) -> bool:
    labels = set(alert.labels)
    return any(labels.issuperset(sample.labels) for sample in found)


def _count(
    query: Query,
    session: Session,
    alert: Alert,
    repaired: Repaired,
    left_seconds: float,
) -> int:
    """Return how many of those that an alert found are not among the rows."""
    values = {
        **query.parameters,
        **dict(alert.labels),
        repaired.members: alert.members,
    }
    timeout = timedelta(seconds=left_seconds)
    max_rows = max(query.max_rows, len(alert.members))
    rows = fetch(session, repaired.statement, values, timeout, max_rows)
    there = {str(cells[0]) for cells in rows.rows}
    return len(set(alert.members) - there)
