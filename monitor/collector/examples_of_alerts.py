"""Look up examples of what rules that remember found in the run before; in a run, after its samples."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from monitor.collector.evidence import MAX_FINDINGS, EvidenceCase, look_up
from monitor.collector.findings import RunFindings
from monitor.database import Session
from monitor.model.alerts import Alert, Scope
from monitor.model.results import Sample
from monitor.model.settings import Job


def with_examples_of_alerts(
    findings: RunFindings,
    job: Job,
    session: Session,
    alerts: Sequence[Alert],
    ends_at_seconds: float,
) -> RunFindings:
    """Return a run's findings with examples for the alerts of rules that remember, by rule and the alert's labels.

    What these rules find is known after the run, so it is the next one that looks, while the alert goes on.
    Until an instant of the monotonic clock; what cannot be looked up fails nothing else.
    """
    found = list(_found_before(job, alerts))
    if not found:
        return findings
    evidence, errors = look_up(job.query, session, found, ends_at_seconds)
    success = replace(
        findings.success,
        evidence={**findings.success.evidence, **evidence},
        evidence_errors=(*findings.success.evidence_errors, *errors),
    )
    return replace(findings, success=success)


def _found_before(job: Job, alerts: Sequence[Alert]) -> Iterator[EvidenceCase]:
    for rule in job.query.rules:
        if rule.evidence is None or rule.detector is None:
            continue
        scope = Scope(rule.name, *job.key)
        own = [alert for alert in alerts if alert.scope == scope]
        for alert in own[:MAX_FINDINGS]:
            if not alert.is_over():
                sample = Sample(rule.metric, alert.labels, alert.value)
                yield rule.name, rule.evidence, sample
